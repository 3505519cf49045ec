"""No endpoint without a check of the caller, except health, metrics, docs and the console's entrance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from tests.unit.house.sources import SERVICES
from tools.catalogue import app_of

OPEN = {
    "/healthz": "the process lives: asked by supervisors without a key",
    "/readyz": "gates by name only",
    "/metrics": "numbers without personal data; the network keeps strangers away",
    "/problems/{code}": "documentation",
    "/v1/check/summary": "a number for the console's banner: whether every demand is held by somebody",
    "/docs": "documentation",
    "/docs/start.js": "documentation",
    "/docs/{name}": "documentation",
    "/openapi.json": "documentation",
    "/": "sends the browser to the console",
    "/console": "sends the browser to the list, which checks",
    "/console/enter": "where the key is asked for and checked",
    "/console/leave": "ends a session; without one it does nothing",
    "/console/language": "sets a cookie for the language",
    "/console/assets/{digest}/{name}": "style sheets and scripts",
    "/console/{rest:path}": "tells that there is no such page",
}


ASKING = frozenset({"BearerKey", "CommandKey", "entered", "opened_by_link"})


def endpoints(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    for route in iter_route_contexts(app.routes):
        for method in sorted(route.methods or {"GET"}):
            yield method, route.path, getattr(route, "dependant", None)


def names_of(dependant: Any) -> set[str]:
    """Names of everything an endpoint depends on, however deep."""
    found = set()
    for inner in dependant.dependencies:
        found |= {getattr(inner.call, "__name__", type(inner.call).__name__)} | names_of(inner)
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_endpoint_asks_who_calls(service: str) -> None:
    """Hazard: one forgotten parameter, and every enterprise's demand is public."""
    unchecked = []
    for method, path, dependant in endpoints(app_of(service)):
        if path in OPEN:
            continue
        if dependant is None or not names_of(dependant) & ASKING:
            unchecked.append(f"{service}: {method} {path} does not ask who calls")
    assert not unchecked, "\n".join(unchecked)


@pytest.mark.parametrize("service", SERVICES)
def test_the_walk_sees_endpoints_with_and_without_a_check(service: str) -> None:
    """Hazard: the walk above finds no endpoint at all after an upgrade, and everything passes."""
    found = {path: dependant for _, path, dependant in endpoints(app_of(service))}
    assert {"/healthz", "/metrics", "/openapi.json"} <= set(found)
    assert not names_of(found["/healthz"]) & ASKING
    assert sum(path.startswith("/v1/") for path in found) >= 4


@pytest.mark.parametrize("service", SERVICES)
def test_every_command_carries_an_idempotency_key(service: str) -> None:
    """Hazard: an answer lost on the way, and the enterprise's demand exists twice."""
    missing = [
        f"{service}: POST {path} takes no Idempotency-Key"
        for method, path, dependant in endpoints(app_of(service))
        if method == "POST" and path.startswith("/v1/") and "CommandKey" not in names_of(dependant)
    ]
    assert not missing, "\n".join(missing)
