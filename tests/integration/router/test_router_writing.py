"""The tables one batch behind, on a real PostgreSQL: order, the checkpoint that may wait, and what becomes of a write that fails."""

from __future__ import annotations

import asyncio
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
from services.router.writing import LATEST, MOST, Rows, RowWriter

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


async def stands(desk: Desk, seq: int) -> None:
    """Wait until both partitions stand at a sequence."""
    async with asyncio.timeout(20):
        while await desk.reached() != dict.fromkeys(PARTS, seq):  # noqa: ASYNC110 the writer does it
            await asyncio.sleep(0.01)


async def test_rows_and_checkpoint_are_stored_in_the_order_of_the_batches(desk: Desk) -> None:
    for seq in range(1, 3 * MOST):
        await desk.writer.put(parking(seq), seq)
    await desk.writer.finish()
    assert await desk.reached() == dict.fromkeys(PARTS, 3 * MOST - 1)
    assert await desk.parked() == [3 * MOST - 1]
    assert desk.noted.due == [{DEMAND: None}] * len(desk.noted.due) != []


async def test_what_comes_while_a_write_is_under_way_goes_together_in_the_next(desk: Desk) -> None:
    for seq in range(1, MOST):
        await desk.writer.put(parking(seq), seq)
    await desk.writer.finish()
    assert len(desk.noted.due) < MOST - 1
    assert await desk.parked() == [MOST - 1]


async def test_a_checkpoint_alone_waits_for_silence_or_for_its_time(desk: Desk) -> None:
    await desk.writer.put(NOTHING, 1)
    assert await desk.reached() == {3: 0, 4: 0}
    await desk.writer.finish()
    assert await desk.reached() == {3: 1, 4: 1}
    desk.clock.append(NOW + LATEST + timedelta(milliseconds=1))
    await desk.writer.put(NOTHING, 2)
    await stands(desk, 2)


async def test_rows_take_the_checkpoint_of_silent_batches_with_them(desk: Desk) -> None:
    await desk.writer.put(NOTHING, 7)
    await desk.writer.put(parking(3), 0)
    await stands(desk, 7)


async def test_after_a_write_that_failed_nothing_later_is_stored_and_the_caller_hears_of_it(desk: Desk) -> None:
    async with desk.engine.begin() as connection:  # another router took the partition over
        await connection.execute(text("update router.checkpoint set seq = 50 where part = 3"))
    await desk.writer.put(parking(1), 1)
    await desk.writer.put(parking(2), 2)
    with pytest.raises(Fenced):
        await desk.writer.finish()
    assert await desk.parked() == []
    assert desk.noted.due == []
    await desk.writer.abandon()
    desk.writer.begin(await desk.reached())
    await desk.writer.put(parking(51), 51)
    await desk.writer.finish()
    assert await desk.reached() == {3: 51, 4: 51}
    assert await desk.parked() == [51]


def test_of_each_row_the_last_word_counts() -> None:
    rows = {"a": {"demand": DEMAND, "assignment": "a1", "version": 2}, "b": {"demand": DEMAND, "assignment": "a1", "version": 3}}
    parked, cured = Rows((), Waiting(), (), (), (), (Parking(DEMAND, 1, "Corrupt"),), ()), Rows((), Waiting(), (), (), (), (), (DEMAND,))
    first = Rows([rows["a"]], Waiting(gone={DEMAND: 2}, due={DEMAND: None}), (), (), (), (), ())
    later = Rows([rows["b"]], Waiting(due={DEMAND: NOW}), (), (), (), (), ())
    whole = Rows.together([first, parked, cured, later])
    assert whole.assignments == [rows["b"]]
    assert (whole.open.gone, whole.open.due) == ({DEMAND: 2}, {DEMAND: NOW})
    assert (whole.parked, whole.cured) == ([], [DEMAND])
    assert Rows.together([cured, parked]).parked == list(parked.parked)
