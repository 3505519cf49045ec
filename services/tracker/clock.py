"""The demand clock 诉求时钟, gross and net, and the holders' parts of it (requirements N5): numbers that add up exactly. Pure.

It starts when the demand was submitted, or when a former system took it in, and no transfer, change of category or reopening resets it.
Gross never pauses; net stands still while the enterprise is to complete its demand (补正) and while it is suspended (中止). From an end to
a reopening both stand: nobody has the demand then (segments of kind `closed`, counted nowhere).

Seconds are cut to whole ones at each moment and not between two, so that parts add up to the whole to the second, in elapsed time and
in working time alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from libs.directory.calendar import WorkingCalendar
from services.tracker.waterfall import Kind, Segment

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)

Measure = Callable[[datetime, datetime], int]
"""Seconds between two moments; additive."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """One stretch of time in whole seconds: as it passed, and as the network works."""

    elapsed_seconds: int = 0
    working_seconds: int = 0

    def __add__(self, other: Lengths) -> Lengths:
        return Lengths(self.elapsed_seconds + other.elapsed_seconds, self.working_seconds + other.working_seconds)


@dataclass(frozen=True, slots=True)
class ClockSegment:
    """A holder's part. `end` None: it still runs."""

    node: str
    assignment: str | None
    kind: Kind
    start: datetime
    end: datetime | None
    gross: Lengths
    net: Lengths

    @property
    def counts(self) -> bool:
        """Whether it is part of the demand's clock."""
        return self.kind != "closed"


@dataclass(frozen=True, slots=True)
class DemandClock:
    """Both clocks of a demand. `ended_at` None: they run."""

    started_at: datetime
    ended_at: datetime | None
    gross: Lengths
    net: Lengths
    segments: Sequence[ClockSegment]


def read_clock(parts: Sequence[Segment], calendar: WorkingCalendar, now: datetime) -> DemandClock | None:
    """Measure a demand's segments up to `now`; None without any. `now` before its last commit counts as that commit."""
    if not parts:
        return None
    now = max(now, parts[-1].start)
    told = [_measured(part, calendar, now) for part in parts]
    gross, net = Lengths(), Lengths()
    for segment in told:
        if segment.counts:
            gross, net = gross + segment.gross, net + segment.net
    return DemandClock(parts[0].start, parts[-1].end, gross, net, told)


def elapsed_seconds(start: datetime, end: datetime) -> int:
    """Seconds that passed between two moments, cut down to whole ones at each."""
    return (end - _EPOCH) // _SECOND - (start - _EPOCH) // _SECOND


def _measured(part: Segment, calendar: WorkingCalendar, now: datetime) -> ClockSegment:
    def lengths(measure: Measure) -> tuple[int, int]:
        whole = measure(part.start, part.end if part.end is not None else now)
        return whole, whole - sum(measure(pause.start, pause.over(now)) for pause in part.pauses)

    elapsed, net_elapsed = lengths(elapsed_seconds)
    working, net_working = lengths(calendar.working_seconds)
    return ClockSegment(
        part.node, part.assignment, part.kind, part.start, part.end, Lengths(elapsed, working), Lengths(net_elapsed, net_working)
    )
