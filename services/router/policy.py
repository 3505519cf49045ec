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
from typing import Literal

from libs.directory import Network
from libs.directory.policy import RoutingPolicy
from libs.events import Basis, Candidate, Classification, Explanation, RoutingInputs
from services.router.ranking import SHARE_EXCLUDED, Exclusion, Ranked, lowest_hub, ranking_of, score, weigh

__all__ = ["SHARE_EXCLUDED", "Exclusion", "NodeAnswer", "decide_route", "explain_node", "policy_version"]


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """Why a node got, might have got or could not get an assignment. `score` 0..10,000, None when excluded before scoring."""

    node: str
    outcome: Literal["chosen", "candidate", "excluded"]
    score: int | None
    reasons: tuple[str, ...]
    excluded_by: Exclusion | None


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
    weighed = weigh(network, policy, inputs, figures, basis.figures_date)
    scored = sorted(weighed.scored)
    told = [_told(-minus, one, figures) for minus, _, one in scored]
    excluded = _indexed_counts(network, inputs)
    _count(excluded, "score", weighed.pool.unseen)
    passed = (*weighed.pool.passed, *weighed.ranking.dead)
    room = weighed.limit - len(told)
    told.extend(Candidate(node=node, reasons=(exclusion,)) for node, exclusion in passed[:room])
    for _, exclusion in passed[room:]:
        _count(excluded, exclusion, 1)
    seen = {candidate.node: figures[candidate.node] for candidate in told if figures.get(candidate.node)}
    recorded = inputs.model_copy(update={"load": seen})
    if scored:
        return _explain(policy, basis, recorded, "candidate", scored[0][1], told, excluded, classification)
    hub = lowest_hub(network, inputs, basis.figures_date)
    return _explain(policy, basis, recorded, "lowest_hub", hub, told, excluded, classification)


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
    ranking = ranking_of(network, policy, inputs, explanation.basis.figures_date)
    for dead, why in ranking.dead:
        if dead == node:
            return NodeAnswer(node, "excluded", None, (why,), why)
    if node in inputs.returned_by:
        return NodeAnswer(node, "excluded", None, ("not_returned",), "not_returned")
    one = next(ranked for ranked in ranking.ranked if ranked.node == node)
    full = listed is not None and "under_capacity" in listed.reasons
    told = _told(score(policy, one, inputs.load), one, inputs.load)
    reasons = told.reasons if listed is not None else (*one.before_load, "load:not_recorded", *one.after_load)
    return NodeAnswer(node, "excluded", told.score, reasons, "under_capacity" if full else "score")


def _told(points: int, one: Ranked, figures: Mapping[str, int]) -> Candidate:
    reasons = (*one.before_load, f"load:{figures.get(one.node, 0)}/{one.capacity}", *one.after_load)
    return Candidate(node=one.node, score=points, reasons=reasons)


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
