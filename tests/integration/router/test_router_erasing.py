"""Erasing over HTTP when something comes between: key and files go in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from dataclasses import replace

import pytest
from fastapi import FastAPI

from libs.events import DemandWithdrawn, NotFound, Unavailable
from services.router.files import MemoryFileStore
from services.router.rooms import Rooms
from tests.integration.router.test_router_api import post
from tests.integration.router.town import Town, client_of, content

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
