"""What a running registry holds, and how it runs one command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel
from pydantic_core import to_json

from libs.chassis.commands import trace_headers
from libs.chassis.follower import DirectoryFollower
from libs.events import Actor, EventStore, Refused
from libs.events.algorithms import digest
from libs.events.execute import Done, Order, execute
from libs.events.names import command_id, registry_subject
from services.registry.domain import INITIAL, Command, EntityState, decide, entity_of, evolve

FOLLOW_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Rooms:
    """Open connections and what comes from outside."""

    store: EventStore
    follower: DirectoryFollower
    now: Callable[[], datetime]
    random_bytes: Callable[[int], bytes]

    async def run(self, command: Command, actor: Actor, key: str, body: BaseModel | None = None) -> Done[EntityState]:
        """Run one command and wait until this process sees it itself. `body` is what makes two requests under one key the same.

        Raises Refused (idempotency_key_reused), NotFound, Conflict, Unavailable.
        """
        entity = entity_of(command)
        name = type(command).__name__
        order: Order[EntityState] = Order(
            subject=registry_subject(entity),
            entity=entity,
            command=name,
            command_id=command_id(entity, name, actor.id, key),
            actor=actor,
            decide=lambda state: decide(command, state),
            request=digest(to_json(body)) if body is not None else None,
            headers=trace_headers(),
        )
        done = await execute(self.store, order, initial=INITIAL, evolve=evolve, now=self.now)
        if done.replayed and done.commit is not None and done.commit.request != order.request:
            raise Refused("idempotency_key_reused")
        await self.follower.reached(done.seq, FOLLOW_SECONDS)
        return done
