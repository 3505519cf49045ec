"""Classifying, assigning, returning, forwarding, arbitrating: history, command, events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise

import pytest

from libs.demand import DemandState, Standing, Status
from libs.events import (
    ActTakenBack,
    ArbitrationOpened,
    AssignmentAccepted,
    AssignmentArbitrated,
    AssignmentRecalled,
    AssignmentReturned,
    DemandClassified,
    DemandEvent,
    DemandForwarded,
    DemandRefused,
    DemandResumed,
    HandlerNamed,
)
from libs.events.demand import RecallReason
from libs.events.testing import Decided, at, sealed
from services.router import domain as router
from services.router.rules.arbitrating import lowest_arbiter, next_arbiter
from tests.unit.demand import situations as s
from tests.unit.proof.town import town
from tests.unit.router.rules import entangled as e

N = sealed()
WINDOW, COUNTY, HUB = s.clerk(), s.coordinator(), s.coordinator(s.HUB)


def when(given: e.Situation, command: router.Command) -> Decided[DemandState]:
    return given.when(lambda state: router.decide(state, command))


def recalled(reason: RecallReason, node: str = s.WINDOW, number: int = 1) -> AssignmentRecalled:
    return AssignmentRecalled(assignment=f"a{number}", node=node, reason=reason)


# The system assigns.


def test_an_assignment_comes_with_its_promises() -> None:
    when(s.submitted_demand(), router.RouteDemand(s.explanation(s.WINDOW), s.NOW)).then(s.assigned(), s.ON_ASSIGNMENT)


def test_a_demand_without_a_category_is_classified_and_assigned_in_one_commit() -> None:
    why = s.explanation(s.WINDOW, classification=s.found())
    decided = when(s.DEMAND.given(s.submitted(None)), router.RouteDemand(why, s.NOW))
    assert [event.name() for event in decided.events] == ["DemandClassified", "DemandAssigned", "DeadlinesSet"]
    assert decided.events[0] == s.classified()
    assert decided.state.category == "digital"


def test_an_unclear_text_goes_to_the_desk_without_a_category() -> None:
    why = s.explanation(s.HUB, "desk", s.found(None))
    decided = when(s.DEMAND.given(s.submitted(None)), router.RouteDemand(why, s.NOW))
    assert [event.name() for event in decided.events] == ["DemandAssigned", "DeadlinesSet"]


def test_a_stated_category_is_never_replaced_by_the_rules() -> None:
    when(s.submitted_demand(), router.ClassifyDemand(s.found())).then_nothing()
    when(s.DEMAND.given(s.submitted(None)), router.ClassifyDemand(s.found())).then(s.classified())


def test_the_next_assignment_has_its_own_time_to_accept_and_no_other_promise() -> None:
    when(s.returned_demand(), router.AssignDemand(s.explanation(s.SECOND), s.NOW)).then(
        s.assigned(s.SECOND, 2), s.promise(accept=s.march(3, 17, 30))
    )


# The node.


def test_a_node_accepts_and_may_still_return_for_two_working_days() -> None:
    when(s.assigned_demand(), router.AcceptAssignment("a1", WINDOW, s.NOW)).then(
        AssignmentAccepted(assignment="a1", node=s.WINDOW), s.promise(return_=s.march(4, 17, 30))
    )


@pytest.mark.parametrize("by", [s.coordinator(s.WINDOW), COUNTY, HUB])
def test_a_coordinator_acts_for_every_node_under_its_own(by: Standing) -> None:
    when(s.assigned_demand(), router.AcceptAssignment("a1", by, s.NOW)).then(s.accepted(), s.promise(return_=s.march(4, 17, 30)))


@pytest.mark.parametrize("given", [s.assigned_demand, s.accepted_demand])
def test_a_node_returns_with_a_reason_before_and_after_accepting(given: Callable[[], e.Situation]) -> None:
    when(given(), router.ReturnAssignment("a1", WINDOW, s.NOW, "out_of_category", "C3", N)).then(
        AssignmentReturned(assignment="a1", node=s.WINDOW, reason="out_of_category", clause="C3", note=N)
    )


def test_a_county_hub_of_last_resort_may_return_to_the_hub_above() -> None:
    given = s.DEMAND.given(s.submitted(), (s.assigned(s.COUNTY_HUB, path="lowest_hub"), s.ON_ASSIGNMENT))
    when(given, router.ReturnAssignment("a1", COUNTY, s.NOW, "no_capacity")).then(s.returned(s.COUNTY_HUB))


def test_the_hub_may_return_what_it_got_as_one_candidate_among_others() -> None:
    given = s.DEMAND.given(s.submitted(), (s.assigned(s.HUB), s.ON_ASSIGNMENT))
    when(given, router.ReturnAssignment("a1", HUB, s.NOW, "no_capacity")).then(s.returned(s.HUB))


def test_a_node_forwards_to_another_and_the_enterprise_s_promises_stay() -> None:
    when(s.accepted_demand(), router.ForwardAssignment("a1", s.SECOND, "competence", WINDOW, s.NOW, N)).then(
        DemandForwarded(assignment="a1", node=s.WINDOW, to=s.SECOND, next="a2", reason="competence", note=N),
        s.promise(accept=s.march(3, 17, 30)),
    )


def test_the_hub_s_desk_forwards_what_it_cannot_return() -> None:
    decided = when(e.desk_holds(), router.ForwardAssignment("a1", s.WINDOW, "better_placed", s.clerk(s.HUB), s.NOW))
    assert decided.state.current is not None
    assert decided.state.current.node == s.WINDOW


def test_forwarding_to_who_had_it_before_is_a_loop_and_goes_to_arbitration_at_once() -> None:
    given = s.assigned_demand(s.returned(), (s.assigned(s.NEIGHBOUR, 2), s.promise(accept=s.march(3, 17, 30))))
    decided = when(given, router.ForwardAssignment("a2", s.WINDOW, "other", s.clerk(s.NEIGHBOUR), s.NOW))
    decided.then(
        ArbitrationOpened(arbiter=s.COUNTY_HUB, parties=(s.WINDOW, s.NEIGHBOUR), cause="loop"), s.promise(arbitrate=s.march(2, 17, 30))
    )
    assert decided.state.holder is not None
    assert (decided.state.holder.node, decided.state.current) == (s.COUNTY_HUB, None)


def test_a_node_names_who_handles_it_and_who_stands_in() -> None:
    command = router.NameHandler("a1", "person-1", WINDOW, "person-2", date(2026, 3, 9))
    when(s.assigned_demand(), command).then(
        HandlerNamed(assignment="a1", node=s.WINDOW, handler="person-1", stand_in="person-2", absent_until=date(2026, 3, 9))
    )


@pytest.mark.parametrize(("given", "act"), [(s.accepted_demand, "accept"), (s.returned_demand, "return"), (s.resolved_demand, "resolve")])
def test_an_act_is_taken_back_up_to_the_last_second(given: Callable[[], e.Situation], act: str) -> None:
    version = given().version
    taken_back = ActTakenBack.model_validate({"act": act, "assignment": "a1", "node": s.WINDOW})
    when(given(), router.TakeBackAct("a1", WINDOW, s.timing(at(version + 600)))).then(taken_back)
    when(given(), router.TakeBackAct("a1", WINDOW, s.timing(at(version + 601)))).then_refused("take_back_too_late")


def test_a_return_is_taken_back_though_the_router_has_assigned_it_again_unless_that_node_has_acted() -> None:
    again = s.assigned_demand(s.returned(), (s.assigned(s.SECOND, 2), s.promise(accept=s.march(3))))
    when(again, router.TakeBackAct("a1", WINDOW, s.NOW)).then(ActTakenBack(act="return", assignment="a1", node=s.WINDOW))
    acted = s.assigned_demand(s.returned(), s.assigned(s.SECOND, 2), s.accepted(s.SECOND, 2))
    when(acted, router.TakeBackAct("a1", WINDOW, s.NOW)).then_refused("nothing_to_take_back")


def test_nobody_takes_back_another_node_s_act() -> None:
    when(s.returned_demand(), router.TakeBackAct("a1", s.clerk(s.SECOND), s.NOW)).then_refused("wrong_actor")


# A node that never accepted passes it on: that counts like a return.


def passed_on(*nodes: str, then: Sequence[DemandEvent] = ()) -> e.Situation:
    """Each had it, accepted nothing and forwarded it to the next; the last one has it now."""
    steps = [
        (
            DemandForwarded(assignment=f"a{number}", node=one, to=other, next=f"a{number + 1}", reason="other"),
            s.promise(accept=s.march(3, 17, 30)),
        )
        for number, (one, other) in enumerate(pairwise(nodes), 1)
    ]
    return s.DEMAND.given(s.submitted(), (s.assigned(nodes[0]), s.ON_ASSIGNMENT), *steps, *then)


def test_forwarding_without_accepting_uses_the_return_budget_up_and_then_an_arbiter_decides() -> None:
    given = passed_on(s.WINDOW, s.NEIGHBOUR, s.SECOND)
    assert given.state.returns == 2
    decided = when(given, router.ForwardAssignment("a3", "window-3", "other", s.clerk(s.SECOND), s.NOW))
    decided.then(
        ArbitrationOpened(arbiter=s.HUB, parties=(s.WINDOW, s.NEIGHBOUR, s.SECOND), cause="return_budget"),
        s.promise(arbitrate=s.march(2, 17, 30)),
    )
    returned = passed_on(s.WINDOW, s.NEIGHBOUR, s.SECOND, then=[s.returned(s.SECOND, 3)])
    assert router.react(returned.state, 2) == router.NextStep("arbitrate")
    assert router.decide(returned.state, router.OpenArbitration(s.NETWORK, s.NOW)) == decided.events


def test_forwarding_what_was_accepted_or_came_as_a_last_resort_is_no_return() -> None:
    forward = router.ForwardAssignment("a1", s.SECOND, "competence", WINDOW, s.NOW)
    assert when(s.accepted_demand(), forward).state.returns == 0
    assert when(s.assigned_demand(), forward).state.returns == 1
    assert when(e.desk_holds(), replace(forward, by=s.clerk(s.HUB))).state.returns == 0


def test_a_hub_that_forwards_what_nobody_else_took_is_no_party_when_it_comes_to_arbitration() -> None:
    forwarded = DemandForwarded(assignment="a1", node=s.COUNTY_HUB, to=s.WINDOW, next="a2", reason="better_placed")
    steps = (s.returned(s.WINDOW, 2), s.assigned(s.NEIGHBOUR, 3), s.returned(s.NEIGHBOUR, 3))
    given = s.DEMAND.given(s.submitted(), (s.assigned(s.COUNTY_HUB, path="lowest_hub"), s.ON_ASSIGNMENT), forwarded, *steps)
    assert when(given, router.OpenArbitration(s.NETWORK, s.NOW)).events[0] == e.OPENED


# The hubs.


def test_a_hub_above_the_holder_puts_the_demand_into_another_category_and_it_is_routed_again() -> None:
    decided = when(s.accepted_demand(), router.ReclassifyDemand("别名market", COUNTY, s.NOW))
    decided.then(DemandClassified(category="market", by="person"), recalled("classified"))
    assert decided.state.waits_for_routing
    assert decided.state.deadlines["resolve"].at == s.march(9, 17, 30)


def test_the_hub_classifies_what_lies_on_its_own_desk() -> None:
    when(e.desk_holds(), router.ReclassifyDemand("market", HUB, s.NOW)).then(
        DemandClassified(category="market", by="person"), recalled("classified", s.HUB)
    )


def test_a_category_changed_in_a_pause_ends_the_pause_first() -> None:
    decided = when(s.standing(Status.SUSPENDED), router.ReclassifyDemand("market", HUB, s.NOW))
    assert [event.name() for event in decided.events] == ["DemandClassified", "DemandResumed", "DeadlinesSet", "AssignmentRecalled"]
    assert isinstance(decided.events[1], DemandResumed)
    assert decided.events[1].cause == "holder_changed"


@pytest.mark.parametrize(("node", "by"), [(s.COUNTY_HUB, COUNTY), (s.WINDOW, COUNTY), (s.WINDOW, HUB)])
def test_an_arbitrated_assignment_is_not_shed_by_changing_the_category(node: str, by: Standing) -> None:
    decided = when(e.arbitrated(node), router.ReclassifyDemand("market", by, s.NOW))
    decided.then(DemandClassified(category="market", by="person"))
    assert decided.state.current == decided.given.state.current


def test_a_category_changed_under_arbitration_leaves_the_arbiter_in_charge() -> None:
    decided = when(e.in_arbitration(), router.ReclassifyDemand("market", HUB, s.NOW))
    decided.then(DemandClassified(category="market", by="person"))
    assert decided.state.arbitration is not None


def test_a_supervisor_refuses_a_demand_and_the_enterprise_may_still_ask_again() -> None:
    decided = when(s.accepted_demand(), router.RefuseDemand("out_of_scope", N, COUNTY, s.NOW))
    decided.then(recalled("refused"), DemandRefused(reason="out_of_scope", next_step=N), s.REOPENABLE)


def test_the_desk_refuses_what_lies_on_it() -> None:
    command = router.RefuseDemand("not_admissible", N, s.clerk(s.HUB), s.NOW)
    when(s.submitted_demand(), command).then(DemandRefused(reason="not_admissible", next_step=N), s.REOPENABLE)


def test_a_node_that_is_suspended_loses_its_assignment_and_no_clock_is_touched() -> None:
    decided = when(s.accepted_demand(), router.ReleaseHolder("a1", s.NOW)).then(recalled("holder_unavailable"))
    assert decided.state.waits_for_routing
    assert decided.state.deadlines["resolve"] == decided.given.state.deadlines["resolve"]


def test_a_release_that_comes_late_or_finds_only_the_desk_does_nothing() -> None:
    when(s.returned_demand(), router.ReleaseHolder("a1", s.NOW)).then_nothing()
    when(s.resolved_demand(), router.ReleaseHolder("a1", s.NOW)).then_nothing()
    when(e.desk_holds(), router.ReleaseHolder("a1", s.NOW)).then_nothing()


# Arbitration.


def test_too_many_returns_go_to_the_lowest_common_supervisor_for_the_same_day() -> None:
    given = s.assigned_demand(s.returned(), s.assigned(s.NEIGHBOUR, 2), s.returned(s.NEIGHBOUR, 2))
    when(given, router.OpenArbitration(s.NETWORK, s.NOW)).then(e.OPENED, s.promise(arbitrate=s.march(2, 17, 30)))


@pytest.mark.parametrize("by", [COUNTY, HUB])
def test_the_arbiter_or_who_stands_above_decides_and_it_binds(by: Standing) -> None:
    decided = when(e.in_arbitration(), router.ArbitrateAssignment(s.WINDOW, N, by, s.NOW))
    decided.then(
        AssignmentArbitrated(
            assignment="a3",
            node=s.WINDOW,
            arbiter=s.COUNTY_HUB,
            parties=(s.WINDOW, s.NEIGHBOUR),
            category="quality",
            region="330203001",
            note=N,
        ),
        s.promise(accept=s.march(3, 17, 30)),
    )
    assert decided.state.current is not None
    assert decided.state.current.binding
    assert decided.state.returns == 0


def test_where_the_hub_itself_is_a_party_only_the_bureau_decides() -> None:
    opened = ArbitrationOpened(arbiter=s.HUB, parties=(s.HUB, s.WINDOW), cause="loop")
    given = s.assigned_demand(s.returned(), opened)
    when(given, router.ArbitrateAssignment(s.WINDOW, N, HUB, s.NOW)).then_refused("party_cannot_arbitrate")
    assert when(given, router.ArbitrateAssignment(s.WINDOW, N, s.BUREAU, s.NOW)).error is None


@pytest.mark.parametrize(
    ("parties", "arbiter"),
    [
        (("window-0", "window-1"), "county-0"),
        (("window-0", "window-2"), "hub-0"),
        (("window-0", "county-0"), "hub-0"),
        (("window-0",), "county-0"),
        (("window-0", "hub-0"), "hub-0"),
        (("gone", "window-0"), "county-0"),
        (("gone",), "hub-0"),
        ((), "hub-0"),
    ],
)
def test_the_arbiter_is_the_lowest_that_supervises_all_parties_and_is_none(parties: tuple[str, ...], arbiter: str) -> None:
    assert lowest_arbiter(s.NETWORK, parties) == arbiter


def test_a_suspended_hub_arbitrates_nothing() -> None:
    network = town(frozenset({s.COUNTY_HUB}))
    assert lowest_arbiter(network, ("window-0", "window-1")) == s.HUB
    assert next_arbiter(s.NETWORK, s.COUNTY_HUB, ("window-0",)) == s.HUB
    assert next_arbiter(s.NETWORK, s.HUB, ("window-0",)) is None
    assert next_arbiter(s.NETWORK, s.COUNTY_HUB, (s.HUB,)) is None
    assert next_arbiter(s.NETWORK, "gone", ()) == s.HUB


DECIDES_TODAY = (e.OPENED, s.promise(arbitrate=s.march(2, 17, 30)))


def test_an_arbiter_that_fell_away_is_followed_by_the_next_one_up_and_the_time_to_decide_runs_on() -> None:
    given = s.assigned_demand(s.returned(), s.assigned(s.NEIGHBOUR, 2), s.returned(s.NEIGHBOUR, 2), DECIDES_TODAY)
    command = router.ReplaceArbiter(town(frozenset({s.COUNTY_HUB})), s.NOW)
    moved = ArbitrationOpened(arbiter=s.HUB, parties=e.OPENED.parties, cause="arbiter_unavailable")
    decided = when(given, command).then(moved, DECIDES_TODAY[1])
    assert decided.state.holder is not None
    assert decided.state.holder.node == s.HUB
    again = s.assigned_demand(s.returned(), s.assigned(s.NEIGHBOUR, 2), s.returned(s.NEIGHBOUR, 2), DECIDES_TODAY, decided.events)
    when(again, replace(command, network=town(frozenset({s.COUNTY_HUB, s.HUB})))).then_nothing()


def test_an_arbiter_is_not_replaced_while_it_is_there_nor_where_its_time_is_up() -> None:
    """What is late is moved by keeping time, which tells the miss as well."""
    given = s.assigned_demand(s.returned(), DECIDES_TODAY)
    when(given, router.ReplaceArbiter(s.NETWORK, s.NOW)).then_nothing()
    when(s.returned_demand(), router.ReplaceArbiter(town(frozenset({s.COUNTY_HUB})), s.NOW)).then_nothing()
    when(given, router.ReplaceArbiter(town(frozenset({s.COUNTY_HUB})), s.timing(s.march(2, 17, 30)))).then_nothing()


def test_a_window_cannot_reclassify_itself_out_of_a_demand() -> None:
    command = router.ReclassifyDemand("market", s.coordinator(s.WINDOW), s.NOW)
    when(s.assigned_demand(), command).then_refused("wrong_actor")
    assert when(s.assigned_demand(), replace(command, by=COUNTY)).error is None
