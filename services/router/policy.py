"""Decide which node gets a demand (派单), and say why in at most 8 KB. Pure, integer arithmetic, bit for bit repeatable.

::

    category known? ──no──▶ the network hub's desk                                            path `desk`
        │ yes
    nodes that may take assignments, cover the demand and offer its category (indexes)
        │ in force that day, active, not returned, under capacity (soft: dropped when it would leave nobody)
        ▼
    anybody? ──yes──▶ best weighted score, ties by node id                                    path `candidate`
        │ no
        ▼
    lowest hub covering the territory that has not returned it, upwards, at last the city hub path `lowest_hub`

"Nobody fits" is never an outcome. Nodes are ranked by what does not change from demand to demand (nearness, depth, fee); the
first `explanation.candidates` of them that have room are compared with their open load. So a decision looks at a few dozen nodes,
however large the network, and the loads it looked at are all recorded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from libs.directory import Fit, Network
from libs.directory.policy import RoutingPolicy
from libs.events import Basis, Candidate, Classification, Explanation, RoutingInputs

Exclusion = Literal["kind", "territory", "category", "not_in_force", "inactive", "not_returned", "under_capacity", "score"]
"""What decided against a node: a predicate of the policy, or the score (it ranked behind the candidates told by name)."""

SHARE_EXCLUDED: Final = 4
"""One in so many places among the candidates is kept for nodes that a later predicate excluded; further ones are counted."""

_BYTES: Final = 6_000
_RETURN_BYTES: Final = 44
_CANDIDATE_BYTES: Final = 186
_MOST_RANKINGS: Final = 20_000


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """Why a node got, might have got or could not get an assignment. `score` 0..10,000, None when excluded before scoring."""

    node: str
    outcome: Literal["chosen", "candidate", "excluded"]
    score: int | None
    reasons: tuple[str, ...]
    excluded_by: Exclusion | None


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A node that passed everything that does not depend on the demand's own history, with its fixed points 0..10,000."""

    node: str
    points: int
    capacity: int
    before_load: tuple[str, ...]
    after_load: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Ranking:
    """All nodes that fit a kind of demand, best first, and those that date or status excludes. Cached per revision and day."""

    fits: tuple[Fit, ...]
    policy: RoutingPolicy
    ranked: tuple[_Ranked, ...]
    dead: tuple[tuple[str, Exclusion], ...]


@dataclass(frozen=True, slots=True)
class _Pool:
    """Nodes compared by load (`open`), nodes passed over on the way (`passed`), and how many were not looked at."""

    open: tuple[_Ranked, ...]
    passed: tuple[tuple[str, Exclusion], ...]
    unseen: int


