"""The life-cycle waterfall as geometry: who held the demand, how long, in percent of the time shown. Pure; templates draw it.

A lane per holder in order of first holding, a bar per stretch. Text stays real text at 16 px at any width, because only
positions are relative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from libs.events import AssignmentAccepted, AssignmentReturned, DemandReopened, Event, ProgressReported
from services.tracker.console.times import Lang, clock, date_words, local, weekday
from services.tracker.trail import Trail
from services.tracker.waterfall import Kind, Segment, life

Tone = Literal["desk", "enterprise", "former", "dispute", "waiting", "hand", "returned", "recalled", "resolved", "withdrawn"]
"""How a bar is drawn: whose hands, and how an assignment stands or ended."""

Key = Literal["desk", "waiting", "hand", "paused", "returned", "done", "enterprise", "dispute"]
"""What the legend may have to explain, in its order."""

_KEYS: Final[dict[Tone, Key]] = {
    "desk": "desk",
    "hand": "hand",
    "resolved": "hand",
    "enterprise": "enterprise",
    "dispute": "dispute",
}

_BY_KIND: Final[dict[Kind, Tone]] = {
    "former": "former",
    "triage": "desk",
    "arbitration": "desk",
    "confirmation": "enterprise",
    "dispute": "dispute",
}
_BY_END: Final[dict[str, Tone]] = {
    "returned": "returned",
    "lapsed": "returned",
    "recalled": "recalled",
    "forwarded": "recalled",
    "escalated": "recalled",
    "merged": "withdrawn",
    "refused": "withdrawn",
    "withdrawn": "withdrawn",
    "resolved": "resolved",
}

_STEPS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600)
)
_MOST_TICKS: Final = 6
_ROOM_FOR_NOW: Final = 0.04
_ROOM_FOR_LABEL: Final = 10.0
_FARTHEST_DUE: Final = 0.6
_DAY: Final = timedelta(days=1)
_LONGEST_WITH_WEEKENDS: Final = timedelta(days=92)


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch: `x`, `width` and the `waiting` part before acceptance in percent.

    `marks` are progress reports, `pauses` (x, width) where the net clock stood still.
    """

    segment: Segment
    length: timedelta
    x: float
    width: float
    waiting: float
    tone: Tone
    marks: tuple[float, ...]
    pauses: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Lane:
    """One holder: its bars, its total time, how its last stretch ended (None: it still holds) and the coded reason of a return.

    `kind`: what its last stretch was about.
    """

    node: str
    bars: tuple[Bar, ...]
    total: timedelta
    ended: str | None
    reason: str | None
    accepted: bool
    kind: Kind = "assignment"


@dataclass(frozen=True, slots=True)
class Tick:
    """A grid line; `label` is empty where there is no room, `minor` ones yield on narrow screens."""

    x: float
    label: str
    minor: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """The whole waterfall. `now` is the position of the present moment while somebody still holds the demand.

    `total` is the gross time: a stretch between an end and a reopening is left blank and does not count. `due`: the deadline,
    unless it lies too far ahead to be drawn to scale.
    """

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    weekends: tuple[tuple[float, float], ...]
    now: float | None
    total: timedelta
    due: float | None = None

    @property
    def keys(self) -> tuple[Key, ...]:
        """What the legend has to explain, and nothing else."""
        bars = [bar for lane in self.lanes for bar in lane.bars]
        seen: set[Key] = {_KEYS[bar.tone] for bar in bars if bar.tone in _KEYS}
        seen |= {"waiting"} if any(bar.waiting for bar in bars) else set()
        seen |= {"returned"} if any(bar.tone == "returned" for bar in bars) else set()
        seen |= {"done"} if any(bar.tone == "resolved" for bar in bars) else set()
        seen |= {"paused"} if any(bar.pauses for bar in bars) else set()
        return tuple(key for key in get_args(Key) if key in seen)


@dataclass(frozen=True, slots=True)
class _Scale:
    start: datetime
    span: timedelta

    def x(self, at: datetime) -> float:
        return round(100 * min(max((at - self.start) / self.span, 0), 1), 3)


