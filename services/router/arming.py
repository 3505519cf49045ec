"""Sets the demands' timers behind the scenes: what batches note is gathered, and many timers are armed at once.

Nothing waits for it. What fires soon is armed at once; the rest waits while the router has more urgent work, and then goes in large
batches, which cost less. What was noted and not armed when the process dies stands in `router.open_demand` as due but not armed, and is
armed by the sweep.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.database import transaction
from libs.events import Unavailable
from libs.events.timers import FIRST_PAUSE, LONGEST_PAUSE, TimerBook
from services.router.metrics import Meters
from services.router.open_demands import mark_armed

GATHER: Final = 0.2
SOON: Final = timedelta(seconds=90)
LONGEST: Final = 15.0
"""Seconds the arming of later timers may be put off."""

TOGETHER: Final = 250
"""Timers armed at once: some ten milliseconds of work, then others have their turn."""
MOST_KNOWN: Final = 50_000
_log = structlog.get_logger("arming")


class Arming:
    """One per process. `busy` tells whether there is more urgent work; `gather`: seconds to wait for more before arming."""

    def __init__(
        self,
        timers: TimerBook,
        engine: AsyncEngine,
        now: Callable[[], datetime],
        meters: Meters,
        busy: Callable[[], bool] = lambda: False,
        *,
        gather: float = GATHER,
    ) -> None:
        self._timers = timers
        self._engine = engine
        self._now = now
        self._meters = meters
        self._busy = busy
        self._gather = gather
        self._noted: dict[str, datetime | None] = {}
        self._known: OrderedDict[str, datetime | None] = OrderedDict()
        self._wanted = asyncio.Event()
        self._flushed = now()

    @property
    def pending(self) -> int:
        """How many timers are noted and not armed yet."""
        return len(self._noted)

    def note(self, due: Mapping[str, datetime | None], *, again: bool = False) -> None:
        """Have the timers of these demands set soon, None: taken away. Those that are known to stand so are left, unless `again`."""
        for demand, moment in due.items():
            if again or demand in self._noted or demand not in self._known or self._known[demand] != moment:
                self._noted[demand] = moment
        if self._noted:
            self._wanted.set()

    async def run(self) -> None:
        """Arm for ever, through outages."""
        pause = FIRST_PAUSE
        while True:
            await self._wanted.wait()
            await asyncio.sleep(self._gather)
            try:
                await self._round()
                pause = FIRST_PAUSE
            except Unavailable as error:
                _log.warning("arming_interrupted", waiting=self.pending, message=str(error))
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)

    async def _round(self) -> None:
        now = self._now()
        if not self._busy() or (now - self._flushed).total_seconds() > LONGEST:
            await self.flush()
            return
        soon = {demand: moment for demand, moment in self._noted.items() if moment is not None and moment <= now + SOON}
        await self._arm(soon)

    async def flush(self) -> None:
        """Arm everything that is noted now. Raises Unavailable; then it stays noted."""
        await self._arm(dict(self._noted))
        self._flushed = self._now()
        if not self._noted:
            self._wanted.clear()

    async def _arm(self, due: Mapping[str, datetime | None]) -> None:
        items = iter(due.items())
        while batch := dict(islice(items, TOGETHER)):
            await self._timers.arm(batch)
            async with transaction(self._engine) as connection:
                await mark_armed(connection, {demand: moment for demand, moment in batch.items() if moment is not None})
            self._meters.timers_armed.inc(len(batch))
            for demand, moment in batch.items():
                self._remember(demand, moment)
                if demand in self._noted and self._noted[demand] == moment:  # another moment may have been noted meanwhile
                    del self._noted[demand]

    def _remember(self, demand: str, moment: datetime | None) -> None:
        self._known[demand] = moment
        self._known.move_to_end(demand)
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
