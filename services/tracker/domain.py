"""The tracker's domain: a demand as lists show it, and how each event changes it. Pure; there are no commands, the tracker only reads.

Knows no database, no key and no clock. `project.py` folds commits with it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal, NamedTuple, assert_never, cast

from libs.demand import Status
from libs.events import (
    AssignmentAccepted,
    AssignmentRecalled,
    AssignmentReturned,
    Commit,
    Corrupt,
    DemandAssigned,
    DemandClassified,
    DemandCorrected,
    DemandEvent,
    DemandResolved,
    DemandSubmitted,
    DemandSupplemented,
    DemandWithdrawn,
    Event,
    ProgressReported,
)

NextStep = Literal["route", "accept", "progress", "none"]

NEXT_STEPS: dict[str, NextStep] = {
    Status.SUBMITTED: "route",
    Status.TRIAGE: "route",
    Status.ASSIGNED: "accept",
    Status.IN_PROGRESS: "progress",
    Status.RESOLVED: "none",
    Status.WITHDRAWN: "none",
}


class DemandRow(NamedTuple):
    """One demand as lists show it. `nodes`: every node that ever held it, the desk first. `holder_node` None: nobody any more.

    A tuple, because a rebuild makes a new one for every commit: replacing members costs a tenth of what it costs a dataclass.
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

    @property
    def next_step(self) -> NextStep:
        """What has to happen next."""
        return NEXT_STEPS.get(self.status, "none")

    @property
    def desk(self) -> str:
        """The hub's desk that held it first."""
        return self.nodes[0]


def evolve(row: DemandRow | None, event: Event, *, commit: Commit, cell: str) -> DemandRow:
    """Return the row after one event of a commit. Raises Corrupt when the history does not begin with DemandSubmitted."""
    fact = cast(DemandEvent, event)
    if isinstance(fact, DemandSubmitted):
        return _submitted(fact, commit, cell)
    if row is None:
        raise Corrupt(f"{commit.entity}: {type(event).__name__} before DemandSubmitted")
    match fact:
        case DemandClassified():
            return row._replace(category=fact.category, status=str(Status.TRIAGE))
        case DemandCorrected():
            return row._replace(
                category=fact.category or row.category,
                region=fact.region or row.region,
                carrier=fact.carrier or row.carrier,
                industry=fact.industry or row.industry,
                urgency=fact.urgency or row.urgency,
            )
        case DemandAssigned():
            held = _held_by(row, fact.node, fact.assignment, commit.at)
            return held._replace(status=str(Status.ASSIGNED), assignments=row.assignments + 1)
        case AssignmentAccepted():
            return row._replace(status=str(Status.IN_PROGRESS))
        case AssignmentReturned():
            return _held_by(row, row.desk, None, commit.at)._replace(status=str(Status.TRIAGE), returns=row.returns + 1)
        case AssignmentRecalled():
            return _held_by(row, row.desk, None, commit.at)._replace(status=str(Status.TRIAGE))
        case DemandResolved():
            return row._replace(status=str(Status.RESOLVED))
        case DemandWithdrawn():
            return row._replace(status=str(Status.WITHDRAWN), holder_node=None, holder_assignment=None, holder_since=None)
        case DemandSupplemented() | ProgressReported():
            return row
        case _:
            assert_never(fact)


def _submitted(event: DemandSubmitted, commit: Commit, cell: str) -> DemandRow:
    return DemandRow(
        id=commit.entity,
        network=event.network,
        cell=cell,
        version=0,
        status=str(Status.SUBMITTED),
        category=event.category,
        region=event.region,
        carrier=event.carrier,
        industry=event.industry,
        urgency=event.urgency,
        channel=event.channel,
        party=event.party,
        enterprise=event.enterprise,
        partner_ref=event.partner_ref,
        holder_node=event.desk,
        holder_assignment=None,
        holder_since=commit.at,
        nodes=(event.desk,),
        assignments=0,
        returns=0,
        submitted_at=commit.at,
        updated_at=commit.at,
        last_seq=0,
        sample=event.sample,
    )


def _held_by(row: DemandRow, node: str, assignment: str | None, since: datetime) -> DemandRow:
    nodes = row.nodes if node in row.nodes else (*row.nodes, node)
    return row._replace(holder_node=node, holder_assignment=assignment, holder_since=since, nodes=nodes)
