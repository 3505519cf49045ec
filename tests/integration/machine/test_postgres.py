"""The PostgreSQL launcher: every way to run it, its settings, its crashes."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from cli.machine import postgres as launcher
from cli.machine.folder import CHECKOUT
from cli.machine.ports import Ports
from cli.machine.postgres import Postgres, Way, way_for
from cli.machine.testing import RunningPostgres, RunningProgram, run_blocking
from cli.machine.trouble import Trouble
from cli.machine.waiting import until_blocking

pytestmark = pytest.mark.servers


async def ask(url: str, sql: str) -> str:
    connection = await asyncpg.connect(url, ssl=False)
    try:
        return str(await connection.fetchval(sql))
    finally:
        await connection.close()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user of the system can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="liandong-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def start(folder: Path, way: Way) -> tuple[Postgres, RunningPostgres]:
    ports = Ports()
    server = Postgres(folder / "postgres", ports.claim(), "secret", way)
    server.create()
    running = RunningPostgres(server, RunningProgram(server.program(folder / "postgres.log")), {})
    running.restart()
    ports.close()
    return server, running


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("data_checksums", "on"),
        ("password_encryption", "scram-sha-256"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("server_encoding", "UTF8"),
        ("TimeZone", "UTC"),
    ],
)
async def test_the_server_is_durable_private_and_the_same_everywhere(postgres: RunningPostgres, setting: str, value: str) -> None:
    assert await ask(postgres.server.admin_url(), f"show {setting}") == value


async def test_text_sorts_by_code_point_and_knows_unicode(postgres: RunningPostgres) -> None:
    query = "select datlocprovider::text || ' ' || datlocale from pg_database where datname = 'liandong'"
    assert await ask(postgres.server.admin_url(), query) == "b C.UTF-8"
    assert await ask(postgres.server.admin_url("liandong"), "select lower('ÄÖ')") == "äö"


async def test_a_wrong_password_is_refused(postgres: RunningPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await ask(postgres.server.url("postgres", "wrong", "postgres"), "select 1")


async def test_committed_rows_survive_kill_9(tmp_path: Path) -> None:
    server, running = start(tmp_path, way_for(tmp_path))
    try:
        await ask(server.admin_url(), "create table kept (a int)")
        await ask(server.admin_url(), "insert into kept values (42)")
        running.process.kill()
        running.restart()
        assert await ask(server.admin_url(), "select a from kept") == "42"
    finally:
        running.process.stop()


def test_an_interrupted_creation_is_begun_anew(tmp_path: Path) -> None:
    half = tmp_path / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")

    _, running = start(tmp_path, way_for(tmp_path))

    running.process.stop()
    assert not half.exists()
    assert not (tmp_path / "postgres" / "password.new").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become nobody")
def test_where_namespaces_are_forbidden_root_runs_it_as_nobody_and_may_change_back(open_folder: Path) -> None:
    ways: list[Way] = ["nobody"]
    if way_for(open_folder) == "namespace":
        ways = ["namespace", "nobody", "namespace"]
    for way in ways:
        server, running = start(open_folder, way)
        try:
            assert run_blocking(ask(server.admin_url(), "select 1")) == "1"
            assert running.process.pid is not None
            owner = Path(f"/proc/{running.process.pid}").stat().st_uid
            assert (owner == 65534) == (way == "nobody")
        finally:
            running.process.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only for root is there a way to lose")
def test_where_nothing_is_possible_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "_NAMESPACE", ("false",))
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(Trouble, match="Run as an ordinary user"):
        way_for(closed)


ORDINARY = """
import asyncio, os, sys
from pathlib import Path
from cli.machine.testing import postgres_server
assert os.geteuid() != 0
with postgres_server(Path(sys.argv[1])) as postgres:
    print(postgres.server.way, postgres.fresh_database().name)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="the whole test run is by an ordinary user")
@pytest.mark.parametrize(("user", "way"), [(65534, "plain"), (54321, "namespace")])
def test_an_ordinary_user_runs_it_directly_and_one_without_a_name_in_a_namespace(tmp_path: Path, user: int, way: str) -> None:
    if way_for(tmp_path) != "namespace":
        pytest.skip("no user namespace to be an ordinary user in")
    command = ["unshare", "--user", f"--map-user={user}", f"--map-group={user}", "--", sys.executable, "-c", ORDINARY, str(tmp_path / "pg")]

    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout.startswith(f"{way} test_"), done.stderr


def test_it_ends_with_the_process_that_started_it_even_on_kill_9(tmp_path: Path) -> None:
    code = f"""
import sys, time
from pathlib import Path
from cli.machine.testing import postgres_server
with postgres_server(Path({str(tmp_path / "pg")!r})) as postgres:
    print(postgres.process.pid, flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
        parent.kill()

    until_blocking(lambda: not is_alive(pid), 10, lambda: Trouble("", "PostgreSQL outlived its parent"))


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
