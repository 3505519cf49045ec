"""Timers in real seconds, while the NATS server and the process that acts on them are killed with -9 in turn.

None is lost and none acted on twice. No sweep helps here: this is the first net alone. LIANDONG_CHAOS_TIMER_KILLS is the number
of kills: ten in `make test`, fifty in `make chaos`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from cli.machine.folder import CHECKOUT
from cli.machine.programs import Program
from cli.machine.testing import RunningNats, RunningProgram, nats_server
from libs.events import Recorded, Unavailable
from libs.events.execute import Done, Order, execute_many, fold_all, read_commit
from libs.events.jetstream import JetStreamEventStore
from libs.events.names import TIMERS_CONSUMER, TIMERS_STREAM, demand_stream, demand_subject
from libs.events.streams import ensure_streams
from libs.events.timer_stream import JetStreamTimers
from tests.chaos import promises
from tests.chaos.promises import Kept, Promise

KILLS = int(os.environ.get("LIANDONG_CHAOS_TIMER_KILLS", "10"))
DEMANDS = 400
AT_ONCE = 100
BETWEEN = 100
PATIENCE = 60.0
CELL = "t1"

pytestmark = [pytest.mark.chaos, pytest.mark.servers]


@pytest.fixture(autouse=True)
def _language() -> Iterator[None]:
    promises.learn()
    yield
    promises.forget()


@dataclass(frozen=True, slots=True)
class Ledger:
    """Everything stored about the promises, from the stream itself."""

    commits: list[Recorded]
    kept: Counter[tuple[str, datetime]] = field(default_factory=Counter)
    lateness: list[float] = field(default_factory=list)

    @staticmethod
    async def read(store: JetStreamEventStore) -> Ledger:
        """Read the stream to its end."""
        commits, last = list[Recorded](), await store.position(demand_stream(CELL))
        async with aclosing(store.read(demand_stream(CELL))) as batches:
            async for batch in batches:
                commits += batch
                if len(commits) >= last:
                    break
        ledger = Ledger(commits)
        for recorded in commits:
            commit = read_commit(recorded)
            for event in commit.events:
                if isinstance(event, Kept):
                    ledger.kept[commit.entity, event.due] += 1
                    ledger.lateness.append((recorded.recorded_at - event.due).total_seconds())
        return ledger

    def waiting(self, demands: Sequence[str]) -> dict[str, Promise]:
        """Demands that still wait for a moment or were never ended."""
        by_subject: dict[str, list[Recorded]] = {demand_subject(demand): [] for demand in demands}
        for recorded in self.commits:
            by_subject[recorded.subject].append(recorded)
        states = {demand: fold_all(promises.NOTHING, by_subject[demand_subject(demand)], promises.evolve).state for demand in demands}
        return {demand: state for demand, state in states.items() if state != Promise(None, ending=True)}


async def test_no_timer_is_lost_and_none_acted_on_twice_when_server_and_process_are_killed_in_turn(tmp_path: Path) -> None:
    chance = random.Random(20261122)
    demands = [f"ningbo-{CELL}-{number:016}" for number in range(DEMANDS)]
    idle = [f"ningbo-{CELL}-{number:016}" for number in range(DEMANDS, DEMANDS + AT_ONCE)]
    with nats_server(tmp_path / "nats", cells=(CELL,)) as server:
        async with connected(server, "keeper") as keeper:
            await ensure_streams(keeper, [CELL])
        worker = process(server, tmp_path)
        async with connected(server, "router") as router:
            store = JetStreamEventStore(router, timeout=1)
            promising = asyncio.create_task(promise_all(router, demands, idle))
            worker.start()
            try:
                for number in range(KILLS):
                    if number % 2:
                        await more(store, 1)  # in the midst of what had piled up
                        worker.kill()
                        worker.start()
                    else:
                        await more(store, BETWEEN)
                        await asyncio.sleep(chance.uniform(0, 0.5))  # at any moment of the work, not only right after a commit
                        server.process.kill()
                        await asyncio.to_thread(server.restart)
                await asyncio.wait_for(promising, PATIENCE)
                await carry_through(store, [promises.end(demand) for demand in demands])
                ledger = await settled(router, store, demands)
            finally:
                worker.kill()
                promising.cancel()
                await asyncio.gather(promising, return_exceptions=True)
            await store.close()
            prove(ledger, demands)
            # A kill may undo that a timer was replaced, taken away or fired: it stands again, fires or not, and nobody waits for it.
            back = len(await JetStreamTimers(router).armed([*demands, *idle]))
    late = sorted(ledger.lateness)
    median, longest = late[len(late) // 2], late[-1]
    print(f"{KILLS} kills, {len(late)} timers acted on once each; late p50 {median:.2f} s, max {longest:.2f} s; {back} came back")


async def more(store: JetStreamEventStore, by: int) -> None:
    """Wait until `by` further commits were stored: the work goes on."""
    target: int | None = None
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(Unavailable):
                position = await store.position(demand_stream(CELL))
                target = position + by if target is None else target
                if position >= target:
                    return
            await asyncio.sleep(0.02)


async def promise_all(router: Client, demands: Sequence[str], idle: Sequence[str]) -> None:
    """Promise and arm while the killing goes on; every timer replaces another one, and some are taken away again."""
    store, timers = JetStreamEventStore(router, timeout=1), JetStreamTimers(router, timeout=1)
    for start in range(0, len(demands), AT_ONCE):
        part = demands[start : start + AT_ONCE]
        now = datetime.now(UTC).replace(microsecond=0)
        first = {demand: now + timedelta(seconds=1, milliseconds=10 * number) for number, demand in enumerate(part)}
        await carry_through(store, [promises.promise(demand, due) for demand, due in first.items()])
        await armed(timers, dict.fromkeys([*part, *idle], now + timedelta(days=1)))
        await armed(timers, {**first, **dict.fromkeys(idle)})
    await store.close()


async def carry_through(store: JetStreamEventStore, orders: Sequence[Order[Promise]]) -> None:
    """Repeat commands until every one has its outcome."""
    waiting = list(orders)
    async with asyncio.timeout(PATIENCE):
        while waiting:
            part = waiting[:AT_ONCE]
            results = await execute_many(store, part, initial=promises.NOTHING, evolve=promises.evolve, now=lambda: datetime.now(UTC))
            done = {order.entity for order, result in zip(part, results, strict=True) if isinstance(result, Done)}
            waiting = [order for order in waiting if order.entity not in done]


async def armed(timers: JetStreamTimers, due: dict[str, datetime | None] | dict[str, datetime]) -> None:
    """Arm, again and again if need be."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await timers.arm(due)
            except Unavailable:
                continue
            return


