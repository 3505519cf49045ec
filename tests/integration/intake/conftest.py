"""Real PostgreSQL and NATS, and an intake in a process of its own for every test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cli.machine.testing import RunningPostgres, nats_server, postgres_server
from tests.integration.intake.parish import Parish


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
async def parish(postgres: RunningPostgres, tmp_path: Path) -> AsyncIterator[Parish]:
    with nats_server(tmp_path / "nats", cells=("t1",)) as nats:
        parish = Parish(nats, postgres.fresh_database(), tmp_path)
        try:
            await parish.found()
            yield parish
        finally:
            await parish.close()
