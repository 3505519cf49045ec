"""What the README promises is so: its example demand is valid and lands on the clerk's node; its commands exist."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

import pytest

from cli.machine.keys import COUNTY_HUB, WANTED, WINDOW
from cli.main import app
from libs.directory import Network, load_network
from libs.events import Basis, RoutingInputs
from services.intake.codes import check_codes
from services.intake.shapes import DemandInput
from services.router.classify import classify
from services.router.policy import decide_route
from tests.unit.docs.markdown import pages, readme
from tests.unit.house.sources import ROOT
from tools.catalogue import app_of


def example() -> dict[str, Any]:
    found = re.search(r"<<'JSON'[^\n]*\n(.*?)\nJSON\n", readme(), flags=re.S)
    assert found is not None
    parsed: dict[str, Any] = json.loads(found[1])
    return parsed


@lru_cache(maxsize=1)
def ningbo() -> Network:
    return Network(load_network(ROOT / "networks" / "ningbo"))


def test_the_example_demand_is_what_intake_accepts() -> None:
    codes = check_codes(ningbo(), DemandInput.model_validate(example()))
    assert (codes.region, codes.carrier) == ("330206", "park-beilun-3")


def test_the_example_demand_is_marked_as_a_sample_but_left_to_people() -> None:
    """Sample actors touch sample demands only; this one waits for the reader to act as the clerk."""
    assert "样例" in example()["description"]
    assert "sample" not in example()


def test_the_example_demand_lands_on_the_node_of_the_clerk_s_key() -> None:
    demand, content = DemandInput.model_validate(example()), ningbo().content
    found = classify(demand.title, demand.description, content.taxonomy, content.routing.classification)
    inputs = RoutingInputs(category=found.category, region=demand.region, carrier=demand.carrier, urgency=demand.urgency)
    explanation = decide_route(ningbo(), content.routing, inputs, {}, Basis(registry_seq=1, figures_date="2026-11-22"), found)
    clerk = next(wanted for wanted in WANTED if wanted.label == "clerk")
    assert found.category == "digital"
    assert explanation.chosen == clerk.node == WINDOW
    assert explanation.path == "candidate"
    assert WINDOW in readme()
    assert ningbo().is_within(WINDOW, COUNTY_HUB)


@pytest.mark.parametrize("load", [0, 10, 35])
def test_the_example_demand_lands_there_even_while_samples_keep_the_window_busy(load: int) -> None:
    inputs = RoutingInputs(category="digital", region="330206", carrier="park-beilun-3", urgency="normal")
    basis = Basis(registry_seq=1, figures_date="2026-11-22")
    assert decide_route(ningbo(), ningbo().content.routing, inputs, {WINDOW: load}, basis).chosen == WINDOW


def test_the_keys_and_addresses_the_readme_reads_are_written() -> None:
    labels = {wanted.label for wanted in WANTED}
    assert set(re.findall(r"\$\(key (\w+)\)", readme())) <= labels
    assert set(re.findall(r"\$\(at (\w+)\)", readme())) <= {"intake", "router", "tracker", "registry"}


def test_every_address_in_the_readme_is_served() -> None:
    named = re.findall(r"\$\(at (\w+)\)(/v1/[^\"? ]+)", readme())
    assert len(named) >= 4
    for service, path in named:
        generic = re.sub(r"\$demand", "{demand}", path).replace("/a1/", "/{assignment}/")
        assert generic in app_of(service).openapi()["paths"], f"{service} does not serve {generic}"


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), flags=re.M))
    named = {target for page in pages() for target in re.findall(r"(?:`|^)make ([a-z]+)", page.read_text("utf-8"), flags=re.M)}
    assert named >= {"run", "test", "docs"}
    assert named <= targets, f"the Makefile lacks {sorted(named - targets)}"


def test_every_command_of_liandong_in_the_map_exists() -> None:
    line = next(line for line in readme().splitlines() if line.startswith("| `cli`"))
    named = set(line.rpartition(":")[2].strip(" |").split(", "))
    registered = {command.name for command in app.registered_commands} | {group.typer_instance.info.name for group in app.registered_groups}
    assert named >= {"run", "network", "key", "rebuild"}
    assert named <= registered, f"the liandong command lacks {sorted(named - registered)}"


def test_the_four_edits_are_those_the_house_rules_name() -> None:
    section = readme().partition("A new event is four edits")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d)\. ", section, flags=re.M) == ["1", "2", "3", "4"]
    rules = (ROOT / "tests" / "unit" / "house" / "test_events_are_complete.py").read_text("utf-8")
    assert {f"edit {number}" for number in range(1, 5)} <= set(re.findall(r"edit \d", rules))


def test_every_top_folder_is_on_the_map() -> None:
    section = readme().partition("## 地图")[2].partition("\n## ")[0]
    tops = [path.name for path in ROOT.iterdir() if path.is_dir() and any(path.glob("**/*.py")) and path.name.isalpha()]
    hidden = {"deploy", "tools"}
    assert [name for name in sorted(set(tops) - hidden - {"node_modules"}) if f"`{name}" not in section and name != "services"] == []
