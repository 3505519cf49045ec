"""Erased personal data: gone from the search index, from every answer, and not to be had again by a rebuild."""

from __future__ import annotations

import asyncpg

from libs.chassis.keyring import DataKey
from libs.events import DemandClosed, PersonalDataErased
from services.tracker.rebuild import rebuild
from services.tracker.views import DemandFilter
from tests.integration.tracker.place import EVERYTHING, Place
from tests.integration.tracker.running import Running
from tests.unit.tracker.histories import History, demand_of, full_life, key_of

TITLE = "注塑车间数字化改造"


def erased(number: int) -> History:
    history = full_life(number).then(DemandClosed(outcome="confirmed"))
    key = key_of(history.demand).key_id
    return history.then(PersonalDataErased(requested_by="person-1", approved_by="person-2", key=key))


async def destroy(place: Place, demand: str) -> None:
    """Destroy a demand's key, as the router does once it has said so."""
    connection = await asyncpg.connect(place.database.url("ld_owner"), ssl=False)
    try:
        await connection.execute("delete from keyring.data_key where key_id = $1", key_of(demand).key_id)
    finally:
        await connection.close()


async def test_the_searchable_text_goes_with_the_event_even_within_one_batch(place: Place) -> None:
    first, second, kept = erased(1), erased(2), full_life(3)
    await place.know([first, second, kept])
    writer = place.writer()
    await writer.position()
    stream = first.recorded()
    await place.feed(writer, stream[:-1])
    assert await place.rows("select id from {v}.demand_text") == [(first.demand,)]
    await place.feed(writer, stream[-1:])
    await place.feed(writer, second.recorded(11))
    await place.feed(writer, kept.recorded(21))
    assert await place.rows("select id from {v}.demand_text") == [(kept.demand,)]
    found = await place.views.demands(EVERYTHING, DemandFilter(text=TITLE), limit=10)
    assert [one.row.id for one in found.found] == [kept.demand]
    verdict = await rebuild(place.engine, place.keys, progress=lambda done, total: None, compare_only=True)
    assert verdict.equal


async def test_the_key_is_forgotten_at_once(place: Place) -> None:
    history = erased(1)
    await place.know([history])
    known: DataKey = await place.keys.get(key_of(history.demand).key_id)
    writer = place.writer()
    await writer.position()
    await place.feed(writer, history.recorded()[:-1])
    await destroy(place, history.demand)
    assert await place.keys.get(known.key_id) == known
    await place.feed(writer, history.recorded()[-1:])
    assert await place.keys.get_many([known.key_id]) == {}


async def test_an_erased_demand_is_shown_without_its_texts_and_says_so(tracker: Running) -> None:
    history = erased(1)
    await tracker.place.know([history])
    await tracker.projected(await tracker.append([history]))
    path = f"/v1/demands/{history.demand}"
    async with tracker.client(await tracker.key("partner", party="partner-1")) as client:
        shown = (await client.get(path)).json()
        listed = (await client.get("/v1/demands")).json()["items"][0]
        trail = await client.get(f"{path}/trail")
        clock = await client.get(f"{path}/clock")
    for answer in (shown, listed):
        assert answer["erased"] is True
        assert answer["status"] == "closed"
        assert answer.keys().isdisjoint({"title", "description", "requester", "requester_name"})
    assert TITLE not in trail.text
    assert "note" not in trail.json()["commits"][7]["events"][0]["data"]
    assert trail.json()["commits"][-1]["events"][0]["text"] == "个人信息已删除"
    assert clock.status_code == 200


async def test_a_demand_that_was_not_erased_says_so_too(tracker: Running) -> None:
    history = History(demand_of(1)).submitted()
    await tracker.place.know([history])
    await tracker.projected(await tracker.append([history]))
    async with tracker.client(await tracker.key("partner", party="partner-1")) as client:
        shown = (await client.get(f"/v1/demands/{history.demand}")).json()
    assert (shown["erased"], shown["title"]) == (False, TITLE)
