"""Follows the registry's stream into a Directory that every request can read without waiting.

Freshness is proved, not assumed: the directory is as new as the last moment at which the store's own position was known to be
reached. Older than `max_age`, it refuses; a commit it cannot read might be a revocation, so that refuses too until a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Final, cast

import structlog

from libs.directory import Directory, evolve
from libs.events.codec import decode
from libs.events.errors import Corrupt, GapDetected, Unavailable
from libs.events.names import REGISTRY_STREAM, registry_entity
from libs.events.registry import RegistryEvent
from libs.events.store import EventStore, Recorded
from libs.events.tasks import end

CONFIRM_EVERY: Final = timedelta(seconds=5)
START_WITHIN: Final = 30.0
_SHORTEST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 3.0
_log = structlog.get_logger("follower")


class RegistryStale(Unavailable):
    """This process does not know the registry well enough to answer."""

    code = "registry_stale"


class DirectoryFollower:
    """One per process. `now` returns timezone-aware time; `confirm_every` is how often the store is asked for its position."""

    def __init__(
        self,
        store: EventStore,
        *,
        now: Callable[[], datetime],
        max_age: timedelta = timedelta(seconds=30),
        confirm_every: timedelta = CONFIRM_EVERY,
    ) -> None:
        self._store = store
        self._now = now
        self._max_age = max_age
        self._confirm_every = confirm_every.total_seconds()
        self._directory = Directory()
        self._position = 0
        self._life: str | None = None
        self._confirmed: datetime | None = None
        self._awaited: tuple[int, datetime] | None = None
        self._undecodable = 0
        self._moved = asyncio.Event()
        self._callbacks: list[Callable[[Directory], None]] = []
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def directory(self) -> Directory:
        """The registry's facts up to `position`."""
        return self._directory

    @property
    def position(self) -> int:
        """Sequence of the last commit that was read."""
        return self._position

    @property
    def undecodable(self) -> int:
        """How many registry commits this release could not read."""
        return self._undecodable

    @property
    def ready(self) -> bool:
        """Whether the directory may be used: fresh, and every commit understood."""
        if self._undecodable or self._confirmed is None:
            return False
        return self._now() - self._confirmed <= self._max_age

    def check_fresh(self) -> None:
        """Raise RegistryStale unless `ready`."""
        if not self.ready:
            raise RegistryStale("a registry commit cannot be read" if self._undecodable else "the registry position is not confirmed")

    def on_change(self, callback: Callable[[Directory], None]) -> None:
        """Call back with the directory after every batch of commits. The callback must be quick and must not raise."""
        self._callbacks.append(callback)

    async def start(self, within: float = START_WITHIN) -> None:
        """Read the registry up to where it stands now, then keep following. Raises Unavailable, RegistryStale after `within` seconds."""
        asked = self._now()
        target = await self._store.position(REGISTRY_STREAM)
        self._life = await self._store.created(REGISTRY_STREAM)
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._confirm())]
        try:
            await self.reached(target, within)
        except RegistryStale:
            await self.stop()
            raise
        self._confirm_at(asked)

    async def reached(self, seq: int, timeout: float) -> None:
        """Wait until the commit at `seq` is in the directory. Raises RegistryStale after `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                while self._position < seq:
                    await self._moved.wait()
        except TimeoutError as error:
            raise RegistryStale(f"registry position {self._position} of {seq} after {timeout} s") from error

    async def stop(self) -> None:
        """Stop following. The directory stays as it is."""
        tasks, self._tasks = self._tasks, []
        await end(tasks)

    async def _follow(self) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                await self._reset_if_reborn()
                async with aclosing(self._store.read(REGISTRY_STREAM, after=self._position)) as batches:
                    async for batch in batches:
                        pause = _SHORTEST_PAUSE
                        if batch:
                            self._fold(batch)
            except (Unavailable, GapDetected) as error:
                _log.warning("registry_reading_interrupted", error=type(error).__name__, message=str(error), position=self._position)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _confirm(self) -> None:
        """Ask the store for its position every few seconds; the registry is confirmed as of the moment of asking."""
        while True:
            await asyncio.sleep(self._confirm_every)
            self._revive()
            asked = self._now()
            try:
                position = await self._store.position(REGISTRY_STREAM)
            except Unavailable as error:
                _log.warning("registry_position_unknown", message=str(error))
                continue
            if position < self._position:
                _log.error("registry_went_back", position=self._position, found=position)
                self._forget()
                await end(self._tasks[:1])
            elif position == self._position:
                self._confirm_at(asked)
            else:
                self._awaited = (position, asked)

    def _revive(self) -> None:
        """A follower that stopped must not be confirmed as fresh: begin again, and say why it stopped."""
        task = self._tasks[0]
        if not task.done():
            return
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("registry_follower_failed", exc_info=error, position=self._position)
        self._forget()
        self._tasks[0] = asyncio.create_task(self._follow())

    async def _reset_if_reborn(self) -> None:
        """A stream of another creation time is another registry: begin again, and refuse until it is read."""
        life = await self._store.created(REGISTRY_STREAM)
        if life == self._life:
            return
        if self._position:
            _log.error("registry_reborn", position=self._position)
        self._forget()
        self._life = life

    def _forget(self) -> None:
        """Refuse until the registry is read again from its first commit."""
        self._life = self._confirmed = self._awaited = None
        self._position, self._directory, self._undecodable = 0, Directory(), 0

    def _fold(self, batch: Sequence[Recorded]) -> None:
        directory = self._directory
        for recorded in batch:
            try:
                for event in decode(recorded.body).events:
                    registry_event = cast(RegistryEvent, event)
                    directory = evolve(directory, registry_event, entity=registry_entity(recorded.subject), seq=recorded.seq)
            except Corrupt as error:
                self._undecodable += 1
                _log.error("registry_commit_unreadable", seq=recorded.seq, subject=recorded.subject, message=str(error))
        self._directory = directory
        self._position = batch[-1].seq
        # The stream is in order: whoever has read a commit has read everything up to the moment it was stored.
        self._confirm_at(batch[-1].recorded_at)
        if self._awaited is not None and self._position >= self._awaited[0]:
            self._confirm_at(self._awaited[1])
            self._awaited = None
        for callback in self._callbacks:
            callback(directory)
        self._moved.set()
        self._moved = asyncio.Event()

    def _confirm_at(self, moment: datetime) -> None:
        moment = min(moment, self._now())
        if self._confirmed is None or moment > self._confirmed:
            self._confirmed = moment
