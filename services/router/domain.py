"""The router's commands on a demand (流转派单) and what each decides; pure.

A person's commands name an assignment and carry `acting_for`: whether the shell found the caller to be the assignment's node or a hub
above it. The system's own command is RouteDemand: classification and assignment are one commit, because neither is of use alone.

::

    submitted, triage ──RouteDemand──▶ assigned ──AcceptAssignment──▶ in_progress ──ResolveDemand──▶ resolved
           ▲                              │                             │   └─ReportProgress─┐
           └──────ReturnAssignment────────┴─────────────────────────────┘   ◀────────────────┘
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from libs.demand import Assignment, DemandState, require_allowed, require_current
from libs.events import (
    AssignmentAccepted,
    AssignmentReturned,
    Classification,
    DemandAssigned,
    DemandClassified,
    DemandEvent,
    DemandResolved,
    Explanation,
    NotFound,
    ProgressReported,
    Refused,
    RoutingInputs,
    Sealed,
)
from libs.events.demand import ResolveResult, ReturnReason


@dataclass(frozen=True, slots=True)
class ClassifyDemand:
    """Put the demand into the category the rules found (研判)."""

    classification: Classification


@dataclass(frozen=True, slots=True)
class AssignDemand:
    """Assign the demand to the node the explanation chose (派单)."""

    explanation: Explanation


@dataclass(frozen=True, slots=True)
class RouteDemand:
    """Classify if need be, and assign, in one commit."""

    explanation: Explanation


@dataclass(frozen=True, slots=True)
class AcceptAssignment:
    """Accept an assignment (签收)."""

    assignment: str
    acting_for: bool


@dataclass(frozen=True, slots=True)
class ReturnAssignment:
    """Return an assignment with a coded reason (退回); `clause` names the rule it rests on."""

    assignment: str
    acting_for: bool
    reason: ReturnReason | None
    clause: str | None = None
    note: Sealed | None = None


@dataclass(frozen=True, slots=True)
class ReportProgress:
    """Tell how far the node has come (办理进展)."""

    assignment: str
    acting_for: bool
    note: Sealed


@dataclass(frozen=True, slots=True)
class ResolveDemand:
    """Finish with a result (办结)."""

    assignment: str
    acting_for: bool
    result: ResolveResult
    note: Sealed


SystemCommand = ClassifyDemand | AssignDemand | RouteDemand
NodeCommand = AcceptAssignment | ReturnAssignment | ReportProgress | ResolveDemand
Command = SystemCommand | NodeCommand


@dataclass(frozen=True, slots=True)
class NextStep:
    """What the process manager owes a demand: an assignment, after classifying its text if it has no category."""

    classify: bool


def react(state: DemandState) -> NextStep | None:
    """Tell what the process manager must do next; None while somebody else is to act."""
    if not state.waits_for_routing:
        return None
    return NextStep(classify=state.category is None)


def routing_inputs(state: DemandState, classification: Classification | None = None) -> RoutingInputs:
    """The facts a routing decision rests on; without a category, the one the rules found counts."""
    found = classification.category if classification is not None else None
    return RoutingInputs(
        category=state.category if state.category is not None else found,
        region=state.region,
        carrier=state.carrier,
        industry=state.industry,
        urgency=state.urgency,
        returned_by=tuple(dict.fromkeys(state.returned_by)),
    )


def decide(state: DemandState, command: Command) -> tuple[DemandEvent, ...]:
    """Return the events a command leads to. Raises NotFound or Refused: illegal_transition, wrong_actor and the command's own codes."""
    match command:
        case ClassifyDemand():
            return _classify(state, command.classification)
        case AssignDemand():
            return _assign(state, command.explanation)
        case RouteDemand():
            return _route(state, command.explanation)
        case AcceptAssignment():
            return _accept(state, command)
        case ReturnAssignment():
            return _return(state, command)
        case ReportProgress():
            return _report(state, command)
        case ResolveDemand():
            return _resolve(state, command)
        case _:
            assert_never(command)


def _classify(state: DemandState, classification: Classification) -> tuple[DemandEvent, ...]:
    require_allowed(state, "ClassifyDemand")
    if classification.category is None or state.category is not None:
        return ()
    return (DemandClassified(category=classification.category, by="rule", classification=classification),)


def _assign(state: DemandState, explanation: Explanation) -> tuple[DemandEvent, ...]:
    require_allowed(state, "AssignDemand")
    return (DemandAssigned(assignment=state.next_assignment, node=explanation.chosen, policy=explanation.policy, explanation=explanation),)


def _route(state: DemandState, explanation: Explanation) -> tuple[DemandEvent, ...]:
    found = explanation.classification
    classified = _classify(state, found) if found is not None else ()
    return (*classified, *_assign(state, explanation))


def _accept(state: DemandState, command: AcceptAssignment) -> tuple[DemandEvent, ...]:
    held = _held(state, command, "AcceptAssignment")
    return (AssignmentAccepted(assignment=held.id, node=held.node),)


def _return(state: DemandState, command: ReturnAssignment) -> tuple[DemandEvent, ...]:
    held = _held(state, command, "ReturnAssignment")
    if command.reason is None:
        raise Refused("return_reason_missing", field="reason")
    if held.last_resort and held.node == state.desk:
        raise Refused("last_resort_cannot_return")
    return (AssignmentReturned(assignment=held.id, node=held.node, reason=command.reason, clause=command.clause, note=command.note),)


def _report(state: DemandState, command: ReportProgress) -> tuple[DemandEvent, ...]:
    held = _held(state, command, "ReportProgress")
    return (ProgressReported(assignment=held.id, node=held.node, note=command.note),)


def _resolve(state: DemandState, command: ResolveDemand) -> tuple[DemandEvent, ...]:
    held = _held(state, command, "ResolveDemand")
    return (DemandResolved(assignment=held.id, node=held.node, result=command.result, note=command.note),)


def _held(state: DemandState, command: NodeCommand, name: str) -> Assignment:
    """The assignment a node may act on now. Who may act is looked at before what is possible: it tells a stranger nothing."""
    if state.status is None:
        raise NotFound("demand_not_found")
    if state.assignment(command.assignment) is None:
        raise NotFound("assignment_not_found")
    if not command.acting_for:
        raise Refused("wrong_actor")
    require_allowed(state, name)
    return require_current(state, command.assignment)
