"""Commands the router gives itself: who acts, and the deterministic command ids that let everything be repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from libs.chassis.telemetry import inject
from libs.demand import DemandState
from libs.events import Actor, Event
from libs.events.execute import Fold, Order
from libs.events.names import command_id, demand_subject

ACTOR: Final = Actor(kind="system", id="router")
PARTY: Final = "router"


def system_order(
    demand: str,
    command: str,
    key: str,
    decide: Callable[[DemandState], Sequence[Event]],
    *,
    known: Fold[DemandState] | None = None,
    headers: Mapping[str, str] | None = None,
    subject: str | None = None,
) -> Order[DemandState]:
    """A command of the router's own on a demand. The same `key` gives the same command id in every router and after every crash."""
    carried = dict(headers or {})
    if headers is None:
        inject(carried)
    return Order(
        subject=subject or demand_subject(demand),
        entity=demand,
        command=command,
        command_id=command_id(demand, command, PARTY, key),
        actor=ACTOR,
        decide=decide,
        known=known,
        headers=carried,
    )
