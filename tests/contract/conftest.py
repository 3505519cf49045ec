"""Servers and fresh streams for the conformance suite; the switch that writes missing golden files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from cli.machine.testing import RunningNats, RunningPostgres, nats_server, postgres_server
from libs.events import EventStore
from tests.contract.adapters import CELLS, KINDS, Place, Servers


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer `pytest tests/contract --write-golden`."""
    parser.addoption("--write-golden", action="store_true", default=False, help="write golden files that are missing; never overwrites one")


@pytest.fixture(scope="session")
def running_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNats]:
    """One NATS server per test process, with the permissions of the real one."""
    with nats_server(tmp_path_factory.mktemp("nats"), cells=CELLS) as server:
        yield server


@pytest.fixture(scope="session")
def running_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    """One PostgreSQL server per test process."""
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    """The servers, each started only if a test needs it."""
    return Servers(lambda: request.getfixturevalue("running_nats"), lambda: request.getfixturevalue("running_postgres"))


@pytest.fixture(params=[pytest.param(kind, marks=() if kind == "memory" else pytest.mark.servers) for kind in KINDS])
def place(request: pytest.FixtureRequest, servers: Servers) -> Place:
    """A fresh stream, not prepared yet, on each kind of store in turn."""
    return Place(request.param, next(servers.cells), servers)


@pytest.fixture
async def store(place: Place) -> AsyncIterator[EventStore]:
    """A store on the fresh, prepared stream."""
    await place.prepare()
    async with place.opened() as store:
        yield store
