"""Evidence at rest: the same promises on both stores, and nothing in the table that could be read without the demand's key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from cli.machine.database import sqlalchemy_url
from cli.machine.testing import Database, RunningPostgres
from libs.chassis.keyring import DataKey
from libs.events import Corrupt, NotFound, Unavailable
from libs.events.algorithms import digest
from services.router.evidence import LARGEST, file_id
from services.router.files import FileStore, MemoryFileStore, PostgresFileStore, open_file, seal_file
from tests.unit.router.sample_files import pdf

DEMAND = "ningbo-t1-0123456789abcdef"
OTHER = "ningbo-t1-fedcba9876543210"
KEY = DataKey("0123456789abcdef", bytes(range(32)))
AT = datetime(2026, 7, 1, 9, tzinfo=UTC)


def named(content: bytes, demand: str = DEMAND) -> str:
    return file_id(demand, digest(content))


def sealed(content: bytes, nonce: bytes = bytes(12), demand: str = DEMAND) -> bytes:
    return seal_file(content, KEY, demand=demand, file_id=named(content, demand), nonce=nonce)


class TestSealing:
    @given(content=st.binary(max_size=300), nonce=st.binary(min_size=12, max_size=12))
    def test_what_was_sealed_opens_again(self, content: bytes, nonce: bytes) -> None:
        made = sealed(content, nonce)
        assert made.startswith(b"liandong-file/1 AES-256-GCM 0123456789abcdef ")
        assert open_file(made, KEY, demand=DEMAND, file_id=named(content)) == content

    def test_nothing_of_the_content_shows(self) -> None:
        assert b"quotation, fictitious" not in sealed(b"quotation, fictitious")

    @given(place=st.integers(0), bit=st.integers(0, 7))
    def test_one_flipped_bit_does_not_open(self, place: int, bit: int) -> None:
        made = bytearray(sealed(b"content"))
        made[place % len(made)] ^= 1 << bit
        with pytest.raises(Corrupt):
            open_file(bytes(made), KEY, demand=DEMAND, file_id=named(b"content"))

    @given(length=st.integers(0, len(sealed(b"content")) - 1))
    def test_a_file_cut_off_does_not_open(self, length: int) -> None:
        with pytest.raises(Corrupt):
            open_file(sealed(b"content")[:length], KEY, demand=DEMAND, file_id=named(b"content"))

    def test_a_file_moved_elsewhere_does_not_open(self) -> None:
        made, there = sealed(b"content"), {"demand": DEMAND, "file_id": named(b"content")}
        assert open_file(made, KEY, **there) == b"content"
        for wrong in ({"demand": OTHER}, {"file_id": named(b"other")}):
            with pytest.raises(Corrupt):
                open_file(made, KEY, **{**there, **wrong})
        for key in (DataKey(KEY.key_id, bytes(32)), DataKey("another", KEY.key)):
            with pytest.raises(Corrupt):
                open_file(made, key, **there)


@pytest.fixture
def database(postgres: RunningPostgres) -> Database:
    return postgres.fresh_database()


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(sqlalchemy_url(database.url("ld_router")), connect_args={"ssl": False})
    yield engine
    await engine.dispose()


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> FileStore:
    if request.param == "memory":
        return MemoryFileStore()
    return PostgresFileStore(request.getfixturevalue("engine"), lambda: AT)


class TestEveryStore:
    async def test_what_was_put_is_got(self, store: FileStore) -> None:
        content = pdf()
        await store.put(DEMAND, named(content), sealed(content))
        assert open_file(await store.get(DEMAND, named(content)), KEY, demand=DEMAND, file_id=named(content)) == content

    async def test_the_largest_file_fits(self, store: FileStore) -> None:
        content = bytes(LARGEST)
        await store.put(DEMAND, named(content), sealed(content))
        assert await store.get(DEMAND, named(content)) == sealed(content)

    async def test_the_same_content_sent_again_changes_nothing(self, store: FileStore) -> None:
        first, again = sealed(b"content", b"1" * 12), sealed(b"content", b"2" * 12)
        for made in (first, again, first):
            await store.put(DEMAND, named(b"content"), made)
        assert await store.get(DEMAND, named(b"content")) == first

    async def test_two_at_once_store_one(self, store: FileStore) -> None:
        made = [sealed(b"content", bytes([number]) * 12) for number in range(8)]
        await asyncio.gather(*(store.put(DEMAND, named(b"content"), one) for one in made))
        assert await store.get(DEMAND, named(b"content")) in made

    async def test_another_content_under_a_known_name_is_an_alarm(self, store: FileStore) -> None:
        await store.put(DEMAND, "f-same", sealed(b"content"))
        with pytest.raises(Corrupt):
            await store.put(DEMAND, "f-same", sealed(b"other content"))
        assert await store.get(DEMAND, "f-same") == sealed(b"content")

    async def test_unknown_files_are_not_found(self, store: FileStore) -> None:
        await store.put(DEMAND, "f-one", b"sealed")
        for demand, name in ((DEMAND, "f-two"), (OTHER, "f-one")):
            with pytest.raises(NotFound) as caught:
                await store.get(demand, name)
            assert caught.value.code == "file_not_found"

    async def test_a_demand_s_files_go_together_and_no_other_s(self, store: FileStore) -> None:
        for demand in (DEMAND, OTHER):
            for name in ("f-one", "f-two"):
                await store.put(demand, name, b"sealed")
        await store.delete_all([])
        await store.delete_all([DEMAND, "ningbo-t1-without-files000"])
        await store.delete_all([DEMAND])
        for name in ("f-one", "f-two"):
            assert await store.get(OTHER, name) == b"sealed"
            with pytest.raises(NotFound):
                await store.get(DEMAND, name)
        await store.put(DEMAND, "f-one", b"new")
        assert await store.get(DEMAND, "f-one") == b"new"


class TestPostgres:
    async def test_the_row_says_how_much_and_since_when(self, engine: AsyncEngine) -> None:
        await PostgresFileStore(engine, lambda: AT).put(DEMAND, "f-one", b"sealed")
        async with engine.connect() as connection:
            rows = (await connection.execute(text("select demand, file_id, size, stored_at from router.file"))).all()
        assert [tuple(row) for row in rows] == [(DEMAND, "f-one", 6, AT)]

    @pytest.mark.parametrize("role", ["ld_intake", "ld_tracker"])
    async def test_no_other_service_reads_files(self, database: Database, role: str) -> None:
        engine = create_async_engine(sqlalchemy_url(database.url(role)), connect_args={"ssl": False})
        async with engine.connect() as connection:
            with pytest.raises(ProgrammingError, match="permission denied"):
                await connection.execute(text("select * from router.file"))
        await engine.dispose()

    async def test_a_database_that_is_away_is_unavailable(self) -> None:
        engine = create_async_engine("postgresql+asyncpg://nobody@127.0.0.1:1/none", connect_args={"ssl": False})
        store = PostgresFileStore(engine, lambda: AT)
        for call in (store.put(DEMAND, "f-one", b"sealed"), store.get(DEMAND, "f-one"), store.delete_all([DEMAND])):
            with pytest.raises(Unavailable):
                await call
        await engine.dispose()
