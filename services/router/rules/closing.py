"""Closing 办结 on the network's side: resolve with evidence, disputes, call-backs 回访, complaints 投诉, erasure.

What the enterprise itself says (confirm, dispute, rate, complain, ask to reopen) is decided in intake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from libs.demand import ComplaintStatus, DemandState, FollowUp, Standing, Status, Timing, require_allowed, require_files, same_hands
from libs.demand.draft import Draft, Events
from libs.events import (
    ComplaintDismissed,
    ComplaintVerified,
    DemandClosed,
    DemandResolved,
    ErasureRequested,
    FollowUpOrdered,
    FollowUpRecorded,
    NotFound,
    PersonalDataErased,
    Refused,
    ResolutionConfirmed,
    ResolutionDisputed,
    Sealed,
)
from libs.events.closing import FollowUpOutcome, FollowUpReason, ResolveResult
from services.router.rules.holding import held

MOST_CALLS: Final = 3
"""Calls that nobody answers before a call-back counts as made."""


@dataclass(frozen=True, slots=True)
class ResolveDemand:
    """Finish with a result and its evidence (办结)."""

    assignment: str
    by: Standing
    timing: Timing
    result: ResolveResult
    note: Sealed
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DecideDispute:
    """A supervisor of who resolved upholds the dispute (handle again, by the same node or routed anew) or rejects it."""

    upheld: bool
    same_node: bool
    by: Standing
    timing: Timing
    note: Sealed


@dataclass(frozen=True, slots=True)
class RecordFollowUp:
    """A supervisor's call-back, and what the enterprise said."""

    outcome: FollowUpOutcome
    by: Standing
    timing: Timing
    note: Sealed | None = None


@dataclass(frozen=True, slots=True)
class OrderFollowUp:
    """The system picks a closed demand for a call-back."""

    reason: FollowUpReason
    timing: Timing


@dataclass(frozen=True, slots=True)
class DecideComplaint:
    """A supervisor of the node verifies or dismisses a complaint about it."""

    complaint: str
    verified: bool
    by: Standing
    note: Sealed


@dataclass(frozen=True, slots=True)
class RequestErasure:
    """A first person asks to erase."""

    reason: Literal["subject_asked", "retention_ended", "unlawful"]
    by: Standing


@dataclass(frozen=True, slots=True)
class ApproveErasure:
    """Another person approves; the router carries it out once it is decided. `running`: parts found open, heard of or not."""

    by: Standing
    running: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EraseWithWhole:
    """The system carries out on a part what two persons ordered for its whole: both are sealed under one key."""

    requested_by: str
    approved_by: str


def resolve(state: DemandState, command: ResolveDemand) -> Events:
    """A result and evidence fit for the category: a service record, or a file of the network's side, as the taxonomy says.

    What the enterprise sent in shows nothing done. Parts first, if they join.
    """
    found = held(state, command.assignment, command.by, "ResolveDemand")
    require_files(state, command.evidence)
    if state.join == "all" and any(part.ended is None for part in state.parts):
        raise Refused("parts_not_ended")
    category = command.by.network.category(state.category) if state.category is not None else None
    fits = category.evidence if category is not None else ("file", "service")
    shown = any(state.files[file] == "node" for file in command.evidence)
    if not (("file" in fits and shown) or ("service" in fits and state.services)):
        raise Refused("evidence_missing", field="evidence")
    timing = command.timing
    resolved = DemandResolved(
        assignment=found.id, node=found.node, result=command.result, note=command.note, evidence=command.evidence, person=command.by.party
    )
    return (resolved, timing.set({"confirm": timing.after(timing.at(state), timing.clocks.rules.confirm)}))


def decide_dispute(state: DemandState, command: DecideDispute) -> Events:
    """Upheld: handled again. Rejected: closed, and it may still be reopened on the enterprise's word."""
    require_allowed(state, "DecideDispute")
    _require_independent(state, command.by)
    draft = Draft(state, command.timing)
    if command.upheld:
        return draft.reopen("dispute_upheld", same_node=command.same_node, by=command.by.node, note=command.note).done()
    draft.add(DemandClosed(outcome="dispute_rejected", by=command.by.node, note=command.note))
    return draft.open_reopening_term().done()


