"""One whole machine for all end-to-end tests of a test process, with a trace collector beside it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from cli.machine.testing import Machine, machine
from tests.e2e.collector import Collector, collecting


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Set variables for processes started inside."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """An OTLP/HTTP collector that keeps every span."""
    with collecting() as running:
        yield running


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Machine]:
    """The system as `make run` starts it, without sample traffic; services export their spans to the collector."""
    with (
        environment(OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_BSP_SCHEDULE_DELAY="200", INTAKE_RATE="1000000/minute"),
        machine(tmp_path_factory.mktemp("machine") / "m") as running,
    ):
        yield running


class Outside:
    """The outside world: calls services over HTTP with the development keys."""

    def __init__(self, system: Machine) -> None:
        self.system = system
        self._client = httpx2.Client(timeout=20, trust_env=False)

    def get(self, service: str, path: str, key: str = "hub", **parameters: Any) -> httpx2.Response:
        """GET with a key by its name in keys.json."""
        return self._client.get(f"{self.system.endpoints[service]}{path}", params=parameters, headers=self._bearer(key))

    def post(
        self, service: str, path: str, body: Any, key: str = "partner", idempotency: str | None = None, **headers: str
    ) -> httpx2.Response:
        """POST a command."""
        sent = self._bearer(key) | {"Idempotency-Key": idempotency or secrets.token_hex(8)} | headers
        return self._client.post(f"{self.system.endpoints[service]}{path}", json=body, headers=sent)

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _bearer(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.system.keys.get(key, key)}"}


@pytest.fixture(scope="session")
def outside(system: Machine) -> Iterator[Outside]:
    """See Outside."""
    calls = Outside(system)
    yield calls
    calls.close()


@pytest.fixture
def demand() -> dict[str, Any]:
    """A fictitious demand for 大碶 that the rules classify; it lands on the clerk's window."""
    return {
        "channel": "partner",
        "title": "样例：注塑车间数字化改造，找技术服务机构",
        "description": "样例诉求：车间有十二台注塑机，想上数据采集和排产系统（MES），请推荐服务机构。",
        "region": "330206003",
        "carrier": "park-beilun-3",
        "requester": {
            "name": "样例精密部件有限公司",
            "uscc": "91330200MA2EXAMP1W",
            "contact": {"name": "样例联系人", "phone": "0574-00000000"},
        },
    }
