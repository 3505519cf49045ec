"""The router's tables (schema `router`): worklists, checkpoints, parked demands. Rows carry codes, never text.

Every write may be repeated: rows are guarded by the demand's version, checkpoints move by compare-and-set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    RowMapping,
    Table,
    Text,
    bindparam,
    column,
    delete,
    func,
    select,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.demand import Assignment, AssignmentStatus, AssistanceStatus, DemandState
from libs.demand.state import ASSISTING
from libs.events import Fenced

METADATA: Final = MetaData(schema="router")

ASSIGNMENT: Final = Table(
    "assignment",
    METADATA,
    Column("demand", Text, primary_key=True),
    Column("assignment", Text, primary_key=True),
    Column("network", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("category", Text),
    Column("region", Text, nullable=False),
    Column("urgency", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("due", DateTime(timezone=True)),
    Column("version", Integer, nullable=False),
    Column("sample", Boolean, nullable=False),
    Column("role", Text, nullable=False),
)
CHECKPOINT: Final = Table(
    "checkpoint",
    METADATA,
    Column("cell", Text, primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
PARKED: Final = Table(
    "parked",
    METADATA,
    Column("demand", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)

HELD: Final = (AssignmentStatus.OPEN, AssignmentStatus.ACCEPTED)
"""An assignment in one of these counts as its node's open load."""


@dataclass(frozen=True, slots=True)
class Parking:
    """A demand that cannot be handled now: the sequence it stopped at and a code of what went wrong."""

    demand: str
    seq: int
    error: str


@dataclass(frozen=True, slots=True)
class WorklistPlace:
    """Where a page of a worklist ended."""

    since: datetime
    demand: str
    assignment: str


def assignment_rows(demand: str, state: DemandState, version: int) -> list[dict[str, Any]]:
    """The worklist rows of a demand as of a version: one per assignment it ever had (role lead), one per assistance (role assist).

    `due` is when the node must have done its next step: accept, then resolve; an assisting node: deliver. An assistance that was asked
    for counts as open, so that both roles share the two statuses a worklist is about.
    """
    if not state.assignments:
        return []
    shared = {
        "demand": demand,
        "network": state.network,
        "category": state.category,
        "region": state.region,
        "urgency": state.urgency,
        "version": version,
        "sample": state.sample,
    }
    rows = [
        {
            **shared,
            "assignment": assignment.id,
            "node": assignment.node,
            "status": assignment.status.value,
            "since": assignment.since,
            "due": _due(state, assignment),
            "role": "lead",
        }
        for assignment in state.assignments
    ]
    for assistance in state.assistances:
        asked = assistance.status is AssistanceStatus.REQUESTED
        status = AssignmentStatus.OPEN.value if asked else assistance.status.value
        due = assistance.due if assistance.status in ASSISTING else None
        since = state.at
        rows.append(
            {**shared, "assignment": assistance.id, "node": assistance.node, "status": status, "since": since, "due": due, "role": "assist"}
        )
    return rows


def _due(state: DemandState, assignment: Assignment) -> datetime | None:
    if assignment is not state.current:
        return None
    match assignment.status:
        case AssignmentStatus.OPEN:
            found = state.deadlines.get("accept")
        case AssignmentStatus.ACCEPTED:
            found = state.deadlines.get("resolve") or state.deadlines.get("chase")
        case _:
            found = None
    return found.at if found is not None else None


def insert_arrays(table: Table, names: Sequence[str]) -> Insert:
    """Insert many rows in one statement, each column an array parameter of its name: half the work of row by row, for both sides.

    Made once and executed often; a statement made for each call would be compiled for each call.
    """
    columns = [table.c[name] for name in names]
    arrays = [bindparam(own.name, type_=ARRAY(own.type)) for own in columns]
    news = func.unnest(*arrays).table_valued(*(column(own.name, own.type) for own in columns), name="news").render_derived()
    return insert(table).from_select(list(names), select(*(news.c[name] for name in names)))


def _write_assignments() -> Insert:
    statement = insert_arrays(ASSIGNMENT, _ASSIGNMENT_NAMES)
    # An assignment begins once; of an assistance the first row knows best when it was asked for.
    changed = {own.name: statement.excluded[own.name] for own in ASSIGNMENT.columns if not own.primary_key and own.name != "since"}
    keys = (ASSIGNMENT.c.demand, ASSIGNMENT.c.assignment)
    return statement.on_conflict_do_update(index_elements=keys, set_=changed, where=ASSIGNMENT.c.version < statement.excluded.version)


