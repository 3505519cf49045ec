"""What each event makes of a demand: given(history) and nothing else."""

from __future__ import annotations

import pytest

from libs.demand import (
    ENDED,
    AssignmentStatus,
    AssistanceStatus,
    DemandState,
    ExtensionStatus,
    FollowUp,
    Holder,
    Status,
)
from libs.demand.changing import changed
from libs.events import (
    ActTakenBack,
    ArbitrationOpened,
    AssignmentArbitrated,
    AssignmentLapsed,
    AssistanceRequested,
    CompletionRequested,
    DeadlineMissed,
    DeadlineWarned,
    DemandCorrected,
    DemandEscalated,
    DemandForwarded,
    DemandMerged,
    DemandReopened,
    DemandResumed,
    DemandSupplemented,
    DemandUnmerged,
    DuplicateSuggested,
    Event,
    ExtensionRequested,
    FollowUpOrdered,
    Likeness,
    ProgressReported,
    ResolutionDisputed,
    ServiceRecorded,
)
from libs.events.testing import Step, at, sealed
from tests.unit.demand import situations as s

HELPED = AssistanceRequested(assistance="s1", assignment="a1", node=s.WINDOW, assistant=s.SECOND, due=s.march(5), note=sealed())
EXTENSION_ASKED = ExtensionRequested(assignment="a1", node=s.WINDOW, span="5wd", note=sealed())
SERVED = ServiceRecorded(assignment="a1", node=s.WINDOW, mode="online", fee="welfare")


def after(*history: Step) -> DemandState:
    return s.DEMAND.given(*history).state


def test_a_submitted_demand_lies_on_the_hub_s_desk() -> None:
    state = after(s.submitted())
    assert state.status is Status.SUBMITTED
    assert state.holder == Holder(s.HUB, None, at(1))
    assert (state.party, state.desk, state.region, state.category, state.sample) == (s.PARTY, s.HUB, "330203001", "quality", True)
    assert (state.key_id, state.submitted_at) == ("key-sample", at(1))
    assert state.waits_for_routing


def test_the_clock_of_a_demand_from_a_former_system_began_there() -> None:
    assert after(s.submitted().model_copy(update={"received_at": at(-86400)})).submitted_at == at(-86400)


def test_a_classified_demand_is_in_triage_with_its_category_and_evidence() -> None:
    state = after(s.submitted(category=None), s.classified())
    assert (state.status, state.category, state.classification) == (Status.TRIAGE, "digital", s.found())
    assert state.holder == Holder(s.HUB, None, at(1))


def test_an_assigned_demand_is_held_by_its_node() -> None:
    state = after(s.submitted(), s.assigned())
    assert (state.status, state.holder) == (Status.ASSIGNED, Holder(s.WINDOW, "a1", at(2)))
    assert state.current is not None
    assert (state.current.status, state.current.last_resort, state.next_assignment) == (AssignmentStatus.OPEN, False, "a2")
    assert not state.waits_for_routing


def test_an_assignment_to_a_hub_because_nobody_fits_is_a_last_resort() -> None:
    assert after(s.submitted(), s.assigned(s.COUNTY_HUB, path="lowest_hub")).assignments[0].last_resort
    assert after(s.submitted(), s.assigned(s.HUB, path="desk")).assignments[0].last_resort


def test_an_accepted_demand_is_in_progress_and_its_holding_goes_on() -> None:
    state = s.accepted_demand().state
    assert (state.status, state.holder) == (Status.IN_PROGRESS, Holder(s.WINDOW, "a1", at(2)))
    assert "accept" not in state.deadlines


def test_a_returned_assignment_brings_the_demand_back_to_the_desk() -> None:
    state = s.returned_demand().state
    assert (state.status, state.holder, state.returned_by) == (Status.TRIAGE, Holder(s.HUB, None, at(3)), (s.WINDOW,))
    assert (state.current, state.returns) == (None, 1)


@pytest.mark.parametrize("event", [s.recalled(), AssignmentLapsed(assignment="a1", node=s.WINDOW)])
def test_an_assignment_that_was_recalled_or_lapsed_is_no_return(event: Event) -> None:
    state = s.assigned_demand(event).state
    assert (state.status, state.holder, state.returns) == (Status.TRIAGE, Holder(s.HUB, None, at(3)), 0)
    assert state.passed_over == (() if event.name() == "AssignmentRecalled" else (s.WINDOW,))


def test_promises_to_the_enterprise_stay_when_the_assignment_goes() -> None:
    assert set(s.returned_demand().state.deadlines) == {"answer", "resolve", "warn"}


