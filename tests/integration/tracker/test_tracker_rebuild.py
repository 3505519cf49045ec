"""Rebuilding the views from the archive: equality, damage, the switch under a running tracker, cursors across it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from random import Random

import pytest

from libs.events import Corrupt, Recorded
from libs.events.names import demand_subject
from services.tracker.feed import decode_places
from services.tracker.rebuild import LOCK, RebuildRunning, Verdict, rebuild
from tests.integration.tracker.place import EVERYTHING, Place
from tests.unit.tracker.histories import demand_of, full_life, interleaved, random_life


async def filled(place: Place, *, lives: int = 12, seed: int = 1) -> list[Recorded]:
    random = Random(seed)
    histories = [random_life(demand_of(number), random, 10) for number in range(lives)]
    await place.know(histories)
    stream = interleaved(histories, random)
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream, batch=7)
    await writer.close()
    return stream


async def rebuilt(place: Place, *, compare_only: bool = False) -> Verdict:
    return await rebuild(place.engine, place.keys, progress=lambda done, total: None, compare_only=compare_only)


async def test_a_rebuild_proves_the_views_equal_and_switches(place: Place) -> None:
    stream = await filled(place)
    before = await place.snapshot()
    steps: list[tuple[int, int]] = []
    verdict = await rebuild(place.engine, place.keys, progress=lambda done, total: steps.append((done, total)))
    assert verdict.equal
    assert (verdict.commits, verdict.positions, verdict.switched_to) == (len(stream), {"t1": len(stream)}, 2)
    assert {table.table: table.running for table in verdict.tables}["change"] == len(stream)
    assert steps[0] == (0, len(stream))
    assert steps[-1] == (len(stream), len(stream))
    assert await place.rows("select active from tracker.views") == [(2,)]
    assert await place.snapshot() == before


@pytest.mark.parametrize("seed", range(4))
async def test_one_by_one_in_batches_and_rebuilt_are_the_same(place: Place, seed: int) -> None:
    random = Random(seed)
    histories = [random_life(demand_of(number), random, 12) for number in range(8)]
    await place.know(histories)
    stream = interleaved(histories, random)
    snapshots = []
    for batch in (1, random.randrange(2, 30), len(stream)):
        writer = place.writer()
        await writer.position()
        await place.feed(writer, stream, batch=batch)
        await writer.close()
        snapshots.append(await place.snapshot())
        assert (await rebuilt(place, compare_only=True)).equal
        await place.rows("truncate archive.entry, archive.checkpoint, {v}.demand, {v}.demand_text, {v}.change, {v}.tally, {v}.parked")
    assert snapshots[0] == snapshots[1] == snapshots[2]


async def test_a_mere_comparison_changes_nothing(place: Place) -> None:
    await filled(place)
    verdict = await rebuilt(place, compare_only=True)
    assert verdict.equal
    assert verdict.switched_to is None
    assert await place.rows("select active from tracker.views") == [(1,)]
    assert await place.rows("select nspname from pg_namespace where nspname like 'tracker_v%'") == [("tracker_v1",)]


@pytest.mark.parametrize(
    ("damage", "table"),
    [
        ("update {v}.demand set status = 'ghost' where id = :id", "demand"),
        ("update {v}.demand set nodes = array_append(nodes, 'ghost') where id = :id", "demand"),
        ("delete from {v}.demand where id = :id", "demand"),
        ("update {v}.demand_text set title = title || ' ' where id = :id", "demand_text"),
        ("update {v}.demand_text set grams = array_to_tsvector(array['x']) where id = :id", "demand_text"),
        ("update {v}.change set at = at + interval '1 microsecond' where id = :id and version = 1", "change"),
        ("insert into {v}.parked values (:id, 't1', 1, 'broken_chain', 0, now())", "parked"),
    ],
)
async def test_a_single_damaged_row_is_found_and_healed(place: Place, damage: str, table: str) -> None:
    await filled(place)
    healthy = await place.snapshot()
    victim = demand_of(3)
    await place.rows(damage, id=victim)
    verdict = await rebuilt(place)
    assert not verdict.equal
    assert [found.table for found in verdict.tables if not found.equal] == [table]
    (wrong,) = (found for found in verdict.tables if not found.equal)
    assert len(wrong.different) == 1
    assert await place.snapshot() == healthy
    assert (await rebuilt(place, compare_only=True)).equal


async def test_a_damaged_archive_stops_the_rebuild(place: Place) -> None:
    await filled(place)
    await place.rows("update archive.entry set body = body || '\\x20' where seq = 5")
    with pytest.raises(Corrupt, match="damaged at sequence 5"):
        await rebuilt(place)
    assert await place.rows("select active from tracker.views") == [(1,)]


async def test_what_an_interrupted_rebuild_left_is_cleared_away(place: Place) -> None:
    await filled(place)
    await place.rows("update archive.entry set body = body || '\\x20' where seq = 5")
    with pytest.raises(Corrupt):
        await rebuilt(place)
    await place.rows("update archive.entry set body = substr(body, 1, length(body) - 1) where seq = 5")
    assert (await rebuilt(place)).switched_to == 2
    assert (await rebuilt(place)).switched_to == 3
    assert (await rebuilt(place)).switched_to == 4
    names = await place.rows("select nspname from pg_namespace where nspname like 'tracker_v%' order by 1")
    assert names == [("tracker_v3",), ("tracker_v4",)]


async def test_only_one_rebuild_runs_at_a_time(place: Place) -> None:
    async with place.engine.connect() as other:
        await other.exec_driver_sql(f"select pg_advisory_lock({LOCK})")
        with pytest.raises(RebuildRunning):
            await rebuilt(place)
        await other.exec_driver_sql(f"select pg_advisory_unlock({LOCK})")


async def test_a_parked_demand_is_parked_again(place: Place) -> None:
    good, bad = full_life(1), full_life(2)
    await place.know([good, bad])
    stream = interleaved([good, bad], Random(1))
    index = next(i for i, recorded in enumerate(stream) if recorded.subject == demand_subject(bad.demand) and i > 4)
    stream[index] = replace(stream[index], body=b"garbage")
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream, batch=3)
    await writer.close()
    verdict = await rebuilt(place)
    assert verdict.equal
    assert await place.rows("select demand, reason from {v}.parked") == [(bad.demand, "undecodable")]


async def test_a_running_tracker_goes_on_in_the_new_generation(place: Place) -> None:
    histories = [full_life(number) for number in range(30)]
    await place.know(histories)
    stream = interleaved(histories, Random(9))
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream[:60], batch=10)

    async def go_on() -> None:
        for start in range(60, 200, 5):
            await place.feed(writer, stream[start : start + 5])

    going = asyncio.create_task(go_on())
    verdict = await rebuilt(place)
    await going
    assert verdict.equal
    await place.feed(writer, stream[200:])
    assert await place.rows("select active from tracker.views") == [(2,)]
    assert await place.rows("select count(*), max(seq) from {v}.change") == [(240, 240)]
    assert await place.rows("select distinct version from {v}.demand") == [(8,)]
    assert (await rebuilt(place, compare_only=True)).equal


async def test_cursors_stay_valid_across_a_rebuild(place: Place) -> None:
    await filled(place)
    first = await place.views.changes(EVERYTHING, {}, limit=9)
    rest = await place.views.changes(EVERYTHING, decode_places(first.next), limit=200)
    await rebuilt(place)
    again = await place.views.changes(EVERYTHING, decode_places(first.next), limit=200)
    assert [(item.cursor, item.change) for item in again.items] == [(item.cursor, item.change) for item in rest.items]
    assert rest.items


async def test_several_cells_are_rebuilt_together_and_told_in_one_feed(place: Place) -> None:
    for cell in ("t1", "t2"):
        histories = [full_life(number, cell=cell) for number in range(3)]
        await place.know(histories)
        writer = place.writer(cell)
        await writer.position()
        await place.feed(writer, interleaved(histories, Random(4)), cell=cell)
        await writer.close()
    verdict = await rebuilt(place)
    assert verdict.equal
    assert verdict.positions == {"t1": 24, "t2": 24}
    seen: list[tuple[str, int]] = []
    cursor: str | None = None
    while True:
        page = await place.views.changes(EVERYTHING, decode_places(cursor), limit=7)
        seen += [(item.change.cell, item.change.seq) for item in page.items]
        cursor = page.next
        if not page.more:
            break
    for cell in ("t1", "t2"):
        assert [seq for found, seq in seen if found == cell] == list(range(1, 25))
    assert len(seen) == 48
