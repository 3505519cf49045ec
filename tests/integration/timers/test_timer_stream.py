"""What only the real stream can show: firing races, killed servers and processes, what stays behind, who may do what, the gate."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from nats.aio.client import Client
from nats.js.errors import APIError

from cli.machine.acl import KEEPER, SERVICES, USERS
from cli.machine.testing import RunningNats
from libs.events import Unavailable
from libs.events.names import TIMERS_CONSUMER, TIMERS_STREAM, timer_subject, timer_target
from libs.events.streams import ensure_streams, stream_differences, timers_config
from libs.events.timer_stream import JetStreamTimers
from libs.events.timers import Fired
from tests.integration.machine.test_nats_permissions import connected as people
from tests.integration.timers.conftest import PATIENCE, Watch, connected, founded

pytestmark = pytest.mark.servers

A, B = (f"ningbo-t1-{number:016}" for number in (1, 2))


def soon(seconds: float = 0.0) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def until_empty(connection: Client) -> None:
    """Wait until nothing stands and nothing has fired unanswered."""
    async with asyncio.timeout(PATIENCE):
        while (await connection.jetstream().stream_info(TIMERS_STREAM)).state.messages:  # noqa: ASYNC110 the server does it
            await asyncio.sleep(0.05)


async def test_a_timer_armed_anew_while_it_fires_is_not_lost(router: Client) -> None:
    # The server purges the schedule when the fired message is stored, the new one included: without the answers most of these are lost.
    timers, chance = JetStreamTimers(router), random.Random(20261122)
    demands = [f"ningbo-t1-{number:016}" for number in range(1_500)]
    first = soon(0.5)
    waits = dict.fromkeys(demands, first)
    await timers.arm(waits)

    async def rearm(part: Sequence[str]) -> None:
        await asyncio.sleep((first - soon()).total_seconds() + chance.uniform(0.2, 0.8))  # the moment of firing, by the wall clock
        waits.update(dict.fromkeys(part, soon(1.5)))
        await timers.arm({demand: waits[demand] for demand in part})

    await asyncio.gather(*(rearm(demands[start : start + 50]) for start in range(0, len(demands), 50)))
    came: set[Fired] = set()

    async def handle(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        came.update(batch)
        return {timer.demand: waits[timer.demand] if timer.due != waits[timer.demand] else None for timer in batch}

    async with asyncio.timeout(PATIENCE):
        while not came.issuperset(Fired(demand, due) for demand, due in waits.items()):
            await timers.fired(handle, wait=0.2)


async def test_timers_fire_after_a_killed_server_is_back(nats: RunningNats, router: Client) -> None:
    watch = Watch(JetStreamTimers(router, timeout=1), datetime.now(UTC))
    await watch.book.arm({A: watch.after(0.3), B: watch.after(86_400)})
    await watch.book.arm({A: watch.after(0.6)})
    nats.process.kill()
    nats.restart()

    assert await watch.fires(1) == [Fired(A, watch.after(0.6))]
    assert await watch.book.armed([A, B]) == {B: watch.after(86_400)}


async def test_timers_handed_to_a_process_that_died_go_to_the_next(nats: RunningNats, router: Client) -> None:
    watch = Watch(JetStreamTimers(router, ack_wait=1), datetime.now(UTC))
    await watch.book.arm({A: watch.after(0)})
    dying = await connected(nats, "router")
    never = asyncio.Event()

    async def taken(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        held.set()
        await never.wait()
        return {}

    held = asyncio.Event()
    work = asyncio.create_task(JetStreamTimers(dying, ack_wait=1).fired(taken, wait=PATIENCE))
    await asyncio.wait_for(held.wait(), PATIENCE)
    work.cancel()
    await dying.close()

    assert await watch.fires(1) == [Fired(A, watch.after(0))]
    await until_empty(router)


async def test_two_processes_share_the_fired_timers(nats: RunningNats, router: Client) -> None:
    other = await connected(nats, "router")
    books = [JetStreamTimers(router), JetStreamTimers(other)]
    demands = [f"ningbo-t1-{number:016}" for number in range(400)]
    await books[0].arm(dict.fromkeys(demands, soon()))
    seen: list[list[str]] = [[], []]

    async def work(number: int) -> None:
        async def handle(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
            seen[number] += [timer.demand for timer in batch]
            return dict.fromkeys(timer.demand for timer in batch)

        while len(seen[0]) + len(seen[1]) < len(demands):
            await books[number].fired(handle, limit=20, wait=0.2)

    await asyncio.wait_for(asyncio.gather(work(0), work(1)), PATIENCE)
    await other.close()

    assert sorted(seen[0] + seen[1]) == demands
    assert all(seen)


async def test_nothing_stays_behind(router: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libs.events.timer_stream.CANCELLED_FOR", "1s")
    watch = Watch(JetStreamTimers(router), datetime.now(UTC))
    await watch.book.arm({A: watch.after(0), B: watch.after(86_400)})
    await watch.fires(1)
    await watch.book.arm({B: None})

    await until_empty(router)


async def test_a_message_that_is_no_timer_is_put_away(router: Client) -> None:
    jetstream = router.jetstream()
    for number, body in enumerate((b"not a time", b"2026-11-22T09:00:00+00:00")):
        headers = {"Nats-Schedule": "@at 2026-11-22T09:00:00Z", "Nats-Schedule-Target": f"timer.due.ningbo.99.x{number}"}
        await jetstream.publish(f"timer.at.ningbo.99.x{number}", body, headers=headers)
    watch = Watch(JetStreamTimers(router), datetime.now(UTC))
    await watch.book.arm({A: watch.after(0.6)})

    assert await watch.fires(1) == [Fired(A, watch.after(0.6))]
    await until_empty(router)


async def test_an_unreachable_server_is_unavailable(nats: RunningNats, router: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libs.events.timer_stream.PATIENCE", 0.5)
    timers = JetStreamTimers(router, timeout=0.3)
    nats.process.kill()

    async def unexpected(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        raise AssertionError("nothing can fire")

    with pytest.raises(Unavailable):
        await timers.arm({A: soon(60)})
    with pytest.raises(Unavailable):
        await timers.armed([A])
    with pytest.raises(Unavailable):
        await timers.fired(unexpected)


async def test_arming_goes_on_when_the_server_comes_back(nats: RunningNats, router: Client) -> None:
    timers = JetStreamTimers(router, timeout=0.5)
    nats.process.kill()
    arming = asyncio.create_task(timers.arm({A: soon(60)}))
    await asyncio.to_thread(nats.restart)

    await asyncio.wait_for(arming, PATIENCE)
    assert list(await timers.armed([A])) == [A]


async def test_the_gate_sees_a_timer_stream_that_is_not_as_it_must_be(nats: RunningNats) -> None:
    keeper = await connected(nats, "keeper")
    config = timers_config(1)
    config.max_msgs_per_subject = 2
    await keeper.jetstream().add_stream(config)
    await ensure_streams(keeper, ["t1"])

    assert await stream_differences(keeper, ["t1"]) == ["TIMERS.max_msgs_per_subject"]
    await keeper.close()


async def test_the_gate_is_content_with_what_is_set_up(nats: RunningNats) -> None:
    await founded(nats)
    for user in USERS:
        connection = await connected(nats, user)
        assert await stream_differences(connection, ["t1"]) == [], user
        await connection.close()


async def test_only_the_router_arms_timers_and_nobody_fires_one_by_hand(nats: RunningNats) -> None:
    await founded(nats)
    async with people(nats, *USERS) as users:
        for person in users:
            assert await person.is_refused(timer_subject(A)) == (person.name != "router"), person.name
            assert await person.is_refused(timer_target(A)), person.name


async def test_only_the_router_works_off_fired_timers_and_only_by_its_one_consumer(nats: RunningNats) -> None:
    await founded(nats)
    own = [
        f"$JS.API.CONSUMER.CREATE.{TIMERS_STREAM}.{TIMERS_CONSUMER}.timer.due.>",
        f"$JS.API.CONSUMER.MSG.NEXT.{TIMERS_STREAM}.{TIMERS_CONSUMER}",
        f"$JS.API.DIRECT.GET.{TIMERS_STREAM}",
        f"$JS.ACK.{TIMERS_STREAM}.{TIMERS_CONSUMER}.1.1.1.1.0",
    ]
    foreign = [
        f"$JS.API.CONSUMER.CREATE.{TIMERS_STREAM}.other.timer.due.>",
        f"$JS.API.CONSUMER.CREATE.{TIMERS_STREAM}.{TIMERS_CONSUMER}.timer.>",
        f"$JS.API.CONSUMER.DELETE.{TIMERS_STREAM}.{TIMERS_CONSUMER}",
        f"$JS.API.CONSUMER.DURABLE.CREATE.{TIMERS_STREAM}.{TIMERS_CONSUMER}",
        *(f"$JS.API.STREAM.{verb}.{TIMERS_STREAM}" for verb in ("UPDATE", "DELETE", "PURGE", "RESTORE", "MSG.DELETE")),
    ]
    async with people(nats, KEEPER, *SERVICES) as users:
        for person in users:
            for subject in own:
                assert await person.is_refused(subject) == (person.name != "router"), (person.name, subject)
            for subject in foreign:
                assert await person.is_refused(subject), (person.name, subject)


async def test_the_consumer_cannot_be_made_to_see_schedules(router: Client) -> None:
    # The subject names the filter, and the server refuses a configuration that says otherwise.
    request = {
        "stream_name": TIMERS_STREAM,
        "config": {"name": TIMERS_CONSUMER, "durable_name": TIMERS_CONSUMER, "filter_subject": "timer.>"},
    }
    answer = await router.request(f"$JS.API.CONSUMER.CREATE.{TIMERS_STREAM}.{TIMERS_CONSUMER}.timer.due.>", json.dumps(request).encode())

    assert "error" in json.loads(answer.data)
    with pytest.raises(APIError):
        await router.jetstream().consumer_info(TIMERS_STREAM, TIMERS_CONSUMER)
