"""Nobody confirms its own work: persons are compared, not only nodes. What one person resolved or asked for, another one judges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from libs.demand import DemandState, FollowUp, Standing, Status
from libs.directory import Span
from libs.events import (
    ActTakenBack,
    ComplaintRaised,
    DemandClosed,
    DemandResolved,
    ExtensionRequested,
    FollowUpOrdered,
    FollowUpRecorded,
    ResolutionDisputed,
    ServiceRecorded,
)
from libs.events.testing import Decided, Step, sealed
from services.intake import domain as intake
from services.router import domain as router
from services.router.follow_ups import reason_of
from services.router.reactions import owed
from tests.unit.demand import situations as s
from tests.unit.proof.town import SECOND_AT_HUB
from tests.unit.router.rules import entangled as e

N = sealed()
HUB, COUNTY, CLERK = s.coordinator(s.HUB), s.coordinator(), s.clerk()
OTHER_AT_HUB = SECOND_AT_HUB.standing(s.NETWORK)
SERVED = ServiceRecorded(assignment="a1", node=s.WINDOW, mode="online", fee="welfare")
DISPUTED = ResolutionDisputed(by="enterprise", note=N)
UNREACHABLE = FollowUpRecorded(by=s.HUB, outcome="unreachable", mismatch=False)
ORDERED = (FollowUpOrdered(reason="unconfirmed", node=s.WINDOW), s.promise(follow_up=s.march(9, 17, 30)))


def when(given: e.Situation, command: router.Command | intake.Command) -> Decided[DemandState]:
    if isinstance(command, intake.Command):
        return given.when(lambda state: intake.decide(command, state))
    return given.when(lambda state: router.decide(state, command))


def resolved_by(person: Standing, *more: Step, submitted: Step | None = None) -> e.Situation:
    """The window's demand, resolved by this person: its own clerk, or a coordinator who acts for it."""
    history = (submitted or s.submitted(), (s.assigned(), s.ON_ASSIGNMENT), (s.accepted(), s.promise(return_=s.march(4, 17, 30))), SERVED)
    decided = when(s.DEMAND.given(*history), router.ResolveDemand("a1", person, s.NOW, "solved", N))
    assert decided.error is None
    return s.DEMAND.given(*history, decided.events, *more)


def at_the_counter(party: str) -> Step:
    return s.submitted().model_copy(update={"party": party})


CALL_BACK = router.RecordFollowUp("confirmed", HUB, s.NOW)
DECIDE_DISPUTE = router.DecideDispute(False, True, HUB, s.NOW, N)
Judging = router.RecordFollowUp | router.DecideDispute | router.DecideComplaint
OWN_DECISIONS: dict[str, tuple[Judging, tuple[Step, ...]]] = {
    "confirms by call-back": (CALL_BACK, ()),
    "disputes by call-back": (replace(CALL_BACK, outcome="disputed", note=N), ()),
    "calls back after closing": (CALL_BACK, (DemandClosed(outcome="unconfirmed"),)),
    "rejects the dispute": (DECIDE_DISPUTE, (DISPUTED,)),
    "upholds the dispute": (replace(DECIDE_DISPUTE, upheld=True), (DISPUTED,)),
    "dismisses the complaint": (
        router.DecideComplaint("c1", False, HUB, N),
        (ComplaintRaised(complaint="c1", node=s.WINDOW, note=N),),
    ),
}


@pytest.mark.parametrize("judging", OWN_DECISIONS)
def test_who_resolved_for_a_node_below_leaves_the_judgement_to_another_person(judging: str) -> None:
    command, more = OWN_DECISIONS[judging]
    when(resolved_by(HUB, *more), command).then_refused("self_confirmation")
    for other in (COUNTY, OTHER_AT_HUB):
        assert when(resolved_by(HUB, *more), replace(command, by=other)).error is None
    assert when(resolved_by(CLERK, *more), command).error is None


def test_what_a_clerk_resolved_it_does_not_judge_with_another_key_of_its_own() -> None:
    promoted = replace(HUB, party=CLERK.party)
    when(resolved_by(CLERK), replace(CALL_BACK, by=promoted)).then_refused("self_confirmation")


def test_a_complaint_about_an_earlier_resolution_stays_with_another_person() -> None:
    again = router.DecideDispute(True, True, COUNTY, s.NOW, N)
    reopened = when(resolved_by(HUB, DISPUTED), again).events
    by_another = resolved_by(HUB, DISPUTED, reopened, s.resolved(), ComplaintRaised(complaint="c1", node=s.WINDOW, note=N))
    when(by_another, router.DecideComplaint("c1", False, HUB, N)).then_refused("self_confirmation")


def test_a_complaint_about_another_node_is_judged_as_ever() -> None:
    given = resolved_by(HUB, ComplaintRaised(complaint="c1", node=s.NEIGHBOUR, note=N))
    assert when(given, router.DecideComplaint("c1", True, HUB, N)).error is None


def test_who_asked_for_an_extension_does_not_decide_it() -> None:
    asked = when(s.accepted_demand(), router.RequestExtension("a1", Span(5, "wd"), HUB, s.NOW, N))
    asked.then(ExtensionRequested(assignment="a1", node=s.WINDOW, span="5wd", note=N, person=HUB.party))
    given = s.accepted_demand(asked.events)
    for granted in (True, False):
        when(given, router.DecideExtension(granted, HUB, s.NOW, N)).then_refused("second_person_needed")
        assert when(given, router.DecideExtension(granted, OTHER_AT_HUB, s.NOW, N)).error is None
        assert when(given, router.DecideExtension(granted, COUNTY, s.NOW, N)).error is None


