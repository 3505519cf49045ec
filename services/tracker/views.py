"""Queries on the active generation of views, each cut to what the caller may see. Rights are part of the SQL, never a filter afterwards."""

from __future__ import annotations

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

from sqlalchemy import ColumnElement, Row, Select, and_, func, literal, not_, or_, select, union
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY, array
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.chassis.http import cursor_moment, decode_cursor, encode_cursor
from libs.demand import OPEN, Status
from libs.events import Refused
from services.tracker import archive
from services.tracker.demand_row import DemandRow
from services.tracker.feed import Places, encode_places
from services.tracker.generations import active_version
from services.tracker.grams import query as text_query
from services.tracker.project import ChangeRow
from services.tracker.rights import Scope
from services.tracker.rows import demand_row
from services.tracker.tables import change, demand, demand_text, parked, translated

SCANNED: Final = 5_000
"""Changes looked at per page and cell at most, however few of them the caller may see."""
_ID_PART: Final = re.compile(r"[a-z0-9-]{4,60}")


@dataclass(frozen=True, slots=True)
class DemandFilter:
    """What a list is narrowed to; None means everything.

    `region` covers everything in its territory (GB/T 2260 and 10114), `node` every demand a node holds, held, assists or arbitrates,
    `text` searches titles, names and the beginning of ids; `since` and `until` bound the submission, the latter excluded. `due_before`
    bounds what is promised; `overdue` asks whether that had passed at the moment `at`.
    """

    status: str | None = None
    category: str | None = None
    region: str | None = None
    holder: str | None = None
    node: str | None = None
    urgency: str | None = None
    channel: str | None = None
    party: str | None = None
    partner_ref: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    sample: bool | None = None
    due_before: datetime | None = None
    overdue: bool | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A demand the caller may see. `title` and `requester_name` are None without the right to read them, and after erasure."""

    row: DemandRow
    title: str | None
    requester_name: str | None


@dataclass(frozen=True, slots=True)
class DemandPage:
    """A stretch of the list and the cursor of the next one, None at the end."""

    found: Sequence[Found]
    next: str | None


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One change and the cursor right after it."""

    cursor: str
    change: ChangeRow


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Visible changes in stream order, the cursor to go on from, and whether more wait behind it already."""

    items: Sequence[FeedItem]
    next: str
    more: bool


class Views:
    """Read access. One instance per process; every method is one short read-only transaction."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def demands(
        self,
        scope: Scope,
        wanted: DemandFilter,
        *,
        limit: int,
        after: str | None = None,
        order: Literal["submitted", "updated"] = "submitted",
    ) -> DemandPage:
        """A stretch of the list, newest first. Raises Refused bad_cursor.

        By submission (the default) nothing is repeated or missed while demands change; by update what changes moves to the front.
        """
        moment = demand.c.submitted_at if order == "submitted" else demand.c.updated_at
        query = _listed(scope).where(visible(scope), *_narrowed(scope, wanted))
        if after is not None:
            at, last = _place(after, order)
            query = query.where(moment <= at, or_(moment < at, demand.c.id > last))
        async with self._engine.connect() as plain:
            rows = (await (await in_generation(plain)).execute(query.order_by(moment.desc(), demand.c.id).limit(limit + 1))).all()
        found = [_found(row) for row in rows[:limit]]
        following = None
        if len(rows) > limit:
            last_row = found[-1].row
            at = last_row.submitted_at if order == "submitted" else last_row.updated_at
            following = encode_cursor({"o": order, "t": at.isoformat(), "i": last_row.id})
        return DemandPage(found, following)

    async def counts(self, scope: Scope, wanted: DemandFilter) -> Mapping[str, int]:
        """Number of visible demands per status under a filter; its status is left out of account."""
        query = (
            select(demand.c.status, func.count()).where(visible(scope), *_narrowed(scope, wanted, status=False)).group_by(demand.c.status)
        )
        async with self._engine.connect() as plain:
            rows = await (await in_generation(plain)).execute(query)
            return {row[0]: row[1] for row in rows}

    async def demand(self, scope: Scope, identity: str) -> Found | None:
        """One demand; None also for one the caller may not see."""
        if "\x00" in identity:
            return None
        async with self._engine.connect() as plain:
            connection = await in_generation(plain)
            row = (await connection.execute(_listed(scope).where(visible(scope), demand.c.id == identity))).one_or_none()
        return None if row is None else _found(row)

    async def entries(self, scope: Scope, identity: str) -> list[archive.Entry] | None:
        """Every archived commit of a demand, oldest first; None if the caller may not see it."""
        if "\x00" in identity:
            return None
        async with self._engine.connect() as plain:
            connection = await in_generation(plain)
            seen = await connection.execute(select(demand.c.id).where(visible(scope), demand.c.id == identity))
            return None if seen.one_or_none() is None else await archive.entries_of(connection, identity)

    async def position(self) -> str:
        """Cursor of the newest change."""
        async with self._engine.connect() as connection:
            return encode_places(await archive.positions(connection))

    async def changes(self, scope: Scope, after: Places, *, limit: int) -> ChangePage:
        """Visible changes after a place, each cell in stream order. Looks at no more than SCANNED changes of each cell."""
        async with self._engine.connect() as plain:
            connection = await in_generation(plain)
            ends = await archive.positions(connection)
            stretches: list[list[ChangeRow]] = []
            reached = dict(after)
            more = False
            for cell, head in ends.items():
                start = after.get(cell, 0)
                end = min(head, start + SCANNED)
                if end <= start:
                    continue
                rows = await connection.execute(_changed(scope, cell, start, end).limit(limit + 1))
                stretches.append([ChangeRow(r.cell, r.seq, r.id, r.version, tuple(r.types), r.status, r.at) for r in rows])
                reached[cell] = end
                more = more or end < head
        merged = list(heapq.merge(*stretches, key=lambda item: item.at))
        places = dict(after)
        items: list[FeedItem] = []
        for item in merged[:limit]:
            places[item.cell] = item.seq
            items.append(FeedItem(encode_places(places), item))
        if len(merged) > limit:
            return ChangePage(items, encode_places(places), more=True)
        return ChangePage(items, encode_places(reached), more)

    async def parked(self) -> int:
        """Number of demands that wait because a commit of theirs could not be projected."""
        async with self._engine.connect() as plain:
            return int((await (await in_generation(plain)).execute(select(func.count()).select_from(parked))).scalar_one())


