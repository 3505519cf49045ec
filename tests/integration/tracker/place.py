"""A tracker without HTTP: a store in memory, the real database, and what tests ask of them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.machine.testing import Database
from libs.chassis.keyring import Kek, KeyRing
from libs.chassis.metrics import Metrics
from libs.directory import Directory
from libs.events import Recorded
from libs.events.memory import MemoryEventStore
from libs.events.names import demand_stream
from services.tracker.consumers import BATCH, CellWriter, Followers
from services.tracker.feed import Bell
from services.tracker.generations import active_version
from services.tracker.metrics import TrackerMetrics
from services.tracker.rights import Scope
from services.tracker.tables import schema_of
from services.tracker.views import Views
from tests.unit.tracker.histories import History, key_of

KEK = Kek(b"k" * 32)
EVERYTHING = Scope("testnet", None, None, reads_text=True)


class PlainStore(MemoryEventStore):
    """The store in memory, with streams laid down as they are: also with bytes no writer would write."""

    def __init__(self) -> None:
        super().__init__()
        self.born = "2026-01-01T00:00:00Z"

    def lay(self, stream: str, recorded: Sequence[Recorded]) -> None:
        """Add messages to a stream with the sequences they have."""
        self._streams[stream].extend(recorded)

    def cut(self, stream: str, last: int) -> None:
        """Lose everything after a sequence, as a restored backup does."""
        del self._streams[stream][last:]

    def replace(self, stream: str, seq: int, body: bytes) -> None:
        """Change bytes in place."""
        old = self._streams[stream][seq - 1]
        self._streams[stream][seq - 1] = Recorded(old.subject, seq, body, old.headers, old.recorded_at)

    async def created(self, stream: str) -> str:
        return self.born


class OpenCells:
    """The part of a directory follower that tells which cells are open."""

    def __init__(self) -> None:
        self.directory = Directory(cells={"t1": "open"})
        self._callbacks: list[Callable[[Directory], None]] = []

    def on_change(self, callback: Callable[[Directory], None]) -> None:
        """Call back when a cell opens."""
        self._callbacks.append(callback)

    def open(self, cell: str) -> None:
        """Open one more cell."""
        self.directory = Directory(cells={**self.directory.cells, cell: "open"})
        for callback in self._callbacks:
            callback(self.directory)


class Place:
    """One cell `t1` with its database."""

    def __init__(self, engine: AsyncEngine, database: Database, kek: Kek) -> None:
        self.engine = engine
        self.database = database
        self.store = PlainStore()
        self.keys = KeyRing(engine, kek)
        self.views = Views(engine)
        self.bell = Bell()
        self.metrics = Metrics("tracker")
        self.tracker_metrics = TrackerMetrics(self.metrics)
        self._kek = kek
        self.directory = OpenCells()
        self._writers: list[CellWriter] = []
        self._followers: list[Followers] = []

    def writer(self, cell: str = "t1") -> CellWriter:
        """One more tracker process, as far as the database can tell."""
        writer = CellWriter(self.engine, self.store, self.keys, cell, bell=self.bell, metrics=self.tracker_metrics)
        self._writers.append(writer)
        return writer

    def followers(self) -> Followers:
        """One more tracker process that follows every open cell."""
        found = Followers(
            self.engine,
            self.store,
            self.keys,
            self.directory,
            bell=self.bell,
            metrics=self.tracker_metrics,
            cell="t1",
        )
        self._followers.append(found)
        return found

    async def next_writer(self, before: CellWriter) -> CellWriter:
        """The process that comes after another one has gone."""
        await before.close()
        return self.writer()

    async def close(self) -> None:
        """Give up every lead."""
        for followers in self._followers:
            await followers.stop()
        for writer in self._writers:
            await writer.close()

    async def know(self, histories: Iterable[History]) -> None:
        """Store the demands' keys, as intake does before it seals anything."""
        now = datetime.now(UTC)
        keys = [key_of(history.demand) for history in histories]
        rows = [(key.key_id, self._kek.wrap(key, secrets.token_bytes(12)), self._kek.kek_id, now) for key in keys]
        connection = await asyncpg.connect(self.database.url("ld_intake"), ssl=False)
        try:
            await connection.executemany("insert into keyring.data_key values ($1, $2, $3, $4) on conflict do nothing", rows)
        finally:
            await connection.close()

    async def feed(self, writer: CellWriter, recorded: Sequence[Recorded], *, batch: int = BATCH, cell: str = "t1") -> None:
        """Lay messages down and let a writer that holds the lead apply them batch by batch."""
        self.store.lay(demand_stream(cell), recorded)
        for start in range(0, len(recorded), batch):
            await writer.apply(recorded[start : start + batch])

    async def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """Run a query as the tracker; `{v}` is the active generation."""
        async with self.engine.begin() as connection:
            version = schema_of(await active_version(connection))
            found = await connection.execute(text(query.replace("{v}", version)), values)
            return [tuple(row) for row in found] if found.returns_rows else []

    async def snapshot(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every view."""
        tables = {"demand": "id", "demand_text": "id", "change": "cell, seq", "tally": "cell, seq, place", "parked": "demand"}
        return {name: await self.rows(f"select * from {{v}}.{name} order by {order}") for name, order in tables.items()}


async def until(holds: Callable[[], bool | Awaitable[bool]], within: float = 20) -> None:
    """Wait until a condition holds. Raises TimeoutError."""
    async with asyncio.timeout(within):
        while True:
            found = holds()
            if await found if isinstance(found, Awaitable) else found:
                return
            await asyncio.sleep(0.02)
