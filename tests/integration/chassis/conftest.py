"""Real servers for the chassis, one of each per test process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cli.machine.testing import Database, RunningNats, RunningPostgres, nats_server, postgres_server


@pytest.fixture(scope="session")
def running_nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNats]:
    with nats_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
def running_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def database(running_postgres: RunningPostgres) -> Database:
    return running_postgres.fresh_database()
