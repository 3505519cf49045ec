"""Build a new generation of views from the archive, prove it equal to the running one, and switch.

The bulk is built beside the running tracker. For the last stretch projection stops (seconds), so that both generations stand at exactly
the archive's head; there they are compared row by row and switched in one transaction. The generation before stays for a way back.

A generation that differs is switched to all the same: it is what the archive says. The verdict names the rows.

Views that another release made have other tables, or mean something else by them: there is nothing to compare, they are only replaced.
`ensure_current` does that by itself when a tracker starts. The archive is what must not be lost, and no release changes it.
"""

from __future__ import annotations

import asyncio
import gc
import hashlib
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Table, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.events import Unavailable
from services.tracker import archive, generations
from services.tracker.archive import Entry
from services.tracker.projector import DataKeys, Projector
from services.tracker.tables import KEYS, generation, schema_of

BATCH: Final = 20_000
SHOWN: Final = 10
LOOK_AGAIN: Final = 1.0
LOCK: Final = int.from_bytes(hashlib.sha256(b"tracker/rebuild").digest()[:8], "big", signed=True)

_log: Final = structlog.get_logger("tracker.rebuild")

Progress = Callable[[int, int], None]
"""Called with (commits done, commits to do); the second grows while the archive grows."""


class RebuildRunning(Unavailable):
    """Another rebuild is at work."""


@dataclass(frozen=True, slots=True)
class TableVerdict:
    """One view table: rows in the running and in the rebuilt generation, and keys (at most ten) of rows that differ."""

    table: str
    running: int
    rebuilt: int
    different: Sequence[str]

    @property
    def equal(self) -> bool:
        """Whether every row is the same on both sides."""
        return not self.different and self.running == self.rebuilt


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rebuild found. `switched_to` is None after a mere comparison; without tables there was nothing to compare with."""

    commits: int
    positions: dict[str, int]
    tables: Sequence[TableVerdict]
    switched_to: int | None

    @property
    def equal(self) -> bool:
        """Whether the running views are what the archive says."""
        return all(table.equal for table in self.tables)


async def rebuild(engine: AsyncEngine, keys: DataKeys, *, progress: Progress, compare_only: bool = False) -> Verdict:
    """Rebuild, compare and, unless `compare_only`, switch. Raises RebuildRunning, Corrupt (the archive itself is damaged)."""
    async with engine.connect() as guard:
        if not (await guard.execute(select(func.pg_try_advisory_lock(LOCK)))).scalar_one():
            raise RebuildRunning("another rebuild is at work")
        try:
            with _collecting_seldom():
                return await _rebuild(engine, keys, progress, compare_only)
        finally:
            await guard.execute(select(func.pg_advisory_unlock(LOCK)))


async def ensure_current(engine: AsyncEngine, keys: DataKeys) -> None:
    """Create the views if there are none, and replace those of another release. Raises Corrupt (the archive is damaged), Unavailable.

    Whoever starts while another process is at it waits for that process.
    """
    version = await generations.ensure(engine)
    while not await _current(engine):
        _log.info("views_of_another_release", version=version)
        try:
            verdict = await rebuild(engine, keys, progress=lambda done, total: None)
        except RebuildRunning:
            await asyncio.sleep(LOOK_AGAIN)
        else:
            _log.info("views_replaced", commits=verdict.commits, version=verdict.switched_to)


async def _current(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return await generations.is_current(connection, await generations.active_version(connection))


async def _rebuild(engine: AsyncEngine, keys: DataKeys, progress: Progress, compare_only: bool) -> Verdict:
    await generations.ensure(engine)
    async with engine.begin() as connection:
        version = await _clear(connection) + 1
        await generations.create(connection, version)
    build = _Build(engine, Projector(keys, version), progress)
    await build.catch_up()
    async with engine.begin() as connection:
        await generations.index(connection, version)
    await build.catch_up()
    async with engine.begin() as connection:
        running = await generations.stop_projection(connection)
        await build.finish(connection)
        comparable = await generations.is_current(connection, running)
        tables = [await _compare(connection, table, running, version) for table in generation.sorted_tables if comparable]
        if compare_only:
            await generations.drop(connection, version)
        else:
            await generations.switch(connection, version)
    async with engine.begin() as connection:
        await _clear(connection)
    return Verdict(build.done, dict(build.positions), tables, None if compare_only else version)


async def _clear(connection: AsyncConnection) -> int:
    """Drop what an interrupted rebuild left and generations older than the one before the active; return the highest number kept."""
    running = await generations.active_version(connection)
    found = await generations.existing(connection)
    before = max((version for version in found if version < running), default=None)
    for version in found:
        if version not in (running, before):
            await generations.drop(connection, version)
    return running


@contextmanager
def _collecting_seldom() -> Generator[None, None, None]:
    """Let the garbage collector run seldom: commits are values without cycles, and looking through them took half the time (measured)."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(200_000, 20, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


