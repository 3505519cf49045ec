"""The commit: one message, one command's outcome, 1..n events, chained to its predecessor by hash."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from libs.events.errors import ClockAhead
from libs.events.language import Event

ENVELOPE: Final = 1
CLOCK_TOLERANCE: Final = timedelta(minutes=5)

ActorKind = Literal["partner", "person", "node", "system"]


class Actor(BaseModel):
    """Who did it, by pseudonymous ids only: never a person's name."""

    model_config = ConfigDict(frozen=True)

    kind: ActorKind
    id: str
    role: str | None = None
    node: str | None = None
    on_behalf_of: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """One decided command. `version` counts from 1 without gaps; `prev` is the named digest of the predecessor's exact bytes."""

    entity: str
    version: int
    prev: str | None
    command: str
    command_id: str
    request: str | None
    at: datetime
    actor: Actor
    events: Sequence[Event]


def commit_time(now: datetime, previous: datetime | None) -> datetime:
    """Time of the next commit: never before its predecessor's. Raises ClockAhead if that lies over five minutes ahead."""
    if previous is None or now >= previous:
        return now
    if previous - now > CLOCK_TOLERANCE:
        raise ClockAhead("previous commit lies in the future")
    return previous
