"""Bulk reading and writing of view rows: unnest upserts and COPY, built from the tables' own definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, cast

import asyncpg
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracker.demand_row import DemandRow
from services.tracker.project import ChangeRow
from services.tracker.tables import KEYS, change, demand, demand_text, parked, schema_of, tally
from services.tracker.tally import TallyRow

_DIALECT: Final = postgresql.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True, slots=True)
class TextRow:
    """The searchable plaintext of one demand."""

    id: str
    title: str
    requester_name: str
    grams: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A demand whose commit at `seq` could not be projected, why, and how many of its commits wait since."""

    demand: str
    cell: str
    seq: int
    reason: str
    held: int
    at: datetime


async def asyncpg_of(connection: AsyncConnection) -> asyncpg.Connection[asyncpg.Record]:
    """The driver's own connection under a SQLAlchemy one. Begin the transaction with a statement of SQLAlchemy's first."""
    return cast("asyncpg.Connection[asyncpg.Record]", (await connection.get_raw_connection()).driver_connection)


async def write(
    connection: AsyncConnection,
    version: int,
    *,
    fresh: Iterable[DemandRow],
    changed: Iterable[DemandRow],
    texts: Iterable[TextRow],
    changes: Sequence[ChangeRow],
    tallied: Sequence[TallyRow],
    erased: Sequence[str],
    parks: Iterable[ParkedRow],
) -> None:
    """Write one batch of rows into a generation; the connection must be inside a transaction already.

    `fresh` demands are not there yet: COPY writes them for a third of what an upsert costs. `erased` demands lose their searchable text.
    """
    driver = await asyncpg_of(connection)
    for table, records in ((demand, list(fresh)), (change, changes), (tally, tallied)):
        if records:
            names = [column.name for column in table.columns]
            await driver.copy_records_to_table(table.name, schema_name=schema_of(version), columns=names, records=records)
    for table, rows in ((demand, changed), (demand_text, texts), (parked, parks)):
        columns = _columns(table, rows)
        if columns:
            await driver.execute(_UPSERTS[table].format(schema=schema_of(version)), *columns)
    if erased:
        await driver.execute(f"delete from {schema_of(version)}.demand_text where id = any($1::text[])", list(erased))  # noqa: S608 - own names


async def load_demands(connection: AsyncConnection, version: int, ids: Sequence[str]) -> dict[str, DemandRow]:
    """Rows of these demands by id."""
    driver = await asyncpg_of(connection)
    names = ", ".join(column.name for column in demand.columns)
    rows = await driver.fetch(f"select {names} from {schema_of(version)}.demand where id = any($1::text[])", list(ids))  # noqa: S608 - own names
    return {row["id"]: demand_row(dict(row)) for row in rows}


async def load_texts(connection: AsyncConnection, version: int, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """(title, requester's name) of these demands by id."""
    driver = await asyncpg_of(connection)
    query = f"select id, title, requester_name from {schema_of(version)}.demand_text where id = any($1::text[])"  # noqa: S608 - own names
    return {row[0]: (row[1], row[2]) for row in await driver.fetch(query, list(ids))}


async def load_parked(connection: AsyncConnection, version: int) -> dict[str, ParkedRow]:
    """Every parked demand; there should be none."""
    driver = await asyncpg_of(connection)
    rows = await driver.fetch(f"select demand, cell, seq, reason, held, at from {schema_of(version)}.parked")  # noqa: S608 - own names
    return {row[0]: ParkedRow(*row) for row in rows}


def demand_row(row: Mapping[str, Any]) -> DemandRow:
    """Build the value from a row with the table's column names; further columns are ignored."""
    values: list[Any] = [tuple(row[name]) if name in _LISTS else row[name] for name in _DEMAND_FIELDS]
    return DemandRow(*values)


_DEMAND_FIELDS: Final = tuple(column.name for column in demand.columns)
_LISTS: Final = frozenset(column.name for column in demand.columns if isinstance(column.type, ARRAY))


def _columns(table: Table, rows: Iterable[object]) -> list[list[Any]]:
    """Turn rows into one array per column; arrays within travel as words, because unnest would flatten them."""
    found = list(rows)
    if not found:
        return []
    columns: list[list[Any]] = []
    for column in table.columns:
        values = [getattr(row, column.name) for row in found]
        if isinstance(column.type, ARRAY | TSVECTOR):
            values = [" ".join(value) for value in values]
        columns.append(values)
    return columns


def _upsert(table: Table) -> str:
    names = [column.name for column in table.columns]
    keys = KEYS[table]
    arrays: list[str] = []
    values: list[str] = []
    for number, column in enumerate(table.columns, 1):
        words = isinstance(column.type, ARRAY | TSVECTOR)
        plain = "text" if words else column.type.compile(_DIALECT).split(" COLLATE")[0]
        arrays.append(f"${number}::{plain}[]")
        split = f"string_to_array(u.{column.name}, ' ')"
        values.append(f"array_to_tsvector({split})" if isinstance(column.type, TSVECTOR) else split if words else f"u.{column.name}")
    updates = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    return (
        f"insert into {{schema}}.{table.name} ({', '.join(names)}) select {', '.join(values)} "  # noqa: S608 - names come from the tables above
        f"from unnest({', '.join(arrays)}) as u({', '.join(names)}) on conflict ({', '.join(keys)}) do update set {updates}"
    )


_UPSERTS: Final = {table: _upsert(table) for table in (demand, demand_text, parked)}
