"""Handling 办理: progress, service records, completion 补正, suspension 中止, extension 延期, evidence 佐证材料, supervision 督办."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from libs.demand import DemandState, ExtensionStatus, Standing, Timing, require_allowed
from libs.demand.deadlines import pause_end, with_warning
from libs.demand.draft import Draft, Events
from libs.directory import Span
from libs.events import (
    CompletionRequested,
    DemandSuspended,
    EvidenceAttached,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    NotFound,
    ProgressReported,
    Refused,
    Sealed,
    ServiceRecorded,
    SupervisionClosed,
    SupervisionOpened,
)
from libs.events.handling import EvidenceSide, ServiceFee, ServiceMode, SuspensionReason
from services.router.rules.holding import held, holder_of


@dataclass(frozen=True, slots=True)
class ReportProgress:
    """Tell how far the node has come (办理进展)."""

    assignment: str
    by: Standing
    timing: Timing
    note: Sealed


@dataclass(frozen=True, slots=True)
class RecordService:
    """Record a service given (requirements C5, B14): how, at what fee class, by which organisation of the network."""

    assignment: str
    by: Standing
    timing: Timing
    mode: ServiceMode
    fee: ServiceFee
    organisation: str | None = None
    voucher: str | None = None
    given_on: date | None = None
    note: Sealed | None = None


@dataclass(frozen=True, slots=True)
class RequestCompletion:
    """Ask the enterprise for what is missing; the net clock pauses (补正)."""

    assignment: str
    by: Standing
    timing: Timing
    note: Sealed


@dataclass(frozen=True, slots=True)
class SuspendDemand:
    """A hub above the holder approves a suspension until a moment (中止)."""

    reason: SuspensionReason
    until: datetime
    by: Standing
    timing: Timing
    note: Sealed


@dataclass(frozen=True, slots=True)
class ResumeDemand:
    """Take handling up again before the pause is over."""

    by: Standing
    timing: Timing


@dataclass(frozen=True, slots=True)
class RequestExtension:
    """Ask for more time, early enough (延期)."""

    assignment: str
    span: Span
    by: Standing
    timing: Timing
    note: Sealed


@dataclass(frozen=True, slots=True)
class DecideExtension:
    """A supervisor of the holder grants or refuses the extension."""

    granted: bool
    by: Standing
    timing: Timing
    note: Sealed | None = None


@dataclass(frozen=True, slots=True)
class AttachEvidence:
    """A stored file becomes part of the demand. The shell has looked at its bytes."""

    file: str
    digest: str
    media_type: str
    size: int
    by: Standing
    title: Sealed | None = None


@dataclass(frozen=True, slots=True)
class OpenSupervision:
    """A person above the holder supervises the demand (督办)."""

    by: Standing
    timing: Timing
    note: Sealed


@dataclass(frozen=True, slots=True)
class CloseSupervision:
    """Who opened it, or somebody above, ends the supervision."""

    supervision: str
    by: Standing
    note: Sealed


MOST_FILES = 20
"""Files one demand may have: enough for any matter seen, few enough to keep its stream small."""


def report(state: DemandState, command: ReportProgress) -> Events:
    """Progress; the first one is the first answer."""
    found = held(state, command.assignment, command.by, "ReportProgress")
    return (ProgressReported(assignment=found.id, node=found.node, note=command.note),)


def record_service(state: DemandState, command: RecordService) -> Events:
    """A service record; the organisation must be a node of the network."""
    found = held(state, command.assignment, command.by, "RecordService")
    if command.organisation is not None and not command.by.network.has(command.organisation):
        raise Refused("unknown_organisation", field="organisation")
    return (
        ServiceRecorded(
            assignment=found.id,
            node=found.node,
            mode=command.mode,
            fee=command.fee,
            organisation=command.organisation,
            voucher=command.voucher,
            given_on=command.given_on,
            note=command.note,
        ),
    )


def request_completion(state: DemandState, command: RequestCompletion) -> Events:
    """The pause ends when the enterprise answers, when its time is up, or when all pauses together reach the pack's total."""
    found = held(state, command.assignment, command.by, "RequestCompletion")
    timing, at = command.timing, command.timing.at(state)
    promised = timing.after(at, timing.clocks.rules.completion)
    end = pause_end(state, timing, promised.at)
    if end is None:
        raise Refused("pause_used_up")
    asked = CompletionRequested(assignment=found.id, node=found.node, note=command.note)
    return (asked, timing.set({"complete": promised.model_copy(update={"at": end})}))


def suspend(state: DemandState, command: SuspendDemand) -> Events:
    """Only a supervisor of the holder approves; never past the total of all pauses."""
    holder = holder_of(state, "SuspendDemand")
    command.by.require_supervises(holder)
    timing, at, current = command.timing, command.timing.at(state), state.current
    assert current is not None
    if command.until <= at:
        raise Refused("suspension_ends_before_it_begins", field="until")
    end = pause_end(state, timing, command.until)
    if end is None or end < command.until:
        raise Refused("pause_used_up", field="until")
    suspended = DemandSuspended(
        assignment=current.id,
        node=current.node,
        by=_node_of(command.by),
        reason=command.reason,
        until=end,
        note=command.note,
    )
    return (suspended, timing.set({"resume": timing.after(end, Span(0, "s"))}))