def test_assignments_are_numbered_on_and_returns_add_up() -> None:
    state = after(s.submitted(), s.assigned(), s.returned(), s.assigned(s.SECOND, 2), s.returned(s.SECOND, 2))
    assert [assignment.id for assignment in state.assignments] == ["a1", "a2"]
    assert (state.returned_by, state.passed_over, state.returns) == ((s.WINDOW, s.SECOND), (s.WINDOW, s.SECOND), 2)
    assert state.next_assignment == "a3"


def test_a_resolved_demand_is_still_held_by_who_resolved_it() -> None:
    state = s.resolved_demand().state
    assert (state.status, state.is_open, state.resolved_by, state.resolutions) == (Status.RESOLVED, True, s.WINDOW, 1)
    assert state.holder == Holder(s.WINDOW, "a1", at(2))
    assert state.assignments[0].status is AssignmentStatus.RESOLVED
    assert set(state.deadlines) == {"confirm"}


@pytest.mark.parametrize("status", sorted(ENDED))
def test_a_demand_that_has_ended_is_held_by_nobody(status: Status) -> None:
    state = s.standing(status).state
    assert (state.holder, state.is_open, state.current) == (None, False, None)


def test_a_correction_replaces_what_it_names_and_leaves_the_rest() -> None:
    state = after(s.submitted(), DemandCorrected(fields=("region", "carrier"), region="330205001", carrier="zone-a"))
    assert (state.region, state.carrier, state.category, state.urgency) == ("330205001", "zone-a", "quality", "normal")


def test_what_people_write_changes_no_decision() -> None:
    silent, told = s.accepted_demand().state, s.accepted_demand(DemandSupplemented(note=sealed())).state
    assert changed(silent, at=told.at, own_act=None, supplements=1) == told


def test_the_first_word_to_the_enterprise_keeps_the_promise_to_answer() -> None:
    assert "answer" in s.accepted_demand().state.deadlines
    for word in (
        ProgressReported(assignment="a1", node=s.WINDOW, note=sealed()),
        SERVED,
        CompletionRequested(assignment="a1", node=s.WINDOW, note=sealed()),
    ):
        state = s.accepted_demand(word).state
        assert "answer" not in state.deadlines
        assert state.assignments[0].answered


def test_a_pause_adds_up_and_ends_with_its_deadline() -> None:
    asked = (CompletionRequested(assignment="a1", node=s.WINDOW, note=sealed()), s.promise(complete=s.march(9)))
    state = s.accepted_demand(asked).state
    assert (state.status, state.paused_since) == (Status.AWAITING_ENTERPRISE, at(4))
    state = s.accepted_demand(asked, DemandResumed(cause="completed", paused_seconds=40)).state
    assert (state.status, state.paused_since, state.paused_seconds) == (Status.IN_PROGRESS, None, 40)
    assert "complete" not in state.deadlines


def test_what_the_node_asked_of_others_ends_when_it_goes() -> None:
    forwarded = DemandForwarded(assignment="a1", node=s.WINDOW, to=s.SECOND, next="a2", reason="competence")
    for leaving in (forwarded, s.returned(), s.recalled(), AssignmentLapsed(assignment="a1", node=s.WINDOW)):
        state = s.accepted_demand(HELPED, EXTENSION_ASKED, leaving).state
        assert state.assistances[0].status is AssistanceStatus.ENDED
        assert state.extension.status is ExtensionStatus.NONE


def test_a_forwarded_demand_is_held_by_the_next_node_at_once() -> None:
    forwarded = DemandForwarded(assignment="a1", node=s.WINDOW, to=s.SECOND, next="a2", reason="competence")
    state = s.accepted_demand(forwarded).state
    assert (state.status, state.holder) == (Status.ASSIGNED, Holder(s.SECOND, "a2", at(4)))
    assert state.assignments[0].status is AssignmentStatus.FORWARDED
    assert state.passed_over == ()


def test_an_arbiter_holds_the_demand_until_it_has_decided() -> None:
    opened = ArbitrationOpened(arbiter=s.COUNTY_HUB, parties=(s.WINDOW, s.NEIGHBOUR), cause="loop")
    state = s.accepted_demand(opened).state
    assert (state.status, state.holder) == (Status.TRIAGE, Holder(s.COUNTY_HUB, None, at(4)))
    assert (state.waits_for_routing, state.current) == (False, None)
    decided = AssignmentArbitrated(
        assignment="a2", node=s.WINDOW, arbiter=s.COUNTY_HUB, parties=opened.parties, region="330203001", note=sealed()
    )
    state = s.accepted_demand(opened, decided).state
    assert (state.status, state.arbitration, state.returns) == (Status.ASSIGNED, None, 0)
    assert state.current is not None
    assert state.current.binding


