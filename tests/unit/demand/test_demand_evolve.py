"""What each event makes of a demand: given(history) and nothing else."""

from __future__ import annotations

from libs.demand import AssignmentStatus, DemandState, Holder, Status
from libs.events import DemandCorrected, DemandSupplemented, DemandWithdrawn, Event, ProgressReported
from libs.events.testing import at, sealed
from tests.unit.demand import situations as s


def after(*history: Event) -> DemandState:
    return s.DEMAND.given(*history).state


def test_a_submitted_demand_lies_on_the_hub_s_desk() -> None:
    state = after(s.submitted())
    assert state.status is Status.SUBMITTED
    assert state.holder == Holder(s.HUB, None, at(1))
    assert (state.party, state.desk, state.region, state.category, state.sample) == (s.PARTY, s.HUB, "330206", "digital", True)
    assert state.key_id == "key-sample"
    assert state.waits_for_routing


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
    state = after(s.submitted(), s.assigned(), s.accepted())
    assert (state.status, state.holder) == (Status.IN_PROGRESS, Holder(s.WINDOW, "a1", at(2)))


def test_a_returned_assignment_brings_the_demand_back_to_the_desk() -> None:
    state = after(s.submitted(), s.assigned(), s.returned())
    assert (state.status, state.holder, state.returned_by) == (Status.TRIAGE, Holder(s.HUB, None, at(3)), (s.WINDOW,))
    assert state.current is None


def test_a_recalled_assignment_brings_the_demand_back_without_blame() -> None:
    state = after(s.submitted(), s.assigned(), s.recalled())
    assert (state.status, state.holder, state.returned_by) == (Status.TRIAGE, Holder(s.HUB, None, at(3)), ())


def test_assignments_are_numbered_on_and_returns_add_up() -> None:
    state = after(s.submitted(), s.assigned(), s.returned(), s.assigned(s.SECOND, 2), s.returned(s.SECOND, 2))
    assert [assignment.id for assignment in state.assignments] == ["a1", "a2"]
    assert state.returned_by == (s.WINDOW, s.SECOND)
    assert state.next_assignment == "a3"


def test_a_resolved_demand_is_closed_and_remembers_who_solved_it() -> None:
    state = after(s.submitted(), s.assigned(), s.accepted(), s.resolved())
    assert (state.status, state.is_open) == (Status.RESOLVED, False)
    assert state.assignments[0].status is AssignmentStatus.RESOLVED


def test_a_withdrawn_demand_is_held_by_nobody() -> None:
    state = after(s.submitted(), s.assigned(), DemandWithdrawn())
    assert (state.status, state.holder, state.is_open) == (Status.WITHDRAWN, None, False)


def test_a_correction_replaces_what_it_names_and_leaves_the_rest() -> None:
    state = after(s.submitted(), DemandCorrected(fields=("region", "carrier"), region="330282", carrier="qianwan"))
    assert (state.region, state.carrier, state.category, state.urgency) == ("330282", "qianwan", "digital", "normal")


def test_what_people_write_changes_no_decision() -> None:
    before = after(s.submitted(), s.assigned(), s.accepted())
    note = sealed("note")
    assert after(s.submitted(), s.assigned(), s.accepted(), DemandSupplemented(note=note)) == before
    assert after(s.submitted(), s.assigned(), s.accepted(), ProgressReported(assignment="a1", node=s.WINDOW, note=note)) == before
