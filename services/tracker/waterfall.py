"""Whose hands a demand was in from when to when: pure segments, each beginning where its predecessor ends.

Cut from the folded demand itself (`libs.demand.evolve`), so that they cannot disagree with who holds it. Between an end and a reopening
nobody has the demand: that stretch is told too (`closed`), and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Literal

from libs.demand import ENDED, INITIAL, PAUSED, DemandState, Status, evolve
from libs.demand.deadlines import PAUSES
from libs.events import Commit, DemandSubmitted

Kind = Literal["former", "triage", "assignment", "arbitration", "confirmation", "dispute", "closed"]
"""`former`: a former system had it; `confirmation`: the enterprise is to confirm; `dispute`: above its holder somebody decides."""

End = Literal[
    "submitted",
    "assigned",
    "returned",
    "lapsed",
    "recalled",
    "forwarded",
    "escalated",
    "arbitrated",
    "resolved",
    "disputed",
    "reopened",
    "taken_back",
    "closed",
    "withdrawn",
    "refused",
    "merged",
    "unmerged",
]

ENTERPRISE: Final = "enterprise"
FORMER_SYSTEM: Final = "former_system"
NOBODY: Final = "nobody"

ENDS: Final[dict[str, End]] = {
    "DemandAssigned": "assigned",
    "AssignmentReturned": "returned",
    "AssignmentLapsed": "lapsed",
    "AssignmentRecalled": "recalled",
    "DemandForwarded": "forwarded",
    "ArbitrationOpened": "escalated",
    "AssignmentArbitrated": "arbitrated",
    "DemandResolved": "resolved",
    "ResolutionDisputed": "disputed",
    "DemandReopened": "reopened",
    "ActTakenBack": "taken_back",
    "DemandClosed": "closed",
    "DemandWithdrawn": "withdrawn",
    "DemandRefused": "refused",
    "DemandMerged": "merged",
    "DemandUnmerged": "unmerged",
}
"""Why a segment ends, by the event that ends it."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A stretch in which the net clock stood still (补正, 中止). `end` None: nobody has ended it yet.

    `until`: the end that was set for it. It is over then, however late somebody notices.
    """

    start: datetime
    end: datetime | None = None
    until: datetime | None = None

    def over(self, now: datetime) -> datetime:
        """The moment it ended, or `now` while it lasts."""
        end = self.end if self.end is not None else now
        return end if self.until is None else max(min(end, self.until), self.start)


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch in one pair of hands: a node's, or ENTERPRISE, FORMER_SYSTEM, NOBODY. `end` None: it still runs."""

    node: str
    assignment: str | None
    start: datetime
    end: datetime | None = None
    reason: End | None = None
    kind: Kind = "assignment"
    pauses: tuple[Pause, ...] = ()

    def length(self, now: datetime) -> timedelta:
        """Duration up to its end, or to `now`."""
        return (self.end if self.end is not None else now) - self.start


def segments(commits: Iterable[Commit]) -> tuple[Segment, ...]:
    """Cut a demand's life into segments, oldest first.

    The first begins with the submission, or when a former system took the demand in; the last ends when the demand does, or is open.
    Several events of one commit may leave segments without length.
    """
    done: list[Segment] = []
    state = INITIAL
    for commit in commits:
        for event in commit.events:
            if state.status is None and not isinstance(event, DemandSubmitted):
                continue  # What came before cannot be read.
            state = evolve(state, event, version=commit.version, at=commit.at)
            if not done:
                done += _first(state, commit.at)
                continue
            hands = _hands(state)
            last = done[-1]
            if hands != (last.kind, last.node, last.assignment):
                done[-1] = _ended(last, commit.at, ENDS.get(event.name()))
                kind, node, assignment = hands
                done.append(Segment(node, assignment, commit.at, kind=kind))
            done[-1] = _paused(done[-1], state, commit.at)
    if done and done[-1].kind == "closed":
        done.pop()
    return tuple(done)


def life(parts: Iterable[Segment], now: datetime) -> timedelta:
    """The gross time of a demand up to its end, or to `now`: everything but what lies between an end and a reopening."""
    return sum((part.length(now) for part in parts if part.kind != "closed"), timedelta(0))


def _first(state: DemandState, at: datetime) -> list[Segment]:
    kind, node, assignment = _hands(state)
    begun = state.submitted_at
    former = [Segment(FORMER_SYSTEM, None, begun, at, "submitted", "former")] if begun is not None and begun < at else []
    return [*former, Segment(node, assignment, at, kind=kind)]


def _hands(state: DemandState) -> tuple[Kind, str, str | None]:
    if state.status in ENDED or state.holder is None:
        return "closed", NOBODY, None
    if state.status is Status.RESOLVED:
        return "confirmation", ENTERPRISE, None
    node, assignment = state.holder.node, state.holder.assignment
    if state.status is Status.DISPUTED:
        return "dispute", node, assignment
    if state.arbitration is not None:
        return "arbitration", node, None
    return ("triage" if assignment is None else "assignment"), node, assignment


def _ended(part: Segment, at: datetime, reason: End | None) -> Segment:
    return replace(_resumed(part, at), end=at, reason=reason)


def _paused(part: Segment, state: DemandState, at: datetime) -> Segment:
    """Follow the net clock: it stands, until when, or it runs again."""
    if state.status not in PAUSED:
        return _resumed(part, at)
    until = min((state.deadlines[limit].at for limit in PAUSES if limit in state.deadlines), default=None)
    running = part.pauses[-1:] if part.pauses and part.pauses[-1].end is None else (Pause(at),)
    return replace(part, pauses=(*(pause for pause in part.pauses if pause.end is not None), replace(running[0], until=until)))


def _resumed(part: Segment, at: datetime) -> Segment:
    if not part.pauses or part.pauses[-1].end is not None:
        return part
    return replace(part, pauses=(*part.pauses[:-1], replace(part.pauses[-1], end=part.pauses[-1].over(at))))
