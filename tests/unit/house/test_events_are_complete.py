"""A new event is four edits: class and union, evolve, projection, golden file. These tests name the edit that is missing."""

from __future__ import annotations

import re
from string import Formatter
from typing import get_args

import pytest

from libs.events import DemandEvent, Event, RegistryEvent
from libs.events.codec import TYPES
from services.tracker.console.coded import NODE_MEMBERS, WORD_KINDS, word_kind
from services.tracker.console.codewords import CODES
from tests.unit.house import rules
from tests.unit.house.sources import ROOT, modules

DEMAND: tuple[type[Event], ...] = get_args(DemandEvent)
REGISTRY: tuple[type[Event], ...] = get_args(RegistryEvent)
GOLDEN = ROOT / "tests" / "contract" / "golden"


def distinguished(*paths: str) -> set[str]:
    found: set[str] = set()
    for one in modules(*paths):
        found |= rules.matched_classes(one)
    return found


def names(classes: tuple[type[Event], ...]) -> set[str]:
    return {cls.__name__ for cls in classes}


@pytest.mark.parametrize("cls", TYPES.values(), ids=list(TYPES))
def test_the_sentences_of_an_event_speak_only_of_its_own_members(cls: type[Event]) -> None:
    """Hazard: a placeholder nobody fills turns one demand's trail page into an error page."""
    for language, template in (("zh", cls.zh), ("en", cls.en)):
        places = {name for _, name, _, _ in Formatter().parse(template) if name is not None}
        assert places <= set(cls.model_fields), f"edit 1: {cls.__name__}.{language} speaks of {places - set(cls.model_fields)}"
    assert re.search("[一-鿿]", cls.zh), f"edit 1: {cls.__name__}.zh is not Chinese"
    assert not re.search("[一-鿿]", cls.en), f"edit 1: {cls.__name__}.en is not English"


@pytest.mark.parametrize("cls", TYPES.values(), ids=list(TYPES))
def test_an_event_class_is_its_own_reference_page(cls: type[Event]) -> None:
    """Hazard: an event whose docstring is missing enters the catalogue as a bare name that every reader interprets anew."""
    assert cls.__doc__, f"edit 1: {cls.__name__} has no docstring"
    if cls in DEMAND:
        assert re.search(r"[（(][一-鿿]+(，[一-鿿]+)*[)）]", cls.__doc__), (
            f"edit 1: {cls.__name__}'s docstring lacks the Chinese term in brackets"
        )


def test_the_unions_hold_every_event_class() -> None:
    """Hazard: a class outside the unions is written by one service and unknown to every reader."""
    outside = {cls.__name__ for cls in Event.__subclasses__() if cls.__module__.startswith("libs.events.") and cls.__name__ not in TYPES}
    assert not outside, f"edit 1: not in DemandEvent or RegistryEvent: {sorted(outside)}"


def test_every_demand_event_is_folded() -> None:
    """Hazard: an event evolve does not know leaves deciders with yesterday's state."""
    missing = names(DEMAND) - distinguished("libs/demand/evolve.py")
    assert not missing, f"edit 2: libs/demand/evolve.py has no case for {sorted(missing)}"


def test_every_registry_event_is_folded() -> None:
    """Hazard: a registry fact that the directory ignores is in force on paper only."""
    missing = names(REGISTRY) - distinguished("libs/directory/state.py")
    assert not missing, f"edit 2: libs/directory/state.py has no case for {sorted(missing)}"
    missing = names(REGISTRY) - distinguished("services/registry/domain.py")
    assert not missing, f"edit 2: services/registry/domain.py has no case for {sorted(missing)}"


def test_every_demand_event_is_projected() -> None:
    """Hazard: lists and trails that skip an event disagree with the demand itself."""
    projections = [
        one.path for one in modules("services/tracker") if one.path.count("/") == 2 and "DemandWithdrawn" in rules.matched_classes(one)
    ]
    assert projections, "edit 3: no projection found in services/tracker"
    missing = names(DEMAND) - distinguished(*projections)
    assert not missing, f"edit 3: {', '.join(projections)} has no case for {sorted(missing)}"


@pytest.mark.parametrize("cls", TYPES.values(), ids=list(TYPES))
def test_every_released_schema_has_a_golden_file(cls: type[Event]) -> None:
    """Hazard: without bytes kept from the release that wrote them, nobody notices when old demands stop being readable."""
    for schema in range(1, cls.schema_version + 1):
        pattern = re.compile(rf"^{cls.__name__}[._-]v?{schema}\b.*\.json$")
        found = [path.name for path in GOLDEN.rglob("*.json") if pattern.match(path.name)]
        assert found, f"edit 4: tests/contract/golden has no {cls.__name__}.{schema}.json"


def test_every_coded_member_of_a_sentence_has_words() -> None:
    """Hazard: the console shows `out_of_territory` to an enterprise that has never seen a code."""
    missing, unknown = [], []
    for cls in DEMAND:
        for _, place, _, _ in Formatter().parse(cls.zh + cls.en):
            codes = get_args(cls.model_fields[place].annotation) if place else ()
            codes = tuple(code for code in codes if isinstance(code, str))
            kind = word_kind(cls.__name__, place or "")
            if codes and kind is None:
                unknown.append(f"{cls.__name__}.{place}")
            missing += [f"{kind}: {code}" for code in codes if code not in CODES.get(kind or "", {})]
    assert not unknown, f"edit 1: say in services/tracker/console/coded.py which words these codes have: {unknown}"
    assert not missing, f"edit 1: services/tracker/console/codewords.py lacks {missing}"


def test_what_is_said_about_members_is_said_about_members_there_are() -> None:
    """Hazard: a renamed member keeps its words in the table and shows its bare code on the page."""
    known = {f"{cls.__name__}.{name}" for cls in DEMAND for name in cls.model_fields}
    assert WORD_KINDS.keys() <= known
    assert {member.partition(".")[2] for member in known} >= NODE_MEMBERS
