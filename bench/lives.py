"""Give the demands of the whole path full lives, so that the archive that is rebuilt looks like a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

import asyncpg

from bench.load import blast, post_bytes
from bench.surroundings import caught_up, database_of
from cli.machine.testing import Machine

STEPS: Final[tuple[tuple[str, dict[str, str]], ...]] = (
    ("acceptance", {}),
    ("progress", {"note": "样例：已约上门时间。"}),
    ("services", {"mode": "offline", "fee": "welfare"}),
    ("resolution", {"result": "solved", "note": "样例：已解决。"}),
)
CONNECTIONS = 32


async def live(machine: Machine) -> float:
    """Accept, report on and resolve every assigned demand as its hub would; return acts a second."""
    await caught_up(machine)
    database = await database_of(machine, "ld_tracker")
    views = f"tracker_v{await database.fetchval('select active from tracker.views')}"
    rows = await database.fetch(f"select id, holder_assignment from {views}.demand where status = 'assigned'")
    await database.close()
    acts, seconds = 0, 0.0
    for step, body in STEPS:
        report = await blast(
            machine.endpoints["router"], _requests(machine, rows, step, json.dumps(body).encode()), connections=CONNECTIONS
        )
        assert set(report.statuses) == {201}, report.statuses
        acts, seconds = acts + len(report.latencies), seconds + report.seconds
    return acts / seconds


def _requests(machine: Machine, rows: Sequence[asyncpg.Record], step: str, body: bytes) -> Iterator[bytes]:
    for demand, assignment in rows:
        url = f"{machine.endpoints['router']}/v1/demands/{demand}/assignments/{assignment}/{step}"
        yield post_bytes(url, body, {"Authorization": f"Bearer {machine.keys['hub']}", "Idempotency-Key": f"{step}-{demand}"})
