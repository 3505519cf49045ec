"""One HTTP command on an existing demand, from request to outcome; the one order of checks all services share.

1. the demand exists and the caller may touch it (otherwise 404, so that existence is not revealed)
2. its personal data was not erased: afterwards nothing can be sealed or compared any more
3. a replay of the same command is answered with what is stored; the same key with another body is refused
4. If-Match
5. the rules, under optimistic concurrency

A replay comes before If-Match and rules on purpose: the first answer may have been lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel
from pydantic_core import to_json

from libs.chassis.auth import Caller
from libs.chassis.keyring import DataKey, seal_text
from libs.chassis.telemetry import inject
from libs.demand import INITIAL, DemandState, Standing, Timing, evolve
from libs.events import Actor, Event, EventStore, NotFound, Refused, Sealed
from libs.events.algorithms import mac
from libs.events.commit import ActorKind
from libs.events.execute import Done, Fold, Order, execute, find, load_fold
from libs.events.names import command_id, demand_subject

Seal = Callable[[str, str], Sealed]
"""`seal(field, text)`: encrypt text for one field of the commit that is being made."""


class DataKeys(Protocol):
    """Where a demand's own key comes from; NotFound when it was destroyed."""

    async def get(self, key_id: str) -> DataKey: ...
    def remember(self, key: DataKey) -> None: ...
    def forget(self, key_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class CommandDesk:
    """What running a command needs from outside: the store, keys, the clock, randomness."""

    store: EventStore
    keys: DataKeys
    now: Callable[[], datetime]
    random_bytes: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class CommandCall:
    """One command as it came in. `key` is the Idempotency-Key, `party` whose key space it counts in."""

    demand: str
    command: str
    party: str
    actor: Actor
    key: str
    body: BaseModel
    if_match: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def request_mac(key: DataKey, body: BaseModel) -> str:
    """Fingerprint of a request under the demand's own key: reveals nothing once the key is destroyed."""
    return mac(key.key, to_json(body, exclude_none=True))


def trace_headers() -> dict[str, str]:
    """Headers that carry the current trace context with the commit."""
    headers: dict[str, str] = {}
    inject(headers)
    return headers


def sealer(key: DataKey, *, demand: str, command_id: str, random_bytes: Callable[[int], bytes]) -> Seal:
    """Bind `seal_text` to one demand, one commit and its key."""

    def seal(field: str, text: str) -> Sealed:
        return seal_text(text, key, demand=demand, command_id=command_id, field=field, random_bytes=random_bytes)

    return seal


async def key_of(desk: CommandDesk, demand: str, state: DemandState) -> DataKey:
    """The demand's own key, for who may use it. What was erased is refused by its state, and whatever this process remembers forgotten.

    Raises Refused(personal_data_erased), NotFound(key_not_found), Unavailable, Corrupt.
    """
    if not state.erased:
        try:
            return await desk.keys.get(state.key_id)
        except NotFound:  # perhaps destroyed since the state was read
            if not (await load_fold(desk.store, demand_subject(demand), INITIAL, evolve)).state.erased:
                raise
    desk.keys.forget(state.key_id)
    raise Refused("personal_data_erased")


async def run_command(
    desk: CommandDesk,
    call: CommandCall,
    *,
    authorise: Callable[[DemandState], None],
    decide: Callable[[DemandState, Seal], Sequence[Event]],
) -> Done[DemandState]:
    """Run one command on an existing demand. Raises NotFound, Refused, Conflict, Unavailable, Corrupt."""
    subject = demand_subject(call.demand)
    identity = command_id(call.demand, call.command, call.party, call.key)
    fold, earlier = find(INITIAL, await desk.store.load(subject), evolve, identity)
    if fold.version == 0:
        raise NotFound("demand_not_found")
    authorise(fold.state)
    key = await key_of(desk, call.demand, fold.state)
    request = request_mac(key, call.body)
    if earlier is None:
        if call.if_match is not None and call.if_match != fold.version:
            raise Refused("stale_version")
        done = await execute(
            desk.store, _order(desk, call, subject, identity, request, key, fold, decide), initial=INITIAL, evolve=evolve, now=desk.now
        )
    else:
        done = earlier
    if done.replayed and done.commit is not None and done.commit.request != request:
        raise Refused("idempotency_key_reused")
    return done


def _order(
    desk: CommandDesk,
    call: CommandCall,
    subject: str,
    identity: str,
    request: str,
    key: DataKey,
    fold: Fold[DemandState],
    decide: Callable[[DemandState, Seal], Sequence[Event]],
) -> Order[DemandState]:
    seal = sealer(key, demand=call.demand, command_id=identity, random_bytes=desk.random_bytes)

    def checked(state: DemandState) -> Sequence[Event]:
        if call.if_match is not None and state is not fold.state:
            raise Refused("stale_version")  # somebody else committed while we were deciding
        return decide(state, seal)

    return Order(
        subject=subject,
        entity=call.demand,
        command=call.command,
        command_id=identity,
        actor=call.actor,
        decide=checked,
        request=request,
        known=fold,
        headers=call.headers,
    )


def actor_of(caller: Caller) -> Actor:
    """Who acts, by pseudonymous ids: the party behind the key, its role and node; an enterprise by its own link."""
    kind: ActorKind = "partner" if caller.role in ("partner", "enterprise") else "person"
    return Actor(kind=kind, id=caller.party, role=caller.role, node=caller.node)


def timing_of(desk: CommandDesk, standing: Standing, state: DemandState) -> Timing:
    """The time of a command on a demand and the clocks it counts by: the demo clocks for sample demands."""
    return Timing(desk.now(), standing.network.clocks(state.sample))
