"""The routing decisions of the past (`router.decision`): what each rested on and whom it chose, for the policy laboratory.

One row per assignment the routing policy made, written with the worklists; writing it again changes nothing. Codes only, no text. How an
assignment ended stands in `router.assignment` and is joined. Precedents (`router.precedent`) are the arbitrations that bound a case.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import asyncpg
from pydantic_core import from_json, to_json
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    SmallInteger,
    Table,
    Text,
    bindparam,
    cast,
    column,
    distinct,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.events import AssignmentArbitrated, DemandAssigned, Explanation
from libs.events.names import parse_demand_id, partition
from services.router.replay import Decision
from services.router.replay_report import Precedent
from services.router.views import METADATA

CHUNK: Final = 4_000
_BY_INDEX: Final = frozenset({"kind", "territory", "category"})

DECISION: Final = Table(
    "decision",
    METADATA,
    Column("demand", Text, primary_key=True),
    Column("assignment", Text, primary_key=True),
    Column("network", Text, nullable=False),
    Column("part", SmallInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("day", Date, nullable=False),
    Column("sample", Boolean, nullable=False),
    Column("category", Text),
    Column("region", Text, nullable=False),
    Column("carrier", Text),
    Column("industry", Text),
    Column("urgency", Text, nullable=False),
    Column("returned_by", ARRAY(Text), nullable=False),
    Column("load", JSONB, nullable=False),
    Column("scores", JSONB(none_as_null=True)),
    Column("named", ARRAY(Text)),
    Column("registry_seq", BigInteger, nullable=False),
    Column("figures_date", Date),
    Column("policy", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("chosen", Text, nullable=False),
)
PRECEDENT: Final = Table(
    "precedent",
    METADATA,
    Column("demand", Text, primary_key=True),
    Column("assignment", Text, primary_key=True),
    Column("network", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("category", Text),
    Column("region", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("arbiter", Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which decisions: of a network, made on the days `first` to `last`, both included; None and empty mean all."""

    network: str
    first: date
    last: date
    sample: bool | None = None
    categories: tuple[str, ...] = ()


def decision_row(demand: str, at: datetime, event: DemandAssigned, *, sample: bool) -> dict[str, Any]:
    """The row of an assignment. `at`: time of its commit; `sample`: whether the demand is one."""
    explanation = event.explanation
    inputs, basis = explanation.inputs, explanation.basis
    figures_date = date.fromisoformat(basis.figures_date) if basis.figures_date is not None else None
    scores = explanation.classification.scores if explanation.classification is not None else None
    return {
        "demand": demand,
        "assignment": event.assignment,
        "network": parse_demand_id(demand)[0],
        "part": partition(demand),
        "at": at,
        "day": figures_date if figures_date is not None else at.astimezone(UTC).date(),
        "sample": sample,
        "category": inputs.category,
        "region": inputs.region,
        "carrier": inputs.carrier,
        "industry": inputs.industry,
        "urgency": inputs.urgency,
        "returned_by": list(inputs.returned_by),
        "load": inputs.load,
        "scores": scores,
        "named": _named(explanation),
        "registry_seq": basis.registry_seq,
        "figures_date": figures_date,
        "policy": explanation.policy,
        "path": explanation.path,
        "chosen": explanation.chosen,
    }


def precedent_row(demand: str, at: datetime, event: AssignmentArbitrated) -> dict[str, Any]:
    """The row of an arbitration. `at`: time of its commit."""
    return {
        "demand": demand,
        "assignment": event.assignment,
        "network": parse_demand_id(demand)[0],
        "at": at,
        "category": event.category,
        "region": event.region,
        "node": event.node,
        "arbiter": event.arbiter,
    }


def _insert(table: Table) -> Insert:
    """A statement that inserts any number of rows from one JSON document: a third of the work of one statement each, measured."""
    document = func.json_to_recordset(cast(bindparam("rows", type_=Text), JSON))
    rows = document.table_valued(*(column(one.name, one.type) for one in table.columns)).render_derived(name="made", with_types=True)
    return insert(table).from_select([one.name for one in table.columns], select(rows)).on_conflict_do_nothing()


_INSERT_DECISIONS: Final = _insert(DECISION)
_INSERT_PRECEDENTS: Final = _insert(PRECEDENT)


