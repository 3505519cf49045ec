"""Which of the 64 partitions this router works on: PostgreSQL advisory locks of one session, shared out fairly.

Every router holds one shared lock that says "I am here"; their number tells each its share. Once a second a router gives back what
is above its share and takes what is free below it. If the session ends, however it ends, its locks are free.

Ownership saves work, it does not protect: of two routers on one partition one loses (optimistic concurrency on the demand, compare-and-set
on the checkpoint) and no harm is done. Therefore a partition may be given back in the middle of a batch.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.chassis.database import database_errors
from libs.events.names import PARTITIONS
from libs.events.tasks import end

SPACE: Final = 0x4C44_5254
"""First half of the advisory lock keys; the second is the partition, or PARTITIONS for "a router is here"."""

EVERY: Final = 1.0
PATIENCE: Final = 2.0

_JOIN: Final = text("select pg_advisory_lock_shared(:space, :member)")
_HELD: Final = text(
    "select objid::int as part, count(*) as number from pg_locks"
    " where locktype = 'advisory' and granted and objsubid = 2 and classid = :space"
    " and database = (select oid from pg_database where datname = current_database()) group by objid"
)
_TAKE: Final = text("select part from unnest(cast(:parts as int[])) part where pg_try_advisory_lock(:space, part)")
_GIVE: Final = text("select pg_advisory_unlock(:space, part) from unnest(cast(:parts as int[])) part")
_log = structlog.get_logger("ownership")


class PartitionOwnership:
    """One per process. `parts` is what it owns now; `changed` is set, and replaced, whenever that changes."""

    def __init__(self, engine: AsyncEngine, *, every: float = EVERY) -> None:
        self._engine = engine
        self._every = every
        self._connection: AsyncConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self.parts: frozenset[int] = frozenset()
        self.changed = asyncio.Event()

    async def start(self) -> None:
        """Take a first share and keep sharing in the background. A database that is away is waited for there."""
        await self._balance_or_let_go()
        self._task = asyncio.create_task(self._keep_balanced())

    async def stop(self) -> None:
        """Give everything back."""
        async with self._turn:  # at most PATIENCE: a query cut in two would leave its connection behind
            if self._task is not None:
                await end([self._task])
            await self._let_go()

    async def balance(self) -> None:
        """Bring what is owned to this router's share. Raises Unavailable; then nothing is owned any more."""
        with database_errors():
            async with asyncio.timeout(PATIENCE):
                connection = await self._session()
                held = {row.part: row.number for row in await connection.execute(_HELD, {"space": SPACE})}
                share = -(-PARTITIONS // max(held.get(PARTITIONS, 1), 1))
                surplus = sorted(self.parts)[share:]
                if surplus:
                    await connection.execute(_GIVE, {"space": SPACE, "parts": surplus})
                    self._own(self.parts.difference(surplus))
                free = [part for part in range(PARTITIONS) if part not in held][: max(share - len(self.parts), 0)]
                if free:
                    taken = (await connection.execute(_TAKE, {"space": SPACE, "parts": free})).scalars().all()
                    self._own(self.parts.union(taken))

    async def _session(self) -> AsyncConnection:
        if self._connection is None:
            connection = await self._engine.connect()
            self._connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(_JOIN, {"space": SPACE, "member": PARTITIONS})
        return self._connection

    async def _keep_balanced(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            await self._balance_or_let_go()

    async def _balance_or_let_go(self) -> None:
        async with self._turn:
            try:
                await self.balance()
            except Exception as error:  # noqa: BLE001 whatever the database says: give up what is owned, and try again
                _log.warning("partitions_lost", error=type(error).__name__, owned=len(self.parts))
                await self._let_go()

    async def _let_go(self) -> None:
        """End the session: that alone frees its locks, whatever state it is in."""
        self._own(frozenset())
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(SQLAlchemyError, OSError):
                await connection.invalidate()
                await connection.close()

    def announce(self) -> None:
        """Make everybody begin again with what is owned."""
        self.changed.set()
        self.changed = asyncio.Event()

    def _own(self, parts: frozenset[int]) -> None:
        if parts != self.parts:
            _log.info("partitions_changed", before=len(self.parts), owned=len(parts))
            self.parts = parts
            self.announce()
