"""The demand (诉求) as a value: only what decisions need. What people look at belongs to the tracker's views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Final

from libs.events import Classification, Deadline
from libs.events.assisting import JoinRule
from libs.events.closing import OwnAct
from libs.events.demand import ArbitrationCause
from libs.events.timekeeping import Limit


class Status(StrEnum):
    """Where a demand stands, in the words the outside sees (docs/partners.md)."""

    SUBMITTED = "submitted"
    TRIAGE = "triage"
    ASSIGNED = "assigned"
    IN_PROGRESS = "in_progress"
    AWAITING_ENTERPRISE = "awaiting_enterprise"
    SUSPENDED = "suspended"
    RESOLVED = "resolved"
    DISPUTED = "disputed"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    MERGED = "merged"
    CLOSED = "closed"


WORKING: Final = frozenset(
    {Status.SUBMITTED, Status.TRIAGE, Status.ASSIGNED, Status.IN_PROGRESS, Status.AWAITING_ENTERPRISE, Status.SUSPENDED}
)
"""Somebody has to do something about the matter itself."""
OPEN: Final = WORKING | {Status.RESOLVED, Status.DISPUTED}
"""Open demands have exactly one accountable holder and one timer; a resolved one still waits for its confirmation."""
PAUSED: Final = frozenset({Status.AWAITING_ENTERPRISE, Status.SUSPENDED})
"""The net clock stands still; the gross clock never does."""
ENDED: Final = frozenset({Status.REFUSED, Status.WITHDRAWN, Status.MERGED, Status.CLOSED})


class AssignmentStatus(StrEnum):
    """Where an assignment (派单) stands. A node refuses an assignment, never the demand."""

    OPEN = "open"
    ACCEPTED = "accepted"
    RETURNED = "returned"
    LAPSED = "lapsed"
    FORWARDED = "forwarded"
    RECALLED = "recalled"
    RESOLVED = "resolved"


HELD: Final = frozenset({AssignmentStatus.OPEN, AssignmentStatus.ACCEPTED})


@dataclass(frozen=True, slots=True)
class Assignment:
    """One node's turn: `id` counts a1, a2 … within the demand. A binding one came from arbitration and cannot be returned."""

    id: str
    node: str
    status: AssignmentStatus
    last_resort: bool
    since: datetime
    binding: bool = False
    answered: bool = False
    handler: str | None = None
    stand_in: str | None = None
    absent_until: date | None = None

    @property
    def unwanted(self) -> bool:
        """Whether handing it on now counts like a return: never accepted, and not with a hub because nobody else took it."""
        return self.status is AssignmentStatus.OPEN and not self.last_resort


@dataclass(frozen=True, slots=True)
class Holder:
    """The one accountable node: the hub's desk or an arbiter until assigned, then the assignment's node."""

    node: str
    assignment: str | None
    since: datetime


class AssistanceStatus(StrEnum):
    """Where an assistance (协办) stands."""

    REQUESTED = "requested"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    DELIVERED = "delivered"
    ENDED = "ended"


ASSISTING: Final = frozenset({AssistanceStatus.REQUESTED, AssistanceStatus.ACCEPTED})


@dataclass(frozen=True, slots=True)
class Assistance:
    """Another node's share in an assignment: `id` counts s1, s2 … within the demand."""

    id: str
    node: str
    status: AssistanceStatus
    due: datetime
    missed: bool = False


class ExtensionStatus(StrEnum):
    """Where the request for an extension (延期) stands."""

    NONE = "none"
    REQUESTED = "requested"
    GRANTED = "granted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Extension:
    """The extension asked for, its span as in the clock pack, how many were granted so far, and which person asked."""

    status: ExtensionStatus = ExtensionStatus.NONE
    span: str = ""
    granted: int = 0
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Arbitration:
    """Who decides between which parties, and why it came to that."""

    arbiter: str
    parties: tuple[str, ...]
    cause: ArbitrationCause


class ComplaintStatus(StrEnum):
    """Where a complaint (投诉) stands: only a verified one counts (requirements I3)."""

    RAISED = "raised"
    VERIFIED = "verified"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class Complaint:
    """A complaint about a node: `id` counts c1, c2 … within the demand."""

    id: str
    node: str
    status: ComplaintStatus


@dataclass(frozen=True, slots=True)
class Supervision:
    """A person's supervision (督办): `id` counts v1, v2 … within the demand."""

    id: str
    by: str
    closed: bool = False


@dataclass(frozen=True, slots=True)
class SplitOff:
    """A part of a split: the demand it became, and the status it ended in, unless it still runs or runs again."""

    part: str
    demand: str
    ended: str | None = None


