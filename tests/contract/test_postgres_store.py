"""What only the PostgreSQL store has: several streams in one call, its schema, its gaps and its absences."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest
from sqlalchemy import delete, text

from libs.events import Conflict, GapDetected, Stored, Unavailable
from libs.events.postgres import PostgresEventStore, commits, create_schema
from tests.contract.adapters import Place, Servers, commit, database
from tests.contract.lossy_proxy import lossy_proxy

pytestmark = pytest.mark.servers


@pytest.fixture
def place(servers: Servers) -> Place:
    """A fresh stream on PostgreSQL."""
    return Place("postgres", next(servers.cells), servers)


async def test_one_call_may_write_several_streams_and_each_counts_from_one(place: Place, servers: Servers) -> None:
    await place.prepare()
    other = Place("postgres", next(servers.cells), servers)
    async with place.opened() as store:
        appends = [commit(where.subject(), 0, f"many-{number}") for number, where in enumerate([place, other, place, other, place])]
        assert await store.append_many(appends) == [Stored(1), Stored(1), Stored(2), Stored(2), Stored(3)]


async def test_more_members_than_one_transaction_takes_keep_their_outcomes(place: Place) -> None:
    await place.prepare()
    async with place.opened() as store:
        subject = place.subject()
        appends = [commit(subject, 0, "first"), *(commit(place.subject(), 0, f"bulk-{number}") for number in range(520))]
        outcomes = await store.append_many([*appends, commit(subject, 0, "late")])
        assert outcomes[:-1] == [Stored(seq) for seq in range(1, 522)]
        assert isinstance(outcomes[-1], Conflict)


async def test_creating_the_schema_again_changes_nothing(place: Place) -> None:
    await place.prepare()
    async with place.opened() as store:
        await store.append(commit(place.subject(), 0, "kept"))
        await place.prepare()
        assert await store.position(place.stream) == 1


async def test_a_missing_row_is_a_gap(place: Place) -> None:
    await place.prepare()
    engine = database(place.url())
    store = PostgresEventStore(engine)
    await store.append_many([commit(place.subject(), 0, f"gap-{number}") for number in range(3)])
    async with engine.begin() as connection:
        await connection.execute(delete(commits).where(commits.c.stream == place.stream, commits.c.seq == 2))
    with pytest.raises(GapDetected) as caught:
        async with aclosing(store.read(place.stream)) as batches:
            await anext(batches)
    assert (caught.value.expected, caught.value.found) == (2, 3)
    await engine.dispose()


async def test_a_server_that_is_away_is_unavailable_and_never_an_exception_of_the_driver(place: Place) -> None:
    await place.prepare()
    async with lossy_proxy(place.port) as proxy, place.opened(through=proxy.port) as store:
        append = commit(place.subject(), 0, "away")
        await store.append(append)
        waiting = asyncio.ensure_future(consume(store, place))
        await proxy.stop()
        for question in (store.append(append), store.load(append.subject), store.last(append.subject), store.position(place.stream)):
            with pytest.raises(Unavailable):
                await question
        with pytest.raises(Unavailable):
            await store.created(place.stream)
        assert [type(outcome) for outcome in await store.append_many([append, append])] == [Unavailable, Unavailable]
        with pytest.raises(Unavailable):
            await asyncio.wait_for(waiting, 5)


async def test_a_load_that_can_never_be_complete_gives_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libs.events.postgres.STALE_S", 0.1)
    await place.prepare()
    async with place.opened() as store:
        seq = (await store.append(commit(place.subject(), 0, "alone"))).seq
        with pytest.raises(Unavailable):
            await store.load(place.subject(), at_least=seq + 1)


async def test_a_load_waits_for_a_commit_that_is_on_its_way(place: Place) -> None:
    await place.prepare()
    async with place.opened() as store:
        subject = place.subject()
        waiting = asyncio.ensure_future(store.load(subject, at_least=1))
        await store.append(commit(subject, 0, "on its way"))
        assert [item.seq for item in await waiting] == [1]


async def test_no_row_can_be_stored_twice_even_behind_the_stores_back(place: Place) -> None:
    await place.prepare()
    async with place.opened() as store:
        await store.append(commit(place.subject(), 0, "once"))
    engine = database(place.url())
    copies = (
        "select stream, seq + 1, subject, commit_id, body, headers, recorded_at",
        "select stream, seq, subject || '1', commit_id, body, headers, recorded_at",
    )
    for copy in copies:
        with pytest.raises(Exception, match="duplicate key"):
            async with engine.begin() as connection:
                await connection.execute(
                    text(f"insert into event_store.commit {copy} from event_store.commit where stream = '{place.stream}'")
                )
    await engine.dispose()


async def test_the_schema_is_created_in_an_empty_database(servers: Servers) -> None:
    fresh = servers.start_postgres().fresh_database()
    engine = database(fresh.admin_url())
    await create_schema(engine)
    store = PostgresEventStore(engine)
    assert await store.position("DEMANDS_none") == 0
    await engine.dispose()


async def consume(store: object, place: Place) -> None:
    async with aclosing(store.read(place.stream)) as batches:  # type: ignore[attr-defined]
        async for _ in batches:
            pass
