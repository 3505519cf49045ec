"""Times and durations as people say them. Pure: `now` is passed in."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

Lang = Literal["zh", "en"]

ZONE: Final = ZoneInfo("Asia/Shanghai")
_ZH_DAYS: Final = "一二三四五六日"
_EN_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_EN_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_UNITS: Final = (
    (timedelta(days=1), "天", "day"),
    (timedelta(hours=1), "小时", "hour"),
    (timedelta(minutes=1), "分钟", "minute"),
    (timedelta(seconds=1), "秒", "second"),
)


def local(at: datetime) -> datetime:
    """The instant on the network's clock."""
    return at.astimezone(ZONE)


def weekday(at: datetime, lang: Lang) -> str:
    """周五, Fri."""
    day = local(at).weekday()
    return f"周{_ZH_DAYS[day]}" if lang == "zh" else _EN_DAYS[day]


def date_words(at: datetime, lang: Lang, *, year: bool = False) -> str:
    """11月24日, 24 Nov; with the year on request."""
    day = local(at)
    if lang == "zh":
        return (f"{day.year}年" if year else "") + f"{day.month}月{day.day}日"
    return f"{day.day} {_EN_MONTHS[day.month - 1]}" + (f" {day.year}" if year else "")


def clock(at: datetime) -> str:
    """9:04."""
    return f"{local(at).hour}:{local(at).minute:02d}"


def spoken(at: datetime, now: datetime, lang: Lang) -> str:
    """Say an instant: 今天 9:04, 昨天 16:56, 周五 16:56 (within six days), 11月24日 17:00, with the year when it is another one."""
    days = (local(now).date() - local(at).date()).days
    if days == 0:
        day = "今天" if lang == "zh" else "today"
    elif days == 1:
        day = "昨天" if lang == "zh" else "yesterday"
    elif 1 < days <= 6:
        day = weekday(at, lang)
    else:
        day = date_words(at, lang, year=local(at).year != local(now).year)
    return f"{day} {clock(at)}"


def due(at: datetime, now: datetime, lang: Lang) -> str:
    """Say a moment to come: 今天 17:00, 明天 17:00, 11月27日（周五）17:00; with the year when it is another one."""
    days = (local(at).date() - local(now).date()).days
    if days == 0:
        return f"今天 {clock(at)}" if lang == "zh" else f"today {clock(at)}"
    if days == 1:
        return f"明天 {clock(at)}" if lang == "zh" else f"tomorrow {clock(at)}"
    day = date_words(at, lang, year=local(at).year != local(now).year)
    return f"{day}（{weekday(at, lang)}）{clock(at)}" if lang == "zh" else f"{weekday(at, lang)} {day} {clock(at)}"


def full(at: datetime, lang: Lang) -> str:
    """The whole instant for hovering and print: 2026年11月20日 周五 16:56:03（北京时间）."""
    seconds = f"{clock(at)}:{local(at).second:02d}"
    if lang == "zh":
        return f"{date_words(at, lang, year=True)} {weekday(at, lang)} {seconds}（北京时间）"
    return f"{weekday(at, lang)} {date_words(at, lang, year=True)}, {seconds} (Beijing time)"


def duration(length: timedelta, lang: Lang) -> str:
    """Say a length with its two largest units: 2 天 3 小时, 6 分钟, 12 秒, 不到 1 秒. Seconds only below a minute."""
    if length < timedelta(seconds=1):
        return "不到 1 秒" if lang == "zh" else "under a second"
    rest, parts = length, list[str]()
    for unit, zh, en in _UNITS:
        count, left = divmod(rest, unit)
        seconds_too_fine = unit == timedelta(seconds=1) and length >= timedelta(minutes=1)
        if count and not seconds_too_fine:
            parts.append(f"{count} {zh}" if lang == "zh" else f"{count} {en}{'' if count == 1 else 's'}")
        elif parts:
            break
        rest = left
        if len(parts) == 2:
            break
    return " ".join(parts)
