"""EventStore on NATS JetStream: one literal subject per entity, guarded by its last sequence.

Appends go through the group commit (libs/events/group_commit.py). Reads of one subject use the direct batch get: one round
trip per 256 commits, possibly from a stale replica, hence `at_least`. A stream is read by an ephemeral pull consumer without
acks: the position lives with the reader.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import datetime
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NotFoundError

from libs.events.errors import Unavailable
from libs.events.group_commit import GroupCommit
from libs.events.names import stream_of
from libs.events.store import Append, Outcome, Recorded, Stored
from libs.events.stream_reader import read_stream

BATCH_GET: Final = 256
PATIENCE: Final = 8.0
AWAY: Final = (asyncio.TimeoutError, nats.errors.Error, OSError)


class JetStreamEventStore:
    """The commit point. `connection` needs its own inbox prefix and the rights of its service; see cli/machine/nats.py."""

    def __init__(self, connection: Client, *, timeout: float = 5.0) -> None:
        self._connection = connection
        self._timeout = timeout
        self._jetstream = connection.jetstream(timeout=timeout)
        self._committers: dict[str, GroupCommit] = {}

    async def append(self, append: Append) -> Stored:
        """Store one commit together with whatever else waits. Raises Conflict, Unavailable."""
        outcome = await self._committer(append).submit(append)
        if isinstance(outcome, Stored):
            return outcome
        raise outcome

    async def append_many(self, appends: Sequence[Append]) -> list[Outcome]:
        """Store many commits, each with its own outcome."""
        if len(appends) == 1:
            return [await self._committer(appends[0]).submit(appends[0])]
        return list(await asyncio.gather(*(self._committer(append).submit(append) for append in appends)))

    async def load(self, subject: str, after: int = 0, *, at_least: int = 0) -> list[Recorded]:
        """Commits of one subject, oldest first. Raises Unavailable."""
        delay, deadline = 0.01, asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            try:
                found = await self._load_once(subject, after)
            except AWAY:
                found = None
            if found is not None and (at_least <= after or (found and found[-1].seq >= at_least)):
                return found
            await asyncio.sleep(delay * (0.5 + random.random()))  # noqa: S311 jitter, not a secret
            delay = min(delay * 2, 0.25)
        raise Unavailable("subject cannot be read now")

    async def last(self, subject: str) -> Recorded | None:
        """The subject's last commit from the stream leader. Raises Unavailable."""
        delay, deadline = 0.02, asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            try:
                return _recorded(await self._jetstream.get_msg(stream_of(subject), subject=subject))
            except NotFoundError:
                return None
            except (*AWAY, APIError):
                await asyncio.sleep(delay)
                delay = min(delay * 2, 0.25)
        raise Unavailable("stream leader cannot be read now")

    async def last_many(self, stream: str, subjects: Sequence[str]) -> dict[str, int]:
        """Last sequence of each existing subject, by one multi-get. May be stale. Raises Unavailable."""
        try:
            async with self._direct_get(stream, {"multi_last": list(subjects)}) as answers:
                return {
                    message.headers["Nats-Subject"]: int(message.headers["Nats-Sequence"]) async for message in answers if message.headers
                }
        except AWAY as error:
            raise Unavailable("multi-get failed") from error

    async def read(self, stream: str, after: int = 0, *, batch: int = 500) -> AsyncGenerator[list[Recorded], None]:
        """Every commit of a stream in contiguous order. Raises GapDetected, Unavailable."""
        async with aclosing(read_stream(self._connection, self._jetstream, stream, after, batch)) as batches:
            async for messages in batches:
                yield messages

    async def position(self, stream: str) -> int:
        """Last sequence of a stream. Raises Unavailable."""
        return int((await self._info(stream)).state.last_seq)

    async def created(self, stream: str) -> str:
        """Creation time of a stream as the server gives it."""
        return str((await self._info(stream)).created)

    async def close(self) -> None:
        """Stop committing; waiting appends get Unavailable."""
        for committer in self._committers.values():
            await committer.close()

    async def _info(self, stream: str) -> Any:
        try:
            return await self._jetstream.stream_info(stream)
        except (*AWAY, APIError) as error:
            raise Unavailable("stream info unavailable") from error

    def _committer(self, append: Append) -> GroupCommit:
        stream = stream_of(append.subject)
        committer = self._committers.get(stream)
        if committer is None:
            committer = self._committers[stream] = GroupCommit(self._connection, stream, reader=self, timeout=self._timeout)
        return committer

    async def _load_once(self, subject: str, after: int) -> list[Recorded]:
        found: list[Recorded] = []
        stream, seq = stream_of(subject), after + 1
        while True:
            last_page = True
            async with self._direct_get(stream, {"seq": seq, "next_by_subj": subject, "batch": BATCH_GET}) as answers:
                count = 0
                async for message in answers:
                    found.append(_from_direct(message))
                    count += 1
                last_page = count < BATCH_GET
            if last_page:
                return found
            seq = found[-1].seq + 1

    @asynccontextmanager
    async def _direct_get(self, stream: str, request: dict[str, Any]) -> AsyncGenerator[AsyncGenerator[Msg, None], None]:
        inbox = self._connection.new_inbox()
        subscription = await self._connection.subscribe(inbox)
        try:
            await self._connection.publish(f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=inbox)

            async def answers() -> AsyncGenerator[Msg, None]:
                while True:
                    message = await subscription.next_msg(self._timeout)
                    status = (message.headers or {}).get("Status")
                    if status in ("204", "404"):
                        return
                    if status is not None:
                        raise nats.errors.Error(f"direct get: {status}")
                    yield message

            yield answers()
        finally:
            if not self._connection.is_closed:
                await subscription.unsubscribe()


def user_headers(headers: dict[str, str] | None) -> dict[str, str]:
    """Headers without the server's own (`Nats-*`: guards, ids, batch marks): what is compared and archived."""
    return {name: value for name, value in (headers or {}).items() if not name.startswith("Nats-")}


def _from_direct(message: Msg) -> Recorded:
    headers = message.headers or {}
    return Recorded(
        headers["Nats-Subject"],
        int(headers["Nats-Sequence"]),
        message.data,
        user_headers(headers),
        datetime.fromisoformat(headers["Nats-Time-Stamp"]),
    )


def _recorded(message: RawStreamMsg) -> Recorded:
    assert message.subject is not None
    assert message.seq is not None
    recorded_at = message.time if isinstance(message.time, datetime) else datetime.fromisoformat(str(message.time))
    return Recorded(message.subject, message.seq, message.data or b"", user_headers(message.headers), recorded_at)
