"""Real PostgreSQL and NATS, one of each; every test has its own stream-bearing server and database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cli.machine.testing import RunningPostgres, nats_server, postgres_server
from tests.integration.router.town import Town


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
async def town(postgres: RunningPostgres, tmp_path: Path) -> AsyncIterator[Town]:
    with nats_server(tmp_path / "nats", cells=("t1",)) as nats:
        town = await Town.found(nats, postgres.fresh_database(), tmp_path)
        yield town
        await town.close()
