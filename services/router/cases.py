"""The demands in work, as this process knows them: folded state, the texts that still need classifying, and the open load per node.

A bounded cache, never a source: whatever is not here is read from the stream again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from libs.demand import INITIAL, DemandState, evolve
from libs.events import (
    AssignmentArbitrated,
    Commit,
    Corrupt,
    DemandAssigned,
    DemandCorrected,
    DemandSubmitted,
    EventStore,
    Recorded,
    Sealed,
)
from libs.events.codec import decode
from libs.events.consumer import lanes
from libs.events.execute import Fold, advance
from libs.events.names import demand_of
from services.router.views import HELD, Parking

MOST_CASES: Final = 20_000
LOADS_AT_ONCE: Final = 32


@dataclass(frozen=True, slots=True)
class SealedText:
    """A ciphertext and the commit it belongs to."""

    sealed: Sealed
    command_id: str


Decision = tuple[datetime, DemandAssigned | AssignmentArbitrated]
"""A routing decision or an arbitration, and when it was made."""


@dataclass(slots=True)
class Case:
    """One demand in work. `headers` are those of its last commit, `counted` the node whose load includes it.

    `decisions`: routing decisions not written to their table yet; `fresh`: submitted in what was read last; `settled`: what other
    demands were told already. All of it may be lost and is then done again, harmlessly.
    """

    demand: str
    subject: str
    fold: Fold[DemandState] = field(default_factory=lambda: Fold(INITIAL))
    texts: dict[str, SealedText] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    counted: str | None = None
    decisions: list[Decision] = field(default_factory=list)
    fresh: bool = False
    settled: set[Hashable] = field(default_factory=set)

    def add(self, recorded: Recorded, commit: Commit) -> None:
        """Fold the next commit. Raises Corrupt if it does not follow."""
        if commit.entity != self.demand:
            raise Corrupt("the commit names another demand than its subject")
        self.fold = advance(self.fold, commit, recorded.body, recorded.seq, evolve)
        self.headers = recorded.headers
        self.fresh = self.fresh or commit.version == 1
        self.keep_decisions(commit)
        for event in commit.events:
            if isinstance(event, DemandSubmitted | DemandCorrected):
                self._keep("title", event.title, commit.command_id)
                self._keep("description", event.description, commit.command_id)
        if self.fold.state.category is not None:
            self.texts = {}

    def keep_decisions(self, commit: Commit) -> None:
        """Remember the decisions of a commit until they are written."""
        self.decisions += [(commit.at, event) for event in commit.events if isinstance(event, DemandAssigned | AssignmentArbitrated)]

    def taken(self) -> None:
        """Everything about it was taken for the tables."""
        self.decisions, self.fresh = [], False

    def _keep(self, name: str, sealed: Sealed | None, command_id: str) -> None:
        if sealed is not None:
            self.texts[name] = SealedText(sealed, command_id)


class OpenLoad:
    """Open assignments per node, as seen by this process. Soft: refreshed from the worklists, kept up to date in between."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def replace(self, counts: Mapping[str, int]) -> None:
        """Start from the worklists' figures."""
        self.counts = Counter(counts)

    def expect(self, node: str, number: int = 1) -> None:
        """Count an assignment that is about to be made, so that the next decision sees it; -1 takes it back."""
        self.counts[node] = max(self.counts[node] + number, 0)

    def follow(self, case: Case) -> None:
        """Count a demand at the node that holds it now."""
        holder = holding_node(case.fold.state)
        if holder == case.counted:
            return
        if case.counted is not None:
            self.expect(case.counted, -1)
        if holder is not None:
            self.expect(holder)
        case.counted = holder


class CaseBook:
    """The most recently used cases of one cell."""

    def __init__(self, store: EventStore, most: int = MOST_CASES) -> None:
        self._store = store
        self._most = most
        self._cases: OrderedDict[str, Case] = OrderedDict()

    def clear(self) -> None:
        """Forget everything: after a fault nobody knows what was written."""
        self._cases.clear()

    async def follow(self, batch: Sequence[Recorded], wanted: Callable[[Recorded], bool]) -> tuple[list[Case], list[Parking]]:
        """Fold the wanted commits of a batch. Returns the cases that moved, and the demands that cannot be read. Raises Unavailable."""
        moved: list[Case] = []
        broken: list[Parking] = []
        unknown: list[tuple[str, int]] = []
        for subject, commits in lanes([recorded for recorded in batch if wanted(recorded)]).items():
            demand = demand_of(subject)
            known = self._cases.get(demand) or Case(demand, subject)
            before = known.fold.seq
            try:
                case = _fold(known, commits)
            except Corrupt as error:
                self._cases.pop(demand, None)
                broken.append(Parking(demand, commits[0].seq, type(error).__name__))
                continue
            if case is None:
                unknown.append((subject, commits[-1].seq))
            elif case.fold.seq > before:
                moved.append(self._remember(case))
        # What was half folded is read afresh as well.
        loaded, unreadable = await self.load(unknown)
        return moved + loaded, broken + unreadable

    async def load(self, subjects: Sequence[tuple[str, int]]) -> tuple[list[Case], list[Parking]]:
        """Read demands afresh, at least up to the sequence given. Raises Unavailable."""
        gate = asyncio.Semaphore(LOADS_AT_ONCE)

        async def one(subject: str, seq: int) -> Case | Parking:
            async with gate:
                recorded = await self._store.load(subject, at_least=seq)
            case = Case(demand_of(subject), subject)
            try:
                for item in recorded:
                    case.add(item, decode(item.body))
            except Corrupt as error:
                return Parking(case.demand, seq, type(error).__name__)
            # The worklists' figures have counted it already, as far as anybody knows.
            case.counted = holding_node(case.fold.state)
            return self._remember(case)

        found = await asyncio.gather(*(one(subject, seq) for subject, seq in subjects))
        return [case for case in found if isinstance(case, Case)], [parking for parking in found if isinstance(parking, Parking)]

    async def refresh(self, cases: Sequence[Case]) -> tuple[list[Case], list[Parking]]:
        """Read cases afresh in place. Returns those that can be read, and what is wrong with the others. Raises Unavailable."""
        loaded, unreadable = await self.load([(case.subject, case.fold.seq) for case in cases])
        found = {case.demand: case for case in loaded}
        refreshed = [case for case in cases if case.demand in found]
        for case in refreshed:
            fresh = found[case.demand]
            case.fold, case.texts, case.headers, case.counted = fresh.fold, fresh.texts, fresh.headers, fresh.counted
            case.decisions = fresh.decisions
            self._remember(case)
        return refreshed, unreadable

    def _remember(self, case: Case) -> Case:
        self._cases[case.demand] = case
        self._cases.move_to_end(case.demand)
        if len(self._cases) > self._most:
            self._cases.popitem(last=False)
        return case


def holding_node(state: DemandState) -> str | None:
    """The node an open assignment counts for."""
    current = state.current
    return current.node if current is not None and current.status in HELD else None


def _fold(case: Case, commits: Sequence[Recorded]) -> Case | None:
    """Fold what is new to a case; None if commits in between are unknown. Our own commits come back here and are skipped undecoded."""
    for recorded in commits:
        if recorded.seq <= case.fold.seq:
            continue
        commit = decode(recorded.body)
        if commit.version != case.fold.version + 1:
            return None
        case.add(recorded, commit)
    return case