class FollowUp(StrEnum):
    """Where the call-back (回访) of a closed demand stands."""

    NONE = "none"
    ORDERED = "ordered"
    RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class OwnActDone:
    """A node's latest act that it may take back, and all that stood before it."""

    act: OwnAct
    assignment: str
    node: str
    at: datetime
    before: DemandState


@dataclass(frozen=True)
class DemandState:
    """Folded history. `status` None means that the demand does not exist yet. `at` is the time of the last commit.

    `files`: the side that brought each file first; `files_of_both`: those the other side brought, too.

    `resolved_person` resolved it last, in commit `resolved_version`; `hands` are all persons who did, with the nodes they did it for.
    `unreached` counts the calls nobody answered since.

    `paused_seconds` is the working time of all pauses so far, `paused_elapsed` the time on the wall, nights and all.

    The one value without slots: `libs.demand.changing` copies its members at once, and evolve copies it for every event.
    """

    status: Status | None = None
    at: datetime | None = None
    network: str = ""
    party: str = ""
    enterprise: str = ""
    key_id: str = ""
    link: str | None = None
    desk: str = ""
    sample: bool = False
    submitted_at: datetime | None = None
    submitter_node: str | None = None
    parent: str | None = None
    category: str | None = None
    region: str = ""
    carrier: str | None = None
    industry: str | None = None
    urgency: str = "normal"
    holder: Holder | None = None
    assignments: tuple[Assignment, ...] = field(default=())
    classification: Classification | None = None
    deadlines: Mapping[Limit, Deadline] = field(default_factory=dict)
    clocks: str | None = None
    paused_since: datetime | None = None
    paused_seconds: int = 0
    paused_elapsed: int = 0
    missed: frozenset[Limit] = frozenset()
    escalation: int = 0
    returns: int = 0
    arbitration: Arbitration | None = None
    assistances: tuple[Assistance, ...] = ()
    extension: Extension = Extension()
    supervisions: tuple[Supervision, ...] = ()
    complaints: tuple[Complaint, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    files_of_both: frozenset[str] = frozenset()
    supplements: int = 0
    corrections: int = 0
    services: int = 0
    resolutions: int = 0
    rated: int = 0
    resolved_by: str | None = None
    resolved_assignment: str | None = None
    resolved_person: str | None = None
    resolved_version: int = 0
    hands: frozenset[tuple[str, str]] = frozenset()
    unreached: int = 0
    follow_up: FollowUp = FollowUp.NONE
    outcome: str | None = None
    suggested: frozenset[str] = frozenset()
    merged_into: str | None = None
    received: tuple[str, ...] = ()
    join: JoinRule | None = None
    parts: tuple[SplitOff, ...] = ()
    own_act: OwnActDone | None = None
    erasure_asked_by: str | None = None
    erased: bool = False

    @property
    def is_open(self) -> bool:
        """Open demands have exactly one accountable holder."""
        return self.status in OPEN

    @property
    def waits_for_routing(self) -> bool:
        """Nobody but the hub's desk holds it: the router must act."""
        return self.status in (Status.SUBMITTED, Status.TRIAGE) and self.arbitration is None

    @property
    def current(self) -> Assignment | None:
        """The assignment whose node holds the demand now, if any."""
        if self.holder is None or self.holder.assignment is None:
            return None
        return self.assignment(self.holder.assignment)

    @property
    def returned_by(self) -> tuple[str, ...]:
        """Nodes that returned this demand or let it lapse, in order."""
        gone = (AssignmentStatus.RETURNED, AssignmentStatus.LAPSED)
        return tuple(a.node for a in self.assignments if a.status in gone)

    @property
    def passed_over(self) -> tuple[str, ...]:
        """Nodes routing does not choose again, once each: `returned_by`, and those whose resolution was overruled for another node."""
        gone = (AssignmentStatus.RETURNED, AssignmentStatus.LAPSED, AssignmentStatus.RESOLVED)
        return tuple(dict.fromkeys(a.node for a in self.assignments if a.status in gone))

    @property
    def held_by(self) -> tuple[str, ...]:
        """Every node that ever had an assignment, in order, once each."""
        return tuple(dict.fromkeys(a.node for a in self.assignments))

    @property
    def next_assignment(self) -> str:
        """Id of the assignment that would come next."""
        return f"a{len(self.assignments) + 1}"

    def assignment(self, assignment: str) -> Assignment | None:
        """Find an assignment by id."""
        return next((a for a in self.assignments if a.id == assignment), None)

    def assistance(self, assistance: str) -> Assistance | None:
        """Find an assistance by id."""
        return next((a for a in self.assistances if a.id == assistance), None)

    def complaint(self, complaint: str) -> Complaint | None:
        """Find a complaint by id."""
        return next((c for c in self.complaints if c.id == complaint), None)


INITIAL = DemandState()
