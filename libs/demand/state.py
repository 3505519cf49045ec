"""The demand (诉求) as a value: only what decisions need. What people look at belongs to the tracker's views."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from libs.events import Classification


class Status(StrEnum):
    """Where a demand stands, in the words the outside sees (design of the public API)."""

    SUBMITTED = "submitted"
    TRIAGE = "triage"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    WITHDRAWN = "withdrawn"


OPEN = frozenset({Status.SUBMITTED, Status.TRIAGE, Status.ASSIGNED, Status.IN_PROGRESS})


class AssignmentStatus(StrEnum):
    """Where an assignment (派单) stands. A node refuses an assignment, never the demand."""

    OPEN = "open"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    RECALLED = "recalled"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One node's turn: `id` counts a1, a2 … within the demand."""

    id: str
    node: str
    status: AssignmentStatus
    last_resort: bool
    since: datetime


@dataclass(frozen=True, slots=True)
class Holder:
    """The one accountable node: the hub's desk until assigned, then the assignment's node."""

    node: str
    assignment: str | None
    since: datetime


@dataclass(frozen=True, slots=True)
class DemandState:
    """Folded history. `status` None means that the demand does not exist yet."""

    status: Status | None = None
    network: str = ""
    party: str = ""
    enterprise: str = ""
    key_id: str = ""
    desk: str = ""
    sample: bool = False
    category: str | None = None
    region: str = ""
    carrier: str | None = None
    industry: str | None = None
    urgency: str = "normal"
    holder: Holder | None = None
    assignments: tuple[Assignment, ...] = field(default=())
    classification: Classification | None = None

    @property
    def is_open(self) -> bool:
        """Open demands have exactly one accountable holder."""
        return self.status in OPEN

    @property
    def waits_for_routing(self) -> bool:
        """Nobody but the hub's desk holds it: the router must act."""
        return self.status in (Status.SUBMITTED, Status.TRIAGE)

    @property
    def current(self) -> Assignment | None:
        """The assignment whose node holds the demand now, if any."""
        if self.holder is None or self.holder.assignment is None:
            return None
        return self.assignment(self.holder.assignment)

    @property
    def returned_by(self) -> tuple[str, ...]:
        """Nodes that returned this demand, in order."""
        return tuple(a.node for a in self.assignments if a.status is AssignmentStatus.RETURNED)

    @property
    def next_assignment(self) -> str:
        """Id of the assignment that would come next."""
        return f"a{len(self.assignments) + 1}"

    def assignment(self, assignment: str) -> Assignment | None:
        """Find an assignment by id."""
        return next((a for a in self.assignments if a.id == assignment), None)


INITIAL = DemandState()
