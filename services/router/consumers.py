"""Follows a cell's stream and gives every batch to the process manager; worklists and checkpoints move in one transaction.

One reader per process and cell, unfiltered and contiguous, from the lowest checkpoint of the partitions owned; commits of other
partitions, and those at or below a partition's own checkpoint, are passed over. The order is: append what is decided and what other
demands are owed, then write rows and checkpoints, while the next batch is taken up already. A crash in between repeats the batches since
the checkpoint, and every part of them may be repeated. Timers are set afterwards, behind the scenes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.database import transaction
from libs.events import EventStore, Fenced, GapDetected, NotFound, Recorded, Unavailable
from libs.events.consumer import run_projection
from libs.events.names import demand_of, demand_stream, demand_subject, parse_demand_id, partition
from services.router.arming import Arming
from services.router.cases import Case, CaseBook, OpenLoad
from services.router.metrics import Meters
from services.router.ownership import PartitionOwnership
from services.router.process import Dispatcher
from services.router.reactions import Reactions
from services.router.views import Parking, open_load, read_checkpoints, read_parked
from services.router.writing import Rows, RowWriter

BATCH: Final = 500
ROUNDS: Final = 4
REFRESH_LOAD: Final = timedelta(seconds=30)
TRY_PARKED: Final = timedelta(seconds=30)
WATCH_LAG: Final = 2.0
THICK: Final = 100
"""Commits within `WINDOW` from which on the router counts as busy, for the time `REST`."""
WINDOW: Final = timedelta(seconds=1)
REST: Final = timedelta(seconds=2)
_log = structlog.get_logger("consumers")


class CellRouter:
    """Routes the demands of one cell in the partitions owned; a Projection for `run_projection`.

    A turn is held while a batch is in work: who holds it may end the task without cutting a batch, and its connections, in two.
    """

    def __init__(
        self,
        cell: str,
        store: EventStore,
        engine: AsyncEngine,
        ownership: PartitionOwnership,
        dispatcher: Dispatcher,
        reactions: Reactions,
        arming: Arming,
        load: OpenLoad,
        meters: Meters,
        now: Callable[[], datetime],
    ) -> None:
        self.cell = cell
        self._stream = demand_stream(cell)
        self._store = store
        self._engine = engine
        self._ownership = ownership
        self._dispatcher = dispatcher
        self._reactions = reactions
        self._writer = RowWriter(cell, engine, arming, now)
        self._load = load
        self._meters = meters
        self._now = now
        self._book = CaseBook(store)
        self._parts: frozenset[int] = frozenset()
        self._seqs: dict[int, int] = {}
        self._parked: set[str] = set()
        self._load_read: datetime | None = None
        self._busy_until = self._window = now()
        self._counted = 0
        self._turn = asyncio.Lock()
        self.handled = 0

    async def run(self) -> None:
        """Follow the stream for ever; begin again whenever the partitions owned change."""
        while True:
            changed = self._ownership.changed
            if self._ownership.parts:
                await run_projection(
                    self._store, self._stream, self, batch=BATCH, stop=changed, on_fault=self._fault, on_silence=self._finish
                )
            else:
                await changed.wait()

    async def watch_lag(self) -> None:
        """Tell for ever how far the stream is ahead."""
        lag = self._meters.lag.labels(self.cell)
        tried = self._now()
        while True:
            if self.parked and self._now() - tried > TRY_PARKED:  # a clock put right, a key that unwraps again
                tried = self._now()
                self._ownership.announce()
            try:
                lag.set(max(await self._store.position(self._stream) - self.handled, 0) if self._parts else 0)
            except Unavailable as error:
                _log.debug("lag_unknown", cell=self.cell, message=str(error))
            await asyncio.sleep(WATCH_LAG)

    async def position(self) -> int:
        """Where to read from: the lowest checkpoint of the partitions owned. Parked demands are tried again first."""
        async with self._turn:
            return await self._begin()

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Handle a batch. Raises Unavailable, Fenced; then it will come again."""
        async with self._turn:
            await self._take(batch)

    async def close(self) -> None:
        """Wait for the batch in work, have everything written, and take no further batch."""
        await self._turn.acquire()
        with suppress(Unavailable, Fenced):
            await self._writer.finish()

    async def stop(self) -> None:
        """End the write under way, if any, wherever it stands; what it was about comes again."""
        await self._writer.stop()

    @property
    def busy(self) -> bool:
        """Whether commits come so thick that other work should wait."""
        return self._now() < self._busy_until

    @property
    def parked(self) -> frozenset[str]:
        """Demands of this cell that are set aside."""
        return frozenset(self._parked)

    async def _begin(self) -> int:
        self._parts = self._ownership.parts
        await self._writer.abandon()
        if not self._parts:
            raise Fenced("no partition is owned")
        async with transaction(self._engine) as connection:
            self._seqs = await read_checkpoints(connection, self.cell, self._parts)
            self._load.replace(await open_load(connection))
            self._load_read = self._now()
            parked = [parking for parking in await read_parked(connection) if self._is_mine(parking.demand)]
        self._writer.begin(self._seqs)
        # Cached cases were counted in other figures, and after a fault nobody knows what of them was written.
        self._book.clear()
        await self._retry(parked)
        start = min(self._seqs.values())
        if await self._store.position(self._stream) < start:
            raise Unavailable(f"{self._stream} ends before the checkpoint {start}")
        self.handled = start
        return start

    async def _take(self, batch: Sequence[Recorded]) -> None:
        if self._ownership.parts != self._parts:
            raise Fenced("other partitions are owned now")
        last = batch[-1].seq
        self._count(len(batch))
        await self._refresh_load()
        cases, broken = await self._book.follow(batch, self._is_due)
        await self._handle(cases, broken, last)
        self.handled = last

    def _count(self, commits: int) -> None:
        now = self._now()
        if now - self._window > WINDOW:
            self._window, self._counted = now, 0
        self._counted += commits
        if self._counted >= THICK:
            self._busy_until = now + REST

    async def _retry(self, parked: Sequence[Parking]) -> None:
        self._parked = {parking.demand for parking in parked}
        if not parked:
            self._meters.parked.labels(self.cell).set(0)
            return
        cases, broken = await self._book.load([(demand_subject(parking.demand), parking.seq) for parking in parked])
        await self._handle(cases, broken, 0)

    async def _handle(self, cases: Sequence[Case], broken: Sequence[Parking], last: int) -> None:
        parked = [*broken]
        await self._route(cases, parked)
        unroutable = {parking.demand for parking in parked}
        parked += await self._reactions.answer([case for case in cases if case.demand not in unroutable])
        aside = {parking.demand for parking in parked}
        cured = [case.demand for case in cases if case.demand in self._parked and case.demand not in aside]
        await self._writer.put(Rows.of(cases, parked, cured), last)
        self._seqs = {part: max(seq, last) for part, seq in self._seqs.items()}
        self._parked = (self._parked | aside).difference(cured)
        self._meters.parked.labels(self.cell).set(len(self._parked))
        for parking in broken:
            self._meters.parkings.labels(parking.error).inc()
            _log.error("demand_parked", demand=parking.demand, seq=parking.seq, error=parking.error)

    async def _route(self, cases: Sequence[Case], parked: list[Parking]) -> None:
        """Route, and again those that moved on while they were being decided."""
        waiting = list(cases)
        for _ in range(ROUNDS):
            routed = await self._dispatcher.route(waiting)
            parked += routed.parked
            if routed.unavailable is not None:
                raise routed.unavailable
            if not routed.stale:
                return
            waiting, broken = await self._book.refresh(routed.stale)
            parked += broken
        raise Unavailable(f"{len(waiting)} demands change faster than they are routed")

    def _is_due(self, recorded: Recorded) -> bool:
        demand = demand_of(recorded.subject)
        try:
            proper = demand_subject(demand) == recorded.subject
        except NotFound:
            proper = False
        if not proper:  # nothing of ours writes there; it must not stop everybody else
            _log.error("foreign_subject_skipped", cell=self.cell, seq=recorded.seq)
            return False
        seq = self._seqs.get(partition(demand))
        return seq is not None and recorded.seq > seq

    def _is_mine(self, demand: str) -> bool:
        try:
            return partition(demand) in self._parts and parse_demand_id(demand)[1] == self.cell
        except NotFound:
            return False

    async def _refresh_load(self) -> None:
        """Take the open load from the worklists again, now and then: others route, too."""
        now = self._now()
        if self._load_read is not None and now - self._load_read < REFRESH_LOAD:
            return
        await self._writer.finish()
        async with transaction(self._engine) as connection:
            self._load.replace(await open_load(connection))
        self._load_read = now

    async def _finish(self) -> None:
        async with self._turn:
            await self._writer.finish()

    def _fault(self, fault: Exception) -> None:
        self._meters.faults.labels(self.cell, type(fault).__name__).inc()
        tell = _log.error if isinstance(fault, GapDetected) else _log.info if isinstance(fault, Fenced) else _log.warning
        tell("reading_interrupted", cell=self.cell, error=type(fault).__name__, message=str(fault))
