"""The only place that loads, folds, decides, appends and retries.

A decider is three things: `initial`, `evolve(state, event)` and, per command, `decide(state) -> events`. Everything else happens here:
the hash chain, contiguous versions, the command time, optimistic concurrency, replays, and the answer after an unknown outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

from libs.events.codec import chain, decode, encode, follows
from libs.events.commit import Actor, Commit, commit_time
from libs.events.errors import Conflict, Corrupt, LiandongError, Unavailable
from libs.events.language import Event
from libs.events.names import entity_of
from libs.events.store import Append, EventStore, Recorded, Stored

State = TypeVar("State")
ATTEMPTS: Final = 8


class Evolve(Protocol[State]):
    """Fold one event into the state. Pure; never raises."""

    def __call__(self, state: State, event: Event, *, version: int, at: datetime) -> State: ...


@dataclass(frozen=True, slots=True)
class Fold(Generic[State]):
    """Where a subject stands: state, version, last sequence, head digest, last commit time, the commands it has taken."""

    state: State
    version: int = 0
    seq: int = 0
    head: str | None = None
    at: datetime | None = None
    commands: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Order(Generic[State]):
    """One command ready to run on one subject.

    `decide` gets the folded state and returns events; no events means there is nothing to do. It raises Refused or NotFound.
    `known` is an optimistic fold (from a cache or a just-read commit); it is reloaded when it proves stale.
    """

    subject: str
    entity: str
    command: str
    command_id: str
    actor: Actor
    decide: Callable[[State], Sequence[Event]]
    request: str | None = None
    known: Fold[State] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Done(Generic[State]):
    """The command's outcome: the fold after it, its commit (None: nothing to do) and whether it had run before.

    `latest`: of a replay, where the subject stands by now.
    """

    fold: Fold[State]
    commit: Commit | None
    seq: int
    replayed: bool
    latest: Fold[State] | None = None


Result = Done[State] | LiandongError


def read_commit(recorded: Recorded) -> Commit:
    """Decode a stored commit and see that it names the entity of its subject. Raises Corrupt."""
    commit = decode(recorded.body)
    if commit.entity != entity_of(recorded.subject):
        raise Corrupt("the commit names another entity than its subject")
    return commit


def advance(fold: Fold[State], commit: Commit, body: bytes, seq: int, evolve: Evolve[State]) -> Fold[State]:
    """Fold one stored commit. Raises Corrupt if it does not continue `fold`."""
    if commit.version != fold.version + 1 or commit.prev != fold.head:
        raise Corrupt(f"{commit.entity}: version {commit.version} does not follow version {fold.version}")
    state = fold.state
    for event in commit.events:
        state = evolve(state, event, version=commit.version, at=commit.at)
    return Fold(state, commit.version, seq, chain(body), commit.at, fold.commands | {commit.command_id})


def along(initial: State, recorded: Iterable[Recorded], evolve: Evolve[State]) -> Iterator[tuple[Recorded, Commit, Fold[State]]]:
    """Walk along a stored history: each commit with the fold after it. Raises Corrupt when the chain is broken."""
    fold: Fold[State] = Fold(initial)
    for item in recorded:
        commit = read_commit(item)
        fold = advance(fold, commit, item.body, item.seq, evolve)
        yield item, commit, fold


def find(initial: State, recorded: Iterable[Recorded], evolve: Evolve[State], command_id: str) -> tuple[Fold[State], Done[State] | None]:
    """Walk a stored history to its end: where it stands, and the outcome of this command if it has run. Raises Corrupt."""
    fold: Fold[State] = Fold(initial)
    earlier: tuple[Fold[State], Commit, int] | None = None
    for item, commit, fold in along(initial, recorded, evolve):
        if commit.command_id == command_id:
            earlier = fold, commit, item.seq
    return fold, Done(*earlier, replayed=True, latest=fold) if earlier is not None else None


def fold_all(initial: State, recorded: Sequence[Recorded], evolve: Evolve[State], start: Fold[State] | None = None) -> Fold[State]:
    """Fold stored commits in order. Raises Corrupt when the chain is broken."""
    fold = start if start is not None else Fold(initial)
    for item in recorded:
        fold = advance(fold, read_commit(item), item.body, item.seq, evolve)
    return fold


async def load_fold(store: EventStore, subject: str, initial: State, evolve: Evolve[State], *, at_least: int = 0) -> Fold[State]:
    """Load and fold one subject. Version 0 means that it does not exist. Raises Unavailable, Corrupt."""
    return fold_all(initial, await store.load(subject, at_least=at_least), evolve)


async def load_history(store: EventStore, subject: str, initial: State, evolve: Evolve[State]) -> tuple[Fold[State], list[Commit]]:
    """Load one subject: where it stands, and the commits that led there, oldest first. Raises Unavailable, Corrupt."""
    steps = list(along(initial, await store.load(subject), evolve))
    return steps[-1][2] if steps else Fold(initial), [commit for _, commit, _ in steps]


async def execute(
    store: EventStore, order: Order[State], *, initial: State, evolve: Evolve[State], now: Callable[[], datetime]
) -> Done[State]:
    """Run one command to its outcome. Raises Refused, NotFound, Conflict (after many lost races), Unavailable, Corrupt."""
    result = (await execute_many(store, [order], initial=initial, evolve=evolve, now=now))[0]
    if isinstance(result, Done):
        return result
    raise result


async def execute_many(
    store: EventStore, orders: Sequence[Order[State]], *, initial: State, evolve: Evolve[State], now: Callable[[], datetime]
) -> list[Result[State]]:
    """Run many commands, at most one per subject, with one group commit per round. Each gets its own outcome."""
    results: dict[int, Result[State]] = {}
    folds: dict[int, Fold[State] | None] = {index: _usable(order) for index, order in enumerate(orders)}
    for _ in range(ATTEMPTS):
        waiting = [index for index in range(len(orders)) if index not in results]
        if not waiting:
            break
        await _load_missing(store, orders, waiting, folds, results, initial, evolve)
        ready = _decide(orders, [index for index in waiting if index not in results], folds, results, now)
        if not ready:
            continue
        outcomes = await store.append_many([append for _, _, append in ready])
        for (index, commit, append), outcome in zip(ready, outcomes, strict=True):
            fold = folds[index]
            assert fold is not None
            if isinstance(outcome, Stored) and outcome.replay is None:
                results[index] = Done(advance(fold, commit, append.body, outcome.seq, evolve), commit, outcome.seq, replayed=False)
            elif isinstance(outcome, Unavailable):
                results[index] = outcome
            else:  # a conflict or a replay: what is stored decides, so fold all of it
                folds[index] = None
                await _reload(store, orders[index], index, outcome, folds, results, initial, evolve)
    for index, order in enumerate(orders):
        if index not in results:
            fold = folds[index]
            results[index] = Conflict(order.subject, fold.seq if fold else 0, 0)
    return [results[index] for index in range(len(orders))]


def _usable(order: Order[State]) -> Fold[State] | None:
    # A known fold that holds this command already cannot answer it: the stored commit does, whatever the rules say now.
    return None if order.known is not None and order.command_id in order.known.commands else order.known


async def _load_missing(
    store: EventStore,
    orders: Sequence[Order[State]],
    waiting: Sequence[int],
    folds: dict[int, Fold[State] | None],
    results: dict[int, Result[State]],
    initial: State,
    evolve: Evolve[State],
) -> None:
    missing = [index for index in waiting if folds[index] is None]
    if missing:
        await asyncio.gather(*(_reload(store, orders[index], index, None, folds, results, initial, evolve) for index in missing))


async def _reload(
    store: EventStore,
    order: Order[State],
    index: int,
    outcome: Stored | Conflict | None,
    folds: dict[int, Fold[State] | None],
    results: dict[int, Result[State]],
    initial: State,
    evolve: Evolve[State],
) -> None:
    """Fold the subject afresh; if it already holds this command, that commit is the answer, whatever the rules say now."""
    at_least = outcome.seq if isinstance(outcome, Stored) else outcome.actual if isinstance(outcome, Conflict) else 0
    try:
        fold, earlier = find(initial, await store.load(order.subject, at_least=at_least), evolve, order.command_id)
        if earlier is None:
            folds[index] = fold
        else:
            results[index] = earlier
    except (Unavailable, Corrupt) as error:
        results[index] = error


def _decide(
    orders: Sequence[Order[State]],
    waiting: Sequence[int],
    folds: Mapping[int, Fold[State] | None],
    results: dict[int, Result[State]],
    now: Callable[[], datetime],
) -> list[tuple[int, Commit, Append]]:
    ready = []
    for index in waiting:
        order, fold = orders[index], folds[index]
        assert fold is not None
        try:
            events = order.decide(fold.state)
            if not events:
                results[index] = Done(fold, None, fold.seq, replayed=False)
                continue
            commit = Commit(
                entity=order.entity,
                version=fold.version + 1,
                prev=fold.head,
                command=order.command,
                command_id=order.command_id,
                request=order.request,
                at=_as_stored(commit_time(now(), fold.at)),
                actor=order.actor,
                events=tuple(events),
            )
            ready.append((index, commit, Append(order.subject, fold.seq, order.command_id, encode(commit), order.headers)))
        except LiandongError as error:
            results[index] = error
    return ready


def _as_stored(moment: datetime) -> datetime:
    # Bytes carry milliseconds; the fold of an answer must equal the fold of what is stored.
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


__all__ = [
    "Done",
    "Evolve",
    "Fold",
    "Order",
    "Result",
    "advance",
    "along",
    "execute",
    "execute_many",
    "find",
    "fold_all",
    "follows",
    "load_fold",
    "load_history",
    "read_commit",
]
