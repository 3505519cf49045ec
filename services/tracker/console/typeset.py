"""How a text of ours and what is put into it stand together on the line. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from markupsafe import Markup

from services.tracker.console.times import Lang

_HAN: Final = "[\u4e00-\u9fff]"
_BEFORE: Final = re.compile(rf"(?<={_HAN}) (?=\{{(\w+)\}})")
_AFTER: Final = re.compile(rf"(\{{(\w+)\}}) (?={_HAN})")


def filled(template: str, lang: Lang, places: Mapping[str, object]) -> Markup:
    """Fill a text's places; what is put there is escaped unless it is markup already.

    Chinese sets a space between Han characters and figures, none between Han and Han: 派出后 3 分钟签收, 派出后不到 1 秒签收.
    """
    if lang == "zh" and places:
        template = _BEFORE.sub(lambda found: "" if _is_han(str(places.get(found[1], ""))[:1]) else " ", template)
        template = _AFTER.sub(lambda found: found[1] + ("" if _is_han(str(places.get(found[2], ""))[-1:]) else " "), template)
    return Markup(template).format(**places)  # noqa: S704 - templates are only our own words


def _is_han(character: str) -> bool:
    return re.fullmatch(_HAN, character) is not None
