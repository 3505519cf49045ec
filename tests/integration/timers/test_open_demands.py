"""The table behind the sweep, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from cli.machine.testing import RunningPostgres
from libs.events.names import partition
from services.router.open_demands import OPEN_DEMAND, Counts, OpenDemand, count, held_by, mark_armed, overdue, unarmed, write_open

pytestmark = pytest.mark.servers

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B, C = (f"ningbo-t1-{number:016}" for number in (1, 2, 3))
ALL = range(64)


@pytest.fixture
async def connection(postgres: RunningPostgres) -> AsyncIterator[AsyncConnection]:
    url = postgres.fresh_database().url("ld_router").replace("postgresql://", "postgresql+asyncpg://")
    engine = create_async_engine(url, connect_args={"ssl": False})
    async with engine.begin() as connection:
        yield connection
    await engine.dispose()


def waiting(demand: str, **more: Any) -> OpenDemand:
    row = OpenDemand(
        demand=demand,
        cell="t1",
        network="ningbo",
        part=partition(demand),
        status="assigned",
        holder_node="yz-window",
        holder_assignment="a1",
        due=NOW + HOUR,
        version=2,
        sample=True,
        category="digital",
        region="330206",
        urgency="normal",
        enterprise="ent-1",
        party="party-1",
        submitted_at=NOW - HOUR,
        since=NOW,
    )
    return replace(row, **more)


async def stored(connection: AsyncConnection) -> dict[str, Any]:
    return {row.demand: row for row in await connection.execute(select(OPEN_DEMAND))}


async def test_a_row_is_kept_as_it_was_made(connection: AsyncConnection) -> None:
    row = waiting(A, holder_node=None, holder_assignment=None, category=None)
    await write_open(connection, [row], {})

    kept = (await stored(connection))[A]._mapping
    assert kept == {**{name: getattr(row, name) for name in OpenDemand.__slots__}, "armed": None}


async def test_a_later_version_replaces_a_row_and_an_earlier_one_does_not(connection: AsyncConnection) -> None:
    await write_open(connection, [waiting(A), waiting(B)], {})
    await write_open(connection, [waiting(A, version=3, status="in_progress"), waiting(B, version=1, status="triage")], {})
    await write_open(connection, [waiting(B, due=NOW + 2 * HOUR)], {})

    rows = await stored(connection)
    assert [(rows[demand].version, rows[demand].status) for demand in (A, B)] == [(3, "in_progress"), (2, "assigned")]
    assert rows[B].due == NOW + 2 * HOUR


async def test_a_demand_that_waits_no_more_goes_unless_it_has_come_back(connection: AsyncConnection) -> None:
    await write_open(connection, [waiting(A), waiting(B), waiting(C)], {})
    await write_open(connection, [waiting(B, version=5)], {A: 3, B: 4, "ningbo-t1-0000000000000009": 1})

    assert set(await stored(connection)) == {B, C}


async def test_what_is_armed_is_what_was_noted_last_and_survives_later_versions(connection: AsyncConnection) -> None:
    await write_open(connection, [waiting(A), waiting(B), waiting(C, due=None)], {})
    assert await unarmed(connection, ALL, 10) == {A: NOW + HOUR, B: NOW + HOUR}

    await mark_armed(connection, {A: NOW + HOUR, B: NOW, C: NOW})
    assert await unarmed(connection, ALL, 10) == {B: NOW + HOUR, C: None}

    await mark_armed(connection, {B: NOW + HOUR, C: None})
    await write_open(connection, [waiting(A, version=3), waiting(B, version=3, due=NOW + 2 * HOUR)], {})
    assert await unarmed(connection, ALL, 10) == {B: NOW + 2 * HOUR}
    assert await unarmed(connection, {partition(A)}, 10) == {}
    assert len(await unarmed(connection, ALL, 0)) == 0
    await mark_armed(connection, {})


async def test_the_sweep_finds_what_is_overdue_by_more_than_the_grace_longest_first(connection: AsyncConnection) -> None:
    late = {A: timedelta(seconds=31), B: timedelta(seconds=29), C: HOUR}
    await write_open(connection, [waiting(demand, due=NOW - by) for demand, by in late.items()], {})
    await write_open(connection, [waiting("ningbo-t1-0000000000000004", due=None)], {})

    assert await overdue(connection, ALL, NOW, 10) == [C, A]
    assert await overdue(connection, ALL, NOW, 1) == [C]
    assert await overdue(connection, ALL, NOW, 10, grace=timedelta(0)) == [C, A, B]
    assert await overdue(connection, {partition(A)}, NOW, 10) == [A]
    assert await overdue(connection, [], NOW, 10) == []


async def test_the_demands_of_a_node_are_found_longest_held_first(connection: AsyncConnection) -> None:
    await write_open(connection, [waiting(A), waiting(B, since=NOW - HOUR), waiting(C, holder_node="yz-hub")], {})

    assert await held_by(connection, ["yz-window"], 10) == [B, A]
    assert await held_by(connection, ["yz-window", "yz-hub"], 1) == [B]


async def test_the_counts_say_what_is_wrong(connection: AsyncConnection) -> None:
    assert await count(connection, ALL, NOW) == Counts(0, 0, 0, 0, 0, None)

    lost = waiting(B, due=NOW - HOUR, holder_node=None, holder_assignment=None)
    await write_open(connection, [waiting(A), lost, waiting(C, due=None)], {})
    await mark_armed(connection, {A: NOW + HOUR})

    assert await count(connection, ALL, NOW) == Counts(3, unarmed=1, overdue=1, without_holder=1, without_due=1, next_due=NOW - HOUR)
    assert await count(connection, {partition(A)}, NOW) == Counts(1, 0, 0, 0, 0, NOW + HOUR)
