"""Timers without sockets: names, the stream as it must be, the simulated clock, the loop, and what answers arm."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.js.api import RetentionPolicy

from libs.events import NotFound, Unavailable
from libs.events.names import TIMERS_STREAM, demand_of, timer_subject, timer_target
from libs.events.streams import expected_streams, timers_config
from libs.events.timers import Fired, Handle, MemoryTimers, rearmed, run_timers

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)
A, B = "ningbo-t1-hpf2x6p9p5cdz6gb", "ningbo-t1-0000000000000001"
DEMANDS = [f"ningbo-t1-{number:016}" for number in range(4)]


async def nobody(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
    return {timer.demand: None for timer in batch}


def test_the_subjects_of_a_timer_name_network_partition_and_demand() -> None:
    assert timer_subject(A) == "timer.at.ningbo.15.ningbo-t1-hpf2x6p9p5cdz6gb"
    assert timer_target(A) == "timer.due.ningbo.15.ningbo-t1-hpf2x6p9p5cdz6gb"
    assert demand_of(timer_target(A)) == A
    with pytest.raises(NotFound):
        timer_subject("ningbo-t1-*")


def test_timers_have_a_stream_of_their_own_and_no_other_stream_has_schedules() -> None:
    streams = {config.name: config for config in expected_streams(["t1"], 3)}

    assert [name for name, config in streams.items() if config.allow_msg_schedules] == [TIMERS_STREAM]
    assert all(config.deny_purge for name, config in streams.items() if name != TIMERS_STREAM)


def test_at_most_one_timer_per_demand_stands_and_fired_ones_stay_until_they_are_answered() -> None:
    config = timers_config(3)

    assert (config.num_replicas, config.max_msgs_per_subject, config.max_age) == (3, 1, 0)
    assert config.retention is RetentionPolicy.WORK_QUEUE


async def test_the_simulated_clock_fires_what_is_due_earliest_first_and_never_goes_back() -> None:
    timers = MemoryTimers(NOON)
    await timers.arm({A: NOON + 2 * SECOND, B: NOON + SECOND})
    assert timers.next_due == NOON + SECOND

    assert timers.advance_to(NOON + SECOND / 2) == []
    assert timers.advance_to(NOON + 5 * SECOND) == [Fired(B, NOON + SECOND), Fired(A, NOON + 2 * SECOND)]
    assert timers.advance_to(NOON) == []
    assert timers.now == NOON + 5 * SECOND
    assert timers.next_due is None


async def test_moments_are_the_same_in_every_zone() -> None:
    timers = MemoryTimers(NOON.astimezone(timezone(timedelta(hours=8))))
    await timers.arm({A: (NOON + SECOND).astimezone(timezone(timedelta(hours=8)))})

    assert timers.advance_to(NOON + SECOND) == [Fired(A, NOON + SECOND)]


async def test_nothing_fired_is_forgotten_when_a_handler_is_cut_short() -> None:
    timers, never = MemoryTimers(NOON), asyncio.Event()
    await timers.arm({A: NOON})

    async def hanging(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        await never.wait()
        return {}

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(timers.fired(hanging), 0.01)
    assert await timers.fired(nobody) == 1
    assert await timers.fired(nobody) == 0


def test_an_answer_is_armed_unless_it_is_none_missing_or_overtaken() -> None:
    batch = [Fired(demand, NOON) for demand in DEMANDS]
    answers = {DEMANDS[0]: NOON + SECOND, DEMANDS[1]: None, DEMANDS[2]: NOON + SECOND}

    assert rearmed(batch, answers, {DEMANDS[2]: 17}) == {DEMANDS[0]: NOON + SECOND}


@given(st.lists(st.tuples(st.sampled_from(DEMANDS), st.none() | st.integers(0, 20), st.integers(0, 3)), max_size=30))
async def test_every_timer_fires_at_its_last_armed_moment_and_no_other(steps: list[tuple[str, int | None, int]]) -> None:
    timers, clock = MemoryTimers(NOON), 0
    standing: dict[str, int] = {}
    for demand, moment, passing in steps:
        await timers.arm({demand: None if moment is None else NOON + moment * SECOND})
        if moment is None:
            standing.pop(demand, None)
        elif moment <= clock:
            standing.pop(demand, None)  # fires at once
        else:
            standing[demand] = moment
        assert await timers.armed(DEMANDS) == {name: NOON + due * SECOND for name, due in standing.items()}
        clock += passing
        due = {Fired(name, NOON + due * SECOND) for name, due in standing.items() if due <= clock}
        assert set(timers.advance_to(NOON + clock * SECOND)) == due
        standing = {name: due for name, due in standing.items() if due > clock}


class Faulty:
    """Away for a while, then a memory."""

    def __init__(self, faults: int) -> None:
        self.faults = faults
        self.memory = MemoryTimers(NOON)

    async def arm(self, due: Mapping[str, datetime | None]) -> None:
        await self.memory.arm(due)

    async def armed(self, demands: Sequence[str]) -> dict[str, datetime]:
        return await self.memory.armed(demands)

    async def fired(self, handle: Handle, *, limit: int = 500, wait: float = 1.0) -> int:
        if self.faults:
            self.faults -= 1
            raise Unavailable("away")
        return await self.memory.fired(handle, limit=limit)


async def test_the_loop_rides_out_faults_tells_of_them_and_ends_when_told() -> None:
    timers, stop, heard = Faulty(2), asyncio.Event(), list[Exception]()
    await timers.arm({A: NOON})

    async def last(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        stop.set()
        return {A: None}

    await asyncio.wait_for(run_timers(timers, last, stop=stop, on_fault=heard.append), 5)

    assert [str(fault) for fault in heard] == ["away", "away"]


async def test_the_loop_does_not_hide_a_defect_of_the_handler() -> None:
    timers = Faulty(0)
    await timers.arm({A: NOON})

    async def broken(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        raise KeyError(A)

    with pytest.raises(KeyError):
        await asyncio.wait_for(run_timers(timers, broken), 5)
