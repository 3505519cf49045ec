"""Sections, digest and diff of a network's content."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.directory import BrokenContent, NetworkContent, Section, diff, digest, from_sections, load_network, to_sections
from tests.unit.directory.random_networks import content_of, contents, node


@given(contents(), st.integers(1, 20))
def test_sections_round_trip_through_json_at_any_size(content: NetworkContent, limit: int) -> None:
    sections = to_sections(content, limit=limit)
    wired = [Section(section.name, tuple(json.loads(json.dumps(section.items)))) for section in sections]
    assert from_sections(wired) == content
    assert all(len(section.items) <= limit for section in sections)
    assert "null" not in json.dumps([section.items for section in sections])


@given(contents(), st.integers(1, 20))
def test_the_digest_does_not_depend_on_how_a_content_is_split(content: NetworkContent, limit: int) -> None:
    assert digest(from_sections(to_sections(content, limit=limit))) == digest(content)


@given(contents(), st.randoms(use_true_random=False))
def test_the_digest_does_not_depend_on_the_order_of_rows(content: NetworkContent, random: object) -> None:
    nodes = list(content.nodes)
    random.shuffle(nodes)  # type: ignore[attr-defined]
    shuffled = NetworkContent.model_validate({**dict(content), "nodes": tuple(nodes)})
    assert shuffled == content
    assert digest(shuffled) == digest(content)


def test_the_digest_tells_every_change() -> None:
    hub = node("hub-0", "root", regions=["330200"])
    assert digest(content_of([hub])) != digest(content_of([{**hub, "capacity": 11}]))
    assert digest(content_of([hub])).startswith("sha256:")


def test_ningbo_fits_the_largest_message_of_a_stream() -> None:
    sections = to_sections(load_network(Path("networks/ningbo")))
    assert max(len(json.dumps(section.items, ensure_ascii=False).encode()) for section in sections) < 200_000


def broken_by(change: str) -> tuple[Section, ...]:
    sections = to_sections(content_of([node("hub-0", "root", regions=["330200"])]))
    nodes = next(section for section in sections if section.name == "nodes")
    others = tuple(section for section in sections if section.name != "nodes")
    match change:
        case "missing":
            return others
        case "twice":
            return (*others, nodes, next(section for section in sections if section.name == "routing"))
        case "shape":
            return (*others, replace(nodes, items=({**nodes.items[0], "capacity": "many"},)))
        case _:
            return (*others, replace(nodes, items=({**nodes.items[0], "categories": ["finance"]},)))


@pytest.mark.parametrize(
    ("change", "rule", "section", "path"),
    [
        ("missing", "missing_section", "nodes", ()),
        ("twice", "bad_value", "routing", ()),
        ("shape", "bad_value", "nodes", (0, "capacity")),
        ("rule", "unknown_category", "nodes", (0, "categories")),
    ],
)
def test_sections_that_make_no_network_are_refused_with_their_place(
    change: str, rule: str, section: str, path: tuple[str | int, ...]
) -> None:
    with pytest.raises(BrokenContent) as caught:
        from_sections(broken_by(change))
    assert [(finding.rule, finding.section, finding.path) for finding in caught.value.findings] == [(rule, section, path)]


def test_a_first_apply_adds_everything() -> None:
    content = load_network(Path("networks/ningbo"))
    change = diff(None, content)
    assert len(change.nodes.added) == len(content.nodes)
    assert change.counts["county_hub"] == 17
    assert not change.empty


@given(contents())
def test_a_content_does_not_differ_from_itself(content: NetworkContent) -> None:
    assert diff(content, content).empty


def test_a_diff_tells_added_removed_and_changed_nodes_and_the_policy() -> None:
    hub = node("hub-0", "root", regions=["330200"])
    county = node("county-a", "county", "hub-0", regions=["330203"])
    old = content_of([hub, county, node("county-b", "county", "hub-0", regions=["330205"])])
    new = content_of([hub, {**county, "capacity": 12}, node("county-c", "county", "hub-0", regions=["330205"])])
    new = new.model_copy(update={"routing": new.routing.model_copy(update={"return_budget": 3})})
    change = diff(old, new)
    assert change.nodes.added == ("county-c",)
    assert change.nodes.removed == ("county-b",)
    assert [(row.key, [(f.field, f.old, f.new) for f in row.fields]) for row in change.nodes.changed] == [
        ("county-a", [("capacity", 10, 12)])
    ]
    assert [(f.field, f.old, f.new) for f in change.policy] == [("routing.return_budget", 2, 3)]
    assert all(table.empty for table in change.tables)
