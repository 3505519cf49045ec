"""Which command is possible when: the life-cycle rules that intake and router share.

::

    submitted ──assign──▶ assigned ──accept──▶ in_progress ──resolve──▶ resolved
        │ classify           │ return, recall      │ return
        ▼                    ▼                     ▼
      triage ◀───────────────┴─────────────────────┘          any open state ──withdraw──▶ withdrawn
        └──assign──▶ assigned
"""

from __future__ import annotations

from typing import Final

from libs.demand.state import OPEN, Assignment, AssignmentStatus, DemandState, Status
from libs.events import NotFound, Refused

ROUTABLE: Final = frozenset({Status.SUBMITTED, Status.TRIAGE})

ALLOWED: Final[dict[str, frozenset[Status]]] = {
    "SupplementDemand": OPEN,
    "CorrectDemand": frozenset({Status.SUBMITTED, Status.TRIAGE, Status.ASSIGNED}),
    "WithdrawDemand": OPEN,
    "ClassifyDemand": ROUTABLE,
    "AssignDemand": ROUTABLE,
    "AcceptAssignment": frozenset({Status.ASSIGNED}),
    "ReturnAssignment": frozenset({Status.ASSIGNED, Status.IN_PROGRESS}),
    "ReportProgress": frozenset({Status.IN_PROGRESS}),
    "ResolveDemand": frozenset({Status.IN_PROGRESS}),
}


def require_allowed(state: DemandState, command: str) -> None:
    """Raise NotFound if there is no demand, Refused(illegal_transition) if `command` is not possible in its status."""
    if state.status is None:
        raise NotFound("demand_not_found")
    if state.status not in ALLOWED[command]:
        raise Refused("illegal_transition")


def require_current(state: DemandState, assignment: str) -> Assignment:
    """Return the assignment if it is the one in force. Raises NotFound(assignment_not_found) or Refused(illegal_transition)."""
    found = state.assignment(assignment)
    if found is None:
        raise NotFound("assignment_not_found")
    if found.status not in (AssignmentStatus.OPEN, AssignmentStatus.ACCEPTED) or state.current != found:
        raise Refused("illegal_transition")
    return found
