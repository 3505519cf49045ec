"""Time limits 时限 as data: spans, the limits of a network, its calendar's rule, and the pack that binds them (requirements N5).

Owns the shapes only; pure. What a span comes to on a calendar is told by `libs.directory.calendar`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

from libs.directory.shapes import Count, Fact, Name, Share, Text

Unit = Literal["wd", "d", "h", "min", "s"]

_ELAPSED: Final = {"d": timedelta(days=1), "h": timedelta(hours=1), "min": timedelta(minutes=1), "s": timedelta(seconds=1)}
_WRITTEN: Final = re.compile(r"(0|[1-9][0-9]{0,8})(wd|d|h|min|s)")
_LONGEST: Final = timedelta(days=3660)
_MOST_WORKING_DAYS: Final = 366


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time as it is promised: `5wd` working days, `7d`, `24h`, `30min`, `40s`; at most 366 working days or ten years.

    Models read it from and write it as that text. `0wd` is the same working day. Raises ValueError for anything else.
    """

    amount: int
    unit: Unit

    def __post_init__(self) -> None:
        if self.unit not in get_args(Unit) or self.amount < 0:
            raise ValueError("a span is zero or more wd, d, h, min or s")
        if self.amount > (_MOST_WORKING_DAYS if self.unit == "wd" else _LONGEST // _ELAPSED[self.unit]):
            raise ValueError("a span is at most 366 working days or ten years")

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read a span such as `5wd`. Raises ValueError without repeating what was written."""
        written = _WRITTEN.fullmatch(text)
        if written is None:
            raise ValueError("a span is written like 5wd, 7d, 24h, 30min or 40s")
        unit: Any = written[2]
        return cls(int(written[1]), unit)

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"

    @property
    def elapsed(self) -> timedelta | None:
        """The time it takes whatever the calendar; None for working days."""
        return None if self.unit == "wd" else self.amount * _ELAPSED[self.unit]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(cls._read, serialization=core_schema.to_string_ser_schema())

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_WRITTEN.pattern}$", "examples": ["5wd", "24h"]}

    @classmethod
    def _read(cls, value: object) -> Span:
        return value if isinstance(value, Span) else cls.parse(value if isinstance(value, str) else "")


def _due(span: Span) -> Span:
    if span.amount == 0 and span.unit != "wd":
        raise ValueError("a limit is more than zero, or 0wd for the same working day")
    return span


def _positive(span: Span) -> Span:
    if span.amount == 0:
        raise ValueError("this span is more than zero")
    return span


Due = Annotated[Span, AfterValidator(_due)]
"""A limit somebody has to keep: more than zero, or `0wd`."""
Positive = Annotated[Span, AfterValidator(_positive)]


class UrgencySpans(Fact):
    """A limit per class of urgency."""

    normal: Due
    urgent: Due
    critical: Due

    def of(self, urgency: str) -> Span:
        """Return the limit of a class; a code a network added itself counts as normal."""
        match urgency:
            case "critical":
                return self.critical
            case "urgent":
                return self.urgent
            case _:
                return self.normal


class ResolveSpans(Fact):
    """The limit to resolve 办结: per class of urgency, and for complex matters that are not urgent."""

    normal: Due
    complex: Due
    urgent: Due
    critical: Due

    def of(self, urgency: str, is_complex: bool) -> Span:
        """Return the limit; urgency comes before complexity, a code a network added itself counts as normal."""
        match urgency:
            case "critical":
                return self.critical
            case "urgent":
                return self.urgent
            case _:
                return self.complex if is_complex else self.normal


class ExtensionRule(Fact):
    """Extension 延期: how often, how long at most, and how long before the limit it must be asked for (`0s`: up to the limit)."""

    times: Count
    most: Positive
    asked_before: Span


class SamplingRule(Fact):
    """Sampling of follow-up calls 回访 (requirements C16)."""

    percent: Share
    least_per_node_and_month: Count


class ClockRules(Fact):
    """The time limits of a network.

    accept: 签收 by the node. return_: 退回 with a reason. first_answer: the first word to the enterprise. assist: 协办.
    completion: the enterprise supplies 补正. suspension_most: all suspensions 中止 together. arbitration: 裁定, `0wd` = the same
    working day. dispute: the hub decides. confirm: silence after the resolution closes as unconfirmed. reopen: 重办 may be asked
    for. follow_up: the sampled call 回访 is made. supervision: a 督办 is answered. warn_before: before the limit to resolve.
    chase_every: after it was missed. take_back: a node's own accept, return or resolve. triage: the hub's desk has it assigned.
    """

    accept: UrgencySpans
    return_: Due = Field(alias="return")
    first_answer: UrgencySpans
    resolve: ResolveSpans
    complex_categories: tuple[Name, ...] = ()
    assist: Due
    completion: Due
    extension: ExtensionRule
    suspension_most: Span
    arbitration: Due
    dispute: Due
    confirm: Positive
    reopen: Span
    follow_up: Due
    supervision: Due
    warn_before: Positive
    chase_every: Positive
    take_back: Span
    triage: Due
    sampling: SamplingRule


Opening = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d-(([01]\d|2[0-3]):[0-5]\d|24:00)$")]
"""Opening hours such as `08:30-12:00`, local time; `24:00` is the end of the day."""


class DayOverride(Fact):
    """A day that is worked, or not, whatever the calendar says."""

    day: date
    work: bool
    source: Text | None = None


class CalendarRule(Fact):
    """Which days are worked and when. No hours: the whole day.

    `china`: official working days with make-up days; years nobody has announced yet: Monday to Friday. `always`: every day round
    the clock, whatever hours and overrides say.
    """

    base: Literal["china", "always"]
    hours: tuple[Opening, ...] = ()
    overrides: tuple[DayOverride, ...] = ()


class DemoClocks(Fact):
    """Short limits that drive sample demands only, with the label people see beside them."""

    label_zh: Text
    label_en: Text
    calendar: CalendarRule
    rules: ClockRules


class ClockPack(Fact):
    """The time limits of a network as one dated version.

    `applies_to`: a new version leaves deadlines already promised alone (`new`) or moves them as well (`open`).
    """

    version: Annotated[int, Field(ge=1)]
    in_force_from: date
    in_force_to: date | None = None
    applies_to: Literal["new", "open"] = "new"
    calendar: CalendarRule
    rules: ClockRules
    demo: DemoClocks | None = None

    def in_force(self, day: date) -> bool:
        """Tell whether the pack is in force on a day; the last day counts."""
        return self.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)
