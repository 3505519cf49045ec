"""Time limits as data: spans, the pack, what older revisions held, and what a network hands to its demands."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from libs.directory import (
    BrokenContent,
    ClockPack,
    ClockRules,
    Directory,
    Network,
    NetworkContent,
    Section,
    Span,
    diff,
    evolve,
    from_sections,
    load_network,
    to_sections,
)
from libs.directory.sections import staged_digest
from libs.events.registry import NetworkRevisionPublished, NetworkRevisionStaged
from tests.unit.directory.random_networks import CLOCKS, content_of, node

SMALL = content_of([node("hub-0", "root", regions=["330200"])])
BEFORE_SPANS: dict[str, Any] = {
    **{"version": 1, "in_force_from": "2018-09-11", "calendar": "china", "accept": 1, "return": 2, "assist": 3},
    **{"answer": {"ordinary": 5, "complex": 15}, "extension": {"times": 1, "days": 10, "asked_before": 1}},
    **{"suspension_total": 10, "arbitration": 0, "silence_after_resolution": 5, "reopening": 15},
    "follow_up": {"percent": 10, "least_per_node_and_month": 1},
    "urgency_hours": {"critical": 2, "urgent": 24, "normal": 168, "complex": 360},
}
"""A clocks section as it was staged before packs held spans."""


def with_clocks(clocks: dict[str, Any]) -> tuple[Section, ...]:
    return tuple(replace(part, items=(clocks,)) if part.name == "clocks" else part for part in to_sections(SMALL))


def rules(**changed: Any) -> ClockRules:
    return ClockRules.model_validate({**CLOCKS["rules"], **changed})


# Spans.


@given(st.builds(lambda amount, unit: Span(amount, unit), st.integers(0, 366), st.sampled_from(("wd", "d", "h", "min", "s"))))
def test_a_span_is_read_from_what_it_is_written_as(span: Span) -> None:
    adapter = TypeAdapter(Span)
    assert Span.parse(str(span)) == span
    assert adapter.validate_json(adapter.dump_json(span)) == span
    assert adapter.validate_python(span) is span


@pytest.mark.parametrize(
    "text", ["", "5", "wd", "-1wd", "05wd", "1.5h", "5 wd", "5WD", "5w", "367wd", "3661d", "87841h", "999999999s", "٥wd", "5wd\n"]
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a span is"):
        Span.parse(text)


def test_what_was_written_in_place_of_a_span_is_not_repeated() -> None:
    with pytest.raises(ValueError) as caught:
        Span.parse("13800000000")
    assert "138" not in str(caught.value)


@pytest.mark.parametrize("value", [5, 5.0, True, None, ["5wd"], {"amount": 5, "unit": "wd"}])
def test_only_text_is_read_as_a_span(value: object) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Span).validate_python(value)


def test_working_days_have_no_elapsed_time() -> None:
    assert Span.parse("5wd").elapsed is None
    assert Span.parse("24h").elapsed == Span.parse("1d").elapsed == timedelta(days=1)


def test_a_span_is_told_in_json_schema_as_text() -> None:
    assert TypeAdapter(Span).json_schema()["type"] == "string"


# Limits.


@pytest.mark.parametrize("zero", ["arbitration", "triage", "dispute", "return"])
def test_a_limit_may_be_the_same_working_day_but_never_no_time_at_all(zero: str) -> None:
    assert rules(**{zero: "0wd"})
    with pytest.raises(ValidationError, match="0wd for the same working day"):
        rules(**{zero: "0h"})


@pytest.mark.parametrize("field", ["chase_every", "warn_before", "confirm"])
def test_a_span_that_repeats_or_leads_is_more_than_zero(field: str) -> None:
    with pytest.raises(ValidationError, match="more than zero"):
        rules(**{field: "0wd"})


@pytest.mark.parametrize("field", ["take_back", "reopen", "suspension_most"])
def test_a_right_may_be_taken_away_by_a_span_of_zero(field: str) -> None:
    assert getattr(rules(**{field: "0s"}), field) == Span(0, "s")


def test_the_limit_depends_on_urgency_first_and_then_on_complexity() -> None:
    resolve = rules().resolve
    found = {(urgency, hard): str(resolve.of(urgency, hard)) for urgency in ("normal", "urgent", "critical") for hard in (False, True)}
    assert found == {
        ("normal", False): "5wd",
        ("normal", True): "15wd",
        ("urgent", False): "24h",
        ("urgent", True): "24h",
        ("critical", False): "2h",
        ("critical", True): "2h",
    }
    assert [str(rules().accept.of(urgency)) for urgency in ("normal", "urgent", "critical", "added_later")] == ["1wd", "2h", "30min", "1wd"]
    assert str(resolve.of("added_later", True)) == "15wd"


def test_a_pack_is_in_force_to_its_last_day() -> None:
    pack = ClockPack.model_validate({**CLOCKS, "in_force_to": "2026-12-31"})
    assert [pack.in_force(day) for day in (date(2019, 12, 31), date(2020, 1, 1), date(2026, 12, 31), date(2027, 1, 1))] == [
        False,
        True,
        True,
        False,
    ]


# Revisions.


def test_limits_survive_the_registrys_json() -> None:
    content = load_network(Path("networks/ningbo"))
    wired = [Section(part.name, tuple(json.loads(json.dumps(part.items)))) for part in to_sections(content)]
    assert from_sections(wired).clocks == content.clocks
    clocks = next(part for part in wired if part.name == "clocks").items[0]
    assert clocks["rules"]["return"] == "2wd"
    assert clocks["demo"]["rules"]["accept"] == {"normal": "40s", "urgent": "30s", "critical": "20s"}


def test_a_changed_limit_is_told_by_its_dotted_path() -> None:
    pack = ClockPack.model_validate(
        {**CLOCKS, "rules": {**CLOCKS["rules"], "return": "3wd", "resolve": CLOCKS["rules"]["resolve"] | {"normal": "7wd"}}}
    )
    change = diff(SMALL, SMALL.model_copy(update={"clocks": pack}))
    assert [(f.field, f.old, f.new) for f in change.policy] == [
        ("clocks.rules.resolve.normal", "5wd", "7wd"),
        ("clocks.rules.return", "2wd", "3wd"),
    ]


def test_a_revision_staged_before_packs_held_spans_is_read_as_todays() -> None:
    pack = from_sections(with_clocks(BEFORE_SPANS)).clocks
    assert (pack.version, pack.calendar.base, pack.demo) == (1, "china", None)
    told = pack.rules.model_dump(mode="json", by_alias=True)
    assert told["resolve"] == {"normal": "5wd", "complex": "15wd", "urgent": "24h", "critical": "2h"}
    assert (told["return"], told["arbitration"], told["confirm"], told["reopen"]) == ("2wd", "0wd", "5wd", "15wd")
    assert (told["extension"], told["suspension_most"]) == ({"times": 1, "most": "10wd", "asked_before": "1wd"}, "10wd")
    assert told["sampling"] == {"percent": 10, "least_per_node_and_month": 1}


def test_limits_of_zero_before_spans_are_read_as_todays() -> None:
    old = {**BEFORE_SPANS, "extension": {"times": 1, "days": 0, "asked_before": 0}, "silence_after_resolution": 0}
    read = from_sections(with_clocks(old)).clocks.rules
    assert (read.extension.times, str(read.confirm)) == (0, "1wd")


def test_a_clocks_section_of_neither_shape_is_refused() -> None:
    for broken in ({"version": 1}, {**BEFORE_SPANS, "answer": 5}, {key: BEFORE_SPANS[key] for key in ("version", "urgency_hours")}):
        with pytest.raises(BrokenContent) as caught:
            from_sections(with_clocks(broken))
        assert {finding.section for finding in caught.value.findings} == {"clocks"}


def test_a_network_published_by_an_older_release_stays_in_force() -> None:
    parts = with_clocks(BEFORE_SPANS)
    directory = Directory()
    for number, part in enumerate(parts, start=1):
        staged = NetworkRevisionStaged(network="testnet", revision="r1", part=number, parts=len(parts), section=part.name, items=part.items)
        directory = evolve(directory, staged, entity="revision", seq=number)
    published = NetworkRevisionPublished(
        network="testnet",
        revision="r1",
        digest=staged_digest(parts),
        parts=len(parts),
        in_force_from=date(2020, 1, 1),
        nodes=1,
    )
    directory = evolve(directory, published, entity="graph", seq=99)
    assert directory.faults == ()
    assert directory.networks["testnet"].clocks().label == "testnet/clocks/1"


# What a network hands to its demands.


def test_sample_demands_run_on_the_demo_limits_and_all_others_on_the_networks_own() -> None:
    network = Network(load_network(Path("networks/ningbo")))
    own, demo = network.clocks(), network.clocks(sample=True)
    assert (own.label, demo.label) == ("ningbo/clocks/2", "ningbo/clocks/2/demo")
    assert (str(own.rules.accept.normal), str(demo.rules.accept.normal)) == ("1wd", "40s")
    assert (own.calendar.rule.base, demo.calendar.rule.base) == ("china", "always")
    assert own.applies_to == demo.applies_to == "new"
    assert network.clocks() is own
    assert network.clocks(sample=True) is demo


def test_a_network_without_demo_limits_treats_sample_demands_like_all_others() -> None:
    network = Network(SMALL)
    assert network.clocks(sample=True) == network.clocks()


def test_networks_of_equal_calendars_share_one() -> None:
    again = NetworkContent.model_validate(SMALL.model_dump(mode="json", by_alias=True))
    assert Network(again).clocks().calendar is Network(SMALL).clocks().calendar


def test_an_override_of_a_network_moves_its_deadlines() -> None:
    calendar = Network(SMALL).clocks().calendar
    friday = datetime(2027, 2, 5, 2, tzinfo=UTC)
    assert calendar.after(friday, Span(1, "wd")) == datetime(2027, 2, 9, 9, 30, tzinfo=UTC)
    assert calendar.is_provisional(friday)
