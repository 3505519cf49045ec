"""Intake's commands: given(history).when(command).then(events)."""

from __future__ import annotations

import pytest

from libs.demand import DemandState
from libs.events import AssignmentRecalled, DemandCorrected, DemandSupplemented, DemandWithdrawn, Event, NotFound
from libs.events.testing import Decided, Given, sealed
from services.intake.domain import (
    CORRECTABLE,
    Command,
    CorrectDemand,
    SubmitDemand,
    SupplementDemand,
    WithdrawDemand,
    decide,
    require_submitter,
)
from tests.unit.demand import situations as s


def when(given: Given[DemandState], command: Command) -> Decided[DemandState]:
    return given.when(lambda state: decide(command, state))


def recall(reason: str) -> Event:
    return AssignmentRecalled.model_validate({"assignment": "a1", "node": s.WINDOW, "reason": reason})


def test_a_new_demand_is_submitted_as_it_was_built() -> None:
    when(s.DEMAND.given(), SubmitDemand(s.submitted())).then(s.submitted())


def test_a_demand_is_submitted_only_once() -> None:
    when(s.submitted_demand(), SubmitDemand(s.submitted())).then_refused("illegal_transition")


@pytest.mark.parametrize("given", [s.submitted_demand, s.assigned_demand, s.returned_demand, s.accepted_demand])
def test_an_open_demand_is_supplemented_and_stays_where_it_is(given: type[Given[DemandState]]) -> None:
    decided = when(given(), SupplementDemand(s.PARTY, sealed("more"))).then(DemandSupplemented(note=sealed("more")))
    assert decided.state == decided.given.state


@pytest.mark.parametrize("given", [s.submitted_demand, s.returned_demand])
def test_a_demand_on_the_desk_is_withdrawn_without_a_recall(given: type[Given[DemandState]]) -> None:
    when(given(), WithdrawDemand(s.PARTY)).then(DemandWithdrawn())


@pytest.mark.parametrize("given", [s.assigned_demand, s.accepted_demand])
def test_withdrawing_takes_the_assignment_back_from_the_node_in_charge(given: type[Given[DemandState]]) -> None:
    when(given(), WithdrawDemand(s.PARTY, sealed("why"))).then(recall("withdrawn"), DemandWithdrawn(reason=sealed("why")))


def test_a_correction_names_what_it_changes() -> None:
    when(s.submitted_demand(), CorrectDemand(s.PARTY, urgency="urgent", title=sealed("t"))).then(
        DemandCorrected(fields=("urgency", "title"), urgency="urgent", title=sealed("t"))
    )


@pytest.mark.parametrize("member", ["category", "region", "carrier", "industry"])
def test_correcting_what_routing_rests_on_recalls_the_assignment(member: str) -> None:
    decided = when(s.assigned_demand(), CorrectDemand(s.PARTY, **{member: "x"}))
    assert [event.name() for event in decided.events] == ["DemandCorrected", "AssignmentRecalled"]
    assert decided.events[1] == recall("corrected")
    assert decided.state.waits_for_routing


@pytest.mark.parametrize("member", ["title", "description", "requester"])
def test_correcting_words_leaves_the_assignment_in_force(member: str) -> None:
    decided = when(s.assigned_demand(), CorrectDemand(s.PARTY, **{member: sealed("x")}))
    assert [event.name() for event in decided.events] == ["DemandCorrected"]
    assert decided.state.current is not None


def test_a_correction_of_nothing_is_refused() -> None:
    when(s.submitted_demand(), CorrectDemand(s.PARTY)).then_refused("nothing_to_correct")


def test_every_correctable_member_is_a_member_of_the_event() -> None:
    # The enterprise is no member of its own to correct: it follows from the requester.
    assert set(CORRECTABLE) == set(DemandCorrected.model_fields) - {"fields", "enterprise"}


@pytest.mark.parametrize(
    "command", [SupplementDemand(s.STRANGER, sealed()), CorrectDemand(s.STRANGER, region="x"), WithdrawDemand(s.STRANGER)]
)
def test_for_anybody_but_its_submitter_a_demand_does_not_exist(command: Command) -> None:
    when(s.submitted_demand(), command).then_not_found("demand_not_found")
    with pytest.raises(NotFound, match="demand_not_found"):
        require_submitter(s.submitted_demand().state, s.STRANGER)
