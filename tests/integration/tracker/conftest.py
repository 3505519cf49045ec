"""Real PostgreSQL and NATS, and a tracker in the test's own hands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from cli.machine.database import sqlalchemy_url
from cli.machine.testing import Database, RunningNats, RunningPostgres, nats_server, postgres_server
from services.tracker import generations
from tests.integration.tracker.place import KEK, Place
from tests.integration.tracker.running import Running, running_tracker


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def database(postgres: RunningPostgres) -> Database:
    return postgres.fresh_database()


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(sqlalchemy_url(database.url("ld_tracker")), connect_args={"ssl": False}, pool_size=10, max_overflow=0)
    yield engine
    await engine.dispose()


@pytest.fixture
async def place(engine: AsyncEngine, database: Database) -> AsyncIterator[Place]:
    await generations.ensure(engine)
    place = Place(engine, database, KEK)
    yield place
    await place.close()


@pytest.fixture
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNats]:
    with nats_server(tmp_path_factory.mktemp("nats"), cells=("t1",)) as server:
        yield server


@pytest.fixture
async def tracker(nats: RunningNats, database: Database, place: Place, tmp_path: Path) -> AsyncIterator[Running]:
    async with running_tracker(nats, database, place, tmp_path) as running:
        yield running
