"""(b) The whole path submitted → assigned → projected, sustained; and submit → assigned at a steady 200 a second.

The reference of the latter: two raw appends one after the other, made now and then while that load is on, on a server beside ours.
"""

from __future__ import annotations

import asyncio
import time

import nats

from bench.load import blast
from bench.results import Figure
from bench.surroundings import ENCODED, at_rest, caught_up, database_of, service_seconds, submissions
from cli.machine.testing import Machine

DEMANDS = 6_000
CONNECTIONS = 64
STEADY = 200.0
STEADY_SECONDS = 10
PAIR_PAUSE = 0.02
PATIENCE = 120.0
SERVICES = ("intake", "router", "tracker", "nats", "postgres")

_ASSIGNED = "select count(*) from {views}.demand where last_seq > $1 and status = 'assigned'"
_LATENCY = """
select percentile_disc(array[0.5, 0.99]) within group (order by extract(epoch from b.recorded_at - a.recorded_at) * 1000)
from archive.entry a join archive.entry b on b.demand = a.demand and b.ver = 2
where a.ver = 1 and a.seq > $1
"""


async def measure(machine: Machine, skeleton_rate: float | None, plain: str) -> list[Figure]:
    """Submit as fast as answers come and wait until the last demand is assigned and visible. `plain`: a server to append to raw."""
    await caught_up(machine)
    before = {name: service_seconds(machine, name) for name in SERVICES}
    rate, p50, p99, seconds = await _run(machine, None)
    used = {name: service_seconds(machine, name) - before[name] for name in SERVICES}
    busy = ", ".join(f"{name} {used[name] / seconds:.0%}" for name in SERVICES)
    await caught_up(machine)
    await at_rest(machine)
    pairs = asyncio.create_task(_pairs(plain))
    _, steady_p50, steady_p99, _ = await _run(machine, STEADY)
    pair_p50, pair_p99 = await pairs
    return [
        Figure("whole_path", rate, "demands/s", skeleton_rate, f"submit→assigned p50 {p50:.0f} ms, p99 {p99:.0f} ms; CPU: {busy}"),
        Figure(
            "submit_to_assigned_p99",
            steady_p99,
            "ms",
            pair_p99,
            f"at {STEADY:.0f}/s; p50 {steady_p50:.1f} ms; reference: two raw appends under this load, p50 {pair_p50:.1f} ms; goal ≤ 5 ×",
        ),
    ]


async def _pairs(url: str) -> tuple[float, float]:
    """Milliseconds two sequential durable appends take, p50 and p99, for as long as the steady run lasts."""
    connection = await nats.connect(url)
    jetstream = connection.jetstream(timeout=30)
    await jetstream.add_stream(name="BENCH_PAIRS", subjects=["bench_pairs.>"])
    taken, end = list[float](), time.perf_counter() + STEADY_SECONDS
    while time.perf_counter() < end:
        begun = time.perf_counter()
        for part in ("first", "second"):
            await jetstream.publish(f"bench_pairs.{len(taken)}.{part}", ENCODED)
        taken.append((time.perf_counter() - begun) * 1e3)
        await asyncio.sleep(PAIR_PAUSE)
    await connection.close()
    taken.sort()
    return taken[len(taken) // 2], taken[min(len(taken) - 1, int(len(taken) * 0.99))]


async def _run(machine: Machine, per_second: float | None) -> tuple[float, float, float, float]:
    database = await database_of(machine, "ld_tracker")
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
