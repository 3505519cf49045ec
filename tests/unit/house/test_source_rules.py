"""House rules over the source: each test says which hazard it guards, and each rule is shown code that breaks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest

from tests.unit.house import rules
from tests.unit.house.sources import CODE, EVERYTHING, SERVICES, Module, module, modules

Rule = Callable[[Module], list[str]]

PURE = (
    "libs/demand",
    "libs/directory",
    "services/router/policy.py",
    "services/router/ranking.py",
    "services/router/classify.py",
    "services/router/rules",
)


def findings(rule: Rule, inspected: Iterable[Module]) -> str:
    return "\n".join(found for one in inspected for found in rule(one))


def pure_modules() -> list[Module]:
    """The agreed ones, every service's domain, and every module whose docstring says `pure` of itself."""
    agreed = modules(*PURE, *(f"services/{name}/domain.py" for name in SERVICES))
    declared = [one for one in modules("libs", "services") if re.search(r"\bPure\b", one.docstring)]
    return list({one.path: one for one in (*agreed, *declared)}.values())


def test_no_room_is_named_after_nothing() -> None:
    """Hazard: `utils`, `manager` or `base` grows into the file where every change meets every other."""
    assert not findings(rules.forbidden_rooms, modules(*EVERYTHING))


def test_all_imports_are_absolute() -> None:
    """Hazard: with relative imports the import path is no longer the file path, and the import contracts read differently."""
    assert not findings(rules.relative_imports, modules(*EVERYTHING))


def test_no_file_is_longer_than_a_reader_s_patience() -> None:
    """Hazard: past a few hundred lines nobody reads the whole file before changing it."""
    assert not findings(rules.too_long, modules(*CODE))


def test_services_and_libraries_do_not_print() -> None:
    """Hazard: printed text bypasses the log's rules on personal data and its trace ids."""
    assert not findings(rules.prints, modules("libs", "services"))


def test_every_time_has_a_zone() -> None:
    """Hazard: a naive time is off by eight hours in Ningbo, and a deadline computed from it is a wrong accusation."""
    assert not findings(rules.naive_times, modules(*EVERYTHING))


def test_nothing_catches_everything_without_a_reason() -> None:
    """Hazard: `except Exception: log` skips a poisoned commit, and the views silently lie from then on."""
    assert not findings(rules.blind_excepts, modules(*EVERYTHING))


def test_pure_modules_are_pure() -> None:
    """Hazard: one clock or random id in a decider, and no decision can be replayed, explained or proved again."""
    inspected = pure_modules()
    assert len(inspected) > 20
    assert not findings(rules.impurities, inspected)


def test_every_module_says_what_it_owns() -> None:
    """Hazard: without a sentence on what it owns, a module slowly owns everything."""
    assert not findings(rules.missing_module_docstring, modules(*EVERYTHING))


def test_public_functions_of_libraries_are_documented() -> None:
    """Hazard: four services build on these; an undocumented unit or error is guessed four times, differently."""
    assert not findings(rules.missing_docstrings, modules("libs"))


def test_logs_carry_no_personal_data() -> None:
    """Hazard: streams can forget by destroying a key, logs cannot."""
    assert not findings(rules.talkative_logs, modules("libs", "services", "cli"))


def test_every_service_has_the_same_rooms() -> None:
    """Hazard: who knows one service no longer knows all four."""
    rooms = {"__init__", "__main__", "api", "domain", "main", "settings"}
    with_tables = {"router", "tracker"}
    missing = []
    for service in SERVICES:
        wanted = rooms | ({"consumers", "views"} if service in with_tables else set())
        present = {path.stem for path in modules(f"services/{service}") if path.path.count("/") == 2}
        missing += [f"services/{service}/{room}.py is missing" for room in sorted(wanted - present)]
    assert not missing, "\n".join(missing)


def test_no_slotted_generic_is_constructed_through_a_subscript() -> None:
    """Hazard: the type checker is content, and the first submitted demand answers 500."""
    inspected = modules(*EVERYTHING)
    classes = {name for one in inspected for name in rules.slotted_generics(one)}
    assert {"Order", "Fold", "Scenario"} <= classes
    assert not "\n".join(found for one in inspected for found in rules.subscripted_calls(one, classes))
    assert rules.subscripted_calls(module("x.py", "Order[int](1)"), classes)
    assert not rules.subscripted_calls(module("x.py", "order: Order[int] = Order(1)"), classes)


BROKEN: list[tuple[Rule, str, str, str]] = [
    (rules.forbidden_rooms, "libs/events/utils.py", '"""x"""', "libs/events/useful.py"),
    (rules.relative_imports, "from . import names", "from libs.events import names", ""),
    (rules.too_long, "x = 1\n" * 401, "x = 1\n" * 400, ""),
    (rules.prints, "print('x')", "printer('x')", ""),
    (rules.naive_times, "datetime.now()", "datetime.now(UTC)", ""),
    (rules.naive_times, "datetime.datetime.utcnow()", "datetime.datetime.now(tz=UTC)", ""),
    (rules.naive_times, "date.today()", "now.date()", ""),
    (rules.naive_times, "datetime.fromtimestamp(1)", "datetime.fromtimestamp(1, UTC)", ""),
    (rules.blind_excepts, "try:\n    f()\nexcept Exception:\n    log()", "try:\n    f()\nexcept Exception:\n    log()\n    raise", ""),
    (
        rules.blind_excepts,
        "try:\n    f()\nexcept Exception:  # noqa: BLE001\n    g()",
        "try:\n    f()\nexcept Exception:  # noqa: BLE001 - whatever it was, the lock is freed\n    g()",
        "",
    ),
    (rules.blind_excepts, "try:\n    f()\nexcept:\n    g()", "try:\n    f()\nexcept ValueError:\n    g()", ""),
    (
        rules.blind_excepts,
        "try:\n    f()\nexcept (OSError, BaseException):\n    g()",
        "try:\n    f()\nexcept (OSError, KeyError):\n    g()",
        "",
    ),
    (rules.impurities, "import random", "import re", ""),
    (rules.impurities, "from uuid import uuid4", "from datetime import date", ""),
    (rules.impurities, "async def f(): ...", "def f(): ...", ""),
    (rules.impurities, "today = date.today()", "today = date(2026, 1, 1)", ""),
    (rules.impurities, "import structlog", "import hashlib", ""),
    (rules.missing_module_docstring, "x = 1", '"""What it owns."""\nx = 1', ""),
    (rules.missing_docstrings, "def f():\n    return 1", 'def f():\n    """Do."""\n    return 1', ""),
    (rules.missing_docstrings, "class C:\n    def f(self):\n        return 1", "class C:\n    def _f(self):\n        return 1", ""),
    (rules.talkative_logs, "_log.info('demand_taken', phone=phone)", "_log.info('demand_taken', demand=demand)", ""),
    (rules.talkative_logs, "log.info(f'took {title}')", "log.info('taken', demand=demand)", ""),
]


@pytest.mark.parametrize(("rule", "broken", "sound", "sound_path"), BROKEN)
def test_each_rule_bites_broken_code_and_spares_sound_code(rule: Rule, broken: str, sound: str, sound_path: str) -> None:
    """Hazard: a rule that cannot fail guards nothing."""
    if sound_path:
        assert rule(module(broken, sound))
        assert not rule(module(sound_path, sound))
    else:
        assert rule(module("libs/events/some.py", broken))
        assert not rule(module("libs/events/some.py", sound))
