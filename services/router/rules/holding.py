"""What most rules ask first: does the actor hold, or stand above who holds, what it wants to act on?"""

from __future__ import annotations

from libs.demand import Assignment, DemandState, Standing, require_allowed, require_current
from libs.events import NotFound


def held(state: DemandState, assignment: str, by: Standing, command: str) -> Assignment:
    """The assignment a node may act on now. Who may act is looked at before what is possible: it tells a stranger nothing."""
    if state.status is None:
        raise NotFound("demand_not_found")
    found = state.assignment(assignment)
    if found is None:
        raise NotFound("assignment_not_found")
    by.require_acts_for(found.node)
    require_allowed(state, command)
    return require_current(state, assignment)


def holder_of(state: DemandState, command: str) -> str:
    """The node accountable now. Raises NotFound, Refused(illegal_transition)."""
    require_allowed(state, command)
    assert state.holder is not None
    return state.holder.node
