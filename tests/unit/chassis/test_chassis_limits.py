"""The rate limit on a simulated clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.limits import RateLimited, RateLimits


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_window_begins_again_when_it_ends() -> None:
    clock = Clock()
    limits = RateLimits("3/second", clock=clock)

    assert [(limits.check("k")).remaining for _ in range(3)] == [2, 1, 0]
    with pytest.raises(RateLimited) as refused:
        limits.check("k")
    assert refused.value.headers["Retry-After"] == "1"
    clock.now += 1
    assert (limits.check("k")).remaining == 2


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 30)), max_size=60))
def test_no_window_admits_more_than_the_rate(calls: list[tuple[str, float]]) -> None:
    clock = Clock()
    limits = RateLimits("5/minute", clock=clock)
    admitted: dict[str, list[float]] = {"a": [], "b": []}
    for key, pause in calls:
        clock.now += pause
        try:
            limits.check(key)
        except RateLimited:
            continue
        admitted[key].append(clock.now)

    for times in admitted.values():
        for index, begin in enumerate(times):
            assert (
                sum(begin <= time < begin + 60 for time in times[index:]) <= 10
            )  # a fixed window admits at most twice its rate across its edge
        assert len(times) <= 5 * (1 + (clock.now - 1000) // 60 + 1)
