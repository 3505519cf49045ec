"""Acts when time passes, or a node falls away: looks at demands whose moment has come, and does what is due (KeepTime, ReleaseHolder,
ReplaceArbiter).

A fired timer and the sweep lead to the same thing. What is decided is a commit like any other: the cell's reader sees it, routes the
demand if it waits for that again, writes the rows and has the next timer set. So nothing is lost whenever the process dies, and it does
not matter at which router a timer fires: the command id comes from the demand's version, and of two routers one wins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog

from libs.chassis.telemetry import commit_span, inject
from libs.demand import INITIAL, DemandState, Timing, evolve, next_due
from libs.directory import Directory, Network
from libs.events import ClockAhead, Event, EventStore, LiandongError, NotFound, Unavailable
from libs.events.execute import Done, Order, execute_many
from libs.events.names import demand_subject
from libs.events.timers import Fired
from services.router.cases import Case, CaseBook
from services.router.domain import KeepTime, ReleaseHolder, ReplaceArbiter, decide
from services.router.metrics import Meters
from services.router.orders import system_order
from services.router.process import DEFECTS, Dispatcher, unchanged

AGAIN: Final = timedelta(seconds=10)
"""When a demand is looked at again whose moment has passed although nothing could be done: its registry or its key may come back."""

Look = KeepTime | ReleaseHolder | ReplaceArbiter
_log = structlog.get_logger("timekeeper")


@dataclass(slots=True)
class Looked:
    """What came of a look: the demands as they stand now, and when each is to be looked at again (None: never; left out: at once)."""

    cases: list[Case] = field(default_factory=list)
    answers: dict[str, datetime | None] = field(default_factory=dict)


class Timekeeper:
    """One per process. `dispatcher` routes what the ordinary way has not routed in time."""

    def __init__(
        self, store: EventStore, directory: Callable[[], Directory], dispatcher: Dispatcher, now: Callable[[], datetime], meters: Meters
    ) -> None:
        self._store = store
        self._directory = directory
        self._dispatcher = dispatcher
        self._now = now
        self._meters = meters

    async def fired(self, timers: Sequence[Fired]) -> Mapping[str, datetime | None]:
        """Handle fired timers; the answers are what each demand waits for now. Raises Unavailable."""
        self._meters.timers_fired.inc(len(timers))
        return (await self.look([timer.demand for timer in timers])).answers

    def fault(self, fault: Exception) -> None:
        """Hear of an outage of the timers; the sweep goes on meanwhile."""
        _log.warning("timers_interrupted", error=type(fault).__name__, message=str(fault))

    async def look(self, demands: Sequence[str]) -> Looked:
        """Do what is due for each of these demands. One that cannot be handled does not stop the others. Raises Unavailable."""
        directory, began = self._directory(), self._now()
        cases = await self._load(demands)
        forgotten = [case for case in cases if case.fold.state.waits_for_routing and is_late(case.fold.state, began)]
        again = await self._run(cases, "KeepTime", "time", directory, lambda state, network, timing: KeepTime(network, timing))
        if forgotten:
            routed = await self._dispatcher.route(forgotten)
            if routed.unavailable is not None:
                raise routed.unavailable
        now = self._now()
        looked = Looked(cases, {demand: now + AGAIN for demand in demands if demand not in again})
        for case in cases:
            if case.demand not in again and not is_late(case.fold.state, now):
                looked.answers[case.demand] = next_due(case.fold.state)
        return looked

    async def release(self, demands: Sequence[str], is_gone: Callable[[str, str], bool]) -> int:
        """Take demands back whose node is gone, told by network and node; the next hub up arbitrates what it was to arbitrate.

        Returns how many. Raises Unavailable.
        """
        directory = self._directory()
        cases = [case for case in await self._load(demands) if _holds(case.fold.state, is_gone)]
        before = {case.demand: case.fold.version for case in cases}

        def release(state: DemandState, _network: Network, timing: Timing) -> ReleaseHolder:
            assert state.current is not None
            return ReleaseHolder(state.current.id, timing)

        def replace(_state: DemandState, network: Network, timing: Timing) -> ReplaceArbiter:
            return ReplaceArbiter(network, timing)

        assigned = [case for case in cases if case.fold.state.arbitration is None]
        arbitrated = [case for case in cases if case.fold.state.arbitration is not None]
        await self._run(assigned, "ReleaseHolder", "release", directory, release)
        await self._run(arbitrated, "ReplaceArbiter", "release", directory, replace)
        return sum(case.fold.version != before[case.demand] for case in cases)

    async def _load(self, demands: Sequence[str]) -> list[Case]:
        book = CaseBook(self._store, most=0)
        cases, unreadable = await book.load([(demand_subject(demand), 0) for demand in demands])
        for parking in unreadable:
            _log.error("demand_unreadable", demand=parking.demand, error=parking.error)
        return cases

    async def _run(
        self,
        cases: Sequence[Case],
        name: str,
        key: str,
        directory: Directory,
        make: Callable[[DemandState, Network, Timing], Look],
    ) -> set[str]:
        """Run one command on every case, and move the cases on. Returns the demands whose outcome is unknown."""
        acting: list[tuple[Case, Order[DemandState]]] = []
        for case in cases:
            try:
                order = self._order(case, name, key, directory, make)
            except (LiandongError, *DEFECTS) as error:
                _log.error("time_not_kept", demand=case.demand, version=case.fold.version, command=name, exc_info=error)
                continue
            if order is not None:
                acting.append((case, order))
        results = await execute_many(self._store, [order for _, order in acting], initial=INITIAL, evolve=evolve, now=self._now)
        unknown = set()
        for (case, _), result in zip(acting, results, strict=True):
            if isinstance(result, Done):
                case.fold = result.fold
                self._meters.time_kept.labels(name).inc(result.commit is not None and not result.replayed)
            elif isinstance(result, Unavailable) and not isinstance(result, ClockAhead):
                unknown.add(case.demand)
            else:
                _log.error("time_not_kept", demand=case.demand, version=case.fold.version, command=name, exc_info=result)
        return unknown

    def _order(
        self,
        case: Case,
        name: str,
        key: str,
        directory: Directory,
        make: Callable[[DemandState, Network, Timing], Look],
    ) -> Order[DemandState] | None:
        state = case.fold.state
        if state.status is None:
            return None
        network = directory.networks.get(state.network)
        if network is None:
            raise NotFound("network_unknown")
        with commit_span("keep_time", case.headers, attributes={"liandong.demand": case.demand}):
            events: Sequence[Event] = decide(state, make(state, network, Timing(self._now(), network.clocks(state.sample))))
            headers: dict[str, str] = {}
            inject(headers)
        if not events:
            return None
        return system_order(
            case.demand,
            name,
            f"{key}:{case.fold.version}",
            lambda current: events if unchanged(current, state) else (),
            known=case.fold,
            headers=headers,
        )


def is_late(state: DemandState, now: datetime) -> bool:
    """Tell whether a demand's moment has passed."""
    due = next_due(state)
    return due is not None and due <= now


def _holds(state: DemandState, is_gone: Callable[[str, str], bool]) -> bool:
    """Tell whether the demand's assignment or arbitration lies with a node that is gone."""
    holder = state.holder
    answerable = holder is not None and (holder.assignment is not None or state.arbitration is not None)
    return holder is not None and answerable and is_gone(state.network, holder.node)
