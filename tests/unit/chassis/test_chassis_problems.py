"""Problems are RFC 9457 documents with stable codes, in two languages, and never repeat what was sent."""

from __future__ import annotations

import json
import re
from pathlib import Path as FilePath
from typing import Any

import httpx2
import pytest
import structlog
from fastapi import FastAPI

from libs.chassis.catalogue import CATALOGUE
from libs.chassis.problems import PROBLEM_RESPONSES, Problem
from tests.unit.chassis.sample_app import ERRORS, client_of, sample_key

MARK = "x7markerx7"
COMMAND = {"Idempotency-Key": "one"}


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("refused", 409, "illegal_transition"),
        ("forbidden", 403, "forbidden"),
        ("not_found", 404, "demand_not_found"),
        ("conflict", 409, "conflict"),
        ("unavailable", 503, "store_unavailable"),
        ("clock", 503, "clock_ahead"),
        ("gap", 503, "store_unavailable"),
        ("fenced", 503, "store_unavailable"),
        ("corrupt", 503, "unreadable_demand"),
        ("unknown_event", 503, "unreadable_demand"),
        ("bug", 500, "internal"),
        ("uncatalogued", 500, "internal"),
    ],
)
async def test_every_error_of_the_tree_becomes_its_problem(partner: httpx2.AsyncClient, name: str, status: int, code: str) -> None:
    answer = await partner.get(f"/v1/errors/{name}")

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(answer.json())
    kind = CATALOGUE[code]
    assert (problem.code, problem.status, problem.type) == (code, status, f"/problems/{code}")
    assert (problem.title, problem.title_en, problem.detail, problem.detail_en) == (kind.zh, kind.en, kind.do_zh, kind.do_en)
    assert problem.trace_id is not None
    assert problem.trace_id in answer.headers["traceparent"]
    assert (status == 503) <= ("retry-after" in answer.headers)
    assert None not in answer.json().values()
    assert str(ERRORS[name]) == code or str(ERRORS[name]) not in answer.text


async def test_a_bug_is_logged_with_its_frames_and_answered_without_detail(
    partner: httpx2.AsyncClient, logged: list[structlog.typing.EventDict]
) -> None:
    answer = await partner.get("/v1/errors/bug")

    assert answer.json()["code"] == "internal"
    assert [(record["event"], record["log_level"]) for record in logged] == [("request_failed", "error")]


BAD_INPUT: list[tuple[str, dict[str, Any], str]] = [
    ("malformed_json", {"content": f'{{"title": "{MARK}'}, ""),
    ("malformed_json", {"content": b'{"title": "\xff' + MARK.encode()}, ""),
    ("malformed_json", {"content": "[" * 20_000 + MARK}, ""),
    ("unknown_field", {"json": {"title": "a", MARK: 1}}, ""),
    ("unknown_field", {"json": {"title": "a", "contacts": [{"name": "ab", "phone": "12345", MARK: MARK}]}}, "contacts.0"),
    ("missing_field", {"json": {"category": "quality"}}, "title"),
    ("missing_field", {"json": {"title": "a", "contacts": [{"name": "abc"}]}}, "contacts.0.phone"),
    ("missing_field", {"content": b""}, ""),
    ("invalid_field", {"json": [MARK]}, ""),
    ("invalid_field", {"json": MARK}, ""),
    ("invalid_field", {"json": {"title": MARK * 50}}, "title"),
    ("invalid_field", {"json": {"title": "a", "count": MARK}}, "count"),
    ("invalid_field", {"json": {"title": "a", "marks": {MARK: MARK}}}, "marks"),
    ("invalid_field", {"content": '{"title": "\\ud800' + MARK + '"}'}, "title"),
    ("unknown_category", {"json": {"title": "a", "category": MARK}}, "category"),
]


@pytest.mark.parametrize(("code", "sent", "field"), BAD_INPUT)
async def test_bad_input_is_named_by_field_and_code_and_never_repeated(
    partner: httpx2.AsyncClient, code: str, sent: dict[str, Any], field: str
) -> None:
    answer = await partner.post("/v1/wishes", headers={**COMMAND, "Content-Type": "application/json"}, **sent)

    problem = answer.json()
    assert (problem["code"], answer.status_code) == (code, CATALOGUE[code].status)
    assert problem.get("field", "") == field
    assert MARK not in answer.text
    assert MARK not in str(answer.headers)


async def test_all_rejected_fields_are_listed_in_their_order(partner: httpx2.AsyncClient) -> None:
    answer = await partner.post("/v1/wishes", headers=COMMAND, json={"count": 12, "category": MARK, MARK: 1})

    assert answer.json()["errors"] == [
        {"field": "title", "code": "missing_field"},
        {"field": "count", "code": "invalid_field"},
        {"field": "category", "code": "unknown_category"},
        {"field": "", "code": "unknown_field"},
    ]


