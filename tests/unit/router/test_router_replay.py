"""Replays: past decisions come out exactly as they were under their own policy; under another one every difference is accounted for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from libs.directory import Network
from libs.directory.policy import RoutingPolicy
from libs.events import Basis, Classification, DemandAssigned, RoutingInputs
from services.router.decisions import decision_of, decision_row
from services.router.policy import decide_route
from services.router.replay import Decision, Replay, Revision, choose
from services.router.replay_report import TALLY, Precedent, ReplayReport, Tally, report_of
from tests.unit.router.random_routing import BASIS, CATEGORIES, DAY, inputs_in, loads_in, network_of, networks, node, policies

LATER = ("in_force", "active", "not_returned", "under_capacity")
AT = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
TOWNSHIP = "330203001"


@st.composite
def rules(draw: st.DrawFn) -> RoutingPolicy:
    """Any policy: few or many candidates, capacity soft, hard or no matter, any of the later predicates missing."""
    policy = draw(policies())
    left_out = draw(st.sets(st.sampled_from(LATER), max_size=2))
    soft = draw(st.booleans())
    kept = [one for one in policy.eligibility if one.name not in left_out]
    weights = draw(st.sampled_from([(45, 20, 20, 15), (20, 20, 60, 0), (60, 10, 0, 30)]))
    parts = policy.score
    score = parts.model_copy(
        update={
            "nearness": parts.nearness.model_copy(update={"weight": weights[0]}),
            "depth": parts.depth.model_copy(update={"weight": weights[1]}),
            "load": parts.load.model_copy(update={"weight": weights[2]}),
            "welfare_first": parts.welfare_first.model_copy(update={"weight": weights[3]}),
        }
    )
    eligibility = tuple(one.model_copy(update={"soft": soft}) if one.name == "under_capacity" else one for one in kept)
    return policy.model_copy(update={"eligibility": eligibility, "score": score})


def decided(
    network: Network,
    policy: RoutingPolicy,
    inputs: RoutingInputs,
    load: Mapping[str, int] | None = None,
    *,
    number: int = 1,
    basis: Basis = BASIS,
    found: Classification | None = None,
    ended: str | None = None,
) -> Decision:
    """A decision as the router makes it and the laboratory reads it."""
    explanation = decide_route(network, policy, inputs, load or {}, basis, found)
    event = DemandAssigned(assignment="a1", node=explanation.chosen, policy=explanation.policy, explanation=explanation)
    made = decision_of(decision_row(f"ningbo-26a-{number:016d}", AT, event, sample=True))
    return made._replace(ended=ended)


def replayed(
    network: Network,
    decisions: Sequence[Decision],
    policy: RoutingPolicy | None = None,
    then: RoutingPolicy | None = None,
    precedents: Sequence[Precedent] = (),
) -> Tally:
    """Replay on one network whose policy was `then`."""
    revision = Revision(BASIS.registry_seq, then or network.content.routing, lambda: network)
    replay = Replay([revision], policy, DAY, 1, precedents)
    replay.take(decisions)
    return replay.tally


def told(tally: Tally, precedents: tuple[Precedent, ...] = ()) -> ReplayReport:
    return report_of(tally, tally.decisions, precedents)


def asks(category: str | None = "quality", *, region: str = TOWNSHIP, returned_by: tuple[str, ...] = ()) -> RoutingInputs:
    return RoutingInputs(category=category, region=region, urgency="normal", returned_by=returned_by)


def weighing(policy: RoutingPolicy, **weights: int) -> RoutingPolicy:
    """The policy with other weights."""
    parts = {name: getattr(policy.score, name).model_copy(update={"weight": weight}) for name, weight in weights.items()}
    return policy.model_copy(update={"score": policy.score.model_copy(update=parts)})


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_choosing_without_explaining_is_choosing_the_same(data: st.DataObject) -> None:
    network, policy = data.draw(networks(9)), data.draw(rules())
    load = data.draw(loads_in(network))
    inputs = data.draw(inputs_in(network)).model_copy(update={"load": load})
    day = data.draw(st.sampled_from([None, "2025-01-01", "2025-01-02", DAY.isoformat(), "2027-01-02"]))
    basis = Basis(registry_seq=7, figures_date=day)
    explanation = decide_route(network, policy, inputs, load, basis)
    assert choose(network, policy, inputs, basis) == (explanation.chosen, explanation.path)


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_replaying_the_policy_in_force_gives_the_recorded_decisions_back(data: st.DataObject) -> None:
    """Also where full nodes were only counted, so that nobody wrote down how full they were."""
    network, policy = data.draw(networks(9)), data.draw(rules())
    decisions = [
        decided(network, policy, data.draw(inputs_in(network)), data.draw(loads_in(network)), number=number) for number in range(6)
    ]
    tally = replayed(network, decisions, None, policy)
    assert (tally.decisions, tally.same, tally.load_unknown, tally.excluded) == (6, 6, 0, 0)
    assert tally.recorded_paths == tally.replayed_paths
    assert replayed(network, decisions, policy.model_copy(), policy).same == 6


@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_where_every_load_is_known_a_replay_decides_as_the_router_would_have(data: st.DataObject) -> None:
    network, policy, other = data.draw(networks(10)), data.draw(rules()), data.draw(rules())
    inputs, load = data.draw(inputs_in(network)), data.draw(loads_in(network))
    tally = replayed(network, [decided(network, policy, inputs, load)], other, policy)
    if not tally.load_unknown:
        chosen = decide_route(network, other, inputs, load, BASIS).chosen
        assert [node for node, count in tally.nodes.items() if sum(count.replayed)] == [chosen]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_report_adds_up_and_its_parts_merge_into_the_whole(data: st.DataObject) -> None:
    network, policy, other = data.draw(networks(9)), data.draw(rules()), data.draw(rules())
    decisions = [
        decided(network, policy, data.draw(inputs_in(network)), data.draw(loads_in(network)), number=number) for number in range(8)
    ]
    precedents = (Precedent("quality", TOWNSHIP, "node-000", "ningbo-26a-0000000000000000", "2026-01-01T00:00:00Z"),)
    whole = replayed(network, decisions, other, policy, precedents)
    cut = data.draw(st.integers(0, 8))
    parts = [replayed(network, some, other, policy, precedents) for some in (decisions[:cut], decisions[cut:])]
    merged = TALLY.validate_json(TALLY.dump_json(parts[0]))
    merged.merge(parts[1])
    report = told(whole, precedents)
    assert told(merged, precedents) == report
    assert report.same + report.different == report.decisions == 8
    assert sum(item.gained for item in report.nodes) == sum(item.lost for item in report.nodes) == report.different
    assert sum(item.recorded.total for item in report.nodes) == sum(item.replayed.total for item in report.nodes) == 8
    assert sum(item.decisions for item in report.categories) == 8
    assert sum(item.different for item in report.categories) == report.different
    assert all(item.replayed.total - item.recorded.total == item.gained - item.lost for item in report.nodes)


def test_another_policy_moves_demands_and_the_report_says_from_whom_to_whom() -> None:
    network = network_of(node("near", regions=(TOWNSHIP,), fee="market"), node("welfare"))
    policy = network.content.routing
    decisions = [decided(network, policy, asks(), number=number) for number in range(3)]
    report = told(replayed(network, decisions, weighing(policy, nearness=0, welfare_first=60)))
    assert [(item.node, item.gained, item.lost) for item in report.nodes] == [("near", 0, 3), ("welfare", 3, 0)]
    assert (report.nodes[1].replayed.total, report.nodes[1].replayed.peak) == (3, 3)
    assert [(one.recorded, one.replayed) for one in report.examples] == [("near", "welfare")] * 3
    assert report.categories[0].different == 3


def test_the_busiest_day_is_the_peak() -> None:
    network = network_of(node("only"))
    made = decided(network, network.content.routing, asks())
    decisions = [made._replace(day=date(2026, 3, day)) for day in (2, 3, 3, 4)]
    replay = Replay([Revision(7, network.content.routing, lambda: network)], None, date(2026, 3, 1), 5)
    replay.take(decisions)
    [only] = told(replay.tally).nodes
    assert (only.replayed.total, only.replayed.peak) == (4, 2)


def test_returns_and_lapses_of_nodes_that_would_not_have_been_chosen_are_counted() -> None:
    network = network_of(node("near", regions=(TOWNSHIP,), fee="market"), node("welfare"))
    policy = network.content.routing
    endings = ("returned", "returned", "lapsed", None)
    decisions = [decided(network, policy, asks(), number=number, ended=ended) for number, ended in enumerate(endings)]
    kept = told(replayed(network, decisions))
    assert (kept.returned.recorded, kept.returned.elsewhere, kept.lapsed.elsewhere) == (2, 0, 0)
    moved = told(replayed(network, decisions, weighing(policy, nearness=0, welfare_first=60)))
    assert (moved.returned.recorded, moved.returned.elsewhere, moved.lapsed.recorded, moved.lapsed.elsewhere) == (2, 2, 1, 1)


def test_demands_that_only_a_hub_would_take_are_counted() -> None:
    network = network_of(node("full", capacity=1))
    hard = tuple(one.model_copy(update={"soft": False}) for one in network.content.routing.eligibility)
    strict = network.content.routing.model_copy(update={"eligibility": hard})
    decisions = [decided(network, network.content.routing, asks(), {"full": 1}), decided(network, network.content.routing, asks(None))]
    report = told(replayed(network, decisions, strict))
    assert (report.hub_only.recorded, report.hub_only.replayed) == (1, 2)
    assert (report.paths["lowest_hub"].replayed, report.paths["desk"].replayed) == (1, 1)
    assert [(item.category, item.hub_only_recorded, item.hub_only_replayed) for item in report.categories] == [
        ("-", 1, 1),
        ("quality", 0, 1),
    ]


def test_a_decision_whose_basis_the_registry_does_not_know_is_left_out_and_counted() -> None:
    network = network_of(node("only"))
    early = decided(network, network.content.routing, asks(), basis=Basis(registry_seq=6, figures_date=DAY.isoformat()))
    tally = replayed(network, [early, decided(network, network.content.routing, asks())])
    assert (tally.excluded, tally.decisions, tally.same) == (1, 1, 1)


def test_a_policy_that_looks_at_nodes_whose_load_nobody_recorded_says_so() -> None:
    nodes = [node(f"near-{number}", regions=(TOWNSHIP,)) for number in range(6)]
    network = network_of(*nodes, node("far"))
    policy = network.content.routing
    few = policy.model_copy(update={"explanation": policy.explanation.model_copy(update={"candidates": 4})})
    decisions = [decided(network, few, asks())]
    assert replayed(network, decisions, few.model_copy(), few).load_unknown == 0
    assert replayed(network, decisions, policy, few).load_unknown == 1


def test_each_decision_is_replayed_on_the_network_of_its_basis() -> None:
    before, after = network_of(node("old")), network_of(node("new"))
    policy = before.content.routing
    decisions = [
        decided(before, policy, asks(), number=1, basis=Basis(registry_seq=8, figures_date=DAY.isoformat())),
        decided(after, policy, asks(), number=2, basis=Basis(registry_seq=20, figures_date=DAY.isoformat())),
    ]
    replay = Replay([Revision(7, policy, lambda: before), Revision(12, policy, lambda: after)], None, DAY, 1)
    replay.take(decisions)
    assert (replay.tally.same, replay.tally.excluded) == (2, 0)


def test_each_decision_is_replayed_under_the_policy_it_was_made_by() -> None:
    """A revision may carry a policy that starts later: until then the one before it decides, on the new network."""
    network = network_of(node("near", regions=(TOWNSHIP,), fee="market"), node("welfare"))
    old = network.content.routing
    new = weighing(old, nearness=0, welfare_first=60).model_copy(update={"version": 2, "in_force_from": date(2026, 3, 3)})
    revisions = [Revision(7, old, lambda: network), Revision(9, new, lambda: network)]
    days = ("2026-03-02", "2026-03-03")
    made = [
        decided(network, policy, asks(), number=int(day[-2:]), basis=Basis(registry_seq=9, figures_date=day))
        for day, policy in zip(days, (old, new), strict=True)
    ]
    assert [one.chosen for one in made] == ["near", "welfare"]
    replay = Replay(revisions, None, date(2026, 3, 2), 2)
    replay.take(made)
    assert replay.tally.same == 2


def test_a_stricter_classification_rule_leaves_unclear_texts_to_the_desk() -> None:
    network = network_of(node("only"))
    policy = network.content.routing
    strict = policy.model_copy(update={"classification": policy.classification.model_copy(update={"minimum_score": 20})})
    found = Classification(category="quality", taxonomy="1", scores={"quality": 10, "digital": 2}, evidence=())
    decisions = [decided(network, policy, asks(), found=found), decided(network, policy, asks(), number=2)]
    report = told(replayed(network, decisions, strict))
    assert (report.paths["desk"].recorded, report.paths["desk"].replayed, report.different) == (0, 1, 1)
    back = told(replayed(network, [decided(network, strict, asks(None), found=found)], policy, strict))
    assert (back.paths["candidate"].replayed, back.load_unknown) == (1, 1)


def test_precedents_are_compared_with_what_the_policy_does_in_such_cases() -> None:
    network = network_of(node("near", regions=(TOWNSHIP,)), node("wise"))
    policy = network.content.routing
    precedents = tuple(
        Precedent(category, TOWNSHIP, chosen, "ningbo-26a-0000000000000000", "2026-01-01T00:00:00Z")
        for category, chosen in (("quality", "wise"), ("quality", "near"), ("digital", "wise"))
    )
    decisions = [decided(network, policy, asks(), number=1), decided(network, policy, asks(region="330205001"), number=2)]
    report = told(replayed(network, decisions, precedents=precedents), precedents)
    assert [(item.decisions, item.disagrees) for item in report.precedents] == [(1, 1), (1, 0), (0, 0)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_trades_and_places_nobody_serves_make_no_difference(data: st.DataObject) -> None:
    network, policy = data.draw(networks(9)), data.draw(rules())
    inputs = data.draw(inputs_in(network)).model_copy(update={"category": data.draw(st.sampled_from(CATEGORIES))})
    elsewhere = inputs.model_copy(update={"industry": data.draw(st.sampled_from(["A01", "A", "9999"])), "carrier": "nobody-there"})
    decisions = [decided(network, policy, inputs, number=1), decided(network, policy, elsewhere, number=2)]
    assert replayed(network, decisions, None, policy).same == 2