async def in_generation(connection: AsyncConnection) -> AsyncConnection:
    """Point a connection at the active generation."""
    return await connection.execution_options(schema_translate_map=translated(await active_version(connection)))


def _listed(scope: Scope) -> Select[Any]:
    if not scope.reads_text:
        return select(*demand.columns)
    joined = demand.outerjoin(demand_text, demand.c.id == demand_text.c.id)
    return select(*demand.columns, demand_text.c.title, demand_text.c.requester_name).select_from(joined)


def _found(row: Row[Any]) -> Found:
    values = cast("Mapping[str, Any]", row._mapping)
    return Found(demand_row(values), values.get("title"), values.get("requester_name"))


def visible(scope: Scope) -> ColumnElement[bool]:
    """What a caller may see, as a condition on rows of `demand`."""
    rights: list[ColumnElement[bool]] = [demand.c.network == scope.network]
    if scope.party is not None:
        rights.append(demand.c.party == scope.party)
    if scope.nodes is not None:
        rights.append(_overlaps(sorted(scope.nodes)))
    return and_(*rights)


def _overlaps(nodes: Sequence[str]) -> ColumnElement[bool]:
    return cast("ColumnElement[bool]", demand.c.nodes.overlap(sql_cast(array(nodes), ARRAY(demand.c.id.type))))


def _narrowed(scope: Scope, wanted: DemandFilter, *, status: bool = True) -> list[ColumnElement[bool]]:
    exact = {
        demand.c.category: wanted.category,
        demand.c.holder_node: wanted.holder,
        demand.c.urgency: wanted.urgency,
        demand.c.channel: wanted.channel,
        demand.c.party: wanted.party,
        demand.c.partner_ref: wanted.partner_ref,
        demand.c.sample: wanted.sample,
    }
    if any(isinstance(value, str) and "\x00" in value for value in (*exact.values(), wanted.status, wanted.region, wanted.node)):
        return [literal(False)]  # PostgreSQL has no such text, so no demand has it either.
    parts: list[ColumnElement[bool]] = [column == value for column, value in exact.items() if value is not None]
    if status and wanted.status is not None:
        parts.append(demand.c.status == wanted.status)
    if wanted.region is not None:
        parts.append(demand.c.region.startswith(territory_prefix(wanted.region), autoescape=True))
    if wanted.node is not None:
        parts.append(_overlaps([wanted.node]))
    if wanted.since is not None:
        parts.append(demand.c.submitted_at >= wanted.since)
    if wanted.until is not None:
        parts.append(demand.c.submitted_at < wanted.until)
    if wanted.due_before is not None:
        parts.append(_promised_before(wanted.due_before))
    if wanted.overdue is not None and wanted.at is not None:
        overdue = _overdue(wanted.at)
        parts.append(overdue if wanted.overdue else func.coalesce(overdue, False).is_(False))
    if wanted.text is not None and wanted.text.strip():
        parts.append(_mentions(scope, wanted.text.strip()))
    return parts


def _promised_before(moment: datetime) -> ColumnElement[bool]:
    """Whether what an open demand is promised lies before a moment; see `DemandRow.promised`."""
    return and_(func.coalesce(demand.c.due, demand.c.overdue_since) < moment, demand.c.status.in_(sorted(OPEN)))


def _overdue(now: datetime) -> ColumnElement[bool]:
    """See `DemandRow.is_overdue`."""
    return and_(_promised_before(now), not_(and_(demand.c.status == Status.SUSPENDED, demand.c.due.is_not(None))))


def territory_prefix(region: str) -> str:
    """Prefix of every code in a region's territory: `330200` (a city) covers `3302…`, `330206` its townships `330206…`."""
    if len(region) != 6:
        return region
    return region[:2] if region.endswith("0000") else region[:4] if region.endswith("00") else region


def _mentions(scope: Scope, text: str) -> ColumnElement[bool]:
    sources: list[Select[Any]] = []
    if _ID_PART.fullmatch(text.lower()):
        sources.append(select(demand.c.id).where(demand.c.id.startswith(text.lower(), autoescape=True)))
    terms = text_query(text) if scope.reads_text else None
    if terms is not None:
        sources.append(select(demand_text.c.id).where(demand_text.c.grams.bool_op("@@")(sql_cast(terms, TSQUERY))))
    if not sources:
        return literal(False)
    return demand.c.id.in_(sources[0] if len(sources) == 1 else union(*sources))


def _place(cursor: str, order: str) -> tuple[datetime, str]:
    place = decode_cursor(cursor, {"o": str, "t": str, "i": str})
    if place["o"] != order:
        raise Refused("bad_cursor", field="cursor")
    return cursor_moment(place["t"]), place["i"]


def _changed(scope: Scope, cell: str, start: int, end: int) -> Select[Any]:
    joined = change.join(demand, demand.c.id == change.c.id)
    return (
        select(*change.columns)
        .select_from(joined)
        .where(change.c.cell == cell, change.c.seq > start, change.c.seq <= end, visible(scope))
        .order_by(change.c.seq)
    )