@pytest.mark.parametrize(
    ("method", "path", "headers", "code"),
    [
        ("POST", "/v1/wishes", {}, "idempotency_key_missing"),
        ("POST", "/v1/wishes", {"Idempotency-Key": ""}, "idempotency_key_invalid"),
        ("POST", "/v1/wishes", {"Idempotency-Key": f"{MARK} {MARK}"}, "idempotency_key_invalid"),
        ("POST", "/v1/wishes", {"Idempotency-Key": MARK * 20}, "idempotency_key_invalid"),
        ("PUT", "/v1/wishes/w1", {"If-Match": MARK}, "if_match_invalid"),
        ("PUT", "/v1/wishes/w1", {"If-Match": 'W/"3"'}, "if_match_invalid"),
        ("PUT", "/v1/wishes/w1", {"If-Match": '"2"'}, "stale_version"),
        ("PUT", f"/v1/wishes/{MARK.upper()}", {}, "invalid_parameter"),
        ("GET", f"/v1/wishes?limit={MARK}", {}, "invalid_parameter"),
        ("GET", "/v1/wishes?limit=201", {}, "invalid_parameter"),
        ("GET", f"/v1/wishes?cursor={MARK}", {}, "bad_cursor"),
        ("GET", f"/v1/{MARK}", {}, "not_found"),
        ("GET", f"/problems/{MARK}", {}, "not_found"),
        ("DELETE", "/v1/wishes", {}, "method_not_allowed"),
        (MARK.upper(), "/v1/wishes", {}, "method_not_allowed"),
    ],
)
async def test_bad_headers_parameters_and_addresses_are_problems_without_an_echo(
    partner: httpx2.AsyncClient, method: str, path: str, headers: dict[str, str], code: str
) -> None:
    body = {"json": {"title": "a"}} if method in ("POST", "PUT") else {}
    answer = await partner.request(method, path, headers=headers, **body)

    assert (answer.json()["code"], answer.status_code) == (code, CATALOGUE[code].status)
    assert MARK not in (answer.text + str(answer.headers)).lower()


@pytest.mark.parametrize("authorization", [None, f"Bearer {MARK}", f"Basic {MARK}", f"Bearer {sample_key(99).key}"])
async def test_a_call_without_a_valid_key_is_refused_with_a_challenge(app: FastAPI, authorization: str | None) -> None:
    async with client_of(app) as client:
        answer = await client.get("/v1/wishes", headers={"Authorization": authorization} if authorization else {})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == ("key_missing" if authorization is None else "key_invalid")
    assert MARK not in answer.text


async def test_an_unsupported_method_names_the_allowed_ones(partner: httpx2.AsyncClient) -> None:
    assert (await partner.delete("/v1/wishes/w1")).headers["allow"] == "PUT"
    assert (await partner.delete("/v1/wishes")).headers["allow"] == "GET, POST"


async def test_a_problem_type_can_be_looked_up(partner: httpx2.AsyncClient) -> None:
    answer = await partner.get("/problems/stale_version")

    assert answer.json()["status"] == 412


def test_the_catalogue_is_complete_and_its_statuses_are_documented() -> None:
    documented = {int(status) for status in PROBLEM_RESPONSES}
    for code, kind in CATALOGUE.items():
        assert code == kind.code
        assert re.fullmatch(r"[a-z][a-z_]+", code)
        assert all((kind.zh, kind.en, kind.do_zh, kind.do_en))
        assert kind.status in documented | {405, 504}
        assert kind.en.isascii()
        assert kind.do_en.isascii()


async def test_openapi_documents_every_problem_and_the_key(app: FastAPI) -> None:
    document = app.openapi()

    assert document["openapi"].startswith("3.1")
    operation = document["paths"]["/v1/wishes"]["post"]
    assert {str(status) for status in PROBLEM_RESPONSES} <= set(operation["responses"])
    assert list(operation["responses"]["422"]["content"]) == ["application/problem+json"]
    assert document["components"]["schemas"]["Problem"]["required"]
    assert operation["security"] == [{"machine_key": []}]
    assert "HTTPValidationError" not in json.dumps(document)
    headers = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert headers["Idempotency-Key"]["required"]
    for reference in re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)):
        assert reference in document["components"]["schemas"]


def test_every_code_that_the_sources_refuse_with_is_in_the_catalogue() -> None:
    root = FilePath(__file__).resolve().parents[3]
    sources = [file.read_text("utf-8") for room in ("libs", "services") for file in (root / room).rglob("*.py")]
    codes = {code for source in sources for code in re.findall(r'(?:Refused|NotFound|problem_response)\(\s*"([a-z_]+)"', source)}

    assert len(codes) > 30
    assert codes - set(CATALOGUE) == set()
