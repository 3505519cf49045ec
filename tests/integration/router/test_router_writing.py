"""The tables one batch behind, on a real PostgreSQL: order, the checkpoint that may wait, and what becomes of a write that fails."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from cli.machine.testing import RunningPostgres
from libs.events import Fenced
from services.router.views import Parking, read_checkpoints
from services.router.waiting import Waiting
from services.router.writing import LATEST, Rows, RowWriter

pytestmark = pytest.mark.servers

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PARTS = (3, 4)
DEMAND = "ningbo-t1-0000000000000001"
NOTHING = Rows((), Waiting(), (), (), (), (), ())


class Noted:
    """Stands for Arming: keeps what it was told."""

    def __init__(self) -> None:
        self.due: list[Mapping[str, datetime | None]] = []

    def note(self, due: Mapping[str, datetime | None], *, again: bool = False) -> None:
        self.due.append(due)


@dataclass
class Desk:
    """A writer at work, its clock, and what it left behind."""

    writer: RowWriter
    engine: AsyncEngine
    noted: Noted
    clock: list[datetime]

    async def reached(self) -> dict[int, int]:
        async with self.engine.begin() as connection:
            return await read_checkpoints(connection, "t1", PARTS)

    async def parked(self) -> list[int]:
        async with self.engine.begin() as connection:
            return list((await connection.execute(text("select seq from router.parked order by seq"))).scalars())


@pytest.fixture
async def desk(postgres: RunningPostgres) -> AsyncIterator[Desk]:
    url = postgres.fresh_database().url("ld_router").replace("postgresql://", "postgresql+asyncpg://")
    engine, noted, clock = create_async_engine(url, connect_args={"ssl": False}), Noted(), [NOW]
    found = Desk(RowWriter("t1", engine, noted, lambda: clock[-1]), engine, noted, clock)  # type: ignore[arg-type]
    found.writer.begin(await found.reached())
    yield found
    await found.writer.stop()
    await engine.dispose()


def parking(seq: int) -> Rows:
    return Rows((), Waiting(due={DEMAND: None}), (), (), (), (Parking(DEMAND, seq, "Corrupt"),), ())


async def test_rows_and_checkpoint_are_stored_in_the_order_of_the_batches(desk: Desk) -> None:
    for seq in range(1, 6):
        await desk.writer.put(parking(seq), seq)
    await desk.writer.finish()
    assert await desk.reached() == {3: 5, 4: 5}
    assert await desk.parked() == [5]
    assert desk.noted.due == [{DEMAND: None}] * 5


async def test_a_checkpoint_alone_waits_for_silence_or_for_its_time(desk: Desk) -> None:
    await desk.writer.put(NOTHING, 1)
    assert await desk.reached() == {3: 0, 4: 0}
    await desk.writer.finish()
    assert await desk.reached() == {3: 1, 4: 1}
    desk.clock.append(NOW + LATEST + timedelta(milliseconds=1))
    await desk.writer.put(NOTHING, 2)
    await desk.writer.abandon()
    assert await desk.reached() == {3: 2, 4: 2}


async def test_rows_take_the_checkpoint_of_silent_batches_with_them(desk: Desk) -> None:
    await desk.writer.put(NOTHING, 7)
    await desk.writer.put(parking(3), 0)
    await desk.writer.abandon()
    assert await desk.reached() == {3: 7, 4: 7}


async def test_after_a_write_that_failed_nothing_later_is_stored_and_the_caller_hears_of_it(desk: Desk) -> None:
    async with desk.engine.begin() as connection:  # another router took the partition over
        await connection.execute(text("update router.checkpoint set seq = 50 where part = 3"))
    await desk.writer.put(parking(1), 1)
    with pytest.raises(Fenced):
        await desk.writer.put(parking(2), 2)
    assert await desk.parked() == []
    assert desk.noted.due == []
    await desk.writer.abandon()
    desk.writer.begin(await desk.reached())
    await desk.writer.put(parking(51), 51)
    await desk.writer.finish()
    assert await desk.reached() == {3: 51, 4: 51}
