"""Every append gets an answer, whatever lies on its subject."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import nats.errors
import pytest

from libs.events.errors import Conflict, Unavailable
from libs.events.group_commit import GroupCommit
from libs.events.store import Append, Recorded

SUBJECT = "demand.t1.ningbo.00.ningbo-t1-000000000000000{}"


class Server:
    """Answers as JetStream does when every subject has moved on: wrong last sequence, for single appends and batches."""

    def __init__(self, *, away: bool = False) -> None:
        self.away = away

    async def publish(self, *args: Any, **options: Any) -> None:
        return None

    async def request(self, *args: Any, **options: Any) -> Any:
        if self.away:
            raise nats.errors.NoRespondersError
        return SimpleNamespace(data=json.dumps({"error": {"code": 400, "err_code": 10071}}).encode())


class Foreign:
    """A store on which something undecodable lies on every subject."""

    def __init__(self, body: bytes = b"not a commit", fault: Exception | None = None) -> None:
        self.body = body
        self.fault = fault

    async def load(self, subject: str, after: int = 0, *, at_least: int = 0) -> list[Recorded]:
        if self.fault is not None:
            raise self.fault
        return [Recorded(subject, 7, self.body, {}, datetime(2026, 11, 22, tzinfo=UTC))]

    async def last(self, subject: str) -> Recorded | None:
        return (await self.load(subject))[-1]

    async def last_many(self, stream: str, subjects: list[str]) -> dict[str, int]:
        raise Unavailable("not now")


async def submitted(committer: GroupCommit, count: int) -> list[Any]:
    appends = [Append(SUBJECT.format(number), 0, f"c{number}", b"{}") for number in range(count)]
    async with asyncio.timeout(5):
        return await asyncio.gather(*(committer.submit(append) for append in appends))


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_undecodable_bytes_on_the_subject_are_a_conflict_and_not_silence(count: int) -> None:
    committer: Any = GroupCommit(Server(), "DEMANDS_t1", reader=Foreign(), timeout=0.2)  # type: ignore[arg-type]
    outcomes = await submitted(committer, count)
    assert [type(outcome) for outcome in outcomes] == [Conflict] * count
    assert {outcome.actual for outcome in outcomes} == {7}
    await committer.close()


@pytest.mark.parametrize("count", [1, 3])
async def test_an_unexpected_fault_answers_every_member(count: int) -> None:
    reader = Foreign(fault=ValueError("a defect of ours"))
    committer: Any = GroupCommit(Server(), "DEMANDS_t1", reader=reader, timeout=0.2)  # type: ignore[arg-type]
    outcomes = await submitted(committer, count)
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * count
    await committer.close()
