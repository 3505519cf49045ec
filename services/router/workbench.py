"""Runs a replay in processes of its own, so that the router goes on routing: shares the demands out, adds up progress and tallies.

A worker (`python -m services.router.replay_worker`) gets its job on stdin and answers in lines on stdout: `{"done": n}` while it works,
`{"tally": …}` at the end. Whoever stops listening ends the workers.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json

from libs.directory import Network, Section, to_sections
from libs.directory.policy import RoutingPolicy
from libs.events import Unavailable
from libs.events.names import PARTITIONS
from services.router.decisions import Selection
from services.router.replay_report import TALLY, Precedent, Tally

WORKERS: Final = 2
TELL_EVERY: Final = 0.2
NO_DATABASE: Final = 3
"""Exit code of a worker that could not reach the database."""

_LONGEST_LINE: Final = 256 * 1024 * 1024
_ROOT: Final = Path(__file__).resolve().parents[2]


class StoredRevision(BaseModel):
    """A revision as it goes to a worker; `content` is its place among the job's contents, None where no decision rests on it."""

    model_config = ConfigDict(frozen=True)

    seq: int
    policy: RoutingPolicy
    content: int | None


class ReplayJob(BaseModel):
    """Everything one worker needs: where the decisions lie, which of them, and the policy to decide by (None: the recorded one)."""

    model_config = ConfigDict(frozen=True)

    database_url: str
    selection: Selection
    parts: tuple[int, int]
    policy: RoutingPolicy | None
    revisions: tuple[StoredRevision, ...]
    contents: tuple[tuple[Section, ...], ...]
    precedents: tuple[Precedent, ...] = ()

    @property
    def days(self) -> int:
        """How long the period is."""
        return (self.selection.last - self.selection.first).days + 1

    @property
    def first(self) -> date:
        """The first day of the period."""
        return self.selection.first


class WorkerFailed(Exception):
    """A worker ended before its time; a defect of ours."""


def plan(
    database_url: str,
    selection: Selection,
    policy: RoutingPolicy | None,
    history: Sequence[Network],
    seqs: tuple[int, int],
    precedents: tuple[Precedent, ...] = (),
) -> list[ReplayJob]:
    """Share a replay out among the workers.

    `history`: the network's revisions, oldest first; `seqs`: the least and the greatest registry position a decision rests on.
    """
    least, greatest = seqs
    contents: dict[str, int] = {}
    revisions: list[StoredRevision] = []
    needed: list[tuple[Section, ...]] = []
    for number, network in enumerate(history):
        followed = number + 1 < len(history) and history[number + 1].seq <= least
        place = None
        if network.seq <= greatest and not followed:
            place = contents.setdefault(network.digest, len(contents))
            if place == len(needed):
                needed.append(to_sections(network.content))
        revisions.append(StoredRevision(seq=network.seq, policy=network.content.routing, content=place))
    share = -(-PARTITIONS // WORKERS)
    return [
        ReplayJob(
            database_url=database_url,
            selection=selection,
            parts=(start, min(start + share, PARTITIONS) - 1),
            policy=policy,
            revisions=tuple(revisions),
            contents=tuple(needed),
            precedents=precedents,
        )
        for start in range(0, PARTITIONS, share)
    ]


async def run(jobs: Sequence[ReplayJob]) -> AsyncGenerator[int | Tally, None]:
    """Run all jobs side by side; yield how many decisions are done, now and then, and the merged tally at last.

    Raises Unavailable when the database cannot be reached, WorkerFailed. Closing the generator ends the workers.
    """
    workers: list[_Worker] = []
    waiting: dict[asyncio.Task[dict[str, Any]], _Worker] = {}
    tallies: list[Tally] = []
    clock, told = asyncio.get_running_loop().time, 0.0
    try:
        for job in jobs:
            workers.append(await _Worker.start(job))  # noqa: PERF401 - those that run already must be ended if one does not start
        waiting = {asyncio.create_task(worker.line()): worker for worker in workers}
        while waiting:
            finished, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in finished:
                worker, line = waiting.pop(task), task.result()
                if "tally" in line:
                    tallies.append(TALLY.validate_python(line["tally"]))
                else:
                    worker.done = line["done"]
                    waiting[asyncio.create_task(worker.line())] = worker
            if clock() - told >= TELL_EVERY:
                told = clock()
                yield sum(worker.done for worker in workers)
        whole = tallies[0]
        for tally in tallies[1:]:
            whole.merge(tally)
        yield whole
    finally:
        for task in waiting:
            task.cancel()
        # A caller that went away leaves a cancelled scope behind, in which nothing can be waited for: first kill them all.
        for worker in workers:
            worker.kill()
        await asyncio.shield(asyncio.gather(*(worker.ended() for worker in workers)))


class _Worker:
    """A worker process; `done` is what it last told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.done = 0

    @classmethod
    async def start(cls, job: ReplayJob) -> _Worker:
        """Start a process and give it its job."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.router.replay_worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
            limit=_LONGEST_LINE,
        )
        worker = cls(process)
        assert process.stdin is not None
        try:
            process.stdin.write(job.model_dump_json().encode())
            with suppress(ConnectionError):  # it is gone already: its exit code says why
                await process.stdin.drain()
            process.stdin.close()
        except BaseException:
            worker.kill()
            raise
        return worker

    async def line(self) -> dict[str, Any]:
        """Read its next line. Raises Unavailable, WorkerFailed when it ended instead."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if line.endswith(b"\n"):
            found: dict[str, Any] = from_json(line)
            return found
        code = await self._process.wait()
        if code == NO_DATABASE:
            raise Unavailable("the database cannot be reached by a replay")
        raise WorkerFailed(f"a replay process ended with {code}")

    def kill(self) -> None:
        """Kill it unless it has ended."""
        with suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> None:
        """Wait until it has ended."""
        await self._process.wait()