async def write_decisions(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those that are there already stay as they are."""
    if rows:
        await connection.execute(_INSERT_DECISIONS, {"rows": _document(rows)})


async def write_precedents(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows; those that are there already stay as they are."""
    if rows:
        await connection.execute(_INSERT_PRECEDENTS, {"rows": _document(rows)})


def _document(rows: Sequence[Mapping[str, Any]]) -> str:
    return to_json(rows, exclude_none=True).decode()


async def count_decisions(connection: AsyncConnection, selection: Selection) -> tuple[int, int, int, int]:
    """Count decisions and the demands they belong to; least and greatest registry position they rest on (0 without any)."""
    seq = DECISION.c.registry_seq
    query = select(func.count(), func.count(distinct(DECISION.c.demand)), func.min(seq), func.max(seq)).where(
        DECISION.c.network == selection.network, DECISION.c.day.between(selection.first, selection.last)
    )
    if selection.sample is not None:
        query = query.where(DECISION.c.sample == selection.sample)
    if selection.categories:
        query = query.where(DECISION.c.category.in_(selection.categories))
    decisions, demands, least, greatest = (await connection.execute(query)).one()
    return decisions, demands, least or 0, greatest or 0


async def read_precedents(connection: AsyncConnection, network: str, most: int) -> tuple[Precedent, ...]:
    """The newest precedents of a network, at most so many."""
    query = select(PRECEDENT).where(PRECEDENT.c.network == network).order_by(PRECEDENT.c.at.desc(), PRECEDENT.c.demand).limit(most)
    rows = (await connection.execute(query)).mappings()
    return tuple(Precedent(row["category"], row["region"], row["node"], row["demand"], row["at"].isoformat()) for row in rows)


_READ: Final = """
select d.demand, d.assignment, d.day, d.registry_seq, d.figures_date, d.category, d.region, d.carrier, d.industry, d.returned_by,
       d.load, d.scores, d.named, d.policy, d.path, d.chosen, a.status as ended
from router.decision d
left join router.assignment a
       on a.demand = d.demand and a.assignment = d.assignment and a.status in ('returned', 'lapsed')
where d.network = $1 and d.day between $2 and $3 and d.part between $4 and $5
  and ($6::bool is null or d.sample = $6) and (cardinality($7::text[]) = 0 or d.category = any ($7))
"""


async def read_decisions(
    driver: asyncpg.Connection[asyncpg.Record], selection: Selection, parts: tuple[int, int], chunk: int = CHUNK
) -> AsyncGenerator[list[Decision]]:
    """Yield the selected decisions of demands in partitions `parts[0]` to `parts[1]`, `chunk` at a time, in no order."""
    async with driver.transaction(readonly=True):
        await driver.execute("set local cursor_tuple_fraction = 1")  # all of it is wanted, not the first rows soon
        cursor = await driver.cursor(
            _READ, selection.network, selection.first, selection.last, *parts, selection.sample, list(selection.categories)
        )
        while rows := await cursor.fetch(chunk):
            yield [decision_of(row) for row in rows]


def decision_of(row: Mapping[str, Any] | asyncpg.Record) -> Decision:
    """Read a row: as the query gives it, or as `decision_row` makes it."""
    figures_date, load, scores, named = row["figures_date"], row["load"], row["scores"], row["named"]
    return Decision(
        demand=row["demand"],
        assignment=row["assignment"],
        day=row["day"],
        registry_seq=row["registry_seq"],
        figures_date=figures_date.isoformat() if figures_date is not None else None,
        category=row["category"],
        region=row["region"],
        carrier=row["carrier"],
        industry=row["industry"],
        returned_by=tuple(row["returned_by"]),
        load=_parsed(load),
        scores=_parsed(scores) if scores is not None else None,
        named=tuple(named) if named is not None else None,
        policy=row["policy"],
        path=row["path"],
        chosen=row["chosen"],
        ended=row.get("ended"),
    )


def _parsed(document: str | Mapping[str, int]) -> Mapping[str, int]:
    if not isinstance(document, str):
        return document
    found: dict[str, int] = from_json(document) if document != "{}" else {}
    return found


def _named(explanation: Explanation) -> list[str] | None:
    """The nodes whose load is known, where that is not everybody who fits; a list is long, and mostly not needed."""
    if explanation.path != "desk" and _BY_INDEX.issuperset(explanation.excluded):
        return None
    return [candidate.node for candidate in explanation.candidates]
