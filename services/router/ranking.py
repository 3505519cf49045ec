"""Who may take a demand, in which order, and which of them is chosen: the arithmetic under every routing decision. Pure.

`services.router.policy` makes decisions with their explanation, `services.router.replay` makes past ones again without it; both stand
on `weigh`, so that they cannot come apart. Nodes are ranked by what does not change from demand to demand; a ranking is cached.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal, Protocol

from libs.directory import Fit, Network
from libs.directory.policy import RoutingPolicy
from libs.events.demand import RoutePath

Exclusion = Literal["kind", "territory", "category", "not_in_force", "inactive", "not_returned", "under_capacity", "score"]
"""What decided against a node: a predicate of the policy, or the score (it ranked behind the candidates told by name)."""

SHARE_EXCLUDED: Final = 4
"""One in so many places among the candidates is kept for nodes that a later predicate excluded; further ones are counted."""

_BYTES: Final = 6_000
_RETURN_BYTES: Final = 44
_CANDIDATE_BYTES: Final = 186
_MOST_RANKINGS: Final = 20_000
_MOST_CALENDARS: Final = 16
_NOBODY: Final[frozenset[str]] = frozenset()


class Facts(Protocol):
    """What of a demand decides where it goes; RoutingInputs and recorded decisions have it."""

    @property
    def category(self) -> str | None:
        """The category, None while nobody has found one."""

    @property
    def region(self) -> str:
        """The region's code."""

    @property
    def carrier(self) -> str | None:
        """The carrier's id."""

    @property
    def industry(self) -> str | None:
        """The industry's code."""

    @property
    def returned_by(self) -> tuple[str, ...]:
        """The nodes that returned this demand or let it lapse."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A node that passed everything that does not depend on the demand's own history, with its fixed points 0..10,000."""

    node: str
    points: int
    capacity: int
    before_load: tuple[str, ...]
    after_load: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """All nodes that fit a kind of demand, best first, and those that date or status excludes. Cached per revision and period."""

    fits: tuple[Fit, ...]
    policy: RoutingPolicy
    ranked: tuple[Ranked, ...]
    dead: tuple[tuple[str, Exclusion], ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """Nodes compared by load (`open`), nodes passed over on the way (`passed`), and how many were not compared.

    `seen`: at how many of the ranking, from the best on, the decision looked.
    """

    open: tuple[Ranked, ...]
    passed: tuple[tuple[str, Exclusion], ...]
    unseen: int
    seen: int


@dataclass(frozen=True, slots=True)
class Weighed:
    """The pool of a decision with its ranking and, per node compared, (minus score, node, what it is)."""

    ranking: Ranking
    limit: int
    pool: Pool
    scored: list[tuple[int, str, Ranked]]


@dataclass(frozen=True, slots=True)
class Choice:
    """A decision without its explanation. `weighed` is None at the desk."""

    chosen: str
    path: RoutePath
    weighed: Weighed | None


def choose_node(network: Network, policy: RoutingPolicy, facts: Facts, figures: Mapping[str, int], day: str | None) -> Choice:
    """Choose the node for one demand. `figures`: open assignments per node; `day`: the day that counts, as YYYY-MM-DD."""
    if facts.category is None:
        return Choice(network.hub.id, "desk", None)
    weighed = weigh(network, policy, facts, figures, day)
    if weighed.scored:
        return Choice(min(weighed.scored)[1], "candidate", weighed)
    return Choice(lowest_hub(network, facts, day), "lowest_hub", weighed)


def weigh(network: Network, policy: RoutingPolicy, facts: Facts, figures: Mapping[str, int], day: str | None) -> Weighed:
    """Rank and compare the nodes for a demand that has a category. The least of `scored` is the one to choose, ties by node id."""
    ranking = ranking_of(network, policy, facts, day)
    limit = most_candidates(policy, facts)
    pool = _pool(ranking, policy, facts, figures, most_compared(limit))
    return Weighed(ranking, limit, pool, [(-score(policy, one, figures), one.node, one) for one in pool.open])


def looked_at(policy: RoutingPolicy, facts: Facts, weighed: Weighed) -> tuple[str, ...]:
    """Return the nodes whose open load had a say in a decision."""
    if not policy.score.load.weight and _capacity(policy) is None:
        return ()
    returned = _returned(policy, facts)
    return tuple(one.node for one in weighed.ranking.ranked[: weighed.pool.seen] if one.node not in returned)


def counted_full(
    network: Network, policy: RoutingPolicy, facts: Facts, figures: Mapping[str, int], named: Collection[str], day: str | None
) -> dict[str, int]:
    """Return the nodes a past decision must have found full although it only counted them, each with its capacity as load.

    `figures` are the loads it recorded, those of `named`; nobody else's was. A decision looks from the best node on until it has enough
    open ones, so whoever stands before the last open one and was not named had no room; were none open, nobody had.
    """
    if facts.category is None or _capacity(policy) is None:
        return {}
    ranked, returned = ranking_of(network, policy, facts, day).ranked, _returned(policy, facts)
    places = [
        place
        for place, one in enumerate(ranked)
        if one.node in named and one.node not in returned and figures.get(one.node, 0) < one.capacity
    ]
    end = places[-1] + 1 if len(places) == most_compared(most_candidates(policy, facts)) else len(ranked)
    return {one.node: one.capacity for one in ranked[:end] if one.node not in named and one.node not in returned}


def ranking_of(network: Network, policy: RoutingPolicy, facts: Facts, day: str | None) -> Ranking:
    """Return the ranking for a demand that has a category; the same object as long as it is cached."""
    assert facts.category is not None
    fits = network.fits(facts.category, facts.region, facts.carrier, facts.industry)
    key = (id(fits), id(policy), _period(network, day))
    found = _RANKINGS.get(key)
    # The cached value keeps both objects alive, so their ids cannot come to mean something else.
    if found is None:
        if len(_RANKINGS) >= _MOST_RANKINGS:
            _RANKINGS.clear()
        found = _RANKINGS[key] = _rank(fits, policy, date.fromisoformat(day) if day is not None else None)
    return found


def score(policy: RoutingPolicy, one: Ranked, figures: Mapping[str, int]) -> int:
    """Return a node's score 0..10,000 under a load."""
    free = max(one.capacity - figures.get(one.node, 0), 0) * 100 // one.capacity if one.capacity else 0
    return one.points + policy.score.load.weight * free


def most_candidates(policy: RoutingPolicy, facts: Facts) -> int:
    """Tell how many candidates are named: fewer for a demand that was returned very often, so that the explanation keeps its size."""
    room = (_BYTES - _RETURN_BYTES * len(facts.returned_by)) // _CANDIDATE_BYTES
    return max(1, min(policy.explanation.candidates, room))


def most_compared(limit: int) -> int:
    """Tell how many of the named candidates are compared by load."""
    return limit - limit // SHARE_EXCLUDED


def lowest_hub(network: Network, facts: Facts, day: str | None) -> str:
    """Return the lowest hub over a demand that is there that day and has not returned it; at last the network's hub."""
    on = date.fromisoformat(day) if day is not None else None
    for hub in network.hubs(facts.region, facts.carrier):
        if hub.status == "active" and hub.id not in facts.returned_by and (on is None or hub.in_force(on)):
            return hub.id
    return network.hub.id


_RANKINGS: Final[dict[tuple[int, int, int | None], Ranking]] = {}


def _rank(fits: tuple[Fit, ...], policy: RoutingPolicy, day: date | None) -> Ranking:
    ranked, dead = [], []
    for fit in fits:
        exclusion = _fixed_exclusion(fit, policy, day)
        if exclusion is not None:
            dead.append((fit.node.id, exclusion))
            continue
        ranked.append(_fixed_points(fit, policy))
    ranked.sort(key=lambda one: (-one.points, one.node))
    return Ranking(fits, policy, tuple(ranked), tuple(dead))


def _fixed_exclusion(fit: Fit, policy: RoutingPolicy, day: date | None) -> Exclusion | None:
    for predicate in policy.eligibility:
        if predicate.name == "in_force" and day is not None and not fit.node.in_force(day):
            return "not_in_force"
        if predicate.name == "active" and fit.node.status != "active":
            return "inactive"
    return None


def _fixed_points(fit: Fit, policy: RoutingPolicy) -> Ranked:
    parts, node = policy.score, fit.node
    breadth = len(node.categories)
    depth = parts.depth.points[breadth - 1] if node.kind in parts.depth.kinds and breadth <= len(parts.depth.points) else 0
    welfare = int(getattr(parts.welfare_first.fees, node.fee))
    points = (
        parts.nearness.weight * parts.nearness.steps.points(fit.step) + parts.depth.weight * depth + parts.welfare_first.weight * welfare
    )
    before = (f"near:{fit.step}", "depth") if depth else (f"near:{fit.step}",)
    return Ranked(node.id, points, node.capacity, before, (node.fee,) if welfare else ())


def _pool(ranking: Ranking, policy: RoutingPolicy, facts: Facts, figures: Mapping[str, int], most: int) -> Pool:
    returned, soft = _returned(policy, facts), _capacity(policy)
    open_: list[Ranked] = []
    full: list[Ranked] = []
    passed: list[tuple[str, Exclusion]] = []
    seen, load = 0, figures.get
    for seen, one in enumerate(ranking.ranked, 1):  # noqa: B007 - where it stopped is told
        if one.node in returned:
            passed.append((one.node, "not_returned"))
        elif soft is not None and load(one.node, 0) >= one.capacity:
            full.append(one)
        else:
            open_.append(one)
            if len(open_) == most:
                break
    if not open_ and soft:
        return Pool(tuple(full[:most]), tuple(passed), len(full[most:]), seen)
    passed += [(one.node, "under_capacity") for one in full]
    return Pool(tuple(open_), tuple(passed), len(ranking.ranked) - seen, seen)


def _returned(policy: RoutingPolicy, facts: Facts) -> frozenset[str]:
    if facts.returned_by and any(predicate.name == "not_returned" for predicate in policy.eligibility):
        return frozenset(facts.returned_by)
    return _NOBODY


def _capacity(policy: RoutingPolicy) -> bool | None:
    """Tell whether the policy's capacity rule is soft; None when it has none."""
    return next((predicate.soft for predicate in policy.eligibility if predicate.name == "under_capacity"), None)


_CALENDARS: Final[dict[int, tuple[Network, list[date], dict[str, int]]]] = {}


def _period(network: Network, day: str | None) -> int | None:
    """Number the periods in which the same nodes are in force, so that a year of days needs no ranking each."""
    if day is None:
        return None
    found = _CALENDARS.get(id(network))
    if found is None:
        if len(_CALENDARS) >= _MOST_CALENDARS:
            _CALENDARS.clear()
        found = _CALENDARS[id(network)] = (network, _changes(network), {})
    _, changes, periods = found
    period = periods.get(day)
    if period is None:
        if len(periods) >= _MOST_RANKINGS:
            periods.clear()
        period = periods[day] = bisect_right(changes, date.fromisoformat(day))
    return period


def _changes(network: Network) -> list[date]:
    """The days on which somebody comes into force or is no longer in force."""
    starts = {node.in_force_from for node in network.content.nodes}
    ends = {node.in_force_to + timedelta(days=1) for node in network.content.nodes if node.in_force_to is not None}
    return sorted(starts | ends)
