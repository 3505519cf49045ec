"""What a submitter and its enterprise may do: given(history).when(command).then(events). Refusals: tests/unit/router/rules."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from libs.demand import DemandState, Standing, Status
from libs.events import (
    AssignmentRecalled,
    ComplaintRaised,
    CompletionProvided,
    DeadlinesSet,
    DemandClosed,
    DemandCorrected,
    DemandRated,
    DemandRefused,
    DemandReopened,
    DemandResumed,
    DemandSupplemented,
    DemandWithdrawn,
    Event,
    HistoryImported,
    NotFound,
    ResolutionConfirmed,
    ResolutionDisputed,
)
from libs.events.testing import Decided, Given, sealed
from services.intake.domain import (
    CORRECTABLE,
    MOST_COMPLAINTS,
    MOST_CORRECTIONS,
    MOST_SUPPLEMENTS,
    Command,
    ConfirmResolution,
    CorrectDemand,
    DisputeResolution,
    ProvideCompletion,
    RaiseComplaint,
    RateDemand,
    RequestReopening,
    SubmitDemand,
    SupplementDemand,
    WithdrawDemand,
    decide,
    require_submitter,
)
from tests.unit.demand import situations as s
from tests.unit.router.rules import entangled as e

N = sealed()
NEW_PROMISE = s.promise(resolve=s.march(9, 17, 30), warn=s.march(6, 17, 30))


def when(given: Given[DemandState], command: Command) -> Decided[DemandState]:
    return given.when(lambda state: decide(command, state))


def recall(reason: str, assignment: str = "a1") -> Event:
    return AssignmentRecalled.model_validate({"assignment": assignment, "node": s.WINDOW, "reason": reason})


# Asking.


def test_a_new_demand_is_submitted_as_it_was_built() -> None:
    when(s.DEMAND.given(), SubmitDemand(s.submitted())).then(s.submitted())


def test_a_case_of_a_former_system_brings_its_history_in_the_same_commit() -> None:
    history = HistoryImported(source="former-system", former_id="F-1")
    when(s.DEMAND.given(), SubmitDemand(s.submitted(), history)).then(s.submitted(), history)


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.TRIAGE, Status.IN_PROGRESS, Status.RESOLVED, Status.DISPUTED])
def test_an_open_demand_is_supplemented_and_stays_where_it_is(status: Status) -> None:
    decided = when(s.standing(status), SupplementDemand(s.PARTNER, sealed("more"))).then(DemandSupplemented(note=sealed("more")))
    assert (decided.state.status, decided.state.holder) == (status, decided.given.state.holder)


@pytest.mark.parametrize("status", [Status.SUBMITTED, Status.TRIAGE])
def test_a_demand_on_the_desk_is_withdrawn_without_a_recall(status: Status) -> None:
    when(s.standing(status), WithdrawDemand(s.PARTNER, s.NOW)).then(DemandWithdrawn())


@pytest.mark.parametrize("status", [Status.ASSIGNED, Status.IN_PROGRESS, Status.AWAITING_ENTERPRISE, Status.SUSPENDED])
def test_withdrawing_takes_the_assignment_back_from_the_node_in_charge(status: Status) -> None:
    decided = when(s.standing(status), WithdrawDemand(s.ENTERPRISE, s.NOW, sealed("why")))
    decided.then(recall("withdrawn", "a2"), DemandWithdrawn(reason=sealed("why")))
    assert decided.state.deadlines == {}


def test_a_correction_names_what_it_changes() -> None:
    when(s.submitted_demand(), CorrectDemand(s.PARTNER, s.NOW, urgency="urgent", title=sealed("t"))).then(
        DemandCorrected(fields=("urgency", "title"), urgency="urgent", title=sealed("t"))
    )


@pytest.mark.parametrize("member", ["category", "region", "carrier", "industry"])
def test_correcting_what_routing_rests_on_recalls_the_assignment_and_moves_no_promise(member: str) -> None:
    decided = when(s.assigned_demand(), CorrectDemand(s.PARTNER, s.NOW, **{member: "x"}))  # type: ignore[arg-type] # members that are texts
    assert [event.name() for event in decided.events] == ["DemandCorrected", "AssignmentRecalled"]
    assert decided.events[1] == recall("corrected")
    assert decided.state.waits_for_routing
    assert decided.state.deadlines["resolve"] == decided.given.state.deadlines["resolve"]


@pytest.mark.parametrize("member", ["title", "description", "requester"])
def test_correcting_words_leaves_the_assignment_in_force(member: str) -> None:
    decided = when(s.assigned_demand(), CorrectDemand(s.PARTNER, s.NOW, **{member: sealed("x")}))  # type: ignore[arg-type] # sealed members
    assert [event.name() for event in decided.events] == ["DemandCorrected"]
    assert decided.state.current is not None


def test_every_correctable_member_is_a_member_of_the_event() -> None:
    # The enterprise is no member of its own to correct: it follows from the requester.
    assert set(CORRECTABLE) == set(DemandCorrected.model_fields) - {"fields", "enterprise"}


# While it is handled, and afterwards.


def test_completing_goes_on_where_the_pause_began() -> None:
    """Asked on Monday at nine, provided on Tuesday at ten: eight and a half hours of opening later everything stands."""
    paused = s.standing(Status.AWAITING_ENTERPRISE)
    since = paused.state.paused_since
    assert since is not None
    seconds = s.CLOCKS.calendar.working_seconds(since, s.march(3, 10))
    decided = when(paused, ProvideCompletion(s.ENTERPRISE, s.timing(s.march(3, 10)), N))
    assert decided.events[:2] == (CompletionProvided(note=N), DemandResumed(cause="completed", paused_seconds=seconds))
    assert isinstance(decided.events[2], DeadlinesSet)
    assert (decided.state.status, decided.state.paused_seconds) == (Status.IN_PROGRESS, seconds)


def test_the_enterprise_confirms_by_its_link_and_the_demand_is_closed() -> None:
    when(s.resolved_demand(), ConfirmResolution(s.ENTERPRISE, s.NOW)).then(
        ResolutionConfirmed(by="enterprise"), DemandClosed(outcome="confirmed"), s.REOPENABLE
    )


@pytest.mark.parametrize("by", [s.ENTERPRISE, s.PARTNER])
def test_the_enterprise_or_who_submitted_for_it_disputes(by: Standing) -> None:
    decided = when(s.resolved_demand(), DisputeResolution(by, s.NOW, N))
    decided.then(ResolutionDisputed(by="enterprise", note=N), s.promise(dispute=s.march(3, 17, 30)))


def test_a_closed_demand_is_reopened_at_who_resolved_it() -> None:
    decided = when(s.closed_demand(), RequestReopening(s.PARTNER, s.NOW, N))
    decided.then(DemandReopened(cause="enterprise_asked", assignment="a1", note=N), NEW_PROMISE)
    assert decided.state.status is Status.IN_PROGRESS


def test_a_refused_demand_is_routed_again_even_if_somebody_had_resolved_it_once() -> None:
    refused = (DemandRefused(reason="out_of_scope", next_step=N), s.REOPENABLE)
    once_resolved = s.resolved_demand(DemandReopened(cause="dispute_upheld"), refused)
    for given in (s.standing(Status.REFUSED), once_resolved):
        decided = when(given, RequestReopening(s.PARTNER, s.NOW, N))
        decided.then(DemandReopened(cause="enterprise_asked", note=N), NEW_PROMISE)
        assert decided.state.waits_for_routing


def test_a_demand_is_reopened_up_to_the_end_of_the_term() -> None:
    assert when(s.closed_demand(), RequestReopening(s.PARTNER, s.timing(s.march(23, 17, 30)), N)).error is None
    when(s.closed_demand(), RequestReopening(s.PARTNER, s.timing(s.march(23, 17, 31)), N)).then_refused("reopening_too_late")


@pytest.mark.parametrize("given", [s.resolved_demand, s.closed_demand])
def test_a_resolution_is_rated_once(given: Callable[[], Given[DemandState]]) -> None:
    decided = when(given(), RateDemand(s.ENTERPRISE, "fairly_satisfied", N))
    decided.then(DemandRated(grade="fairly_satisfied", resolution=1, node=s.WINDOW, note=N))


def test_the_next_resolution_is_rated_anew() -> None:
    rated = DemandRated(grade="unsatisfied", resolution=1, node=s.WINDOW)
    given = s.resolved_demand(rated, DemandReopened(cause="enterprise_asked", assignment="a1"), s.resolved())
    when(given, RateDemand(s.ENTERPRISE, "satisfied")).then(DemandRated(grade="satisfied", resolution=2, node=s.WINDOW))
    when(e.rated(), RateDemand(s.ENTERPRISE, "satisfied")).then_refused("rated_already")


@pytest.mark.parametrize(
    ("given", "named", "node"),
    [
        (s.accepted_demand, None, s.WINDOW),
        (s.closed_demand, None, s.WINDOW),
        (s.returned_demand, None, s.HUB),
        (s.returned_demand, s.WINDOW, s.WINDOW),
        (e.assisted, s.SECOND, s.SECOND),
        (e.assisted, s.HUB, s.HUB),
    ],
)
def test_the_enterprise_complains_about_who_has_it_or_about_anybody_who_had(
    given: Callable[[], Given[DemandState]], named: str | None, node: str
) -> None:
    when(given(), RaiseComplaint(s.ENTERPRISE, N, named)).then(ComplaintRaised(complaint="c1", node=node, note=N))


def test_for_anybody_but_its_submitter_a_demand_does_not_exist() -> None:
    for by in (s.OTHER_PARTNER, s.clerk(), s.BUREAU):
        with pytest.raises(NotFound, match="demand_not_found"):
            require_submitter(s.submitted_demand().state, by)
    require_submitter(s.submitted_demand().state, s.ENTERPRISE)


# What the outside may add is bounded.


@pytest.mark.parametrize(
    ("event", "command", "most"),
    [
        (DemandSupplemented(note=N), SupplementDemand(s.ENTERPRISE, N), MOST_SUPPLEMENTS),
        (DemandCorrected(fields=("title",), title=N), CorrectDemand(s.PARTNER, s.NOW, title=N), MOST_CORRECTIONS),
    ],
    ids=["supplements", "corrections"],
)
def test_so_much_may_be_added_and_no_more(event: Event, command: Command, most: int) -> None:
    assert when(s.assigned_demand(*[event] * (most - 1)), command).error is None
    when(s.assigned_demand(*[event] * most), command).then_refused("too_many_additions")


def test_so_many_complaints_are_heard_and_who_has_complained_enough_may_still_dispute() -> None:
    raised = [ComplaintRaised(complaint=f"c{number}", node=s.WINDOW, note=N) for number in range(1, MOST_COMPLAINTS + 1)]
    command = RaiseComplaint(s.ENTERPRISE, N)
    assert when(s.resolved_demand(*raised[:-1]), command).error is None
    when(s.resolved_demand(*raised), command).then_refused("too_many_additions")
    assert when(s.resolved_demand(*raised), DisputeResolution(s.ENTERPRISE, s.NOW, N)).error is None