def test_histories_without_persons_are_judged_by_nodes_as_before() -> None:
    assert when(s.resolved_demand(), CALL_BACK).error is None
    assert when(e.extension_asked(), router.DecideExtension(True, HUB, s.NOW)).error is None


# Who submitted.


def test_who_submitted_and_resolved_confirms_by_no_link_and_is_called_back() -> None:
    given = resolved_by(HUB, submitted=at_the_counter(HUB.party))
    when(given, intake.ConfirmResolution(s.ENTERPRISE, s.NOW)).then_refused("self_confirmation")
    when(given, intake.RateDemand(s.ENTERPRISE, "satisfied")).then_refused("self_confirmation")
    assert reason_of("d", given.state, s.NETWORK) == "self_submitted"
    another = resolved_by(OTHER_AT_HUB, submitted=at_the_counter(HUB.party))
    assert when(another, intake.ConfirmResolution(s.ENTERPRISE, s.NOW)).error is None
    assert reason_of("d", another.state, s.NETWORK) is None


def test_the_operator_of_a_window_confirms_its_work_by_no_link_and_is_called_back() -> None:
    """window-0 is run by unit-a, which submits as a partner, too."""
    given = resolved_by(CLERK, submitted=at_the_counter("unit-a"))
    when(given, intake.ConfirmResolution(s.ENTERPRISE, s.NOW)).then_refused("self_confirmation")
    when(given, intake.RateDemand(s.ENTERPRISE, "satisfied")).then_refused("self_confirmation")
    assert reason_of("d", given.state, s.NETWORK) == "self_submitted"
    assert reason_of("d", resolved_by(CLERK, submitted=at_the_counter("unit-b")).state, s.NETWORK) is None


# Taking back.


def test_a_resolution_after_one_taken_back_is_a_new_one_to_call_back() -> None:
    resolution = DemandResolved(assignment="a1", node=s.WINDOW, result="solved", note=N)
    first = s.accepted_demand(resolution)
    second = s.accepted_demand(resolution, ActTakenBack(act="resolve", assignment="a1", node=s.WINDOW), resolution)
    assert first.state.resolutions == second.state.resolutions == 1
    assert {one.kind for one in owed(first.state)} == {"follow_up"}
    assert owed(first.state) != owed(second.state)


def test_nothing_of_an_order_is_left_when_the_resolution_is_taken_back() -> None:
    given = s.resolved_demand(ORDERED, ActTakenBack(act="resolve", assignment="a1", node=s.WINDOW), s.resolved())
    assert given.state.follow_up is FollowUp.NONE
    assert when(given, router.OrderFollowUp("self_submitted", s.NOW)).events


# Calls nobody answers.


def test_a_call_nobody_answered_is_made_again_and_its_deadline_stays() -> None:
    decided = when(s.closed_demand(ORDERED), replace(CALL_BACK, outcome="unreachable"))
    decided.then(FollowUpRecorded(by=s.HUB, outcome="unreachable", mismatch=False, again=True))
    assert decided.state.follow_up is FollowUp.ORDERED
    assert decided.state.deadlines["follow_up"].at == s.march(9, 17, 30)
    reached = when(s.closed_demand(ORDERED, decided.events), CALL_BACK)
    assert (reached.state.follow_up, "follow_up" in reached.state.deadlines) == (FollowUp.RECORDED, False)


def test_the_third_call_nobody_answered_is_the_last() -> None:
    calls = s.closed_demand(ORDERED)
    history: list[Step] = [ORDERED]
    for again in (True, True, None):
        decided = when(calls, replace(CALL_BACK, outcome="unreachable"))
        decided.then(FollowUpRecorded(by=s.HUB, outcome="unreachable", mismatch=False, again=again))
        history.append(decided.events)
        calls = s.closed_demand(*history)
    assert (calls.state.follow_up, "follow_up" in calls.state.deadlines) == (FollowUp.RECORDED, False)
    when(calls, CALL_BACK).then_refused("follow_up_recorded_already")


def test_a_resolution_nobody_was_reached_about_is_still_called_back_when_silence_closes_it() -> None:
    tried = when(s.resolved_demand(), replace(CALL_BACK, outcome="unreachable")).events
    closed = s.resolved_demand(tried, DemandClosed(outcome="unconfirmed"))
    assert (closed.state.status, closed.state.follow_up) == (Status.CLOSED, FollowUp.NONE)
    assert when(closed, router.OrderFollowUp("unconfirmed", s.NOW)).events
    assert when(closed, CALL_BACK).error is None


def test_handled_again_the_calls_count_anew() -> None:
    thrice = (UNREACHABLE.model_copy(update={"again": True}),) * 2
    reopened = when(s.closed_demand(*thrice), intake.RequestReopening(s.PARTNER, s.NOW, N)).events
    given = s.closed_demand(*thrice, reopened, s.resolved(), DemandClosed(outcome="unconfirmed"))
    assert when(given, replace(CALL_BACK, outcome="unreachable")).events[0] == UNREACHABLE.model_copy(update={"again": True})


def test_what_nobody_answered_before_calls_could_be_repeated_stays_recorded() -> None:
    assert s.closed_demand(ORDERED, UNREACHABLE).state.follow_up is FollowUp.RECORDED
