"""A database whose views another release made: they are built anew from the archive by themselves, and nothing is lost."""

from __future__ import annotations

import asyncio
from random import Random

from libs.events.names import demand_stream
from services.tracker import generations, rebuild
from services.tracker.feed import decode_places
from services.tracker.rebuild import ensure_current
from services.tracker.tables import shape
from tests.integration.tracker.place import EVERYTHING, Place
from tests.unit.tracker.histories import interleaved
from tests.unit.tracker.random_lives import whole_life

EARLIER = """
alter table {v}.demand drop column due, drop column outcome, drop column undo, drop column erased;
drop table {v}.tally;
comment on schema {v} is null
"""
"""What issue 1 left: fewer columns, no tally, no word about its shape."""


async def older_release(place: Place, *, lives: int = 15) -> int:
    """Fill views, then make them look as an earlier release left them; return the commits in the archive."""
    random = Random(3)
    histories = [whole_life(number, random, 12) for number in range(lives)]
    await place.know(histories)
    stream = interleaved(histories, random)
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream, batch=40)
    await writer.close()
    for statement in EARLIER.split(";"):
        await place.rows(statement)
    return len(stream)


async def current(place: Place) -> bool:
    async with place.engine.connect() as connection:
        return await generations.is_current(connection, await generations.active_version(connection))


async def test_views_of_an_earlier_release_are_replaced_at_the_start_and_nothing_is_lost(place: Place) -> None:
    commits = await older_release(place)
    archived = await place.rows("select cell, seq, hash from archive.entry order by cell, seq")
    demands = await place.rows("select id, version, status from {v}.demand order by id")
    first = (await place.views.changes(EVERYTHING, {}, limit=5)).next
    assert not await current(place)
    await ensure_current(place.engine, place.keys)
    assert await current(place)
    assert await place.rows("select active from tracker.views") == [(2,)]
    assert await place.rows("select id, version, status from {v}.demand order by id") == demands
    assert await place.rows("select cell, seq, hash from archive.entry order by cell, seq") == archived
    assert await place.rows("select count(*) from {v}.change") == [(commits,)]
    assert (await place.views.changes(EVERYTHING, decode_places(first), limit=200)).items[0].change.seq == 6
    names = await place.rows("select nspname from pg_namespace where nspname like 'tracker_v%' order by 1")
    assert names == [("tracker_v1",), ("tracker_v2",)]


async def test_views_of_this_release_are_left_alone(place: Place) -> None:
    await ensure_current(place.engine, place.keys)
    assert await place.rows("select active from tracker.views") == [(1,)]
    assert await place.rows("select obj_description('tracker_v1'::regnamespace, 'pg_namespace')") == [(shape(),)]


async def test_a_rebuild_of_another_release_s_views_compares_nothing_and_switches(place: Place) -> None:
    commits = await older_release(place, lives=3)
    verdict = await rebuild.rebuild(place.engine, place.keys, progress=lambda done, total: None)
    assert (verdict.commits, list(verdict.tables), verdict.switched_to) == (commits, [], 2)
    again = await rebuild.rebuild(place.engine, place.keys, progress=lambda done, total: None, compare_only=True)
    assert again.equal
    assert {found.table for found in again.tables} == {"demand", "demand_text", "change", "tally", "parked"}


async def test_who_starts_while_another_process_builds_waits_for_it(place: Place) -> None:
    await older_release(place, lives=3)
    async with place.engine.connect() as other:
        await other.exec_driver_sql(f"select pg_advisory_lock({rebuild.LOCK})")
        waiting = asyncio.create_task(ensure_current(place.engine, place.keys))
        done, _ = await asyncio.wait({waiting}, timeout=0.5)
        assert not done
        await other.exec_driver_sql(f"select pg_advisory_unlock({rebuild.LOCK})")
    await asyncio.wait_for(waiting, 20)
    assert await current(place)


async def test_an_upgraded_tracker_goes_on_where_the_stream_goes_on(place: Place) -> None:
    commits = await older_release(place, lives=4)
    await ensure_current(place.engine, place.keys)
    later = whole_life(777, Random(1), 6)
    await place.know([later])
    writer = place.writer()
    assert await writer.position() == commits
    await place.feed(writer, later.recorded(commits + 1))
    assert await place.store.position(demand_stream("t1")) == commits + len(later.commits)
    assert await place.rows("select version from {v}.demand where id = :id", id=later.demand) == [(len(later.commits),)]
    await writer.close()
    assert (await rebuild.rebuild(place.engine, place.keys, progress=lambda done, total: None, compare_only=True)).equal
