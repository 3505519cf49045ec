"""A network's content as JSON-able sections, the form it has in registry events, and its digest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from libs.directory.checks import SECTIONS, check_content
from libs.directory.files import shape_findings
from libs.directory.model import NetworkContent
from libs.directory.problems import BrokenContent, Finding
from libs.directory.upcasting import clocks_upcast
from libs.events.algorithms import digest as named_digest
from libs.events.registry import Section as SectionName

ITEMS_PER_SECTION: Final = 300
"""Keeps a staged part well under the stream's largest message of 256 KB."""

_SINGLE: Final = frozenset({"network", "taxonomy", "routing", "clocks"})


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a network: a section's name and some of its items, as JSON-able dicts without nulls."""

    name: SectionName
    items: tuple[dict[str, Any], ...]


def to_sections(content: NetworkContent, *, limit: int = ITEMS_PER_SECTION) -> tuple[Section, ...]:
    """Split a content into sections of at most `limit` items, in a fixed order. An empty section is told too."""
    return tuple(
        Section(name, items[start : start + limit])
        for name, items in _items(content).items()
        for start in range(0, max(len(items), 1), limit)
    )


def from_sections(sections: Iterable[Section]) -> NetworkContent:
    """Put sections together again, in the order given; sections of an older shape are read as today's.

    Raises BrokenContent with every finding if they do not make a sound network.
    """
    items: dict[str, list[dict[str, Any]]] = {}
    for section in sections:
        items.setdefault(section.name, []).extend(section.items)
    missing = tuple(Finding("missing_section", name, (), name) for name in SECTIONS if name not in items)
    if missing:
        raise BrokenContent(missing)
    broken = tuple(
        Finding("bad_value", name, (), name, "exactly one item is expected")
        for name in SECTIONS
        if name in _SINGLE and len(items[name]) != 1
    )
    if broken:
        raise BrokenContent(broken)
    whole: dict[str, Any] = {name: items[name][0] if name in _SINGLE else items[name] for name in SECTIONS}
    whole["clocks"] = clocks_upcast(whole["clocks"])
    try:
        content = NetworkContent.model_validate(whole)
    except ValidationError as error:
        raise BrokenContent(
            tuple(
                Finding(finding.rule, str(finding.path[0]), finding.path[1:], finding.value, finding.detail)
                for finding in shape_findings(error, "", ())
            )
        ) from error
    findings = check_content(content)
    if findings:
        raise BrokenContent(findings)
    return content


def digest(content: NetworkContent) -> str:
    """Return `sha256:<hex>` over the content's canonical JSON; how it is split into sections makes no difference."""
    return _digest_of(_items(content))


def staged_digest(sections: Iterable[Section]) -> str:
    """Return the digest of sections as they were staged, which `digest` gave when that release staged a content of its own shape."""
    items: dict[SectionName, tuple[dict[str, Any], ...]] = {}
    for section in sections:
        items[section.name] = (*items.get(section.name, ()), *section.items)
    return _digest_of(items)


def _digest_of(items: Mapping[SectionName, tuple[dict[str, Any], ...]]) -> str:
    text = json.dumps(items, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return named_digest(text.encode())


def _items(content: NetworkContent) -> Mapping[SectionName, tuple[dict[str, Any], ...]]:
    return {
        "network": (_plain(content.network),),
        "node_kinds": _many(content.node_kinds),
        "taxonomy": (_plain(content.taxonomy),),
        "regions": _many(content.regions),
        "carriers": _many(content.carriers),
        "codes": _many(content.codes),
        "routing": (_plain(content.routing),),
        "clocks": (_plain(content.clocks),),
        "nodes": _many(content.nodes),
    }


def _many(facts: Iterable[BaseModel]) -> tuple[dict[str, Any], ...]:
    return tuple(_plain(fact) for fact in facts)


def _plain(fact: BaseModel) -> dict[str, Any]:
    return fact.model_dump(mode="json", by_alias=True, exclude_none=True)
