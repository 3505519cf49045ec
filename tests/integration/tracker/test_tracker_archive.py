"""The archive and its writer on a real PostgreSQL: exact bytes, crashes, fences, changed streams, parked demands."""

from __future__ import annotations

import hashlib
from random import Random

import pytest

from libs.events import Corrupt, Fenced, GapDetected, Recorded
from libs.events.codec import chain
from libs.events.names import demand_stream, demand_subject
from services.tracker import archive
from services.tracker.archive import StreamChanged
from tests.integration.tracker.place import Place
from tests.unit.tracker.histories import START, History, demand_of, full_life, interleaved

STREAM = demand_stream("t1")


def message(seq: int, body: bytes, subject: str, **headers: str) -> Recorded:
    return Recorded(subject, seq, body, headers, START)


async def test_bytes_headers_and_order_are_archived_exactly(place: Place) -> None:
    stream = interleaved([full_life(n) for n in range(4)], Random(1))
    sent = {"traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-00", "Nats-Batch-Id": "x", "Nats-Batch-Sequence": "3"}
    stream[3] = Recorded(stream[3].subject, stream[3].seq, stream[3].body, sent, stream[3].recorded_at)
    writer = place.writer()
    assert await writer.position() == 0
    await place.feed(writer, stream, batch=5)
    rows = await place.rows("select seq, body, hash, headers, recorded_at from archive.entry order by seq")
    assert [(row[0], bytes(row[1]), row[4]) for row in rows] == [(r.seq, r.body, r.recorded_at) for r in stream]
    assert all(bytes(row[2]) == hashlib.sha256(bytes(row[1])).digest() for row in rows)
    assert rows[3][3] == {"traceparent": sent["traceparent"]}


async def test_a_crash_between_batches_loses_and_repeats_nothing(place: Place) -> None:
    stream = interleaved([full_life(n) for n in range(6)], Random(2))
    place.store.lay(STREAM, stream)
    first = place.writer()
    await first.position()
    await first.apply(stream[:11])
    await first.close()  # the process is gone
    second = place.writer()
    position = await second.position()
    assert position == 11
    await second.apply(stream[position:])
    assert await place.rows("select count(*), max(seq) from archive.entry") == [(48, 48)]
    assert await place.rows("select count(*) from {v}.change") == [(48,)]


async def test_a_failed_batch_leaves_no_trace_and_comes_again(place: Place) -> None:
    stream = interleaved([full_life(n) for n in range(3)], Random(3))
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream[:5])
    before = await place.snapshot()
    await place.rows("alter table {v}.change add constraint broken check (seq < 8)")
    with pytest.raises(Exception, match="broken"):
        await writer.apply(stream[5:])
    await place.rows("alter table {v}.change drop constraint broken")
    assert await place.snapshot() == before
    assert await place.rows("select seq from archive.checkpoint") == [(5,)]
    await writer.apply(stream[5:])
    assert await place.rows("select count(*) from archive.entry") == [(24,)]


async def test_a_second_tracker_stands_by_until_the_first_is_gone(place: Place) -> None:
    first, second = place.writer(), place.writer()
    await first.position()
    with pytest.raises(Fenced):
        await second.position()
    await first.close()
    assert await second.position() == 0


async def test_a_tracker_that_lost_its_lead_unawares_is_fenced_by_the_checkpoint(place: Place) -> None:
    stream = interleaved([full_life(n) for n in range(2)], Random(4))
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream[:4])
    await place.rows("update archive.checkpoint set seq = 9")
    with pytest.raises(Fenced):
        await writer.apply(stream[4:])
    assert await place.rows("select count(*) from archive.entry") == [(4,)]


async def test_redelivery_changes_nothing(place: Place) -> None:
    stream = interleaved([full_life(n) for n in range(2)], Random(5))
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream[:9])
    before = await place.snapshot()
    await writer.apply(stream[:9])
    assert await place.snapshot() == before
    await writer.apply(stream[4:])  # overlapping
    assert await place.rows("select count(*), max(seq) from archive.entry") == [(16, 16)]


async def test_a_gap_is_refused_whatever_the_reader_says(place: Place) -> None:
    stream = interleaved([full_life(1)], Random(5))
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream[:3])
    with pytest.raises(GapDetected):
        await writer.apply(stream[4:])
    assert await place.rows("select seq from archive.checkpoint") == [(3,)]


@pytest.mark.parametrize("damage", ["another_identity", "shorter", "other_bytes"])
async def test_a_stream_that_is_not_the_archived_one_stops_the_cell_with_a_sentence(place: Place, damage: str) -> None:
    stream = interleaved([full_life(n) for n in range(2)], Random(6))
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream)
    if damage == "another_identity":
        place.store.born = "2026-09-09T00:00:00Z"
        sentence = "was created at"
    elif damage == "shorter":
        place.store.cut(STREAM, 10)
        sentence = "ends at 10, the archive at 16"
    else:
        place.store.replace(STREAM, 16, b"{}")
        sentence = "other bytes"
    following = await place.next_writer(writer)
    with pytest.raises(StreamChanged, match=sentence):
        await following.position()


