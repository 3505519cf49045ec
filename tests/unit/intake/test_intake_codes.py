"""Codes of a demand against the lists of the real network; a refusal names the field, never the value."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.cn import uscc as social_credit

from libs.directory import Network, load_network
from libs.events import Refused
from services.intake.codes import check_codes, check_uscc
from services.intake.shapes import CorrectionInput, DemandInput

DOCUMENTED: dict[str, Any] = DemandInput.model_config["json_schema_extra"]["examples"][0]  # type: ignore[index,call-overload]
RIGHT = "91330200MA2AEXAM17"
EXAMPLE = DOCUMENTED | {"requester": DOCUMENTED["requester"] | {"uscc": RIGHT}}


@lru_cache(maxsize=1)
def ningbo() -> Network:
    return Network(load_network(Path(__file__).resolve().parents[3] / "networks" / "ningbo"))


def demand(**changes: Any) -> DemandInput:
    return DemandInput.model_validate(EXAMPLE | changes)


def test_the_documented_example_is_accepted() -> None:
    codes = check_codes(ningbo(), DemandInput.model_validate(DOCUMENTED))
    assert (codes.region, codes.urgency, codes.category) == ("330206", "normal", None)


@pytest.mark.parametrize("alias", ["training", "人力培训", "人才培训"])
def test_an_alias_becomes_its_category_s_code(alias: str) -> None:
    assert check_codes(ningbo(), demand(category=alias)).category == "training"


@pytest.mark.parametrize("region", ["330200", "330206", "330206007"])
def test_regions_of_the_network_are_known_by_six_or_nine_digits(region: str) -> None:
    assert check_codes(ningbo(), demand(region=region)).region == region


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("category", "no_such", "unknown_category"),
        ("region", "110101", "unknown_region"),
        ("carrier", "no-such-park", "unknown_carrier"),
        ("industry", "ZZ", "unknown_industry"),
        ("urgency", "yesterday", "unknown_urgency"),
        ("channel", "pigeon", "unknown_channel"),
    ],
)
def test_an_unknown_code_is_refused_by_field_and_not_echoed(member: str, value: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        check_codes(ningbo(), demand(**{member: value}))
    assert (refused.value.code, refused.value.field) == (code, member)
    assert value not in str(refused.value)


def test_a_carrier_and_an_industry_of_the_network_are_kept() -> None:
    codes = check_codes(ningbo(), demand(carrier="qianwan", industry="C33"))
    assert (codes.carrier, codes.industry) == ("qianwan", "C33")


def test_a_correction_is_checked_by_what_it_names() -> None:
    assert check_codes(ningbo(), CorrectionInput(region="330282")).region == "330282"
    assert check_codes(ningbo(), CorrectionInput()).region is None
    with pytest.raises(Refused, match="unknown_region"):
        check_codes(ningbo(), CorrectionInput(region="110101"))


def test_a_social_credit_code_must_have_the_right_check_digit() -> None:
    check_uscc(RIGHT)
    wrong = RIGHT[:-1] + ("0" if RIGHT[-1] != "0" else "1")
    with pytest.raises(Refused) as refused:
        check_uscc(wrong)
    assert (refused.value.code, refused.value.field) == ("invalid_uscc", "requester.uscc")
    assert wrong not in str(refused.value)


def test_the_requester_of_a_correction_is_checked_too() -> None:
    requester = EXAMPLE["requester"] | {"uscc": RIGHT[:-1] + ("0" if RIGHT[-1] != "0" else "1")}
    with pytest.raises(Refused, match="invalid_uscc"):
        check_codes(ningbo(), CorrectionInput.model_validate({"requester": requester}))


CHARACTERS = st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=10, max_size=10)


@given(CHARACTERS, st.text("0123456789", min_size=6, max_size=6), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY"))
def test_our_check_digit_is_that_of_python_stdnum(tail: str, region: str, digit: str) -> None:
    code = f"91{region}{tail[:9]}{digit}"
    expected = social_credit.calc_check_digit(code[:17]) == digit
    try:
        check_uscc(code)
        valid = True
    except Refused:
        valid = False
    assert valid == expected
