"""Group commit: waiting appends go to one stream in one atomic batch (ADR-50 of NATS), one fsync for up to 100 commits.

A batch is all or nothing, so one replay would reject its neighbours. Therefore members whose subject this process has
seen moving on are settled alone; after a rejection the next batches are also looked through with one multi-get; a batch
that is still rejected is bisected. Members that share a commit id wait for one append; a second commit on the same subject waits for
the next batch. An unknown outcome is settled per member by reading back.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import secrets
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, Final, Protocol

import nats.errors
from nats.aio.client import Client

from libs.events.codec import peek_command_id
from libs.events.errors import Conflict, Corrupt, Unavailable
from libs.events.store import Append, Outcome, Recorded, Stored
from libs.events.tasks import end

BATCH: Final = 100
BATCH_BYTES: Final = 512 * 1024
QUEUE: Final = 10_000
PATIENCE: Final = 15.0
LOOK_AHEAD: Final = 8
REMEMBERED: Final = 50_000
WRONG_LAST_SEQUENCE: Final = frozenset({10071, 10164})
DUPLICATE_IN_BATCH: Final = 10201


class ReadBack(Protocol):
    """What settling needs of the store."""

    async def load(self, subject: str, after: int = 0, *, at_least: int = 0) -> list[Recorded]: ...
    async def last(self, subject: str) -> Recorded | None: ...
    async def last_many(self, stream: str, subjects: list[str]) -> dict[str, int]: ...


@dataclass(slots=True, eq=False)
class _Member:
    append: Append
    outcome: asyncio.Future[Outcome]


class GroupCommit:
    """One queue and one writer task for one stream."""

    def __init__(self, connection: Client, stream: str, *, reader: ReadBack, timeout: float) -> None:
        self._connection = connection
        self._stream = stream
        self._reader = reader
        self._timeout = timeout
        self._queue: deque[_Member] = deque()
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._settling: set[asyncio.Task[None]] = set()
        self._look_ahead = 0
        self._heads: OrderedDict[str, int] = OrderedDict()

    async def submit(self, append: Append) -> Outcome:
        """Queue one append and wait for its outcome. A full queue answers Unavailable at once."""
        if len(self._queue) >= QUEUE:
            return Unavailable("commit queue is full")
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name=f"group-commit-{self._stream}")
        member = _Member(append, asyncio.get_running_loop().create_future())
        self._queue.append(member)
        self._wake.set()
        return await member.outcome

    async def close(self) -> None:
        """Stop the writer; whatever still waits gets Unavailable."""
        await end(task for task in (self._writer, *self._settling) if task is not None)
        while self._queue:
            _answer(self._queue.popleft(), Unavailable("store closed"))

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                members = self._take()
                try:
                    await self._commit(members)
                except asyncio.CancelledError:
                    for member in members:
                        _answer(member, Unavailable("store closed"))
                    raise
                except Exception as error:  # noqa: BLE001 one bad member must not leave the others without an answer for ever
                    for member in members:
                        _answer(member, Unavailable(f"append failed: {type(error).__name__}"))

    def _take(self) -> list[_Member]:
        taken: list[_Member] = []
        subjects: dict[str, _Member] = {}
        deferred: list[_Member] = []
        size = 0
        while self._queue and len(taken) < BATCH and size < BATCH_BYTES:
            member = self._queue.popleft()
            head = self._heads.get(member.append.subject, 0)
            if head > member.append.expected:
                self._settle_later(member, at_least=head)
                continue
            twin = subjects.get(member.append.subject)
            if twin is None:
                subjects[member.append.subject] = member
                taken.append(member)
                size += len(member.append.body)
            elif twin.append.commit_id == member.append.commit_id:
                twin.outcome.add_done_callback(lambda done, member=member: self._follow(done, member))  # type: ignore[misc]
            else:
                deferred.append(member)
        self._queue.extendleft(reversed(deferred))
        return taken

    def _follow(self, done: asyncio.Future[Outcome], member: _Member) -> None:
        """A twin with the same commit id: it is a replay of what its leader stored."""
        if done.cancelled():
            _answer(member, Unavailable("leader of the same command failed"))
        else:
            outcome = done.result()
            self._settle_later(member, at_least=outcome.seq if isinstance(outcome, Stored) else 0)

    async def _commit(self, members: list[_Member]) -> None:
        if members and self._look_ahead > 0:
            self._look_ahead -= 1
            members = await self._sort_out(members)
        if not members:
            return
        if len(members) == 1:
            if not await self._once(members[0]):
                self._settle_later(members[0])  # the others do not wait for whoever has trouble
            return
        try:
            answer = await self._publish_batch(members)
        except (TimeoutError, nats.errors.Error, OSError):
            for member in members:  # unknown: stored or not, each is read back and, if absent, appended again
                self._settle_later(member)
            return
        error = answer.get("error")
        if error is None:
            first = int(answer["seq"]) - len(members) + 1
            for offset, member in enumerate(members):
                self._stored(member, first + offset)
        elif error.get("err_code") in WRONG_LAST_SEQUENCE or error.get("err_code") == DUPLICATE_IN_BATCH:
            await self._after_rejection(members)
        else:
            for member in members:
                _answer(member, Unavailable(f"stream refused: {error.get('err_code')}"))

    def _stored(self, member: _Member, seq: int) -> None:
        self._heads[member.append.subject] = seq
        self._heads.move_to_end(member.append.subject)
        if len(self._heads) > REMEMBERED:
            self._heads.popitem(last=False)
        _answer(member, Stored(seq))

    async def _after_rejection(self, members: list[_Member]) -> None:
        looked_through = self._look_ahead > 0
        self._look_ahead = LOOK_AHEAD
        if not looked_through:
            remaining = await self._sort_out(members)
            if len(remaining) < len(members):
                await self._commit(remaining)
                return
        middle = len(members) // 2
        await self._commit(members[:middle])
        await self._commit(members[middle:])

    async def _sort_out(self, members: list[_Member]) -> list[_Member]:
        """Take out members whose subject has moved on; they are settled alone while the batch goes ahead."""
        try:
            last = await self._reader.last_many(self._stream, [member.append.subject for member in members])
        except Unavailable:
            return members
        clean = []
        for member in members:
            if last.get(member.append.subject, 0) > member.append.expected:
                self._settle_later(member, at_least=last[member.append.subject])
            else:
                clean.append(member)
        return clean

    async def _publish_batch(self, members: list[_Member]) -> dict[str, Any]:
        batch, last = secrets.token_hex(8), len(members)
        for number, member in enumerate(members[:-1], 1):
            headers = _guarded(member.append) | {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            await self._connection.publish(member.append.subject, member.append.body, headers=headers)
        final = members[-1].append
        headers = _guarded(final) | {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(last), "Nats-Batch-Commit": "1"}
        return await self._request(final, headers)

    async def _request(self, append: Append, headers: dict[str, str]) -> dict[str, Any]:
        message = await self._connection.request(append.subject, append.body, timeout=self._timeout, headers=headers)
        answer: dict[str, Any] = json.loads(message.data)
        return answer

    async def _alone(self, member: _Member) -> None:
        """Append one commit by itself: publish, and read back whenever the answer is not plain."""
        delay, deadline = 0.02, asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            if await self._once(member):
                return
            try:
                outcome = await self._read_back(member.append)
            except Unavailable:
                outcome = None
            if outcome is not None:
                _answer(member, outcome)
                return
            await asyncio.sleep(delay * (0.5 + random.random()))  # noqa: S311 jitter, not a secret
            delay = min(delay * 2, 1.0)
        _answer(member, Unavailable("append outcome unknown; the same command may be sent again"))

    async def _once(self, member: _Member) -> bool:
        """Publish one commit; tell whether the answer was plain and has been passed on."""
        with contextlib.suppress(TimeoutError, nats.errors.Error, OSError):
            answer = await self._request(member.append, _guarded(member.append))
            error = answer.get("error")
            if error is None and not answer.get("duplicate"):
                self._stored(member, int(answer["seq"]))
                return True
            if error is not None and error.get("err_code") not in WRONG_LAST_SEQUENCE and error.get("code") != 503:
                _answer(member, Unavailable(f"stream refused: {error.get('err_code')}"))
                return True
        return False

    async def _read_back(self, append: Append, at_least: int = 0) -> Outcome | None:
        """What the leader holds decides: our commit (a replay), somebody else's (a conflict), or nothing yet (None)."""
        if at_least == 0:  # otherwise it is known already that the subject has moved on
            last = await self._reader.last(append.subject)
            if last is None:
                return None if append.expected == 0 else Conflict(append.subject, append.expected, 0)
            at_least = last.seq
        recorded = await self._reader.load(append.subject, at_least=at_least)
        for item in recorded:
            if _is_commit(item, append.commit_id):
                return Stored(item.seq, replay=item)
        if recorded[-1].seq == append.expected:
            return None
        return Conflict(append.subject, append.expected, recorded[-1].seq)

    def _settle_later(self, member: _Member, at_least: int = 0) -> None:
        task = asyncio.create_task(self._settle(member, at_least))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, member: _Member, at_least: int) -> None:
        try:
            outcome = await self._read_back(member.append, at_least)
            if outcome is None:
                await self._alone(member)
            else:
                _answer(member, outcome)
        except Unavailable as error:
            _answer(member, error)
        except Exception as error:  # noqa: BLE001 a defect must not leave anybody without an answer for ever
            _answer(member, Unavailable(f"append failed: {type(error).__name__}"))
        finally:
            _answer(member, Unavailable("store closed"))


def _is_commit(item: Recorded, commit_id: str) -> bool:
    try:
        return peek_command_id(item.body) == commit_id
    except Corrupt:
        return False  # whatever it is, it is not ours


def _guarded(append: Append) -> dict[str, str]:
    return {
        **append.headers,
        "Nats-Msg-Id": append.commit_id,
        "Nats-Expected-Last-Subject-Sequence": str(append.expected),
    }


def _answer(member: _Member, outcome: Outcome) -> None:
    if not member.outcome.done():
        member.outcome.set_result(outcome)