async def test_a_commit_that_does_not_decode_is_archived_and_parks_only_its_demand(place: Place) -> None:
    good, bad = full_life(1), full_life(2)
    await place.know([good, bad])
    stream: list[Recorded] = []
    for index in range(8):
        body = b"\x00not json\xff" if index == 3 else bad.bodies[index]
        stream.append(message(len(stream) + 1, body, demand_subject(bad.demand)))
        stream.append(message(len(stream) + 1, good.bodies[index], demand_subject(good.demand)))
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream, batch=3)
    assert await place.rows("select count(*) from archive.entry") == [(16,)]
    assert await place.rows("select body from archive.entry where seq = 7") == [(b"\x00not json\xff",)]
    assert await place.rows("select demand, seq, reason, held from {v}.parked") == [(bad.demand, 7, "undecodable", 4)]
    found = {row[0]: row[1:] for row in await place.rows("select id, version, status from {v}.demand")}
    assert found == {good.demand: (8, "resolved"), bad.demand: (3, "triage")}
    assert b"liandong_parked" in place.metrics.scrape()
    assert await place.rows("select count(*) from {v}.change where id = :id", id=bad.demand) == [(3,)]


async def test_an_event_of_the_future_parks_its_demand(place: Place) -> None:
    history = full_life(1)
    body = history.bodies[1].replace(b'"DemandClassified"', b'"DemandDreamt"')
    stream = [message(1, history.bodies[0], demand_subject(history.demand)), message(2, body, demand_subject(history.demand))]
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream)
    assert await place.rows("select reason from {v}.parked") == [("unknown_event",)]


@pytest.mark.parametrize(("skipped", "repeated"), [(True, False), (False, True)])
async def test_a_broken_chain_is_never_papered_over(place: Place, skipped: bool, repeated: bool) -> None:
    history = full_life(1)
    bodies = list(history.bodies)
    if skipped:
        del bodies[4]
    if repeated:  # the same command once more, chained to itself, outside the stream's own window
        again = bodies[4].replace(b'"ver":5', b'"ver":6').replace(chain(bodies[3]).encode(), chain(bodies[4]).encode())
        bodies = [*bodies[:5], again]
    stream = [message(seq, body, demand_subject(history.demand)) for seq, body in enumerate(bodies, 1)]
    writer = place.writer()
    await writer.position()
    await place.feed(writer, stream, batch=5)
    reason, seq = ("broken_chain", 5) if skipped else ("duplicate_commit", 6)
    assert await place.rows("select reason, seq from {v}.parked") == [(reason, seq)]
    assert await place.rows("select array_agg(ver order by seq) from archive.entry") == [(list(range(1, len(bodies) + 1)),)]


async def test_a_message_on_a_foreign_subject_is_archived_under_that_subject(place: Place) -> None:
    history = full_life(1)
    writer = place.writer()
    await writer.position()
    await place.feed(writer, [message(1, history.bodies[0], "demand.t1.testnet.99.elsewhere")])
    assert await place.rows("select demand from archive.entry") == [("demand.t1.testnet.99.elsewhere",)]
    assert await place.rows("select reason from {v}.parked") == [("foreign_subject",)]


async def test_text_the_database_cannot_hold_parks_its_demand(place: Place) -> None:
    history = History(demand_of(1)).submitted(partner_ref="x\x00y")
    writer = place.writer()
    await writer.position()
    await place.feed(writer, history.recorded())
    assert await place.rows("select reason from {v}.parked") == [("unstorable",)]


async def test_a_damaged_archive_is_noticed_when_it_is_read(place: Place) -> None:
    writer = place.writer()
    await writer.position()
    await place.feed(writer, full_life(1).recorded())
    await place.rows("update archive.entry set body = body || '\\x20' where seq = 4")
    async with place.engine.connect() as connection:
        with pytest.raises(Corrupt, match="damaged at sequence 4"):
            await archive.entries_after(connection, "t1", 0, 100, 8)


async def test_the_search_index_holds_titles_and_names_and_nothing_else(place: Place) -> None:
    history = full_life(1)
    unknown = full_life(2)  # its key is gone
    await place.know([history])
    writer = place.writer()
    await writer.position()
    await place.feed(writer, interleaved([history, unknown], Random(7)))
    assert await place.rows("select id, title, requester_name from {v}.demand_text") == [
        (history.demand, "注塑车间数字化改造", "样例精密部件有限公司")
    ]
