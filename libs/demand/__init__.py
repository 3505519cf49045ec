"""The demand (诉求) as a pure value: state, evolve, and the life-cycle rules intake and router share. No I/O, no clock."""

from libs.demand.evolve import evolve
from libs.demand.lifecycle import ALLOWED, require_allowed, require_current
from libs.demand.state import INITIAL, OPEN, Assignment, AssignmentStatus, DemandState, Holder, Status

__all__ = [
    "ALLOWED",
    "INITIAL",
    "OPEN",
    "Assignment",
    "AssignmentStatus",
    "DemandState",
    "Holder",
    "Status",
    "evolve",
    "require_allowed",
    "require_current",
]
