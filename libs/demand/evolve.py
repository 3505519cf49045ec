"""Fold events into the demand's state. Holds no rule and never raises."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never, cast

from libs.demand.state import Assignment, AssignmentStatus, DemandState, Holder, Status
from libs.events import (
    AssignmentAccepted,
    AssignmentRecalled,
    AssignmentReturned,
    DemandAssigned,
    DemandClassified,
    DemandCorrected,
    DemandEvent,
    DemandResolved,
    DemandSubmitted,
    DemandSupplemented,
    DemandWithdrawn,
    Event,
    ProgressReported,
)


def evolve(state: DemandState, event: Event, *, version: int, at: datetime) -> DemandState:
    """Return the state after one event. `version` and `at` are those of its commit."""
    fact = cast(DemandEvent, event)
    match fact:
        case DemandSubmitted():
            return DemandState(
                status=Status.SUBMITTED,
                network=fact.network,
                party=fact.party,
                enterprise=fact.enterprise,
                key_id=fact.title.k,
                desk=fact.desk,
                sample=fact.sample,
                category=fact.category,
                region=fact.region,
                carrier=fact.carrier,
                industry=fact.industry,
                urgency=fact.urgency,
                holder=Holder(fact.desk, None, at),
            )
        case DemandClassified():
            return replace(state, category=fact.category, classification=fact.classification, status=Status.TRIAGE)
        case DemandCorrected():
            return _corrected(state, fact)
        case DemandAssigned():
            assignment = Assignment(fact.assignment, fact.node, AssignmentStatus.OPEN, fact.explanation.path != "candidate", at)
            return replace(
                state,
                status=Status.ASSIGNED,
                assignments=(*state.assignments, assignment),
                holder=Holder(fact.node, fact.assignment, at),
            )
        case AssignmentAccepted():
            return replace(_mark(state, fact.assignment, AssignmentStatus.ACCEPTED), status=Status.IN_PROGRESS)
        case AssignmentReturned():
            return _to_desk(_mark(state, fact.assignment, AssignmentStatus.RETURNED), at)
        case AssignmentRecalled():
            return _to_desk(_mark(state, fact.assignment, AssignmentStatus.RECALLED), at)
        case DemandResolved():
            return replace(_mark(state, fact.assignment, AssignmentStatus.RESOLVED), status=Status.RESOLVED)
        case DemandWithdrawn():
            return replace(state, status=Status.WITHDRAWN, holder=None)
        case DemandSupplemented() | ProgressReported():
            return state
        case _:
            assert_never(fact)


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


def _mark(state: DemandState, assignment: str, status: AssignmentStatus) -> DemandState:
    return replace(state, assignments=tuple(replace(a, status=status) if a.id == assignment else a for a in state.assignments))


def _to_desk(state: DemandState, at: datetime) -> DemandState:
    return replace(state, status=Status.TRIAGE, holder=Holder(state.desk, None, at))
