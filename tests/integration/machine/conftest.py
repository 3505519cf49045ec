"""Real servers, one of each kind per test process."""

from collections.abc import Iterator

import pytest

from cli.machine.testing import Database, RunningNats, RunningPostgres, nats_server, postgres_server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def database(postgres: RunningPostgres) -> Database:
    return postgres.fresh_database()


@pytest.fixture
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningNats]:
    with nats_server(tmp_path_factory.mktemp("nats"), cells=("t1",)) as server:
        yield server
