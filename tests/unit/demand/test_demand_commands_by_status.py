"""Every command in every status, for both services: possible exactly where the life cycle says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from libs.demand import ALLOWED, OPEN, DemandState, Status, require_allowed, require_current
from libs.events import Event, NotFound, Refused
from libs.events.testing import Given, sealed
from services.intake import domain as intake
from services.router import domain as router
from tests.unit.demand import situations as s

Decide = Callable[[DemandState], Sequence[Event]]

STATUS: dict[Status, Callable[[], Given[DemandState]]] = {
    Status.SUBMITTED: s.submitted_demand,
    Status.TRIAGE: s.returned_demand,
    Status.ASSIGNED: s.assigned_demand,
    Status.IN_PROGRESS: s.accepted_demand,
    Status.RESOLVED: s.resolved_demand,
    Status.WITHDRAWN: s.withdrawn_demand,
}


def by_submitter(command: intake.Command) -> Decide:
    return lambda state: intake.decide(command, state)


def by_router(command: router.Command) -> Decide:
    return lambda state: router.decide(state, command)


COMMANDS: dict[str, Decide] = {
    "SupplementDemand": by_submitter(intake.SupplementDemand(s.PARTY, sealed())),
    "CorrectDemand": by_submitter(intake.CorrectDemand(s.PARTY, urgency="urgent")),
    "WithdrawDemand": by_submitter(intake.WithdrawDemand(s.PARTY)),
    "ClassifyDemand": by_router(router.ClassifyDemand(s.found())),
    "AssignDemand": by_router(router.AssignDemand(s.explanation(s.SECOND))),
    "AcceptAssignment": by_router(router.AcceptAssignment("a1", acting_for=True)),
    "ReturnAssignment": by_router(router.ReturnAssignment("a1", acting_for=True, reason="no_capacity")),
    "ReportProgress": by_router(router.ReportProgress("a1", acting_for=True, note=sealed())),
    "ResolveDemand": by_router(router.ResolveDemand("a1", acting_for=True, result="solved", note=sealed())),
}
PAIRS = [(command, status) for command in COMMANDS for status in STATUS]
OF_A_NODE = {"AcceptAssignment", "ReturnAssignment", "ReportProgress", "ResolveDemand"}


def test_the_table_names_every_command_and_every_status() -> None:
    assert set(COMMANDS) == set(ALLOWED)
    assert set(STATUS) == set(Status)
    assert all(STATUS[status]().state.status is status for status in Status)


@pytest.mark.parametrize(("command", "status"), PAIRS, ids=[f"{command}-{status}" for command, status in PAIRS])
def test_a_command_is_possible_exactly_where_the_life_cycle_allows_it(command: str, status: Status) -> None:
    decided = STATUS[status]().when(COMMANDS[command])
    if status in ALLOWED[command]:
        assert decided.error is None
        # A category that is known is not looked for again: nothing to do is no refusal.
        assert decided.events or command == "ClassifyDemand"
    elif command in OF_A_NODE and status is Status.SUBMITTED:
        decided.then_not_found("assignment_not_found")
    else:
        decided.then_refused("illegal_transition")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_finds_a_demand_that_does_not_exist(command: str) -> None:
    s.DEMAND.given().when(COMMANDS[command]).then_not_found("demand_not_found")


@pytest.mark.parametrize("status", sorted(set(Status) - OPEN))
def test_nothing_is_possible_once_a_demand_is_closed(status: Status) -> None:
    for command in ALLOWED:
        with pytest.raises(Refused, match="illegal_transition"):
            require_allowed(STATUS[status]().state, command)


def test_only_the_assignment_in_force_is_current() -> None:
    state = s.DEMAND.given(s.submitted(), s.assigned(), s.returned(), s.assigned(s.SECOND, 2)).state
    assert require_current(state, "a2").node == s.SECOND
    with pytest.raises(Refused, match="illegal_transition"):
        require_current(state, "a1")
    with pytest.raises(NotFound, match="assignment_not_found"):
        require_current(state, "a3")
