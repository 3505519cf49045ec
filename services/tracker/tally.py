"""What counts for a node, fact by fact: closings, ratings, call-backs, returns, lapses, misses, verified complaints. Pure.

One row per counted fact and nothing is ever added up in place, so that rebuilt views are the same to the row and figures can be asked
for any time. What a node took back in time is counted as -1 beside it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from libs.events import (
    ActTakenBack,
    AssignmentLapsed,
    AssignmentReturned,
    Commit,
    ComplaintVerified,
    DeadlineMissed,
    DemandClosed,
    DemandRated,
    DemandReopened,
    Event,
    FollowUpRecorded,
)
from services.tracker.demand_row import DemandRow

SATISFIED: Final = ("rated_very_satisfied", "rated_satisfied", "rated_fairly_satisfied")
"""The top three of the five grades (GB/T 39735)."""


COUNTED: Final = frozenset(
    {
        ActTakenBack,
        AssignmentLapsed,
        AssignmentReturned,
        ComplaintVerified,
        DeadlineMissed,
        DemandClosed,
        DemandRated,
        DemandReopened,
        FollowUpRecorded,
    }
)


class TallyRow(NamedTuple):
    """One counted fact about a node, at its place in the stream."""

    cell: str
    seq: int
    place: int
    id: str
    network: str
    node: str
    what: str
    times: int
    at: datetime
    sample: bool


def tallies(row: DemandRow, commit: Commit) -> list[TallyRow]:
    """Return what a commit counts for. `row` is the row after it."""
    found: list[TallyRow] = []
    for place, event in enumerate(commit.events):
        # Most events count for nothing, and a rebuild looks at all of them.
        if type(event) in COUNTED and (counted := _counted(event, row)) is not None:
            node, what, times = counted
            found.append(
                TallyRow(row.cell, row.last_seq, place, row.id, row.network, node, what, times, commit.at, row.sample),
            )
    return found


def _counted(event: Event, row: DemandRow) -> tuple[str, str, int] | None:
    """(node, what, how many). Closings, call-backs and reopenings count for who resolved it."""
    match event:
        case AssignmentReturned():
            return event.node, "returned", 1
        case ActTakenBack() if event.act == "return":
            return event.node, "returned", -1
        case AssignmentLapsed():
            return event.node, "lapsed", 1
        case DeadlineMissed():
            return event.node, "missed", 1
        case DemandClosed() if row.resolved_by is not None:
            return row.resolved_by, event.outcome, 1
        case DemandRated():
            return event.node, f"rated_{event.grade}", 1
        case FollowUpRecorded() if row.resolved_by is not None:
            what = "unreachable" if event.outcome == "unreachable" else "mismatched" if event.mismatch else "called"
            return row.resolved_by, what, 1
        case DemandReopened() if row.resolved_by is not None:
            return row.resolved_by, "reopened", 1
        case ComplaintVerified():
            return event.node, "complaint", 1
        case _:
            return None
