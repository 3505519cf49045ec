"""Past routing decisions made again under another policy (策略回放). Pure.

A replay takes each recorded decision with its recorded inputs, on the network of its recorded basis, and lets the very arithmetic of
`decide_route` choose again (`services.router.ranking`). It guesses nothing: it does not predict what a node would have done with a
demand it never had. What it cannot know it counts: decisions whose basis the registry does not know, and decisions that looked at a
node whose open load nobody recorded; that load is taken as none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from libs.directory import Network
from libs.directory.policy import RoutingPolicy
from libs.directory.state import in_force_on
from libs.events import Basis, RoutingInputs
from libs.events.demand import RoutePath
from services.router.classify import winner
from services.router.ranking import Choice, choose_node, counted_full, looked_at
from services.router.replay_report import EXAMPLES, Difference, Precedent, PrecedentTally, Tally

_MOST_REMEMBERED: Final = 100_000
_MOST_NETWORKS: Final = 8


class Decision(NamedTuple):
    """A routing decision as it was recorded, and how its assignment ended (`returned`, `lapsed`; None for anything else).

    `scores`: points per category where the rules read the text. `named`: the nodes its explanation named, None when it named everybody
    who fitted. `load`: the open load of those named that had any.
    """

    demand: str
    assignment: str
    day: date
    registry_seq: int
    figures_date: str | None
    category: str | None
    region: str
    carrier: str | None
    industry: str | None
    returned_by: tuple[str, ...]
    load: Mapping[str, int]
    scores: Mapping[str, int] | None
    named: tuple[str, ...] | None
    policy: str
    path: str
    chosen: str
    ended: str | None = None


class Place(NamedTuple):
    """The facts of a demand that decide where it goes (`services.router.ranking.Facts`)."""

    category: str | None
    region: str
    carrier: str | None
    industry: str | None
    returned_by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Revision:
    """A network's revision as a replay needs it: where the registry stood, its policy, and how to get the network itself."""

    seq: int
    policy: RoutingPolicy
    network: Callable[[], Network]


def choose(network: Network, policy: RoutingPolicy, inputs: RoutingInputs, basis: Basis) -> tuple[str, RoutePath]:
    """Choose as `decide_route` does for the same inputs with their own load, without the explanation."""
    choice = choose_node(network, policy, inputs, inputs.load, basis.figures_date)
    return choice.chosen, choice.path


