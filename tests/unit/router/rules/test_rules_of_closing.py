"""Resolving, disputes, call-backs, complaints, erasure: history, command, events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from libs.demand import DemandState, FollowUp, Standing, Status
from libs.events import (
    ComplaintDismissed,
    ComplaintVerified,
    DemandClosed,
    DemandReopened,
    DemandResolved,
    ErasureRequested,
    FollowUpOrdered,
    FollowUpRecorded,
    PersonalDataErased,
    ResolutionConfirmed,
    ResolutionDisputed,
    ServiceRecorded,
)
from libs.events.testing import Decided, sealed
from services.router import domain as router
from tests.unit.demand import situations as s
from tests.unit.proof.town import SECOND_AT_HUB
from tests.unit.router.rules import entangled as e

N = sealed()
WINDOW, COUNTY, HUB = s.clerk(), s.coordinator(), s.coordinator(s.HUB)
SERVED = ServiceRecorded(assignment="a1", node=s.WINDOW, mode="online", fee="welfare")
RESOLVE = router.ResolveDemand("a1", WINDOW, s.NOW, "solved", N)
NEW_PROMISE = s.promise(resolve=s.march(9, 17, 30), warn=s.march(6, 17, 30))


def when(given: e.Situation, command: router.Command) -> Decided[DemandState]:
    return given.when(lambda state: router.decide(state, command))


def resolved(*evidence: str) -> DemandResolved:
    return DemandResolved(assignment="a1", node=s.WINDOW, result="solved", note=N, evidence=evidence, person=WINDOW.party)


def disputed() -> e.Situation:
    return s.resolved_demand((ResolutionDisputed(by="enterprise", note=N), s.promise(dispute=s.march(3, 17, 30))))


def test_a_demand_is_resolved_with_a_file_or_a_record_of_service() -> None:
    confirm = s.promise(confirm=s.march(9, 17, 30))
    when(e.with_evidence(), replace(RESOLVE, evidence=("f1",))).then(resolved("f1"), confirm)
    when(s.accepted_demand(SERVED), RESOLVE).then(resolved(), confirm)


def test_a_category_may_ask_for_a_record_of_service() -> None:
    when(e.market_demand(), replace(RESOLVE, evidence=("f1",))).then_refused("evidence_missing")
    given = s.DEMAND.given(s.submitted("market"), s.assigned(), s.accepted(), SERVED)
    assert when(given, RESOLVE).error is None


def test_what_was_served_before_a_reopening_shows_nothing_done_since() -> None:
    given = s.accepted_demand(SERVED, s.resolved(), DemandReopened(cause="call_back", assignment="a1"))
    when(given, RESOLVE).then_refused("evidence_missing")


# Disputes.


@pytest.mark.parametrize("by", [COUNTY, HUB])
def test_a_dispute_is_upheld_for_the_same_node_with_a_new_promise(by: Standing) -> None:
    decided = when(disputed(), router.DecideDispute(True, True, by, s.NOW, N))
    decided.then(DemandReopened(cause="dispute_upheld", assignment="a1", by=by.node, note=N), NEW_PROMISE)
    assert decided.state.status is Status.IN_PROGRESS


def test_a_dispute_is_upheld_for_another_node_which_routing_finds() -> None:
    decided = when(disputed(), router.DecideDispute(True, False, COUNTY, s.NOW, N))
    decided.then(DemandReopened(cause="dispute_upheld", by=s.COUNTY_HUB, note=N), NEW_PROMISE)
    assert router.routing_inputs(decided.state).returned_by == (s.WINDOW,)
    assert router.react(decided.state) == router.NextStep("route")


def test_a_dispute_is_rejected_and_the_enterprise_may_still_ask_again() -> None:
    when(disputed(), router.DecideDispute(False, True, COUNTY, s.NOW, N)).then(
        DemandClosed(outcome="dispute_rejected", by=s.COUNTY_HUB, note=N), s.REOPENABLE
    )


def test_what_the_hub_resolved_only_the_bureau_judges() -> None:
    history = (s.submitted(), s.assigned(s.HUB), s.accepted(s.HUB), (s.resolved(s.HUB), s.promise(confirm=s.march(9))))
    given = s.DEMAND.given(*history, ResolutionDisputed(by="enterprise", note=N))
    when(given, router.DecideDispute(True, True, HUB, s.NOW, N)).then_refused("wrong_actor")
    assert when(given, router.DecideDispute(True, True, s.BUREAU, s.NOW, N)).error is None
    recorded = when(s.DEMAND.given(*history), router.RecordFollowUp("confirmed", s.BUREAU, s.NOW))
    assert recorded.events[0] == FollowUpRecorded(by="bureau", outcome="confirmed", mismatch=False)


# Call-backs.


def test_a_call_back_before_closing_confirms() -> None:
    when(s.resolved_demand(), router.RecordFollowUp("confirmed", COUNTY, s.NOW, N)).then(
        FollowUpRecorded(by=s.COUNTY_HUB, outcome="confirmed", mismatch=False, note=N),
        ResolutionConfirmed(by="call_back", node=s.COUNTY_HUB),
        DemandClosed(outcome="confirmed", by=s.COUNTY_HUB),
        s.REOPENABLE,
    )


def test_a_call_back_confirms_what_was_taken_in_where_it_was_resolved() -> None:
    decided = when(e.taken_in_where_it_was_resolved(), router.RecordFollowUp("confirmed", HUB, s.NOW))
    assert decided.state.outcome == "confirmed"


def test_a_call_back_before_closing_disputes_and_a_supervisor_decides() -> None:
    decided = when(s.resolved_demand(), router.RecordFollowUp("disputed", COUNTY, s.NOW, N)).then(
        FollowUpRecorded(by=s.COUNTY_HUB, outcome="disputed", mismatch=True, note=N),
        ResolutionDisputed(by="call_back", note=N),
        s.promise(dispute=s.march(3, 17, 30)),
    )
    assert decided.state.status is Status.DISPUTED


def test_nobody_answering_changes_nothing_but_the_record() -> None:
    unreachable = FollowUpRecorded(by=s.COUNTY_HUB, outcome="unreachable", mismatch=False, again=True)
    decided = when(s.resolved_demand(), router.RecordFollowUp("unreachable", COUNTY, s.NOW)).then(unreachable)
    assert decided.state.status is Status.RESOLVED
    when(s.closed_demand(), router.RecordFollowUp("unreachable", COUNTY, s.NOW)).then(unreachable)


def test_a_call_back_after_closing_that_contradicts_the_node_has_it_handled_again_within_the_term() -> None:
    mismatch = FollowUpRecorded(by=s.HUB, outcome="disputed", mismatch=True, note=N)
    when(s.closed_demand(), router.RecordFollowUp("disputed", HUB, s.NOW, N)).then(
        mismatch, DemandReopened(cause="call_back", assignment="a1", by=s.HUB, note=N), NEW_PROMISE
    )
    when(s.closed_demand(), router.RecordFollowUp("disputed", HUB, s.timing(s.march(24)), N)).then(mismatch)


def test_a_closed_demand_is_picked_for_a_call_back_once() -> None:
    command = router.OrderFollowUp("sampled", s.NOW)
    ordered = (FollowUpOrdered(reason="sampled", node=s.WINDOW), s.promise(follow_up=s.march(9, 17, 30)))
    when(s.closed_demand(), command).then(*ordered)
    when(s.closed_demand(ordered), command).then_nothing()
    when(e.called_back(), command).then_nothing()
    decided = when(s.closed_demand(ordered), router.RecordFollowUp("confirmed", HUB, s.NOW))
    assert (decided.state.follow_up, "follow_up" in decided.state.deadlines) == (FollowUp.RECORDED, False)


def test_a_demand_handled_again_may_be_called_back_again() -> None:
    recorded = FollowUpRecorded(by=s.HUB, outcome="disputed", mismatch=True, note=N)
    again = s.closed_demand(recorded, DemandReopened(cause="call_back", assignment="a1"), s.resolved(), DemandClosed(outcome="unconfirmed"))
    assert when(again, router.OrderFollowUp("sampled", s.NOW)).events
    assert when(again, router.RecordFollowUp("confirmed", HUB, s.NOW)).error is None


# Complaints and erasure.


def test_a_supervisor_verifies_or_dismisses_a_complaint() -> None:
    verified = ComplaintVerified(complaint="c1", node=s.WINDOW, by=s.COUNTY_HUB, note=N)
    dismissed = ComplaintDismissed(complaint="c1", node=s.WINDOW, by=s.HUB, note=N)
    when(e.complained(), router.DecideComplaint("c1", True, COUNTY, N)).then(verified)
    when(e.complained(), router.DecideComplaint("c1", False, HUB, N)).then(dismissed)


def test_two_persons_erase() -> None:
    when(s.closed_demand(), router.RequestErasure("retention_ended", HUB)).then(
        ErasureRequested(requested_by=HUB.party, reason="retention_ended")
    )
    for by in (SECOND_AT_HUB.standing(s.NETWORK), s.BUREAU):
        decided = when(e.erasure_asked(), router.ApproveErasure(by))
        decided.then(PersonalDataErased(requested_by=HUB.party, approved_by=by.party, key="key-sample"))
        assert decided.state.erased


def test_what_was_erased_is_neither_called_back_nor_unmerged() -> None:
    when(e.erased(), router.OrderFollowUp("sampled", s.NOW)).then_nothing()
    merged = s.standing(Status.MERGED, PersonalDataErased(requested_by="one", approved_by="two", key="key-sample"))
    when(merged, router.UnmergeDemand("target_ended", None, "older")).then_nothing()
