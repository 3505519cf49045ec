"""What a submitter and its enterprise may do with a demand: submit, supplement, withdraw, complete, confirm, dispute, rate …; pure.

For anybody else the demand does not exist. Nobody confirms its own work: where who submitted is who handled, only a call-back counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, assert_never

from libs.demand import DemandState, Standing, Status, Timing, own_work, require_allowed, require_files
from libs.demand.deadlines import brought_forward
from libs.demand.draft import Draft, Events
from libs.demand.overdue import caught_up
from libs.events import (
    AssignmentRecalled,
    ComplaintRaised,
    CompletionProvided,
    DemandClosed,
    DemandCorrected,
    DemandEvent,
    DemandRated,
    DemandSubmitted,
    DemandSupplemented,
    DemandWithdrawn,
    HistoryImported,
    NotFound,
    Refused,
    ResolutionConfirmed,
    ResolutionDisputed,
    Sealed,
)
from libs.events.closing import Grade


@dataclass(frozen=True, slots=True)
class SubmitDemand:
    """Ask: everything validated and sealed by the shell, the desk being the network's hub. `history`: from a former system."""

    event: DemandSubmitted
    history: HistoryImported | None = None


@dataclass(frozen=True, slots=True)
class SupplementDemand:
    """Add information to an open demand."""

    by: Standing
    note: Sealed


@dataclass(frozen=True, slots=True)
class CorrectDemand:
    """Replace members of a demand nobody has accepted yet; None leaves a member as it is."""

    by: Standing
    timing: Timing
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

    by: Standing
    timing: Timing
    reason: Sealed | None = None


@dataclass(frozen=True, slots=True)
class ProvideCompletion:
    """Provide what the node asked for (补正); the net clock runs again."""

    by: Standing
    timing: Timing
    note: Sealed
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfirmResolution:
    """The enterprise confirms the result through its own link."""

    by: Standing
    timing: Timing


@dataclass(frozen=True, slots=True)
class DisputeResolution:
    """The enterprise, or who submitted for it, disputes the result."""

    by: Standing
    timing: Timing
    note: Sealed


@dataclass(frozen=True, slots=True)
class RequestReopening:
    """Have an ended demand handled again, within the term (重办)."""

    by: Standing
    timing: Timing
    note: Sealed


@dataclass(frozen=True, slots=True)
class RateDemand:
    """Rate a resolution in five grades (评价)."""

    by: Standing
    grade: Grade
    note: Sealed | None = None


@dataclass(frozen=True, slots=True)
class RaiseComplaint:
    """Complain about a node that had the demand (投诉); without one, about who has or resolved it."""

    by: Standing
    note: Sealed
    node: str | None = None


EnterpriseCommand = ProvideCompletion | ConfirmResolution | DisputeResolution | RequestReopening | RateDemand | RaiseComplaint
Command = SubmitDemand | SupplementDemand | CorrectDemand | WithdrawDemand | EnterpriseCommand
ROUTING_MEMBERS = ("category", "region", "carrier", "industry")
MOST_SUPPLEMENTS: Final = 100
MOST_CORRECTIONS: Final = 50
MOST_COMPLAINTS: Final = 20
"""What one demand hears from outside: far more than any matter needs, few enough that reading it stays quick, whoever has the link."""
CORRECTABLE = (*ROUTING_MEMBERS, "urgency", "title", "description", "requester")


def decide(command: Command, state: DemandState) -> Events:
    """Return the events of a command. Raises NotFound, Refused: illegal_transition and the command's own codes."""
    match command:
        case SubmitDemand():
            return _submit(command, state)
        case SupplementDemand():
            _require(state, command.by, "SupplementDemand")
            _require_room(state.supplements, MOST_SUPPLEMENTS)
            return [DemandSupplemented(note=command.note)]
        case CorrectDemand():
            return _correct(command, state)
        case WithdrawDemand():
            return _withdraw(command, state)
        case ProvideCompletion():
            return _complete(command, state)
        case ConfirmResolution():
            return _confirm(command, state)
        case DisputeResolution():
            return _dispute(command, state)
        case RequestReopening():
            return _reopen(command, state)
        case RateDemand():
            return _rate(command, state)
        case RaiseComplaint():
            return _complain(command, state)
        case _:
            assert_never(command)


def require_submitter(state: DemandState, by: Standing) -> None:
    """Only the submitter, and the enterprise by its own link, knows its demand here; for anybody else it does not exist."""
    if not by.speaks_for_enterprise(state):
        raise NotFound("demand_not_found")


def _submit(command: SubmitDemand, state: DemandState) -> Events:
    if state.status is not None:
        raise Refused("illegal_transition")
    return [command.event] if command.history is None else [command.event, command.history]


