"""Writes what batches leave in the tables, behind their backs: while rows are stored, the next batches are routed already.

Rows and checkpoint go in one transaction, and transactions follow one another in the order of the batches; what came while one was under
way goes together in the next. A batch that leaves no row (our own commits come back) only moves the checkpoint, and that may wait for the
next rows or a second of silence. When a write fails, the next `put` or `finish` raises what it raised; nothing later was written, and
everything since the checkpoint comes again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.database import transaction
from libs.events import AssignmentArbitrated, DemandAssigned, Fenced, Unavailable
from libs.events.tasks import end
from services.router.arming import Arming
from services.router.cases import Case
from services.router.comparing import queue_comparisons
from services.router.decisions import decision_row, precedent_row, write_decisions, write_precedents
from services.router.open_demands import OpenDemand, write_open
from services.router.views import Parking, assignment_rows, move_checkpoints, park, unpark, write_assignments
from services.router.waiting import Waiting, waiting

MOST: Final = 16
"""Batches that may wait for a write before routing has to wait, too."""

LATEST: Final = timedelta(seconds=1)
"""How long the checkpoint may stay behind when there is nothing else to write."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a batch leaves in the tables, as of that batch; later ones may move the same demands on while it is being stored."""

    assignments: Sequence[Mapping[str, Any]]
    open: Waiting
    decisions: Sequence[Mapping[str, Any]]
    precedents: Sequence[Mapping[str, Any]]
    fresh: Sequence[str]
    parked: Sequence[Parking]
    cured: Sequence[str]

    @classmethod
    def of(cls, cases: Sequence[Case], parked: Sequence[Parking], cured: Sequence[str]) -> Rows:
        """Take the rows of these cases, and what they kept for the tables with it."""
        told = [(case, at, event) for case in cases for at, event in case.decisions]
        rows = cls(
            assignments=[row for case in cases for row in assignment_rows(case.demand, case.fold.state, case.fold.version)],
            open=waiting(cases),
            decisions=[
                decision_row(case.demand, at, event, sample=case.fold.state.sample)
                for case, at, event in told
                if isinstance(event, DemandAssigned)
            ],
            precedents=[precedent_row(case.demand, at, event) for case, at, event in told if isinstance(event, AssignmentArbitrated)],
            fresh=[case.demand for case in cases if case.fresh and case.fold.state.is_open],
            parked=parked,
            cured=cured,
        )
        for case in cases:
            case.taken()
        return rows

    @classmethod
    def together(cls, batches: Sequence[Rows]) -> Rows:
        """The rows of batches in their order: of each row the last word."""
        assignments: dict[tuple[str, str], Mapping[str, Any]] = {}
        rows: dict[str, OpenDemand] = {}
        gone: dict[str, int] = {}
        parked: dict[str, Parking] = {}
        cured: dict[str, None] = {}
        for batch in batches:
            assignments |= {(row["demand"], row["assignment"]): row for row in batch.assignments}
            for row in batch.open.rows:
                rows[row.demand] = row
                gone.pop(row.demand, None)
            for demand, version in batch.open.gone.items():
                rows.pop(demand, None)
                gone[demand] = version
            for demand in batch.cured:
                parked.pop(demand, None)
                cured[demand] = None
            for parking in batch.parked:
                cured.pop(parking.demand, None)
                parked[parking.demand] = parking
        return cls(
            assignments=list(assignments.values()),
            open=Waiting(list(rows.values()), gone, {demand: due for batch in batches for demand, due in batch.open.due.items()}),
            decisions=[row for batch in batches for row in batch.decisions],
            precedents=[row for batch in batches for row in batch.precedents],
            fresh=[demand for batch in batches for demand in batch.fresh],
            parked=list(parked.values()),
            cured=list(cured),
        )

    @property
    def any(self) -> bool:
        """Whether there is anything to store beside the checkpoint."""
        return bool(self.open.due or self.assignments or self.parked or self.cured)


class RowWriter:
    """Stores the rows of one cell's batches. `begin` first, with the checkpoints as they stand."""

    def __init__(self, cell: str, engine: AsyncEngine, arming: Arming, now: Callable[[], datetime]) -> None:
        self._cell = cell
        self._engine = engine
        self._arming = arming
        self._now = now
        self._seqs: Mapping[int, int] = {}
        self._reached = 0
        self._moved = now()
        self._pending: list[Rows] = []
        self._under_way: asyncio.Task[None] | None = None

    def begin(self, seqs: Mapping[int, int]) -> None:
        """Start from these checkpoints, by partition."""
        self._seqs, self._pending, self._reached, self._moved = dict(seqs), [], 0, self._now()

    async def abandon(self) -> None:
        """Wait for the write under way, whatever comes of it: what was not stored comes again. A defect is raised."""
        self._pending = []
        task, self._under_way = self._under_way, None
        if task is not None:
            await asyncio.wait([task])
            if not task.cancelled() and not isinstance(error := task.exception(), Unavailable | Fenced | None):
                raise error

    async def stop(self) -> None:
        """End the write under way."""
        self._pending = []
        task, self._under_way = self._under_way, None
        if task is not None:
            await end([task])

    async def put(self, rows: Rows, last: int) -> None:
        """Store the rows of a batch that ends at sequence `last` (0: none), behind the caller's back. Raises what the last write raised."""
        self._reached = max(self._reached, last)
        if not rows.any and self._now() - self._moved <= LATEST:
            return
        self._pending.append(rows)
        task = self._under_way
        if task is None or task.done() or len(self._pending) >= MOST:
            await self._settle()
        if self._under_way is None and self._pending:
            self._under_way = asyncio.create_task(self._store_all())

    async def finish(self) -> None:
        """Have everything stored, the checkpoint too. Raises Unavailable, Fenced."""
        await self._settle()
        await self._store_all()
        if any(seq < self._reached for seq in self._seqs.values()):
            await self._store(_NOTHING, self._reached)

    async def _settle(self) -> None:
        task = self._under_way
        if task is not None:
            await asyncio.wait([task])  # not the task itself: who is cancelled here must not cut it in two
            self._under_way = None
            task.result()

    async def _store_all(self) -> None:
        while self._pending:
            batches, self._pending = self._pending, []
            await self._store(Rows.together(batches), self._reached)

    async def _store(self, rows: Rows, last: int) -> None:
        self._moved = self._now()
        async with transaction(self._engine) as connection:
            await write_assignments(connection, rows.assignments)
            await write_open(connection, rows.open.rows, rows.open.gone)
            await write_decisions(connection, rows.decisions)
            await write_precedents(connection, rows.precedents)
            await queue_comparisons(connection, rows.fresh)
            await park(connection, rows.parked, self._now())
            await unpark(connection, rows.cured)
            await move_checkpoints(connection, self._cell, self._seqs, last)
        self._seqs = {part: max(seq, last) for part, seq in self._seqs.items()}
        self._arming.note(rows.open.due)


_NOTHING: Final = Rows((), Waiting(), (), (), (), (), ())