class Replay:
    """Replays the decisions of one network and of `days` days from `first` on; what it finds is in `tally`.

    `revisions`: all of the network's, oldest first. `policy` None: each decision under the policy it was made by.
    """

    def __init__(
        self,
        revisions: Sequence[Revision],
        policy: RoutingPolicy | None,
        first: date,
        days: int,
        precedents: Sequence[Precedent] = (),
    ) -> None:
        self._revisions = tuple(revisions)
        self._policy = policy
        self._first = first
        self._precedents: dict[tuple[str | None, str], list[tuple[int, str]]] = {}
        for number, precedent in enumerate(precedents):
            self._precedents.setdefault((precedent.category, precedent.region), []).append((number, precedent.node))
        self._bases: dict[tuple[int, str | None, str], _Basis | None] = {}
        self._places: dict[int, _Places] = {}
        self.tally = Tally(days, precedents=[PrecedentTally() for _ in precedents])

    def take(self, decisions: Iterable[Decision]) -> None:
        """Replay decisions of the period."""
        for decision in decisions:
            self._take(decision)

    def _take(self, decision: Decision) -> None:
        basis = self._basis(decision)
        if basis is None:
            self.tally.excluded += 1
            return
        network, policy = basis.revision.network(), self._policy or basis.policy
        category = decision.category
        if decision.scores is not None and basis.classifies_otherwise:
            category = winner(decision.scores, policy.classification)
        load, known = _recorded_load(network, basis.policy, decision)
        facts = Place(category, *self._place(network, decision), decision.returned_by)
        choice = choose_node(network, policy, facts, load, decision.figures_date)
        if known is not None and choice.weighed is not None:  # else everybody who fits was named, whatever policy ranks them
            self.tally.load_unknown += any(node not in known for node in looked_at(policy, facts, choice.weighed))
        self._count(decision, category, choice)

    def _count(self, decision: Decision, category: str | None, choice: Choice) -> None:
        tally, day, chosen = self.tally, (decision.day - self._first).days, choice.chosen
        kind = tally.category(decision.category)
        tally.decisions += 1
        kind.decisions += 1
        tally.recorded_paths[decision.path] += 1
        tally.replayed_paths[choice.path] += 1
        kind.hub_only_recorded += decision.path != "candidate"
        kind.hub_only_replayed += choice.path != "candidate"
        tally.node(decision.chosen).recorded[day] += 1
        tally.node(chosen).replayed[day] += 1
        if decision.ended is not None:
            tally.endings[decision.ended] += 1
        if chosen == decision.chosen:
            tally.same += 1
        else:
            self._count_difference(decision, chosen)
        for number, node in self._precedents.get((category, decision.region), ()):
            tally.precedents[number].decisions += 1
            tally.precedents[number].disagrees += chosen != node

    def _count_difference(self, decision: Decision, chosen: str) -> None:
        tally = self.tally
        tally.category(decision.category).different += 1
        tally.node(decision.chosen).lost += 1
        tally.node(chosen).gained += 1
        if decision.ended is not None:
            tally.endings_elsewhere[decision.ended] += 1
        if len(tally.examples) < EXAMPLES:
            tally.examples.append(Difference(decision.demand, decision.assignment, decision.chosen, chosen))

    def _basis(self, decision: Decision) -> _Basis | None:
        key = (decision.registry_seq, decision.figures_date, decision.policy)
        if key not in self._bases:
            if len(self._bases) >= _MOST_REMEMBERED:
                self._bases.clear()
            self._bases[key] = _basis_of(self._revisions, self._policy, *key)
        return self._bases[key]

    def _place(self, network: Network, decision: Decision) -> tuple[str, str | None, str | None]:
        places = self._places.get(id(network))
        if places is None:
            if len(self._places) >= _MOST_NETWORKS:
                self._places.clear()
            places = self._places[id(network)] = _Places(network)
        return places.of(decision.region, decision.carrier, decision.industry)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a recorded decision rests on: revision and policy, and whether the replayed policy finds categories by another rule."""

    revision: Revision
    policy: RoutingPolicy
    classifies_otherwise: bool


def _basis_of(revisions: tuple[Revision, ...], other: RoutingPolicy | None, seq: int, day: str | None, label: str) -> _Basis | None:
    """The revision in force when the registry stood at `seq`, and the policy of that label; None if there is no such revision."""
    past = [revision for revision in reversed(revisions) if revision.seq <= seq]
    if not past:
        return None
    policies = [revision.policy for revision in past]
    if day is not None:
        policies.insert(0, in_force_on(policies, date.fromisoformat(day)))
    then = next((policy for policy in policies if str(policy.version) == label), policies[0])
    return _Basis(past[0], then, other is not None and other.classification != then.classification)


def _recorded_load(network: Network, then: RoutingPolicy, decision: Decision) -> tuple[Mapping[str, int], Collection[str] | None]:
    """The loads a decision saw, and of which nodes it is known; None: of everybody who fitted."""
    if decision.named is None:
        return decision.load, None
    full = counted_full(network, then, decision, decision.load, frozenset(decision.named), decision.figures_date)
    return {**full, **decision.load}, {*decision.named, *full}


class _Places:
    """Spells a demand's place by what a network knows of it: places that no node names make no difference.

    So demands of a hundred trades share the rankings of the few that somebody serves.
    """

    def __init__(self, network: Network) -> None:
        self._network = network  # keeps the network, whose id is this value's key, alive
        indexes = network.indexes
        self._named = frozenset((*indexes.covering, *indexes.hubs))
        self._known: dict[tuple[str, str | None, str | None], tuple[str, str | None, str | None]] = {}

    def of(self, region: str, carrier: str | None, industry: str | None) -> tuple[str, str | None, str | None]:
        """Return region, carrier and industry that every node covers exactly as it covers these."""
        key = (region, carrier, industry)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            found = self._known[key] = (self._region(region), self._carrier(carrier), self._industry(industry))
        return found

    def _region(self, region: str) -> str:
        lineage = self._network.territory(region)
        return next((code for code in lineage if ("region", code) in self._named), region)

    def _carrier(self, carrier: str | None) -> str | None:
        return carrier if carrier is not None and ("carrier", carrier) in self._named else None

    def _industry(self, industry: str | None) -> str | None:
        lineage = self._network.indexes.industry_lineage(industry)
        return next((code for code in lineage if ("industry", code) in self._named), None)
