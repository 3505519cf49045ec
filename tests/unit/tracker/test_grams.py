"""The search index's lexemes."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from services.tracker.grams import grams, query

HAN = st.text(st.sampled_from("注塑车间数字化改造样例公司"), min_size=1, max_size=12)
TEXT = st.text(st.sampled_from("注塑车间ＡＢab1２ -，'\\&|!:*()\x00　"), max_size=20)


def matches(terms: str, lexemes: list[str]) -> bool:
    """What PostgreSQL does with our queries: all terms, some of them prefixes."""
    for term in terms.split(" & "):
        prefix = term.endswith(":*")
        lexeme = term.removesuffix(":*")[1:-1].replace("''", "'").replace("\\\\", "\\")
        if not any(found.startswith(lexeme) if prefix else found == lexeme for found in lexemes):
            return False
    return True


@settings(deadline=None)
@given(HAN, st.data())
def test_every_part_of_a_chinese_text_finds_it(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    terms = query(text[start:end])
    assert terms is not None
    assert matches(terms, grams(text))


@settings(deadline=None)
@given(TEXT)
def test_a_query_is_always_well_formed_and_finds_its_own_text(text: str) -> None:
    terms = query(text)
    if terms is None:
        assert not re.search(r"[^\W_]", text)
    else:
        assert re.fullmatch(r"'[^'\\\s]+'(:\*)?( & '[^'\\\s]+'(:\*)?)*", terms)
        assert matches(terms, grams(text))


@settings(deadline=None)
@given(TEXT)
def test_lexemes_hold_no_blank_because_they_travel_as_words(text: str) -> None:
    assert all(re.fullmatch(r"\S+", lexeme) and "\x00" not in lexeme for lexeme in grams(text))


def test_width_and_case_do_not_matter() -> None:
    assert grams("ＡＢＣ公司") == grams("abc公司")


def test_what_is_not_there_is_not_found() -> None:
    terms = query("塑间")
    assert terms is not None
    assert not matches(terms, grams("注塑车间"))


def test_words_are_found_by_their_beginning() -> None:
    terms = query("erp系")
    assert terms is not None
    assert matches(terms, grams("上ERP2系统"))
