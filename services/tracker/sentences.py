"""One event in plain words, Chinese and English: the class's own template with codes and ids replaced by their titles. Pure."""

from __future__ import annotations

import re
from string import Formatter
from typing import Final, Literal

from libs.directory import Network
from libs.directory.shapes import CodeListName
from libs.events import Event
from services.tracker.console.coded import NODE_MEMBERS, word_kind
from services.tracker.console.codewords import CODES

Lang = Literal["zh", "en"]

_LISTS: Final[dict[str, CodeListName]] = {"return_reason": "return_reasons", "result": "resolve_results"}
"""Kinds of words for which the network's own code lists come first."""

_UNITS: Final = {
    "wd": ("个工作日", "working days"),
    "d": ("天", "days"),
    "h": ("小时", "hours"),
    "min": ("分钟", "minutes"),
    "s": ("秒", "seconds"),
}
_SPAN: Final = re.compile(r"(\d+)(wd|d|h|min|s)")


def sentence(event: Event, network: Network | None, lang: Lang) -> str:
    """Tell an event. What neither the network nor the language knows stays as it is written in the event."""
    template = event.zh if lang == "zh" else event.en
    names = {part[1] or "" for part in Formatter().parse(template)} - {""}
    told = template.format_map({name: _told(event, name, network, lang) for name in names})
    files = files_of(event)
    if not files:
        return told
    return f"{told}（附材料 {files} 份）" if lang == "zh" else f"{told} ({files} {'file' if files == 1 else 'files'} attached)"


def files_of(event: Event) -> int:
    """How many files an event refers to as its evidence."""
    return len(getattr(event, "evidence", ())) + len(getattr(event, "files", ()))


def span_words(span: str, lang: Lang) -> str:
    """A span of the clock pack in words: `5wd` is 5 个工作日. Anything else stays as it is."""
    found = _SPAN.fullmatch(span)
    if found is None:
        return span
    zh, en = _UNITS[found[2]]
    return f"{found[1]} {zh}" if lang == "zh" else f"{found[1]} {en if found[1] != '1' else en.removesuffix('s')}"


def _told(event: Event, name: str, network: Network | None, lang: Lang) -> str:
    value = getattr(event, name)
    if isinstance(value, tuple):
        return ("、" if lang == "zh" else ", ").join(_word("field", str(item), lang) for item in value)
    code = "" if value is None else str(value)
    kind = word_kind(event.name(), name)
    if kind is not None:
        listed = _LISTS.get(kind)
        entry = network.code(listed, code) if network is not None and listed is not None else None
        if entry is not None and (lang == "zh" or entry.title_en):
            return entry.title_zh if lang == "zh" else str(entry.title_en)
        return _word(kind, code, lang)
    if name in NODE_MEMBERS:
        if network is not None and network.has(code):
            node = network.node(code)
            return node.title_zh if lang == "zh" else node.title_en or code
        return _word("holder", code, lang)
    if name == "category":
        category = network.category(code) if network is not None else None
        if category is not None:
            return category.title_zh if lang == "zh" else category.title_en
        return _word("category", code, lang)
    return span_words(code, lang) if name == "span" else code


def _word(kind: str, code: str, lang: Lang) -> str:
    words = CODES.get(kind, {}).get(code)
    return code if words is None else words[0 if lang == "zh" else 1]
