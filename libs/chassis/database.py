"""PostgreSQL through SQLAlchemy on asyncpg: engine, transactions, COPY. Connection trouble becomes Unavailable."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg
from sqlalchemy import event, exc, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from libs.chassis.settings import ServiceSettings
from libs.events.errors import Unavailable

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_CONNECT_SECONDS: Final = 5
_AWAY: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DiskFullError,
    asyncpg.InterfaceError,
    OSError,
)


def create_engine(settings: ServiceSettings, pool_size: int = 5) -> AsyncEngine:
    """Make the engine of a process; nothing is opened yet. Raises BadSetting without a database address.

    Errors never quote parameters. On loopback no TLS is tried, so that an unreadable home directory does not matter. A connection whose
    server is gone is known by its closed socket and replaced before use; SQLAlchemy's own ping would cost three round trips each time.
    """
    url = make_url(settings.async_database_url)
    connect: dict[str, Any] = {
        "timeout": _CONNECT_SECONDS,
        "server_settings": {"application_name": f"liandong-{settings.service}", "jit": "off"},
    }
    if url.host in LOOPBACK:
        connect["ssl"] = False
    engine = create_async_engine(
        url, pool_size=pool_size, max_overflow=0, pool_timeout=_CONNECT_SECONDS, hide_parameters=True, connect_args=connect
    )
    event.listen(engine.sync_engine, "checkout", _still_open)
    return engine


def _still_open(connection: Any, _record: object, _proxy: object) -> None:
    if connection.driver_connection.is_closed():
        raise exc.DisconnectionError


@contextmanager
def database_errors() -> Generator[None, None, None]:
    """Turn connection trouble into Unavailable; other database errors pass, they are bugs."""
    try:
        yield
    except exc.DBAPIError as error:
        driver = getattr(error.orig, "__cause__", None)
        if error.connection_invalidated or isinstance(driver, _AWAY):
            raise Unavailable(f"database: {type(driver or error).__name__}") from error
        raise
    except (exc.TimeoutError, *_AWAY) as error:
        raise Unavailable(f"database: {type(error).__name__}") from error


@asynccontextmanager
async def transaction(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection, None]:
    """One transaction: committed at the end, rolled back on an error. Raises Unavailable."""
    with database_errors():
        async with engine.begin() as connection:
            yield connection


@asynccontextmanager
async def reading(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection, None]:
    """A connection for single statements that only read: no transaction is begun, two round trips fewer. Raises Unavailable."""
    with database_errors():
        async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            yield connection


async def copy_rows(connection: AsyncConnection, schema: str, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows with COPY inside the connection's transaction. Raises Unavailable."""
    with database_errors():
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert isinstance(driver, asyncpg.Connection)
        if not driver.is_in_transaction():
            # SQLAlchemy sends BEGIN with its first statement; without one COPY would commit by itself.
            await connection.execute(text("select 1"))
        await driver.copy_records_to_table(table, schema_name=schema, columns=list(columns), records=rows)


async def ping(engine: AsyncEngine) -> bool:
    """Tell whether the database answers."""
    try:
        async with reading(engine) as connection:
            await connection.execute(text("select 1"))
    except Unavailable:
        return False
    return True
