"""The life-cycle waterfall as geometry: who held the demand, how long, in percent of the time shown. Pure; templates draw it.

A lane per holder in order of first holding, a bar per stretch. Text stays real text at 16 px at any width, because only
positions are relative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from libs.events import AssignmentAccepted, AssignmentReturned, Event, ProgressReported
from services.tracker.console.times import Lang, clock, date_words, local, weekday
from services.tracker.trail import Trail
from services.tracker.waterfall import Segment

Tone = Literal["desk", "waiting", "hand", "returned", "recalled", "resolved", "withdrawn"]

_STEPS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600)
)
_MOST_TICKS: Final = 6
_ROOM_FOR_NOW: Final = 0.04
_DAY: Final = timedelta(days=1)
_LONGEST_WITH_WEEKENDS: Final = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch: `x`, `width` and the `waiting` part before acceptance in percent; `marks` are progress reports."""

    segment: Segment
    length: timedelta
    x: float
    width: float
    waiting: float
    tone: Tone
    marks: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Lane:
    """One holder: its bars, its total time, how its last stretch ended (None: it still holds) and the coded reason of a return."""

    node: str
    bars: tuple[Bar, ...]
    total: timedelta
    ended: str | None
    reason: str | None
    accepted: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A grid line; `label` is empty where there is no room, `minor` ones yield on narrow screens."""

    x: float
    label: str
    minor: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole waterfall. `now` is the position of the present moment while somebody still holds the demand."""

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    weekends: tuple[tuple[float, float], ...]
    now: float | None
    total: timedelta


@dataclass(frozen=True, slots=True)
class _Scale:
    start: datetime
    span: timedelta

    def x(self, at: datetime) -> float:
        return round(100 * min(max((at - self.start) / self.span, 0), 1), 3)


def picture(trail: Trail, now: datetime, lang: Lang) -> Picture | None:
    """Draw a trail; None when nobody ever held the demand."""
    if not trail.segments:
        return None
    start, last = trail.segments[0].start, trail.segments[-1]
    is_open = last.end is None
    end = last.end if last.end is not None else max(now, start)
    shown = max(end - start, timedelta(seconds=1))
    scale = _Scale(start, shown * (1 + _ROOM_FOR_NOW) if is_open else shown)
    accepted, reasons, reports = _accepted(trail), _reasons(trail), _reports(trail)
    lanes = tuple(
        _lane(node, [part for part in trail.segments if part.node == node], scale, end, accepted, reasons, reports)
        for node in dict.fromkeys(part.node for part in trail.segments)
    )
    return Picture(lanes, _ticks(scale, lang, is_open), _weekends(scale), scale.x(end) if is_open else None, end - start)


def _lane(
    node: str,
    parts: Sequence[Segment],
    scale: _Scale,
    now: datetime,
    accepted: Mapping[str, datetime],
    reasons: Mapping[str, str],
    reports: Mapping[str, tuple[datetime, ...]],
) -> Lane:
    last = parts[-1]
    return Lane(
        node=node,
        bars=tuple(_bar(part, scale, now, accepted, reports) for part in parts),
        total=sum((part.length(now) for part in parts), timedelta()),
        ended=last.reason,
        reason=reasons.get(last.assignment or "") if last.reason == "returned" else None,
        accepted=(last.assignment or "") in accepted,
    )


def _bar(part: Segment, scale: _Scale, now: datetime, accepted: Mapping[str, datetime], reports: Mapping[str, tuple[datetime, ...]]) -> Bar:
    assignment = part.assignment or ""
    x, until = scale.x(part.start), scale.x(part.end or now)
    hand = scale.x(accepted.get(assignment, part.end or now))
    waiting = 0.0 if part.assignment is None else round(max(hand - x, 0), 3)
    marks = tuple(scale.x(at) for at in reports.get(assignment, ()))
    return Bar(part, part.length(now), x, round(until - x, 3), waiting, _tone(part, assignment in accepted), marks)


def _tone(part: Segment, accepted: bool) -> Tone:
    if part.assignment is None:
        return "desk"
    match part.reason:
        case None | "assigned":
            return "hand" if accepted else "waiting"
        case ended:
            return ended


def _happened(trail: Trail) -> Iterator[tuple[Event, datetime]]:
    for step in trail.commits:
        for item in step.events:
            yield item.event, step.commit.at if step.commit is not None else step.recorded_at


def _accepted(trail: Trail) -> dict[str, datetime]:
    return {event.assignment: at for event, at in _happened(trail) if isinstance(event, AssignmentAccepted)}


def _reasons(trail: Trail) -> dict[str, str]:
    return {event.assignment: event.reason for event, _ in _happened(trail) if isinstance(event, AssignmentReturned)}


def _reports(trail: Trail) -> dict[str, tuple[datetime, ...]]:
    found: dict[str, tuple[datetime, ...]] = {}
    for event, at in _happened(trail):
        if isinstance(event, ProgressReported):
            found[event.assignment] = (*found.get(event.assignment, ()), at)
    return found


def _ticks(scale: _Scale, lang: Lang, is_open: bool) -> tuple[Tick, ...]:
    step = next((step for step in _STEPS if scale.span / step <= _MOST_TICKS), None)
    if step is None:
        step = _DAY * (scale.span // (_DAY * _MOST_TICKS) + 1)
    day = local(scale.start).replace(hour=0, minute=0, second=0, microsecond=0)
    skipped = (scale.start - day) // step + 1
    ticks = list[Tick]()
    at = day + step * skipped
    while at <= scale.start + scale.span:
        x = scale.x(at)
        room = 5 <= x <= (86 if is_open else 95)
        ticks.append(Tick(x, _tick_label(at, step, scale, lang) if room else "", bool(len(ticks) % 2)))
        at += step
    return tuple(ticks)


def _tick_label(at: datetime, step: timedelta, scale: _Scale, lang: Lang) -> str:
    if step >= _DAY:
        return f"{weekday(at, lang)}" if scale.span < 6 * _DAY else date_words(at, lang)
    if step < timedelta(minutes=1):
        return f"{clock(at)}:{local(at).second:02d}"
    if local(scale.start).date() == local(scale.start + scale.span).date():
        return clock(at)
    return f"{weekday(at, lang)} {clock(at)}" if scale.span < 6 * _DAY else f"{date_words(at, lang)} {clock(at)}"


def _weekends(scale: _Scale) -> tuple[tuple[float, float], ...]:
    if not _DAY / 2 <= scale.span <= _LONGEST_WITH_WEEKENDS:
        return ()
    end = scale.start + scale.span
    day = local(scale.start).replace(hour=0, minute=0, second=0, microsecond=0)
    found = list[tuple[float, float]]()
    while day < end:
        if day.weekday() >= 5:
            x, until = scale.x(max(day, scale.start)), scale.x(min(day + _DAY, end))
            if found and abs(found[-1][0] + found[-1][1] - x) < 0.01:
                found[-1] = (found[-1][0], round(until - found[-1][0], 3))
            elif until > x:
                found.append((x, round(until - x, 3)))
        day += _DAY
    return tuple(found)
