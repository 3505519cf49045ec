"""A demand as lists show it, and what it tells the outside about itself: `due`, `next_step` (docs/partners.md). Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

from libs.demand import OPEN, Status

NextStep = Literal[
    "route",
    "arbitrate",
    "accept",
    "progress",
    "complete",
    "wait",
    "confirm",
    "decide_dispute",
    "follow_up",
    "see_merged",
    "none",
]

NEXT_STEPS: Final[dict[str, NextStep]] = {
    Status.SUBMITTED: "route",
    Status.TRIAGE: "route",
    Status.ASSIGNED: "accept",
    Status.IN_PROGRESS: "progress",
    Status.AWAITING_ENTERPRISE: "complete",
    Status.SUSPENDED: "wait",
    Status.RESOLVED: "confirm",
    Status.DISPUTED: "decide_dispute",
    Status.REFUSED: "none",
    Status.WITHDRAWN: "none",
    Status.MERGED: "see_merged",
    Status.CLOSED: "none",
}
"""What has to happen next, by status alone; an arbitration and a call-back that is due come before it."""


class DemandRow(NamedTuple):
    """One demand as lists show it.

    `nodes`: every node that may know it: the desk first, then all that took it in, held, assisted, arbitrated or were told.
    `holder_node` None: nobody any more. `due`: what the outside is promised now (`libs.demand.public_due`), out of the four deadlines
    kept beside it; `overdue_since`: the promise to resolve that was broken and not renewed. `missed`, `reopened`, `mismatches` and
    the numbers of complaints count the whole life. `undo`: what stood before a node's own act, as JSON, while it may be taken back.

    A tuple, because a rebuild makes a new one for every event: `but` costs a twentieth of what replacing costs a dataclass.
    """

    id: str
    network: str
    cell: str
    version: int
    status: str
    category: str | None
    region: str
    carrier: str | None
    industry: str | None
    urgency: str
    channel: str
    party: str
    enterprise: str
    partner_ref: str | None
    holder_node: str | None
    holder_assignment: str | None
    holder_since: datetime | None
    nodes: tuple[str, ...]
    assignments: int
    returns: int
    submitted_at: datetime
    updated_at: datetime
    last_seq: int
    sample: bool
    received_at: datetime | None = None
    due: datetime | None = None
    overdue_since: datetime | None = None
    due_resolve: datetime | None = None
    due_complete: datetime | None = None
    due_confirm: datetime | None = None
    due_dispute: datetime | None = None
    classified_by: str | None = None
    handler: str | None = None
    assistants: tuple[str, ...] = ()
    arbiter: str | None = None
    extension: str = "none"
    supervisions: int = 0
    escalation: int = 0
    escalated_to: str | None = None
    missed: int = 0
    duplicates: int = 0
    resolved_by: str | None = None
    resolved_assignment: str | None = None
    resolved_at: datetime | None = None
    outcome: str | None = None
    reopened: int = 0
    follow_up: str = "none"
    mismatches: int = 0
    rating: str | None = None
    complaints_open: int = 0
    complaints_verified: int = 0
    merged_into: str | None = None
    parent: str | None = None
    imported: bool = False
    link: str | None = None
    erased: bool = False
    undo: str | None = None

    def but(self, **changes: Any) -> DemandRow:
        """Return the row with some members changed; `_replace` looks at all of them by name and takes five times as long."""
        values = list(self)
        for name, value in changes.items():
            values[_PLACES[name]] = value
        return DemandRow._make(values)

    @property
    def is_open(self) -> bool:
        """Whether somebody still has something to do."""
        return self.status in OPEN

    @property
    def next_step(self) -> NextStep:
        """What has to happen next."""
        if self.arbiter is not None:
            return "arbitrate"
        if self.follow_up == "ordered" and self.status in (Status.RESOLVED, Status.CLOSED):
            return "follow_up"
        return NEXT_STEPS.get(self.status, "none")

    @property
    def desk(self) -> str:
        """The hub's desk that held it first."""
        return self.nodes[0]

    @property
    def promised(self) -> datetime | None:
        """The promise the outside sees: what is due now, or what was due and is still owed."""
        if not self.is_open:
            return None
        return self.due if self.due is not None else self.overdue_since

    def is_overdue(self, now: datetime) -> bool:
        """Whether a promise of an open demand has passed. While it is suspended, a promise that had not passed stands still."""
        promised = self.promised
        stands_still = self.status == Status.SUSPENDED and self.due is not None
        return promised is not None and promised < now and not stands_still


_PLACES: Final = {name: place for place, name in enumerate(DemandRow._fields)}


def due_of(row: DemandRow) -> datetime | None:
    """The deadline the outside sees: the same as `libs.demand.public_due` of the folded demand."""
    match row.status:
        case Status.AWAITING_ENTERPRISE:
            return row.due_complete
        case Status.RESOLVED:
            return row.due_confirm
        case Status.DISPUTED:
            return row.due_dispute
        case status:
            return row.due_resolve if status in OPEN else None
