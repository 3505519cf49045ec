"""What the process manager owes a demand next, and the facts routing rests on. The rules of each command: tests/unit/router/rules."""

from __future__ import annotations

from typing import get_args

import pytest

from libs.demand import ALLOWED, Status
from libs.events import AssignmentLapsed, DemandReopened
from services.intake import domain as intake
from services.router.domain import Command, NextStep, react, routing_inputs
from tests.unit.demand import situations as s
from tests.unit.router.rules import entangled as e

BUDGET = 2


@pytest.mark.parametrize("status", Status)
def test_the_process_manager_acts_exactly_while_nobody_but_the_desk_holds_the_demand(status: Status) -> None:
    expected = NextStep("route") if status in (Status.SUBMITTED, Status.TRIAGE) else None
    assert react(s.standing(status).state, BUDGET) == expected


def test_nothing_is_owed_to_a_demand_that_does_not_exist() -> None:
    assert react(s.DEMAND.given().state, BUDGET) is None


def test_a_demand_without_a_category_is_classified_first() -> None:
    assert react(s.DEMAND.given(s.submitted(category=None)).state) == NextStep("route", classify=True)


def test_returns_beyond_the_budget_are_arbitrated_and_then_left_to_the_arbiter() -> None:
    nodes = (s.WINDOW, s.NEIGHBOUR, s.SECOND)
    history = [event for number, node in enumerate(nodes, 1) for event in (s.assigned(node, number), s.returned(node, number))]
    assert react(s.DEMAND.given(s.submitted(), *history[:4]).state, BUDGET) == NextStep("route")
    assert react(s.DEMAND.given(s.submitted(), *history).state, BUDGET) == NextStep("arbitrate")
    assert react(e.in_arbitration().state, BUDGET) is None


def test_silence_is_no_return_and_uses_up_no_budget() -> None:
    lapses = [event for n in (1, 2, 3) for event in (s.assigned(s.WINDOW, n), AssignmentLapsed(assignment=f"a{n}", node=s.WINDOW))]
    assert react(s.DEMAND.given(s.submitted(), *lapses).state, BUDGET) == NextStep("route")


def test_a_recalled_demand_is_routed_again_and_the_node_may_get_it_again() -> None:
    state = s.assigned_demand(s.recalled()).state
    assert react(state) == NextStep("route")
    assert routing_inputs(state).returned_by == ()


def test_routing_passes_over_every_node_that_returned_it_was_silent_or_was_overruled_once() -> None:
    history = (
        s.assigned(),
        s.returned(),
        s.assigned(s.SECOND, 2),
        AssignmentLapsed(assignment="a2", node=s.SECOND),
        s.assigned(s.NEIGHBOUR, 3),
        s.accepted(s.NEIGHBOUR, 3),
        s.resolved(s.NEIGHBOUR, 3),
        DemandReopened(cause="dispute_upheld"),
    )
    assert routing_inputs(s.DEMAND.given(s.submitted(), *history).state).returned_by == (s.WINDOW, s.SECOND, s.NEIGHBOUR)


def test_the_category_the_rules_found_counts_where_nobody_stated_one() -> None:
    assert routing_inputs(s.DEMAND.given(s.submitted(category=None)).state, s.found()).category == "digital"
    assert routing_inputs(s.submitted_demand().state, s.found()).category == "quality"


def test_the_life_cycle_knows_every_command_of_both_services() -> None:
    """RouteDemand and OpenArbitration are possible where AssignDemand is; SubmitDemand begins a life."""
    named = {cls.__name__ for cls in (*get_args(Command), *get_args(intake.Command))}
    assert named - {"RouteDemand", "OpenArbitration", "SubmitDemand"} == set(ALLOWED)
