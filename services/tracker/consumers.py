"""`demand.<cell>.>` into archive and views: one writer per cell, batch by batch, archive, views and checkpoint in one transaction.

Who writes a cell holds an advisory lock on the very connection it writes with; everybody else stands by. The checkpoint is moved by
compare-and-set all the same, so that a writer that only believes it leads is fenced.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from typing import Final, Protocol

import asyncpg
import structlog
from sqlalchemy import exc
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.chassis.database import database_errors
from libs.directory import Directory
from libs.events import EventStore, Fenced, GapDetected, Recorded, Unavailable
from libs.events.consumer import run_projection
from libs.events.names import demand_stream
from libs.events.tasks import end
from services.tracker import archive
from services.tracker.archive import Checkpoint, Head, StreamChanged
from services.tracker.feed import Bell
from services.tracker.generations import hold_active
from services.tracker.metrics import TrackerMetrics
from services.tracker.projector import DataKeys, Projector
from services.tracker.spans import batch_span

BATCH: Final = 2_000
HEADS: Final = 100_000
MEASURED_EVERY: Final = 5.0
GATHER: Final = 0.03
"""Seconds between two batches: each is a transaction, whatever its size."""
TRY_AGAIN: Final = 5.0
_log: Final = structlog.get_logger("tracker.consumers")


class CellWriter:
    """The projection of one cell's stream, for `run_projection`."""

    def __init__(self, engine: AsyncEngine, store: EventStore, keys: DataKeys, cell: str, *, bell: Bell, metrics: TrackerMetrics) -> None:
        self.cell = cell
        self._engine = engine
        self._store = store
        self._keys = keys
        self._bell = bell
        self._metrics = metrics
        self._connection: AsyncConnection | None = None
        self._checkpoint: Checkpoint | None = None
        self._created = ""
        self._heads: dict[str, Head] = {}
        self._projector = Projector(keys, 0)

    async def position(self) -> int:
        """Take the lead and return the checkpoint. Raises Fenced while another process leads, StreamChanged, Unavailable."""
        await self.close()
        self._created = await self._store.created(demand_stream(self.cell))
        with database_errors():
            connection = self._connection = await self._engine.connect()
            if not await archive.try_lead(connection, self.cell):
                await self.close()
                raise Fenced(f"another process writes cell {self.cell}")
            self._checkpoint = await archive.load_checkpoint(connection, self.cell)
            await connection.commit()
        if self._checkpoint is not None:
            await self._require_same_stream(self._checkpoint)
        return 0 if self._checkpoint is None else self._checkpoint.seq

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Archive and project a batch and move the checkpoint, all or nothing. Raises GapDetected, Fenced, Unavailable."""
        started = time.perf_counter()
        last = 0 if self._checkpoint is None else self._checkpoint.seq
        batch = [recorded for recorded in batch if recorded.seq > last]
        if not batch:
            return
        if batch[0].seq != last + 1:
            raise GapDetected(demand_stream(self.cell), last + 1, batch[0].seq)
        try:
            with batch_span(self.cell, batch), database_errors():
                try:
                    changes = await self._write(batch, frozenset())
                except (asyncpg.UniqueViolationError, exc.IntegrityError):
                    # Somebody repeated a commit id; find out whose, and archive that commit under its place.
                    changes = await self._write(batch, await self._taken(batch))
        except BaseException:
            self._forget()
            raise
        self._metrics.projected(self.cell, len(batch), changes, time.perf_counter() - started)
        self._metrics.position(self.cell, batch[-1].seq, self._projector.parked)
        self._bell.ring()

    async def close(self) -> None:
        """Give up the lead. The connection is cut, because a pooled one would keep the lock."""
        self._forget()
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(exc.DBAPIError, OSError):
                await connection.invalidate()
            with suppress(exc.DBAPIError, OSError):
                await connection.close()

    async def _write(self, batch: Sequence[Recorded], taken: frozenset[str]) -> int:
        connection = self._connection
        if connection is None:
            raise Unavailable(f"cell {self.cell} is not open")
        async with connection.begin():
            version = await hold_active(connection)
            if version != self._projector.version:
                _log.info("generation_in_use", cell=self.cell, version=version)
                self._projector = Projector(self._keys, version)
            before = self._checkpoint
            after = Checkpoint(self._created, batch[-1].seq, hashlib.sha256(batch[-1].body).digest())
            await archive.move_checkpoint(connection, self.cell, before, after)
            heads = await self._load_heads(connection, batch)
            known = dict(heads)
            entries = archive.enter(self.cell, batch, heads, taken)
            await archive.store(connection, entries)
            changes = await self._projector.run(connection, entries, known)
        self._projector.keep()
        self._checkpoint = after
        self._remember(heads)
        return len(changes)

    async def _load_heads(self, connection: AsyncConnection, batch: Sequence[Recorded]) -> dict[str, Head]:
        demands = {archive.demand_at(recorded.subject) for recorded in batch}
        heads = {demand: self._heads[demand] for demand in demands if demand in self._heads}
        missing = sorted(demands - heads.keys())
        if missing:
            heads.update(await archive.last_heads(connection, missing))
        return heads

    async def _taken(self, batch: Sequence[Recorded]) -> frozenset[str]:
        connection = self._connection
        if connection is None:
            raise Unavailable(f"cell {self.cell} is not open")
        async with connection.begin():
            return await archive.taken_ids(connection, batch)

    async def _require_same_stream(self, checkpoint: Checkpoint) -> None:
        stream = demand_stream(self.cell)
        if self._created != checkpoint.stream_created:
            raise StreamChanged(f"{stream} was created at {self._created}, the archived one at {checkpoint.stream_created}")
        last = await self._store.position(stream)
        if last < checkpoint.seq:
            raise StreamChanged(f"{stream} ends at {last}, the archive at {checkpoint.seq}")
        async with aclosing(self._store.read(stream, checkpoint.seq - 1, batch=1)) as batches:
            async for found in batches:
                if found:
                    if found[0].seq != checkpoint.seq or hashlib.sha256(found[0].body).digest() != checkpoint.hash:
                        raise StreamChanged(f"{stream} holds other bytes than the archive at {checkpoint.seq}")
                    return

    def _remember(self, heads: dict[str, Head]) -> None:
        if len(self._heads) + len(heads) > HEADS:
            self._heads = {}
        self._heads.update(heads)

    def _forget(self) -> None:
        self._heads = {}
        self._projector.forget()


class Cells(Protocol):
    """Where open cells are learned from; a DirectoryFollower."""

    @property
    def directory(self) -> Directory: ...

    def on_change(self, callback: Callable[[Directory], None]) -> None: ...


class _Healing:
    """A writer that tells when a batch stands."""

    def __init__(self, writer: CellWriter, stands: Callable[[str], None]) -> None:
        self._writer = writer
        self._stands = stands

    async def position(self) -> int:
        return await self._writer.position()

    async def apply(self, batch: Sequence[Recorded]) -> None:
        await self._writer.apply(batch)
        self._stands(self._writer.cell)


class Followers:
    """Follows every open cell, each in a task of its own. `faults`: why a cell stands still and an operator is needed."""

    def __init__(
        self,
        engine: AsyncEngine,
        store: EventStore,
        keys: DataKeys,
        cells: Cells,
        *,
        bell: Bell,
        metrics: TrackerMetrics,
        cell: str,
    ) -> None:
        self.faults: dict[str, str] = {}
        self._engine = engine
        self._store = store
        self._keys = keys
        self._bell = bell
        self._metrics = metrics
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._follow(cell)
        cells.on_change(self._follow_all)
        self._follow_all(cells.directory)

    @property
    def healthy(self) -> bool:
        """Whether every open cell is followed or stood by for."""
        return not self.faults

    async def start(self) -> None:
        """Watch how far behind the streams the archive is."""
        self._watch = asyncio.create_task(self._measure())

    async def stop(self) -> None:
        """Stop following; a batch in progress is rolled back and comes again."""
        tasks = [*self._tasks.values(), *([self._watch] if self._watch is not None else [])]
        self._tasks = {}
        await end(tasks)

    def _follow_all(self, directory: Directory) -> None:
        for cell in directory.cells:
            self._follow(cell)

    def _follow(self, cell: str) -> None:
        if cell not in self._tasks:
            self._tasks[cell] = asyncio.create_task(self._run(cell), name=f"cell {cell}")

    async def _run(self, cell: str) -> None:
        writer = CellWriter(self._engine, self._store, self._keys, cell, bell=self._bell, metrics=self._metrics)
        healing = _Healing(writer, self._heal)
        try:
            while True:
                try:
                    await run_projection(
                        self._store, demand_stream(cell), healing, batch=BATCH, gather=GATHER, on_fault=self._on_fault(cell)
                    )
                except StreamChanged as fault:
                    self._stand_still(cell, fault)
                    return
                except Exception as fault:  # noqa: BLE001 told by the gate, then tried again
                    # Nothing we know how to handle: the gate stays closed until a batch stands again.
                    self._stand_still(cell, fault)
                    await asyncio.sleep(TRY_AGAIN)
        finally:
            await writer.close()

    def _stand_still(self, cell: str, fault: Exception) -> None:
        self.faults[cell] = str(fault) if isinstance(fault, StreamChanged) else type(fault).__name__
        self._metrics.stopped(cell, True)
        _log.critical("cell_stands_still", cell=cell, fault=type(fault).__name__)

    def _heal(self, cell: str) -> None:
        if self.faults.pop(cell, None) is not None:
            self._metrics.stopped(cell, False)
            _log.info("cell_goes_on", cell=cell)

    def _on_fault(self, cell: str) -> Callable[[Exception], None]:
        def told(fault: Exception) -> None:
            self._metrics.fault(cell, type(fault).__name__)
            if isinstance(fault, Fenced):
                _log.info("standing_by", cell=cell, message=str(fault))
            elif isinstance(fault, GapDetected):
                _log.critical("sequence_missing", cell=cell, expected=fault.expected, found=fault.found)
            else:
                _log.warning("reading_interrupted", cell=cell, message=str(fault))

        return told

    async def _measure(self) -> None:
        while True:
            for cell in list(self._tasks):
                with suppress(Unavailable):
                    self._metrics.head(cell, await self._store.position(demand_stream(cell)))
            await asyncio.sleep(MEASURED_EVERY)