def record_follow_up(state: DemandState, command: RecordFollowUp) -> Events:
    """Before closing it confirms or disputes; afterwards it checks what was reported, and may have the demand handled again."""
    require_allowed(state, "RecordFollowUp")
    _require_independent(state, command.by)
    by = command.by.node or "bureau"
    draft = Draft(state, command.timing)
    mismatch, again = command.outcome == "disputed", command.outcome == "unreachable" and state.unreached + 1 < MOST_CALLS
    recorded = FollowUpRecorded(by=by, outcome=command.outcome, mismatch=mismatch, note=command.note, again=again or None)
    if state.status is Status.RESOLVED:
        draft.add(recorded)
        if command.outcome == "confirmed":
            draft.add(ResolutionConfirmed(by="call_back", node=by), DemandClosed(outcome="confirmed", by=by))
            draft.open_reopening_term()
        elif command.outcome == "disputed":
            if command.note is None:
                raise Refused("missing_field", field="note")
            draft.add(ResolutionDisputed(by="call_back", note=command.note))
            draft.add(draft.timing.set({"dispute": draft.timing.after(draft.at, draft.timing.clocks.rules.dispute)}))
        return draft.done()
    if state.follow_up is FollowUp.RECORDED:
        raise Refused("follow_up_recorded_already")
    draft.add(recorded)
    until = state.deadlines.get("reopen")
    if mismatch and until is not None and draft.at <= until.at:
        return draft.reopen("call_back", same_node=True, by=by, note=command.note).done()
    return draft.done()


def order_follow_up(state: DemandState, command: OrderFollowUp) -> Events:
    """Once per closing; nobody can call back once the contact is erased."""
    if state.erased:
        return ()
    require_allowed(state, "OrderFollowUp")
    if state.follow_up is not FollowUp.NONE or state.resolved_by is None:
        return ()
    timing = command.timing
    ordered = FollowUpOrdered(reason=command.reason, node=state.resolved_by)
    return (ordered, timing.set({"follow_up": timing.after(timing.at(state), timing.clocks.rules.follow_up)}))


def decide_complaint(state: DemandState, command: DecideComplaint) -> Events:
    """Only somebody above the node complained about, once, and nobody who resolved the demand for it."""
    require_allowed(state, "DecideComplaint")
    found = state.complaint(command.complaint)
    if found is None:
        raise NotFound("complaint_not_found")
    command.by.require_supervises(found.node)
    if (found.node, command.by.party) in state.hands:
        raise Refused("self_confirmation")
    if found.status is not ComplaintStatus.RAISED:
        raise Refused("illegal_transition")
    event = ComplaintVerified if command.verified else ComplaintDismissed
    return (event(complaint=found.id, node=found.node, by=command.by.node or "bureau", note=command.note),)


def request_erasure(state: DemandState, command: RequestErasure) -> Events:
    """Of an ended demand only; the hub or the bureau."""
    require_allowed(state, "RequestErasure")
    _require_hub(command.by)
    if state.parent is not None:
        raise Refused("erase_the_whole")  # a part is sealed under the key of the whole
    if any(part.ended is None for part in state.parts):
        raise Refused("parts_not_ended")
    if state.erasure_asked_by is not None:
        raise Refused("erasure_requested_already")
    return (ErasureRequested(requested_by=command.by.party, reason=command.reason),)


def approve_erasure(state: DemandState, command: ApproveErasure) -> Events:
    """Two persons: who asked cannot approve. A part that runs again meanwhile still needs the key."""
    require_allowed(state, "ApproveErasure")
    _require_hub(command.by)
    if command.running or any(part.ended is None for part in state.parts):
        raise Refused("parts_not_ended")
    if state.erasure_asked_by is None:
        raise Refused("erasure_not_requested")
    if state.erasure_asked_by == command.by.party:
        raise Refused("second_person_needed")
    return (PersonalDataErased(requested_by=state.erasure_asked_by, approved_by=command.by.party, key=state.key_id),)


def erase_with_whole(state: DemandState, command: EraseWithWhole) -> Events:
    """Once, and only what has ended: who handles an open part must be able to read it."""
    if state.erased:
        return ()
    require_allowed(state, "EraseWithWhole")
    return (PersonalDataErased(requested_by=command.requested_by, approved_by=command.approved_by, key=state.key_id),)


def _require_independent(state: DemandState, by: Standing) -> None:
    """Above who resolved it, not in the same hands, and not the same person."""
    resolved_by = state.resolved_by or state.desk
    by.require_supervises(resolved_by)
    if same_hands(by.network, by.node, resolved_by) or by.party == state.resolved_person:
        raise Refused("self_confirmation")


def _require_hub(by: Standing) -> None:
    if not (by.is_hub() or by.role == "bureau"):
        raise Refused("wrong_actor")
