"""What every timer book does, simulated and real alike. The clock starts a second ahead, so that arming is never late."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import pytest

from libs.events import NotFound
from libs.events.timers import Fired, Handle, MemoryTimers
from tests.integration.timers.conftest import PATIENCE, Watch

A, B, C = (f"ningbo-t1-{number:016}" for number in (1, 2, 3))


async def test_a_timer_fires_once_with_the_moment_it_was_armed_for(watch: Watch) -> None:
    await watch.book.arm({A: watch.after(0), B: watch.after(0.5)})

    assert await watch.fires(2) == [Fired(A, watch.after(0)), Fired(B, watch.after(0.5))]
    assert await watch.book.armed([A, B]) == {}
    assert await watch.book.fired(_unexpected, wait=0.4) == 0


async def test_a_timer_armed_anew_fires_at_the_new_moment_only(watch: Watch) -> None:
    await watch.book.arm({A: watch.after(0), B: watch.after(86_400)})
    await watch.book.arm({A: watch.after(0.8), B: watch.after(0.4)})

    assert await watch.book.armed([A, B]) == {A: watch.after(0.8), B: watch.after(0.4)}
    assert await watch.fires(2) == [Fired(B, watch.after(0.4)), Fired(A, watch.after(0.8))]


async def test_arming_again_with_the_same_moment_changes_nothing(watch: Watch) -> None:
    for _ in range(3):
        await watch.book.arm({A: watch.after(0)})
    await watch.book.arm({B: watch.after(0.6)})

    assert await watch.fires(2) == [Fired(A, watch.after(0)), Fired(B, watch.after(0.6))]


async def test_a_timer_taken_away_does_not_fire_and_may_be_armed_again(watch: Watch) -> None:
    await watch.book.arm({A: watch.after(0), B: watch.after(0.5), C: None})
    await watch.book.arm({A: None, C: None})

    assert await watch.book.armed([A, B, C]) == {B: watch.after(0.5)}
    assert await watch.fires(1) == [Fired(B, watch.after(0.5))]
    await watch.book.arm({A: watch.after(0.6)})
    assert await watch.fires(1) == [Fired(A, watch.after(0.6))]


async def test_a_moment_in_the_past_fires_at_once(watch: Watch) -> None:
    await watch.book.arm({A: watch.after(-3_600)})

    assert await watch.fires(1) == [Fired(A, watch.after(-3_600))]


async def test_an_answer_arms_the_next_moment(watch: Watch) -> None:
    await watch.book.arm({A: watch.after(0), B: watch.after(0)})

    assert len(await watch.fires(2, answers={A: watch.after(0.6)})) == 2
    assert await watch.book.armed([A, B]) == {A: watch.after(0.6)}
    assert await watch.fires(1) == [Fired(A, watch.after(0.6))]


async def test_an_answer_does_not_replace_what_was_armed_since_it_fired(watch: Watch) -> None:
    await watch.book.arm({A: watch.after(0), B: watch.after(0)})

    async def meanwhile(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        await watch.book.arm({A: watch.after(70), B: watch.after(70)})
        return {A: watch.after(90), B: None}

    await _until_fired(watch, meanwhile)

    assert await watch.book.armed([A, B]) == {A: watch.after(70), B: watch.after(70)}


async def test_a_timer_without_an_answer_comes_again(watch: Watch) -> None:
    await watch.book.arm({A: watch.after(0), B: watch.after(0)})

    async def forgetful(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        return {B: None}

    await _until_fired(watch, forgetful)

    assert await watch.fires(1) == [Fired(A, watch.after(0))]


async def test_timers_come_again_when_the_handler_fails(watch: Watch) -> None:
    await watch.book.arm({A: watch.after(0), B: watch.after(0)})

    async def failing(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
        raise LookupError("no such rule")

    with pytest.raises(LookupError, match="no such rule"):
        await _until_fired(watch, failing)

    assert sorted(timer.demand for timer in await watch.fires(2)) == [A, B]


async def test_a_batch_has_a_limit_and_every_timer_its_turn(watch: Watch) -> None:
    demands = [f"ningbo-t1-{number:016}" for number in range(1_201)]
    await watch.book.arm(dict.fromkeys(demands, watch.after(0)))

    seen = await watch.fires(1_201, limit=100)

    assert sorted(timer.demand for timer in seen) == demands


async def test_nothing_to_arm_is_fine_and_foreign_ids_and_times_without_a_zone_are_refused(watch: Watch) -> None:
    await watch.book.arm({})
    assert await watch.book.armed([]) == {}
    for foreign in ("x", "ningbo-t1-0000000000000001.>", ""):
        with pytest.raises(NotFound):
            await watch.book.arm({foreign: watch.after(0)})
    with pytest.raises(ValueError, match="aware"):
        await watch.book.arm({A: watch.after(0).replace(tzinfo=None)})


async def _until_fired(watch: Watch, handle: Handle, count: int = 2) -> None:
    """Let the timers of the start fire into `handle`, which may get them one by one."""
    if isinstance(watch.book, MemoryTimers):
        watch.book.advance_to(watch.after(0))
    async with asyncio.timeout(PATIENCE):
        while count > 0:
            count -= await watch.book.fired(handle, wait=0.2)


async def _unexpected(batch: Sequence[Fired]) -> Mapping[str, datetime | None]:
    raise AssertionError(f"fired again: {batch}")
