"""How near a promised moment is: late, soon, or with time left; the same for minutes and for working days. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from libs.demand import PAUSED, DemandState, Status
from libs.events import DeadlineMissed
from libs.events.timekeeping import Limit
from services.tracker.trail import TrailCommit

Mark = Literal["late", "soon", "left", "paused"]

LIMITS: Final[dict[Status, Limit]] = {
    Status.AWAITING_ENTERPRISE: "complete",
    Status.RESOLVED: "confirm",
    Status.DISPUTED: "dispute",
}
"""The deadline the outside sees where it is not that of the resolution."""

NEXT: Final[dict[str, Limit]] = {
    "accept": "accept",
    "arbitrate": "arbitrate",
    "progress": "answer",
    "wait": "resume",
    "complete": "complete",
    "confirm": "confirm",
    "decide_dispute": "dispute",
    "follow_up": "follow_up",
}
"""Until when the next step has to be taken."""

_NEAR: Final = 5
"""Soon: less than a fifth of the time from the start to the deadline is left."""


@dataclass(frozen=True, slots=True)
class Due:
    """A deadline the outside sees. `paused`: the net clock stands still, the moment will move. `counting` empty: not told."""

    at: datetime
    mark: Mark
    limit: Limit = "resolve"
    counting: str = ""
    provisional: bool = False


def due_of(state: DemandState, commits: Sequence[TrailCommit], now: datetime) -> Due | None:
    """The deadline the outside sees, or the one that was broken and is still owed; and how near it is."""
    if state.status is None or not state.is_open:
        return None
    return _due(state, LIMITS.get(state.status, "resolve"), commits, now)


def next_due_of(state: DemandState, next_step: str, commits: Sequence[TrailCommit], now: datetime) -> Due | None:
    """The deadline of the next step, where it is another one than what the outside sees."""
    limit = NEXT.get(next_step)
    if state.status is None or limit is None or limit == LIMITS.get(state.status):
        return None
    return _due(state, limit, commits, now)


def is_paused(status: str) -> bool:
    """Whether the promise the outside sees stands still in a status, by its name."""
    return status in PAUSED and status not in LIMITS


def _due(state: DemandState, limit: Limit, commits: Sequence[TrailCommit], now: datetime) -> Due | None:
    promised = state.deadlines.get(limit)
    if promised is None:
        broken = _broken(commits, limit) if limit in state.missed else None
        return Due(broken, "late", limit) if broken is not None else None
    start = (state.submitted_at if limit == "resolve" else state.at) or now
    # A promise that was kept until the pause began cannot be broken while it lasts: it moves.
    mark = "paused" if limit == "resolve" and state.status in PAUSED else mark_of(promised.at, start, now)
    return Due(promised.at, mark, limit, promised.counting, promised.provisional)


def mark_of(at: datetime, start: datetime, now: datetime, *, paused: bool = False) -> Mark:
    """How near a moment is, seen from `now`."""
    if now >= at:
        return "late"
    if paused:
        return "paused"
    return "soon" if (at - now) * _NEAR < at - start else "left"


def _broken(commits: Sequence[TrailCommit], limit: Limit) -> datetime | None:
    missed = (item.event for step in reversed(commits) for item in reversed(step.events) if isinstance(item.event, DeadlineMissed))
    return next((event.due for event in missed if event.limit == limit), None)
