"""The tracker's domain: how each event changes a demand's row. Pure; there are no commands, the tracker only reads.

Knows no database, no key and no clock. `project.py` folds commits with it. Status, holder and `due` are always those of
`libs.demand.evolve`; a property test compares the two folds.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, assert_never, cast

from pydantic_core import from_json, to_json

from libs.demand import Status
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
    Commit,
    ComplaintDismissed,
    ComplaintRaised,
    ComplaintVerified,
    CompletionProvided,
    CompletionRequested,
    Corrupt,
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
from services.tracker.demand_row import NEXT_STEPS, DemandRow, NextStep, due_of

__all__ = ["NEXT_STEPS", "DemandRow", "NextStep", "due_of", "evolve"]

_DUE: Final[dict[Limit, str]] = {"resolve": "due_resolve", "complete": "due_complete", "confirm": "due_confirm", "dispute": "due_dispute"}
_NOTHING_DUE: Final[dict[str, Any]] = {**dict.fromkeys(_DUE.values()), "overdue_since": None}
_NOT_HELD: Final[dict[str, Any]] = {"arbiter": None, "handler": None, "assistants": ()}
_MOMENTS: Final = ("holder_since", "resolved_at", "overdue_since", *_DUE.values())
_UNDONE: Final = (
    "status",
    "holder_node",
    "holder_assignment",
    "handler",
    "assistants",
    "arbiter",
    "extension",
    "returns",
    "follow_up",
    "resolved_by",
    "resolved_assignment",
    *_MOMENTS,
)
"""Members an own act, and what the system adds to it, may change: taking it back restores them."""

_UNTOUCHED: Final = frozenset(
    {DeadlinesSet, DeadlineWarned, DemandAssigned, ArbitrationOpened, DuplicateSuggested, FollowUpOrdered, PartCompleted, PartReopened}
)
"""What the system adds by itself: an own act stays the latest thing anybody did."""
_OWN_ACTS: Final = frozenset({AssignmentAccepted, AssignmentReturned, DemandResolved})
"""Asked by exact type: `isinstance` of a pydantic model costs ten times as much, and a rebuild asks for every event."""


def evolve(row: DemandRow | None, event: Event, *, commit: Commit, cell: str) -> DemandRow:
    """Return the row after one event of a commit. Raises Corrupt when the history does not begin with DemandSubmitted."""
    fact = cast(DemandEvent, event)
    if type(fact) is DemandSubmitted:
        return _submitted(fact, commit, cell)
    if row is None:
        raise Corrupt(f"{commit.entity}: {type(event).__name__} before DemandSubmitted")
    after = _folded(row, fact, commit.at)
    if type(fact) in _OWN_ACTS:
        return after.but(undo=_before(row))
    return after if after.undo is None or type(fact) in _UNTOUCHED else after.but(undo=None)


def _folded(row: DemandRow, fact: DemandEvent, at: datetime) -> DemandRow:
    match fact:
        case DeadlinesSet():
            return _promised(row, fact)
        case DemandAssigned():
            return _given(row, fact.node, fact.assignment, at)
        case AssignmentAccepted():
            return row.but(status="in_progress")
        case ProgressReported() | DemandSupplemented() | ServiceRecorded() | EvidenceAttached() | CompletionProvided():
            return row
        case DemandResolved():
            return row.but(
                status="resolved",
                resolved_by=fact.node,
                resolved_assignment=fact.assignment,
                resolved_at=at,
                assistants=(),
                **_NOTHING_DUE,
            )
        case DemandClassified():
            status = "triage" if row.status == Status.SUBMITTED else row.status
            return row.but(category=fact.category, classified_by=fact.by, status=status)
        case DemandCorrected():
            return _corrected(row, fact)
        case AssignmentReturned():
            return _to_desk(row, at).but(returns=row.returns + 1)
        case AssignmentLapsed() | AssignmentRecalled():
            return _to_desk(row, at)
        case DemandForwarded():
            return _given(_left(row), fact.to, fact.next, at)
        case ArbitrationOpened():
            return _held_by(_to_desk(row, at), fact.arbiter, None, at).but(arbiter=fact.arbiter)
        case AssignmentArbitrated():
            return _given(row, fact.node, fact.assignment, at).but(arbiter=None)
        case ResolutionConfirmed() | MergeReceived() | DemandSplit() | PartCompleted() | PartReopened():
            return row
        case ErasureRequested() | AssistanceAccepted():
            return row
        case DemandClosed():
            return _ended(row, "closed").but(outcome=fact.outcome)
        case DemandRated():
            return row.but(rating=fact.grade)
        case HandlerNamed():
            return row.but(handler=fact.handler) if fact.assignment == row.holder_assignment else row
        case CompletionRequested():
            return row.but(status="awaiting_enterprise")
        case DemandSuspended():
            return row.but(status="suspended")
        case DemandResumed():
            return row.but(status="in_progress", due_complete=None)
        case DeadlineWarned() | DemandSubmitted():
            return row
        case DeadlineMissed():
            return _missed(row, fact)
        case DemandEscalated():
            return _known_to(row, fact.to).but(escalation=fact.level, escalated_to=fact.to)
        case ExtensionRequested():
            return row.but(extension="requested")
        case ExtensionGranted():
            return row.but(extension="granted")
        case ExtensionRefused():
            return row.but(extension="refused")
        case AssistanceRequested():
            return _known_to(row, fact.assistant).but(assistants=(*row.assistants, fact.assistant))
        case AssistanceDeclined() | AssistanceDelivered():
            return row.but(assistants=_without(row.assistants, fact.assistant))
        case SupervisionOpened():
            return row.but(supervisions=row.supervisions + 1)
        case SupervisionClosed():
            return row.but(supervisions=max(row.supervisions - 1, 0))
        case ResolutionDisputed():
            return row.but(status="disputed", due_confirm=None)
        case DemandReopened():
            return _reopened(row, fact, at)
        case FollowUpOrdered():
            return row.but(follow_up="ordered")
        case FollowUpRecorded():
            return row.but(follow_up=row.follow_up if fact.again else "recorded", mismatches=row.mismatches + fact.mismatch)
        case ComplaintRaised():
            return row.but(complaints_open=row.complaints_open + 1)
        case ComplaintVerified():
            return row.but(complaints_open=max(row.complaints_open - 1, 0), complaints_verified=row.complaints_verified + 1)
        case ComplaintDismissed():
            return row.but(complaints_open=max(row.complaints_open - 1, 0))
        case DuplicateSuggested():
            return row.but(duplicates=row.duplicates + len(fact.suggestions))
        case DemandWithdrawn() | DemandRefused():
            return _ended(row, "withdrawn" if isinstance(fact, DemandWithdrawn) else "refused")
        case DemandMerged():
            # What was promised to the enterprise stands again if the merge is undone.
            kept: dict[str, Any] = {"due_resolve": row.due_resolve, "overdue_since": row.overdue_since}
            return _ended(row, "merged").but(merged_into=fact.into, **kept)
        case DemandUnmerged():
            return _triage(row, at).but(merged_into=None)
        case HistoryImported():
            return row.but(imported=True)
        case ActTakenBack():
            return _taken_back(row)
        case PersonalDataErased():
            return row.but(erased=True)
        case _:
            assert_never(fact)


def _submitted(event: DemandSubmitted, commit: Commit, cell: str) -> DemandRow:
    nodes = (event.desk,) if event.submitter_node in (None, event.desk) else (event.desk, event.submitter_node or "")
    return DemandRow(
        id=commit.entity,
        network=event.network,
        cell=cell,
        version=0,
        status="submitted",
        category=event.category,
        region=event.region,
        carrier=event.carrier,
        industry=event.industry,
        urgency=event.urgency,
        channel=event.channel,
        party=event.party,
        enterprise=event.enterprise,
        partner_ref=event.partner_ref,
        holder_node=event.desk,
        holder_assignment=None,
        holder_since=commit.at,
        nodes=nodes,
        assignments=0,
        returns=0,
        submitted_at=commit.at,
        updated_at=commit.at,
        last_seq=0,
        sample=event.sample,
        received_at=event.received_at,
        parent=event.parent,
        link=event.link,
    )


def _promised(row: DemandRow, fact: DeadlinesSet) -> DemandRow:
    found: dict[str, Any] = {_DUE[limit]: deadline.at for limit, deadline in fact.deadlines.items() if limit in _DUE}
    if "due_resolve" in found:
        found["overdue_since"] = None
    return row.but(**found) if found else row


def _missed(row: DemandRow, fact: DeadlineMissed) -> DemandRow:
    found: dict[str, Any] = {"missed": row.missed + 1}
    if fact.assistance is None and fact.limit in _DUE:
        found[_DUE[fact.limit]] = None
    if fact.limit == "resolve":
        found["overdue_since"] = fact.due
    return row.but(**found)


def _given(row: DemandRow, node: str, assignment: str, at: datetime) -> DemandRow:
    return _held_by(row, node, assignment, at).but(status="assigned", assignments=row.assignments + 1)


def _corrected(row: DemandRow, fact: DemandCorrected) -> DemandRow:
    return row.but(
        enterprise=fact.enterprise or row.enterprise,
        category=fact.category or row.category,
        region=fact.region or row.region,
        carrier=fact.carrier or row.carrier,
        industry=fact.industry or row.industry,
        urgency=fact.urgency or row.urgency,
    )


def _triage(row: DemandRow, at: datetime) -> DemandRow:
    return row.but(
        status="triage", holder_node=row.desk, holder_assignment=None, holder_since=at, handler=None, arbiter=None, due_complete=None
    )


def _to_desk(row: DemandRow, at: datetime) -> DemandRow:
    return _left(_triage(row, at))


def _left(row: DemandRow) -> DemandRow:
    """The node in charge goes, and with it what it had asked of others."""
    return row.but(assistants=(), extension="none" if row.extension == "requested" else row.extension)


def _ended(row: DemandRow, status: str) -> DemandRow:
    return row.but(status=status, holder_node=None, holder_assignment=None, holder_since=None, **_NOT_HELD, **_NOTHING_DUE)


def _reopened(row: DemandRow, fact: DemandReopened, at: datetime) -> DemandRow:
    fresh = row.but(
        outcome=None,
        extension="none",
        follow_up="none",
        escalation=0,
        escalated_to=None,
        resolved_at=None,
        reopened=row.reopened + 1,
        **_NOTHING_DUE,
    )
    if fact.assignment is None or fact.assignment != row.resolved_assignment or row.resolved_by is None:
        return _triage(fresh, at)
    return _held_by(fresh, row.resolved_by, fact.assignment, at).but(status="in_progress")


def _taken_back(row: DemandRow) -> DemandRow:
    """All stands as before the act; whoever got to know the demand since still knows it."""
    if row.undo is None:
        return row
    before = dict(zip(_UNDONE, from_json(row.undo), strict=True))
    for name in _MOMENTS:
        before[name] = datetime.fromisoformat(before[name]) if before[name] is not None else None
    return row.but(**{**before, "assistants": tuple(before["assistants"])})


def _before(row: DemandRow) -> str:
    return to_json([getattr(row, name) for name in _UNDONE]).decode()


def _known_to(row: DemandRow, node: str) -> DemandRow:
    return row if node in row.nodes else row.but(nodes=(*row.nodes, node))


def _held_by(row: DemandRow, node: str, assignment: str | None, since: datetime) -> DemandRow:
    nodes = row.nodes if node in row.nodes else (*row.nodes, node)
    return row.but(holder_node=node, holder_assignment=assignment, holder_since=since, nodes=nodes, handler=None)


def _without(nodes: tuple[str, ...], node: str) -> tuple[str, ...]:
    """One mention less: a node may assist twice."""
    if node not in nodes:
        return nodes
    place = nodes.index(node)
    return (*nodes[:place], *nodes[place + 1 :])
