"""Reading a network's folder: every broken rule is told with its file and line."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from libs.directory import NetworkFileError, load_network
from libs.directory.problems import RULES

NINGBO = Path("networks/ningbo")


@dataclass(frozen=True, slots=True)
class Break:
    """One edit of one file, the rule it breaks, and the text whose line is named (default: the new text)."""

    rule: str
    file: str
    old: str
    new: str
    at: str = ""
    also: tuple[tuple[str, str, str], ...] = ()


HAISHU = "nb-haishu,county_hub"
NODES_HEADER = (
    "id,kind,title_zh,title_en,parent,regions,carriers,industries,categories,capacity,fee,in_force_from,in_force_to,status,sample,operator"
)
WINDOW = "nb-w-330212121,window_township,样例姜山镇窗口平台,Sample township window 330212121,nb-yinzhou,330212121"
PARK = "nb-w-park-haishu-1,window_park,样例海曙智造小微企业园窗口平台,Sample window of park-haishu-1,nb-haishu,,park-haishu-1,,"

BREAKS = (
    Break("bad_yaml", "routing.yaml", "score:\n", "score: [\n", at="    weight: 45"),
    Break("bad_yaml", "clocks.yaml", "return: 2wd", "return: &a 2wd\n  assist: *a", at="return: &a"),
    Break("duplicate_key", "clocks.yaml", "assist: 3wd", "assist: 3wd\n  assist: 2wd", at="assist: 2wd"),
    Break("missing_column", "nodes.csv", NODES_HEADER, NODES_HEADER.removesuffix(",operator")),
    Break("unknown_column", "carriers.csv", "kind,regions,sample", "kind,regions,sample,colour", at="id,title_zh,kind"),
    Break("wrong_cell_count", "regions.csv", "330203,海曙区,330200,county", "330203,海曙区,330200"),
    Break("missing_field", "network.yaml", "title_en: Ningbo", "# title_en: Ningbo", at="name: ningbo"),
    Break("missing_field", "nodes.csv", f"{HAISHU},海曙区中小企业公共服务枢纽平台", f"{HAISHU},"),
    Break("unknown_field", "routing.yaml", "return_budget: 2", "return_budget: 2\nbudget: 3", at="budget: 3"),
    Break("bad_value", "routing.yaml", "{carrier: 100,", "{carrier: 101,"),
    Break("bad_value", "nodes.csv", HAISHU, "NB haishu,county_hub"),
    Break("bad_value", "taxonomy.yaml", "补贴政策: 10", "补贴政策: 11"),
    Break("bad_value", "codes.yaml", "{code: web,", "{code: w-b,"),
    Break("bad_value", "codes.yaml", "channels:  ", "chanels:  "),
    Break("bad_value", "regions.csv", "330203,海曙区,330200,county", "330203,海曙区,330200,township"),
    Break("bad_value", "node_kinds.yaml", "- code: city_hub", "kinds:\n- code: city_hub", at="kinds:"),
    Break("bad_date", "network.yaml", "in_force_from: 2018-09-11", "in_force_from: 2018-13-11"),
    Break("bad_date", "nodes.csv", "welfare,2018-09-11,,active,false", "welfare,soon,,active,false"),
    Break(
        "dates_reversed",
        "routing.yaml",
        "in_force_from: 2018-09-11",
        "in_force_from: 2018-09-11\nin_force_to: 2018-09-10",
        at="in_force_to",
    ),
    Break("dates_reversed", "nodes.csv", ",2024-12-31,closed", ",2019-12-31,closed"),
    Break("duplicate_id", "nodes.csv", "nb-jiangbei,county_hub", HAISHU, at="江北区中小企业"),
    Break("duplicate_id", "regions.csv", "330205,江北区", "330203,江北区"),
    Break("duplicate_id", "carriers.csv", "bonded,宁波保税区", "qianwan,宁波保税区"),
    Break(
        "duplicate_id", "node_kinds.yaml", "- code: window_park", "- code: window_township", at="- code: window_township\n  title_zh: 小微"
    ),
    Break("duplicate_id", "taxonomy.yaml", "  - code: digital", "  - code: market", at="  - code: market\n    title_zh: 信息化"),
    Break("duplicate_id", "codes.yaml", "{code: phone,", "{code: web,", at="title_zh: 服务热线"),
    Break("alias_twice", "taxonomy.yaml", "aliases: [市场开拓,", "aliases: [人才培训,", at="aliases: [人才培训, 市场推广"),
    Break("unknown_kind", "nodes.csv", HAISHU, "nb-haishu,county_center"),
    Break("unknown_kind", "node_kinds.yaml", "parents: [city_hub, county_hub]", "parents: [city_hub, county_hut]"),
    Break("unknown_kind", "routing.yaml", "kinds: [specialist]", "kinds: [specialists]"),
    Break("unknown_parent", "nodes.csv", WINDOW, WINDOW.replace("nb-yinzhou", "nb-nowhere")),
    Break("forbidden_parent", "nodes.csv", WINDOW, WINDOW.replace("nb-yinzhou", "nb-hub")),
    Break("forbidden_parent", "nodes.csv", WINDOW, WINDOW.replace("nb-yinzhou", "")),
    Break(
        "cycle",
        "nodes.csv",
        "County hub of Haishu,nb-hub",
        "County hub of Haishu,nb-jiangbei",
        also=(
            ("nodes.csv", "County hub of Jiangbei,nb-hub", "County hub of Jiangbei,nb-haishu"),
            (
                "node_kinds.yaml",
                "  parents: [city_hub]\n  assignable: true\n  hub: true",
                "  parents: [city_hub, county_hub]\n  assignable: true\n  hub: true",
            ),
        ),
    ),
    Break("unknown_region", "nodes.csv", WINDOW, WINDOW.removesuffix("330212121") + "330212999"),
    Break("unknown_region", "carriers.csv", "zone,330206007,", "zone,330206099,"),
    Break("unknown_region", "regions.csv", "330203001,南门街道,330203", "330203001,南门街道,330299"),
    Break("unknown_region", "network.yaml", 'region: "330200"', 'region: "330100"'),
    Break("unknown_category", "nodes.csv", ",information,500,", ",information;finance,500,"),
    Break("unknown_carrier", "nodes.csv", PARK, PARK.replace(",park-haishu-1,,", ",park-haishu-9,,")),
    Break("unknown_industry", "nodes.csv", "nb-hub,,,C36,", "nb-hub,,,C99,"),
    Break("unknown_code", "codes.yaml", "{code: C33, parent: C,", "{code: C33, parent: X,"),
    Break("unknown_predicate", "routing.yaml", "{name: in_force}", "{name: in_fource}"),
    Break("predicate_order", "routing.yaml", "  - {name: assignable} ", "  - {name: active} ", at="eligibility:"),
    Break("weights_not_100", "routing.yaml", "    weight: 45", "    weight: 46", at="score:"),
    Break("no_hub", "network.yaml", "hub: nb-hub ", "hub: nb-haishu "),
    Break("no_hub", "node_kinds.yaml", "  parents: []", "  parents: [county_hub]", at="- code: city_hub"),
    Break("two_hubs", "nodes.csv", f"{HAISHU},", "nb-haishu,city_hub,"),
    Break(
        "two_hubs",
        "node_kinds.yaml",
        "  parents: [city_hub]           # no county",
        "  parents: []           # no county",
        at="- code: city_hub",
    ),
    Break("hub_territory", "nodes.csv", "SMEs,,330200,", "SMEs,,330203,"),
    Break("too_few", "node_kinds.yaml", "count: {least: 29}", "count: {least: 290}"),
    Break("too_many", "node_kinds.yaml", "count: {least: 29}", "count: {least: 29, most: 30}"),
    Break("no_territory", "nodes.csv", PARK, PARK.replace(",park-haishu-1,,", ",,,")),
    Break("no_category", "nodes.csv", WINDOW + ",,,information;training;market;quality;startup;digital,", WINDOW + ",,,,"),
    Break("bad_value", "clocks.yaml", "  confirm: 5wd", "  confirm: 5 days"),
    Break("bad_value", "clocks.yaml", "  confirm: 5wd", "  confirm: -5wd"),
    Break("bad_value", "clocks.yaml", "  confirm: 5wd", "  confirm: 5"),
    Break("bad_value", "clocks.yaml", "  confirm: 5wd", "  confirm: 0wd"),
    Break("bad_value", "clocks.yaml", "  confirm: 5wd", "  confirm: 367wd"),
    Break("bad_value", "clocks.yaml", "  chase_every: 1wd", "  chase_every: 0wd"),
    Break("bad_value", "clocks.yaml", "    urgent: 2h ", "    urgent: 0h "),
    Break("bad_value", "clocks.yaml", "base: china", "base: lunar"),
    Break("bad_value", "clocks.yaml", "08:30-12:00", "8:30-12:00"),
    Break("bad_value", "clocks.yaml", "14:00-17:30", "14:00-24:30"),
    Break("missing_field", "clocks.yaml", "  triage: 1wd", "# triage: 1wd", at="rules:"),
    Break("unknown_field", "clocks.yaml", "    triage: 30s", "    triage: 30s\n    triege: 30s", at="    triege"),
    Break("bad_date", "clocks.yaml", "overrides: [] ", "overrides: [{day: 2027-02-30, work: false}] "),
    Break("hours_order", "clocks.yaml", '["08:30-12:00", ', '["08:30-14:30", ', at="  hours:"),
    Break("hours_order", "clocks.yaml", '["08:30-12:00", ', '["18:30-19:00", ', at="  hours:"),
    Break("hours_order", "clocks.yaml", '"14:00-17:30"]', '"14:00-14:00"]', at="  hours:"),
    Break("hours_order", "clocks.yaml", "{base: always}", '{base: always, hours: ["09:00-08:00"]}'),
    Break(
        "duplicate_id",
        "clocks.yaml",
        "overrides: [] ",
        "overrides:\n    - {day: 2027-02-08, work: false}\n    - {day: 2027-02-08, work: true} ",
        at="    - {day: 2027-02-08, work: true}",
    ),
    Break("unknown_category", "clocks.yaml", "[technology, management]   #", "[technology, finance]   #"),
    Break("unknown_category", "clocks.yaml", "[technology, management]\n", "[finance]\n"),
    Break("duplicate_id", "clocks.yaml", "[technology, management]\n", "[technology, technology]\n"),
    Break("dates_reversed", "clocks.yaml", "applies_to: new", "in_force_to: 2018-09-10\napplies_to: new", at="in_force_to"),
    Break("missing_codes", "codes.yaml", "resolve_results:  ", "# resolve_results:  ", at="channels:"),
)
ON_WHOLE_FILES = {"missing_file", "bad_encoding"}
NOT_IN_FILES = {"missing_section"}


def edit(folder: Path, file: str, old: str, new: str) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text, f"{file} no longer contains {old!r}"
    (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(NINGBO, tmp_path / "ningbo"))


@pytest.mark.parametrize("broken", BREAKS, ids=lambda broken: f"{broken.rule}-{broken.file}")
def test_a_broken_rule_is_told_with_its_file_and_line(folder: Path, broken: Break) -> None:
    edit(folder, broken.file, broken.old, broken.new)
    for file, old, new in broken.also:
        edit(folder, file, old, new)
    with pytest.raises(NetworkFileError) as caught:
        load_network(folder)
    text = (folder / broken.file).read_text(encoding="utf-8")
    line = text[: text.index(broken.at or broken.new)].count("\n") + 1
    told = [(problem.file, problem.line, problem.rule) for problem in caught.value.problems]
    assert (broken.file, line, broken.rule) in told
    assert f"{broken.file}:{line}: {broken.rule}: " in str(caught.value)


def test_every_rule_has_a_file_that_breaks_it() -> None:
    assert {broken.rule for broken in BREAKS} | ON_WHOLE_FILES | NOT_IN_FILES == set(RULES)


def test_a_missing_file_is_told(folder: Path) -> None:
    (folder / "clocks.yaml").unlink()
    (folder / "nodes.csv").unlink()
    with pytest.raises(NetworkFileError) as caught:
        load_network(folder)
    assert [(p.file, p.line, p.rule) for p in caught.value.problems] == [
        ("clocks.yaml", 1, "missing_file"),
        ("nodes.csv", 1, "missing_file"),
    ]


def test_a_file_in_another_encoding_is_told_with_the_line_of_the_first_wrong_byte(folder: Path) -> None:
    (folder / "regions.csv").write_bytes("code,title,parent,kind\n330200,宁波市,,city\n".encode("gb18030"))
    with pytest.raises(NetworkFileError) as caught:
        load_network(folder)
    assert [(p.file, p.line, p.rule) for p in caught.value.problems] == [("regions.csv", 2, "bad_encoding")]


def test_all_problems_are_told_at_once_and_one_mistake_is_told_once(folder: Path) -> None:
    edit(folder, "regions.csv", "330203,海曙区,330200,county", "33O203,海曙区,330200,county")
    edit(folder, "nodes.csv", WINDOW, WINDOW.replace("nb-yinzhou", "nb-hub"))
    edit(folder, "routing.yaml", "    weight: 45", "    weight: 46")
    with pytest.raises(NetworkFileError) as caught:
        load_network(folder)
    assert [(p.file, p.rule) for p in caught.value.problems] == [
        ("nodes.csv", "forbidden_parent"),
        ("regions.csv", "bad_value"),
        ("routing.yaml", "weights_not_100"),
    ]


def test_a_row_after_a_broken_row_is_still_told_with_its_own_line(folder: Path) -> None:
    edit(folder, "nodes.csv", HAISHU, "NB haishu,county_hub")
    edit(folder, "nodes.csv", ",2024-12-31,closed", ",2019-12-31,closed")
    with pytest.raises(NetworkFileError) as caught:
        load_network(folder)
    lines = (folder / "nodes.csv").read_text(encoding="utf-8").splitlines()
    closed = next(number for number, line in enumerate(lines, start=1) if ",2019-12-31,closed" in line)
    assert [(p.rule, p.line) for p in caught.value.problems] == [("bad_value", 6), ("dates_reversed", closed)]


def test_what_was_written_in_a_wrong_cell_is_not_repeated(folder: Path) -> None:
    edit(folder, "nodes.csv", ",500,welfare", ",secret-13800000000,welfare")
    with pytest.raises(NetworkFileError) as caught:
        load_network(folder)
    assert "secret" not in str(caught.value)
