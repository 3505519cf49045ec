"""Runs the check for orphans over live data: every few seconds over the rows, on request over the streams themselves.

The rows of the partitions owned are checked here, those of the others by their owners (`services.router.coverage`); the streams of all are
folded by whoever is asked to.

A row is as new as its partition's checkpoint. So before anything is reported its demand is folded from the stream once more, and left
out while commits are still on their way to the checkpoint.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import RowMapping, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.chassis.database import transaction
from libs.demand import INITIAL, OPEN, evolve
from libs.directory import Directory
from libs.events import Corrupt, EventStore, NotFound
from libs.events.execute import load_fold
from libs.events.names import demand_subject, parse_demand_id, partition
from libs.events.timers import TimerBook
from services.router.availability import is_available
from services.router.check import KINDS, Doubt, Kind, Ledger, Violation, Watched, differences, doubts
from services.router.coverage import EVERY, RECENT, PartCheck, Whole, by_partition, read_checked, together, write_checked
from services.router.metrics import Meters
from services.router.open_demands import GRACE, OPEN_DEMAND, OpenDemand
from services.router.ownership import PartitionOwnership
from services.router.truth import Truth, read_truth
from services.router.views import ASSIGNMENT, CHECKPOINT, HELD, read_parked

MOST_SUSPECTS: Final = 2_000
CHUNK: Final = 1_000
AHEAD: Final = timedelta(seconds=5)
"""Timers that fire within this are not asked for: they may be gone before the answer is there."""

EVERY_ROUND: Final = timedelta(seconds=15)

_NAMES: Final = tuple(field.name for field in fields(OpenDemand))
_log = structlog.get_logger("checking")


@dataclass(frozen=True, slots=True)
class Report:
    """What a check came to: demands looked at per partition and network, and what is wrong. `owned`: the partitions owned then.

    `full`: the streams of all partitions were folded afresh; `complete`: none was left out for want of room.
    """

    at: datetime
    owned: frozenset[int]
    counts: Mapping[tuple[int, str], int]
    violations: tuple[Violation, ...]
    full: bool = False
    complete: bool = True


class Checking:
    """One per process. `cells`: the cells whose streams a full check reads; `every`: how often each router checks."""

    def __init__(
        self,
        engine: AsyncEngine,
        ownership: PartitionOwnership,
        store: EventStore,
        timers: TimerBook,
        directory: Callable[[], Directory],
        cells: Callable[[], Iterable[str]],
        now: Callable[[], datetime],
        meters: Meters,
        *,
        grace: timedelta = GRACE,
        every: timedelta = EVERY_ROUND,
    ) -> None:
        self._engine = engine
        self._ownership = ownership
        self._store = store
        self._timers = timers
        self._directory = directory
        self._cells = cells
        self._now = now
        self._meters = meters
        self._grace = grace
        self._recent = every * RECENT
        self._ledger = Ledger()
        self._known: frozenset[tuple[str, Kind]] = frozenset()
        self._networks: set[str] = set()
        self._turn = asyncio.Lock()
        self.last: Whole | None = None

    async def round(self) -> None:
        """Check the rows, set the metric, ring the alarm when something is found that was not known. Raises Unavailable."""
        await self.check()

    async def check(self, *, full: bool = False) -> Whole:
        """Check the partitions owned now, and hear from the other routers about theirs. Raises Unavailable, GapDetected."""
        async with self._turn:
            report = await (self._check_streams() if full else self._check_rows())
            self.last = await self._share(report)
            return self.last

    async def _share(self, report: Report) -> Whole:
        own = by_partition(report.owned, report.at, report.counts, report.violations)
        seen = by_partition(EVERY - report.owned if report.full else (), None, report.counts, report.violations)
        self._tell(own)
        async with transaction(self._engine) as connection:
            await write_checked(connection, own)
            told = await read_checked(connection, self._now())
        return Whole(report.at, together(own, told, seen), self._recent, report.full, report.complete)

    async def _check_rows(self) -> Report:
        parts, now, directory = self._ownership.parts, self._now(), self._directory()
        async with transaction(self._engine) as connection:
            checked = await _counts(connection, parts)
            suspects = await self._suspects(connection, parts, directory, now)
            found = doubts(suspects, directory, now, grace=self._grace)
            found += await _parked(connection, parts)
            found += await _without_row(connection, parts)
        violations = self._ledger.settle(found, now)
        return Report(now, parts, checked, tuple(await self._confirmed(violations)))

    async def _check_streams(self) -> Report:
        """Check the rows, then fold every open demand afresh and compare it with its row and its timer."""
        rows = await self._check_rows()
        now, truth = self._now(), Truth()
        for cell in sorted(self._cells()):
            await read_truth(self._store, cell, EVERY, truth)
        async with transaction(self._engine) as connection:
            passed = await _checkpoints(connection)
        found = await self._extra_rows(truth)
        all_open = list(truth.open.values())
        for start in range(0, len(all_open), CHUNK):
            found += await self._compare(all_open[start : start + CHUNK], truth.seqs, passed)
        for younger, older in truth.merged.items():
            if passed.get(_place(younger), 0) >= truth.seqs[younger] and not await self._knows(older, younger):
                found.append(Doubt(younger, parse_demand_id(younger)[0], "merge_unknown"))
        known = {violation.demand for violation in rows.violations if violation.kind == "no_row"}
        new = [Violation(one.demand, one.network, one.kind, now) for one in found if one.kind != "no_row" or one.demand not in known]
        violations = (*rows.violations, *await self._confirmed(new))
        checked = Counter((row.part, row.network) for row in all_open)
        return Report(now, rows.owned, checked, violations, full=True, complete=truth.complete)

    async def _compare(self, truths: Sequence[OpenDemand], seqs: Mapping[str, int], passed: Mapping[tuple[str, int], int]) -> list[Doubt]:
        stored = await self._rows([truth.demand for truth in truths])
        found = []
        for truth in truths:
            row = stored.get(truth.demand)
            if passed.get(_place(truth.demand), 0) < seqs[truth.demand] or (row is not None and row.row.version > truth.version):
                continue  # on its way to the checkpoint, or past what was read
            wrong = differences(truth, row.row if row is not None else None)
            if wrong is not None:
                found.append(Doubt(truth.demand, truth.network, wrong))
        lost = await self._lost(stored)
        if lost:  # a timer may have been set anew between the two looks
            lost = await self._lost(await self._rows(lost))
        return found + [Doubt(demand, parse_demand_id(demand)[0], "timer_lost") for demand in lost]

    async def _lost(self, stored: Mapping[str, Watched]) -> list[str]:
        """Demands whose timer is said to be armed, and is not."""
        soon = self._now() + AHEAD
        said = {demand: one.row.due for demand, one in stored.items() if one.row.due is not None and one.armed == one.row.due > soon}
        standing = await self._timers.armed(list(said))
        return [demand for demand, due in said.items() if standing.get(demand) != due]

    async def _rows(self, demands: Sequence[str]) -> dict[str, Watched]:
        async with transaction(self._engine) as connection:
            query = select(OPEN_DEMAND).where(OPEN_DEMAND.c.demand.in_(demands))
            return {found["demand"]: _watched(found) for found in (await connection.execute(query)).mappings()}

    async def _extra_rows(self, truth: Truth) -> list[Doubt]:
        """Rows of demands that the streams say are over, or never were."""
        if not truth.complete:
            return []
        async with transaction(self._engine) as connection:
            rows = await connection.execute(select(OPEN_DEMAND.c.demand, OPEN_DEMAND.c.network))
            extra = [(row.demand, row.network) for row in rows if row.demand not in truth.open]
        found = []
        for demand, network in extra:
            fold = await load_fold(self._store, demand_subject(demand), INITIAL, evolve)
            if fold.version == 0 or fold.seq <= truth.read.get(parse_demand_id(demand)[1], 0):
                found.append(Doubt(demand, network, "row_differs"))
        return found

    async def _knows(self, older: str, younger: str) -> bool:
        state = (await load_fold(self._store, demand_subject(older), INITIAL, evolve)).state
        return younger in state.received and state.status not in ("withdrawn", "refused")

    async def _suspects(self, connection: AsyncConnection, parts: frozenset[int], directory: Directory, now: datetime) -> list[Watched]:
        row = OPEN_DEMAND.c
        mine = row.part.in_(parts)
        holders = await connection.execute(select(row.network, row.holder_node).where(mine, row.holder_node.is_not(None)).distinct())
        away = [(network, node) for network, node in holders if not _available(directory, network, node, now)]
        odd = or_(
            row.due.is_(None),
            row.due.is_distinct_from(row.armed),
            row.due <= now - self._grace,
            and_(row.holder_node.is_(None), row.status.in_(OPEN)),
            tuple_(row.network, row.holder_node).in_(away) if away else row.demand.is_(None),
        )
        query = select(OPEN_DEMAND).where(mine, odd).order_by(row.due.nulls_first()).limit(MOST_SUSPECTS)
        return [_watched(found) for found in (await connection.execute(query)).mappings()]

    async def _confirmed(self, violations: Sequence[Violation]) -> list[Violation]:
        """Those that still hold for what the stream says, once its commits have passed the checkpoint."""
        if not violations:
            return []
        async with transaction(self._engine) as connection:
            passed = await _checkpoints(connection)
        rows = await self._rows([violation.demand for violation in violations])
        return [one for one in violations if one.kind == "parked" or await self._holds(one, rows.get(one.demand), passed)]

    async def _holds(self, violation: Violation, row: Watched | None, passed: Mapping[tuple[str, int], int]) -> bool:
        try:
            fold = await load_fold(self._store, demand_subject(violation.demand), INITIAL, evolve)
        except (Corrupt, NotFound):
            return True
        if fold.seq > passed.get(_place(violation.demand), 0):
            return False
        if violation.kind == "no_row":
            return fold.state.is_open and row is None
        return row is None or violation.kind != "not_armed" or row.armed != row.row.due

    def _tell(self, own: Mapping[int, PartCheck]) -> None:
        """Set the metric and ring the alarm for the partitions owned: the other routers tell of theirs."""
        violations = [one for check in own.values() for one in check.violations]
        found = Counter((violation.network, violation.kind) for violation in violations)
        self._networks |= {*(network for check in own.values() for network in check.demands), *(network for network, _ in found)}
        for network in self._networks:
            for kind in KINDS:
                self._meters.orphans.labels(network, kind).set(found[network, kind])
        known = frozenset((violation.demand, violation.kind) for violation in violations)
        if known - self._known:
            first = min(violations, key=lambda violation: violation.since)
            kinds = dict(Counter(violation.kind for violation in violations))
            _log.error("orphans_found", demand=first.demand, kind=first.kind, number=len(violations), kinds=kinds)
        elif self._known and not known:
            _log.info("orphans_gone", checked=sum(sum(check.demands.values()) for check in own.values()))
        self._known = known


async def _counts(connection: AsyncConnection, parts: frozenset[int]) -> dict[tuple[int, str], int]:
    row = OPEN_DEMAND.c
    query = select(row.part, row.network, func.count()).where(row.part.in_(parts)).group_by(row.part, row.network)
    return {(row[0], row[1]): row[2] for row in await connection.execute(query)}


async def _parked(connection: AsyncConnection, parts: frozenset[int]) -> list[Doubt]:
    found = []
    for parking in await read_parked(connection):
        try:
            network = parse_demand_id(parking.demand)[0]
        except NotFound:
            continue
        if partition(parking.demand) in parts:
            found.append(Doubt(parking.demand, network, "parked"))
    return found


async def _without_row(connection: AsyncConnection, parts: frozenset[int]) -> list[Doubt]:
    """Demands that a worklist shows and no row waits for."""
    held = (ASSIGNMENT.c.role == "lead", ASSIGNMENT.c.status.in_(HELD))
    there = select(OPEN_DEMAND.c.demand).where(OPEN_DEMAND.c.demand == ASSIGNMENT.c.demand).exists()
    query = select(ASSIGNMENT.c.demand, ASSIGNMENT.c.network).where(*held, ~there).limit(MOST_SUSPECTS)
    return [Doubt(row.demand, row.network, "no_row") for row in await connection.execute(query) if partition(row.demand) in parts]


async def _checkpoints(connection: AsyncConnection) -> dict[tuple[str, int], int]:
    return {(row.cell, row.part): row.seq for row in await connection.execute(select(CHECKPOINT))}


def _place(demand: str) -> tuple[str, int]:
    return parse_demand_id(demand)[1], partition(demand)


def _watched(found: RowMapping) -> Watched:
    return Watched(OpenDemand(**{name: found[name] for name in _NAMES}), found["armed"])


def _available(directory: Directory, network: str, node: str, now: datetime) -> bool:
    known = directory.networks.get(network)
    return known is not None and is_available(known, node, now)