_ASSIGNMENT_NAMES: Final = tuple(own.name for own in ASSIGNMENT.columns)
_WRITE_ASSIGNMENTS: Final = _write_assignments()


async def write_assignments(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert or update rows; one of a later version stays as it is."""
    if rows:
        await connection.execute(_WRITE_ASSIGNMENTS, {name: [row[name] for row in rows] for name in _ASSIGNMENT_NAMES})


async def open_load(connection: AsyncConnection) -> dict[str, int]:
    """Open assignments per node."""
    number = func.count().label("number")
    held = (ASSIGNMENT.c.status.in_(HELD), ASSIGNMENT.c.role == "lead")
    query = select(ASSIGNMENT.c.node, number).where(*held).group_by(ASSIGNMENT.c.node)
    return {row.node: row.number for row in await connection.execute(query)}


async def read_checkpoints(connection: AsyncConnection, cell: str, parts: Iterable[int]) -> dict[int, int]:
    """Last handled sequence of each partition; a partition seen for the first time starts at 0."""
    wanted = sorted(parts)
    first = insert(CHECKPOINT).on_conflict_do_nothing()
    await connection.execute(first, [{"cell": cell, "part": part, "seq": 0} for part in wanted])
    query = select(CHECKPOINT.c.part, CHECKPOINT.c.seq).where(CHECKPOINT.c.cell == cell, CHECKPOINT.c.part.in_(wanted))
    return {row.part: row.seq for row in await connection.execute(query)}


_MOVE: Final = text(
    "update router.checkpoint own set seq = :new from unnest(:parts, :seqs) as known (part, seq)"
    " where own.cell = :cell and own.part = known.part and own.seq = known.seq"
).bindparams(bindparam("parts", type_=ARRAY(Integer)), bindparam("seqs", type_=ARRAY(BigInteger)))


async def move_checkpoints(connection: AsyncConnection, cell: str, seqs: Mapping[int, int], new: int) -> None:
    """Move partitions from the sequences they are known to stand at to `new`. Raises Fenced if another router moved one."""
    places = {part: seq for part, seq in seqs.items() if seq < new}
    if not places:
        return
    moved = await connection.execute(_MOVE, {"cell": cell, "parts": list(places), "seqs": list(places.values()), "new": new})
    if moved.rowcount != len(places):
        raise Fenced(f"{len(places) - moved.rowcount} partitions of cell {cell} were moved by another router")


async def read_parked(connection: AsyncConnection) -> list[Parking]:
    """All parked demands, oldest first."""
    query = select(PARKED.c.demand, PARKED.c.seq, PARKED.c.error).order_by(PARKED.c.at, PARKED.c.demand)
    return [Parking(*row) for row in await connection.execute(query)]


async def park(connection: AsyncConnection, parkings: Sequence[Parking], at: datetime) -> None:
    """Set demands aside, so that the others go on."""
    if not parkings:
        return
    statement = insert(PARKED)
    upsert = statement.on_conflict_do_update(
        index_elements=(PARKED.c.demand,), set_={"seq": statement.excluded.seq, "error": statement.excluded.error}
    )
    rows = [{"demand": parking.demand, "seq": parking.seq, "error": parking.error, "at": at} for parking in parkings]
    await connection.execute(upsert, rows)


async def unpark(connection: AsyncConnection, demands: Sequence[str]) -> None:
    """Take demands back that can be handled again."""
    if demands:
        await connection.execute(delete(PARKED).where(PARKED.c.demand.in_(demands)))


async def read_worklist(
    connection: AsyncConnection,
    *,
    network: str,
    node: str,
    statuses: Sequence[str],
    limit: int,
    after: WorklistPlace | None = None,
) -> Sequence[RowMapping]:
    """A node's assignments and assistances in these statuses, oldest first, at most `limit`, behind `after`."""
    order = (ASSIGNMENT.c.since, ASSIGNMENT.c.demand, ASSIGNMENT.c.assignment)
    query = (
        select(ASSIGNMENT)
        .where(ASSIGNMENT.c.network == network, ASSIGNMENT.c.node == node, ASSIGNMENT.c.status.in_(statuses))
        .order_by(*order)
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(*order) > (after.since, after.demand, after.assignment))
    return (await connection.execute(query)).mappings().all()
