"""Assistance 协办: the lead asks other nodes for their share and stays accountable (首接负责)."""

from __future__ import annotations

from dataclasses import dataclass

from libs.demand import Assistance, AssistanceStatus, DemandState, Standing, Timing, require_allowed, require_assistance, require_files
from libs.demand.draft import Events
from libs.demand.state import ASSISTING
from libs.events import AssistanceAccepted, AssistanceDeclined, AssistanceDelivered, AssistanceRequested, NotFound, Refused, Sealed
from libs.events.assisting import DeclineReason
from services.router.rules.holding import held, require_fit

MOST_AT_ONCE = 10
"""Nodes that may assist at the same time."""


@dataclass(frozen=True, slots=True)
class RequestAssistance:
    """Ask another node to assist."""

    assignment: str
    assistant: str
    by: Standing
    timing: Timing
    note: Sealed


@dataclass(frozen=True, slots=True)
class AcceptAssistance:
    """Agree to assist."""

    assistance: str
    by: Standing


@dataclass(frozen=True, slots=True)
class DeclineAssistance:
    """Decline with a coded reason."""

    assistance: str
    by: Standing
    reason: DeclineReason
    note: Sealed | None = None


@dataclass(frozen=True, slots=True)
class DeliverAssistance:
    """Deliver the share asked for."""

    assistance: str
    by: Standing
    note: Sealed
    evidence: tuple[str, ...] = ()


def request(state: DemandState, command: RequestAssistance) -> Events:
    """A node that can take it, not the lead itself, and not one that assists already."""
    found = held(state, command.assignment, command.by, "RequestAssistance")
    require_fit(command.by, command.assistant, command.timing)
    running = [assistance for assistance in state.assistances if assistance.status in ASSISTING]
    if command.assistant == found.node or any(assistance.node == command.assistant for assistance in running):
        raise Refused("assists_already", field="node")
    if len(running) >= MOST_AT_ONCE:
        raise Refused("too_many_assistances")
    due = command.timing.after(command.timing.at(state), command.timing.clocks.rules.assist)
    return (
        AssistanceRequested(
            assistance=f"s{len(state.assistances) + 1}",
            assignment=found.id,
            node=found.node,
            assistant=command.assistant,
            due=due.at,
            note=command.note,
        ),
    )


def accept(state: DemandState, command: AcceptAssistance) -> Events:
    """Once."""
    found = _mine(state, command.assistance, command.by, "AcceptAssistance")
    if found.status is not AssistanceStatus.REQUESTED:
        raise Refused("illegal_transition")
    return (AssistanceAccepted(assistance=found.id, assistant=found.node),)


def decline(state: DemandState, command: DeclineAssistance) -> Events:
    """Before agreeing only."""
    found = _mine(state, command.assistance, command.by, "DeclineAssistance")
    if found.status is not AssistanceStatus.REQUESTED:
        raise Refused("illegal_transition")
    return (AssistanceDeclined(assistance=found.id, assistant=found.node, reason=command.reason, note=command.note),)


def deliver(state: DemandState, command: DeliverAssistance) -> Events:
    """Delivering says that it agreed."""
    found = _mine(state, command.assistance, command.by, "DeliverAssistance")
    require_files(state, command.evidence)
    return (AssistanceDelivered(assistance=found.id, assistant=found.node, note=command.note, evidence=command.evidence),)


def _mine(state: DemandState, assistance: str, by: Standing, command: str) -> Assistance:
    if state.status is None:
        raise NotFound("demand_not_found")
    found = state.assistance(assistance)
    if found is None:
        raise NotFound("assistance_not_found")
    by.require_acts_for(found.node)
    require_allowed(state, command)
    return require_assistance(state, assistance)