def decide_route(
    network: Network,
    policy: RoutingPolicy,
    inputs: RoutingInputs,
    figures: Mapping[str, int],
    basis: Basis,
    classification: Classification | None = None,
) -> Explanation:
    """Choose the node for one demand. `figures`: open assignments per node as seen now; `basis.figures_date` is the day that counts.

    Scores run from 0 to 10,000. The explanation records the loads that were looked at, so that it can be recomputed. Source: design
    decision (the regulations give no routing rule, requirements N5); desk and hubs: requirements A3, A4.
    """
    if inputs.category is None:
        return _explain(policy, basis, inputs, "desk", network.hub.id, (), _indexed_counts(network, inputs), classification)
    ranking = _ranking(network, policy, inputs, basis)
    limit = _most_candidates(policy, inputs)
    pool = _pool(ranking, policy, inputs, figures, limit - limit // SHARE_EXCLUDED)
    scored = sorted(((-_score(policy, one, figures), one.node, one) for one in pool.open), key=lambda item: item[:2])
    told = [_told(-minus, one, figures) for minus, _, one in scored]
    excluded = _indexed_counts(network, inputs)
    _count(excluded, "score", pool.unseen)
    passed = (*pool.passed, *ranking.dead)
    room = limit - len(told)
    told.extend(Candidate(node=node, reasons=(exclusion,)) for node, exclusion in passed[:room])
    for _, exclusion in passed[room:]:
        _count(excluded, exclusion, 1)
    seen = {candidate.node: figures[candidate.node] for candidate in told if figures.get(candidate.node)}
    recorded = inputs.model_copy(update={"load": seen})
    if scored:
        return _explain(policy, basis, recorded, "candidate", scored[0][1], told, excluded, classification)
    return _explain(policy, basis, recorded, "lowest_hub", _lowest_hub(network, inputs, basis), told, excluded, classification)


def explain_node(network: Network, policy: RoutingPolicy, explanation: Explanation, node: str) -> NodeAnswer:
    """Recompute one node's standing in a past decision from its basis. Raises KeyError for a node the network did not have.

    `network` and `policy` are those of the explanation's registry position. The load of nodes that were only counted was not
    recorded; they are scored as if they had none, which is the most they could have reached.
    """
    listed = {candidate.node: candidate for candidate in explanation.candidates}
    if node in listed and listed[node].score is not None:
        outcome: Literal["chosen", "candidate"] = "chosen" if node == explanation.chosen else "candidate"
        return NodeAnswer(node, outcome, listed[node].score, listed[node].reasons, None)
    answer = _standing(network, policy, explanation, node, listed.get(node))
    if node == explanation.chosen:
        return NodeAnswer(node, "chosen", None, (explanation.path,), answer.excluded_by)
    return answer


def policy_version(policy: RoutingPolicy) -> str:
    """The policy's version as recorded in events."""
    return str(policy.version)


def _standing(network: Network, policy: RoutingPolicy, explanation: Explanation, node: str, listed: Candidate | None) -> NodeAnswer:
    inputs = explanation.inputs
    found = network.node(node)
    exclusion: Exclusion | None = None
    if not network.kind(found).assignable:
        exclusion = "kind"
    elif network.nearness(found, inputs.region, inputs.carrier, inputs.industry) is None:
        exclusion = "territory"
    elif inputs.category is None or inputs.category not in found.categories:
        exclusion = "category"
    if exclusion is not None:
        return NodeAnswer(node, "excluded", None, (exclusion,), exclusion)
    ranking = _ranking(network, policy, inputs, explanation.basis)
    for dead, why in ranking.dead:
        if dead == node:
            return NodeAnswer(node, "excluded", None, (why,), why)
    if node in inputs.returned_by:
        return NodeAnswer(node, "excluded", None, ("not_returned",), "not_returned")
    one = next(ranked for ranked in ranking.ranked if ranked.node == node)
    full = listed is not None and "under_capacity" in listed.reasons
    told = _told(_score(policy, one, inputs.load), one, inputs.load)
    reasons = told.reasons if listed is not None else (*one.before_load, "load:not_recorded", *one.after_load)
    return NodeAnswer(node, "excluded", told.score, reasons, "under_capacity" if full else "score")


def _ranking(network: Network, policy: RoutingPolicy, inputs: RoutingInputs, basis: Basis) -> _Ranking:
    assert inputs.category is not None
    fits = network.fits(inputs.category, inputs.region, inputs.carrier, inputs.industry)
    key = (id(fits), id(policy), basis.figures_date)
    found = _RANKINGS.get(key)
    # The cached value keeps both objects alive, so their ids cannot come to mean something else.
    if found is None:
        if len(_RANKINGS) >= _MOST_RANKINGS:
            _RANKINGS.clear()
        day = date.fromisoformat(basis.figures_date) if basis.figures_date is not None else None
        found = _RANKINGS[key] = _rank(fits, policy, day)
    return found


_RANKINGS: Final[dict[tuple[int, int, str | None], _Ranking]] = {}


def _rank(fits: tuple[Fit, ...], policy: RoutingPolicy, day: date | None) -> _Ranking:
    ranked, dead = [], []
    for fit in fits:
        exclusion = _fixed_exclusion(fit, policy, day)
        if exclusion is not None:
            dead.append((fit.node.id, exclusion))
            continue
        ranked.append(_fixed_points(fit, policy))
    ranked.sort(key=lambda one: (-one.points, one.node))
    return _Ranking(fits, policy, tuple(ranked), tuple(dead))


def _fixed_exclusion(fit: Fit, policy: RoutingPolicy, day: date | None) -> Exclusion | None:
    for predicate in policy.eligibility:
        if predicate.name == "in_force" and day is not None and not fit.node.in_force(day):
            return "not_in_force"
        if predicate.name == "active" and fit.node.status != "active":
            return "inactive"
    return None


def _fixed_points(fit: Fit, policy: RoutingPolicy) -> _Ranked:
    score, node = policy.score, fit.node
    breadth = len(node.categories)
    depth = score.depth.points[breadth - 1] if node.kind in score.depth.kinds and breadth <= len(score.depth.points) else 0
    welfare = int(getattr(score.welfare_first.fees, node.fee))
    points = (
        score.nearness.weight * score.nearness.steps.points(fit.step) + score.depth.weight * depth + score.welfare_first.weight * welfare
    )
    before = (f"near:{fit.step}", "depth") if depth else (f"near:{fit.step}",)
    return _Ranked(node.id, points, node.capacity, before, (node.fee,) if welfare else ())


def _pool(ranking: _Ranking, policy: RoutingPolicy, inputs: RoutingInputs, figures: Mapping[str, int], most: int) -> _Pool:
    names = {predicate.name: predicate for predicate in policy.eligibility}
    returned = frozenset(inputs.returned_by) if "not_returned" in names else frozenset()
    capacity = names.get("under_capacity")
    open_: list[_Ranked] = []
    full: list[_Ranked] = []
    passed: list[tuple[str, Exclusion]] = []
    seen = 0
    for one in ranking.ranked:
        if len(open_) == most:
            break
        seen += 1
        if one.node in returned:
            passed.append((one.node, "not_returned"))
        elif capacity is not None and figures.get(one.node, 0) >= one.capacity:
            full.append(one)
        else:
            open_.append(one)
    if not open_ and capacity is not None and capacity.soft:
        return _Pool(tuple(full[:most]), tuple(passed), len(full[most:]))
    passed += [(one.node, "under_capacity") for one in full]
    return _Pool(tuple(open_), tuple(passed), len(ranking.ranked) - seen)


def _score(policy: RoutingPolicy, one: _Ranked, figures: Mapping[str, int]) -> int:
    free = max(one.capacity - figures.get(one.node, 0), 0) * 100 // one.capacity if one.capacity else 0
    return one.points + policy.score.load.weight * free


def _told(score: int, one: _Ranked, figures: Mapping[str, int]) -> Candidate:
    reasons = (*one.before_load, f"load:{figures.get(one.node, 0)}/{one.capacity}", *one.after_load)
    return Candidate(node=one.node, score=score, reasons=reasons)


def _most_candidates(policy: RoutingPolicy, inputs: RoutingInputs) -> int:
    """A demand that was returned very often names fewer candidates, so that the explanation keeps its size."""
    room = (_BYTES - _RETURN_BYTES * len(inputs.returned_by)) // _CANDIDATE_BYTES
    return max(1, min(policy.explanation.candidates, room))


def _indexed_counts(network: Network, inputs: RoutingInputs) -> dict[str, int]:
    place = (inputs.region, inputs.carrier, inputs.industry)
    covering = network.covering_count(*place)
    fitting = network.candidate_count(inputs.category, *place) if inputs.category is not None else 0
    counts: dict[str, int] = {}
    _count(counts, "kind", len(network.content.nodes) - network.assignable_count)
    _count(counts, "territory", network.assignable_count - covering)
    _count(counts, "category", covering - fitting)
    return counts


def _count(counts: dict[str, int], exclusion: Exclusion, number: int) -> None:
    if number:
        counts[exclusion] = counts.get(exclusion, 0) + number


def _lowest_hub(network: Network, inputs: RoutingInputs, basis: Basis) -> str:
    day = date.fromisoformat(basis.figures_date) if basis.figures_date is not None else None
    for hub in network.hubs(inputs.region, inputs.carrier):
        if hub.status == "active" and hub.id not in inputs.returned_by and (day is None or hub.in_force(day)):
            return hub.id
    return network.hub.id


def _explain(
    policy: RoutingPolicy,
    basis: Basis,
    inputs: RoutingInputs,
    path: Literal["candidate", "lowest_hub", "desk"],
    chosen: str,
    candidates: Iterable[Candidate],
    excluded: dict[str, int],
    classification: Classification | None,
) -> Explanation:
    return Explanation(
        policy=policy_version(policy),
        basis=basis,
        inputs=inputs,
        path=path,
        chosen=chosen,
        candidates=tuple(candidates),
        excluded=excluded,
        classification=classification,
    )
