"""Words, times and durations: complete in both languages, said as people say them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.demand import ALLOWED, Status
from libs.events import Role
from libs.events.demand import RoutePath
from libs.events.timekeeping import Limit
from services.tracker.console import wording
from services.tracker.console.codewords import CODES
from services.tracker.console.times import duration, full, spoken
from services.tracker.console.wording import TEXTS, Say
from services.tracker.demand_row import NextStep
from services.tracker.waterfall import End
from tests.unit.console.situations import NOW, at

ROOM = Path(wording.__file__).parent
ASKED = re.compile(r"""(?:\bt|\.text|_after)\(\s*"([a-z_]+)\"""")
BUILT = ("turn_", "line_", "how_", "lane_", "problem_", "legend_")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def sources() -> str:
    return "\n".join(path.read_text("utf-8") for path in [*ROOM.glob("*.py"), *ROOM.rglob("*.html")] if path.name != "wording.py")


@pytest.mark.parametrize("key", TEXTS)
def test_every_text_says_the_same_in_both_languages(key: str) -> None:
    zh, en = TEXTS[key]
    assert zh.strip()
    assert en.strip()
    assert places(zh) == places(en)
    assert not re.search(r"[\u4e00-\u9fff]", en) or key == "other_language"


def test_every_text_that_is_asked_for_exists_and_no_text_is_idle() -> None:
    text = sources()
    asked = {key for key in ASKED.findall(text) if key not in BUILT}
    conditional = set(re.findall(r'"((?:took|said|list|handed|age|why|turn)_[a-z_]+)"', text))
    assert len(asked) > 100
    assert asked - TEXTS.keys() == set()
    idle = {key for key in TEXTS if key not in asked | conditional and not key.startswith(BUILT)}
    assert idle == set()


def test_every_code_of_the_language_has_words() -> None:
    wanted = {
        "status": {status.value for status in Status},
        "next_step": set(get_args(NextStep)),
        "limit": set(get_args(Limit)),
        "path": set(get_args(RoutePath)),
        "role": set(get_args(Role)),
    }
    for kind, codes in wanted.items():
        assert codes <= CODES[kind].keys(), kind
    for status in Status:
        assert f"turn_{status}" in TEXTS
        assert f"line_{status}" in TEXTS
    for end in get_args(End):
        assert f"how_{end}" in TEXTS
        assert f"lane_{end}" in TEXTS


def test_every_command_of_the_life_cycle_has_words() -> None:
    assert ALLOWED.keys() <= CODES["command"].keys()


def test_an_unknown_code_is_shown_as_it_is() -> None:
    assert Say("zh").code("status", "on_the_moon") == "on_the_moon"
    assert Say("en").code("no_such_kind", "x") == "x"


@pytest.mark.parametrize(
    ("length", "words"),
    [("3 分钟", "派出后 3 分钟签收"), ("不到 1 秒", "派出后不到 1 秒签收"), ("7 秒", "派出后 7 秒签收"), ("1 天", "派出后 1 天签收")],
)
def test_chinese_has_a_space_beside_figures_and_none_between_characters(length: str, words: str) -> None:
    assert Say("zh").text("took_accept", d=length) == words


def test_what_is_put_into_a_text_is_escaped() -> None:
    assert "&lt;script&gt;" in Say("zh").text("list_found", text="<script>")


@pytest.mark.parametrize(
    ("moment", "zh", "en"),
    [
        ("24T09:04:00", "今天 9:04", "today 9:04"),
        ("23T16:56:00", "昨天 16:56", "yesterday 16:56"),
        ("20T16:56:00", "周五 16:56", "Fri 16:56"),
        ("18T00:00:00", "周三 0:00", "Wed 0:00"),
        ("17T23:59:00", "11月17日 23:59", "17 Nov 23:59"),
    ],
)
def test_times_are_said_as_people_say_them(moment: str, zh: str, en: str) -> None:
    assert spoken(at(moment), NOW, "zh") == zh
    assert spoken(at(moment), NOW, "en") == en


def test_another_year_is_named_and_utc_is_told_on_the_network_s_clock() -> None:
    assert spoken(datetime.fromisoformat("2025-12-31T15:30:00+00:00"), NOW, "zh") == "2025年12月31日 23:30"
    assert full(datetime.fromisoformat("2026-11-20T08:56:03+00:00"), "zh") == "2026年11月20日 周五 16:56:03（北京时间）"
    assert full(datetime.fromisoformat("2026-11-20T08:56:03+00:00"), "en") == "Fri 20 Nov 2026, 16:56:03 (Beijing time)"


@pytest.mark.parametrize(
    ("length", "zh", "en"),
    [
        (timedelta(milliseconds=80), "不到 1 秒", "under a second"),
        (timedelta(seconds=12), "12 秒", "12 seconds"),
        (timedelta(minutes=6), "6 分钟", "6 minutes"),
        (timedelta(minutes=1, seconds=59), "1 分钟", "1 minute"),
        (timedelta(minutes=16, seconds=1), "16 分钟", "16 minutes"),
        (timedelta(hours=7, minutes=50, seconds=9), "7 小时 50 分钟", "7 hours 50 minutes"),
        (timedelta(days=1, hours=6, minutes=59), "1 天 6 小时", "1 day 6 hours"),
        (timedelta(days=2, minutes=59), "2 天", "2 days"),
    ],
)
def test_durations_keep_their_two_largest_units(length: timedelta, zh: str, en: str) -> None:
    assert duration(length, "zh") == zh
    assert duration(length, "en") == en


@given(st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=4000)))
def test_a_duration_never_says_more_than_passed(length: timedelta) -> None:
    units = {"天": 86400, "小时": 3600, "分钟": 60, "秒": 1}
    words = duration(length, "zh").split()
    said = sum(int(number) * units[unit] for number, unit in zip(words[::2], words[1::2], strict=True))
    assert 0 < said <= length.total_seconds()
    assert len(words) <= 4
