"""Fold events into the demand's state. Holds no rule and never raises."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final, assert_never, cast

from libs.demand.changing import assignment_changed, assistance_in, changed, complaint_in, deadlines_without
from libs.demand.deadlines import elapsed_in_pause
from libs.demand.state import (
    INITIAL,
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
    SplitOff,
    Status,
    Supervision,
)
from libs.demand.turns import assistances_over, ended, given, held_by_nobody, left, marked, remembering, taken_back, to_desk, to_triage
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
    PartReopened,
    PersonalDataErased,
    ProgressReported,
    ResolutionConfirmed,
    ResolutionDisputed,
    ServiceRecorded,
    SupervisionClosed,
    SupervisionOpened,
)
from libs.events.timekeeping import Limit

_UNTOUCHED: Final = (
    *(DeadlinesSet, DeadlineWarned, DemandAssigned, ArbitrationOpened, DuplicateSuggested, FollowUpOrdered),
    *(PartCompleted, PartReopened),
)
"""What the system adds by itself: an own act stays the latest thing anybody did."""

_PROMISES: Final[frozenset[Limit]] = frozenset({"answer", "resolve"})


def evolve(state: DemandState, event: Event, *, version: int, at: datetime) -> DemandState:
    """Return the state after one event. `version` and `at` are those of its commit."""
    after = _folded(state, cast(DemandEvent, event), version, at)
    if state.own_act is not None and after.own_act is state.own_act and not isinstance(event, _UNTOUCHED):
        return changed(after, own_act=None, at=at)
    return after if after.at is at else changed(after, at=at)


def _folded(state: DemandState, fact: DemandEvent, version: int, at: datetime) -> DemandState:
    match fact:
        case DemandSubmitted():
            return _submitted(fact, at)
        case DemandAssigned():
            assignment = Assignment(fact.assignment, fact.node, AssignmentStatus.OPEN, fact.explanation.path != "candidate", at)
            return given(state, assignment, at)
        case DeadlinesSet():
            return _promised(state, fact, at)
        case AssignmentAccepted():
            accepted = marked(remembering(state, "accept", fact.assignment, fact.node, at), fact.assignment, AssignmentStatus.ACCEPTED)
            return changed(accepted, status=Status.IN_PROGRESS, deadlines=deadlines_without(state, "accept"))
        case ProgressReported():
            answered = _answered(state, fact.assignment)
            return changed(answered, deadlines=deadlines_without(answered, "supervise"))
        case ServiceRecorded():
            return changed(_answered(state, fact.assignment), services=state.services + 1)
        case DemandResolved():
            return _resolved(state, fact, version, at)
        case DemandClassified():
            status = Status.TRIAGE if state.status is Status.SUBMITTED else state.status
            return changed(state, category=fact.category, classification=fact.classification, status=status)
        case DemandCorrected():
            return _corrected(state, fact)
        case DemandSupplemented():
            return changed(state, supplements=state.supplements + 1)
        case HistoryImported() | CompletionProvided() | ResolutionConfirmed():
            return state
        case AssignmentReturned():
            returned = marked(remembering(state, "return", fact.assignment, fact.node, at), fact.assignment, AssignmentStatus.RETURNED)
            return to_desk(changed(returned, returns=state.returns + 1), at)
        case AssignmentLapsed():
            return to_desk(marked(state, fact.assignment, AssignmentStatus.LAPSED), at)
        case AssignmentRecalled():
            return to_desk(marked(state, fact.assignment, AssignmentStatus.RECALLED), at)
        case DemandForwarded():
            passed_on = state.assignment(fact.assignment)
            returns = state.returns + (passed_on is not None and passed_on.unwanted)
            forwarded = changed(left(marked(state, fact.assignment, AssignmentStatus.FORWARDED)), returns=returns)
            return given(forwarded, Assignment(fact.next, fact.to, AssignmentStatus.OPEN, False, at), at)
        case ArbitrationOpened():
            decides = Arbitration(fact.arbiter, fact.parties, fact.cause)
            return changed(to_desk(held_by_nobody(state), at), arbitration=decides, holder=Holder(fact.arbiter, None, at))
        case AssignmentArbitrated():
            arbitrated = given(state, Assignment(fact.assignment, fact.node, AssignmentStatus.OPEN, False, at, binding=True), at)
            return changed(arbitrated, arbitration=None, returns=0)
        case DemandWithdrawn() | DemandRefused():
            return ended(state, Status.WITHDRAWN if isinstance(fact, DemandWithdrawn) else Status.REFUSED)
        case HandlerNamed():
            return assignment_changed(state, fact.assignment, handler=fact.handler, stand_in=fact.stand_in, absent_until=fact.absent_until)
        case EvidenceAttached():
            return _attached(state, fact)
        case CompletionRequested():
            return changed(_answered(state, fact.assignment), status=Status.AWAITING_ENTERPRISE, paused_since=at)
        case DemandSuspended():
            return changed(state, status=Status.SUSPENDED, paused_since=at)
        case DemandResumed():
            return changed(
                state,
                status=Status.IN_PROGRESS,
                paused_since=None,
                paused_seconds=state.paused_seconds + fact.paused_seconds,
                paused_elapsed=state.paused_elapsed + elapsed_in_pause(state, at),
                deadlines=deadlines_without(state, "complete", "resume"),
            )
        case ExtensionRequested():
            return changed(state, extension=replace(state.extension, status=ExtensionStatus.REQUESTED, span=fact.span, person=fact.person))
        case ExtensionGranted():
            return changed(state, extension=Extension(ExtensionStatus.GRANTED, state.extension.span, state.extension.granted + 1))
        case ExtensionRefused():
            return changed(state, extension=replace(state.extension, status=ExtensionStatus.REFUSED))
        case AssistanceRequested():
            asked = Assistance(fact.assistance, fact.assistant, AssistanceStatus.REQUESTED, fact.due)
            return changed(state, assistances=(*state.assistances, asked))
        case AssistanceAccepted():
            return assistance_in(state, fact.assistance, AssistanceStatus.ACCEPTED)
        case AssistanceDeclined():
            return assistance_in(state, fact.assistance, AssistanceStatus.DECLINED)
        case AssistanceDelivered():
            return assistance_in(state, fact.assistance, AssistanceStatus.DELIVERED)
        case DeadlineWarned():
            return changed(state, deadlines=deadlines_without(state, "chase" if fact.chase else "warn"))
        case DeadlineMissed():
            return _missed(state, fact)
        case DemandEscalated():
            return changed(state, escalation=fact.level)
        case SupervisionOpened():
            return changed(state, supervisions=(*state.supervisions, Supervision(fact.supervision, fact.by)))
        case SupervisionClosed():
            supervisions = tuple(replace(s, closed=True) if s.id == fact.supervision else s for s in state.supervisions)
            still = any(not supervision.closed for supervision in supervisions)
            return changed(state, supervisions=supervisions, deadlines=state.deadlines if still else deadlines_without(state, "supervise"))
        case ResolutionDisputed():
            return changed(state, status=Status.DISPUTED, deadlines=deadlines_without(state, "confirm"))
        case DemandReopened():
            return _reopened(state, fact, at)
        case DemandClosed():
            return changed(ended(state, Status.CLOSED, "follow_up"), outcome=fact.outcome)
        case FollowUpOrdered():
            return changed(state, follow_up=FollowUp.ORDERED)
        case FollowUpRecorded() if fact.again:
            return changed(state, unreached=state.unreached + 1)
        case FollowUpRecorded():
            return changed(state, follow_up=FollowUp.RECORDED, deadlines=deadlines_without(state, "follow_up"))
        case DemandRated():
            return changed(state, rated=fact.resolution)
        case ComplaintRaised():
            return changed(state, complaints=(*state.complaints, Complaint(fact.complaint, fact.node, ComplaintStatus.RAISED)))
        case ComplaintVerified() | ComplaintDismissed():
            verified = isinstance(fact, ComplaintVerified)
            return complaint_in(state, fact.complaint, ComplaintStatus.VERIFIED if verified else ComplaintStatus.DISMISSED)
        case DuplicateSuggested():
            return changed(state, suggested=state.suggested.union(like.demand for like in fact.suggestions))
        case DemandMerged():
            # What was promised to the enterprise stands again if the merge is undone.
            return changed(ended(state, Status.MERGED, "answer", "resolve", "warn", "chase"), merged_into=fact.into)
        case MergeReceived():
            return changed(state, received=(*state.received, fact.demand))
        case DemandUnmerged():
            return changed(to_triage(state, at), merged_into=None, returns=0)
        case DemandSplit():
            return changed(state, parts=tuple(SplitOff(part.part, part.demand) for part in fact.parts), join=fact.join)
        case PartCompleted() | PartReopened():
            over = fact.status if isinstance(fact, PartCompleted) else None
            return changed(state, parts=tuple(replace(part, ended=over) if part.part == fact.part else part for part in state.parts))
        case ActTakenBack():
            return taken_back(state)
        case ErasureRequested():
            return changed(state, erasure_asked_by=fact.requested_by)
        case PersonalDataErased():
            return changed(
                state, erased=True, files={}, files_of_both=frozenset(), deadlines=deadlines_without(state, "follow_up", "reopen")
            )
        case _:
            assert_never(fact)


def _submitted(fact: DemandSubmitted, at: datetime) -> DemandState:
    return changed(
        INITIAL,
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


def _promised(state: DemandState, fact: DeadlinesSet, at: datetime) -> DemandState:
    """The pack of a demand is that of its promises to the enterprise; what is set beside them changes nothing about those."""
    beside = _PROMISES.isdisjoint(fact.deadlines) and not _PROMISES.isdisjoint(state.deadlines)
    return changed(state, deadlines={**state.deadlines, **fact.deadlines}, clocks=state.clocks if beside else fact.clocks, at=at)


def _corrected(state: DemandState, event: DemandCorrected) -> DemandState:
    return changed(
        state,
        corrections=state.corrections + 1,
        enterprise=event.enterprise or state.enterprise,
        category=event.category or state.category,
        region=event.region or state.region,
        carrier=event.carrier or state.carrier,
        industry=event.industry or state.industry,
        urgency=event.urgency or state.urgency,
    )


def _attached(state: DemandState, fact: EvidenceAttached) -> DemandState:
    """A file is of the side that brought it first, however often the other one uploads it."""
    first = state.files.get(fact.file)
    if first not in (None, fact.side):
        return changed(state, files_of_both=state.files_of_both | {fact.file})
    return changed(state, files={**state.files, fact.file: fact.side})


def _answered(state: DemandState, assignment: str) -> DemandState:
    return changed(assignment_changed(state, assignment, answered=True), deadlines=deadlines_without(state, "answer"))


def _resolved(state: DemandState, fact: DemandResolved, version: int, at: datetime) -> DemandState:
    own = marked(remembering(state, "resolve", fact.assignment, fact.node, at), fact.assignment, AssignmentStatus.RESOLVED)
    return changed(
        own,
        status=Status.RESOLVED,
        assistances=assistances_over(state),
        deadlines={},
        resolutions=state.resolutions + 1,
        resolved_by=fact.node,
        resolved_assignment=fact.assignment,
        resolved_person=fact.person,
        resolved_version=version,
        hands=state.hands if fact.person is None else state.hands | {(fact.node, fact.person)},
        paused_since=None,
    )


def _reopened(state: DemandState, fact: DemandReopened, at: datetime) -> DemandState:
    fresh = changed(
        state,
        deadlines={},
        missed=frozenset(),
        escalation=0,
        outcome=None,
        extension=Extension(),
        follow_up=FollowUp.NONE,
        unreached=0,
        services=0,
    )
    held = state.assignment(fact.assignment or "")
    if held is None:
        return changed(to_triage(fresh, at), returns=0)
    again = marked(fresh, held.id, AssignmentStatus.ACCEPTED)
    return changed(again, status=Status.IN_PROGRESS, holder=Holder(held.node, held.id, at))


def _missed(state: DemandState, fact: DeadlineMissed) -> DemandState:
    if fact.assistance is not None:
        late = tuple(replace(a, missed=True) if a.id == fact.assistance else a for a in state.assistances)
        return changed(state, assistances=late, missed=state.missed | {fact.limit})
    return changed(state, missed=state.missed | {fact.limit}, deadlines=deadlines_without(state, fact.limit))
