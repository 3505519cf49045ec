"""Whose turn it is: assignments given, recalled and taken back, and what goes with the node that leaves. Steps of `evolve`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from libs.demand.changing import assignment_changed, changed, deadlines_without
from libs.demand.state import (
    ASSISTING,
    HELD,
    Assignment,
    AssignmentStatus,
    Assistance,
    AssistanceStatus,
    DemandState,
    Extension,
    ExtensionStatus,
    Holder,
    OwnActDone,
    Status,
)
from libs.events.closing import OwnAct
from libs.events.timekeeping import Limit


def given(state: DemandState, assignment: Assignment, at: datetime) -> DemandState:
    """Give the demand to a node by a new assignment; it is the holder from now on."""
    return changed(
        state,
        status=Status.ASSIGNED,
        at=at,
        assignments=(*state.assignments, assignment),
        holder=Holder(assignment.node, assignment.id, at),
        deadlines=deadlines_without(state, "arbitrate", "accept", "return"),
    )


def marked(state: DemandState, assignment: str, status: AssignmentStatus) -> DemandState:
    """Copy a state with one assignment in another status."""
    return assignment_changed(state, assignment, status=status)


def to_triage(state: DemandState, at: datetime) -> DemandState:
    """Put the demand back to where it waits for an assignment; the desk holds it."""
    deadlines = deadlines_without(state, "accept", "return", "complete", "resume", "arbitrate")
    return changed(
        state, status=Status.TRIAGE, holder=Holder(state.desk, None, at), deadlines=deadlines, paused_since=None, arbitration=None
    )


def to_desk(state: DemandState, at: datetime) -> DemandState:
    """Take the demand from the node that had it and let it wait at the desk."""
    return left(to_triage(state, at))


def left(state: DemandState) -> DemandState:
    """End what the node that leaves had asked of others: its assistances, and an extension not decided yet."""
    extension = state.extension
    if extension.status is ExtensionStatus.REQUESTED:
        extension = Extension(granted=extension.granted)
    return changed(state, assistances=assistances_over(state), extension=extension)


def assistances_over(state: DemandState) -> tuple[Assistance, ...]:
    """The assistances, ended where they were still under way."""
    if not any(assistance.status in ASSISTING for assistance in state.assistances):
        return state.assistances
    return tuple(replace(a, status=AssistanceStatus.ENDED) if a.status in ASSISTING else a for a in state.assistances)


def held_by_nobody(state: DemandState) -> DemandState:
    """Recall every assignment that is still held."""
    recalled = tuple(replace(a, status=AssignmentStatus.RECALLED) if a.status in HELD else a for a in state.assignments)
    return changed(state, assignments=recalled)


def ended(state: DemandState, status: Status, *kept: Limit) -> DemandState:
    """End the demand in this status: nobody holds it, and only the deadlines named stay."""
    return changed(
        held_by_nobody(state),
        status=status,
        holder=None,
        deadlines={limit: deadline for limit, deadline in state.deadlines.items() if limit in kept},
        paused_since=None,
        arbitration=None,
        assistances=assistances_over(state),
    )


def remembering(state: DemandState, act: OwnAct, assignment: str, node: str, at: datetime) -> DemandState:
    """Remember all that stood before a node's own act."""
    return changed(state, own_act=OwnActDone(act, assignment, node, at, changed(state, own_act=None)))


def taken_back(state: DemandState) -> DemandState:
    """Let all stand as before the own act; whoever got the demand since loses it again."""
    if state.own_act is None:
        return state
    before = state.own_act.before
    later = tuple(
        replace(a, status=AssignmentStatus.RECALLED) if a.status in HELD else a for a in state.assignments[len(before.assignments) :]
    )
    return changed(before, assignments=(*before.assignments, *later), suggested=state.suggested, parts=state.parts)
