"""Runs the migrations as `ld_owner`: on a connection given by the machine, or on DATABASE_URL.

The history lies in schema `migrations`. Two runners at once wait for each other.
"""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

SCHEMA = "migrations"
LOCK = 0x4C444D47


def migrate(connection: Connection) -> None:
    """Run what is missing in one transaction."""
    connection.execute(text(f"select pg_advisory_lock({LOCK})"))
    try:
        connection.execute(text(f"create schema if not exists {SCHEMA}"))
        connection.commit()
        context.configure(connection=connection, version_table_schema=SCHEMA)
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    finally:
        connection.rollback()
        connection.execute(text(f"select pg_advisory_unlock({LOCK})"))
        connection.commit()


async def migrate_address(url: str) -> None:
    """Connect and migrate."""
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    try:
        async with engine.connect() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Offline migrations are not supported: they take part in no lock.")
given = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:
    asyncio.run(migrate_address(os.environ["DATABASE_URL"]))
