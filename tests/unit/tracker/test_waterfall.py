"""Holder segments."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from hypothesis import given, settings

from libs.demand import INITIAL, evolve
from services.tracker.waterfall import life, segments
from tests.unit.tracker.histories import HUB, SPECIALIST, START, WINDOW, History, demand_of, full_life, lives


@settings(deadline=None)
@given(lives)
def test_segments_add_up_exactly_to_the_demands_life(history: History) -> None:
    parts = segments(history.commits)
    now = history.commits[-1].at + timedelta(days=3, microseconds=7)
    closed = history.commits[-1].at if parts[-1].end is not None else now
    assert parts[0].start == history.commits[0].at
    assert sum((part.length(now) for part in parts), timedelta(0)) == closed - parts[0].start == life(parts, now)


@settings(deadline=None)
@given(lives)
def test_each_segment_begins_where_its_predecessor_ends(history: History) -> None:
    parts = segments(history.commits)
    assert all(earlier.end == later.start for earlier, later in pairwise(parts))
    assert all(part.end is not None and part.reason is not None for part in parts[:-1])


@settings(deadline=None)
@given(lives)
def test_the_open_segment_is_the_holders(history: History) -> None:
    state = INITIAL
    for commit in history.commits:
        for event in commit.events:
            state = evolve(state, event, version=commit.version, at=commit.at)
    last = segments(history.commits)[-1]
    if state.is_open:
        assert state.holder is not None
        assert (last.node, last.assignment, last.start, last.end) == (state.holder.node, state.holder.assignment, state.holder.since, None)
    else:
        assert last.end is not None


def test_a_full_life_names_every_holder_and_why_it_ended() -> None:
    found = [(part.node, part.assignment, part.reason) for part in segments(full_life().commits)]
    assert found == [
        (HUB, None, "assigned"),
        (WINDOW, "a1", "returned"),
        (HUB, None, "assigned"),
        (SPECIALIST, "a2", "resolved"),
    ]


def test_no_commits_have_no_segments_and_no_life() -> None:
    assert segments([]) == ()
    assert life((), START) == timedelta(0)


def test_a_fresh_demand_is_the_desks() -> None:
    (only,) = segments(History(demand_of(1)).submitted().commits)
    assert (only.node, only.assignment, only.end) == (HUB, None, None)
