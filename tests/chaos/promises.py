"""The smallest decider that lives by timers: it promises a moment, keeps it when the timer says so, promises the next, until its end."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from libs.events import Actor, Event
from libs.events.codec import TYPES
from libs.events.execute import Order
from libs.events.names import command_id, demand_subject

CLOCKWORK = Actor(kind="system", id="timers")
SHORTEST, LONGEST = 0.5, 2.5


class Promised(Event):
    """A first moment was promised."""

    zh: ClassVar[str] = "约定 {due}"
    en: ClassVar[str] = "Promised for {due}"

    due: datetime


class Kept(Event):
    """The promised moment came and was acted on; the next one, if any, is promised."""

    zh: ClassVar[str] = "如约 {due}"
    en: ClassVar[str] = "Kept at {due}"

    due: datetime
    next: datetime | None = None


class Ended(Event):
    """No further moment will be promised."""

    zh: ClassVar[str] = "到此为止"
    en: ClassVar[str] = "Ended"


@dataclass(frozen=True, slots=True)
class Promise:
    """What it waits for, and whether that is the last."""

    waits: datetime | None = None
    ending: bool = False


NOTHING = Promise()


def learn() -> None:
    """Make the three events part of the language of this process."""
    TYPES.update({cls.__name__: cls for cls in (Promised, Kept, Ended)})  # type: ignore[attr-defined]


def forget() -> None:
    """Take them out again."""
    for cls in (Promised, Kept, Ended):
        TYPES.pop(cls.__name__, None)  # type: ignore[attr-defined]


def evolve(state: Promise, event: Event, *, version: int, at: datetime) -> Promise:
    """Fold one event."""
    match event:
        case Promised(due=due):
            return Promise(due)
        case Kept(next=following):
            return Promise(following, state.ending)
        case _:
            return Promise(state.waits, ending=True)


def promise(demand: str, due: datetime) -> Order[Promise]:
    """Promise the first moment."""
    return _order(demand, "Promise", "first", lambda state: () if state.waits else (Promised(due=due),))


def end(demand: str) -> Order[Promise]:
    """Ask for an end: the moment that is promised now is the last."""
    return _order(demand, "End", "last", lambda state: () if state.ending else (Ended(),))


def keep(demand: str, due: datetime, now: datetime) -> Order[Promise]:
    """Act on a timer, but only if the state still waits for that moment and it has come."""

    def decide(state: Promise) -> Sequence[Event]:
        if state.waits != due or due > now:
            return ()
        gap = timedelta(seconds=random.uniform(SHORTEST, LONGEST))
        following = None if state.ending else now + gap
        return (Kept(due=due, next=following and following.replace(microsecond=following.microsecond // 1000 * 1000)),)

    return _order(demand, "Keep", due.isoformat(), decide)


def _order(demand: str, command: str, key: str, decide: Callable[[Promise], Sequence[Event]], **more: Any) -> Order[Promise]:
    name = command_id(demand, command, "timer", key)
    return Order(subject=demand_subject(demand), entity=demand, command=command, command_id=name, actor=CLOCKWORK, decide=decide, **more)