async def settled(router: Client, store: JetStreamEventStore, demands: Sequence[str]) -> Ledger:
    """Wait until every demand has its end and nothing that fired is unanswered; when patience ends, `prove` says what is missing."""
    jetstream, ledger = router.jetstream(timeout=1), Ledger([])
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            while True:
                with contextlib.suppress(Unavailable, nats.errors.Error):
                    info = await jetstream.consumer_info(TIMERS_STREAM, TIMERS_CONSUMER)
                    ledger = await Ledger.read(store)
                    if not ledger.waiting(demands) and not info.num_pending and not info.num_ack_pending:
                        break
                await asyncio.sleep(0.3)
    return ledger


def prove(ledger: Ledger, demands: Sequence[str]) -> None:
    """Assert every promise; the messages say which one broke."""
    assert set(ledger.kept.values()) == {1}, "no timer is acted on twice"
    assert min(ledger.lateness) >= 0, "no timer is acted on before its time"
    assert ledger.waiting(demands) == {}, "no timer is lost"
    promised = set()
    for commit in map(read_commit, ledger.commits):
        for event in commit.events:
            moment = event.next if isinstance(event, Kept) else event.due if isinstance(event, promises.Promised) else None
            if moment is not None:
                promised.add((commit.entity, moment))
    assert promised == set(ledger.kept), "every promised moment was kept"


def process(server: RunningNats, folder: Path) -> RunningProgram:
    """The process that acts on timers; the router in time."""
    settings = server.settings("router")
    settings["inbox_prefix"] = settings["inbox_prefix"].decode()
    command = (sys.executable, "-m", "tests.chaos.timer_worker")
    return RunningProgram(Program("worker", command, folder / "worker.log", CHECKOUT, {"TIMER_WORKER": json.dumps(settings)}))


@asynccontextmanager
async def connected(server: RunningNats, user: str) -> AsyncIterator[Client]:
    """A connection that rides out restarts of the server."""

    async def quiet(_error: Exception) -> None:
        """Lost connections are the point of this test."""

    settings = server.settings(user)
    connection = await nats.connect(**settings, reconnect_time_wait=0.02, max_reconnect_attempts=-1, error_cb=quiet)
    yield connection
    await connection.close()
