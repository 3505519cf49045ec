"""Erasing over HTTP when something comes between: key and files go in the end, in the whole and its parts, and never without the event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import replace

import pytest
from fastapi import FastAPI

from libs.events import DemandReopened, DemandWithdrawn, ErasureRequested, NotFound, PersonalDataErased, Unavailable
from services.router.files import MemoryFileStore
from services.router.rooms import Rooms
from tests.integration.router.test_router_api import post
from tests.integration.router.test_router_reactions import held, split
from tests.integration.router.town import Town, client_of, content, eventually

pytestmark = pytest.mark.servers


class Faltering(MemoryFileStore):
    """Cannot be reached at the first removal."""

    def __init__(self) -> None:
        super().__init__()
        self.removals = 0

    async def delete_all(self, demands: Collection[str]) -> None:
        self.removals += 1
        if self.removals == 1:
            raise Unavailable("the files are away")
        await super().delete_all(demands)


@pytest.fixture
async def app(town: Town) -> AsyncIterator[FastAPI]:
    await town.publish(content())
    async with town.router() as app:
        yield app


async def withdrawn(town: Town) -> str:
    demand = await town.submit()
    await town.assigned(demand)
    await town.append(demand, "WithdrawDemand", f"withdraw-{demand}", DemandWithdrawn())
    return demand


async def split_and_withdrawn(town: Town) -> tuple[str, list[str]]:
    """A whole and its two parts, all of them ended and the whole knowing it."""
    key = town.pool.take()
    whole = await held(town, key)
    parts = await split(town, whole, key, 2)
    for one in parts:
        await town.assigned(one)
        await town.append(one, "WithdrawDemand", f"withdraw-{one}", DemandWithdrawn())
    await town.happens(whole, "PartCompleted", 2)
    await town.append(whole, "WithdrawDemand", f"withdraw-{whole}", DemandWithdrawn())
    return whole, parts


async def erase(town: Town, demand: str) -> None:
    """Two persons have erased it: the event alone, as a router leaves it that dies right after."""
    key = (await town.state(demand)).key_id
    await town.append(demand, "RequestErasure", "ask", ErasureRequested(requested_by="person-1", reason="subject_asked"))
    erased = PersonalDataErased(requested_by="person-1", approved_by="person-2", key=key)
    await town.append(demand, "ApproveErasure", "approve", erased)


async def gone(town: Town, demand: str) -> None:
    """Wait until the key is destroyed."""

    async def destroyed() -> bool:
        return not await keys(town, demand)

    await eventually(destroyed)


async def keys(town: Town, demand: str) -> list[tuple[object, ...]]:
    key = (await town.state(demand)).key_id
    return await town.rows(f"select key_id from keyring.data_key where key_id = '{key}'")


async def test_the_same_approval_again_finishes_what_was_broken_off(town: Town, app: FastAPI) -> None:
    rooms: Rooms = app.state.rooms
    files = Faltering()
    app.state.rooms = replace(rooms, files=files)
    hub = await town.enter(client_of(app, await town.issue("coordinator", "nb-hub")))
    bureau = await town.enter(client_of(app, await town.issue("bureau")))
    demand = await withdrawn(town)
    await files.put(demand, "f-one", b"sealed")
    assert await keys(town, demand)
    assert (await post(hub, f"/v1/demands/{demand}/erasure", {"reason": "subject_asked"})).status_code == 201
    place = f"/v1/demands/{demand}/erasure/approval"
    assert (await post(bureau, place, {})).status_code == 503
    assert await files.get(demand, "f-one") == b"sealed"
    again = await post(bureau, place, {})
    assert (again.status_code, again.headers["Idempotent-Replay"]) == (200, "true")
    assert not await keys(town, demand)
    with pytest.raises(NotFound):
        await files.get(demand, "f-one")


async def test_a_refused_approval_destroys_nothing_not_even_at_the_next_start(town: Town) -> None:
    await town.publish(content())
    async with town.router() as app:
        hub = await town.enter(client_of(app, await town.issue("coordinator", "nb-hub")))
        bureau = await town.enter(client_of(app, await town.issue("bureau")))
        demand = await withdrawn(town)
        place = f"/v1/demands/{demand}/erasure"
        assert (await post(hub, place, {"reason": "subject_asked"})).status_code == 201
        stale = await post(bureau, f"{place}/approval", {}, **{"If-Match": '"1"'})
        assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
        assert await app.state.rooms.ledger.orders() == []
    async with town.router():
        assert await keys(town, demand)


async def test_a_router_that_dies_between_the_event_and_the_destruction_finishes_it_by_itself(town: Town) -> None:
    await town.publish(content())
    async with town.router() as app:
        demand = await withdrawn(town)
        await app.state.rooms.files.put(demand, "f-one", b"sealed")
    await erase(town, demand)
    async with town.router() as app:
        await gone(town, demand)
        (order,) = await app.state.rooms.ledger.orders()
        assert (order.demand, order.requested_by, order.approved_by) == (demand, "person-1", "person-2")
        with pytest.raises(NotFound):
            await app.state.rooms.files.get(demand, "f-one")


async def test_erasing_a_whole_erases_each_of_its_parts_under_the_same_order(town: Town, app: FastAPI) -> None:
    hub = await town.enter(client_of(app, await town.issue("coordinator", "nb-hub")))
    bureau = await town.enter(client_of(app, await town.issue("bureau", party="person-2")))
    whole, parts = await split_and_withdrawn(town)
    for one in (whole, *parts):
        await app.state.rooms.files.put(one, "f-one", b"sealed")
    place = f"/v1/demands/{whole}/erasure"
    assert (await post(hub, place, {"reason": "subject_asked"})).status_code == 201
    assert (await post(bureau, f"{place}/approval", {})).status_code == 201
    assert not await keys(town, whole)
    for part in parts:
        erased = (await town.commits(part))[-1].events[0]
        assert isinstance(erased, PersonalDataErased)
        assert (erased.key, erased.approved_by) == ((await town.state(whole)).key_id, "person-2")
        with pytest.raises(NotFound):
            await app.state.rooms.files.get(part, "f-one")
        answer = await post(hub, f"/v1/demands/{part}/erasure", {"reason": "subject_asked"})
        assert (answer.status_code, answer.json()["code"]) == (410, "personal_data_erased")
    assert {order.demand for order in await app.state.rooms.ledger.orders()} == {whole, *parts}
    marker = await town.submit()
    await town.assigned(marker)
    for one in (whole, *parts):
        assert (await town.names(one)).count("PersonalDataErased") == 1


async def test_the_parts_of_a_whole_erased_while_no_router_ran_are_erased_when_one_comes(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        whole, parts = await split_and_withdrawn(town)
    await erase(town, whole)
    async with town.router():
        for part in parts:
            await town.happens(part, "PersonalDataErased")
        await gone(town, whole)


async def test_a_whole_is_not_erased_while_a_part_runs_again_even_if_it_has_not_heard_of_it(town: Town, app: FastAPI) -> None:
    hub = await town.enter(client_of(app, await town.issue("coordinator", "nb-hub")))
    bureau = await town.enter(client_of(app, await town.issue("bureau")))
    whole, parts = await split_and_withdrawn(town)
    place = f"/v1/demands/{whole}/erasure"
    assert (await post(hub, place, {"reason": "subject_asked"})).status_code == 201
    await town.append(parts[0], "RequestReopening", "reopen", DemandReopened(cause="enterprise_asked", assignment="a1"))
    answer = await post(bureau, f"{place}/approval", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "parts_not_ended")
    assert await keys(town, whole)


async def test_a_part_reopened_in_the_moment_of_the_approval_keeps_the_key_until_it_has_ended(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        whole, parts = await split_and_withdrawn(town)
    await town.append(parts[0], "RequestReopening", "reopen", DemandReopened(cause="enterprise_asked", assignment="a1"))
    await erase(town, whole)
    async with town.router() as app:
        await town.happens(whole, "PartReopened")
        await town.happens(parts[1], "PersonalDataErased")
        assert await keys(town, whole)
        assert await app.state.rooms.ledger.orders() == []
        await town.append(parts[0], "WithdrawDemand", "withdraw-again", DemandWithdrawn())
        await town.happens(parts[0], "PersonalDataErased")
        await gone(town, whole)


async def test_what_a_restored_backup_brings_back_goes_at_the_next_start(town: Town) -> None:
    await town.publish(content())
    async with town.router() as app:
        hub = await town.enter(client_of(app, await town.issue("coordinator", "nb-hub")))
        bureau = await town.enter(client_of(app, await town.issue("bureau")))
        demand, other = await withdrawn(town), await withdrawn(town)
        assert (await post(hub, f"/v1/demands/{demand}/erasure", {"reason": "subject_asked"})).status_code == 201
        assert (await post(bureau, f"/v1/demands/{demand}/erasure/approval", {})).status_code == 201
        for one in (demand, other):
            await app.state.rooms.files.put(one, "f-one", b"sealed")
    async with town.router() as app:
        assert await app.state.rooms.files.get(other, "f-one") == b"sealed"
        assert await keys(town, other)
        with pytest.raises(NotFound):
            await app.state.rooms.files.get(demand, "f-one")
