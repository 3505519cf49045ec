"""Fold events into the demand's state. Holds no rule and never raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never, cast

from libs.demand.state import (
    ASSISTING,
    HELD,
    Arbitration,
    Assignment,
    AssignmentStatus,
    Assistance,
    AssistanceStatus,
    Complaint,
    ComplaintStatus,
    DemandState,
    Extension,
    ExtensionStatus,
    FollowUp,
    Holder,
    OwnActDone,
    SplitOff,
    Status,
    Supervision,
)
from libs.events import (
    ActTakenBack,
    ArbitrationOpened,
    AssignmentAccepted,
    AssignmentArbitrated,
    AssignmentLapsed,
    AssignmentRecalled,
    AssignmentReturned,
    AssistanceAccepted,
    AssistanceDeclined,
    AssistanceDelivered,
    AssistanceRequested,
    ComplaintDismissed,
    ComplaintRaised,
    ComplaintVerified,
    CompletionProvided,
    CompletionRequested,
    Deadline,
    DeadlineMissed,
    DeadlinesSet,
    DeadlineWarned,
    DemandAssigned,
    DemandClassified,
    DemandClosed,
    DemandCorrected,
    DemandEscalated,
    DemandEvent,
    DemandForwarded,
    DemandMerged,
    DemandRated,
    DemandRefused,
    DemandReopened,
    DemandResolved,
    DemandResumed,
    DemandSplit,
    DemandSubmitted,
    DemandSupplemented,
    DemandSuspended,
    DemandUnmerged,
    DemandWithdrawn,
    DuplicateSuggested,
    ErasureRequested,
    Event,
    EvidenceAttached,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    FollowUpOrdered,
    FollowUpRecorded,
    HandlerNamed,
    HistoryImported,
    MergeReceived,
    PartCompleted,
    PersonalDataErased,
    ProgressReported,
    ResolutionConfirmed,
    ResolutionDisputed,
    ServiceRecorded,
    SupervisionClosed,
    SupervisionOpened,
)
from libs.events.closing import OwnAct
from libs.events.timekeeping import Limit

_UNTOUCHED: Final = (DeadlinesSet, DeadlineWarned, DemandAssigned, ArbitrationOpened, DuplicateSuggested)
"""What the system adds by itself: an own act stays the latest thing anybody did."""


def evolve(state: DemandState, event: Event, *, version: int, at: datetime) -> DemandState:
    """Return the state after one event. `version` and `at` are those of its commit."""
    after = _folded(state, cast(DemandEvent, event), at)
    if state.own_act is not None and after.own_act is state.own_act and not isinstance(event, _UNTOUCHED):
        return replace(after, own_act=None, at=at)
    return after if after.at is at else replace(after, at=at)


def _folded(state: DemandState, fact: DemandEvent, at: datetime) -> DemandState:
    match fact:
        case DemandSubmitted():
            return _submitted(fact, at)
        case DemandAssigned():
            assignment = Assignment(fact.assignment, fact.node, AssignmentStatus.OPEN, fact.explanation.path != "candidate", at)
            return _given(state, assignment, at)
        case DeadlinesSet():
            return replace(state, deadlines={**state.deadlines, **fact.deadlines}, at=at)
        case AssignmentAccepted():
            accepted = _mark(_own(state, "accept", fact.assignment, fact.node, at), fact.assignment, AssignmentStatus.ACCEPTED)
            return replace(accepted, status=Status.IN_PROGRESS, deadlines=_without(state, "accept"))
        case ProgressReported():
            return _answered(state, fact.assignment)
        case ServiceRecorded():
            return replace(_answered(state, fact.assignment), services=state.services + 1)
        case DemandResolved():
            return _resolved(state, fact, at)
        case DemandClassified():
            status = Status.TRIAGE if state.status is Status.SUBMITTED else state.status
            return replace(state, category=fact.category, classification=fact.classification, status=status)
        case DemandCorrected():
            return _corrected(state, fact)
        case DemandSupplemented() | HistoryImported() | ResolutionConfirmed():
            return state
        case AssignmentReturned():
            returned = _mark(_own(state, "return", fact.assignment, fact.node, at), fact.assignment, AssignmentStatus.RETURNED)
            return _to_desk(replace(returned, returns=state.returns + 1), at)
        case AssignmentLapsed():
            return _to_desk(_mark(state, fact.assignment, AssignmentStatus.LAPSED), at)
        case AssignmentRecalled():
            return _to_desk(_mark(state, fact.assignment, AssignmentStatus.RECALLED), at)
        case DemandForwarded():
            forwarded = _mark(state, fact.assignment, AssignmentStatus.FORWARDED)
            return _given(forwarded, Assignment(fact.next, fact.to, AssignmentStatus.OPEN, False, at), at)
        case ArbitrationOpened():
            decides = Arbitration(fact.arbiter, fact.parties, fact.cause)
            return replace(_to_desk(_mark_held(state), at), arbitration=decides, holder=Holder(fact.arbiter, None, at))
        case AssignmentArbitrated():
            given = _given(state, Assignment(fact.assignment, fact.node, AssignmentStatus.OPEN, False, at, binding=True), at)
            return replace(given, arbitration=None, returns=0)
        case DemandWithdrawn() | DemandRefused():
            return _ended(state, Status.WITHDRAWN if isinstance(fact, DemandWithdrawn) else Status.REFUSED)
        case HandlerNamed():
            return _change(state, fact.assignment, handler=fact.handler, stand_in=fact.stand_in, absent_until=fact.absent_until)
        case EvidenceAttached():
            return replace(state, files={**state.files, fact.file: fact.side})
        case CompletionRequested():
            return replace(_answered(state, fact.assignment), status=Status.AWAITING_ENTERPRISE, paused_since=at)
        case DemandSuspended():
            return replace(state, status=Status.SUSPENDED, paused_since=at)
        case CompletionProvided():
            return state
        case DemandResumed():
            paused = state.paused_seconds + fact.paused_seconds
            deadlines = _without(state, "complete", "resume")
            return replace(state, status=Status.IN_PROGRESS, paused_since=None, paused_seconds=paused, deadlines=deadlines)
        case ExtensionRequested():
            return replace(state, extension=replace(state.extension, status=ExtensionStatus.REQUESTED, span=fact.span))
        case ExtensionGranted():
            granted = Extension(ExtensionStatus.GRANTED, state.extension.span, state.extension.granted + 1)
            return replace(state, extension=granted)
        case ExtensionRefused():
            return replace(state, extension=replace(state.extension, status=ExtensionStatus.REFUSED))
        case AssistanceRequested():
            asked = Assistance(fact.assistance, fact.assistant, AssistanceStatus.REQUESTED, fact.due)
            return replace(state, assistances=(*state.assistances, asked))
        case AssistanceAccepted():
            return _assistance(state, fact.assistance, AssistanceStatus.ACCEPTED)
        case AssistanceDeclined():
            return _assistance(state, fact.assistance, AssistanceStatus.DECLINED)
        case AssistanceDelivered():
            return _assistance(state, fact.assistance, AssistanceStatus.DELIVERED)
        case DeadlineWarned():
            return replace(state, deadlines=_without(state, "chase" if fact.chase else "warn"))
        case DeadlineMissed():
            return _missed(state, fact)
        case DemandEscalated():
            return replace(state, escalation=fact.level)
        case SupervisionOpened():
            return replace(state, supervisions=(*state.supervisions, Supervision(fact.supervision, fact.by)))
        case SupervisionClosed():
            changed = tuple(replace(s, closed=True) if s.id == fact.supervision else s for s in state.supervisions)
            still = any(not supervision.closed for supervision in changed)
            return replace(state, supervisions=changed, deadlines=state.deadlines if still else _without(state, "supervise"))
        case ResolutionDisputed():
            return replace(state, status=Status.DISPUTED, deadlines=_without(state, "confirm"))
        case DemandReopened():
            return _reopened(state, fact, at)
        case DemandClosed():
            kept: dict[Limit, Deadline] = {limit: due for limit, due in state.deadlines.items() if limit == "follow_up"}
            return replace(_ended(state, Status.CLOSED), outcome=fact.outcome, deadlines=kept)
        case FollowUpOrdered():
            return replace(state, follow_up=FollowUp.ORDERED)
        case FollowUpRecorded():
            return replace(state, follow_up=FollowUp.RECORDED, deadlines=_without(state, "follow_up"))
        case DemandRated():
            return replace(state, rated=fact.resolution)
        case ComplaintRaised():
            raised = Complaint(fact.complaint, fact.node, ComplaintStatus.RAISED)
            return replace(state, complaints=(*state.complaints, raised))
        case ComplaintVerified():
            return _complaint(state, fact.complaint, ComplaintStatus.VERIFIED)
        case ComplaintDismissed():
            return _complaint(state, fact.complaint, ComplaintStatus.DISMISSED)
        case DuplicateSuggested():
            return replace(state, suggested=state.suggested.union(like.demand for like in fact.suggestions))
        case DemandMerged():
            return replace(_ended(state, Status.MERGED), merged_into=fact.into)
        case MergeReceived():
            return replace(state, received=(*state.received, fact.demand))
        case DemandUnmerged():
            return replace(_triage(state, at), merged_into=None, returns=0)
        case DemandSplit():
            parts = tuple(SplitOff(part.part, part.demand) for part in fact.parts)
            return replace(state, parts=parts, join=fact.join)
        case PartCompleted():
            ended = tuple(replace(part, ended=fact.status) if part.part == fact.part else part for part in state.parts)
            return replace(state, parts=ended)
        case ActTakenBack():
            return _taken_back(state)
        case ErasureRequested():
            return replace(state, erasure_asked_by=fact.requested_by)
        case PersonalDataErased():
            return replace(state, erased=True, files={}, deadlines=_without(state, "follow_up", "reopen"))
        case _:
            assert_never(fact)


def _submitted(fact: DemandSubmitted, at: datetime) -> DemandState:
    return DemandState(
        status=Status.SUBMITTED,
        at=at,
        network=fact.network,
        party=fact.party,
        enterprise=fact.enterprise,
        key_id=fact.title.k,
        link=fact.link,
        desk=fact.desk,
        sample=fact.sample,
        submitted_at=fact.received_at or at,
        submitter_node=fact.submitter_node,
        parent=fact.parent,
        category=fact.category,
        region=fact.region,
        carrier=fact.carrier,
        industry=fact.industry,
        urgency=fact.urgency,
        holder=Holder(fact.desk, None, at),
    )


def _given(state: DemandState, assignment: Assignment, at: datetime) -> DemandState:
    return replace(
        state,
        status=Status.ASSIGNED,
        at=at,
        assignments=(*state.assignments, assignment),
        holder=Holder(assignment.node, assignment.id, at),
        deadlines=_without(state, "arbitrate", "accept", "return"),
    )


def _corrected(state: DemandState, event: DemandCorrected) -> DemandState:
    return replace(
        state,
        enterprise=event.enterprise or state.enterprise,
        category=event.category or state.category,
        region=event.region or state.region,
        carrier=event.carrier or state.carrier,
        industry=event.industry or state.industry,
        urgency=event.urgency or state.urgency,
    )


def _answered(state: DemandState, assignment: str) -> DemandState:
    return replace(_change(state, assignment, answered=True), deadlines=_without(state, "answer"))


def _resolved(state: DemandState, fact: DemandResolved, at: datetime) -> DemandState:
    own = _mark(_own(state, "resolve", fact.assignment, fact.node, at), fact.assignment, AssignmentStatus.RESOLVED)
    helping = tuple(replace(a, status=AssistanceStatus.ENDED) if a.status in ASSISTING else a for a in state.assistances)
    return replace(
        own,
        status=Status.RESOLVED,
        assistances=helping,
        deadlines={},
        resolutions=state.resolutions + 1,
        resolved_by=fact.node,
        resolved_assignment=fact.assignment,
        paused_since=None,
    )


def _reopened(state: DemandState, fact: DemandReopened, at: datetime) -> DemandState:
    fresh = replace(state, deadlines={}, missed=frozenset(), escalation=0, outcome=None, extension=Extension(), follow_up=FollowUp.NONE)
    held = state.assignment(fact.assignment) if fact.assignment is not None else None
    if held is None:
        return replace(_triage(fresh, at), returns=0)
    again = _mark(fresh, held.id, AssignmentStatus.ACCEPTED)
    return replace(again, status=Status.IN_PROGRESS, holder=Holder(held.node, held.id, at))


def _taken_back(state: DemandState) -> DemandState:
    own = state.own_act
    if own is None:
        return state
    later = tuple(
        replace(a, status=AssignmentStatus.RECALLED) if a.status in HELD else a for a in state.assignments[len(own.assignments) :]
    )
    return replace(
        state,
        status=own.status,
        holder=own.holder,
        assignments=(*own.assignments, *later),
        assistances=own.assistances,
        deadlines=own.deadlines,
        arbitration=None,
        returns=max(state.returns - (own.act == "return"), 0),
        resolutions=state.resolutions - (own.act == "resolve"),
        own_act=None,
    )


def _missed(state: DemandState, fact: DeadlineMissed) -> DemandState:
    if fact.assistance is not None:
        late = tuple(replace(a, missed=True) if a.id == fact.assistance else a for a in state.assistances)
        return replace(state, assistances=late, missed=state.missed | {fact.limit})
    return replace(state, missed=state.missed | {fact.limit}, deadlines=_without(state, fact.limit))


def _own(state: DemandState, act: OwnAct, assignment: str, node: str, at: datetime) -> DemandState:
    """Remember all that stood before a node's own act."""
    assert state.status is not None
    before = OwnActDone(act, assignment, node, at, state.status, state.holder, state.assignments, state.deadlines, state.assistances)
    return replace(state, own_act=before)


