"""Durable timers: at most one per demand, at the moment its state next needs attention. At least once, never instead of the state.

A timer says "look at this demand now"; what is to be done, and whether anything is, only the demand's state says. Hence the rules that
every handler keeps:

* act only if the state still waits for this moment: a timer may fire twice, late, or after it was replaced or taken away. A kill of the
  server may undo the latter, and such a timer may also stand for ever without firing (measured): nothing follows from one that stands;
* answer every fired timer with what the demand waits for now, whether anything was done or not.

The second rule is no courtesy. When a schedule of nats-server comes due, the fired message is queued, and as it is stored it purges
whatever stands on the schedule's subject by then, a timer armed anew in between included (2.15.1, scheduler.go and stream.go; measured:
of 3,000 timers armed anew around their firing 1,248 were lost). Every such purge is followed by the delivery of the message that caused
it, so arming once more after the delivery loses nothing. `fired` does it from the answers.

Adapters: MemoryTimers here for tests and simulated clocks, JetStreamTimers in libs/events/timer_stream.py. One suite checks both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from libs.events.errors import Unavailable
from libs.events.names import parse_demand_id

LIMIT: Final = 500
WAIT: Final = 1.0
FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Fired:
    """A timer that has fired: the demand, and the moment it was armed for."""

    demand: str
    due: datetime


Answers = Mapping[str, datetime | None]
"""What each demand waits for now; None: for nothing. Demands left out come again after a while."""

Handle = Callable[[Sequence[Fired]], Awaitable[Answers]]


class TimerBook(Protocol):
    """The timers of all demands. One instance serves one process and many tasks."""

    async def arm(self, due: Mapping[str, datetime | None]) -> None:
        """Set the one timer of each demand, in place of its former one; None takes it away. May be repeated at will.

        A moment in the past fires at once. Times are aware. Raises Unavailable (some may stand, call again), NotFound for a foreign id.
        """
        ...

    async def armed(self, demands: Sequence[str]) -> dict[str, datetime]:
        """The moments of those timers that stand, as far as the stream knows. Raises Unavailable, NotFound."""
        ...

    async def fired(self, handle: Handle, *, limit: int = LIMIT, wait: float = WAIT) -> int:
        """Give one batch of fired timers, at most one per demand, to `handle`; forget them once they are answered and armed anew.

        Returns how many there were, 0 after `wait` seconds without any. If `handle` raises, all of them come again after a while and the
        error is passed on. Raises Unavailable.
        """
        ...


class MemoryTimers:
    """Timers on a simulated clock that only `advance_to` moves. `start` is where the clock stands at first."""

    def __init__(self, start: datetime) -> None:
        self.now = checked(start)
        self._standing: dict[str, datetime] = {}
        self._fired: dict[str, datetime] = {}

    def advance_to(self, now: datetime) -> list[Fired]:
        """Move the clock and tell which timers fire by that, earliest first. The clock never goes back."""
        self.now = max(self.now, checked(now))
        due = sorted((moment, demand) for demand, moment in self._standing.items() if moment <= self.now)
        for moment, demand in due:
            del self._standing[demand]
            self._fired[demand] = moment
        return [Fired(demand, moment) for moment, demand in due]

    @property
    def next_due(self) -> datetime | None:
        """When the next timer fires: where a simulation may jump to."""
        return min(self._standing.values(), default=None)

    async def arm(self, due: Mapping[str, datetime | None]) -> None:
        """Set timers; those of the past fire at once."""
        for demand, moment in due.items():
            parse_demand_id(demand)
            if moment is None:
                self._standing.pop(demand, None)
            else:
                self._standing[demand] = checked(moment)
        self.advance_to(self.now)

    async def armed(self, demands: Sequence[str]) -> dict[str, datetime]:
        """The moments of standing timers."""
        return {demand: self._standing[demand] for demand in demands if demand in self._standing}

    async def fired(self, handle: Handle, *, limit: int = LIMIT, wait: float = WAIT) -> int:
        """Give fired timers to `handle`; what comes again is there at once."""
        batch = [Fired(demand, moment) for demand, moment in list(self._fired.items())[:limit]]
        if not batch:
            await asyncio.sleep(0)  # time is simulated: waiting would not bring any
            return 0
        for timer in batch:
            del self._fired[timer.demand]
        try:
            answers = await handle(batch)
            await self.arm(rearmed(batch, answers, await self.armed([timer.demand for timer in batch])))
        except BaseException:
            self._come_again(batch)
            raise
        self._come_again([timer for timer in batch if timer.demand not in answers])
        return len(batch)

    def _come_again(self, timers: Sequence[Fired]) -> None:
        for timer in timers:
            self._fired.setdefault(timer.demand, timer.due)


def rearmed(batch: Sequence[Fired], answers: Answers, standing: Mapping[str, object]) -> dict[str, datetime | None]:
    """What to arm for the answers to a batch: nothing where nothing is waited for, or where somebody has armed since it fired."""
    moments = {timer.demand: answers.get(timer.demand) for timer in batch if timer.demand not in standing}
    return {demand: moment for demand, moment in moments.items() if moment is not None}


def checked(moment: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a timer needs an aware time")
    return moment.astimezone(UTC)


async def run_timers(
    timers: TimerBook, handle: Handle, *, stop: asyncio.Event | None = None, on_fault: Callable[[Exception], None] | None = None
) -> None:
    """Work off fired timers for ever (or until `stop` is set), through outages. `on_fault` hears of every Unavailable."""
    pause = FIRST_PAUSE
    while stop is None or not stop.is_set():
        try:
            await timers.fired(handle)
            pause = FIRST_PAUSE
        except Unavailable as fault:
            if on_fault is not None:
                on_fault(fault)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
