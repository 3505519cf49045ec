"""Duplicates 重复, merging 合并 and splitting 拆分.

Only the younger demand merges into the older, by one commit there; the router then lets the older know (MergeReceived), or undoes the
merge if the older has ended. A→B racing B→A cannot both happen, because one of the two is the older. A part of a split is a demand of
its own; the splitter holds the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from libs.demand import WORKING, DemandState, Standing, Status, Timing, require_allowed
from libs.demand.draft import Draft, Events
from libs.events import (
    AssignmentRecalled,
    DemandMerged,
    DemandSplit,
    DemandUnmerged,
    DuplicateSuggested,
    Likeness,
    MergeReceived,
    PartCompleted,
    PartReopened,
    Refused,
    Sealed,
    SplitPart,
)
from libs.events.assisting import JoinRule, UnmergeReason
from services.router.rules.holding import held

MOST_PARTS = 8
"""Parts one demand may be split into."""


@dataclass(frozen=True, slots=True)
class SuggestDuplicates:
    """The system found older demands that look alike."""

    suggestions: tuple[Likeness, ...]


@dataclass(frozen=True, slots=True)
class MergeDemand:
    """A person merges this demand into an older one of the same enterprise; `target` is that one as it stands."""

    demand: str
    into: str
    target: DemandState
    by: Standing
    timing: Timing
    note: Sealed | None = None


@dataclass(frozen=True, slots=True)
class UnmergeDemand:
    """A person, or the system because the older demand ended without an answer, undoes the merge.

    `into`: the older demand that ended. News of it may come when the merge it is about is undone already, and another one stands.
    """

    reason: UnmergeReason
    by: Standing | None
    into: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiveMerge:
    """The system lets the older demand know."""

    demand: str


@dataclass(frozen=True, slots=True)
class SplitDemand:
    """The holder splits the demand; the ids of the parts are derived from the whole."""

    assignment: str
    by: Standing
    join: JoinRule
    parts: tuple[SplitPart, ...]


@dataclass(frozen=True, slots=True)
class CompletePart:
    """The system lets the whole know that a part has ended."""

    demand: str
    status: Literal["closed", "withdrawn", "refused", "merged"]


@dataclass(frozen=True, slots=True)
class ReopenPart:
    """The system lets the whole know that a part which had ended is handled again."""

    demand: str


def is_older(one: DemandState, one_id: str, other: DemandState, other_id: str) -> bool:
    """Tell whether `one` was submitted before `other`; ids break ties, so that of two demands exactly one is the older."""
    assert one.submitted_at is not None
    assert other.submitted_at is not None
    return (one.submitted_at, one_id) < (other.submitted_at, other_id)


def suggest(state: DemandState, command: SuggestDuplicates) -> Events:
    """Only what was not suggested before."""
    require_allowed(state, "SuggestDuplicates")
    fresh = tuple(like for like in command.suggestions if like.demand not in state.suggested)
    return (DuplicateSuggested(suggestions=fresh),) if fresh else ()


def merge(state: DemandState, command: MergeDemand) -> Events:
    """Whoever may act for the holder decides. The older one must still be worked on, and the same enterprise's.

    So that nobody rids itself of a demand by merging it, the holder itself merges only what was suggested (重复); whatever else, who stands
    above it, or the desk what lies there.
    """
    require_allowed(state, "MergeDemand")
    assert state.holder is not None
    command.by.require_acts_for(state.holder.node)
    target = command.target
    if command.into == command.demand:
        raise Refused("merge_into_itself", field="into")
    if target.enterprise != state.enterprise or target.network != state.network:
        raise Refused("merge_other_enterprise", field="into")
    if not is_older(target, command.into, state, command.demand):
        raise Refused("merge_into_younger", field="into")
    if target.status not in WORKING:
        raise Refused("merge_target_ended", field="into")
    if state.parts or state.parent is not None:
        raise Refused("merge_of_parts")
    suggested = command.into in state.suggested or command.demand in target.suggested
    at_desk = state.holder.node == state.desk
    if not (suggested or at_desk or command.by.supervises(state.holder.node)):
        raise Refused("merge_not_suggested")
    draft = Draft(state, command.timing).resume("holder_changed")
    current = draft.state.current
    if current is not None:
        draft.add(AssignmentRecalled(assignment=current.id, node=current.node, reason="merged"))
    return draft.add(DemandMerged(into=command.into, by=command.by.party, note=command.note)).done()


def unmerge(state: DemandState, command: UnmergeDemand) -> Events:
    """A person of the hub's desk, or the system; what was erased nobody could handle any more."""
    if command.by is None and (state.status is not Status.MERGED or state.erased or command.into not in (None, state.merged_into)):
        return ()
    require_allowed(state, "UnmergeDemand")
    assert state.merged_into is not None
    if command.by is not None:
        nodes = (state.desk, *state.held_by)
        if not any(command.by.acts_for(node) for node in nodes):
            raise Refused("wrong_actor")
    return (DemandUnmerged(into=state.merged_into, reason=command.reason),)


def receive(state: DemandState, command: ReceiveMerge) -> Events:
    """Nothing if it knows already."""
    require_allowed(state, "ReceiveMerge")
    return () if command.demand in state.received else (MergeReceived(demand=command.demand),)


def split(state: DemandState, command: SplitDemand) -> Events:
    """Two parts at least, once, and not of a part."""
    found = held(state, command.assignment, command.by, "SplitDemand")
    if state.parts:
        raise Refused("split_already")
    if state.parent is not None:
        raise Refused("split_of_a_part")
    if not 2 <= len(command.parts) <= MOST_PARTS:
        raise Refused("split_parts_number", field="parts")
    for number, part in enumerate(command.parts):
        category = command.by.network.category(part.category) if part.category is not None else None
        if part.category is not None and (category is None or category.code != part.category):
            raise Refused("unknown_category", field=f"parts.{number}.category")
        if command.by.network.region(part.region) is None:
            raise Refused("unknown_region", field=f"parts.{number}.region")
    return (DemandSplit(assignment=found.id, node=found.node, join=command.join, parts=command.parts),)


def complete_part(state: DemandState, command: CompletePart) -> Events:
    """Nothing if it is known, or no part of this demand."""
    part = next((one for one in state.parts if one.demand == command.demand), None)
    if part is None or part.ended is not None:
        return ()
    return (PartCompleted(part=part.part, demand=part.demand, status=command.status),)


def reopen_part(state: DemandState, command: ReopenPart) -> Events:
    """Nothing if it is known, or no part of this demand. Where the whole stands does not change, whatever that is."""
    part = next((one for one in state.parts if one.demand == command.demand), None)
    if part is None or part.ended is None:
        return ()
    return (PartReopened(part=part.part, demand=part.demand),)
