"""Public fakes and the test language of deciders: given(history).when(decide).then(events).

Ships with the real thing, so that no test invents its own. Imports no test framework; failures are AssertionErrors.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain as chained
from itertools import repeat
from typing import Final, Generic, Literal, TypeVar

from libs.events.algorithms import NONCE_BYTES, TAG_BYTES, DigestName, Sealed
from libs.events.codec import chain, encode
from libs.events.commit import Actor, Commit
from libs.events.errors import LiandongError, NotFound, Refused, Unavailable
from libs.events.execute import Evolve, Order
from libs.events.language import Event
from libs.events.store import Append, EventStore, Outcome, Recorded, Stored

State = TypeVar("State")
Step = Event | Sequence[Event]
Decide = Callable[[State], Sequence[Event]]

START: Final = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)  # A Monday, nine in the morning in Ningbo.
PARTNER: Final = Actor(kind="partner", id="party-sample", role="partner")
ENTERPRISE: Final = Actor(kind="partner", id="party-sample", role="partner", on_behalf_of="ent-sample")
CLERK: Final = Actor(kind="person", id="person-sample", role="clerk", node="nb-window-sample")
ROUTER: Final = Actor(kind="system", id="router")
REGISTRAR: Final = Actor(kind="person", id="person-registrar", role="system_admin")


def at(n: float) -> datetime:
    """The moment `n` seconds after the fixed start of all tests, UTC."""
    return START + timedelta(seconds=n)


def sealed(text: str = "密文") -> Sealed:
    """A well-formed ciphertext that no key opens; equal texts give equal values."""
    return Sealed(k="key-sample", a="AES-256-GCM", n=_b64(bytes(NONCE_BYTES)), c=_b64(text.encode() + bytes(TAG_BYTES)))


def commits(entity: str, *steps: Step, actor: Actor = PARTNER, digest: DigestName = "sha256") -> list[tuple[Commit, bytes]]:
    """Chain commits of one entity, one per step (an event or several), one second apart, with their exact bytes."""
    made: list[tuple[Commit, bytes]] = []
    for version, step in enumerate(steps, 1):
        prev = chain(made[-1][1], digest) if made else None
        events = (step,) if isinstance(step, Event) else tuple(step)
        commit = Commit(entity, version, prev, "Test", f"{entity}/{version}", None, at(version), actor, events)
        made.append((commit, encode(commit)))
    return made


async def record(store: EventStore, subject: str, entity: str, *steps: Step, actor: Actor = PARTNER) -> list[Recorded]:
    """Store chained commits as the whole history of a fresh subject and return it. Raises Conflict, Unavailable."""
    expected = 0
    for commit, body in commits(entity, *steps, actor=actor):
        expected = (await store.append(Append(subject, expected, commit.command_id, body))).seq
    return await store.load(subject, at_least=expected)


@dataclass(frozen=True, slots=True)
class Scenario(Generic[State]):
    """A decider under test: `Scenario(initial, evolve).given(…).when(…).then(…)`."""

    initial: State
    evolve: Evolve[State]

    def given(self, *history: Step) -> Given[State]:
        """What happened before, one commit per step: an event, or a sequence of events that were committed together."""
        return Given(_fold(self.evolve, self.initial, history, 0), self.evolve, len(history))


@dataclass(frozen=True, slots=True)
class Given(Generic[State]):
    """A state reached by history: `version` commits, the last at `at(version)`."""

    state: State
    evolve: Evolve[State]
    version: int

    def when(self, command: Decide[State] | Order[State]) -> Decided[State]:
        """Run a decision, or the decision of an order, on the state."""
        decide = command.decide if isinstance(command, Order) else command
        try:
            return Decided(self, tuple(decide(self.state)), None)
        except LiandongError as error:
            return Decided(self, (), error)


@dataclass(frozen=True, slots=True)
class Decided(Generic[State]):
    """What a decision came to; one of the `then…` methods says what it should have been."""

    given: Given[State]
    events: tuple[Event, ...]
    error: LiandongError | None

    @property
    def state(self) -> State:
        """The state after the decided events. Raises what the decision raised."""
        if self.error is not None:
            raise self.error
        return _fold(self.given.evolve, self.given.state, [self.events] if self.events else [], self.given.version)

    def then(self, *events: Event) -> Decided[State]:
        """Exactly these events were decided, in this order."""
        if self.error is not None:
            raise AssertionError(f"expected {_names(events)}, but the decision raised {self.error!r}") from self.error
        if self.events != events:
            raise AssertionError(f"expected {_names(events)}\n  {events}\ndecided {_names(self.events)}\n  {self.events}")
        return self

    def then_nothing(self) -> Decided[State]:
        """Nothing was left to do."""
        return self.then()

    def then_refused(self, code: str, *, field: str | None = None) -> None:
        """A rule said no with this code and, if given, for this field."""
        if not isinstance(self.error, Refused):
            raise AssertionError(f"expected refusal {code}, got {self.error!r} and {_names(self.events)}")
        if self.error.code != code or (field is not None and self.error.field != field):
            raise AssertionError(f"expected refusal {code} of {field}, got {self.error.code} of {self.error.field}")

    def then_not_found(self, code: str) -> None:
        """The decision did not find what it was about."""
        if not isinstance(self.error, NotFound) or self.error.code != code:
            raise AssertionError(f"expected NotFound {code}, got {self.error!r} and {_names(self.events)}")


AppendFault = Literal["ok", "lost_ack", "lost_request"]
LoadFault = Literal["ok", "stale", "away"]
_PATIENCE: Final = 100


class FlakyStore:
    """A store behind a bad network, by schedule: one entry per appended member and per answered load, then all is well.

    `lost_ack` stores and answers Unavailable, `lost_request` does not store; `stale` answers without the newest commit,
    as a lagging replica does, and is asked again as long as `at_least` is missing; `away` raises Unavailable.
    """

    def __init__(self, store: EventStore, *, appends: Iterable[AppendFault] = (), loads: Iterable[LoadFault] = ()) -> None:
        self._store = store
        self._appends = chained(appends, repeat("ok"))
        self._loads = chained(loads, repeat("ok"))
        self.attempts: list[Append] = []
        self.answers = 0

    async def append(self, append: Append) -> Stored:
        """Store one commit. Raises Conflict, Unavailable."""
        outcome = (await self.append_many([append]))[0]
        if isinstance(outcome, Stored):
            return outcome
        raise outcome

    async def append_many(self, appends: Sequence[Append]) -> list[Outcome]:
        """Store the members whose request is not lost, and lose acknowledgements."""
        self.attempts += appends
        faults = [next(self._appends) for _ in appends]
        sent = [append for append, fault in zip(appends, faults, strict=True) if fault != "lost_request"]
        stored = iter(await self._store.append_many(sent))
        outcomes: list[Outcome] = []
        for fault in faults:
            outcome = Unavailable("request lost") if fault == "lost_request" else next(stored)
            outcomes.append(outcome if fault == "ok" else Unavailable(fault))
        return outcomes

    async def load(self, subject: str, after: int = 0, *, at_least: int = 0) -> list[Recorded]:
        """Commits of one subject, perhaps stale, but never short of `at_least`. Raises Unavailable."""
        for _ in range(_PATIENCE):
            fault = next(self._loads)
            self.answers += 1
            if fault == "away":
                raise Unavailable("away")
            found = await self._store.load(subject, after, at_least=at_least)
            if fault == "stale":
                found = found[:-1]
            if (found[-1].seq if found else after) >= at_least:
                return found
        raise Unavailable("stale for too long")

    async def last(self, subject: str) -> Recorded | None:
        """The leader's answer: never stale."""
        return await self._store.last(subject)

    def read(self, stream: str, after: int = 0, *, batch: int = 500) -> AsyncGenerator[list[Recorded], None]:
        """The store's own reader."""
        return self._store.read(stream, after, batch=batch)

    async def position(self, stream: str) -> int:
        """Last sequence of a stream."""
        return await self._store.position(stream)

    async def created(self, stream: str) -> str:
        """Identity of a stream."""
        return await self._store.created(stream)


def _fold(evolve: Evolve[State], state: State, history: Iterable[Step], version: int) -> State:
    for number, step in enumerate(history, version + 1):
        for event in (step,) if isinstance(step, Event) else step:
            state = evolve(state, event, version=number, at=at(number))
    return state


def _names(events: Iterable[Event]) -> str:
    return ", ".join(event.name() for event in events) or "nothing"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
