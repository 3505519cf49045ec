"""The one error tree of the event store.

::

    LiandongError
    ├── Refused            a rule said no: stable code, HTTP 4xx, never retried
    ├── NotFound           no such demand or registry entity
    ├── Conflict           somebody else committed first: reload and decide again
    ├── Unavailable        outcome unknown or store away: safe to call again with the same command id
    │   └── ClockAhead     the previous commit lies more than five minutes in the future
    ├── GapDetected        a stream sequence is missing: reopen from the checkpoint, then alarm
    ├── Fenced             another process moved the checkpoint: roll back and stand by
    └── Corrupt            bytes that do not decode or do not chain: park the demand
        └── UnknownEvent   a type or schema this release cannot read

One table turns this tree into problem documents (libs/chassis/problems.py), one into retry or park (libs/events/consumer.py).
"""

from __future__ import annotations


class LiandongError(Exception):
    """Root of every error this project raises on purpose."""


class Refused(LiandongError):
    """A rule said no. `code` is stable and documented; `field` names the offending member, never its value."""

    def __init__(self, code: str, *, field: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.field = field


class NotFound(LiandongError):
    """No such demand, assignment or registry entity."""

    def __init__(self, code: str = "demand_not_found") -> None:
        super().__init__(code)
        self.code = code


class Conflict(LiandongError):
    """The subject moved on: `actual` is its last stream sequence as the leader knows it."""

    def __init__(self, subject: str, expected: int, actual: int) -> None:
        super().__init__(f"{subject}: expected sequence {expected}, found {actual}")
        self.subject = subject
        self.expected = expected
        self.actual = actual


class Unavailable(LiandongError):
    """The outcome is unknown or the store is away; the same command may be sent again."""


class ClockAhead(Unavailable):
    """A clock lies: the previous commit is more than five minutes ahead of now."""


class GapDetected(LiandongError):
    """The stream skipped a sequence: `expected` was due, `found` came."""

    def __init__(self, stream: str, expected: int, found: int) -> None:
        super().__init__(f"{stream}: expected sequence {expected}, found {found}")
        self.stream = stream
        self.expected = expected
        self.found = found


class Fenced(LiandongError):
    """Another process owns this checkpoint now."""


class Corrupt(LiandongError):
    """Bytes that do not decode, or a commit that does not chain to its predecessor."""


class UnknownEvent(Corrupt):
    """An event type or schema this release cannot read."""
