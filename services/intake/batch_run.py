"""Run the rows of a batch: each by the very same path as a single submission, several at a time, results in the order of the rows.

A row's own Idempotency-Key follows from the batch's key and its partner_ref, or without one its content. So the stream of each demand
stays the only record: sending the same file again, its rest, or a corrected one under the same key takes up where it ended.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import ValidationError
from pydantic_core import to_json

from libs.chassis.auth import Caller
from libs.chassis.catalogue import CATALOGUE
from libs.chassis.field_errors import FieldError
from libs.chassis.keyring import KeyPoolEmpty
from libs.chassis.problems import code_of, problem_body
from libs.demand import DemandState
from libs.directory import Network
from libs.events import Actor, LiandongError, Refused, Unavailable
from libs.events.algorithms import mac
from libs.events.execute import Done
from services.intake.batch import BatchFile, Row
from services.intake.commanding import own_link
from services.intake.former import FormerCase, former_case
from services.intake.rooms import Rooms
from services.intake.shapes import ImportedDemand
from services.intake.submission import find_submission, network_of, submit

AT_ONCE: Final = 32
POOL_PATIENCE: Final = 5.0
_POOL_PAUSE: Final = 0.05
Outcome = Literal["created", "exists", "refused", "would_create", "not_done"]
OUTCOMES: Final[tuple[Outcome, ...]] = ("created", "exists", "refused", "would_create", "not_done")
_MEMBERS: Final = ("row", "result", "id", "partner_ref", "link", "problem")
FieldErrors = Callable[[ValidationError], list[FieldError]]


@dataclass(frozen=True, slots=True)
class Batch:
    """A file on its way in: under which key, from which former system, and whether anything may be written."""

    key: str
    source: str
    dry_run: bool
    caller: Caller
    actor: Actor
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row. `problem` has no word of what the row said."""

    row: int
    result: Outcome
    id: str | None = None
    partner_ref: str | None = None
    problem: Mapping[str, Any] | None = None
    link: str | None = None

    def members(self) -> dict[str, Any]:
        """The members of its line; what is absent is not there."""
        return {name: value for name in _MEMBERS if (value := getattr(self, name)) is not None}


class BatchRun:
    """One run over a file's rows. Once the store is away, rows not yet begun are told as not done, at once."""

    def __init__(self, rooms: Rooms, batch: Batch, file: BatchFile, field_errors: FieldErrors) -> None:
        self._rooms = rooms
        self._batch = batch
        self._file = file
        self._field_errors = field_errors
        self._words = _words(network_of(rooms.follower.directory, batch.caller))
        self._seen: set[str] = set()
        self._stopped: str | None = None

    async def lines(self) -> AsyncGenerator[bytes, None]:
        """Yield NDJSON: a line per row in the order of rows, then one with the totals."""
        counts: Counter[Outcome] = Counter()
        async with aclosing(in_order(self._file.rows, self._begin, AT_ONCE)) as ready:
            async for results in ready:
                counts.update(result.result for result in results)
                yield b"".join(to_json(result.members()) + b"\n" for result in results)
        yield to_json(self._totals(counts)) + b"\n"

    def _begin(self, row: Row) -> Awaitable[RowResult] | RowResult:
        if row.mistake is not None:
            return _refused(row.number, None, row.mistake.code, [FieldError(row.mistake.field, row.mistake.code)])
        if self._stopped is not None:
            return _not_done(row.number, None, self._stopped)
        try:
            body = self._body(row)
        except ValidationError as error:
            errors = self._field_errors(error)
            return _refused(row.number, None, errors[0].code, errors)
        key = row_key(self._rooms.salt, self._batch.key, body)
        if key in self._seen:
            return _refused(row.number, body.partner_ref, "batch_row_repeated", [FieldError("partner_ref", "batch_row_repeated")])
        self._seen.add(key)
        return self._take(row.number, key, body)

    def _body(self, row: Row) -> ImportedDemand:
        if isinstance(row.content, bytes):
            return ImportedDemand.model_validate_json(row.content)
        members = dict(row.content)
        for member, words in self._words.items():
            given = members.get(member)
            if isinstance(given, str):
                members[member] = words.get(given, given)
        return ImportedDemand.model_validate(members)

    async def _take(self, number: int, key: str, body: ImportedDemand) -> RowResult:
        reference = body.partner_ref
        try:
            if self._stopped is not None:
                return _not_done(number, reference, self._stopped)
            self._rooms.follower.check_fresh()
            former = former_case(body, self._batch.source, self._rooms.desk.now())
            if self._batch.dry_run:
                return await self._look(number, key, body)
            return await self._submit(number, key, body, former)
        except LiandongError as error:
            return self._failed(number, reference, error)

    async def _look(self, number: int, key: str, body: ImportedDemand) -> RowResult:
        rooms = self._rooms
        found = await find_submission(rooms.desk, rooms.follower.directory, rooms.salt, self._batch.caller, key, body)
        if found is None:
            return RowResult(number, "would_create", None, body.partner_ref)
        return self._taken(number, "exists", body, found)

    async def _submit(self, number: int, key: str, body: ImportedDemand, former: FormerCase | None) -> RowResult:
        rooms, batch = self._rooms, self._batch
        ends = asyncio.get_running_loop().time() + POOL_PATIENCE
        while True:
            try:
                directory = rooms.follower.directory
                done = await submit(
                    rooms.desk, rooms.pool, directory, rooms.salt, batch.caller, batch.actor, key, body, batch.headers, former
                )
            except KeyPoolEmpty:
                # A batch may drink faster than the pool fills; that is no reason to send the caller away.
                if asyncio.get_running_loop().time() > ends:
                    raise
                await asyncio.sleep(_POOL_PAUSE)
                continue
            return self._taken(number, "exists" if done.replayed else "created", body, done)

    def _taken(self, number: int, result: Outcome, body: ImportedDemand, done: Done[DemandState]) -> RowResult:
        assert done.commit is not None
        demand, rooms = done.commit.entity, self._rooms
        return RowResult(number, result, demand, body.partner_ref, link=own_link(rooms, demand, done.fold.state))

    def _failed(self, number: int, reference: str | None, error: LiandongError) -> RowResult:
        code = code_of(error)
        if code == "idempotency_key_reused":
            return _refused(number, reference, "batch_row_changed", [])
        if isinstance(error, Unavailable):
            self._stopped = self._stopped or code
        kind = CATALOGUE.get(code, CATALOGUE["internal"])
        if kind.status >= 500 or kind.code == "conflict":
            return _not_done(number, reference, kind.code)
        field = error.field if isinstance(error, Refused) and error.field else None
        return _refused(number, reference, kind.code, [FieldError(field, kind.code)] if field else [])

    def _totals(self, counts: Mapping[Outcome, int]) -> dict[str, Any]:
        counted: dict[str, int] = {"rows": len(self._file.rows)}
        counted.update({outcome: counts[outcome] for outcome in OUTCOMES if counts[outcome]})
        line: dict[str, Any] = {
            "totals": counted,
            "format": self._file.format,
            "encoding": self._file.encoding,
            "dry_run": self._batch.dry_run,
        }
        if self._stopped is not None:
            line["problem"] = _problem(self._stopped)
        return line


