"""Who held a demand from when to when: pure segments that add up exactly to the demand's life."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from libs.events import (
    AssignmentRecalled,
    AssignmentReturned,
    Commit,
    DemandAssigned,
    DemandResolved,
    DemandSubmitted,
    DemandWithdrawn,
    Event,
)

End = Literal["assigned", "returned", "recalled", "resolved", "withdrawn"]


@dataclass(frozen=True, slots=True)
class Segment:
    """One holder's stretch. `assignment` None: the hub's desk. `end` None: it still holds. `reason`: why it ended."""

    node: str
    assignment: str | None
    start: datetime
    end: datetime | None = None
    reason: End | None = None

    def length(self, now: datetime) -> timedelta:
        """Duration up to its end, or to `now`."""
        return (self.end if self.end is not None else now) - self.start


def segments(commits: Iterable[Commit]) -> tuple[Segment, ...]:
    """Cut a demand's life into holder segments, oldest first.

    Each begins where its predecessor ends; the first begins with the submission, the last ends with the resolution or withdrawal,
    or is open. Several events of one commit may leave segments without length.
    """
    done: list[Segment] = []
    held: Segment | None = None
    desk = ""
    for commit in commits:
        for event in commit.events:
            if isinstance(event, DemandSubmitted):
                desk = event.desk
            step = _step(event, desk)
            if step is None:
                continue
            reason, node, assignment = step
            if held is not None and reason is not None:
                done.append(replace(held, end=commit.at, reason=reason))
            held = None if node is None else Segment(node, assignment, commit.at)
    return (*done, held) if held is not None else tuple(done)


def life(parts: tuple[Segment, ...], now: datetime) -> timedelta:
    """Time from the submission to the end of the last segment, or to `now`; zero without segments."""
    if not parts:
        return timedelta(0)
    last = parts[-1].end
    return (last if last is not None else now) - parts[0].start


def _step(event: Event, desk: str) -> tuple[End | None, str | None, str | None] | None:
    """(why the present holder ends, next holder, its assignment); None when the holder stays."""
    match event:
        case DemandSubmitted():
            return None, desk, None
        case DemandAssigned():
            return "assigned", event.node, event.assignment
        case AssignmentReturned():
            return "returned", desk, None
        case AssignmentRecalled():
            return "recalled", desk, None
        case DemandResolved():
            return "resolved", None, None
        case DemandWithdrawn():
            return "withdrawn", None, None
        case _:
            return None