def _mark(state: DemandState, assignment: str, status: AssignmentStatus) -> DemandState:
    return _change(state, assignment, status=status)


def _change(state: DemandState, assignment: str, **changes: object) -> DemandState:
    changed = tuple(replace(a, **changes) if a.id == assignment else a for a in state.assignments)  # type: ignore[arg-type]
    return replace(state, assignments=changed)


def _assistance(state: DemandState, assistance: str, status: AssistanceStatus) -> DemandState:
    return replace(state, assistances=tuple(replace(a, status=status) if a.id == assistance else a for a in state.assistances))


def _complaint(state: DemandState, complaint: str, status: ComplaintStatus) -> DemandState:
    return replace(state, complaints=tuple(replace(c, status=status) if c.id == complaint else c for c in state.complaints))


def _without(state: DemandState, *limits: Limit) -> Mapping[Limit, Deadline]:
    if not any(limit in state.deadlines for limit in limits):
        return state.deadlines
    return {limit: deadline for limit, deadline in state.deadlines.items() if limit not in limits}


def _triage(state: DemandState, at: datetime) -> DemandState:
    deadlines = _without(state, "accept", "return", "complete", "resume", "arbitrate")
    return replace(
        state, status=Status.TRIAGE, holder=Holder(state.desk, None, at), deadlines=deadlines, paused_since=None, arbitration=None
    )


def _to_desk(state: DemandState, at: datetime) -> DemandState:
    ending = tuple(replace(a, status=AssistanceStatus.ENDED) if a.status in ASSISTING else a for a in state.assistances)
    return replace(_triage(state, at), assistances=ending)


def _mark_held(state: DemandState) -> DemandState:
    """Whoever holds it loses it."""
    recalled = tuple(replace(a, status=AssignmentStatus.RECALLED) if a.status in HELD else a for a in state.assignments)
    return replace(state, assignments=recalled)


def _ended(state: DemandState, status: Status) -> DemandState:
    helping = tuple(replace(a, status=AssistanceStatus.ENDED) if a.status in ASSISTING else a for a in state.assistances)
    return replace(
        _mark_held(state),
        status=status,
        holder=None,
        deadlines={},
        paused_since=None,
        arbitration=None,
        assistances=helping,
    )
