"""No value of a body, a query or a cursor makes a service fail: what it cannot take it refuses with a stable code.

Every member and parameter the OpenAPI documents name is given, one at a time, what breaks stores and parsers.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, Final

import httpx2
import pytest

from tests.e2e.conftest import Outside
from tests.unit.router.sample_files import png

pytestmark = [pytest.mark.servers]

HOSTILE: Final[tuple[Any, ...]] = (
    *("a\x00b", "\ud800", "9999-12-31", "9999wd", "9999d", "9" * 5_000),
    *("9999-12-31T23:59:59.999999-14:00", "0001-01-01T00:00:00+14:00"),
    *(10**30, float("nan"), float("inf")),
)
CURSORS: Final = tuple(
    base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
    for place in (
        {"o": "submitted", "t": moment, "i": "x"},
        {"t": moment, "c": "26a", "s": 1},
        {"since": moment, "demand": "x", "assignment": "a1"},
        {"26a": 2**63 - 1},
        {"id": "\x00"},
        {"n": "\ud800"},
    )
)
KEYS: Final = {"intake": "partner", "router": "hub", "tracker": "hub", "registry": "security"}
ENDLESS: Final = "/v1/changes/stream"
PLACES: Final = {"name": "ningbo", "revision": "hostile", "part": "1", "node": "nb-hub", "key_id": "nokey", "assignment": "a1"}
Document = Mapping[str, Any]


@pytest.fixture(scope="module")
def client(outside: Outside) -> Iterator[httpx2.Client]:
    with httpx2.Client(timeout=30, trust_env=False) as client:
        yield client


@pytest.mark.parametrize("service", sorted(KEYS))
def test_no_value_makes_a_service_fail(outside: Outside, client: httpx2.Client, demand: dict[str, Any], service: str) -> None:
    address = outside.system.endpoints[service]
    document = client.get(f"{address}/openapi.json").json()
    tried, failed, used = 0, [], []
    for path, method, operation in _operations(document):
        identity = ""
        if "{demand}" in path:
            identity = _assigned(outside, demand)
            used.append(identity)
        target = address + path.format_map({**PLACES, **_rest(path), "demand": identity})
        headers = {"Authorization": f"Bearer {outside.system.keys[_key(service, path)]}"}
        for place, query, body in _attempts(document, operation, demand):
            tried += 1
            sent = headers | {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
            content = json.dumps(body).encode() if body is not None else None
            try:
                answer = client.request(method, target, params=query, content=content, headers=sent)
            except httpx2.TransportError as error:
                failed.append(f"{method} {path} {place}: {error!r}")
                continue
            if answer.status_code >= 500:
                failed.append(f"{method} {path} {place}: {answer.status_code} {answer.text[:120]}")
    assert tried > 20
    assert not failed, "\n".join(failed)
    for identity in used:  # what was taken is read again by everybody
        assert outside.get("tracker", f"/v1/demands/{identity}/trail", min_version=2).status_code == 200


@pytest.mark.parametrize("service", ["intake", "router", "tracker"])
def test_a_demand_of_a_cell_there_is_not_is_not_found_at_once(outside: Outside, client: httpx2.Client, service: str) -> None:
    address, madeup = outside.system.endpoints[service], "ningbo-zz-0123456789abcdef"
    document = client.get(f"{address}/openapi.json").json()
    for path, method, operation in _operations(document):
        if "{demand}" not in path:
            continue
        target = address + path.format_map({**PLACES, **_rest(path), "demand": madeup})
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        sound = _sound(document, _resolved(document, body["schema"]), {}) if body else None
        for key in (outside.system.keys[KEYS[service]], f"lde_{madeup}_{'0' * 26}"):
            sent = {"Authorization": f"Bearer {key}", "Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
            content = json.dumps(sound).encode() if sound is not None else None
            answer = client.request(method, target, params={"node": "nb-hub"}, content=content, headers=sent, timeout=4)
            assert answer.status_code in (401, 403, 404), f"{method} {path}: {answer.text}"


def test_the_enterprises_file_uploaded_again_by_the_node_is_no_evidence_of_the_node(outside: Outside, demand: dict[str, Any]) -> None:
    identity = _assigned(outside, demand)
    assert [_uploaded(outside, identity, key) for key in ("partner", "hub", "partner", "hub")] == [201, 201, 200, 200]
    trail = outside.get("tracker", f"/v1/demands/{identity}/trail", min_version=5).json()
    told = [event["data"] for commit in trail["commits"] for event in commit["events"] if event["type"] == "EvidenceAttached"]
    assert [(one["side"], "title" in one) for one in told] == [("enterprise", False), ("node", False)]
    body = {"result": "solved", "note": "样例：办好", "evidence": [told[0]["file"]]}
    refused = outside.post("router", f"/v1/demands/{identity}/assignments/a1/resolution", body, "hub")
    assert (refused.status_code, refused.json()["code"]) == (422, "evidence_missing")


def _uploaded(outside: Outside, identity: str, key: str) -> int:
    """Send the same picture under a title nobody can read."""
    address = f"{outside.system.endpoints['router']}/v1/demands/{identity}/files"
    headers = {"Authorization": f"Bearer {outside.system.keys[key]}", "Idempotency-Key": secrets.token_hex(8)}
    sent = headers | {"Content-Type": "image/png", "X-File-Title": "%E2%80%8B"}
    return httpx2.post(address, content=png(), headers=sent, trust_env=False).status_code


def _operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path != ENDLESS:
                yield path, method.upper(), operation


def _attempts(document: Document, operation: Document, demand: Document) -> Iterator[tuple[str, dict[str, str], Any]]:
    """Where something hostile stands, the query, and the body."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    schema = _resolved(document, body["schema"]) if body else {}
    sound = _sound(document, schema, demand) if body else None
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "query":
            for value in (*_fitting(_resolved(document, parameter["schema"])), *(CURSORS if parameter["name"] == "after" else ())):
                text = value if isinstance(value, str) else json.dumps(value)
                yield f"?{parameter['name']}={text[:40]!r}", {parameter["name"]: text.encode("utf-8", "replace").decode()}, sound
    for place, changed in _spoilt(document, schema, sound) if body else ():
        yield place, {}, changed


