"""EventStore on PostgreSQL: the exit from JetStream and the permanent comparison with it, under the same conformance suite.

A row lock per stream gives sequences without gaps; unique (subject, commit id) makes appends repeatable for ever, not only for a window.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from typing import Any, Final, TypeAlias

import asyncpg
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Index,
    LargeBinary,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    UniqueConstraint,
    any_,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP, insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.schema import CreateSchema

from libs.events.errors import Conflict, GapDetected, Unavailable
from libs.events.names import stream_of
from libs.events.store import Append, Outcome, Recorded, Stored

CHUNK: Final = 500
CHANNEL: Final = "event_store"
HEARTBEAT_S: Final = 1.0
STALE_S: Final = 2.0
STALE_PAUSE_S: Final = 0.02
_Row: TypeAlias = Row[*tuple[Any, ...]]
_AWAY: Final = (DBAPIError, PoolTimeout, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)

metadata: Final = MetaData(schema="event_store")
streams: Final = Table(
    "stream",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("created", TIMESTAMP(timezone=True), nullable=False, server_default=func.clock_timestamp()),
    Column("last", BigInteger, nullable=False, server_default="0"),
)
commits: Final = Table(
    "commit",
    metadata,
    Column("stream", Text, primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("subject", Text, nullable=False),
    Column("commit_id", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("recorded_at", TIMESTAMP(timezone=True), nullable=False),
    UniqueConstraint("subject", "commit_id"),
    Index("commit_subject_seq", "subject", "seq", unique=True),
)
_RECORDED: Final = (commits.c.subject, commits.c.seq, commits.c.body, commits.c.headers, commits.c.recorded_at)


async def create_schema(engine: AsyncEngine) -> None:
    """Create schema `event_store` and its two tables where they are missing."""
    async with engine.begin() as connection:
        await connection.execute(CreateSchema("event_store", if_not_exists=True))
        await connection.run_sync(metadata.create_all)


class PostgresEventStore:
    """Keeps commits in table `event_store.commit`. Each open `read` holds one connection of the engine's pool."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._writing = engine
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    async def append(self, append: Append) -> Stored:
        """Store one commit. Raises Conflict, Unavailable."""
        outcome = (await self.append_many([append]))[0]
        if isinstance(outcome, Stored):
            return outcome
        raise outcome

    async def append_many(self, appends: Sequence[Append]) -> list[Outcome]:
        """Store many commits, one transaction per stream and 500 members; a failed transaction makes its members Unavailable."""
        by_stream: defaultdict[str, list[int]] = defaultdict(list)
        for index, append in enumerate(appends):
            by_stream[stream_of(append.subject)].append(index)
        outcomes: dict[int, Outcome] = {}
        for stream, members in by_stream.items():
            pending = iter(members)
            while chunk := list(islice(pending, CHUNK)):
                outcomes.update(zip(chunk, await self._attempt(stream, [appends[index] for index in chunk]), strict=True))
        return [outcomes[index] for index in range(len(appends))]

    async def load(self, subject: str, after: int = 0, *, at_least: int = 0) -> list[Recorded]:
        """Commits of one subject. An engine on a replica is asked again until `at_least` is included. Raises Unavailable."""
        query = select(*_RECORDED).where(commits.c.subject == subject, commits.c.seq > after).order_by(commits.c.seq)
        deadline = asyncio.get_running_loop().time() + STALE_S
        while True:
            found = [_recorded(row) for row in await self._fetch(query)]
            reached = found[-1].seq if found else after
            if reached >= at_least:
                return found
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable(f"{subject}: sequence {at_least} is not there yet")
            await asyncio.sleep(STALE_PAUSE_S)

    async def last(self, subject: str) -> Recorded | None:
        """The subject's last commit. Raises Unavailable."""
        rows = await self._fetch(select(*_RECORDED).where(commits.c.subject == subject).order_by(commits.c.seq.desc()).limit(1))
        return _recorded(rows[0]) if rows else None

    async def read(self, stream: str, after: int = 0, *, batch: int = 500) -> AsyncGenerator[list[Recorded], None]:
        """Every commit of a stream, then waiting for notifications, polling once a second. Raises GapDetected, Unavailable."""
        grown = asyncio.Event()

        def wake(_connection: object, _pid: object, _channel: object, payload: object) -> None:
            if payload == stream:
                grown.set()

        position = after
        try:
            async with self._reading.connect() as connection:
                driver = (await connection.get_raw_connection()).driver_connection
                assert isinstance(driver, asyncpg.Connection)
                await driver.add_listener(CHANNEL, wake)
                try:
                    while True:
                        # Cleared before looking, so that a commit between the look and the wait wakes the wait.
                        grown.clear()
                        found = await _page(connection, stream, position, batch)
                        if found:
                            position = _contiguous(stream, position, found)
                            yield found
                            continue
                        with suppress(TimeoutError):
                            await asyncio.wait_for(grown.wait(), HEARTBEAT_S)
                        if not grown.is_set():
                            yield []
                finally:
                    if not driver.is_closed():
                        await driver.remove_listener(CHANNEL, wake)
        except _AWAY as error:
            raise Unavailable(f"{stream}: {type(error).__name__}") from error

    async def position(self, stream: str) -> int:
        """Last sequence of a stream; 0 when empty. Raises Unavailable."""
        rows = await self._fetch(select(streams.c.last).where(streams.c.stream == stream))
        return int(rows[0][0]) if rows else 0

    async def created(self, stream: str) -> str:
        """Creation time of a stream, ISO 8601. Asking opens it: a checkpoint at 0 needs the identity before the first commit."""
        query = select(streams.c.created).where(streams.c.stream == stream)
        rows = await self._fetch(query)
        if not rows:
            try:
                async with self._writing.begin() as connection:
                    await _open(connection, stream)
            except _AWAY as error:
                raise Unavailable(f"{stream}: {type(error).__name__}") from error
            rows = await self._fetch(query)
        created: datetime = rows[0][0]
        return created.isoformat()

    async def _attempt(self, stream: str, appends: Sequence[Append]) -> list[Outcome]:
        try:
            async with self._writing.begin() as connection:
                return await _store(connection, stream, appends)
        except _AWAY as error:
            away = Unavailable(f"{stream}: {type(error).__name__}")
            away.__cause__ = error
            return [away] * len(appends)

    async def _fetch(self, query: Select[*tuple[Any, ...]]) -> Sequence[_Row]:
        try:
            async with self._reading.connect() as connection:
                return (await connection.execute(query)).all()
        except _AWAY as error:
            raise Unavailable(type(error).__name__) from error


