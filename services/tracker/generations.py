"""Generations of views: which one is active, creating a new one, dropping what nobody needs any more."""

from __future__ import annotations

import hashlib
import re
from typing import Final

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable, DropSchema

from services.tracker.tables import active, generation, schema_of, shape, translated

_GENERATION: Final = re.compile(r"tracker_v([1-9]\d{0,8})")
CREATE_LOCK: Final = int.from_bytes(hashlib.sha256(b"tracker/generations").digest()[:8], "big", signed=True)


async def active_version(connection: AsyncConnection) -> int:
    """Number of the generation that is shown."""
    return int((await connection.execute(select(active.c.active))).scalar_one())


async def hold_active(connection: AsyncConnection) -> int:
    """Number of the active generation, which cannot be switched before this transaction ends."""
    return int((await connection.execute(select(active.c.active).with_for_update(read=True))).scalar_one())


async def stop_projection(connection: AsyncConnection) -> int:
    """Number of the active generation; until this transaction ends no tracker writes a batch."""
    return int((await connection.execute(select(active.c.active).with_for_update())).scalar_one())


async def switch(connection: AsyncConnection, version: int) -> None:
    """Show another generation from the end of this transaction on."""
    await connection.execute(update(active).values(active=version))


async def existing(connection: AsyncConnection) -> list[int]:
    """Numbers of all generations in the database, ascending."""
    names = await connection.execute(text("select nspname from pg_namespace where nspname ~ '^tracker_v[0-9]+$'"))
    return sorted(int(match[1]) for name in names.scalars() if (match := _GENERATION.fullmatch(name)) is not None)


async def ensure(engine: AsyncEngine) -> int:
    """Create the active generation if it is not there, with all indexes; return its number."""
    async with engine.begin() as connection:
        await connection.execute(select(func.pg_advisory_xact_lock(CREATE_LOCK)))
        version = await active_version(connection)
        if version not in await existing(connection):
            await create(connection, version)
            await index(connection, version)
    return version


async def is_current(connection: AsyncConnection, version: int) -> bool:
    """Whether a generation was made by a release that projects the same into the same tables."""
    comment = text("select obj_description(to_regnamespace(:name), 'pg_namespace')")
    found: str | None = (await connection.execute(comment, {"name": schema_of(version)})).scalar_one()
    return found == shape()


async def create(connection: AsyncConnection, version: int) -> None:
    """Create a generation's schema and tables, without secondary indexes: bulk loading comes first. Its comment names its shape."""
    await connection.execute(CreateSchema(schema_of(version)))
    await connection.execute(text(f"comment on schema {schema_of(version)} is '{shape()}'"))
    await connection.run_sync(_create_tables, version)


async def index(connection: AsyncConnection, version: int) -> None:
    """Create the secondary indexes and gather statistics."""
    await connection.run_sync(_create_indexes, version)
    for table in generation.sorted_tables:
        await connection.execute(text(f"analyze {schema_of(version)}.{table.name}"))


async def drop(connection: AsyncConnection, version: int) -> None:
    """Drop a generation with everything in it."""
    await connection.execute(DropSchema(schema_of(version), cascade=True, if_exists=True))


def _create_tables(connection: Connection, version: int) -> None:
    here = connection.execution_options(schema_translate_map=translated(version))
    for table in generation.sorted_tables:
        here.execute(CreateTable(table))


def _create_indexes(connection: Connection, version: int) -> None:
    here = connection.execution_options(schema_translate_map=translated(version))
    for table in generation.sorted_tables:
        for item in sorted(table.indexes, key=lambda index: str(index.name)):
            here.execute(CreateIndex(item))
