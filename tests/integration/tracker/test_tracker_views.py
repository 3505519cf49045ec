"""Lists under change, and one writer's rows in memory against the database's."""

from __future__ import annotations

from random import Random

import pytest

from libs.events import Refused
from services.tracker.feed import decode_places
from services.tracker.rights import Scope
from services.tracker.views import SCANNED, DemandFilter, territory_prefix
from tests.integration.tracker.place import EVERYTHING, Place
from tests.unit.tracker.histories import History, demand_of, interleaved, random_life


async def test_paging_neither_repeats_nor_misses_a_demand_while_all_of_them_change(place: Place) -> None:
    random = Random(5)
    histories = [random_life(demand_of(number), random, 12) for number in range(60)]
    await place.know(histories)
    stream = interleaved(histories, random)
    writer = place.writer()
    await writer.position()
    started = {recorded.subject for recorded in stream[:250]}
    await place.feed(writer, stream[:250])
    seen: list[str] = []
    cursor, fed = None, 250
    while True:
        page = await place.views.demands(EVERYTHING, DemandFilter(), limit=7, after=cursor)
        seen += [found.row.id for found in page.found]
        cursor = page.next
        if cursor is None:
            break
        await place.feed(writer, stream[fed : fed + 20])
        fed += 20
    assert len(seen) == len(set(seen))
    assert {recorded.rpartition(".")[2] for recorded in started} <= set(seen)


async def test_lists_are_ordered_newest_first_by_submission_or_by_update(place: Place) -> None:
    random = Random(6)
    histories = [random_life(demand_of(number), random, 8) for number in range(20)]
    await place.know(histories)
    writer = place.writer()
    await writer.position()
    await place.feed(writer, interleaved(histories, random))
    for order, moment in (("submitted", lambda row: row.submitted_at), ("updated", lambda row: row.updated_at)):
        rows, cursor = [], None
        while True:
            page = await place.views.demands(EVERYTHING, DemandFilter(), limit=6, after=cursor, order=order)  # type: ignore[arg-type]
            rows += [found.row for found in page.found]
            if (cursor := page.next) is None:
                break
        assert rows == sorted(rows, key=lambda row: (-moment(row).timestamp(), row.id))
        assert len(rows) == 20
    page = await place.views.demands(EVERYTHING, DemandFilter(), limit=6)
    with pytest.raises(Refused, match="bad_cursor"):
        await place.views.demands(EVERYTHING, DemandFilter(), limit=6, after=page.next, order="updated")


async def test_counts_per_status_agree_with_the_list(place: Place) -> None:
    random = Random(7)
    histories = [random_life(demand_of(number), random, 9) for number in range(25)]
    await place.know(histories)
    writer = place.writer()
    await writer.position()
    await place.feed(writer, interleaved(histories, random))
    counts = await place.views.counts(EVERYTHING, DemandFilter(status="resolved", region="330203"))
    listed = [found.row.status for found in (await place.views.demands(EVERYTHING, DemandFilter(region="330203"), limit=100)).found]
    assert counts == {status: listed.count(status) for status in set(listed)}


async def test_a_page_of_changes_looks_at_a_bounded_stretch(place: Place) -> None:
    many = [History(demand_of(number), party="partner-2").submitted() for number in range(SCANNED)]
    mine = History(demand_of(SCANNED + 1), party="partner-1").submitted()
    writer = place.writer()
    await writer.position()
    await place.feed(writer, interleaved(many, Random(1)))
    last = mine.recorded(SCANNED + 1)
    await place.feed(writer, last)
    scope = Scope("testnet", "partner-1", None, reads_text=True)
    page = await place.views.changes(scope, {}, limit=10)
    assert (page.items, page.more, decode_places(page.next)) == ([], True, {"t1": SCANNED})
    page = await place.views.changes(scope, decode_places(page.next), limit=10)
    assert ([item.change.id for item in page.items], page.more) == ([mine.demand], False)


async def test_somebody_without_nodes_sees_nothing(place: Place) -> None:
    writer = place.writer()
    await writer.position()
    await place.feed(writer, History(demand_of(1)).submitted().recorded())
    nobody = Scope("testnet", None, frozenset(), reads_text=True)
    assert (await place.views.demands(nobody, DemandFilter(), limit=10)).found == []
    assert await place.views.demand(nobody, demand_of(1)) is None
    assert await place.views.entries(nobody, demand_of(1)) is None
    assert (await place.views.changes(nobody, {}, limit=10)).items == []


@pytest.mark.parametrize(
    ("region", "prefix"), [("330000", "33"), ("330200", "3302"), ("330206", "330206"), ("330206001", "330206001"), ("330210", "330210")]
)
def test_a_territory_is_a_prefix(region: str, prefix: str) -> None:
    assert territory_prefix(region) == prefix
