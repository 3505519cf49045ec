"""Figures per node over the tallied facts: closings, satisfaction, call-backs, returns, lapses, misses, verified complaints.

Every figure is a count of facts or a ratio of two counts, so that anybody can check it against the trails. Satisfaction is what
enterprises rated themselves: a closing that nobody confirmed says nothing about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from services.tracker.rights import Scope
from services.tracker.tables import tally
from services.tracker.tally import SATISFIED
from services.tracker.views import in_generation

_GRADES: Final = (*SATISFIED, "rated_unsatisfied", "rated_very_unsatisfied")
_OUTCOMES: Final = ("confirmed", "unconfirmed", "dispute_rejected")
_CALLS: Final = ("called", "mismatched", "unreachable")
_COUNTED: Final[dict[str, tuple[str, ...]]] = {
    "closed": _OUTCOMES,
    "confirmed": ("confirmed",),
    "unconfirmed": ("unconfirmed",),
    "dispute_rejected": ("dispute_rejected",),
    "reopened": ("reopened",),
    "rated": _GRADES,
    "satisfied": SATISFIED,
    "follow_ups": _CALLS,
    "unreachable": ("unreachable",),
    "mismatches": ("mismatched",),
    "returns": ("returned",),
    "lapses": ("lapsed",),
    "missed": ("missed",),
    "complaints": ("complaint",),
}
"""Each figure and the tallied facts it adds up."""


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """One node's counts (`docs/partners.md`)."""

    node: str
    closed: int
    confirmed: int
    unconfirmed: int
    dispute_rejected: int
    reopened: int
    rated: int
    satisfied: int
    follow_ups: int
    unreachable: int
    mismatches: int
    returns: int
    lapses: int
    missed: int
    complaints: int

    @property
    def satisfaction(self) -> float | None:
        """The top three of five grades among what was rated; None if nothing was."""
        return self.satisfied / self.rated if self.rated else None

    @property
    def mismatch_rate(self) -> float | None:
        """Call-backs that contradicted the node among those that reached the enterprise; None if none did."""
        reached = self.follow_ups - self.unreachable
        return self.mismatches / reached if reached else None


@dataclass(frozen=True, slots=True)
class FiguresWanted:
    """Which facts are counted: from `since`, before `until`; of samples only, without them, or (None) all; of one node."""

    since: datetime | None = None
    until: datetime | None = None
    sample: bool | None = None
    node: str | None = None


async def node_figures(engine: AsyncEngine, scope: Scope, wanted: FiguresWanted, *, limit: int, after: str = "") -> Sequence[NodeFigures]:
    """Figures of nodes the caller may see, by id, beginning after one."""
    counts = [func.coalesce(func.sum(tally.c.times).filter(tally.c.what.in_(facts)), 0).label(name) for name, facts in _COUNTED.items()]
    query = select(tally.c.node, *counts).where(_counted(scope, wanted, after)).group_by(tally.c.node).order_by(tally.c.node).limit(limit)
    async with engine.connect() as plain:
        rows = await (await in_generation(plain)).execute(query)
        return [NodeFigures(row[0], *(int(count) for count in row[1:])) for row in rows]


def _counted(scope: Scope, wanted: FiguresWanted, after: str) -> ColumnElement[bool]:
    parts: list[ColumnElement[bool]] = [tally.c.network == scope.network, tally.c.node > after]
    if scope.nodes is not None:
        parts.append(tally.c.node.in_(sorted(scope.nodes)))
    if wanted.node is not None:
        parts.append(tally.c.node == wanted.node)
    if wanted.since is not None:
        parts.append(tally.c.at >= wanted.since)
    if wanted.until is not None:
        parts.append(tally.c.at < wanted.until)
    if wanted.sample is not None:
        parts.append(tally.c.sample == wanted.sample)
    return and_(*parts)