class _Build:
    """A generation under construction and how far it has come in every cell."""

    def __init__(self, engine: AsyncEngine, projector: Projector, progress: Progress) -> None:
        self.positions: dict[str, int] = {}
        self.done = 0
        self._engine = engine
        self._projector = projector
        self._progress = progress

    async def catch_up(self) -> None:
        """Project everything that is archived now, batch by batch, each in a transaction of its own."""
        async with self._engine.connect() as connection:
            ends = await archive.positions(connection)
            await connection.rollback()
            self._tell(ends)
            for cell, end in ends.items():
                async with aclosing(_ahead(self._engine, cell, self.positions.get(cell, 0), end)) as batches:
                    async for entries in batches:
                        async with connection.begin():
                            await self._step(connection, cell, entries)
                        self._tell(ends)

    async def finish(self, connection: AsyncConnection) -> None:
        """Project the rest in the caller's transaction, while nothing is added any more."""
        ends = await archive.positions(connection)
        for cell, end in ends.items():
            while (place := self.positions.get(cell, 0)) < end:
                await self._step(connection, cell, await archive.entries_after(connection, cell, place, BATCH, end))
        self._tell(ends)

    async def _step(self, connection: AsyncConnection, cell: str, entries: Sequence[Entry]) -> None:
        # SQLAlchemy sends BEGIN with its first statement; everything after it goes through the driver.
        await connection.execute(text("set local synchronous_commit to off"))
        await self._projector.run(connection, entries, await archive.heads_before(connection, entries))
        self._projector.keep()
        self.positions[cell] = entries[-1].seq
        self.done += len(entries)

    def _tell(self, ends: dict[str, int]) -> None:
        self._progress(self.done, sum(ends.values()))


async def _ahead(engine: AsyncEngine, cell: str, after: int, until: int) -> AsyncGenerator[list[Entry], None]:
    """Read a cell's archive one batch ahead of who projects it, so that the database reads while Python folds."""
    async with engine.connect() as connection:

        async def read(place: int) -> list[Entry]:
            return await archive.entries_after(connection, cell, place, BATCH, until)

        coming = asyncio.create_task(read(after))
        try:
            while after < until:
                entries = await coming
                after = entries[-1].seq
                coming = asyncio.create_task(read(after))
                yield entries
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _compare(connection: AsyncConnection, table: Table, running: int, rebuilt: int) -> TableVerdict:
    """Compare a table's rows in both generations: a digest of each whole table first, the rows only if it differs."""
    sides = [await _digest(connection, table, version) for version in (running, rebuilt)]
    different = [] if sides[0] == sides[1] else await _different(connection, table, running, rebuilt)
    return TableVerdict(table.name, sides[0][0], sides[1][0], different)


async def _digest(connection: AsyncConnection, table: Table, version: int) -> tuple[int, str]:
    """(rows, sums of both halves of the rows' digests); the order of rows does not matter."""
    halves = " || '-' || ".join(f"coalesce(sum(('x' || substr(d, {start}, 15))::bit(60)::bigint), 0)" for start in (1, 17))
    query = f"select count(*), {halves} from (select md5({_row(table)}) d from {schema_of(version)}.{table.name} t) s"  # noqa: S608 - own names
    row = (await connection.execute(text(query))).one()
    return int(row[0]), str(row[1])


async def _different(connection: AsyncConnection, table: Table, running: int, rebuilt: int) -> list[str]:
    keys = KEYS[table]
    join = " and ".join(f"a.{key} = b.{key}" for key in keys)
    name = " || ':' || ".join(f"coalesce(a.{key}, b.{key})::text" for key in keys)
    a, b = (f"(select {', '.join(keys)}, md5({_row(table)}) d from {schema_of(v)}.{table.name} t)" for v in (running, rebuilt))  # noqa: S608 - own names
    query = f"select {name} from {a} a full join {b} b on {join} where a.d is distinct from b.d order by 1 limit {SHOWN}"  # noqa: S608 - the same
    return [str(found) for found in (await connection.execute(text(query))).scalars()]


def _row(table: Table) -> str:
    return f"row({', '.join(f't.{column.name}' for column in table.columns)})::text"
