"""One sample app with a partner's key for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
import structlog
from fastapi import FastAPI
from structlog.testing import capture_logs

from tests.unit.chassis.sample_app import Registry, client_of, running, sample_key

PARTNER = sample_key(1)


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
async def app(registry: Registry) -> AsyncIterator[FastAPI]:
    await registry.issue(PARTNER, "partner")
    async with running(registry) as app:
        yield app


@pytest.fixture
async def partner(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app, PARTNER) as client:
        yield client


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    """What was logged, instead of noise on the terminal."""
    with capture_logs() as records:
        yield records
