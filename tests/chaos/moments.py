"""The judge of time: folds stored histories and tells what became of every moment they promise.

Made for demands that nobody touches, so that only time acts on them: each is warned about, lapses, is routed again, misses its limits,
is escalated and chased. It reads commits and nothing else: no timer, no table, no service has a say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from libs.demand import HELD, INITIAL, DemandState, evolve, next_due
from libs.demand.deadlines import BOUNDS
from libs.events import AssignmentLapsed, Commit, DeadlineMissed, DeadlineWarned, DemandEscalated, Event
from libs.events.execute import Fold, advance, read_commit
from libs.events.names import demand_of
from libs.events.store import Recorded

KEEPING = "KeepTime"
PRECISION = timedelta(milliseconds=1)
"""Commits tell their time in milliseconds, what is left over cut off; promised moments are told more finely."""

Kind = Literal["early", "twice", "unpromised", "undone", "lost", "orphan"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken promise: `early` before its moment, `twice` for one moment, `unpromised` for a moment nobody had promised, `undone` put
    off or dropped after it had come, `lost` never acted on, `orphan` without exactly one accountable holder.
    """

    kind: Kind
    demand: str
    version: int
    what: str


@dataclass(slots=True)
class Waiting:
    """The moment a demand waits for, and since when that has been so."""

    due: datetime | None
    since: datetime


@dataclass(slots=True)
class Judge:
    """Takes the commits of a stream in their order. `late`: seconds per moment that came; `acts`: what was done, by kind."""

    faults: list[Fault] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    folds: dict[str, Fold[DemandState]] = field(default_factory=dict)
    seq: int = 0
    _waiting: dict[str, Waiting] = field(default_factory=dict)
    _claims: set[tuple[str, ...]] = field(default_factory=set)

    @staticmethod
    def of(stream: Iterable[Recorded]) -> Judge:
        """Judge a whole stream."""
        judge = Judge()
        for recorded in stream:
            judge.take(recorded)
        return judge

    def take(self, recorded: Recorded) -> None:
        """Fold one commit and judge it by the state it came upon. Raises Corrupt when versions or chain are broken."""
        demand, commit = demand_of(recorded.subject), read_commit(recorded)
        before = self.folds.get(demand, Fold(INITIAL))
        after = self.folds[demand] = advance(before, commit, recorded.body, recorded.seq, evolve)
        self.seq = recorded.seq
        acted_on = self._judge_events(commit, before.state)
        if commit.command == KEEPING:
            self._judge_keeping(commit, acted_on, before.state, after.state)
        self._follow(commit, recorded, next_due(after.state))

    def waiting(self, until: datetime) -> dict[str, datetime]:
        """Demands whose moment was stored and came until then, and is not acted on yet."""
        return {demand: one.due for demand, one in self._waiting.items() if one.due is not None and max(one.due, one.since) <= until}

    def verdict(self, until: datetime) -> list[Fault]:
        """Everything that is wrong, given that every moment until then ought to have been acted on."""
        lost = [Fault("lost", demand, self.folds[demand].version, f"{due}") for demand, due in self.waiting(until).items()]
        orphans = [Fault("orphan", demand, fold.version, "") for demand, fold in self.folds.items() if not is_held(fold.state)]
        return [*self.faults, *lost, *orphans]

    def _judge_events(self, commit: Commit, state: DemandState) -> set[datetime]:
        """Each act of time rests on a promise that stands and has come, and no two on the same one. Returns the moments acted on."""
        moments = set()
        for event in commit.events:
            if (claim := _claim(event)) is not None:
                self.acts[claim[0]] += 1
                if (commit.entity, *claim) in self._claims:
                    self._fault("twice", commit, " ".join(claim))
                self._claims.add((commit.entity, *claim))
                due = _promised(event, state)
                if due is None:
                    self._fault("unpromised", commit, " ".join(claim))
                elif due >= commit.at + PRECISION:
                    self._fault("early", commit, " ".join(claim))
                elif not isinstance(event, DemandEscalated):
                    moments.add(due)
            state = evolve(state, event, version=commit.version, at=commit.at)
        return moments

    def _judge_keeping(self, commit: Commit, acted_on: set[datetime], before: DemandState, after: DemandState) -> None:
        """The router keeps time when there is something to do, and no moment that has come goes away without it."""
        if not acted_on:
            self._fault("early", commit, f"{next_due(before)}")
        for limit, deadline in before.deadlines.items():
            gone = after.deadlines.get(limit) != deadline and limit not in BOUNDS
            if gone and deadline.at <= commit.at and deadline.at not in acted_on:
                self._fault("undone", commit, f"{limit} {deadline.at}")

    def _follow(self, commit: Commit, recorded: Recorded, following: datetime | None) -> None:
        """Note what the demand waits for now, and how late the commit was if it waited for something else before."""
        waited = self._waiting.get(commit.entity)
        if waited is not None and waited.due == following:
            return
        if waited is not None and waited.due is not None and waited.due < commit.at + PRECISION:
            self.late.append((recorded.recorded_at - max(waited.due, waited.since)).total_seconds())
        self._waiting[commit.entity] = Waiting(following, recorded.recorded_at)

    def _fault(self, kind: Kind, commit: Commit, what: str) -> None:
        self.faults.append(Fault(kind, commit.entity, commit.version, what))


def is_held(state: DemandState) -> bool:
    """Tell whether a demand is open and exactly one is accountable: the node of its one held assignment, or the desk (or arbiter)."""
    held = [(assignment.id, assignment.node) for assignment in state.assignments if assignment.status in HELD]
    if not state.is_open or state.holder is None:
        return False
    return held == ([(state.holder.assignment, state.holder.node)] if state.holder.assignment is not None else [])


def _claim(event: Event) -> tuple[str, ...] | None:
    """What makes an act of time this very one; None for events that are none."""
    match event:
        case AssignmentLapsed():
            return event.name(), event.assignment
        case DeadlineWarned():
            return "Chased" if event.chase else event.name(), event.limit, event.due.isoformat()
        case DeadlineMissed():
            return event.name(), event.limit, event.assistance or "", event.due.isoformat()
        case DemandEscalated():
            return event.name(), str(event.level)
        case _:
            return None


def _promised(event: Event, state: DemandState) -> datetime | None:
    """The moment that stood in the state for this act; None if there was none."""
    match event:
        case AssignmentLapsed():
            current = state.current
            standing = state.deadlines.get("accept") if current is not None and current.id == event.assignment else None
        case DeadlineWarned():
            standing = state.deadlines.get("chase" if event.chase else "warn")
        case DeadlineMissed(assistance=None):
            standing = state.deadlines.get(event.limit)
            standing = standing if standing is not None and standing.at == event.due else None
        case DemandEscalated():
            return state.at if event.level == state.escalation + 1 else None
        case _:
            return None
    return standing.at if standing is not None else None