async def _store(connection: AsyncConnection, stream: str, appends: Sequence[Append]) -> list[Outcome]:
    lock = select(streams.c.last, func.clock_timestamp()).where(streams.c.stream == stream).with_for_update()
    locked = (await connection.execute(lock)).one_or_none()
    if locked is None:
        await _open(connection, stream)
        locked = (await connection.execute(lock)).one()
    last, now = locked
    # READ COMMITTED: statements after the lock see everything the previous holder committed.
    heads, known = await _heads(connection, appends), await _known(connection, appends)
    outcomes: list[Outcome] = []
    rows: list[dict[str, Any]] = []
    for append in appends:
        replay = known.get((append.subject, append.commit_id))
        actual = heads.get(append.subject, 0)
        if replay is not None:
            outcomes.append(Stored(replay.seq, replay=replay))
        elif actual != append.expected:
            outcomes.append(Conflict(append.subject, append.expected, actual))
        else:
            last += 1
            recorded = Recorded(append.subject, last, append.body, dict(append.headers), now)
            heads[append.subject], known[append.subject, append.commit_id] = last, recorded
            rows.append(_row(stream, append.commit_id, recorded))
            outcomes.append(Stored(last))
    if rows:
        await connection.execute(insert(commits), rows)
        await connection.execute(update(streams).where(streams.c.stream == stream).values(last=last))
        await connection.execute(select(func.pg_notify(CHANNEL, stream)))
    return outcomes


async def _heads(connection: AsyncConnection, appends: Sequence[Append]) -> dict[str, int]:
    query = select(commits.c.subject, func.max(commits.c.seq)).where(_among(commits.c.subject, [append.subject for append in appends]))
    return {row.subject: row[1] for row in await connection.execute(query.group_by(commits.c.subject))}


async def _known(connection: AsyncConnection, appends: Sequence[Append]) -> dict[tuple[str, str], Recorded]:
    query = select(*_RECORDED, commits.c.commit_id).where(
        _among(commits.c.subject, [append.subject for append in appends]),
        _among(commits.c.commit_id, [append.commit_id for append in appends]),
    )
    return {(row.subject, row.commit_id): _recorded(row) for row in await connection.execute(query)}


async def _open(connection: AsyncConnection, stream: str) -> None:
    await connection.execute(insert(streams).values(stream=stream).on_conflict_do_nothing())


async def _page(connection: AsyncConnection, stream: str, after: int, batch: int) -> list[Recorded]:
    query = select(*_RECORDED).where(commits.c.stream == stream, commits.c.seq > after).order_by(commits.c.seq).limit(batch)
    return [_recorded(row) for row in await connection.execute(query)]


def _contiguous(stream: str, position: int, found: Sequence[Recorded]) -> int:
    for recorded in found:
        if recorded.seq != position + 1:
            raise GapDetected(stream, position + 1, recorded.seq)
        position = recorded.seq
    return position


def _among(column: Column[Any], values: Sequence[str]) -> ColumnElement[bool]:
    # One array parameter instead of one per member: the statement stays the same text and stays prepared.
    return column == any_(bindparam(None, list(values), type_=ARRAY(Text)))


def _row(stream: str, commit_id: str, recorded: Recorded) -> dict[str, Any]:
    return {
        "stream": stream,
        "seq": recorded.seq,
        "subject": recorded.subject,
        "commit_id": commit_id,
        "body": recorded.body,
        "headers": dict(recorded.headers),
        "recorded_at": recorded.recorded_at,
    }


def _recorded(row: _Row) -> Recorded:
    return Recorded(row.subject, row.seq, row.body, row.headers, row.recorded_at)
