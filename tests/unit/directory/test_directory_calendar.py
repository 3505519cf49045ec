"""Working-day calendars: make-up days of 2026 as officially announced, opening hours, deadlines, warnings, opening time."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import chinese_calendar  # type: ignore[import-untyped] # ships no types
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.directory import CalendarRule, DayOverride, Span, WorkingCalendar, calendar_of

CHINA = timezone(timedelta(hours=8))
SHANGHAI = "Asia/Shanghai"
HOURS = ("08:30-12:00", "14:00-17:30")
WORK = 7 * 3600
OFFICE = calendar_of(CalendarRule(base="china", hours=HOURS), SHANGHAI)
WHOLE_DAYS = calendar_of(CalendarRule(base="china"), SHANGHAI)
CLOCK_ROUND = calendar_of(CalendarRule(base="always", hours=HOURS), SHANGHAI)
CLOSED_ON_A_MONDAY = calendar_of(
    CalendarRule(
        base="china",
        hours=HOURS,
        overrides=(DayOverride(day=date(2026, 3, 9), work=False), DayOverride(day=date(2026, 3, 7), work=True, source="test")),
    ),
    SHANGHAI,
)
CHANGING_CLOCKS = calendar_of(CalendarRule(base="china", hours=("01:00-12:00", "12:00-24:00")), "Europe/Berlin")
BERLIN_ROUND = calendar_of(CalendarRule(base="always"), "Europe/Berlin")
CALENDARS = (OFFICE, WHOLE_DAYS, CLOCK_ROUND, CLOSED_ON_A_MONDAY, CHANGING_CLOCKS, BERLIN_ROUND)


def at(month: int, day: int, clock: str = "10:00", year: int = 2026) -> datetime:
    """A moment in China."""
    return datetime(year, month, day, int(clock[:2]), int(clock[3:]), tzinfo=CHINA)


def span(text: str) -> Span:
    return Span.parse(text)


calendars = st.sampled_from(CALENDARS)
moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 12, 31), timezones=st.sampled_from((UTC, CHINA)))  # noqa: DTZ001 # bounds are naive here
borders = st.builds(
    lambda day, hours, off: datetime(2025, 12, 20, tzinfo=CHINA) + timedelta(days=day, minutes=hours * 30, microseconds=off),
    st.integers(0, 400),
    st.sampled_from((0, 17, 24, 28, 35)),
    st.sampled_from((-1, 0, 1)),
)
anytime = moments | borders
spans = st.builds(
    lambda amount, unit: Span(amount, unit),
    st.integers(0, 60),
    st.sampled_from(("wd", "d", "h", "min", "s")),
)


# Deadlines, by hand.


@pytest.mark.parametrize(
    ("start", "promised", "due"),
    [
        pytest.param(at(3, 4), "1wd", at(3, 5, "17:30"), id="the day of the start does not count"),
        pytest.param(at(3, 4, "08:00"), "1wd", at(3, 5, "17:30"), id="nor does it before opening"),
        pytest.param(at(3, 6, "18:00"), "1wd", at(3, 9, "17:30"), id="Friday evening, Monday closing"),
        pytest.param(at(3, 6, "18:00"), "5wd", at(3, 13, "17:30"), id="Friday evening, Friday closing"),
        pytest.param(at(3, 7), "5wd", at(3, 13, "17:30"), id="Saturday counts no more than Friday evening"),
        pytest.param(at(9, 29), "5wd", at(10, 12, "17:30"), id="National Day with a Saturday worked"),
        pytest.param(at(9, 30), "2wd", at(10, 9, "17:30"), id="the day before National Day"),
        pytest.param(at(9, 18), "1wd", at(9, 20, "17:30"), id="a Sunday worked for National Day"),
        pytest.param(at(10, 10), "1wd", at(10, 12, "17:30"), id="from a Saturday that is worked"),
        pytest.param(at(2, 13, "18:00"), "1wd", at(2, 14, "17:30"), id="a Saturday worked before Spring Festival"),
        pytest.param(at(2, 13, "18:00"), "5wd", at(2, 27, "17:30"), id="across Spring Festival"),
        pytest.param(at(2, 13, "18:00"), "6wd", at(2, 28, "17:30"), id="to the Saturday worked after it"),
        pytest.param(at(2, 18), "2wd", at(2, 25, "17:30"), id="from within Spring Festival"),
        pytest.param(at(3, 4), "0wd", at(3, 4, "17:30"), id="the same working day"),
        pytest.param(at(3, 4, "07:00"), "0wd", at(3, 4, "17:30"), id="the same working day before opening"),
        pytest.param(at(3, 4, "12:30"), "0wd", at(3, 4, "17:30"), id="the same working day at noon"),
        pytest.param(at(3, 4, "17:30"), "0wd", at(3, 5, "17:30"), id="at closing the day is over"),
        pytest.param(at(3, 6, "18:00"), "0wd", at(3, 9, "17:30"), id="after closing the next working day"),
        pytest.param(at(10, 3), "0wd", at(10, 8, "17:30"), id="on a day off the next working day"),
        pytest.param(at(10, 10), "0wd", at(10, 10, "17:30"), id="on a Saturday that is worked"),
        pytest.param(at(12, 30), "5wd", at(1, 6, "17:30", 2027), id="into a year nobody announced: Monday to Friday"),
        pytest.param(at(1, 1, "02:00", 2027), "1wd", at(1, 4, "17:30", 2027), id="a New Year that has not begun in UTC"),
        pytest.param(at(3, 6, "18:00"), "24h", at(3, 7, "18:00"), id="hours run through the weekend"),
        pytest.param(at(2, 14), "7d", at(2, 21), id="days run through the festival"),
        pytest.param(at(3, 6, "17:15"), "30min", at(3, 6, "17:45"), id="minutes run past closing"),
        pytest.param(at(3, 6), "40s", at(3, 6) + timedelta(seconds=40), id="seconds"),
    ],
)
def test_a_deadline_is_closing_time_of_the_last_working_day_or_elapsed_time(start: datetime, promised: str, due: datetime) -> None:
    found = OFFICE.after(start, span(promised))
    assert found == due
    assert found.tzinfo is UTC


def test_without_opening_hours_a_day_ends_at_midnight() -> None:
    assert WHOLE_DAYS.after(at(3, 4), span("1wd")) == at(3, 6, "00:00")
    assert WHOLE_DAYS.after(at(3, 6, "18:00"), span("0wd")) == at(3, 7, "00:00")


def test_always_works_every_day_round_the_clock_whatever_the_hours() -> None:
    assert CLOCK_ROUND.after(at(10, 3, "23:00"), span("1wd")) == at(10, 5, "00:00")
    assert CLOCK_ROUND.working_seconds(at(10, 1), at(10, 3)) == 2 * 86_400
    assert CLOCK_ROUND.is_working_day(date(2026, 10, 1))


def test_an_override_comes_before_the_official_calendar() -> None:
    assert CLOSED_ON_A_MONDAY.after(at(3, 6, "18:00"), span("1wd")) == at(3, 7, "17:30")
    assert CLOSED_ON_A_MONDAY.after(at(3, 7), span("1wd")) == at(3, 10, "17:30")
    assert not CLOSED_ON_A_MONDAY.is_working_day(date(2026, 3, 9))


def test_opening_hours_are_wall_clock_times_on_a_day_on_which_the_clocks_change() -> None:
    sunday = DayOverride(day=date(2026, 3, 29), work=True)
    office = calendar_of(CalendarRule(base="china", hours=HOURS, overrides=(sunday,)), "Europe/Berlin")
    assert office.after(datetime(2026, 3, 28, 12, tzinfo=UTC), span("1wd")) == datetime(2026, 3, 29, 15, 30, tzinfo=UTC)
    assert BERLIN_ROUND.after(datetime(2026, 3, 28, 12, tzinfo=UTC), span("1wd")) == datetime(2026, 3, 29, 22, tzinfo=UTC)
    assert BERLIN_ROUND.working_seconds(datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)) == 23 * 3600


# Warnings.


@pytest.mark.parametrize(
    ("moment", "ahead", "warned"),
    [
        pytest.param(at(3, 13, "17:30"), "1wd", at(3, 12, "17:30"), id="the working day before"),
        pytest.param(at(3, 9, "17:30"), "1wd", at(3, 6, "17:30"), id="Monday back to Friday"),
        pytest.param(at(3, 9, "08:00"), "1wd", at(3, 6, "17:30"), id="the time of the day does not matter"),
        pytest.param(at(3, 8), "1wd", at(3, 6, "17:30"), id="from a Sunday"),
        pytest.param(at(10, 8, "17:30"), "1wd", at(9, 30, "17:30"), id="across National Day"),
        pytest.param(at(10, 12, "17:30"), "1wd", at(10, 10, "17:30"), id="to a Saturday that is worked"),
        pytest.param(at(1, 5, "10:00"), "2wd", at(12, 31, "17:30", 2025), id="across the New Year, 4 January worked"),
        pytest.param(at(3, 13, "17:30"), "0wd", at(3, 13, "17:30"), id="closing time itself"),
        pytest.param(at(3, 13, "17:29"), "0wd", at(3, 12, "17:30"), id="the last closing time"),
        pytest.param(at(3, 13), "24h", at(3, 12), id="elapsed time"),
    ],
)
def test_before_is_the_closing_time_so_many_working_days_earlier(moment: datetime, ahead: str, warned: datetime) -> None:
    assert OFFICE.before(moment, span(ahead)) == warned


def test_a_deadline_at_midnight_counts_to_the_day_that_ends_there() -> None:
    assert WHOLE_DAYS.before(at(3, 6, "00:00"), span("1wd")) == at(3, 5, "00:00")
    assert CLOCK_ROUND.before(at(3, 6, "00:00"), span("1wd")) == at(3, 5, "00:00")
    assert CLOCK_ROUND.before(at(1, 1, "00:00", 2027), span("1wd")) == at(12, 31, "00:00")
    assert not OFFICE.is_provisional(at(1, 1, "00:00", 2027))


# Opening time, by hand.


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        pytest.param(at(3, 4, "08:00"), at(3, 4, "18:00"), WORK, id="a day"),
        pytest.param(at(3, 4, "11:30"), at(3, 4, "14:30"), 3600, id="across noon"),
        pytest.param(at(3, 6, "17:00"), at(3, 9, "09:00"), 3600, id="across a weekend"),
        pytest.param(at(9, 30, "17:00"), at(10, 8, "09:00"), 3600, id="across National Day"),
        pytest.param(at(10, 9, "17:30"), at(10, 11), WORK, id="a Saturday that is worked"),
        pytest.param(at(3, 7), at(3, 8), 0, id="a day off"),
        pytest.param(at(12, 31, "17:00", 2025), at(1, 4, "09:00"), 3600, id="across the New Year"),
        pytest.param(at(3, 4, "14:30"), at(3, 4, "11:30"), -3600, id="backwards"),
    ],
)
def test_working_seconds_are_the_opening_time_in_between(start: datetime, end: datetime, seconds: int) -> None:
    assert OFFICE.working_seconds(start, end) == seconds


def test_a_year_of_opening_time_is_its_working_days() -> None:
    days = len(chinese_calendar.get_workdays(date(2025, 1, 1), date(2026, 12, 31)))
    assert OFFICE.working_seconds(at(1, 1, "00:00", 2025), at(1, 1, "00:00", 2027)) == days * WORK


def test_opening_time_is_added_to_the_end_of_that_much_work() -> None:
    assert OFFICE.add_working(at(3, 6, "17:00"), 1800) == at(3, 6, "17:30")
    assert OFFICE.add_working(at(3, 6, "17:00"), 1801) == at(3, 9, "08:30") + timedelta(seconds=1)
    assert OFFICE.add_working(at(3, 7), 0) == at(3, 7)
    assert OFFICE.add_working(at(12, 31, "17:00"), 1800) == at(12, 31, "17:30")
    assert OFFICE.add_working(at(12, 31, "17:00"), 3600) == at(1, 1, "09:00", 2027)
    with pytest.raises(ValueError, match="not taken away"):
        OFFICE.add_working(at(3, 7), -1)


# What is known.


def test_working_days_are_those_the_state_council_announced() -> None:
    made_up = [date(2026, month, day) for month, day in ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))]
    assert [day for day in made_up if day.weekday() < 5 or not OFFICE.is_working_day(day)] == []
    off = [date(2026, 2, day) for day in range(15, 24)] + [date(2026, 10, day) for day in range(1, 8)]
    assert [day for day in off if OFFICE.is_working_day(day)] == []


@given(st.dates(date(2004, 1, 1), date(2026, 12, 31)))
def test_every_known_day_is_as_the_library_tells(day: date) -> None:
    assert OFFICE.is_working_day(day) == chinese_calendar.is_workday(day)


def test_a_year_nobody_announced_is_provisional() -> None:
    assert OFFICE.is_provisional(at(1, 4, year=2027))
    assert OFFICE.is_provisional(at(6, 1, year=2003))
    assert not OFFICE.is_provisional(at(12, 31))
    assert not CLOCK_ROUND.is_provisional(at(1, 4, year=2027))


def test_a_moment_without_a_zone_is_refused() -> None:
    naive = datetime(2026, 3, 4)  # noqa: DTZ001 # the mistake itself
    for ask in (OFFICE.is_provisional, OFFICE.local_day, lambda m: OFFICE.after(m, span("1wd")), lambda m: OFFICE.before(m, span("1h"))):
        with pytest.raises(ValueError, match="without a time zone"):
            ask(naive)


def test_a_day_is_the_networks_own() -> None:
    assert OFFICE.local_day(datetime(2026, 3, 4, 20, tzinfo=UTC)) == date(2026, 3, 5)


def test_equal_rules_share_one_calendar() -> None:
    again = CalendarRule(base="china", hours=HOURS)
    assert calendar_of(again, SHANGHAI) is OFFICE
    assert WorkingCalendar(again, SHANGHAI) == OFFICE
    assert hash(WorkingCalendar(again, SHANGHAI)) == hash(OFFICE)
    assert WorkingCalendar(again, "Asia/Tokyo") != OFFICE


# Properties.


@given(calendars, anytime, anytime, spans)
def test_a_later_start_never_ends_earlier(calendar: WorkingCalendar, one: datetime, other: datetime, promised: Span) -> None:
    first, last = sorted((one, other))
    assert calendar.after(first, promised) <= calendar.after(last, promised)
    assert calendar.before(first, promised) <= calendar.before(last, promised)


@given(calendars, anytime, st.integers(0, 60))
def test_every_deadline_lies_ahead_and_more_days_never_end_earlier(calendar: WorkingCalendar, start: datetime, days: int) -> None:
    due = calendar.after(start, Span(days, "wd"))
    assert start < due <= calendar.after(start, Span(days + 1, "wd"))
    assert calendar.before(start, Span(days + 1, "wd")) <= calendar.before(start, Span(days, "wd")) <= start


@given(calendars, anytime, st.integers(1, 60), st.integers(0, 60))
def test_before_is_the_mirror_of_after(calendar: WorkingCalendar, start: datetime, days: int, ahead: int) -> None:
    due = calendar.after(start, Span(days, "wd"))
    warned = calendar.before(due, Span(ahead, "wd"))
    assert calendar.working_seconds(warned, due) >= 0
    if ahead:
        # The warning is a closing time; as a moment at midnight it would look ahead from the next day.
        assert calendar.after(warned - timedelta(microseconds=1), Span(ahead, "wd")) == due
    else:
        assert warned == due


@given(anytime, st.integers(1, 40))
def test_a_deadline_agrees_with_counting_days_one_by_one(start: datetime, days: int) -> None:
    day = start.astimezone(CHINA).date()
    left = days
    while left:
        day += timedelta(days=1)
        known = day.year <= 2026
        left -= chinese_calendar.is_workday(day) if known else day.weekday() < 5
    assert OFFICE.after(start, Span(days, "wd")) == datetime(day.year, day.month, day.day, 17, 30, tzinfo=CHINA)


@given(calendars, anytime, anytime, anytime)
def test_opening_time_is_additive_over_any_split(calendar: WorkingCalendar, a: datetime, b: datetime, c: datetime) -> None:
    assert calendar.working_seconds(a, b) + calendar.working_seconds(b, c) == calendar.working_seconds(a, c)
    assert calendar.working_seconds(a, b) == -calendar.working_seconds(b, a)


@given(calendars, anytime, st.integers(0, 500 * 86_400))
def test_added_opening_time_is_found_again(calendar: WorkingCalendar, start: datetime, seconds: int) -> None:
    end = calendar.add_working(start, seconds)
    assert calendar.working_seconds(start, end) == seconds
    if seconds and not start.microsecond:
        assert calendar.working_seconds(start, end - timedelta(seconds=1)) == seconds - 1


@given(calendars, anytime, anytime)
def test_adding_the_opening_time_between_two_moments_reaches_its_end(calendar: WorkingCalendar, one: datetime, other: datetime) -> None:
    start, end = sorted(moment.replace(microsecond=0) for moment in (one, other))
    reached = calendar.add_working(start, calendar.working_seconds(start, end))
    assert start <= reached <= end
    assert calendar.working_seconds(reached, end) == 0
