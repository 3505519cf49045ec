"""Cursors of the changes feed, and the bell."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.chassis.http import encode_cursor
from libs.events import Refused
from services.tracker.feed import Bell, decode_places, encode_places, heard

places = st.dictionaries(st.from_regex(r"\A[a-z0-9]{1,8}\Z"), st.integers(0, 2**62), max_size=5)


@settings(deadline=None)
@given(places)
def test_a_cursor_comes_back_as_it_was(reached: dict[str, int]) -> None:
    assert decode_places(encode_places(reached)) == reached


@settings(deadline=None)
@given(places)
def test_equal_places_have_equal_cursors(reached: dict[str, int]) -> None:
    assert encode_places(dict(reversed(reached.items()))) == encode_places(reached)


def test_no_cursor_is_the_beginning() -> None:
    assert decode_places(None) == {}


@pytest.mark.parametrize("place", [{"t1": -1}, {"t1": "x"}, {"T1": 1}, {"": 1}, {"t1;": 1}, {"toolongcell": 1}])
def test_a_forged_cursor_is_refused(place: dict[str, int | str]) -> None:
    with pytest.raises(Refused, match="bad_cursor"):
        decode_places(encode_cursor(place))


@pytest.mark.parametrize("cursor", ["", "%", "bm9wZQ", "x" * 2000])
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Refused, match="bad_cursor"):
        decode_places(cursor)


async def test_a_ring_between_looking_and_waiting_is_not_missed() -> None:
    bell = Bell()
    rung = bell.listen()
    bell.ring()
    async with asyncio.timeout(1):
        await heard(rung, 60)


async def test_a_ring_wakes_everybody_who_waits() -> None:
    bell = Bell()
    waiting = [asyncio.create_task(heard(bell.listen(), 60)) for _ in range(3)]
    await asyncio.sleep(0)
    bell.ring()
    async with asyncio.timeout(1):
        await asyncio.gather(*waiting)


async def test_waiting_ends_when_the_time_is_over() -> None:
    async with asyncio.timeout(1):
        await heard(Bell().listen(), 0.01)
