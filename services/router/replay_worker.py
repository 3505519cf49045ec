"""`python -m services.router.replay_worker`: replays the decisions of one job (`services.router.workbench`), then ends.

Yields to everything else on the machine, and ends with whoever started it: the next line it tells finds nobody.
"""

from __future__ import annotations

import asyncio
import os
import sys
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import asyncpg
from pydantic_core import to_json

from libs.chassis.database import LOOPBACK, database_errors
from libs.directory import Network, from_sections
from libs.events import Unavailable
from services.router.decisions import read_decisions
from services.router.replay import Replay, Revision
from services.router.replay_report import TALLY
from services.router.workbench import NO_DATABASE, ReplayJob, StoredRevision

NICENESS: Final = 10
MOST_NETWORKS: Final = 8
"""Networks held at a time; decisions come by the day, and few revisions are in force on one."""


def revisions_of(job: ReplayJob) -> list[Revision]:
    """Make a job's revisions; a network is put together when a decision first needs it."""

    @lru_cache(maxsize=MOST_NETWORKS)
    def network(content: int, seq: int) -> Network:
        return Network(from_sections(job.contents[content]), seq=seq)

    def revision(stored: StoredRevision) -> Revision:
        content = stored.content
        if content is None:
            return Revision(stored.seq, stored.policy, _never)
        return Revision(stored.seq, stored.policy, lambda: network(content, stored.seq))

    return [revision(stored) for stored in job.revisions]


def _never() -> Network:
    raise LookupError("a decision rests on a revision that the job left out")


async def work(job: ReplayJob) -> None:
    """Replay a job and tell progress and tally. Raises Unavailable."""
    address = urlsplit(job.database_url)
    replay = Replay(revisions_of(job), job.policy, job.first, job.days, job.precedents)
    done = 0
    with database_errors():
        driver = await asyncpg.connect(
            job.database_url,
            ssl=False if address.hostname in LOOPBACK else None,
            server_settings={"application_name": "liandong-router-replay", "jit": "off"},
        )
        async for decisions in read_decisions(driver, job.selection, job.parts):
            replay.take(decisions)
            done += len(decisions)
            tell(b'{"done":%d}\n' % done)
        await driver.close()
    tell(to_json({"done": done, "tally": TALLY.dump_python(replay.tally)}) + b"\n")


def tell(line: bytes) -> None:
    """Write a line to whoever started this process; end at once when nobody listens any more."""
    try:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(0)  # a regular exit would flush stdout and fail once more


def main() -> None:
    """Read the job, run it, end."""
    os.nice(NICENESS)
    job = ReplayJob.model_validate_json(sys.stdin.buffer.read())
    try:
        asyncio.run(work(job))
    except Unavailable as error:
        sys.stderr.write(f"replay: {error}\n")
        sys.exit(NO_DATABASE)


if __name__ == "__main__":
    main()
