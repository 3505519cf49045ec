"""Routing decisions: who is chosen, why, and that the explanation accounts for every node."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import to_json

from libs.directory import Network
from libs.events import Explanation, RoutingInputs
from services.router.policy import decide_route, explain_node
from tests.unit.router.random_routing import BASIS, inputs_in, loads_in, naive_choice, network_of, networks, node, policies

TOWNSHIP = "330203001"


def inputs(category: str | None = "quality", region: str = TOWNSHIP, carrier: str | None = None, *returned: str) -> RoutingInputs:
    return RoutingInputs(category=category, region=region, carrier=carrier, urgency="normal", returned_by=returned)


def route(network: Network, facts: RoutingInputs, load: dict[str, int] | None = None) -> Explanation:
    return decide_route(network, network.content.routing, facts, load or {}, BASIS)


def test_the_nearest_node_is_chosen_and_the_reasons_say_so() -> None:
    network = network_of(node("far"), node("near", regions=(TOWNSHIP,)), node("zone", carriers=("qianwan",), regions=()))
    assert route(network, inputs()).chosen == "near"
    answer = route(network, inputs("quality", TOWNSHIP, "qianwan"))
    assert answer.chosen == "zone"
    assert [candidate.node for candidate in answer.candidates] == ["zone", "near", "far"]
    assert answer.candidates[0].reasons == ("near:carrier", "load:0/10", "welfare")
    assert answer.candidates[0].score == 45 * 100 + 20 * 100 + 15 * 100


def test_a_specialist_stands_out_by_depth() -> None:
    network = network_of(node("deep", "specialist"), node("broad", "specialist", categories=("quality", "digital", "market")))
    answer = route(network, inputs())
    assert answer.chosen == "deep"
    assert "depth" in answer.candidates[0].reasons
    assert "depth" not in answer.candidates[1].reasons


def test_open_load_tips_the_balance_and_is_recorded_as_seen() -> None:
    network = network_of(node("aaa"), node("bbb"))
    answer = route(network, inputs(), {"aaa": 3, "elsewhere": 9})
    assert answer.chosen == "bbb"
    assert answer.inputs.load == {"aaa": 3}
    assert answer.candidates[1].reasons == ("near:city", "load:3/10", "welfare")


def test_equal_scores_are_decided_by_node_id() -> None:
    assert route(network_of(node("bbb"), node("aaa")), inputs()).chosen == "aaa"


def test_welfare_leads_and_market_assists() -> None:
    assert route(network_of(node("aaa", fee="market"), node("bbb", fee="welfare")), inputs()).chosen == "bbb"


def test_a_full_node_is_passed_over_while_another_has_room() -> None:
    network = network_of(node("full", regions=(TOWNSHIP,), capacity=2), node("room"))
    answer = route(network, inputs(), {"full": 2})
    assert answer.chosen == "room"
    assert [(candidate.node, candidate.score, candidate.reasons) for candidate in answer.candidates[1:]] == [
        ("full", None, ("under_capacity",))
    ]
    assert answer.inputs.load == {"full": 2}


def test_when_all_are_full_the_best_of_them_is_better_than_none() -> None:
    network = network_of(node("full", capacity=2), node("fuller", capacity=2))
    answer = route(network, inputs(), {"full": 2, "fuller": 5})
    assert (answer.chosen, answer.path) == ("full", "candidate")


def test_who_returned_the_demand_does_not_get_it_again() -> None:
    network = network_of(node("near", regions=(TOWNSHIP,)), node("next"))
    answer = route(network, inputs("quality", TOWNSHIP, None, "near"))
    assert answer.chosen == "next"
    assert answer.candidates[1].reasons == ("not_returned",)


def test_dates_and_status_exclude_a_node() -> None:
    network = network_of(
        node("closed", status="closed"), node("over", in_force_to=date(2026, 3, 1)), node("last-day", in_force_to=date(2026, 3, 2))
    )
    answer = route(network, inputs())
    assert answer.chosen == "last-day"
    assert {candidate.node: candidate.reasons for candidate in answer.candidates if candidate.score is None} == {
        "closed": ("inactive",),
        "over": ("not_in_force",),
    }


def test_nobody_eligible_means_the_lowest_hub_that_has_not_returned_it() -> None:
    county = node("county-hub", "county_hub", regions=("330203",), categories=())
    network = network_of(county)
    assert (route(network, inputs()).chosen, route(network, inputs()).path) == ("county-hub", "lowest_hub")
    assert route(network, inputs("quality", TOWNSHIP, None, "county-hub")).chosen == "nb-hub"
    assert route(network, inputs("quality", TOWNSHIP, None, "county-hub", "nb-hub")).chosen == "nb-hub"
    assert route(network, inputs("quality", "330205001")).chosen == "nb-hub"


def test_without_a_category_the_hubs_desk_holds_the_demand() -> None:
    answer = route(network_of(node("near")), inputs(None))
    assert (answer.path, answer.chosen, answer.candidates) == ("desk", "nb-hub", ())


def test_an_organisation_is_proposed_never_assigned() -> None:
    network = network_of(node("org", "organisation"))
    answer = route(network, inputs())
    assert answer.chosen == "nb-hub"
    assert answer.excluded["kind"] == 1


@pytest.mark.parametrize(
    ("asked", "outcome", "excluded_by"),
    [
        ("near", "chosen", None),
        ("far", "candidate", None),
        ("org", "excluded", "kind"),
        ("elsewhere", "excluded", "territory"),
        ("digital", "excluded", "category"),
        ("closed", "excluded", "inactive"),
        ("over", "excluded", "not_in_force"),
        ("gone", "excluded", "not_returned"),
        ("full", "excluded", "under_capacity"),
    ],
)
def test_why_is_answered_for_any_node(asked: str, outcome: str, excluded_by: str | None) -> None:
    network = network_of(
        node("near", regions=(TOWNSHIP,)),
        node("far"),
        node("org", "organisation"),
        node("elsewhere", regions=("330205",)),
        node("digital", categories=("digital",)),
        node("closed", status="closed"),
        node("over", in_force_to=date(2026, 3, 1)),
        node("gone"),
        node("full", capacity=1),
    )
    policy = network.content.routing
    answer = explain_node(network, policy, route(network, inputs("quality", TOWNSHIP, None, "gone"), {"full": 1}), asked)
    assert (answer.outcome, answer.excluded_by) == (outcome, excluded_by)


def test_why_is_answered_for_a_node_that_ranked_behind_the_candidates() -> None:
    network = network_of(*(node(f"node-{number:02d}") for number in range(60)))
    explanation = route(network, inputs())
    answer = explain_node(network, network.content.routing, explanation, "node-59")
    assert (answer.outcome, answer.excluded_by) == ("excluded", "score")
    assert explanation.excluded["score"] == 60 - len(explanation.candidates)
    assert "load:not_recorded" in answer.reasons


def test_why_not_is_told_of_the_hub_that_got_it_because_nobody_else_could() -> None:
    network = network_of()
    answer = explain_node(network, network.content.routing, route(network, inputs()), "nb-hub")
    assert (answer.outcome, answer.reasons) == ("chosen", ("lowest_hub",))


def test_an_unknown_node_has_no_standing() -> None:
    network = network_of()
    with pytest.raises(KeyError):
        explain_node(network, network.content.routing, route(network, inputs()), "nobody")


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_every_decision_is_the_naive_one_and_accounts_for_every_node(data: st.DataObject) -> None:
    network = data.draw(networks())
    facts, load = data.draw(inputs_in(network)), data.draw(loads_in(network))
    policy = data.draw(policies())
    answer = decide_route(network, policy, facts, load, BASIS)

    assert answer.chosen == naive_choice(network, policy, facts, load)
    assert network.has(answer.chosen)
    assert len(answer.candidates) + sum(answer.excluded.values()) == len(network.content.nodes)
    assert len(answer.candidates) <= policy.explanation.candidates
    assert len(to_json(answer)) <= 8192
    scores = [candidate.score for candidate in answer.candidates if candidate.score is not None]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 10_000 for score in scores)
    if answer.path == "candidate":
        assert answer.chosen == answer.candidates[0].node
        assert answer.chosen not in facts.returned_by
    elif answer.chosen in facts.returned_by:
        assert answer.chosen == network.hub.id  # the last resort has nobody above it

    again = decide_route(network_of_same(network), policy.model_copy(), facts, dict(reversed(load.items())), BASIS)
    assert to_json(again) == to_json(answer)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_every_node_can_be_told_why_and_the_answer_agrees_with_the_explanation(data: st.DataObject) -> None:
    network = data.draw(networks(12))
    facts, load = data.draw(inputs_in(network)), data.draw(loads_in(network))
    policy = data.draw(policies())
    explanation = decide_route(network, policy, facts, load, BASIS)
    answers = [explain_node(network, policy, explanation, one.id) for one in network.content.nodes]
    assert [answer.node for answer in answers if answer.outcome == "chosen"] == [explanation.chosen]
    named = {candidate.node: candidate for candidate in explanation.candidates}
    for answer in answers:
        if answer.node in named:
            assert answer.score == named[answer.node].score or answer.excluded_by == "under_capacity"
        for indexed in ("kind", "territory", "category"):
            if answer.excluded_by == indexed:
                assert explanation.excluded[indexed] > 0


def network_of_same(network: Network) -> Network:
    """The same revision built again, with nothing in its caches."""
    return Network(network.content, revision=network.revision, seq=network.seq)


def test_the_explanation_stays_small_whatever_the_network() -> None:
    long = [node(f"node-{number:05d}-{'x' * 28}", regions=(TOWNSHIP,), capacity=1_000_000) for number in range(3_000)]
    network = network_of(*long)
    returned = tuple(one.id for one in long[:40])
    load = {one.id: 999_999 for one in long}
    answer = decide_route(network, network.content.routing, inputs("quality", TOWNSHIP, None, *returned), load, BASIS)
    assert len(to_json(answer)) <= 8192
    assert answer.chosen not in returned
    assert len(answer.candidates) + sum(answer.excluded.values()) == 3_001
