"""A tiny counter: the smallest decider there is, for what every decider goes through."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from libs.events import Event, Refused
from libs.events.execute import Order
from libs.events.names import entity_of
from libs.events.testing import PARTNER

SUBJECT = "demand.t1.ningbo.00.ningbo-t1-0000000000000000"
ENTITY = "ningbo-t1-0000000000000000"


@dataclass(frozen=True, slots=True)
class Counter:
    """The total, and when it last changed."""

    total: int = 0
    commits: int = 0
    at: datetime | None = None


class Counted(Event):
    """The counter went up."""

    zh: ClassVar[str] = "加 {by}"
    en: ClassVar[str] = "Up by {by}"

    by: int


ZERO = Counter()


def evolve(state: Counter, event: Event, *, version: int, at: datetime) -> Counter:
    """Fold one event."""
    assert isinstance(event, Counted)
    return Counter(state.total + event.by, version, at)


def up(by: int, *, limit: int = 1_000) -> Callable[[Counter], Sequence[Event]]:
    """Decide to count up; refuses beyond the limit, does nothing for zero, splits big steps into two events."""

    def decide(state: Counter) -> Sequence[Event]:
        if state.total + by > limit:
            raise Refused("limit_exceeded", field="by")
        if by == 0:
            return ()
        return (Counted(by=by),) if by < 10 else (Counted(by=9), Counted(by=by - 9))

    return decide


def order(command_id: str, decide: Callable[[Counter], Sequence[Event]], **more: Any) -> Order[Counter]:
    """An order on the one counter, unless told otherwise."""
    return Order(
        **{
            "subject": SUBJECT,
            "entity": entity_of(more.get("subject", SUBJECT)),
            "command": "Count",
            "command_id": command_id,
            "actor": PARTNER,
            "decide": decide,
        }
        | more
    )
