"""Real processes under load, killed with -9 in turn; afterwards everything that was promised must be true.

The number of kills comes from LIANDONG_CHAOS_KILLS: a short form in `make test`, the long form is `make chaos`.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import httpx2
import pytest

from cli.machine.testing import Machine, machine
from tests.chaos.evidence import prove, read_stores
from tests.chaos.load import Load

KILLS = int(os.environ.get("LIANDONG_CHAOS_KILLS", "5"))
TARGETS = ("intake", "router", "tracker", "nats", "postgres")
BETWEEN = 12
PATIENCE = 60.0

pytestmark = [pytest.mark.chaos, pytest.mark.servers]


async def test_nothing_promised_is_lost_when_everything_is_killed_in_turn(tmp_path: Path) -> None:
    with machine(tmp_path / "machine") as system:
        load = Load(system, seed=20261122)
        work = asyncio.create_task(load.run())
        try:
            await _acknowledged(load, work, BETWEEN)
            for number in range(KILLS):
                target = TARGETS[number % len(TARGETS)]
                before = system.pid(target)
                system.kill(target)
                await _back(system, target, before)
                await _acknowledged(load, work, BETWEEN)
        finally:
            load.stopping = True
        await asyncio.wait_for(work, PATIENCE)
        await _settled(system)
        stores = await read_stores(system)
        try:
            await prove(stores, load.record.submitted)
        finally:
            await stores.engine.dispose()
        print(f"{KILLS} kills, {len(load.record.submitted)} demands, {len(load.record.acts)} acts, {len(stores.stream)} commits")


async def _acknowledged(load: Load, work: asyncio.Task[None], by: int) -> None:
    """The system answers again: `by` further commands were acknowledged."""
    more = asyncio.create_task(load.record.more(by))
    done, _ = await asyncio.wait({more, work}, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    if work in done:
        work.result()
    assert more in done, "the system did not recover in time"


async def _back(system: Machine, target: str, before: int | None) -> None:
    async with asyncio.timeout(PATIENCE):
        while system.pid(target) in (None, before):  # noqa: ASYNC110 another process starts it
            await asyncio.sleep(0.02)


async def _settled(system: Machine) -> None:
    """Everything submitted is routed and projected: nothing waits for the desk, and archive and stream have the same length."""
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as client, asyncio.timeout(PATIENCE):
        while not (await _nothing_waits(system, client) and await _all_archived(system)):  # noqa: ASYNC110 other processes do it
            await asyncio.sleep(0.2)


async def _nothing_waits(system: Machine, client: httpx2.AsyncClient) -> bool:
    tracker, headers = system.endpoints["tracker"], {"Authorization": f"Bearer {system.keys['hub']}"}
    try:
        for status in ("submitted", "triage"):
            answer = await client.get(f"{tracker}/v1/demands", params={"status": status, "limit": "1"}, headers=headers)
            if answer.status_code != 200 or answer.json()["items"]:
                return False
        return (await client.get(f"{tracker}/readyz")).status_code == 200
    except httpx2.HTTPError:
        return False  # a service is being started again


async def _all_archived(system: Machine) -> bool:
    stores = await read_stores(system)
    await stores.engine.dispose()
    return len(stores.archive) == len(stores.stream)
