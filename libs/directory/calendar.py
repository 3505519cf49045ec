"""Working-day calendars 工作日历 as pure values: deadlines, warnings and opening time, with make-up days and opening hours.

Also binds a network's limits to its calendar. Knows official working days from chinese_calendar; a year it does not know has
Monday to Friday and the network's overrides, and whatever falls into it is provisional. All results are in UTC.

Days are the network's local days. A moment at midnight counts to the day that ends there where one looks back (`before`,
`is_provisional`) and to the day that begins where one looks ahead (`after`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import accumulate
from typing import Final, Literal
from zoneinfo import ZoneInfo

import chinese_calendar  # type: ignore[import-untyped] # ships no types

from libs.directory.clocks import CalendarRule, ClockPack, ClockRules, Span

_DAY: Final = timedelta(days=1)
_SECOND: Final = timedelta(seconds=1)
_INSTANT: Final = timedelta(microseconds=1)
_ANNOUNCED: Final = frozenset(day.year for day in chinese_calendar.holidays)
_DATES: Final = (2, 9998)
"""Years whose every local day can be told in UTC."""


@dataclass(frozen=True, slots=True)
class _Year:
    """One year's working days and opening times, sorted, as UTC moments. `worked[n]`: opening time up to the end of opening n."""

    begins: tuple[datetime, ...]
    closings: tuple[datetime, ...]
    ends: tuple[datetime, ...]
    opens: tuple[datetime, ...]
    shuts: tuple[datetime, ...]
    worked: tuple[timedelta, ...]

    @property
    def total(self) -> timedelta:
        """The opening time of the whole year."""
        return self.worked[-1] if self.worked else timedelta()


