"""The router's decider as a specification: history, command, events."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from libs.demand import ALLOWED, Status
from libs.events import Classification, DemandAssigned, DemandClassified, DemandEvent, LiandongError, NotFound, Refused
from services.router.domain import (
    AcceptAssignment,
    AssignDemand,
    ClassifyDemand,
    Command,
    NextStep,
    ReportProgress,
    ResolveDemand,
    ReturnAssignment,
    RouteDemand,
    decide,
    react,
    routing_inputs,
)
from tests.unit.router.router_situations import (
    ASSIGNED,
    HUB,
    IN_PROGRESS,
    NOTHING,
    RESOLVED,
    RETURNED,
    SUBMITTED,
    WITHDRAWN,
    accepted,
    assigned,
    explanation,
    recalled,
    returned,
    sealed,
    state_of,
    submitted,
)

FOUND = Classification(category="quality", taxonomy="1", scores={"quality": 20}, evidence=())
UNSURE = Classification(category=None, taxonomy="1", scores={"quality": 4}, evidence=())
HISTORIES: dict[Status | None, Sequence[DemandEvent]] = {
    None: NOTHING,
    Status.SUBMITTED: SUBMITTED,
    Status.TRIAGE: RETURNED,
    Status.ASSIGNED: ASSIGNED,
    Status.IN_PROGRESS: IN_PROGRESS,
    Status.RESOLVED: RESOLVED,
    Status.WITHDRAWN: WITHDRAWN,
}
COMMANDS: dict[str, Command] = {
    "ClassifyDemand": ClassifyDemand(FOUND),
    "AssignDemand": AssignDemand(explanation("window-1")),
    "AcceptAssignment": AcceptAssignment("a1", acting_for=True),
    "ReturnAssignment": ReturnAssignment("a1", acting_for=True, reason="out_of_category"),
    "ReportProgress": ReportProgress("a1", acting_for=True, note=sealed()),
    "ResolveDemand": ResolveDemand("a1", acting_for=True, result="solved", note=sealed()),
}


class given:
    """given(history).when(command).then(events) or .refused(code)."""

    def __init__(self, history: Sequence[DemandEvent]) -> None:
        self._state = state_of(history)

    def when(self, command: Command) -> given:
        self._command = command
        return self

    def then(self, *events: DemandEvent) -> None:
        assert decide(self._state, self._command) == events

    def refused(self, code: str) -> None:
        with pytest.raises((Refused, NotFound)) as caught:
            decide(self._state, self._command)
        assert caught.value.code == code


def test_the_histories_stand_where_they_say() -> None:
    assert {status: state_of(history).status for status, history in HISTORIES.items()} == {status: status for status in HISTORIES}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("status", HISTORIES)
def test_a_command_is_possible_exactly_in_the_states_the_life_cycle_allows(name: str, status: Status | None) -> None:
    state = state_of(HISTORIES[status])
    possible = status in ALLOWED[name]
    if possible:
        decide(state, COMMANDS[name])
        return
    with pytest.raises(LiandongError) as caught:
        decide(state, COMMANDS[name])
    assert isinstance(caught.value, Refused | NotFound)
    missing = "demand_not_found" if status is None else "assignment_not_found"
    known = status is not None and (name in ("ClassifyDemand", "AssignDemand") or state.assignment("a1") is not None)
    assert caught.value.code == ("illegal_transition" if known else missing)


def test_the_table_covers_every_command_a_node_or_the_router_may_give() -> None:
    submitters = {"SupplementDemand", "CorrectDemand", "WithdrawDemand"}
    assert set(COMMANDS) | submitters == set(ALLOWED)


def test_a_demand_with_a_category_is_assigned_by_one_event() -> None:
    given(SUBMITTED).when(RouteDemand(explanation("window-0"))).then(
        DemandAssigned(assignment="a1", node="window-0", policy="1", explanation=explanation("window-0"))
    )


def test_a_demand_without_a_category_is_classified_and_assigned_in_one_commit() -> None:
    why = explanation("window-0", classification=FOUND)
    given([submitted(category=None)]).when(RouteDemand(why)).then(
        DemandClassified(category="quality", by="rule", classification=FOUND),
        DemandAssigned(assignment="a1", node="window-0", policy="1", explanation=why),
    )


def test_an_unclear_text_goes_to_the_desk_without_a_category() -> None:
    why = explanation(HUB, "desk", UNSURE, category=None)
    given([submitted(category=None)]).when(RouteDemand(why)).then(DemandAssigned(assignment="a1", node=HUB, policy="1", explanation=why))


def test_a_stated_category_is_never_replaced_by_the_rules() -> None:
    given(SUBMITTED).when(ClassifyDemand(FOUND)).then()


def test_a_returned_assignment_is_followed_by_the_next_number() -> None:
    why = explanation("window-1")
    given(RETURNED).when(RouteDemand(why)).then(DemandAssigned(assignment="a2", node="window-1", policy="1", explanation=why))


def test_a_node_accepts_its_assignment() -> None:
    given(ASSIGNED).when(COMMANDS["AcceptAssignment"]).then(accepted())


@pytest.mark.parametrize("history", [ASSIGNED, IN_PROGRESS])
def test_a_node_returns_an_assignment_before_and_after_accepting_it(history: Sequence[DemandEvent]) -> None:
    command = ReturnAssignment("a1", acting_for=True, reason="no_capacity")
    given(history).when(command).then(returned())


def test_a_return_without_a_reason_is_refused() -> None:
    given(ASSIGNED).when(ReturnAssignment("a1", acting_for=True, reason=None)).refused("return_reason_missing")


def test_the_hub_as_last_resort_cannot_return() -> None:
    for path in ("lowest_hub", "desk"):
        history = [submitted(), assigned(HUB, path=path)]
        given(history).when(COMMANDS["ReturnAssignment"]).refused("last_resort_cannot_return")


def test_the_hub_may_return_what_it_got_as_one_candidate_among_others() -> None:
    given([submitted(), assigned(HUB)]).when(ReturnAssignment("a1", acting_for=True, reason="no_capacity")).then(returned(HUB))


def test_a_county_hub_as_last_resort_may_return_to_the_hub_above() -> None:
    history = [submitted(), assigned("county-0", path="lowest_hub")]
    given(history).when(ReturnAssignment("a1", acting_for=True, reason="no_capacity")).then(returned("county-0"))


@pytest.mark.parametrize("name", ["AcceptAssignment", "ReturnAssignment", "ReportProgress", "ResolveDemand"])
@pytest.mark.parametrize("status", [status for status in HISTORIES if status not in (None, Status.SUBMITTED, Status.WITHDRAWN)])
def test_a_stranger_is_told_nothing_but_that_it_is_not_the_actor(name: str, status: Status) -> None:
    strangers: dict[str, Command] = {
        "AcceptAssignment": AcceptAssignment("a1", acting_for=False),
        "ReturnAssignment": ReturnAssignment("a1", acting_for=False, reason="other"),
        "ReportProgress": ReportProgress("a1", acting_for=False, note=sealed()),
        "ResolveDemand": ResolveDemand("a1", acting_for=False, result="solved", note=sealed()),
    }
    given(HISTORIES[status]).when(strangers[name]).refused("wrong_actor")


def test_an_assignment_that_was_returned_can_no_longer_be_accepted() -> None:
    history = [*RETURNED, assigned("window-1", 2)]
    given(history).when(AcceptAssignment("a1", acting_for=True)).refused("illegal_transition")
    given(history).when(AcceptAssignment("a2", acting_for=True)).then(accepted("window-1", 2))


def test_an_unknown_assignment_is_not_found() -> None:
    given(ASSIGNED).when(AcceptAssignment("a9", acting_for=True)).refused("assignment_not_found")


@pytest.mark.parametrize("status", HISTORIES)
def test_the_process_manager_acts_exactly_while_nobody_but_the_desk_holds_the_demand(status: Status | None) -> None:
    expected = NextStep(classify=False) if status in (Status.SUBMITTED, Status.TRIAGE) else None
    assert react(state_of(HISTORIES[status])) == expected


def test_a_demand_without_a_category_is_classified_first() -> None:
    assert react(state_of([submitted(category=None)])) == NextStep(classify=True)


def test_a_recalled_demand_is_routed_again_and_the_node_may_get_it_again() -> None:
    state = state_of([*ASSIGNED, recalled()])
    assert react(state) == NextStep(classify=False)
    assert routing_inputs(state).returned_by == ()


def test_routing_knows_every_node_that_returned_the_demand_once() -> None:
    state = state_of([*RETURNED, assigned("window-1", 2), returned("window-1", 2)])
    assert routing_inputs(state).returned_by == ("window-0", "window-1")
    assert routing_inputs(state_of([submitted(category=None)]), FOUND).category == "quality"
