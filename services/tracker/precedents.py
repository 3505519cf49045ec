"""Arbitration precedents (裁定先例): what a supervisor settled between nodes, for whoever edits the routing policy (design §4).

Read from the archive itself by the places the changes name; a partial index keeps these few apart from millions of other changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.http import cursor_moment, decode_cursor, encode_cursor
from libs.events import AssignmentArbitrated, Corrupt
from libs.events.codec import decode
from services.tracker.rights import Scope
from services.tracker.tables import ARBITRATED, change, demand, entry
from services.tracker.views import in_generation, visible


@dataclass(frozen=True, slots=True)
class Precedent:
    """One arbitration, codes only: what it was about, between whom, who decided and for whom."""

    demand: str
    at: datetime
    category: str | None
    region: str
    carrier: str | None
    industry: str | None
    parties: tuple[str, ...]
    arbiter: str
    node: str


@dataclass(frozen=True, slots=True)
class PrecedentPage:
    """A stretch of precedents, newest first, and the cursor of the next one."""

    precedents: Sequence[Precedent]
    next: str | None


async def read_precedents(engine: AsyncEngine, scope: Scope, *, limit: int, after: str | None = None) -> PrecedentPage:
    """Arbitrations of the demands a caller sees, newest first. Raises Refused bad_cursor."""
    query = (
        select(change.c.at, change.c.cell, change.c.seq, change.c.id, entry.c.body)
        .join_from(change, demand, demand.c.id == change.c.id)
        .join(entry, and_(entry.c.cell == change.c.cell, entry.c.seq == change.c.seq))
        .where(ARBITRATED, visible(scope))
        .order_by(change.c.at.desc(), change.c.cell, change.c.seq)
        .limit(limit + 1)
    )
    if after is not None:
        at, cell, seq = _place(after)
        later = or_(change.c.cell > cell, and_(change.c.cell == cell, change.c.seq > seq))
        query = query.where(or_(change.c.at < at, and_(change.c.at == at, later)))
    async with engine.connect() as plain:
        rows = (await (await in_generation(plain)).execute(query)).all()
    found = [precedent for row in rows[:limit] if (precedent := _precedent(row.id, row.at, row.body)) is not None]
    following = None
    if len(rows) > limit:
        last = rows[limit - 1]
        following = encode_cursor({"t": last.at.isoformat(), "c": last.cell, "s": last.seq})
    return PrecedentPage(found, following)


def precedent_of(demand_id: str, at: datetime, event: AssignmentArbitrated) -> Precedent:
    """An arbitration as a precedent; its reasons stay sealed with the demand."""
    return Precedent(demand_id, at, event.category, event.region, event.carrier, event.industry, event.parties, event.arbiter, event.node)


def _precedent(demand_id: str, at: datetime, body: bytes) -> Precedent | None:
    try:
        events = decode(body).events
    except Corrupt:  # Parked already, and nothing to learn from.
        return None
    return next((precedent_of(demand_id, at, event) for event in events if isinstance(event, AssignmentArbitrated)), None)


def _place(cursor: str) -> tuple[datetime, str, int]:
    place = decode_cursor(cursor, {"t": str, "c": str, "s": int})
    return cursor_moment(place["t"]), place["c"], place["s"]
