"""The process manager: routes the demands that wait for it, each by one commit (RouteDemand) with a deterministic command id.

What nodes passed on too often goes to the arbiter instead (OpenArbitration), under the same rules.

Whatever happens, a demand is assigned once: the id is the same after a crash and in every router, the append is guarded by the demand's
last sequence, and a decision counts only for the state it was made on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from time import perf_counter
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import structlog

from libs.chassis.keyring import DataKey, open_text
from libs.chassis.telemetry import commit_span, inject
from libs.demand import INITIAL, DemandState, Timing, evolve
from libs.directory import Directory, Network
from libs.directory.policy import RoutingPolicy
from libs.events import (
    Basis,
    Classification,
    ClockAhead,
    Corrupt,
    DemandAssigned,
    Event,
    EventStore,
    LiandongError,
    NotFound,
    Refused,
    Unavailable,
)
from libs.events.execute import Done, Order, execute_many
from services.router.cases import Case, OpenLoad
from services.router.classify import classify
from services.router.domain import OpenArbitration, RouteDemand, decide, react, routing_inputs
from services.router.metrics import Meters
from services.router.orders import system_order
from services.router.policy import decide_route
from services.router.views import Parking

TOGETHER: Final = 100
"""Demands decided and appended together: one group commit. Two such groups are under way, one deciding while the other is stored."""

DEFECTS: Final = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""A defect of ours that one demand brings to light must not stop the others either."""

_log = structlog.get_logger("process")


class TextKeys(Protocol):
    """Where data keys come from; those that were destroyed are missing."""

    async def get_many(self, key_ids: Iterable[str]) -> dict[str, DataKey]:
        """The data keys that exist. Raises Corrupt, Unavailable."""
        ...


@dataclass(slots=True)
class Routed:
    """What came of routing: demands to set aside, and demands that moved on meanwhile and must be read again."""

    parked: list[Parking] = field(default_factory=list)
    stale: list[Case] = field(default_factory=list)
    unavailable: Unavailable | None = None


@dataclass(frozen=True, slots=True)
class _Decision:
    """`node`: whom it loads; nobody when an arbiter is to decide."""

    case: Case
    order: Order[DemandState]
    node: str | None


