"""Demands that are open or otherwise wait for a moment (table `router.open_demand`): due moments, what is armed of them, who holds them.

The second net under the timers: what is overdue here although a timer should have fired, and what was never armed, is found by a sweep.
Every write may be repeated; a row of a later version stays as it is. Rows carry codes and pseudonyms, never text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Integer,
    Table,
    Text,
    Update,
    and_,
    bindparam,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.expression import ColumnClause, TableValuedAlias, column

from services.router.views import METADATA, insert_arrays

GRACE: Final = timedelta(seconds=30)
"""How long a timer may be late before the sweep acts in its stead: longer than a server's restart and a redelivery together."""

OPEN_DEMAND: Final = Table(
    "open_demand",
    METADATA,
    Column("demand", Text, primary_key=True),
    Column("cell", Text, nullable=False),
    Column("network", Text, nullable=False),
    Column("part", Integer, nullable=False),
    Column("status", Text, nullable=False),
    Column("holder_node", Text),
    Column("holder_assignment", Text),
    Column("due", DateTime(timezone=True)),
    Column("armed", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    Column("sample", Boolean, nullable=False),
    Column("category", Text),
    Column("region", Text, nullable=False),
    Column("urgency", Text, nullable=False),
    Column("enterprise", Text, nullable=False),
    Column("party", Text, nullable=False),
    Column("submitted_at", DateTime(timezone=True), nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
)


@dataclass(frozen=True, slots=True)
class OpenDemand:
    """One row as a projection makes it; `armed` is not its business. `since`: when the present holder began."""

    demand: str
    cell: str
    network: str
    part: int
    status: str
    holder_node: str | None
    holder_assignment: str | None
    due: datetime | None
    version: int
    sample: bool
    category: str | None
    region: str
    urgency: str
    enterprise: str
    party: str
    submitted_at: datetime
    since: datetime


@dataclass(frozen=True, slots=True)
class Counts:
    """What the check says about the waiting demands of some partitions.

    `unarmed`: what is armed is not what is due. `overdue`: due longer ago than the grace. `without_holder`, `without_due`: orphans in the
    making. `next_due`: the earliest moment of all.
    """

    waiting: int
    unarmed: int
    overdue: int
    without_holder: int
    without_due: int
    next_due: datetime | None


_NAMES: Final = tuple(own.name for own in OPEN_DEMAND.columns if own.name != "armed")


def _write_open() -> Insert:
    statement = insert_arrays(OPEN_DEMAND, _NAMES)
    changed = {name: statement.excluded[name] for name in _NAMES if name != "demand"}
    later = OPEN_DEMAND.c.version <= statement.excluded.version
    return statement.on_conflict_do_update(index_elements=(OPEN_DEMAND.c.demand,), set_=changed, where=later)


_WRITE_OPEN: Final = _write_open()


async def write_open(connection: AsyncConnection, rows: Sequence[OpenDemand], gone: Mapping[str, int]) -> None:
    """Insert or update rows and delete those of `gone` (demand to the version that ended it), unless a later version stands."""
    if rows:
        await connection.execute(_WRITE_OPEN, {name: [getattr(row, name) for row in rows] for name in _NAMES})
    if gone:
        ended = _rows("ended", {column("demand", Text): list(gone), column("version", Integer): list(gone.values())})
        same = and_(OPEN_DEMAND.c.demand == ended.c.demand, OPEN_DEMAND.c.version <= ended.c.version)
        await connection.execute(delete(OPEN_DEMAND).where(same))


def _mark_armed() -> Update:
    moments = bindparam("moments", type_=ARRAY(DateTime(timezone=True)))
    names = column("demand", Text), column("moment", DateTime(timezone=True))
    noted = func.unnest(bindparam("demands", type_=ARRAY(Text)), moments).table_valued(*names, name="noted").render_derived()
    return update(OPEN_DEMAND).where(OPEN_DEMAND.c.demand == noted.c.demand).values(armed=noted.c.moment)


_MARK_ARMED: Final = _mark_armed()


async def mark_armed(connection: AsyncConnection, armed: Mapping[str, datetime | None]) -> None:
    """Note what the timer of each demand was set to last; None: it was taken away."""
    if not armed:
        return
    await connection.execute(_MARK_ARMED, {"demands": list(armed), "moments": list(armed.values())})


async def overdue(connection: AsyncConnection, parts: Collection[int], now: datetime, limit: int, *, grace: timedelta = GRACE) -> list[str]:
    """Demands whose moment passed longer than `grace` ago, the longest first: their timers were lost, or nobody acts on them."""
    query = (
        select(OPEN_DEMAND.c.demand)
        .where(OPEN_DEMAND.c.part.in_(parts), OPEN_DEMAND.c.due <= now - grace)
        .order_by(OPEN_DEMAND.c.due, OPEN_DEMAND.c.demand)
        .limit(limit)
    )
    return list((await connection.execute(query)).scalars())


async def unarmed(connection: AsyncConnection, parts: Collection[int], limit: int) -> dict[str, datetime | None]:
    """Demands whose timer is not set to what is due, with what it is to be set to: what `TimerBook.arm` takes."""
    query = (
        select(OPEN_DEMAND.c.demand, OPEN_DEMAND.c.due)
        .where(OPEN_DEMAND.c.part.in_(parts), OPEN_DEMAND.c.due.is_distinct_from(OPEN_DEMAND.c.armed))
        .limit(limit)
    )
    return {row.demand: row.due for row in await connection.execute(query)}


async def held_by(connection: AsyncConnection, nodes: Collection[str], limit: int) -> list[str]:
    """Demands that one of these nodes holds, the longest held first."""
    query = (
        select(OPEN_DEMAND.c.demand)
        .where(OPEN_DEMAND.c.holder_node.in_(nodes))
        .order_by(OPEN_DEMAND.c.since, OPEN_DEMAND.c.demand)
        .limit(limit)
    )
    return list((await connection.execute(query)).scalars())


async def count(connection: AsyncConnection, parts: Collection[int], now: datetime, *, grace: timedelta = GRACE) -> Counts:
    """Count what waits in these partitions, and what is wrong with it."""
    number, row = func.count(), OPEN_DEMAND.c
    query = select(
        number,
        number.filter(row.due.is_distinct_from(row.armed)),
        number.filter(row.due <= now - grace),
        number.filter(row.holder_node.is_(None)),
        number.filter(row.due.is_(None)),
        func.min(row.due),
    ).where(row.part.in_(parts))
    return Counts(*(await connection.execute(query)).one())


def _rows(name: str, columns: Mapping[ColumnClause[Any], Sequence[Any]]) -> TableValuedAlias:
    """Values as a table: one array per column."""
    arrays = [bindparam(None, values, type_=ARRAY(own.type)) for own, values in columns.items()]
    return func.unnest(*arrays).table_valued(*columns, name=name).render_derived()
