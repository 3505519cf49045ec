"""What most rules ask first: does the actor hold, or stand above who holds, what it wants to act on?"""

from __future__ import annotations

from libs.demand import Assignment, DemandState, Standing, Timing, require_allowed, require_current
from libs.events import NotFound, Refused
from services.router.availability import is_available


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


def require_fit(by: Standing, node: str, timing: Timing) -> None:
    """Raise Refused unless a demand may be given to the node today: it exists, takes assignments, is active and in force."""
    network = by.network
    if not network.has(node):
        raise NotFound("node_not_found")
    kind = network.kind(network.node(node))
    if not (kind.assignable or kind.hub) or not is_available(network, node, timing.now):
        raise Refused("node_not_available", field="node")
