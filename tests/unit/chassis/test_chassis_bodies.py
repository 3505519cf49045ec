"""What bodies of requests are made of: texts with something to read in them, days of this century, objects that can be written."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from libs.chassis.bodies import Day, FreeForm, Line, Moment, Text
from services.intake.shapes import DemandInput, Note
from services.router.inputs import ExtensionInput, HandlerInput, ServiceInput, SuspensionInput
from services.router.laboratory import ReplayInput

INVISIBLE = ["\u200b", "\u200b\u200d\ufeff", "\u2060 \u00ad", "\u3164", "\u2800\u115f", "\u0301", "\ufe0f", "\x00", "\x07", "\ue000"]


@pytest.mark.parametrize("text", INVISIBLE, ids=ascii)
@pytest.mark.parametrize("kind", [Line, Text, Note], ids=["line", "text", "note"])
def test_a_text_nobody_can_read_is_refused_as_an_empty_one_is(kind: Any, text: str) -> None:
    for empty in ("", "  ", text):
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(empty)


@pytest.mark.parametrize("text", ["注", "a", "7", "？", "😀", "e\u0301", "\u200b题\u200b", "한", "㐂"])
def test_a_text_with_anything_to_read_is_taken_as_it_is(text: str) -> None:
    assert TypeAdapter(Line).validate_python(text) == text


def test_an_invisible_title_is_no_title_of_a_demand() -> None:
    example: dict[str, Any] = DemandInput.model_json_schema()["examples"][0]
    DemandInput.model_validate(example)
    with pytest.raises(ValidationError) as refused:
        DemandInput.model_validate({**example, "title": "\u200b\u200b"})
    assert [error["loc"] for error in refused.value.errors()] == [("title",)]


@pytest.mark.parametrize("moment", ["0001-01-01", "1999-12-30", "2100-01-02", "9999-12-31"])
def test_days_and_moments_at_the_ends_of_the_calendar_are_refused(moment: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Day).validate_python(moment)
    for zone in ("Z", "+14:00", "-14:00"):
        with pytest.raises(ValidationError):
            TypeAdapter(Moment).validate_python(f"{moment}T12:00:00{zone}")


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_every_day_of_this_century_is_taken(day: date) -> None:
    assert TypeAdapter(Day).validate_python(day.isoformat()) == day


@pytest.mark.parametrize("span", ["9999wd", "9999d", "367wd", "0wd", "0h", "5", "", "\x00", "05wd", "5WD", "9" * 5_000 + "d"], ids=ascii)
def test_a_span_longer_than_any_promise_is_refused_with_its_field(span: str) -> None:
    with pytest.raises(ValidationError) as refused:
        ExtensionInput.model_validate({"span": span, "note": "样例"})
    assert [error["loc"] for error in refused.value.errors()] == [("span",)]


def test_a_span_is_told_on_as_it_was_written() -> None:
    assert ExtensionInput.model_validate({"span": "5wd", "note": "样例"}).model_dump(mode="json") == {"span": "5wd", "note": "样例"}


@pytest.mark.parametrize(
    ("shape", "body", "field"),
    [
        (ServiceInput, {"mode": "offline", "fee": "welfare"}, "given_on"),
        (HandlerInput, {"handler": "s-07"}, "absent_until"),
        (SuspensionInput, {"reason": "third_party", "note": "样例"}, "until"),
    ],
)
def test_dates_of_the_router_are_bounded(shape: Any, body: dict[str, object], field: str) -> None:
    day = "2026-12-01T09:00:00+08:00" if field == "until" else "2026-12-01"
    assert shape.model_validate({**body, field: day})
    with pytest.raises(ValidationError) as refused:
        shape.model_validate({**body, field: day.replace("2026", "9999")})
    assert [error["loc"] for error in refused.value.errors()] == [(field,)]


def test_categories_of_a_replay_are_codes() -> None:
    assert ReplayInput.model_validate({"from": "2026-03-02", "to": "2026-03-03", "categories": ["quality", "其他"]}).categories
    with pytest.raises(ValidationError):
        ReplayInput.model_validate({"from": "2026-03-02", "to": "2026-03-03", "categories": ["\x00"]})


@pytest.mark.parametrize("item", [{"a": "\ud800"}, {"a": {"\udfff": 1}}, {"a": [float("nan")]}, {"a": float("-inf")}], ids=ascii)
def test_a_free_object_that_cannot_be_written_as_json_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(FreeForm).validate_python(item)


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5)))
def test_a_free_object_that_is_json_is_taken_as_it_is(item: dict[str, Any]) -> None:
    taken = TypeAdapter(FreeForm).validate_python(item)
    assert from_json(to_json(taken)) == item
