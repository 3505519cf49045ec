"""`python -m tests.chaos.timer_worker`: works off timers until it is killed. Stands where the router will stand.

TIMER_WORKER holds the arguments of `nats.connect` as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import nats

from libs.events.execute import Done, execute_many
from libs.events.jetstream import JetStreamEventStore
from libs.events.timer_stream import JetStreamTimers
from libs.events.timers import Fired, run_timers
from tests.chaos import promises

ACK_WAIT = 2.0


async def main() -> None:
    """Connect, and act on every timer that fires."""
    promises.learn()
    connection = await nats.connect(**json.loads(os.environ["TIMER_WORKER"]), reconnect_time_wait=0.02, max_reconnect_attempts=-1)
    store, timers = JetStreamEventStore(connection, timeout=1), JetStreamTimers(connection, timeout=1, ack_wait=ACK_WAIT)

    async def handle(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        now = datetime.now(UTC)
        orders = [promises.keep(timer.demand, timer.due, now) for timer in batch]
        results = await execute_many(store, orders, initial=promises.NOTHING, evolve=promises.evolve, now=lambda: datetime.now(UTC))
        return {order.entity: result.fold.state.waits for order, result in zip(orders, results, strict=True) if isinstance(result, Done)}

    await run_timers(timers, handle)


if __name__ == "__main__":
    asyncio.run(main())