class WorkingCalendar:
    """Working days and opening hours in one time zone. Equal rules and zones make equal calendars.

    Moments are aware datetimes; a naive one raises ValueError. Years are worked out once, on first use.
    """

    __slots__ = ("_hours", "_overrides", "_years", "_zone", "rule", "time_zone")

    def __init__(self, rule: CalendarRule, time_zone: str) -> None:
        self.rule = rule
        self.time_zone = time_zone
        self._zone = ZoneInfo(time_zone)
        hours = () if rule.base == "always" else tuple(_opening(text) for text in rule.hours)
        self._hours: tuple[tuple[timedelta, timedelta], ...] = hours or ((timedelta(), _DAY),)
        self._overrides = {override.day: override.work for override in rule.overrides}
        self._years: dict[int, _Year] = {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, WorkingCalendar):
            return NotImplemented
        return (self.rule, self.time_zone) == (other.rule, other.time_zone)

    def __hash__(self) -> int:
        return hash((self.rule, self.time_zone))

    def __repr__(self) -> str:
        return f"WorkingCalendar({self.rule.base!r}, {self.time_zone!r})"

    def after(self, start: datetime, span: Span) -> datetime:
        """Return the moment at which a span that begins at `start` ends; never before `start`, later starts never end earlier.

        `Nwd`: closing time of the N-th working day after the day of `start`, which does not count (Civil Code art. 201; the last
        day ends at closing time, art. 203). `0wd`: the first closing time after `start`: of the same working day, or of the next
        one if `start` is at or after closing or on a day off. Other units: elapsed time.
        """
        moment = _utc(start)
        if span.elapsed is not None:
            return moment + span.elapsed
        number = self._local_year(moment)
        year = self._year(number)
        place = bisect_right(year.closings, moment) if span.amount == 0 else bisect_right(year.begins, moment) + span.amount - 1
        while place >= len(year.closings):
            place -= len(year.closings)
            number += 1
            year = self._year(number)
        return year.closings[place]

    def before(self, moment: datetime, span: Span) -> datetime:
        """Return the moment that lies a span before `moment`, the mirror of `after`; never after `moment`.

        `Nwd`: closing time of the N-th working day before the day of `moment`, which does not count; so `1wd` before any moment of
        a Tuesday is Monday's closing time, and after(before(x, s), s) == x for every closing time x, unless days close at midnight.
        `0wd`: the last closing time at or before `moment`. Other units: elapsed time.
        """
        at = _utc(moment)
        if span.elapsed is not None:
            return at - span.elapsed
        number = self._local_year(at - _INSTANT)
        year = self._year(number)
        place = bisect_right(year.closings, at) - 1 if span.amount == 0 else bisect_left(year.ends, at) - span.amount
        while place < 0:
            number -= 1
            year = self._year(number)
            place += len(year.closings)
        return year.closings[place]

    def working_seconds(self, start: datetime, end: datetime) -> int:
        """Return the opening seconds from `start` to `end`, negative if `end` lies before `start`.

        Additive: the seconds from a to b and from b to c sum to those from a to c, exactly. For that, opening time is cut down to
        whole seconds at each moment, not between two.
        """
        first, worked_first = self._worked(_utc(start))
        last, worked_last = self._worked(_utc(end))
        seconds = worked_last // _SECOND - worked_first // _SECOND
        if first == last:
            return seconds
        sign = 1 if first < last else -1
        between = sum(self._year(number).total // _SECOND for number in range(min(first, last), max(first, last)))
        return seconds + sign * between

    def add_working(self, start: datetime, seconds: int) -> datetime:
        """Return the earliest moment by which so many opening seconds have passed since `start`. Raises ValueError if negative.

        working_seconds(start, add_working(start, n)) == n. With n = working_seconds(start, b) the result is b to the second, or
        where b lies outside the opening hours, the last closing time before it; for n = 0 it is `start`.
        """
        if seconds < 0:
            raise ValueError("opening time is added, not taken away")
        moment = _utc(start)
        if seconds == 0:
            return moment
        number, wanted = self._worked(moment)
        wanted += seconds * _SECOND
        year = self._year(number)
        while wanted > year.total:
            wanted -= year.total
            number += 1
            year = self._year(number)
        place = bisect_left(year.worked, wanted)
        return year.shuts[place] - (year.worked[place] - wanted)

    def is_working_day(self, day: date) -> bool:
        """Tell whether a local day is worked: the override, else the official calendar, else Monday to Friday."""
        if self.rule.base == "always":
            return True
        override = self._overrides.get(day)
        if override is not None:
            return override
        # The tables rather than the library's function, which looks through all of them for the years it knows at every call.
        return day in chinese_calendar.workdays or (day.weekday() < 5 and day not in chinese_calendar.holidays)

    def is_provisional(self, moment: datetime) -> bool:
        """Tell whether a moment falls into a year whose official working days are not known, so that a deadline may still move."""
        return self.rule.base == "china" and self._local_year(_utc(moment) - _INSTANT) not in _ANNOUNCED

    def local_day(self, moment: datetime) -> date:
        """Return the day of a moment in the calendar's time zone."""
        return _utc(moment).astimezone(self._zone).date()

    def _local_year(self, moment: datetime) -> int:
        return moment.astimezone(self._zone).year

    def _worked(self, moment: datetime) -> tuple[int, timedelta]:
        """Return the local year of a moment, and the opening time from that year's beginning to the moment."""
        number = self._local_year(moment)
        year = self._year(number)
        place = bisect_right(year.opens, moment) - 1
        if place < 0:
            return number, timedelta()
        return number, year.worked[place] - max(year.shuts[place] - moment, timedelta())

    def _year(self, number: int) -> _Year:
        found = self._years.get(number)
        if found is None:
            found = self._years[number] = self._make_year(number)
        return found

    def _make_year(self, number: int) -> _Year:
        if not _DATES[0] <= number <= _DATES[1]:
            raise OverflowError("the calendar ends here")
        dates = [day for day in (date(number, 1, 1) + timedelta(days=n) for n in range(366)) if day.year == number]
        midnights = [self._at(day, timedelta()) for day in (*dates, date(number + 1, 1, 1))]
        days = [(day, midnights[n], midnights[n + 1]) for n, day in enumerate(dates) if self.is_working_day(day)]
        openings = [self._openings(*day) for day in days]
        flat = [opening for opened in openings for opening in opened]
        return _Year(
            begins=tuple(begin for _, begin, _ in days),
            closings=tuple(opened[-1][1] for opened in openings),
            ends=tuple(end for _, _, end in days),
            opens=tuple(start for start, _ in flat),
            shuts=tuple(end for _, end in flat),
            worked=tuple(accumulate(end - start for start, end in flat)),
        )

    def _openings(self, day: date, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Return a day's openings; only on a day on which the clocks change is every wall clock time looked up."""
        if end - begin == _DAY:
            return [(begin + start, begin + shut) for start, shut in self._hours]
        return [(self._at(day, start), self._at(day, shut)) for start, shut in self._hours]

    def _at(self, day: date, clock: timedelta) -> datetime:
        """Return the moment a wall clock shows a time of a day; 24:00 is the next day's beginning."""
        return (datetime.combine(day, time()) + clock).replace(tzinfo=self._zone).astimezone(UTC)


@lru_cache(maxsize=64)
def calendar_of(rule: CalendarRule, time_zone: str) -> WorkingCalendar:
    """Return the calendar of a sound rule in a time zone (IANA name); equal arguments share one object."""
    return WorkingCalendar(rule, time_zone)


@dataclass(frozen=True, slots=True)
class NetworkClocks:
    """A network's limits bound to their calendar. `label` names the version: `ningbo/clocks/2`, of the demo `ningbo/clocks/2/demo`."""

    label: str
    rules: ClockRules
    calendar: WorkingCalendar
    applies_to: Literal["new", "open"]


def network_clocks(network: str, pack: ClockPack, time_zone: str, *, sample: bool = False) -> NetworkClocks:
    """Bind a pack to its calendar; for sample demands its demo limits, when it has some."""
    label = f"{network}/clocks/{pack.version}"
    if sample and pack.demo is not None:
        return NetworkClocks(f"{label}/demo", pack.demo.rules, calendar_of(pack.demo.calendar, time_zone), pack.applies_to)
    return NetworkClocks(label, pack.rules, calendar_of(pack.calendar, time_zone), pack.applies_to)


def _opening(text: str) -> tuple[timedelta, timedelta]:
    start, end = (timedelta(hours=int(clock[:2]), minutes=int(clock[3:])) for clock in text.split("-"))
    return start, end


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return moment.astimezone(UTC)