class Dispatcher:
    """Decides and commits. One per process; `directory` gives the registry's facts as they stand, or raises Unavailable."""

    def __init__(
        self,
        store: EventStore,
        keys: TextKeys,
        directory: Callable[[], Directory],
        now: Callable[[], datetime],
        load: OpenLoad,
        meters: Meters,
    ) -> None:
        self._store = store
        self._keys = keys
        self._directory = directory
        self._now = now
        self._load = load
        self._meters = meters
        self._gate = asyncio.Semaphore(2)

    async def route(self, cases: Sequence[Case]) -> Routed:
        """Route every case that waits for it; the others are left alone. Never raises for a single demand."""
        for case in cases:
            self._load.follow(case)
        waiting = [case for case in cases if react(case.fold.state) is not None]
        routed = Routed()
        groups = [waiting[start : start + TOGETHER] for start in range(0, len(waiting), TOGETHER)]
        await asyncio.gather(*(self._route_group(group, routed) for group in groups))
        return routed

    async def _route_group(self, group: Sequence[Case], routed: Routed) -> None:
        async with self._gate:
            try:
                keys, directory = await self._text_keys(group), self._directory()
            except Unavailable as error:
                routed.unavailable = error
                return
            decisions = self._decide_all(group, keys, directory, routed)
            orders = [decision.order for decision in decisions]
            results = await execute_many(self._store, orders, initial=INITIAL, evolve=evolve, now=self._now)
            for decision, result in zip(decisions, results, strict=True):
                if decision.node is not None:
                    self._load.expect(decision.node, -1)
                if isinstance(result, Done):
                    self._settle(decision.case, result, routed)
                elif isinstance(result, Unavailable) and not isinstance(result, ClockAhead):
                    routed.unavailable = result
                else:
                    self._set_aside(decision.case, result, routed)

    async def _text_keys(self, group: Sequence[Case]) -> Mapping[str, DataKey | Corrupt]:
        wanted = {case.fold.state.key_id for case in group if case.fold.state.category is None}
        try:
            return await self._keys.get_many(wanted) if wanted else {}
        except Corrupt:
            # One key that does not unwrap must not stop the others: ask for each alone.
            return {key_id: key for key_id in wanted for key in await self._one_key(key_id)}

    async def _one_key(self, key_id: str) -> Sequence[DataKey | Corrupt]:
        try:
            return list((await self._keys.get_many((key_id,))).values())
        except Corrupt as error:
            return (error,)

    def _decide_all(
        self, group: Sequence[Case], keys: Mapping[str, DataKey | Corrupt], directory: Directory, routed: Routed
    ) -> list[_Decision]:
        decisions = []
        for case in group:
            try:
                decisions.append(self._decide(case, keys, directory))
            except (LiandongError, *DEFECTS) as error:
                self._set_aside(case, error, routed)
        return decisions

    def _decide(self, case: Case, keys: Mapping[str, DataKey | Corrupt], directory: Directory) -> _Decision:
        state = case.fold.state
        network = directory.networks.get(state.network)
        if network is None:
            raise NotFound("network_unknown")
        started = perf_counter()
        now = self._now()
        day = now.astimezone(ZoneInfo(network.content.network.time_zone)).date()
        policy = directory.routing_on(network.name, day)
        timing = Timing(now, network.clocks(state.sample))
        step = react(state, policy.return_budget)
        arbitrate = step is not None and step.kind == "arbitrate"
        node: str | None = None
        with commit_span("route", case.headers, attributes={"liandong.demand": case.demand}):
            if arbitrate:
                events: Sequence[Event] = decide(state, OpenArbitration(network, timing))
            else:
                found = self._classify(case, network, policy, keys)
                basis = Basis(registry_seq=directory.seq, figures_date=day.isoformat())
                explanation = decide_route(network, policy, routing_inputs(state, found), self._load.counts, basis, found)
                events = decide(state, RouteDemand(explanation, timing))
                node = explanation.chosen
            headers: dict[str, str] = {}
            inject(headers)
        self._meters.decision_seconds.observe(perf_counter() - started)
        if node is not None:
            self._load.expect(node)
        order = system_order(
            case.demand,
            "OpenArbitration" if arbitrate else "RouteDemand",
            f"after:{case.fold.version}",
            # The decision is about this very state; if the demand changed, it is read and decided again.
            lambda current: events if unchanged(current, state) else (),
            known=case.fold,
            headers=headers,
            subject=case.subject,
        )
        return _Decision(case, order, node)

    def _classify(
        self, case: Case, network: Network, policy: RoutingPolicy, keys: Mapping[str, DataKey | Corrupt]
    ) -> Classification | None:
        state = case.fold.state
        key = keys.get(state.key_id)
        if state.category is not None or key is None:
            return None  # With its key destroyed nobody can read the text: the desk decides.
        if isinstance(key, Corrupt):
            raise key
        texts = {
            name: open_text(text.sealed, key, demand=case.demand, command_id=text.command_id, field=name)
            for name, text in case.texts.items()
        }
        return classify(texts.get("title", ""), texts.get("description", ""), network.content.taxonomy, policy.classification)

    def _settle(self, case: Case, done: Done[DemandState], routed: Routed) -> None:
        if done.commit is None:
            routed.stale.append(case)
            return
        case.fold = done.fold
        case.keep_decisions(done.commit)
        if case.fold.state.category is not None:
            case.texts = {}
        self._load.follow(case)
        for event in done.commit.events:
            if isinstance(event, DemandAssigned) and not done.replayed:
                self._meters.decisions.labels(event.explanation.path).inc()

    def _set_aside(self, case: Case, error: Exception, routed: Routed) -> None:
        code = error.code if isinstance(error, Refused | NotFound) else type(error).__name__
        routed.parked.append(Parking(case.demand, case.fold.seq, code))
        self._meters.parkings.labels(code).inc()
        _log.error("demand_parked", demand=case.demand, version=case.fold.version, code=code, exc_info=error)


def unchanged(current: DemandState, decided: DemandState) -> bool:
    """Tell whether a decision still rests on what it was made on; when it was last touched, or supplemented, does not matter."""
    return current is decided or replace(current, at=decided.at, supplements=decided.supplements) == decided
