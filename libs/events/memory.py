"""In-memory EventStore: the same rules as the real ones, for unit tests and the policy laboratory."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime

from libs.events.errors import Conflict
from libs.events.names import stream_of
from libs.events.store import Append, Outcome, Recorded, Stored


class MemoryEventStore:
    """Keeps every stream as a list. `now` gives the recorded time."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._streams: defaultdict[str, list[Recorded]] = defaultdict(list)
        self._subjects: defaultdict[str, list[Recorded]] = defaultdict(list)
        self._commits: dict[tuple[str, str], Recorded] = {}
        self._grown = asyncio.Condition()

    async def append(self, append: Append) -> Stored:
        """Store one commit. Raises Conflict."""
        outcome = (await self.append_many([append]))[0]
        if isinstance(outcome, Stored):
            return outcome
        raise outcome

    async def append_many(self, appends: Sequence[Append]) -> list[Outcome]:
        """Store many commits one after the other."""
        outcomes = [self._one(append) for append in appends]
        async with self._grown:
            self._grown.notify_all()
        return outcomes

    def _one(self, append: Append) -> Outcome:
        chain = self._subjects[append.subject]
        replay = self._commits.get((append.subject, append.commit_id))
        if replay is not None:
            return Stored(replay.seq, replay=replay)
        actual = chain[-1].seq if chain else 0
        if actual != append.expected:
            return Conflict(append.subject, append.expected, actual)
        stream = self._streams[stream_of(append.subject)]
        recorded = Recorded(append.subject, len(stream) + 1, append.body, dict(append.headers), self._now())
        stream.append(recorded)
        chain.append(recorded)
        self._commits[append.subject, append.commit_id] = recorded
        return Stored(recorded.seq)

    async def load(self, subject: str, after: int = 0, *, at_least: int = 0) -> list[Recorded]:
        """Commits of one subject; memory is never stale, so `at_least` always holds."""
        return [recorded for recorded in self._subjects[subject] if recorded.seq > after]

    async def last(self, subject: str) -> Recorded | None:
        """The subject's last commit."""
        chain = self._subjects[subject]
        return chain[-1] if chain else None

    async def read(self, stream: str, after: int = 0, *, batch: int = 500) -> AsyncGenerator[list[Recorded], None]:
        """Every commit of a stream, then waiting for more."""
        position = after
        while True:
            found = self._streams[stream][position : position + batch]
            if found:
                position += len(found)
                yield found
                continue
            async with self._grown:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._grown.wait(), timeout=1.0)
            if len(self._streams[stream]) == position:
                yield []

    async def position(self, stream: str) -> int:
        """Last sequence of a stream."""
        return len(self._streams[stream])

    async def created(self, stream: str) -> str:
        """Memory has one life."""
        return "memory"
