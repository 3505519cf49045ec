"""A demand's state with some members changed: what `dataclasses.replace` does, at a thirtieth of its cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from libs.demand.state import AssistanceStatus, ComplaintStatus, DemandState
from libs.events import Deadline
from libs.events.timekeeping import Limit

__all__ = ["assignment_changed", "assistance_in", "changed", "complaint_in", "deadlines_without"]

if TYPE_CHECKING:
    # For the type checker it is `replace`, so that it knows the names and types of all members.
    from dataclasses import replace as changed
else:

    def changed(state, **changes):
        """Copy a state with some members changed. `state` is a frozen dataclass without slots; names are checked by types only.

        `replace` calls the constructor with every member one by one, some 40 µs for a demand; evolve does it for every event.
        """
        after = object.__new__(type(state))
        members = after.__dict__
        members.update(state.__dict__)
        members.update(changes)
        return after


def assignment_changed(state: DemandState, assignment: str, **changes: object) -> DemandState:
    """Copy a state with some members of one assignment changed."""
    found = (replace(a, **changes) if a.id == assignment else a for a in state.assignments)  # type: ignore[arg-type] # members by name
    return changed(state, assignments=tuple(found))


def assistance_in(state: DemandState, assistance: str, status: AssistanceStatus) -> DemandState:
    """Copy a state with one assistance in another status."""
    return changed(state, assistances=tuple(replace(a, status=status) if a.id == assistance else a for a in state.assistances))


def complaint_in(state: DemandState, complaint: str, status: ComplaintStatus) -> DemandState:
    """Copy a state with one complaint in another status."""
    return changed(state, complaints=tuple(replace(c, status=status) if c.id == complaint else c for c in state.complaints))


def deadlines_without(state: DemandState, *limits: Limit) -> Mapping[Limit, Deadline]:
    """The deadlines of a state but for these limits."""
    if not any(limit in state.deadlines for limit in limits):
        return state.deadlines
    return {limit: deadline for limit, deadline in state.deadlines.items() if limit not in limits}
