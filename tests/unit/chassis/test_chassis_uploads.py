"""Paths that take files: a larger body of any content type there, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import APIRouter, Request

from libs.chassis.edge import BODY_LIMIT, Upload
from tests.unit.chassis.conftest import PARTNER
from tests.unit.chassis.sample_app import Registry, client_of, running, wish_routes

LIMIT = BODY_LIMIT * 4
UPLOADS = (Upload(re.compile(r"/v1/things/[a-z]+/files"), LIMIT),)


def file_routes() -> APIRouter:
    routes = APIRouter()

    @routes.post("/v1/things/{thing}/files", include_in_schema=False)
    async def take(thing: str, request: Request) -> int:
        return len(await request.body())

    return routes


@pytest.fixture
async def uploader(registry: Registry) -> AsyncIterator[httpx2.AsyncClient]:
    async with running(registry, routes=[wish_routes(), file_routes()], uploads=UPLOADS) as app, client_of(app, PARTNER) as client:
        yield client


async def pieces(size: int) -> AsyncIterator[bytes]:
    """A body without a declared length."""
    for _ in range(size // 1024):
        yield b"x" * 1024


@pytest.mark.parametrize("kind", ["text/csv; charset=gbk", "application/pdf", "application/json", ""])
async def test_a_path_for_files_takes_any_type_up_to_its_own_limit(uploader: httpx2.AsyncClient, kind: str) -> None:
    headers = {"Content-Type": kind}
    taken = await uploader.post("/v1/things/a/files", headers=headers, content=b"x" * LIMIT)
    assert (taken.status_code, taken.json()) == (200, LIMIT)
    refused = await uploader.post("/v1/things/a/files", headers=headers, content=b"x" * (LIMIT + 1))
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


async def test_its_limit_holds_without_a_declared_length_too(uploader: httpx2.AsyncClient) -> None:
    headers = {"Content-Type": "text/csv", "Transfer-Encoding": "chunked"}
    assert (await uploader.post("/v1/things/a/files", headers=headers, content=pieces(LIMIT))).json() == LIMIT
    refused = await uploader.post("/v1/things/a/files", headers=headers, content=pieces(LIMIT + 1024))
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("path", ["/v1/wishes", "/v1/things/a/files/b", "/x/v1/things/a/files"])
async def test_elsewhere_nothing_changes(uploader: httpx2.AsyncClient, path: str) -> None:
    csv = await uploader.post(path, headers={"Content-Type": "text/csv"}, content=b"a,b")
    assert csv.json()["code"] == "unsupported_media_type"
    large = await uploader.post(path, headers={"Content-Type": "application/json"}, content=b" " * (BODY_LIMIT + 1))
    assert large.json()["code"] == "body_too_large"


async def test_a_length_that_is_no_number_is_refused(uploader: httpx2.AsyncClient) -> None:
    answer = await uploader.post("/v1/things/a/files", headers={"Content-Length": "-1"}, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