def picture(trail: Trail, now: datetime, lang: Lang, due: datetime | None = None) -> Picture | None:
    """Draw a trail; None when nobody ever held the demand. `due`: the deadline of an open one."""
    if not trail.segments:
        return None
    start, last = trail.segments[0].start, trail.segments[-1]
    is_open = last.end is None
    end = last.end if last.end is not None else max(now, start)
    shown = max(end - start, timedelta(seconds=1))
    near = due is not None and is_open and start < due <= end + shown * _FARTHEST_DUE
    last_shown = max(end, due) if due is not None and near else end
    scale = _Scale(start, max(last_shown - start, shown) * (1 + _ROOM_FOR_NOW) if is_open else shown)
    accepted, reasons, reports = _accepted(trail), _reasons(trail), _reports(trail)
    held = [part for part in trail.segments if part.kind != "closed"]
    lanes = tuple(
        _lane(node, [part for part in held if part.node == node], scale, end, accepted, reasons, reports)
        for node in dict.fromkeys(part.node for part in held)
    )
    present, deadline = scale.x(end) if is_open else None, scale.x(due) if due is not None and near else None
    return Picture(lanes, _ticks(scale, lang, present, deadline), _weekends(scale), present, life(held, end), deadline)


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
        kind=last.kind,
    )


def _bar(part: Segment, scale: _Scale, now: datetime, accepted: Mapping[str, datetime], reports: Mapping[str, tuple[datetime, ...]]) -> Bar:
    assignment = part.assignment or ""
    end = part.end or now
    x, until = scale.x(part.start), scale.x(end)
    hand = min(max(scale.x(accepted.get(assignment, end)), x), until)
    waiting = round(hand - x, 3) if part.kind == "assignment" else 0.0
    marks = tuple(scale.x(at) for at in reports.get(assignment, ()) if part.start <= at <= end)
    pauses = tuple((scale.x(pause.start), round(scale.x(pause.over(end)) - scale.x(pause.start), 3)) for pause in part.pauses)
    return Bar(part, part.length(now), x, round(until - x, 3), waiting, _tone(part, assignment in accepted), marks, pauses)


def _tone(part: Segment, accepted: bool) -> Tone:
    if part.kind != "assignment":
        return _BY_KIND.get(part.kind, "desk")
    return _BY_END.get(part.reason or "", "hand" if accepted else "waiting")


def _happened(trail: Trail) -> Iterator[tuple[Event, datetime]]:
    for step in trail.commits:
        for item in step.events:
            yield item.event, step.commit.at if step.commit is not None else step.recorded_at


def _accepted(trail: Trail) -> dict[str, datetime]:
    """When each assignment was first taken in hand: accepted, or given back to its holder by a reopening."""
    found: dict[str, datetime] = {}
    for event, at in _happened(trail):
        if isinstance(event, AssignmentAccepted | DemandReopened) and event.assignment is not None:
            found.setdefault(event.assignment, at)
    return found


def _reasons(trail: Trail) -> dict[str, str]:
    return {event.assignment: event.reason for event, _ in _happened(trail) if isinstance(event, AssignmentReturned)}


def _reports(trail: Trail) -> dict[str, tuple[datetime, ...]]:
    found: dict[str, tuple[datetime, ...]] = {}
    for event, at in _happened(trail):
        if isinstance(event, ProgressReported):
            found[event.assignment] = (*found.get(event.assignment, ()), at)
    return found


def _ticks(scale: _Scale, lang: Lang, *taken: float | None) -> tuple[Tick, ...]:
    """Grid lines, labelled where there is room beside the places already taken."""
    step = next((step for step in _STEPS if scale.span / step <= _MOST_TICKS), None)
    if step is None:
        step = _DAY * (scale.span // (_DAY * _MOST_TICKS) + 1)
    day = local(scale.start).replace(hour=0, minute=0, second=0, microsecond=0)
    skipped = (scale.start - day) // step + 1
    ticks = list[Tick]()
    at = day + step * skipped
    while at <= scale.start + scale.span:
        x = scale.x(at)
        room = 5 <= x <= 95 and all(abs(x - place) >= _ROOM_FOR_LABEL for place in taken if place is not None)
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