def _correct(command: CorrectDemand, state: DemandState) -> Events:
    """What routing rests on recalls the assignment; a more urgent class brings promises forward, and nothing makes them later."""
    _require(state, command.by, "CorrectDemand")
    _require_room(state.corrections, MOST_CORRECTIONS)
    changed = {member: value for member in CORRECTABLE if (value := getattr(command, member)) is not None}
    if not changed:
        raise Refused("nothing_to_correct")
    corrected = DemandCorrected(fields=tuple(changed), enterprise=command.enterprise, **changed)
    reroute = any(member in changed for member in ROUTING_MEMBERS)
    events = [corrected, *(_recall(state, "corrected") if reroute else [])]
    if command.urgency in (None, state.urgency):
        return events
    draft = Draft(state, command.timing).promise_again()  # what a new clock pack promises counts by the class that was in force
    draft.add(*events)
    sooner = brought_forward(draft.state, command.timing, state.urgency)
    return draft.add(*([sooner] if sooner is not None else [])).done()


def _withdraw(command: WithdrawDemand, state: DemandState) -> Events:
    """What was promised and is past was missed, though nobody waits for it any more."""
    _require(state, command.by, "WithdrawDemand")
    draft = caught_up(state, command.timing, command.by.network)
    return draft.add(*_recall(draft.state, "withdrawn"), DemandWithdrawn(reason=command.reason)).done()


def _complete(command: ProvideCompletion, state: DemandState) -> Events:
    _require(state, command.by, "ProvideCompletion")
    require_files(state, command.files, field="files")
    draft = Draft(state, command.timing).add(CompletionProvided(note=command.note, files=command.files))
    return draft.resume("completed").done()


def _confirm(command: ConfirmResolution, state: DemandState) -> Events:
    """Only by the enterprise's link, and not where who submitted is who handled it, or runs it."""
    _require(state, command.by, "ConfirmResolution")
    if command.by.role != "enterprise":
        raise Refused("confirmation_needs_link")
    _require_independent(state, command.by)
    draft = Draft(state, command.timing).add(ResolutionConfirmed(by="enterprise"), DemandClosed(outcome="confirmed"))
    return draft.open_reopening_term().done()


def _dispute(command: DisputeResolution, state: DemandState) -> Events:
    _require(state, command.by, "DisputeResolution")
    timing = command.timing
    disputed = ResolutionDisputed(by="enterprise", note=command.note)
    return [disputed, timing.set({"dispute": timing.after(timing.at(state), timing.clocks.rules.dispute)})]


def _reopen(command: RequestReopening, state: DemandState) -> Events:
    """A closed demand goes back to who resolved it; a refused one is routed, whoever resolved it before."""
    _require(state, command.by, "RequestReopening")
    draft = Draft(state, command.timing)
    until = state.deadlines.get("reopen")
    if until is None or draft.at > until.at:
        raise Refused("reopening_too_late")
    return draft.reopen("enterprise_asked", same_node=state.status is Status.CLOSED, note=command.note).done()


def _rate(command: RateDemand, state: DemandState) -> Events:
    """One rating per resolution; nobody rates its own work."""
    _require(state, command.by, "RateDemand")
    if state.resolutions == 0 or state.resolved_by is None:
        raise Refused("illegal_transition")
    if state.rated >= state.resolutions:
        raise Refused("rated_already")
    _require_independent(state, command.by)
    return [DemandRated(grade=command.grade, resolution=state.resolutions, node=state.resolved_by, note=command.note)]


def _complain(command: RaiseComplaint, state: DemandState) -> Events:
    _require(state, command.by, "RaiseComplaint")
    _require_room(len(state.complaints), MOST_COMPLAINTS)
    node = command.node or (state.holder.node if state.holder is not None else state.resolved_by) or state.desk
    if node != state.desk and node not in state.held_by and node not in {assistance.node for assistance in state.assistances}:
        raise Refused("complaint_about_stranger", field="node")
    return [ComplaintRaised(complaint=f"c{len(state.complaints) + 1}", node=node, note=command.note)]


def _recall(state: DemandState, reason: str) -> list[DemandEvent]:
    """The node in charge is told that its assignment ended; it did nothing wrong."""
    current = state.current
    if current is None:
        return []
    return [AssignmentRecalled(assignment=current.id, node=current.node, reason="corrected" if reason == "corrected" else "withdrawn")]


def _require(state: DemandState, by: Standing, command: str) -> None:
    if state.status is not None:
        require_submitter(state, by)
    require_allowed(state, command)


def _require_room(said: int, most: int) -> None:
    if said >= most:
        raise Refused("too_many_additions")


def _require_independent(state: DemandState, by: Standing) -> None:
    if own_work(by.network, state):
        raise Refused("self_confirmation")
