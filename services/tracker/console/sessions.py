"""Browser sessions: a random token in a cookie, its digest in `tracker.console_session`. A session never outlives its key.

The table comes from the migrations: `tracker.console_session(id_hash bytea pk, key_id text, created_at, expires_at timestamptz)`.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Final, Protocol

from sqlalchemy import Column, DateTime, LargeBinary, MetaData, Table, Text, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.database import database_errors

LIFETIME: Final = timedelta(hours=12)

console_session = Table(
    "console_session",
    MetaData(),
    Column("id_hash", LargeBinary, primary_key=True),
    Column("key_id", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=False),
    schema="tracker",
)


class Sessions(Protocol):
    """Who entered. Tokens are kept as digests only."""

    async def open(self, key_id: str, now: datetime) -> str:
        """Begin a session and return its token."""
        ...

    async def find(self, token: str, now: datetime) -> str | None:
        """Return the key id of a running session."""
        ...

    async def close(self, token: str) -> None:
        """End a session; an unknown one is no error."""
        ...


class MemorySessions:
    """Sessions of one process, for tests and for pages shown without a database."""

    def __init__(self) -> None:
        self._running: dict[bytes, tuple[str, datetime]] = {}

    async def open(self, key_id: str, now: datetime) -> str:
        """Begin a session and return its token."""
        token = secrets.token_urlsafe(32)
        self._running[digest(token)] = (key_id, now + LIFETIME)
        return token

    async def find(self, token: str, now: datetime) -> str | None:
        """Return the key id of a running session."""
        key_id, expires = self._running.get(digest(token), (None, now))
        return key_id if now < expires else None

    async def close(self, token: str) -> None:
        """End a session."""
        self._running.pop(digest(token), None)


class DatabaseSessions:
    """Sessions every tracker process shares."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def open(self, key_id: str, now: datetime) -> str:
        """Begin a session and return its token; sweep out those that are over."""
        token = secrets.token_urlsafe(32)
        row = {"id_hash": digest(token), "key_id": key_id, "created_at": now, "expires_at": now + LIFETIME}
        with database_errors():
            async with self._engine.begin() as connection:
                await connection.execute(delete(console_session).where(console_session.c.expires_at <= now))
                await connection.execute(insert(console_session).values(row))
        return token

    async def find(self, token: str, now: datetime) -> str | None:
        """Return the key id of a running session."""
        found = select(console_session.c.key_id).where(console_session.c.id_hash == digest(token), console_session.c.expires_at > now)
        with database_errors():
            async with self._engine.connect() as connection:
                key_id: str | None = await connection.scalar(found)
        return key_id

    async def close(self, token: str) -> None:
        """End a session."""
        with database_errors():
            async with self._engine.begin() as connection:
                await connection.execute(delete(console_session).where(console_session.c.id_hash == digest(token)))


def digest(token: str) -> bytes:
    """What is stored of a token. It has 256 random bits, so a slow hash would add nothing."""
    return hashlib.sha256(token.encode()).digest()
