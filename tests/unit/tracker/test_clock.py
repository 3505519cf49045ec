"""The demand clock: gross and net add up exactly, whatever happened and whoever's server clock was wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.demand import INITIAL, evolve
from libs.events import (
    AssignmentAccepted,
    AssignmentReturned,
    CompletionProvided,
    CompletionRequested,
    Deadline,
    DeadlinesSet,
    DemandClassified,
    DemandClosed,
    DemandReopened,
    DemandResumed,
)
from services.tracker.clock import DemandClock, elapsed_seconds, read_clock
from services.tracker.waterfall import ENTERPRISE, FORMER_SYSTEM, life, segments
from tests.unit.tracker.histories import HUB, SPECIALIST, WINDOW, History, demand_of, full_life
from tests.unit.tracker.random_lives import clocks, whole_lives

ZONE = ZoneInfo("Asia/Shanghai")
CALENDAR = clocks().calendar
HOUR = 3600
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31))  # noqa: DTZ001 - the zone is put on below


def read(history: History, now: datetime) -> DemandClock:
    found = read_clock(segments(history.commits), CALENDAR, now)
    assert found is not None
    return found


def at(day: int, clock: str) -> datetime:
    """A day of March 2026, of which the 2nd is a Monday, on the network's clock."""
    return datetime.fromisoformat(f"2026-03-{day:02d}T{clock}").replace(tzinfo=ZONE)


@settings(deadline=None, max_examples=80)
@given(whole_lives, moments)
def test_the_parts_add_up_to_both_clocks_to_the_second(history: History, moment: datetime) -> None:
    now = max(moment.replace(tzinfo=ZONE), history.commits[-1].at)
    told = read(history, now)
    counted = [part for part in told.segments if part.counts]
    for whole, parts in ((told.gross, [part.gross for part in counted]), (told.net, [part.net for part in counted])):
        assert whole.elapsed_seconds == sum(part.elapsed_seconds for part in parts)
        assert whole.working_seconds == sum(part.working_seconds for part in parts)
    end = told.ended_at if told.ended_at is not None else now
    stood = [part.gross for part in told.segments if not part.counts]
    assert told.gross.elapsed_seconds + sum(part.elapsed_seconds for part in stood) == elapsed_seconds(told.started_at, end)
    assert told.gross.working_seconds + sum(part.working_seconds for part in stood) == CALENDAR.working_seconds(told.started_at, end)


@settings(deadline=None, max_examples=80)
@given(whole_lives)
def test_net_is_gross_without_the_pauses_the_demand_itself_counted(history: History) -> None:
    state = INITIAL
    for commit in history.commits:
        for event in commit.events:
            state = evolve(state, event, version=commit.version, at=commit.at)
    parts = segments(history.commits)
    told = read(history, history.commits[-1].at)
    pauses = [pause for part in parts for pause in part.pauses]
    assert all(0 <= part.net.working_seconds <= part.gross.working_seconds for part in told.segments)
    assert all(0 <= part.net.elapsed_seconds <= part.gross.elapsed_seconds for part in told.segments)
    paused = sum(CALENDAR.working_seconds(pause.start, pause.over(history.commits[-1].at)) for pause in pauses)
    assert told.gross.working_seconds - told.net.working_seconds == paused
    assert paused >= state.paused_seconds
    resumed = [event for commit in history.commits for event in commit.events if isinstance(event, DemandResumed)]
    if len(resumed) == len(pauses):  # A demand that ended while it was paused has one that nobody counted.
        assert paused == state.paused_seconds


@settings(deadline=None)
@given(whole_lives, st.integers(0, 10**7))
def test_the_clock_never_runs_backwards_and_never_starts_again(history: History, later: int) -> None:
    before = None
    for length in range(1, len(history.commits) + 1):
        so_far = History(history.demand, commits=history.commits[:length])
        told = read(so_far, so_far.commits[-1].at)
        assert told.started_at == read(history, history.commits[-1].at).started_at
        assert before is None or told.gross.elapsed_seconds >= before
        before = told.gross.elapsed_seconds
    end = history.commits[-1].at
    assert life(segments(history.commits), end + timedelta(seconds=later)) >= life(segments(history.commits), end)


def test_a_transfer_and_a_new_category_leave_the_clock_alone() -> None:
    history = History(demand_of(1)).submitted().then(AssignmentAccepted(assignment="a1", node=WINDOW))
    start, now = history.commits[0].at, history.commits[0].at + timedelta(days=3)
    for events in (
        (DemandClassified(category="digital", by="person"),),
        (AssignmentReturned(assignment="a1", node=WINDOW, reason="no_capacity"),),
    ):
        told = read(history.then(*events), now)
        assert (told.started_at, told.gross.elapsed_seconds) == (start, 3 * 86_400)


def test_nights_and_pauses_count_as_the_calendar_says() -> None:
    history = History(demand_of(1))
    history.submitted()
    history.commits.clear()
    history.bodies.clear()
    history.minutes = 0
    begun = History(demand_of(1)).submitted().commits[0].events
    history.then(*begun, at=at(2, "09:00"))
    history.assigned()
    history.then(AssignmentAccepted(assignment="a1", node=WINDOW), at=at(2, "10:00"))
    asked = CompletionRequested(assignment="a1", node=WINDOW, note=history.sealed("x", "note"))
    history.then(asked, DeadlinesSet(clocks="x", deadlines={"complete": Deadline(at=at(4, "17:30"))}), at=at(2, "16:30"))
    provided = CompletionProvided(note=history.sealed("x", "note"))
    history.then(provided, DemandResumed(cause="completed", paused_seconds=2 * HOUR), at=at(3, "09:30"))
    told = read(history, at(3, "11:30"))
    # Monday 9:00 to 12:00 and 14:00 to 17:30, Tuesday 8:30 to 11:30; paused Monday 16:30 to Tuesday 9:30.
    assert (told.gross.elapsed_seconds, told.gross.working_seconds) == (int(26.5 * HOUR), int(9.5 * HOUR))
    assert (told.net.elapsed_seconds, told.net.working_seconds) == (int(9.5 * HOUR), int(7.5 * HOUR))
    late = read(History(history.demand, commits=history.commits[:-1]), at(9, "12:00"))
    # Nobody provided anything and nobody noticed: the pause was over on Wednesday at closing time all the same.
    assert late.gross.working_seconds - late.net.working_seconds == CALENDAR.working_seconds(at(2, "16:30"), at(4, "17:30"))


def test_the_clock_starts_in_the_former_system_and_stands_between_closing_and_reopening() -> None:
    received = at(1, "09:00")
    history = History(demand_of(1), minutes=60).submitted(received_at=received).assigned()
    told = read(history, history.commits[-1].at)
    assert (told.started_at, told.segments[0].node) == (received, FORMER_SYSTEM)
    again = full_life().then(DemandClosed(outcome="confirmed"))
    ended = read(again, again.commits[-1].at + timedelta(days=30))
    assert ended.ended_at == again.commits[-1].at
    again.then(DemandReopened(cause="enterprise_asked", assignment="a2"), at=again.commits[-1].at + timedelta(days=10))
    reopened = read(again, again.commits[-1].at + timedelta(seconds=5))
    assert reopened.gross.elapsed_seconds == ended.gross.elapsed_seconds + 5
    assert [part.node for part in reopened.segments] == [HUB, WINDOW, HUB, SPECIALIST, ENTERPRISE, "nobody", SPECIALIST]


def test_a_demand_nobody_can_read_has_no_clock() -> None:
    assert read_clock((), CALENDAR, at(2, "09:00")) is None
