"""(h) Timers armed, replaced, and fired and answered per second, beside plain pipelined JetStream publishes on the same server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import nats
from nats.aio.client import Client

from bench.results import Figure
from libs.events.streams import ensure_streams
from libs.events.timer_stream import JetStreamTimers
from libs.events.timers import Fired

TIMERS = 10_000
PUBLISHES = 4_000
IN_FLIGHT = 256
BODY = b"2026-11-22T09:00:00.000000+00:00"


async def measure(url: str) -> list[Figure]:
    """Measure on a server with the durability of ours and no permissions."""
    connection = await nats.connect(url)
    await ensure_streams(connection, [])
    timers = JetStreamTimers(connection, timeout=30)
    plain = await _plain(connection)
    demands = [f"ningbo-t1-{number:016}" for number in range(TIMERS)]
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    begun = time.perf_counter()
    await timers.arm(dict.fromkeys(demands, tomorrow))
    armed = TIMERS / (time.perf_counter() - begun)
    begun = time.perf_counter()
    await timers.arm(dict.fromkeys(demands, tomorrow + timedelta(hours=1)))
    replaced = TIMERS / (time.perf_counter() - begun)
    fired = await _fired(timers, demands)
    await timers.close()
    await connection.close()
    return [
        Figure("timers_armed", armed, "timers/s", plain, "reference: plain publishes, 256 in flight"),
        Figure("timers_replaced", replaced, "timers/s", plain, "the same timers armed anew"),
        Figure("timers_fired", fired, "timers/s", plain, "all due at once: fired, answered, acknowledged"),
    ]


async def _plain(connection: Client) -> float:
    jetstream, turns = connection.jetstream(timeout=30), asyncio.Semaphore(IN_FLIGHT)
    await jetstream.add_stream(name="BENCH_TIMERS", subjects=["bench_timers.>"])

    async def publish(number: int) -> None:
        async with turns:
            await jetstream.publish(f"bench_timers.{number}", BODY)

    begun = time.perf_counter()
    await asyncio.gather(*(publish(number) for number in range(PUBLISHES)))
    return PUBLISHES / (time.perf_counter() - begun)


async def _fired(timers: JetStreamTimers, demands: Sequence[str]) -> float:
    answered = set[str]()

    async def handle(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        answered.update(timer.demand for timer in batch)
        return dict.fromkeys(timer.demand for timer in batch)

    due = datetime.now(UTC) + timedelta(seconds=3)
    await timers.arm(dict.fromkeys(demands, due))
    while len(answered) < len(demands):
        await timers.fired(handle)
    return len(demands) / (datetime.now(UTC) - due).total_seconds()
