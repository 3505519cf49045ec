"""A NATS server of its own for every test (there is one stream TIMERS), and the two timer books as the conformance suite opens them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats as nats_client
import pytest
from nats.aio.client import Client

from cli.machine.testing import RunningNats, RunningPostgres, nats_server, postgres_server
from libs.events import Unavailable
from libs.events.streams import ensure_streams
from libs.events.timer_stream import JetStreamTimers
from libs.events.timers import Fired, MemoryTimers, TimerBook

PATIENCE = 15.0


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[RunningNats]:
    with nats_server(tmp_path / "nats", cells=("t1",)) as server:
        yield server


async def connected(server: RunningNats, user: str) -> Client:
    """A connection that rides out a killed server."""
    return await nats_client.connect(**server.settings(user), reconnect_time_wait=0.02, max_reconnect_attempts=-1, error_cb=_quiet)


async def founded(server: RunningNats) -> None:
    """Create the streams."""
    keeper = await connected(server, "keeper")
    await ensure_streams(keeper, ["t1"])
    await keeper.close()


@pytest.fixture
async def router(nats: RunningNats) -> AsyncIterator[Client]:
    await founded(nats)
    connection = await connected(nats, "router")
    yield connection
    with contextlib.suppress(OSError):  # the server may be down
        await connection.close()


@dataclass
class Watch:
    """A book together with its clock: simulated, or the wall's."""

    book: TimerBook
    start: datetime

    def after(self, seconds: float) -> datetime:
        """A moment counted from the start, on a whole millisecond."""
        return self.start + timedelta(seconds=seconds)

    async def fires(self, count: int, *, answers: dict[str, datetime | None] | None = None, **more: Any) -> list[Fired]:
        """Let time go by until `count` timers have fired and were answered: with None, unless told otherwise."""
        seen: list[Fired] = []

        async def handle(batch: Any) -> dict[str, datetime | None]:
            seen.extend(batch)
            return {timer.demand: (answers or {}).get(timer.demand) for timer in batch}

        async with asyncio.timeout(PATIENCE):
            while len(seen) < count:
                if isinstance(self.book, MemoryTimers) and self.book.next_due is not None and not await self.book.fired(handle, **more):
                    self.book.advance_to(self.book.next_due)
                with contextlib.suppress(Unavailable):  # a request that went into a dying connection
                    await self.book.fired(handle, **{"wait": 0.1, **more})
        return seen


@pytest.fixture(params=["memory", pytest.param("jetstream", marks=pytest.mark.servers)])
async def watch(request: pytest.FixtureRequest) -> AsyncIterator[Watch]:
    if request.param == "memory":
        start = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
        yield Watch(MemoryTimers(start - timedelta(seconds=1)), start)
        return
    server: RunningNats = request.getfixturevalue("nats")
    await founded(server)
    connection = await connected(server, "router")
    book = JetStreamTimers(connection)
    yield Watch(book, datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1))
    await book.close()
    await connection.close()


async def _quiet(_error: Exception) -> None:
    """Lost connections are the point of some of these tests."""
