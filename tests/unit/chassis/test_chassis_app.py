"""What the edge and the app factory give every service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import structlog
from fastapi import FastAPI

from libs.chassis.docs_page import docs_routes
from libs.chassis.edge import BODY_LIMIT
from libs.chassis.metrics import Metrics
from tests.unit.chassis.conftest import PARTNER
from tests.unit.chassis.sample_app import Registry, client_of, running, sample_key

COMMAND = {"Idempotency-Key": "one", "Content-Type": "application/json"}


async def pieces(size: int) -> AsyncIterator[bytes]:
    """A body without a declared length."""
    for _ in range(size // 1024 + 1):
        yield b" " * 1024


async def test_a_body_over_the_limit_is_refused_by_its_declared_length(partner: httpx2.AsyncClient) -> None:
    assert (await partner.post("/v1/wishes", headers=COMMAND, content=b" " * BODY_LIMIT)).json()["code"] == "malformed_json"
    assert (await partner.post("/v1/wishes", headers=COMMAND, content=b" " * (BODY_LIMIT + 1))).json()["code"] == "body_too_large"


async def test_a_body_over_the_limit_is_refused_without_a_declared_length(partner: httpx2.AsyncClient) -> None:
    headers = {**COMMAND, "Transfer-Encoding": "chunked"}
    answer = await partner.post("/v1/wishes", headers=headers, content=pieces(BODY_LIMIT))

    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonp", ""]
)
async def test_commands_take_json_only(partner: httpx2.AsyncClient, kind: str) -> None:
    answer = await partner.post("/v1/wishes", headers={**COMMAND, "Content-Type": kind}, content=b'{"title":"a"}')

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_json_may_name_its_charset_and_a_form_path_takes_forms(partner: httpx2.AsyncClient) -> None:
    headers = {**COMMAND, "Content-Type": "application/json; charset=utf-8"}

    assert (await partner.post("/v1/wishes", headers=headers, content=b'{"title":"a"}')).status_code == 201
    assert (await partner.post("/v1/form", data={"key": "a"})).status_code == 200


@pytest.mark.parametrize("path", ["/v1/wishes", "/nowhere", "/v1/errors/bug", "/healthz"])
async def test_every_response_carries_the_security_headers_and_a_trace(partner: httpx2.AsyncClient, path: str) -> None:
    headers = (await partner.get(path)).headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert len(headers["traceparent"]) == 55


async def test_the_callers_trace_is_continued(partner: httpx2.AsyncClient) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await partner.get("/v1/errors/refused", headers={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})

    assert answer.json()["trace_id"] == trace_id
    assert answer.headers["traceparent"].split("-")[1] == trace_id


async def test_health_readiness_and_metrics_need_no_key(app: FastAPI) -> None:
    async with client_of(app) as client:
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"ready": True, "gates": {"registry": True}})
        metrics = await client.get("/metrics")

    assert metrics.headers["content-type"].startswith("text/plain")
    assert 'liandong_http_request_seconds_count{method="GET",route="/readyz",status="200"} 1.0' in metrics.text


async def test_metrics_are_labelled_by_template_never_by_what_was_asked(partner: httpx2.AsyncClient) -> None:
    await partner.put("/v1/wishes/abc123", json={"title": "a"})
    await partner.get("/v1/somebody-13800000000")
    await partner.request("BREW", "/v1/wishes")
    text = (await partner.get("/metrics")).text

    assert 'method="PUT",route="/v1/wishes/{wish}",status="200"' in text
    assert 'method="GET",route="unmatched",status="404"' in text
    assert 'method="_OTHER"' in text
    assert "abc123" not in text
    assert "13800000000" not in text


async def test_a_closed_gate_is_named_and_a_stale_registry_refuses(registry: Registry) -> None:
    await registry.issue(PARTNER, "partner")
    async with running(registry, max_age=timedelta(0)) as app, client_of(app, PARTNER) as client:
        ready = await client.get("/readyz")
        answer = await client.get("/v1/wishes")

    assert (ready.status_code, ready.json()) == (503, {"ready": False, "gates": {"registry": False}})
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "registry_stale", "5")


async def test_a_key_works_as_soon_as_it_is_followed_and_no_longer_than_it_is_valid(registry: Registry) -> None:
    key = sample_key(5)
    async with running(registry) as app, client_of(app, key) as client:
        assert (await client.get("/v1/wishes")).json()["code"] == "key_invalid"
        await app.state.follower.reached(await registry.issue(key, "auditor"), 5)
        assert (await client.get("/v1/wishes")).status_code == 200
        assert (await client.post("/v1/wishes", json={"title": "a"}, headers=COMMAND)).json()["code"] == "forbidden"
        await app.state.follower.reached(await registry.revoke(key), 5)
        assert (await client.get("/v1/wishes")).json()["code"] == "key_revoked"


async def test_each_key_has_its_own_rate_and_learns_what_is_left(registry: Registry) -> None:
    other = sample_key(6)
    await registry.issue(PARTNER, "partner")
    await registry.issue(other, "partner")
    async with running(registry, rate="2/minute") as app, client_of(app, PARTNER) as client, client_of(app, other) as second:
        first = await client.get("/v1/wishes")
        await client.get("/v1/wishes")
        refused = await client.get("/v1/wishes")
        assert (await second.get("/v1/wishes")).status_code == 200

    assert first.headers["ratelimit-policy"] == '"key";q=2;w=60'
    assert first.headers["ratelimit"].startswith('"key";r=1;t=')
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.headers["ratelimit"].startswith('"key";r=0;t=')
    assert 1 <= int(refused.headers["retry-after"]) <= 60


async def test_the_docs_page_loads_nothing_from_elsewhere(partner: httpx2.AsyncClient) -> None:
    page = await partner.get("/docs")

    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "//" not in page.text
    assert "/openapi.json" in (page.text + (await partner.get("/docs/start.js")).text)
    assert (await partner.get("/openapi.json")).json()["info"]["title"] == "示例 / Sample"


@pytest.mark.parametrize("present", [True, False])
async def test_the_docs_page_is_rich_when_swagger_ui_lies_there(tmp_path: Path, present: bool) -> None:
    if present:
        (tmp_path / "swagger-ui-bundle.js").write_text("//bundle")
        (tmp_path / "swagger-ui.css").write_text("/*css*/")
    (tmp_path / "secret.txt").write_text("secret")
    app = FastAPI(docs_url=None)
    app.include_router(docs_routes("<标题>", tmp_path))
    async with client_of(app) as client:
        page = (await client.get("/docs")).text
        script = await client.get("/docs/swagger-ui-bundle.js")
        assert (await client.get("/docs/secret.txt")).status_code == 404

    assert ("swagger-ui-bundle.js" in page) == present
    assert "&lt;标题&gt;" in page
    assert script.status_code == (200 if present else 404)


def test_gauges_are_read_at_each_scrape() -> None:
    metrics = Metrics("sample")
    level = [1.0]
    metrics.gauge("lag", "How far behind.", lambda: level[0])
    metrics.counter("lost", "Lost races.").inc()
    level[0] = 42.0

    assert "liandong_lag 42.0" in metrics.scrape().decode()
    assert "liandong_lost_total 1.0" in metrics.scrape().decode()


async def test_a_failing_request_is_logged_without_what_was_sent(
    partner: httpx2.AsyncClient, logged: list[structlog.typing.EventDict]
) -> None:
    await partner.get("/v1/errors/unavailable?name=somebody")

    assert [record["code"] for record in logged] == ["store_unavailable"]
    assert "somebody" not in str(logged)
