"""The EventStore port: append with optimistic concurrency, load one subject, read a stream without gaps.

Three adapters satisfy one conformance suite (tests/contract): memory, JetStream, PostgreSQL.

* `expected` is the last stream sequence of the subject as the caller knows it; 0 means "must not exist".
* The commit id makes an append repeatable: after an unknown outcome the same append returns what is stored, and never a second copy.
* Races have exactly one winner.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from libs.events.errors import Conflict, Unavailable


@dataclass(frozen=True, slots=True)
class Append:
    """One commit to store on one subject, guarded by the subject's last sequence."""

    subject: str
    expected: int
    commit_id: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stored commit: exact bytes, stream sequence from 1, user headers, the server's own time."""

    subject: str
    seq: int
    body: bytes
    headers: Mapping[str, str]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Stored:
    """The append stands at `seq`. `replay` holds the earlier bytes when this commit id was stored before."""

    seq: int
    replay: Recorded | None = None


Outcome = Stored | Conflict | Unavailable


class EventStore(Protocol):
    """What deciders and readers need from a store. One instance serves one process and many tasks."""

    async def append(self, append: Append) -> Stored:
        """Store one commit. Raises Conflict (somebody else was first) or Unavailable (outcome unknown)."""
        ...

    async def append_many(self, appends: Sequence[Append]) -> list[Outcome]:
        """Store many commits, each with its own outcome, in the order given. Never raises for a single member."""
        ...

    async def load(self, subject: str, after: int = 0, *, at_least: int = 0) -> list[Recorded]:
        """Commits of one subject with sequence > `after`, oldest first.

        `at_least`: do not answer before this sequence is included (a stale replica is asked again). Raises Unavailable.
        """
        ...

    async def last(self, subject: str) -> Recorded | None:
        """The subject's last commit as the leader knows it (read your own write). Raises Unavailable."""
        ...

    def read(self, stream: str, after: int = 0, *, batch: int = 500) -> AsyncGenerator[list[Recorded], None]:
        """Every commit of a stream with sequence > `after`, in order, without gaps, then waiting for more.

        Yields an empty list about once a second while nothing comes. Raises GapDetected or Unavailable; reopen from the checkpoint.
        """
        ...

    async def position(self, stream: str) -> int:
        """Last sequence of a stream as the leader knows it; 0 when empty. Raises Unavailable."""
        ...

    async def created(self, stream: str) -> str:
        """Identity of a stream: its creation time. A checkpoint of another identity is not valid here."""
        ...
