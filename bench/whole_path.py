"""(b) The whole path submitted → assigned → projected, sustained; and submit → assigned at a steady 200 a second."""

from __future__ import annotations

import asyncio
import time

from bench.load import blast
from bench.results import Figure
from bench.surroundings import caught_up, service_seconds, submissions, tracker_database
from cli.machine.testing import Machine

DEMANDS = 6_000
CONNECTIONS = 64
STEADY = 200.0
STEADY_SECONDS = 10
PATIENCE = 120.0
SERVICES = ("intake", "router", "tracker", "nats", "postgres")

_ASSIGNED = "select count(*) from {views}.demand where last_seq > $1 and status = 'assigned'"
_LATENCY = """
select percentile_disc(array[0.5, 0.99]) within group (order by extract(epoch from b.recorded_at - a.recorded_at) * 1000)
from archive.entry a join archive.entry b on b.demand = a.demand and b.ver = 2
where a.ver = 1 and a.seq > $1
"""


async def measure(machine: Machine, skeleton_rate: float | None) -> list[Figure]:
    """Submit as fast as answers come and wait until the last demand is assigned and visible."""
    await caught_up(machine)
    before = {name: service_seconds(machine, name) for name in SERVICES}
    rate, p50, p99, seconds = await _run(machine, None)
    used = {name: service_seconds(machine, name) - before[name] for name in SERVICES}
    busy = ", ".join(f"{name} {used[name] / seconds:.0%}" for name in SERVICES)
    await caught_up(machine)
    _, steady_p50, steady_p99, _ = await _run(machine, STEADY)
    return [
        Figure("whole_path", rate, "demands/s", skeleton_rate, f"submit→assigned p50 {p50:.0f} ms, p99 {p99:.0f} ms; CPU: {busy}"),
        Figure("submit_to_assigned_p99", steady_p99, "ms", None, f"at {STEADY:.0f}/s; p50 {steady_p50:.1f} ms; no reference yet"),
    ]


async def _run(machine: Machine, per_second: float | None) -> tuple[float, float, float, float]:
    database = await tracker_database(machine)
    try:
        views = f"tracker_v{await database.fetchval('select active from tracker.views')}"
        last = await database.fetchval("select coalesce(max(seq), 0) from archive.entry")
        count = DEMANDS if per_second is None else int(STEADY_SECONDS * per_second)
        start = time.perf_counter()
        await blast(
            machine.endpoints["intake"], submissions(machine, count, classified=True), connections=CONNECTIONS, per_second=per_second
        )
        async with asyncio.timeout(PATIENCE):
            while await database.fetchval(_ASSIGNED.format(views=views), last) < count:  # noqa: ASYNC110 another process writes it
                await asyncio.sleep(0.02)
        seconds = time.perf_counter() - start
        p50, p99 = await database.fetchval(_LATENCY, last)
        return count / seconds, float(p50), float(p99), seconds
    finally:
        await database.close()
