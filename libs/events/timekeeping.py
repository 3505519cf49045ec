"""Event types of time (时限): promised deadlines, warnings, misses, escalation up the supervisory path, supervision by a person."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from libs.events.algorithms import Sealed
from libs.events.language import Event, Part

Limit = Literal[
    "accept",
    "return",
    "answer",
    "resolve",
    "warn",
    "chase",
    "complete",
    "resume",
    "arbitrate",
    "confirm",
    "dispute",
    "reopen",
    "follow_up",
    "assist",
    "supervise",
]
"""What a deadline is for. `warn` and `chase` are moments of the router's own; `return` and `reopen` bound what may still be asked."""

Counting = Literal["working", "elapsed"]


class Deadline(Part):
    """A promised moment, how its span counts (working time or elapsed time), and whether the calendar of its year is official yet."""

    at: datetime
    counting: Counting = "working"
    provisional: bool = False


class DeadlinesSet(Event):
    """Deadlines were promised (时限) under a clock pack, e.g. `ningbo/clocks/2`. Those not named stay as they were."""

    zh: ClassVar[str] = "确定办理时限"
    en: ClassVar[str] = "Deadlines were set"

    clocks: str
    deadlines: dict[Limit, Deadline]


class DeadlineWarned(Event):
    """A deadline comes near, or the holder is chased after it was missed (时限，催办)."""

    zh: ClassVar[str] = "提醒{node}：{limit}"
    en: ClassVar[str] = "{node} was reminded: {limit}"

    limit: Limit
    node: str
    due: datetime
    chase: bool = False


class DeadlineMissed(Event):
    """A deadline passed (时限，超时)."""

    zh: ClassVar[str] = "{node}超时：{limit}"
    en: ClassVar[str] = "{node} missed a deadline: {limit}"

    limit: Limit
    node: str
    due: datetime
    assistance: str | None = None


class DemandEscalated(Event):
    """The next node up the supervisory path was told (时限，升级). The holder stays accountable."""

    zh: ClassVar[str] = "升级至{to}（第{level}级）"
    en: ClassVar[str] = "Escalated to {to} (level {level})"

    rule: Limit
    level: int
    to: str


class SupervisionOpened(Event):
    """A person of a supervising node took the demand under supervision (时限，督办)."""

    zh: ClassVar[str] = "{by}督办"
    en: ClassVar[str] = "{by} put the demand under supervision"

    supervision: str
    by: str
    note: Sealed


class SupervisionClosed(Event):
    """The supervision ended (时限，督办)."""

    zh: ClassVar[str] = "{by}结束督办"
    en: ClassVar[str] = "{by} ended the supervision"

    supervision: str
    by: str
    note: Sealed
