"""Engine, COPY and keyring on a real PostgreSQL, as the roles the services have."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from sqlalchemy import exc, text
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.machine.testing import Database, RunningPostgres
from libs.chassis.database import copy_rows, create_engine, ping, transaction
from libs.chassis.keyring import BATCH, DataKey, Kek, KeyPool, KeyPoolEmpty, KeyRing
from libs.events.errors import Corrupt, NotFound, Unavailable
from tests.unit.chassis.sample_app import sample_settings

pytestmark = pytest.mark.servers
KEK = Kek(b"k" * 32)
COLUMNS = ("key_id", "wrapped", "kek", "created_at")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = create_engine(sample_settings(database_url=database.url("ld_intake")))
    yield engine
    await engine.dispose()


async def stored(engine: AsyncEngine) -> int:
    async with transaction(engine) as connection:
        return int((await connection.execute(text("select count(*) from keyring.data_key"))).scalar_one())


def rows(count: int) -> list[tuple[str, bytes, str, datetime]]:
    return [(f"key-{number}", b"x", "kek", now()) for number in range(count)]


async def test_copied_rows_belong_to_the_transaction(engine: AsyncEngine) -> None:
    async with transaction(engine) as connection:
        await copy_rows(connection, "keyring", "data_key", COLUMNS, rows(3))
    with suppress(RuntimeError):
        async with transaction(engine) as connection:
            await copy_rows(connection, "keyring", "data_key", COLUMNS, [("other", b"x", "kek", now())])
            raise RuntimeError

    assert await stored(engine) == 3


async def test_a_bug_in_a_statement_is_not_taken_for_an_absent_database_and_quotes_no_value(engine: AsyncEngine) -> None:
    with pytest.raises(exc.DBAPIError) as told:
        async with transaction(engine) as connection:
            await connection.execute(text("select cast(:value as integer) / 0"), {"value": 77_123})

    assert "77123" not in str(told.value)


async def test_a_role_cannot_do_more_than_its_own(engine: AsyncEngine) -> None:
    with pytest.raises(exc.ProgrammingError, match="permission denied"):
        async with transaction(engine) as connection:
            await connection.execute(text("delete from keyring.data_key"))


async def test_a_database_that_is_away_is_unavailable() -> None:
    away = create_engine(sample_settings(database_url="postgresql://u:p@127.0.0.1:1/liandong"))

    assert not await ping(away)
    with pytest.raises(Unavailable):
        async with transaction(away):
            pass
    await away.dispose()


async def test_a_restarted_database_is_found_again(running_postgres: RunningPostgres, engine: AsyncEngine) -> None:
    pool = KeyPool(engine, KEK, size=4, low=3, random_bytes=secrets.token_bytes, now=now)
    await pool.start()
    assert await ping(engine)
    running_postgres.process.kill()
    assert not await ping(engine)
    for _ in range(len(pool)):
        pool.take()
    with pytest.raises(KeyPoolEmpty) as empty:
        pool.take()
    assert empty.value.code == "key_pool_empty"
    running_postgres.restart()  # in this thread: the server dies with the thread that started it

    async with asyncio.timeout(20):
        while not len(pool):  # noqa: ASYNC110 the pool refills itself
            await asyncio.sleep(0.02)
    assert await ping(engine)
    await pool.stop()


async def test_a_leased_key_is_durable_before_it_is_given_out_and_never_given_twice(engine: AsyncEngine) -> None:
    pool = KeyPool(engine, KEK, size=600, low=300, random_bytes=secrets.token_bytes, now=now)
    await pool.start()
    taken: list[DataKey] = []
    async with asyncio.timeout(20):
        while len(taken) < 1500:
            try:
                taken.append(pool.take())
            except KeyPoolEmpty:
                await asyncio.sleep(0.005)
    assert await stored(engine) >= 1500
    await pool.stop()

    assert len({key.key_id for key in taken}) == 1500
    assert await KeyRing(engine, KEK).get_many(key.key_id for key in taken) == {key.key_id: key for key in taken}


async def test_a_pool_fills_up_in_batches_and_not_beyond_its_size(engine: AsyncEngine) -> None:
    pool = KeyPool(engine, KEK, size=2 * BATCH + 7, low=1, random_bytes=secrets.token_bytes, now=now)
    await pool.start()
    async with asyncio.timeout(20):
        while len(pool) < 2 * BATCH + 7:  # noqa: ASYNC110 the pool fills itself
            await asyncio.sleep(0.005)
    await pool.stop()

    assert await stored(engine) == 2 * BATCH + 7


async def test_an_unknown_or_destroyed_key_is_not_found_and_left_out(database: Database, engine: AsyncEngine) -> None:
    pool = KeyPool(engine, KEK, size=2, low=0, random_bytes=secrets.token_bytes, now=now)
    await pool.start()
    kept, destroyed = pool.take(), pool.take()
    await pool.stop()
    owner = create_engine(sample_settings(database_url=database.admin_url()))
    async with transaction(owner) as connection:
        await connection.execute(text("delete from keyring.data_key where key_id = :id"), {"id": destroyed.key_id})
    await owner.dispose()
    ring = KeyRing(engine, KEK)

    assert await ring.get_many([kept.key_id, destroyed.key_id, "never"]) == {kept.key_id: kept}
    assert await ring.get(kept.key_id) == kept
    with pytest.raises(NotFound, match="key_not_found"):
        await ring.get(destroyed.key_id)


async def test_a_key_under_another_kek_is_corrupt(engine: AsyncEngine) -> None:
    pool = KeyPool(engine, KEK, size=1, low=0, random_bytes=secrets.token_bytes, now=now)
    await pool.start()
    key = pool.take()
    await pool.stop()

    with pytest.raises(Corrupt, match="another key-encryption key"):
        await KeyRing(engine, Kek(b"other" + b"k" * 27)).get(key.key_id)


async def test_the_cache_answers_without_the_database_and_forgets_the_oldest(engine: AsyncEngine) -> None:
    pool = KeyPool(engine, KEK, size=3, low=0, random_bytes=secrets.token_bytes, now=now)
    await pool.start()
    keys = [pool.take() for _ in range(3)]
    await pool.stop()
    away = create_engine(sample_settings(database_url="postgresql://u:p@127.0.0.1:1/liandong"))
    ring = KeyRing(away, KEK, cache=2)
    for key in keys:
        ring.remember(key)

    assert await ring.get(keys[2].key_id) == keys[2]
    with pytest.raises(Unavailable):
        await ring.get(keys[0].key_id)
    await away.dispose()
