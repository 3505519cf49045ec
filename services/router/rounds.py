"""The second net: rounds over `router.open_demand` in the partitions owned. What timers missed is done, what is not armed is armed, and
demands whose node fell away are taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.database import transaction
from libs.demand import Status
from libs.directory import Directory
from services.router.arming import Arming
from services.router.availability import is_gone
from services.router.metrics import Meters
from services.router.open_demands import GRACE, OPEN_DEMAND, overdue, unarmed, write_open
from services.router.ownership import PartitionOwnership
from services.router.timekeeper import Timekeeper
from services.router.waiting import waiting

LIMIT: Final = 500
"""Demands of one round; the next round comes soon."""

SELDOM: Final = 6
"""Every so many rounds what is not armed is looked for, the first time at the start; it costs a look at every row."""

MOST_UNARMED: Final = 10_000
SETTLED: Final = timedelta(seconds=10)
"""Batches that were in work so long ago have their rows."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
REST: Final = timedelta(seconds=20)
"""A demand that was looked at and is still overdue rests for so long, so that it does not keep others from their turn."""

_log = structlog.get_logger("rounds")


class Rounds:
    """One per process.

    `grace`: how late a timer may be before its demand is looked at; `together`: demands looked at at once; `settled`: how long a batch may
    be in work before its rows are written.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        ownership: PartitionOwnership,
        timekeeper: Timekeeper,
        arming: Arming,
        directory: Callable[[], Directory],
        now: Callable[[], datetime],
        meters: Meters,
        *,
        grace: timedelta = GRACE,
        together: int = LIMIT,
        settled: timedelta = SETTLED,
    ) -> None:
        self._engine = engine
        self._ownership = ownership
        self._timekeeper = timekeeper
        self._arming = arming
        self._directory = directory
        self._now = now
        self._meters = meters
        self._grace = grace
        self._looked: dict[str, datetime] = {}
        self._rounds = 0
        self._together = together
        self._settled = settled
        self._promised: dict[str, dict[int, datetime | None]] = {}
        """Per clock pack and partition, when it was gone through first; None: and once more since."""

    async def sweep(self) -> None:
        """Look at what is overdue, and have armed what is not. Raises Unavailable."""
        parts, now = self._ownership.parts, self._now()
        if not parts:
            return
        self._looked = {demand: at for demand, at in self._looked.items() if now - at < REST}
        async with transaction(self._engine) as connection:
            late = await overdue(connection, parts, now, LIMIT + len(self._looked), grace=self._grace)
            if self._rounds % SELDOM == 0:
                self._arming.note(await unarmed(connection, parts, MOST_UNARMED), again=True)
        self._rounds += 1
        due = [demand for demand in late if demand not in self._looked][:LIMIT]
        if not due:
            return
        self._looked |= dict.fromkeys(due, now)
        self._meters.swept.inc(len(due))
        _log.warning("timers_missed", demands=len(due), first=due[0])
        await self._look(due)

    async def promise(self) -> None:
        """Have open demands promised again where a clock pack that applies to them has come into force. Raises Unavailable.

        Partitions that come to be owned later are gone through then: whoever had them may have died half way. All are gone through twice:
        what was routed under the old pack a moment before may get its row only after the first look.
        """
        now = self._now()
        for name, network in self._directory().networks.items():
            for sample in (False, True):
                clocks = network.clocks(sample)
                if clocks.applies_to != "open":
                    continue
                looked = self._promised.setdefault(clocks.label, {})
                parts = frozenset(part for part in self._ownership.parts if self._is_due(looked.get(part, _NEVER), now))
                if parts and await self._look_at_all(parts, name, sample):
                    looked |= {part: None if part in looked else now for part in parts}

    def _is_due(self, first: datetime | None, now: datetime) -> bool:
        return first is not None and now - first >= self._settled

    async def _look_at_all(self, parts: frozenset[int], network: str, sample: bool) -> bool:
        """Look at every open demand of these partitions. False if of some nobody knows what came of it."""
        known = True
        row, after = OPEN_DEMAND.c, ""
        while True:
            query = select(row.demand).where(row.part.in_(parts), row.network == network, row.sample == sample, row.demand > after)
            async with transaction(self._engine) as connection:
                demands = list((await connection.execute(query.order_by(row.demand).limit(self._together))).scalars())
            if not demands:
                return known
            known &= await self._look(demands)
            after = demands[-1]

    async def _look(self, demands: list[str]) -> bool:
        """Do what is due for these demands, write down where they stand then, and have them armed. False if some outcome is unknown."""
        looked = await self._timekeeper.look(demands)
        found = waiting(looked.cases)
        async with transaction(self._engine) as connection:
            await write_open(connection, found.rows, found.gone)
        self._arming.note(found.due, again=True)
        return all(demand in looked.answers for demand in demands)

    async def release(self) -> None:
        """Take demands back from nodes that are not available any more; the reader routes them at once. Raises Unavailable.

        Where such a node was to arbitrate, the next one up does.
        """
        parts, now = self._ownership.parts, self._now()
        if not parts:
            return
        directory = self._directory()
        row = OPEN_DEMAND.c
        held = (row.part.in_(parts), or_(row.holder_assignment.is_not(None), row.status == Status.TRIAGE))
        async with transaction(self._engine) as connection:
            holders = [tuple(found) for found in await connection.execute(select(row.network, row.holder_node).where(*held).distinct())]
        gone = [(network, node) for network, node in holders if is_gone(directory, network, node, now)]
        after = ""
        while gone:
            query = select(row.demand).where(*held, tuple_(row.network, row.holder_node).in_(gone), row.demand > after)
            async with transaction(self._engine) as connection:
                demands = list((await connection.execute(query.order_by(row.demand).limit(LIMIT))).scalars())
            if not demands:
                return
            released = await self._timekeeper.release(demands, lambda network, node: is_gone(directory, network, node, now))
            if released:
                _log.info("holders_released", demands=released, nodes=len(gone))
            after = demands[-1]
