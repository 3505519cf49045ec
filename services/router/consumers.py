"""Follows a cell's stream and gives every batch to the process manager; worklists and checkpoints move in one transaction.

One reader per process and cell, unfiltered and contiguous, from the lowest checkpoint of the partitions owned; commits of other
partitions, and those at or below a partition's own checkpoint, are passed over. The order is: append what is decided and what other
demands are owed, then write rows and checkpoints. A crash in between repeats the batch, and every part of it may be repeated. Timers are
set afterwards, behind the scenes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.database import transaction
from libs.events import AssignmentArbitrated, DemandAssigned, EventStore, Fenced, GapDetected, NotFound, Recorded, Unavailable
from libs.events.consumer import run_projection
from libs.events.names import demand_of, demand_stream, demand_subject, parse_demand_id, partition
from services.router.arming import Arming
from services.router.cases import Case, CaseBook, OpenLoad
from services.router.comparing import queue_comparisons
from services.router.decisions import decision_row, precedent_row, write_decisions, write_precedents
from services.router.metrics import Meters
from services.router.open_demands import write_open
from services.router.ownership import PartitionOwnership
from services.router.process import Dispatcher
from services.router.reactions import Reactions
from services.router.views import (
    Parking,
    assignment_rows,
    move_checkpoints,
    open_load,
    park,
    read_checkpoints,
    read_parked,
    unpark,
    write_assignments,
)
from services.router.waiting import waiting

BATCH: Final = 500
ROUNDS: Final = 4
REFRESH_LOAD: Final = timedelta(seconds=30)
TRY_PARKED: Final = timedelta(seconds=30)
WATCH_LAG: Final = 2.0
THICK: Final = 20
"""Commits in a batch from which on the router counts as busy, for the time `REST`."""
REST: Final = timedelta(seconds=2)
_log = structlog.get_logger("consumers")


class CellRouter:
    """Routes the demands of one cell in the partitions owned; a Projection for `run_projection`.

    `turn` is held while a batch is in work: who holds it may end the task without cutting a batch, and its connections, in two.
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
        self._arming = arming
        self._load = load
        self._meters = meters
        self._now = now
        self._book = CaseBook(store)
        self._parts: frozenset[int] = frozenset()
        self._seqs: dict[int, int] = {}
        self._parked: set[str] = set()
        self._load_read: datetime | None = None
        self._busy_until = now()
        self.turn = asyncio.Lock()
        self.handled = 0

    async def run(self) -> None:
        """Follow the stream for ever; begin again whenever the partitions owned change."""
        while True:
            changed = self._ownership.changed
            if self._ownership.parts:
                await run_projection(self._store, self._stream, self, batch=BATCH, stop=changed, on_fault=self._fault)
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
        async with self.turn:
            return await self._begin()

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Handle a batch. Raises Unavailable, Fenced; then it will come again."""
        async with self.turn:
            await self._take(batch)

    @property
    def busy(self) -> bool:
        """Whether the last batches were so full that other work should wait."""
        return self._now() < self._busy_until

    @property
    def parked(self) -> frozenset[str]:
        """Demands of this cell that are set aside."""
        return frozenset(self._parked)

    async def _begin(self) -> int:
        self._parts = self._ownership.parts
        if not self._parts:
            raise Fenced("no partition is owned")
        async with transaction(self._engine) as connection:
            self._seqs = await read_checkpoints(connection, self.cell, self._parts)
            self._load.replace(await open_load(connection))
            self._load_read = self._now()
            parked = [parking for parking in await read_parked(connection) if self._is_mine(parking.demand)]
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
        if len(batch) >= THICK:
            self._busy_until = self._now() + REST
        cases, broken = await self._book.follow(batch, self._is_due)
        await self._handle(cases, broken, last)
        self.handled = last

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
        open_ = waiting(cases)
        rows = [row for case in cases for row in assignment_rows(case.demand, case.fold.state, case.fold.version)]
        cured = [case.demand for case in cases if case.demand in self._parked and case.demand not in aside]
        async with transaction(self._engine) as connection:
            await write_assignments(connection, rows)
            await write_open(connection, open_.rows, open_.gone)
            await write_decisions(connection, _decisions(cases))
            await write_precedents(connection, _precedents(cases))
            await queue_comparisons(connection, [case.demand for case in cases if case.fresh and case.fold.state.is_open])
            await park(connection, parked, self._now())
            await unpark(connection, cured)
            await move_checkpoints(connection, self.cell, self._seqs, last)
            if self._load_is_old():
                self._load.replace(await open_load(connection))
        self._arming.note(open_.due)
        for case in cases:
            case.written()
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

    def _load_is_old(self) -> bool:
        now = self._now()
        if self._load_read is not None and now - self._load_read < REFRESH_LOAD:
            return False
        self._load_read = now
        return True

    def _fault(self, fault: Exception) -> None:
        self._meters.faults.labels(self.cell, type(fault).__name__).inc()
        tell = _log.error if isinstance(fault, GapDetected) else _log.info if isinstance(fault, Fenced) else _log.warning
        tell("reading_interrupted", cell=self.cell, error=type(fault).__name__, message=str(fault))


def _decisions(cases: Sequence[Case]) -> list[dict[str, Any]]:
    return [
        decision_row(case.demand, at, event, sample=case.fold.state.sample)
        for case in cases
        for at, event in case.decisions
        if isinstance(event, DemandAssigned)
    ]


def _precedents(cases: Sequence[Case]) -> list[dict[str, Any]]:
    return [
        precedent_row(case.demand, at, event) for case in cases for at, event in case.decisions if isinstance(event, AssignmentArbitrated)
    ]