def test_a_missed_deadline_is_remembered_and_not_missed_again() -> None:
    missed = (DeadlineMissed(limit="answer", node=s.WINDOW, due=s.march(4)), DemandEscalated(rule="answer", level=1, to=s.COUNTY_HUB))
    state = s.accepted_demand(missed).state
    assert (state.missed, state.escalation, "answer" in state.deadlines) == (frozenset({"answer"}), 1, False)
    assert "warn" not in s.accepted_demand(DeadlineWarned(limit="resolve", node=s.WINDOW, due=s.march(9))).state.deadlines


def test_a_disputed_resolution_waits_for_a_supervisor_only() -> None:
    state = s.resolved_demand((ResolutionDisputed(by="enterprise", note=sealed()), s.promise(dispute=s.march(3)))).state
    assert (state.status, set(state.deadlines)) == (Status.DISPUTED, {"dispute"})


def test_a_demand_reopened_for_the_same_node_is_in_progress_and_must_be_served_again() -> None:
    state = s.accepted_demand(SERVED, s.resolved(), DemandReopened(cause="call_back", assignment="a1")).state
    assert (state.status, state.holder) == (Status.IN_PROGRESS, Holder(s.WINDOW, "a1", at(6)))
    assert (state.services, state.resolutions, state.deadlines) == (0, 1, {})


def test_a_demand_reopened_for_somebody_else_passes_over_who_resolved_it() -> None:
    state = s.resolved_demand(DemandReopened(cause="dispute_upheld")).state
    assert (state.status, state.holder, state.waits_for_routing) == (Status.TRIAGE, Holder(s.HUB, None, at(5)), True)
    assert (state.returned_by, state.passed_over) == ((), (s.WINDOW,))


def test_a_merge_that_is_undone_leaves_the_promises_as_they_were() -> None:
    merged = (s.recalled(), DemandMerged(into="older", by="person"))
    promised = {limit: due for limit, due in s.accepted_demand().state.deadlines.items() if limit in ("answer", "resolve", "warn")}
    state = s.accepted_demand(merged).state
    assert (state.status, state.merged_into, state.deadlines) == (Status.MERGED, "older", promised)
    state = s.accepted_demand(merged, DemandUnmerged(into="older", reason="target_ended")).state
    assert (state.status, state.merged_into, state.deadlines) == (Status.TRIAGE, None, promised)


@pytest.mark.parametrize("act", ["accept", "return", "resolve"])
def test_an_act_taken_back_leaves_everything_as_it_was_before(act: str) -> None:
    given = {
        "accept": s.assigned_demand(),
        "return": s.accepted_demand(HELPED, EXTENSION_ASKED),
        "resolve": s.accepted_demand(HELPED, SERVED),
    }[act]
    event = {"accept": s.accepted(), "return": s.returned(), "resolve": s.resolved()}[act]
    suggested = DuplicateSuggested(suggestions=(Likeness(demand="older", score=70, reasons=("text",)),))
    state = given.state
    following = (
        event,
        s.promise(return_=s.march(4), confirm=s.march(9)),
        FollowUpOrdered(reason="self_submitted", node=s.WINDOW),
        suggested,
    )
    for one in (*following, ActTakenBack.model_validate({"act": act, "assignment": "a1", "node": s.WINDOW})):
        state = given.evolve(state, one, version=9, at=at(9))
    assert state.follow_up is FollowUp.NONE
    for member in ("status", "holder", "assignments", "assistances", "extension", "deadlines", "returns", "resolutions", "resolved_by"):
        assert getattr(state, member) == getattr(given.state, member), member
    assert (state.suggested, state.own_act) == (frozenset({"older"}), None)


def test_whoever_got_the_demand_after_a_return_loses_it_when_the_return_is_taken_back() -> None:
    history = (s.returned(), s.assigned(s.SECOND, 2), ActTakenBack(act="return", assignment="a1", node=s.WINDOW))
    state = s.accepted_demand(*history).state
    assert (state.status, state.holder) == (Status.IN_PROGRESS, Holder(s.WINDOW, "a1", at(2)))
    assert [assignment.status for assignment in state.assignments] == [AssignmentStatus.ACCEPTED, AssignmentStatus.RECALLED]
    assert (state.returns, state.next_assignment) == (0, "a3")


def test_an_act_somebody_else_has_acted_on_is_no_longer_the_latest() -> None:
    assert s.accepted_demand().state.own_act is not None
    assert s.accepted_demand(DemandSupplemented(note=sealed())).state.own_act is None


def test_submitting_is_remembered_whole() -> None:
    event = s.submitted(node=s.WINDOW, parent="whole").model_copy(update={"link": "sha256:0"})
    state = after(event)
    assert (state.submitter_node, state.parent, state.link, state.enterprise) == (s.WINDOW, "whole", "sha256:0", "ent-sample")
