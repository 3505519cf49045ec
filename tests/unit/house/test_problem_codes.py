"""Problem codes are part of the API: each that can be raised is in the catalogue, and each in the catalogue says what to do."""

from __future__ import annotations

import pytest

from libs.chassis.catalogue import CATALOGUE, ProblemKind
from tests.unit.house import rules
from tests.unit.house.sources import CODE, module, modules


def test_every_raised_code_is_in_the_catalogue() -> None:
    """Hazard: a code without an entry reaches a partner as a bare 500 in one language."""
    unknown = [
        one.at(node, f"problem code {code!r} is not in libs/chassis/catalogue.py")
        for one in modules(*CODE)
        for node, code in rules.raised_codes(one)
        if code not in CATALOGUE
    ]
    assert not unknown, "\n".join(unknown)


def test_raised_codes_are_seen_wherever_they_stand() -> None:
    """Hazard: the test above finds nothing because it looks for the wrong thing."""
    text = (
        'class A(Unavailable):\n    code = "one"\nclass B(Refused):\n    code: str = "two"\n'
        'raise Refused("three" if x else "four")\nraise NotFound("five")'
    )
    assert sorted(code for _, code in rules.raised_codes(module("x.py", text))) == ["five", "four", "one", "three", "two"]


@pytest.mark.parametrize("kind", CATALOGUE.values(), ids=list(CATALOGUE))
def test_every_catalogue_entry_says_what_happened_and_what_to_do(kind: ProblemKind) -> None:
    """Hazard: a refusal that does not say what to do is answered by a telephone call."""
    assert 400 <= kind.status <= 599
    assert all(text.strip() for text in (kind.zh, kind.en, kind.do_zh, kind.do_en))
    assert kind.retry_after is None or kind.status in (409, 429, 503, 504)
    assert kind.en.isascii()
    assert not kind.zh.isascii()