def _spoilt(document: Document, schema: Document, sound: Any) -> Iterator[tuple[str, Any]]:
    for name, member in schema.get("properties", {}).items():
        inner = _resolved(document, member)
        for value in _fitting(inner):
            for spoilt in (value, [value], {"x": value}, [{"x": value}], [{"x": {"y": value}}]):
                if isinstance(spoilt, (list, dict)) and inner.get("type") not in ("array", "object"):
                    continue
                yield f"{name}={str(spoilt)[:40]!r}", {**sound, name: spoilt}
        if inner.get("properties") and name in sound:
            for place, changed in _spoilt(document, inner, sound[name]):
                yield f"{name}.{place}", {**sound, name: changed}


def _fitting(schema: Document) -> tuple[Any, ...]:
    """Lists of words take no other; one value shows it."""
    return HOSTILE[:1] if schema.get("type") == "boolean" or "enum" in schema or "const" in schema else HOSTILE


def _sound(document: Document, schema: Document, demand: Document) -> dict[str, Any]:
    if "requester" in schema.get("properties", {}) and "title" in schema.get("required", ()):
        return dict(demand)
    found = dict(schema["examples"][0]) if schema.get("examples") else {}
    for name in schema.get("required", ()):
        inner = _resolved(document, schema["properties"][name])
        found.setdefault(name, _example(inner))
    return found


def _example(schema: Document) -> Any:
    if "enum" in schema or "const" in schema:
        return schema["enum"][0] if "enum" in schema else schema["const"]
    plain: dict[str, Any] = {"string": "a", "integer": 1, "boolean": True, "array": [], "object": {}}
    if schema.get("format") == "date":
        return "2026-03-02"
    return "sha256:" + "0" * 64 if "sha256" in schema.get("pattern", "") else plain.get(schema.get("type", "string"))


def _resolved(document: Document, schema: Document) -> Document:
    while True:
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif "anyOf" in schema:
            schema = schema["anyOf"][0]
        else:
            return schema


def _rest(path: str) -> dict[str, str]:
    return {name: f"f-{name}" for name in ("assistance", "supervision", "complaint", "file") if f"{{{name}}}" in path}


def _key(service: str, path: str) -> str:
    return "system" if "/revisions/" in path or path.endswith("/publication") else KEYS[service]


def _assigned(outside: Outside, demand: dict[str, Any]) -> str:
    answer = outside.post("intake", "/v1/demands", demand)
    identity = str(answer.json()["id"])
    found = outside.get("tracker", f"/v1/demands/{identity}", min_version=2)
    assert found.status_code == 200, found.text
    base = f"/v1/demands/{identity}/assignments/a1/acceptance"
    assert outside.post("router", base, {}, "hub").status_code == 201
    return identity
