"""One event in plain words, Chinese and English: the class's own template with codes and ids replaced by their titles. Pure."""

from __future__ import annotations

from string import Formatter
from typing import Final, Literal

from libs.directory import Network
from libs.directory.shapes import CodeListName
from libs.events import Event

Lang = Literal["zh", "en"]

_LISTS: Final[dict[tuple[str, str], CodeListName]] = {
    ("AssignmentReturned", "reason"): "return_reasons",
    ("DemandResolved", "result"): "resolve_results",
}
_WORDS: Final[dict[str, dict[Lang, str]]] = {
    "corrected": {"zh": "诉求已更正", "en": "the demand was corrected"},
    "withdrawn": {"zh": "诉求已撤回", "en": "the demand was withdrawn"},
    "category": {"zh": "类别", "en": "category"},
    "region": {"zh": "区域", "en": "region"},
    "carrier": {"zh": "园区", "en": "carrier"},
    "industry": {"zh": "行业", "en": "industry"},
    "urgency": {"zh": "紧急程度", "en": "urgency"},
    "title": {"zh": "标题", "en": "title"},
    "description": {"zh": "情况说明", "en": "description"},
    "requester": {"zh": "企业信息", "en": "requester"},
}


def sentence(event: Event, network: Network | None, lang: Lang) -> str:
    """Tell an event. What the network does not know stays as it is written in the event."""
    template = event.zh if lang == "zh" else event.en
    names = {part[1] or "" for part in Formatter().parse(template)} - {""}
    return template.format_map({name: _told(event, name, network, lang) for name in names})


def _told(event: Event, name: str, network: Network | None, lang: Lang) -> str:
    value = getattr(event, name)
    if isinstance(value, tuple):
        return ("、" if lang == "zh" else ", ").join(_word(str(item), lang) for item in value)
    code = str(value)
    if network is not None:
        if name in ("node", "desk") and network.has(code):
            node = network.node(code)
            return node.title_zh if lang == "zh" else node.title_en
        if name == "category" and (category := network.category(code)) is not None:
            return category.title_zh if lang == "zh" else category.title_en
        listed = _LISTS.get((type(event).__name__, name))
        if listed is not None and (entry := network.code(listed, code)) is not None:
            return entry.title_zh if lang == "zh" else entry.title_en or code
    return _word(code, lang)


def _word(code: str, lang: Lang) -> str:
    words = _WORDS.get(code)
    return code if words is None else words[lang]