def resume(state: DemandState, command: ResumeDemand) -> Events:
    """The holder or its supervisor goes on."""
    holder = holder_of(state, "ResumeDemand")
    if not (command.by.acts_for(holder) or command.by.supervises(holder)):
        raise Refused("wrong_actor")
    return Draft(state, command.timing).resume("by_person").done()


def request_extension(state: DemandState, command: RequestExtension) -> Events:
    """Once, not too long, and early enough before the deadline; after a miss it is too late."""
    found = held(state, command.assignment, command.by, "RequestExtension")
    timing, at = command.timing, command.timing.at(state)
    rule, calendar, extension = timing.clocks.rules.extension, timing.clocks.calendar, state.extension
    if extension.status is ExtensionStatus.REQUESTED:
        raise Refused("extension_pending")
    if extension.granted >= rule.times:
        raise Refused("extension_used_up")
    due = state.deadlines.get("resolve")
    # A limit of hours has no working day before it: then any moment before it is early enough.
    hours = due is not None and due.counting == "elapsed" and rule.asked_before.unit == "wd"
    if due is None or at > (due.at if hours else calendar.before(due.at, rule.asked_before)):
        raise Refused("extension_too_late")
    if calendar.after(due.at, command.span) > calendar.after(due.at, rule.most) or command.span.amount == 0:
        raise Refused("extension_too_long", field="span")
    return (ExtensionRequested(assignment=found.id, node=found.node, span=str(command.span), note=command.note, person=command.by.party),)


def decide_extension(state: DemandState, command: DecideExtension) -> Events:
    """A supervisor decides, another person than asked; the deadline moves by the span from where it stood."""
    holder = holder_of(state, "DecideExtension")
    command.by.require_supervises(holder)
    current = state.current
    if state.extension.status is not ExtensionStatus.REQUESTED or current is None:
        raise Refused("no_extension_pending")
    if state.extension.person == command.by.party:
        raise Refused("second_person_needed")
    if not command.granted:
        if command.note is None:
            raise Refused("missing_field", field="note")
        return (ExtensionRefused(assignment=current.id, by=_node_of(command.by), note=command.note),)
    due = state.deadlines.get("resolve")
    if due is None:
        raise Refused("extension_too_late")
    timing = command.timing
    longer = timing.after(due.at, Span.parse(state.extension.span))
    return (
        ExtensionGranted(assignment=current.id, by=_node_of(command.by)),
        timing.set(with_warning(timing, longer, timing.at(state))),
    )


def attach(state: DemandState, command: AttachEvidence) -> Events:
    """By the enterprise or the submitter, the holder, or a node that assists. The same file twice is one file, of who brought it first."""
    require_allowed(state, "AttachEvidence")
    by = command.by
    nodes = [state.holder.node] if state.holder is not None else [state.resolved_by or state.desk]
    nodes += [assistance.node for assistance in state.assistances]
    node = next((node for node in nodes if by.acts_for(node)), None)
    if node is None and not by.speaks_for_enterprise(state):
        raise Refused("wrong_actor")
    side: EvidenceSide = "node" if node is not None else "enterprise"
    if state.files.get(command.file) == side or command.file in state.files_of_both:
        return ()
    if len(state.files) >= MOST_FILES and command.file not in state.files:
        raise Refused("too_many_files")
    return (
        EvidenceAttached(
            file=command.file,
            digest=command.digest,
            media_type=command.media_type,
            size=command.size,
            side=side,
            node=node,
            title=command.title,
        ),
    )


def open_supervision(state: DemandState, command: OpenSupervision) -> Events:
    """A supervisor of the holder, or the bureau. One more supervision puts no answer off that is owed already."""
    holder = holder_of(state, "OpenSupervision")
    if command.by.role != "bureau":
        command.by.require_supervises(holder)
    timing = command.timing
    opened = SupervisionOpened(supervision=f"v{len(state.supervisions) + 1}", by=_node_of(command.by), note=command.note)
    answer, owed = timing.after(timing.at(state), timing.clocks.rules.supervision), state.deadlines.get("supervise")
    return (opened,) if owed is not None and owed.at <= answer.at else (opened, timing.set({"supervise": answer}))


def close_supervision(state: DemandState, command: CloseSupervision) -> Events:
    """Who may open one at that node may end it."""
    require_allowed(state, "CloseSupervision")
    found = next((one for one in state.supervisions if one.id == command.supervision), None)
    if found is None:
        raise NotFound("supervision_not_found")
    if not (command.by.role == "bureau" or (command.by.role == "coordinator" and command.by.acts_for(found.by))):
        raise Refused("wrong_actor")
    if found.closed:
        raise Refused("illegal_transition")
    return (SupervisionClosed(supervision=found.id, by=_node_of(command.by), note=command.note),)


def _node_of(by: Standing) -> str:
    """The node a supervisor speaks for; the bureau has none and stands above the hub."""
    return by.node if by.node is not None else "bureau"
