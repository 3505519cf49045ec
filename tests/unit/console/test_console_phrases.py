"""The words of the enterprise's page and of what stands around a demand: complete in both languages, none idle, none missing."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from pathlib import Path
from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.demand import ALLOWED, AssistanceStatus, ComplaintStatus, Status
from services.tracker.console import phrases
from services.tracker.console.affair import COMMANDS
from services.tracker.console.phrases import PHRASES, phrase
from services.tracker.console.times import ZONE, due
from tests.unit.console.situations import NOW

ROOM = Path(phrases.__file__).parent
BUILT = ("now_", "next_", "said_", "wrong_", "help_", "kin_join_", "after_complaint_", "like_", "counted_")


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("key", PHRASES)
def test_every_phrase_says_the_same_in_both_languages(key: str) -> None:
    zh, en = PHRASES[key]
    assert zh.strip()
    assert en.strip()
    assert places(zh) == places(en)
    assert not re.search(r"[\u4e00-\u9fff]", en)
    assert re.search(r"[\u4e00-\u9fff]", zh)


def test_every_phrase_that_is_asked_for_exists_and_none_is_idle() -> None:
    text = "\n".join(path.read_text("utf-8") for path in [*ROOM.glob("*.py"), *ROOM.rglob("*.html")] if path.name != "phrases.py")
    asked = set(re.findall(r'\bp\(\s*"([a-z_]+)"', text)) | set(re.findall(r'phrase\([a-z_.]+, "([a-z_]+)"', text))
    assert len(asked) > 60
    assert {key for key in asked if key not in PHRASES and not key.endswith("_")} == set()
    acts = {f"{act}{part}" for act in COMMANDS for part in ("", "_note", "_hint", "_go")}
    quoted = set(re.findall(r'"([a-z_]+)"', text))
    assert {key for key in PHRASES if key not in asked | acts | quoted and not key.startswith(BUILT)} == set()


def test_every_state_and_act_has_its_words() -> None:
    for status in Status:
        if status in (Status.TRIAGE, Status.CLOSED):
            continue  # Told like submitted; by its outcome.
        assert f"now_{status}" in PHRASES
        assert f"next_{status}" in PHRASES
    for outcome in ("confirmed", "unconfirmed", "dispute_rejected"):
        assert f"now_closed_{outcome}" in PHRASES
    for act, command in COMMANDS.items():
        assert command in ALLOWED
        for key in (act, f"{act}_hint", f"{act}_go", f"said_{act}"):
            assert key in PHRASES
        assert act == "confirmation" or f"{act}_note" in PHRASES
    assert {f"help_{status}" for status in AssistanceStatus} <= PHRASES.keys()
    assert {f"after_complaint_{status}" for status in ComplaintStatus} <= PHRASES.keys()
    assert {key + "_help" for key in PHRASES if key.startswith("wrong_") and not key.endswith("_help")} - {
        "wrong_other_help"
    } <= PHRASES.keys()


def test_what_is_filled_in_is_escaped() -> None:
    assert "&lt;b&gt;" in phrase("zh", "due_left", d="<b>")


@pytest.mark.parametrize(
    ("at", "zh", "en"),
    [
        (NOW.replace(hour=17, minute=0), "今天 17:00", "today 17:00"),
        (NOW + timedelta(days=1), "明天 15:02", "tomorrow 15:02"),
        (datetime(2026, 11, 27, 17, 0, tzinfo=ZONE), "11月27日（周五）17:00", "Fri 27 Nov 17:00"),
        (datetime(2027, 1, 4, 9, 5, tzinfo=ZONE), "2027年1月4日（周一）9:05", "Mon 4 Jan 2027 9:05"),
        (datetime(2026, 11, 20, 16, 56, tzinfo=ZONE), "11月20日（周五）16:56", "Fri 20 Nov 16:56"),
    ],
)
def test_a_deadline_is_said_as_a_date_people_keep(at: datetime, zh: str, en: str) -> None:
    assert due(at, NOW, "zh") == zh
    assert due(at, NOW, "en") == en


@given(st.timedeltas(timedelta(days=-400), timedelta(days=400)))
def test_every_deadline_names_its_clock_time(ahead: timedelta) -> None:
    at = NOW + ahead
    assert due(at, NOW, "zh").endswith(f"{at.hour}:{at.minute:02d}")