async def in_order(
    rows: Sequence[Row], begin: Callable[[Row], Awaitable[RowResult] | RowResult], at_once: int
) -> AsyncGenerator[list[RowResult], None]:
    """Yield the results of rows in their order, those at hand together, while at most `at_once` are in work."""
    waiting: deque[asyncio.Future[RowResult]] = deque()
    try:
        for row in rows:
            waiting.append(_future(begin(row)))
            if len(waiting) >= at_once:
                yield await _ready(waiting)
        while waiting:
            yield await _ready(waiting)
    finally:
        if waiting:  # Nobody listens any more, but what is at the store already ends as it would: no submission is torn in the middle.
            await asyncio.wait(waiting)


async def _ready(waiting: deque[asyncio.Future[RowResult]]) -> list[RowResult]:
    await asyncio.sleep(0)  # Rows that are refused at once must not keep single submissions waiting.
    results = [await asyncio.shield(waiting[0])]
    waiting.popleft()
    while waiting and waiting[0].done():
        results.append(waiting.popleft().result())
    return results


def _future(result: Awaitable[RowResult] | RowResult) -> asyncio.Future[RowResult]:
    if not isinstance(result, RowResult):
        return asyncio.ensure_future(result)
    known: asyncio.Future[RowResult] = asyncio.get_running_loop().create_future()
    known.set_result(result)
    return known


def row_key(salt: bytes, batch: str, body: ImportedDemand) -> str:
    """A row's own Idempotency-Key. Keyed by the salt: command ids are derived from it and must not betray the content of a row."""
    place = f"ref\x00{body.partner_ref}".encode() if body.partner_ref is not None else b"content\x00" + to_json(body, exclude_none=True)
    return "batch:" + mac(salt, batch.encode() + b"\x00" + place).rpartition(":")[2]


def _words(network: Network) -> dict[str, dict[str, str]]:
    """Urgencies and channels by their Chinese titles, for people who fill in tables."""
    urgency, channels = (network.codes(name) for name in ("urgency", "channels"))
    return {
        "urgency": {entry.title_zh: entry.code for entry in urgency},
        "channel": {entry.title_zh: entry.code for entry in channels},
    }


def _refused(row: int, reference: str | None, code: str, errors: Sequence[FieldError]) -> RowResult:
    return RowResult(row, "refused", None, reference, _problem(code, errors))


def _not_done(row: int, reference: str | None, code: str) -> RowResult:
    return RowResult(row, "not_done", None, reference, _problem(code))


def _problem(code: str, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    kind = CATALOGUE.get(code, CATALOGUE["internal"])
    body = problem_body(kind, field=errors[0].field if errors else None, errors=errors if len(errors) > 1 else None)
    return {name: value for name, value in body.items() if name not in ("type", "status")}
