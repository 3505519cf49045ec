"""Look-up tables over one network content: built once per revision, never changed."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from libs.directory.model import Category, CodeEntry, NetworkContent, Node, NodeKind, Region
from libs.directory.shapes import CodeListName

Place = tuple[str, str]
"""Where a node can cover a demand: ("region" | "carrier" | "industry", code)."""

_INDUSTRY: Final = re.compile(r"^([A-Z]?)(\d{2})\d{0,2}$")


class Indexes:
    """Tables by id, code and place. Covering and offering hold assignable nodes only; all in order of id."""

    __slots__ = (
        "assignable",
        "categories",
        "children",
        "code_lists",
        "codes",
        "covering",
        "divisions",
        "hubs",
        "kinds",
        "nodes",
        "offering",
        "regions",
        "territories",
    )

    def __init__(self, content: NetworkContent) -> None:
        self.nodes: dict[str, Node] = {node.id: node for node in content.nodes}
        self.kinds: dict[str, NodeKind] = {kind.code: kind for kind in content.node_kinds}
        self.regions: dict[str, Region] = {region.code: region for region in content.regions}
        self.territories: dict[str, tuple[str, ...]] = {code: tuple(self._upwards(code)) for code in self.regions}
        self.categories: dict[str, Category] = _by_name(content.taxonomy.categories)
        self.code_lists: dict[CodeListName, tuple[CodeEntry, ...]] = {codes.name: codes.entries for codes in content.codes}
        self.codes: dict[tuple[CodeListName, str], CodeEntry] = {
            (codes.name, entry.code): entry for codes in content.codes for entry in codes.entries
        }
        self.divisions: dict[str, str] = {entry.code[1:]: entry.code for entry in self.code_lists["industries"] if entry.parent is not None}
        below: defaultdict[str, list[str]] = defaultdict(list)
        covering: defaultdict[Place, set[str]] = defaultdict(set)
        hubs: defaultdict[Place, list[str]] = defaultdict(list)
        offering: defaultdict[tuple[str, str, str], list[Node]] = defaultdict(list)
        self.assignable: int = 0
        for node in content.nodes:
            if node.parent is not None:
                below[node.parent].append(node.id)
            kind = self.kinds[node.kind]
            places = list(_places(node))
            for place in places if kind.hub else ():
                hubs[place].append(node.id)
            if not kind.assignable:
                continue
            self.assignable += 1
            for place in places:
                covering[place].add(node.id)
                for category in dict.fromkeys(node.categories):
                    offering[category, *place].append(node)
        self.children: dict[str, tuple[str, ...]] = {node: tuple(below[node]) for node in self.nodes}
        self.covering: dict[Place, frozenset[str]] = {place: frozenset(ids) for place, ids in covering.items()}
        self.hubs: dict[Place, tuple[str, ...]] = {place: tuple(ids) for place, ids in hubs.items()}
        self.offering: dict[tuple[str, str, str], tuple[Node, ...]] = {key: tuple(nodes) for key, nodes in offering.items()}

    def industry(self, code: str) -> CodeEntry | None:
        """Return the listed section or division a code belongs to."""
        listed = self.codes.get(("industries", code))
        if listed is not None:
            return listed
        match = _INDUSTRY.match(code)
        division = self.divisions.get(match[2]) if match is not None else None
        if division is None or match is None or match[1] not in ("", division[0]):
            return None
        return self.codes["industries", division]

    def industry_lineage(self, code: str | None) -> tuple[str, ...]:
        """Return the division and the section of a code; empty for none or an unknown one."""
        entry = self.industry(code) if code is not None else None
        if entry is None:
            return ()
        return (entry.code,) if entry.parent is None else (entry.code, entry.parent)

    def _upwards(self, code: str) -> Iterator[str]:
        at: str | None = code
        while at is not None:
            yield at
            at = self.regions[at].parent


def _places(node: Node) -> Iterator[Place]:
    yield from (("region", code) for code in dict.fromkeys(node.regions))
    yield from (("carrier", carrier) for carrier in dict.fromkeys(node.carriers))
    yield from (("industry", code) for code in dict.fromkeys(node.industries))


def _by_name(categories: Iterable[Category]) -> dict[str, Category]:
    return {name.casefold(): category for category in categories for name in (category.code, category.title_zh, *category.aliases)}
