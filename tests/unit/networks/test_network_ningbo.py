"""The data of networks/ningbo: true size, public facts, generated rows that are plainly samples."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from libs.directory import NetworkContent, load_network
from networks.generate import generate, read_table, render

NINGBO = Path("networks/ningbo")


@pytest.fixture(scope="module")
def content() -> NetworkContent:
    return load_network(NINGBO)


def test_the_committed_nodes_are_what_the_generator_writes() -> None:
    rows = generate(read_table(NINGBO / "regions.csv"), read_table(NINGBO / "carriers.csv"))
    assert render(rows) == (NINGBO / "nodes.csv").read_text(encoding="utf-8")


def test_the_generator_wants_the_name_of_a_network() -> None:
    done = subprocess.run([sys.executable, "networks/generate.py"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "usage: python networks/generate.py ningbo")


def test_the_network_has_its_true_size(content: NetworkContent) -> None:
    kinds = Counter(node.kind for node in content.nodes)
    windows = sum(count for kind, count in kinds.items() if kind.startswith("window_"))
    assert (kinds["city_hub"], kinds["county_hub"], windows) == (1, 10 + 7, 100)
    assert kinds["window_township"] >= 29
    assert len([kind for kind in kinds if kind.startswith("window_")]) == 4
    assert 24 <= kinds["specialist"] <= 60
    assert 850 <= kinds["organisation"] <= 950


def test_only_the_hub_and_the_county_hubs_are_real(content: NetworkContent) -> None:
    real = {node.id: node for node in content.nodes if not node.sample}
    assert {node.kind for node in real.values()} == {"city_hub", "county_hub"}
    assert len(real) == 11
    assert [node.id for node in content.nodes if node.sample and not node.title_zh.startswith("样例")] == []
    assert [carrier.id for carrier in content.carriers if carrier.sample != (carrier.kind != "zone")] == []


def test_the_ten_county_level_units_and_seven_zones_are_there(content: NetworkContent) -> None:
    counties = {region.title for region in content.regions if region.kind == "county"}
    assert counties == {"海曙区", "江北区", "北仑区", "镇海区", "鄞州区", "奉化区", "余姚市", "慈溪市", "宁海县", "象山县"}
    assert len([carrier for carrier in content.carriers if carrier.kind == "zone"]) == 7
    assert [r.code for r in content.regions if r.kind == "township" and not r.code.startswith(r.parent or "-")] == []


def test_every_category_is_offered_by_several_specialists(content: NetworkContent) -> None:
    offered = Counter(code for node in content.nodes if node.kind == "specialist" and node.status == "active" for code in node.categories)
    assert {category.code for category in content.taxonomy.categories} == set(offered)
    assert min(offered.values()) >= 3
    assert max(len(node.categories) for node in content.nodes if node.kind == "specialist") == 2


def test_every_window_interprets_policies(content: NetworkContent) -> None:
    assert [node.id for node in content.nodes if node.kind.startswith("window_") and "information" not in node.categories] == []


def test_the_eight_categories_carry_terms_for_the_classifier(content: NetworkContent) -> None:
    categories = content.taxonomy.categories
    assert [c.title_zh for c in categories] == [
        "信息咨询",
        "技术创新",
        "人力培训",
        "市场拓展",
        "管理咨询",
        "质量管理",
        "创业辅导",
        "信息化应用",
    ]
    assert [c.code for c in categories if not 25 <= len(c.terms) <= 60] == []
    assert [term.term for c in categories for term in c.terms if term.term != term.term.lower()] == []


def test_every_category_is_told_by_its_own_name(content: NetworkContent) -> None:
    """The name of a category, written in a demand, must be enough to tell it."""
    needed = content.routing.classification.minimum_score
    weights = {c.code: {term.term: term.weight for term in c.terms} for c in content.taxonomy.categories}
    assert [c.code for c in content.taxonomy.categories if weights[c.code].get(c.title_zh, 0) < needed] == []


def test_an_excluded_phrase_hides_a_term_of_its_category(content: NetworkContent) -> None:
    idle = [(c.code, phrase) for c in content.taxonomy.categories for phrase in c.exclude if not any(t.term in phrase for t in c.terms)]
    assert idle == []


def test_a_phrase_is_never_both_a_term_and_excluded(content: NetworkContent) -> None:
    for category in content.taxonomy.categories:
        assert {term.term for term in category.terms}.isdisjoint(category.exclude)


@pytest.mark.parametrize(("file", "least"), [("clocks.yaml", 35), ("routing.yaml", 20)])
def test_every_value_of_a_policy_names_its_source(file: str, least: int) -> None:
    """A value without a source is a default of this project, and says so. The demo limits say it once for all."""
    lines = (NINGBO / file).read_text(encoding="utf-8").partition("\ndemo:")[0].splitlines()
    values = [line for line in lines if re.match(r" *(- )?\{?\w+: *[^ #]", line) and not line.startswith("version:")]
    assert len(values) >= least
    source = r"# .*(default of this project|requirements [A-Z]\d|official|Beijing|Quanzhou|Shandong|Wuhan|Yueqing|Zaozhuang)"
    assert [line for line in values if not re.search(source, line)] == []


def test_the_demo_limits_show_everything_within_three_minutes(content: NetworkContent) -> None:
    demo = content.clocks.demo
    assert demo is not None
    assert (demo.label_zh, demo.calendar.base) == ("演示时钟（分钟）", "always")
    rules = demo.rules
    waits = (rules.accept.normal, rules.return_, rules.resolve.normal, rules.assist, rules.dispute, rules.arbitration, rules.confirm)
    assert max(span.elapsed for span in waits if span.elapsed is not None) <= timedelta(minutes=2)
    assert [span for span in waits if span.elapsed is None] == []


def test_industries_are_the_sections_and_divisions_of_the_standard(content: NetworkContent) -> None:
    industries = next(codes.entries for codes in content.codes if codes.name == "industries")
    assert "".join(entry.code for entry in industries if entry.parent is None) == "ABCDEFGHIJKLMNOPQRST"
    assert [entry.code[1:] for entry in industries if entry.parent] == [f"{number:02d}" for number in range(1, 98)]
    assert [entry.code for entry in industries if entry.parent and not entry.code.startswith(entry.parent)] == []
