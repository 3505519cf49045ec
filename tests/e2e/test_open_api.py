"""Every service against its own OpenAPI document, with generated good and bad input (schemathesis).

schemathesis makes the cases, Hypothesis runs them; its own pytest plug-in does not know this pytest yet.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, openapi
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from cli.machine.testing import Machine

pytestmark = [
    pytest.mark.servers,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ENDLESS = "/v1/changes/stream"
GENERATED = settings(
    max_examples=4, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
KEYS = {"intake": "partner", "router": "hub", "tracker": "hub", "registry": "security"}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
@pytest.mark.parametrize("service", sorted(KEYS))
def test_a_service_keeps_its_contract(system: Machine, service: str, mode: GenerationMode) -> None:
    document = openapi.from_url(f"{system.endpoints[service]}/openapi.json").exclude(path=ENDLESS)
    headers = {"Authorization": f"Bearer {system.keys[KEYS[service]]}"}
    tried, broken = 0, []
    for found in document.get_all_operations():
        operation = found.ok()
        if mode is GenerationMode.NEGATIVE and not _takes_input(operation):
            continue
        tried += 1

        @GENERATED
        @given(case=operation.as_strategy(generation_mode=mode))
        def keeps(case: Any) -> None:
            case.call_and_validate(checks=CHECKS, headers=headers, timeout=20)

        try:
            keeps()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 all operations are told at once
            broken.append(f"{operation.label}: {error}")
    assert tried
    assert not broken, "\n\n".join(broken)


def _takes_input(operation: Any) -> bool:
    return bool(operation.body) or any(bool(part) for part in (operation.path_parameters, operation.query, operation.headers))
