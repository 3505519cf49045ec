"""The three adapters as the conformance suite opens them, each over a connection of its own."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit, urlunsplit

import nats
from pydantic_core import to_json
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from cli.machine.testing import RunningNats, RunningPostgres
from libs.events import Append, EventStore
from libs.events.jetstream import JetStreamEventStore
from libs.events.memory import MemoryEventStore
from libs.events.names import demand_stream, demand_subject
from libs.events.postgres import PostgresEventStore, create_schema
from libs.events.streams import ensure_streams, expected_config

Kind = Literal["memory", "postgres", "jetstream"]
KINDS: Sequence[Kind] = ("memory", "postgres", "jetstream")
CELLS = [f"t{number:03}" for number in range(400)]  # The NATS permissions name every cell; each test takes a fresh one.


@dataclass
class Servers:
    """The servers of the test session, started when first asked for."""

    start_nats: Callable[[], RunningNats]
    start_postgres: Callable[[], RunningPostgres]
    cells: Any = field(default_factory=lambda: iter(CELLS))


@dataclass(frozen=True)
class Place:
    """A fresh stream on one kind of store."""

    kind: Kind
    cell: str
    servers: Servers
    memory: MemoryEventStore = field(default_factory=MemoryEventStore)
    _numbers: Any = field(default_factory=itertools.count)

    @property
    def stream(self) -> str:
        """The stream's name."""
        return demand_stream(self.cell)

    def subject(self) -> str:
        """A fresh subject of the stream."""
        return demand_subject(f"ningbo-{self.cell}-{next(self._numbers):016}")

    @property
    def port(self) -> int:
        """The port of the server behind the store."""
        return int(urlsplit(self.url()).port or 0)

    async def prepare(self, *, window: float = 120.0) -> None:
        """Create the stream or the tables; `window` is JetStream's duplicate window in seconds."""
        if self.kind == "postgres":
            engine = database(self.url())
            await create_schema(engine)
            await engine.dispose()
        elif self.kind == "jetstream":
            keeper = await nats.connect(**self.servers.start_nats().settings("keeper"))
            if window != 120.0:
                config = expected_config(self.stream, [f"demand.{self.cell}.>"], 1)
                config.duplicate_window = window
                await keeper.jetstream().add_stream(config)
            await ensure_streams(keeper, cells=[self.cell], replicas=1)
            await keeper.close()

    @asynccontextmanager
    async def opened(self, *, through: int | None = None, timeout: float = 5.0) -> AsyncIterator[EventStore]:
        """A store on a connection of its own; `through` is the port of a proxy."""
        url = self.url() if through is None else _with_port(self.url(), through)
        if self.kind == "memory":
            yield self.memory
        elif self.kind == "postgres":
            engine = database(url)
            try:
                yield PostgresEventStore(engine)
            finally:
                await engine.dispose()
        else:
            settings = {**self.servers.start_nats().settings("router"), "servers": url}
            connection = await nats.connect(**settings, reconnect_time_wait=0.02, max_reconnect_attempts=-1, error_cb=_quiet)
            store = JetStreamEventStore(connection, timeout=timeout)
            try:
                yield store
            finally:
                await store.close()
                await connection.close()

    def url(self) -> str:
        """The address of the server behind the store, as its superuser."""
        match self.kind:
            case "memory":
                return ""
            case "postgres":
                return self.servers.start_postgres().server.admin_url("liandong")
            case "jetstream":
                return self.servers.start_nats().url


def database(url: str) -> AsyncEngine:
    """An engine for a plain `postgresql://` address."""
    return create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://"), pool_size=5, connect_args={"ssl": False})


def commit(subject: str, expected: int, commit_id: str, *, note: str = "", **headers: str) -> Append:
    """An append whose body says as little as stores look at: the envelope's number and the command id."""
    body = to_json({"v": 1, "command_id": commit_id, "note": note})
    return Append(subject, expected, commit_id, body, headers)


def _with_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    login, at, _ = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{login}{at}127.0.0.1:{port}"))


async def _quiet(_error: Exception) -> None:
    """Lost connections are the point of these tests."""
