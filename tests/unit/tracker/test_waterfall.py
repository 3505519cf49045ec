"""Holder segments."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import get_args

from hypothesis import given, settings

from libs.demand import INITIAL, PAUSED, Status, evolve
from libs.events import DemandClosed, DemandEvent, DemandReopened
from services.tracker.waterfall import ENDS, ENTERPRISE, FORMER_SYSTEM, life, segments
from tests.unit.tracker.histories import HUB, SPECIALIST, START, WINDOW, History, demand_of, full_life
from tests.unit.tracker.random_lives import whole_lives


@settings(deadline=None)
@given(whole_lives)
def test_segments_add_up_exactly_to_the_demands_life(history: History) -> None:
    parts = segments(history.commits)
    now = history.commits[-1].at + timedelta(days=3, microseconds=7)
    end = parts[-1].end if parts[-1].end is not None else now
    nobody = sum((part.length(now) for part in parts if part.kind == "closed"), timedelta(0))
    assert life(parts, now) + nobody == end - parts[0].start
    assert sum((part.length(now) for part in parts), timedelta(0)) == end - parts[0].start


@settings(deadline=None)
@given(whole_lives)
def test_each_segment_begins_where_its_predecessor_ends(history: History) -> None:
    parts = segments(history.commits)
    assert all(earlier.end == later.start for earlier, later in pairwise(parts))
    assert all(part.end is not None and part.reason is not None for part in parts[:-1])


@settings(deadline=None)
@given(whole_lives)
def test_the_open_segment_is_the_holders(history: History) -> None:
    state = INITIAL
    for commit in history.commits:
        for event in commit.events:
            state = evolve(state, event, version=commit.version, at=commit.at)
    last = segments(history.commits)[-1]
    assert (last.end is None) == state.is_open
    if state.status is Status.RESOLVED:
        assert (last.node, last.kind) == (ENTERPRISE, "confirmation")
    elif state.is_open:
        assert state.holder is not None
        assert (last.node, last.assignment) == (state.holder.node, state.holder.assignment)
        assert bool(last.pauses and last.pauses[-1].end is None) == (state.status in PAUSED)


def test_a_full_life_names_every_holder_and_why_it_ended() -> None:
    found = [(part.node, part.assignment, part.reason) for part in segments(full_life().commits)]
    assert found == [
        (HUB, None, "assigned"),
        (WINDOW, "a1", "returned"),
        (HUB, None, "assigned"),
        (SPECIALIST, "a2", "resolved"),
        (ENTERPRISE, None, None),
    ]


def test_no_commits_have_no_segments_and_no_life() -> None:
    assert segments([]) == ()
    assert life((), START) == timedelta(0)


def test_a_fresh_demand_is_the_desks() -> None:
    (only,) = segments(History(demand_of(1)).submitted().commits)
    assert (only.node, only.assignment, only.end) == (HUB, None, None)


def test_time_in_a_former_system_is_the_first_stretch() -> None:
    received = START - timedelta(days=2)
    former, desk = segments(History(demand_of(1)).submitted(received_at=received).commits)
    assert (former.node, former.kind, former.start, former.end, former.reason) == (FORMER_SYSTEM, "former", received, START, "submitted")
    assert (desk.node, desk.start) == (HUB, START)


def test_between_an_end_and_a_reopening_nobody_has_it() -> None:
    history = full_life().then(DemandClosed(outcome="unconfirmed")).then(DemandReopened(cause="enterprise_asked", assignment="a2"))
    nobody, again = segments(history.commits)[-2:]
    assert (nobody.kind, nobody.reason) == ("closed", "reopened")
    assert (again.node, again.assignment, again.end) == (SPECIALIST, "a2", None)
    now = history.commits[-1].at
    assert life(segments(history.commits), now) == now - START - timedelta(minutes=history.minutes)


def test_a_history_whose_beginning_cannot_be_read_has_no_segments() -> None:
    assert segments(full_life().commits[1:]) == ()


def test_every_way_a_stretch_may_end_is_an_event_there_is() -> None:
    assert ENDS.keys() <= {cls.__name__ for cls in get_args(DemandEvent)}
