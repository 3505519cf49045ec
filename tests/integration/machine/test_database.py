"""Each database role tries what it must not do; the migrations are run twice and by two at once."""

import asyncio
import os
import sys
from datetime import UTC, datetime

import asyncpg
import pytest

from cli.machine.database import MIGRATIONS, OWNER, history, prepare
from cli.machine.testing import Database, RunningPostgres

pytestmark = pytest.mark.servers

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
TABLES = (
    *("keyring.data_key", "archive.entry", "archive.checkpoint"),
    *("router.assignment", "router.checkpoint", "router.open_demand", "router.parked"),
    *("tracker.console_session", "tracker.views"),
)
MAY_READ = {
    "ld_intake": {"keyring.data_key"},
    "ld_router": {"keyring.data_key", *(table for table in TABLES if table.startswith("router."))},
    "ld_tracker": {"keyring.data_key", *(table for table in TABLES if table.startswith(("archive.", "tracker.")))},
    OWNER: {"keyring.data_key"},
}


async def connect(database: Database, role: str) -> asyncpg.Connection:
    return await asyncpg.connect(database.url(role), ssl=False)


async def attempt(database: Database, role: str, sql: str) -> str:
    """Return `allowed`, or why it was refused; nothing stays."""
    connection = await connect(database, role)
    try:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(sql)
        except asyncpg.InsufficientPrivilegeError as error:
            return str(error)
        finally:
            await transaction.rollback()
        return "allowed"
    finally:
        await connection.close()


@pytest.mark.parametrize("role", list(MAY_READ))
async def test_a_role_reads_its_own_schema_and_the_keyring_and_nothing_else(database: Database, role: str) -> None:
    readable = {table for table in TABLES if await attempt(database, role, f"select * from {table}") == "allowed"}

    assert readable == MAY_READ[role]


INSERT_KEY = "insert into keyring.data_key values ('k', 'w', 'kek', now())"


@pytest.mark.parametrize(
    ("role", "sql"),
    [
        ("ld_router", INSERT_KEY),
        ("ld_tracker", INSERT_KEY),
        ("ld_intake", "update keyring.data_key set wrapped = ''"),
        ("ld_intake", "delete from keyring.data_key"),
        ("ld_intake", "truncate keyring.data_key"),
        ("ld_intake", "create schema mine"),
        ("ld_router", "create schema mine"),
        ("ld_intake", "create table public.mine (a int)"),
        ("ld_intake", "create table keyring.mine (a int)"),
        ("ld_tracker", "set role ld_router"),
        ("ld_router", "set role ld_owner"),
        ("ld_tracker", "create table router.mine (a int)"),
        ("ld_router", "select * from migrations.alembic_version"),
        ("ld_tracker", "select * from pg_authid"),
    ],
)
async def test_what_is_not_a_roles_work_is_refused(database: Database, role: str, sql: str) -> None:
    assert "denied" in await attempt(database, role, sql)


async def test_intake_adds_keys_that_router_and_tracker_read(database: Database) -> None:
    intake = await connect(database, "ld_intake")
    await intake.execute("insert into keyring.data_key values ($1, $2, $3, $4)", "k1", b"wrapped", "kek-1", NOW)
    await intake.close()

    for role in ("ld_router", "ld_tracker"):
        reader = await connect(database, role)
        assert await reader.fetchval("select wrapped from keyring.data_key where key_id = 'k1'") == b"wrapped"
        await reader.close()


async def test_the_tracker_creates_a_schema_for_each_generation_of_views(database: Database) -> None:
    assert await attempt(database, "ld_tracker", "create schema tracker_v1; create table tracker_v1.demand (id text)") == "allowed"


async def test_exactly_one_generation_of_views_is_active(database: Database) -> None:
    tracker = await connect(database, "ld_tracker")
    assert await tracker.fetch("select active from tracker.views") == [(1,)]
    with pytest.raises(asyncpg.UniqueViolationError):
        await tracker.execute("insert into tracker.views values (2)")
    await tracker.close()


@pytest.mark.parametrize("other", [("c1", 2, "d1", 1, "other"), ("c1", 2, "d2", 1, "m1"), ("c1", 1, "d2", 1, "other")])
async def test_the_archive_takes_a_sequence_a_version_and_a_commit_once(database: Database, other: tuple[object, ...]) -> None:
    tracker = await connect(database, "ld_tracker")
    sql = "insert into archive.entry values ($1, $2, $3, $4, $5, '', '{}', '', now())"
    await tracker.execute(sql, "c1", 1, "d1", 1, "m1")
    with pytest.raises(asyncpg.UniqueViolationError):
        await tracker.execute(sql, *other)
    await tracker.close()


async def test_preparing_again_changes_nothing_and_loses_nothing(postgres: RunningPostgres, database: Database) -> None:
    tracker = await connect(database, "ld_tracker")
    await tracker.execute("update tracker.views set active = 7")

    await prepare(database.admin_url(), database.passwords, database.name)

    assert await tracker.fetchval("select active from tracker.views") == 7
    await tracker.close()


async def test_two_migrators_at_once_wait_for_each_other(postgres: RunningPostgres) -> None:
    admin = await asyncpg.connect(postgres.server.admin_url(), ssl=False)
    await admin.execute(f"create database twice owner {OWNER}")
    await admin.close()
    url = postgres.server.url(OWNER, postgres.passwords[OWNER], "twice")
    public = await asyncpg.connect(postgres.server.admin_url("twice"), ssl=False)
    await public.execute("grant create on database twice to ld_tracker")

    command = (sys.executable, "-m", "alembic", "-c", str(MIGRATIONS / "alembic.ini"), "upgrade", "head")
    environment = {**os.environ, "DATABASE_URL": url, "PGSSLMODE": "disable"}
    migrators = [await asyncio.create_subprocess_exec(*command, env=environment) for _ in range(2)]
    assert [await migrator.wait() for migrator in migrators] == [0, 0]

    assert await public.fetchval("select count(*) from migrations.alembic_version") == 1
    await public.close()


async def test_the_database_is_at_the_newest_migration(database: Database) -> None:
    owner = await connect(database, OWNER)
    assert await owner.fetchval("select version_num from migrations.alembic_version") == history()[-1].name[:4]
    await owner.close()


def test_migrations_use_no_extension() -> None:
    for path in (MIGRATIONS / "versions").glob("*.py"):
        assert "extension" not in path.read_text().lower()
