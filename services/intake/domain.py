"""What a submitter may do with a demand: submit, supplement, correct, withdraw. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from libs.demand import DemandState, require_allowed
from libs.events import (
    AssignmentRecalled,
    DemandCorrected,
    DemandEvent,
    DemandSubmitted,
    DemandSupplemented,
    DemandWithdrawn,
    NotFound,
    Refused,
    Sealed,
)


@dataclass(frozen=True, slots=True)
class SubmitDemand:
    """Ask: everything validated and sealed by the shell, the desk being the network's hub."""

    event: DemandSubmitted


@dataclass(frozen=True, slots=True)
class SupplementDemand:
    """Add information to an open demand."""

    party: str
    note: Sealed


@dataclass(frozen=True, slots=True)
class CorrectDemand:
    """Replace members of a demand nobody has accepted yet; None leaves a member as it is."""

    party: str
    category: str | None = None
    region: str | None = None
    carrier: str | None = None
    industry: str | None = None
    urgency: str | None = None
    title: Sealed | None = None
    description: Sealed | None = None
    requester: Sealed | None = None
    enterprise: str | None = None


@dataclass(frozen=True, slots=True)
class WithdrawDemand:
    """Take an open demand back."""

    party: str
    reason: Sealed | None = None


Command = SubmitDemand | SupplementDemand | CorrectDemand | WithdrawDemand
ROUTING_MEMBERS = ("category", "region", "carrier", "industry")
CORRECTABLE = (*ROUTING_MEMBERS, "urgency", "title", "description", "requester")


def decide(command: Command, state: DemandState) -> list[DemandEvent]:
    """Return the events of a command. Raises NotFound, Refused (illegal_transition, nothing_to_correct)."""
    match command:
        case SubmitDemand():
            return _submit(command, state)
        case SupplementDemand():
            _require(state, command.party, "SupplementDemand")
            return [DemandSupplemented(note=command.note)]
        case CorrectDemand():
            return _correct(command, state)
        case WithdrawDemand():
            _require(state, command.party, "WithdrawDemand")
            return [*_recall(state, "withdrawn"), DemandWithdrawn(reason=command.reason)]
        case _:
            assert_never(command)


def require_submitter(state: DemandState, party: str) -> None:
    """Only the submitter knows its demand here; for anybody else it does not exist."""
    if state.party != party:
        raise NotFound("demand_not_found")


def _submit(command: SubmitDemand, state: DemandState) -> list[DemandEvent]:
    if state.status is not None:
        raise Refused("illegal_transition")
    return [command.event]


def _correct(command: CorrectDemand, state: DemandState) -> list[DemandEvent]:
    _require(state, command.party, "CorrectDemand")
    changed = {member: value for member in CORRECTABLE if (value := getattr(command, member)) is not None}
    if not changed:
        raise Refused("nothing_to_correct")
    corrected = DemandCorrected(fields=tuple(changed), enterprise=command.enterprise, **changed)
    reroute = any(member in changed for member in ROUTING_MEMBERS)
    return [corrected, *(_recall(state, "corrected") if reroute else [])]


def _recall(state: DemandState, reason: str) -> list[DemandEvent]:
    """The node in charge is told that its assignment ended; it did nothing wrong."""
    current = state.current
    if current is None:
        return []
    return [AssignmentRecalled(assignment=current.id, node=current.node, reason="corrected" if reason == "corrected" else "withdrawn")]


def _require(state: DemandState, party: str, command: str) -> None:
    require_allowed(state, command)
    require_submitter(state, party)
