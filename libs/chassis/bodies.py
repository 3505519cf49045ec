"""What the bodies of requests are made of in every service: the frozen shape that refuses unknown members, and texts of known form."""

from __future__ import annotations

import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic_core import from_json, to_json

_SEEN: Final = frozenset("LNPS")
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Fillers: letters and a symbol by their class, and nothing to see."""


def is_visible(text: str) -> bool:
    """Tell whether there is anything to read: a letter, digit, mark or symbol, not spaces and format characters alone."""
    return any(unicodedata.category(character)[0] in _SEEN and character not in _BLANK for character in text)


def _visible(text: str) -> str:
    if not is_visible(text):
        raise ValueError("there is nothing to read in it")
    return text


def _writable(item: dict[str, Any]) -> dict[str, Any]:
    from_json(to_json(item), allow_inf_nan=False)
    return item


Code = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z_\-一-鿿]+$")]
"""A code of a list, or the word a partner has for it."""
NodeCode = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9-]*$")]
FileId = Annotated[str, StringConstraints(min_length=3, max_length=40, pattern=r"^f-[0-9a-z]+$")]
Visible = AfterValidator(_visible)
"""What people write has something to read in it: zero-width characters alone are an empty text."""
Line = Annotated[str, StringConstraints(min_length=1, max_length=120, strip_whitespace=True), Visible]
Text = Annotated[str, StringConstraints(min_length=1, max_length=5_000, strip_whitespace=True), Visible]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2099, 12, 31))]
Moment = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), lt=datetime(2100, 1, 1, tzinfo=UTC))]
"""Days and moments of this century: at the calendar's own ends, adding a span or another time zone overflows."""
FreeForm = Annotated[dict[str, Any], AfterValidator(_writable)]
"""An object whose members are judged later. It can be written as JSON: no half surrogate pairs, no numbers that are none."""


class Strict(BaseModel):
    """Unknown members are a mistake of the sender, so they are refused rather than dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)
