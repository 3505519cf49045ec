"""The rules that hold between the parts of a network: references, cardinalities, the tree, the policy's sums.

Pure; knows no files. A part that could not be read whole is left out of a draft's `intact` set, and what refers to it is
not judged, so that one mistake is told once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, get_args

from libs.directory.clocks import CalendarRule, ClockPack, ClockRules
from libs.directory.model import (
    Carrier,
    CodeList,
    NetworkContent,
    NetworkInfo,
    Node,
    NodeKind,
    Region,
    Taxonomy,
)
from libs.directory.policy import RoutingPolicy
from libs.directory.problems import Finding, Path
from libs.directory.shapes import CodeListName

INDEXED: Final = ("assignable", "covers_territory", "offers_category")
"""Predicates that are answered from indexes; a policy asks them first, in this order."""

SECTIONS: Final = ("network", "node_kinds", "taxonomy", "regions", "carriers", "codes", "routing", "clocks", "nodes")
"""The parts of a network, in the order they are staged; also the stems of its files."""


@dataclass(frozen=True, slots=True)
class Draft:
    """The parts of a network as far as they could be read, in file order."""

    network: NetworkInfo | None
    node_kinds: tuple[NodeKind, ...]
    taxonomy: Taxonomy | None
    regions: tuple[Region, ...]
    carriers: tuple[Carrier, ...]
    codes: tuple[CodeList, ...]
    routing: RoutingPolicy | None
    clocks: ClockPack | None
    nodes: tuple[Node, ...]
    intact: frozenset[str]


def check(draft: Draft) -> tuple[Finding, ...]:
    """Return every broken rule of a draft, section by section."""
    rules = (_kinds, _taxonomy, _regions, _carriers, _codes, _routing, _clocks, _node_rows, _node_references, _tree, _cardinality, _hub)
    return tuple(finding for rule in rules for finding in rule(draft))


def check_content(content: NetworkContent) -> tuple[Finding, ...]:
    """Return every broken rule of a complete content; empty for a sound network."""
    parts = {section: getattr(content, section) for section in SECTIONS}
    return check(Draft(**parts, intact=frozenset(SECTIONS)))


def _twice(section: str, keys: Iterable[tuple[Path, str]], rule: str = "duplicate_id") -> Iterator[Finding]:
    seen: set[str] = set()
    for path, key in keys:
        if key in seen:
            yield Finding(rule, section, path, key)
        seen.add(key)


def _missing(rule: str, section: str, path: Path, values: Iterable[str], known: frozenset[str]) -> Iterator[Finding]:
    for value in values:
        if value not in known:
            yield Finding(rule, section, path, value)


def _reversed(section: str, path: Path, first: date, last: date | None) -> Iterator[Finding]:
    if last is not None and last < first:
        yield Finding("dates_reversed", section, path)


def _kinds(draft: Draft) -> Iterator[Finding]:
    yield from _twice("node_kinds", (((row, "code"), kind.code) for row, kind in enumerate(draft.node_kinds)))
    if "node_kinds" not in draft.intact:
        return
    known = frozenset(kind.code for kind in draft.node_kinds)
    for row, kind in enumerate(draft.node_kinds):
        yield from _missing("unknown_kind", "node_kinds", (row, "parents"), kind.parents, known)
    roots = [kind.code for kind in draft.node_kinds if not kind.parents]
    if len(roots) != 1:
        yield Finding("two_hubs" if roots else "no_hub", "node_kinds", (), ", ".join(roots))


def _taxonomy(draft: Draft) -> Iterator[Finding]:
    if draft.taxonomy is None:
        return
    yield from _twice("taxonomy", ((("categories", row, "code"), category.code) for row, category in enumerate(draft.taxonomy.categories)))
    names: list[tuple[Path, str]] = []
    for row, category in enumerate(draft.taxonomy.categories):
        names.append((("categories", row, "title_zh"), category.title_zh))
        names.extend((("categories", row, "aliases", place), alias) for place, alias in enumerate(category.aliases))
        terms = (((("categories", row, "terms", place)), term.term) for place, term in enumerate(category.terms))
        yield from _twice("taxonomy", terms)
    yield from _twice("taxonomy", names, "alias_twice")


def _regions(draft: Draft) -> Iterator[Finding]:
    yield from _twice("regions", (((row, "code"), region.code) for row, region in enumerate(draft.regions)))
    if "regions" not in draft.intact:
        return
    known = frozenset(region.code for region in draft.regions)
    above = {"township": "county", "county": "city"}
    kinds = {region.code: region.kind for region in draft.regions}
    for row, region in enumerate(draft.regions):
        wanted = above.get(region.kind)
        if wanted is None and region.parent is not None:
            yield Finding("bad_value", "regions", (row, "parent"), "parent", f"a {region.kind} has no parent here")
        elif wanted is not None and region.parent not in known:
            yield Finding("unknown_region", "regions", (row, "parent"), region.parent or "")
        elif wanted is not None and region.parent is not None and kinds[region.parent] != wanted:
            yield Finding("bad_value", "regions", (row, "parent"), "parent", f"a {region.kind} lies in a {wanted}")
    if draft.network is not None:
        yield from _missing("unknown_region", "network", ("region",), (draft.network.region,), known)


def _carriers(draft: Draft) -> Iterator[Finding]:
    yield from _twice("carriers", (((row, "id"), carrier.id) for row, carrier in enumerate(draft.carriers)))
    if "regions" not in draft.intact:
        return
    known = frozenset(region.code for region in draft.regions)
    for row, carrier in enumerate(draft.carriers):
        yield from _missing("unknown_region", "carriers", (row, "regions"), carrier.regions, known)


def _codes(draft: Draft) -> Iterator[Finding]:
    for codes in draft.codes:
        yield from _twice("codes", (((codes.name, row, "code"), entry.code) for row, entry in enumerate(codes.entries)))
        known = frozenset(entry.code for entry in codes.entries)
        for row, entry in enumerate(codes.entries):
            if entry.parent is not None and entry.parent not in known:
                yield Finding("unknown_code", "codes", (codes.name, row, "parent"), entry.parent)
    if "codes" in draft.intact:
        present = frozenset(codes.name for codes in draft.codes)
        yield from (Finding("missing_codes", "codes", (), name) for name in get_args(CodeListName) if name not in present)


def _routing(draft: Draft) -> Iterator[Finding]:
    policy = draft.routing
    if policy is None:
        return
    yield from _reversed("routing", ("in_force_to",), policy.in_force_from, policy.in_force_to)
    names = tuple(predicate.name for predicate in policy.eligibility)
    hard = all(not predicate.soft for predicate in policy.eligibility[: len(INDEXED)])
    if names[: len(INDEXED)] != INDEXED or len(set(names)) != len(names) or not hard:
        yield Finding("predicate_order", "routing", ("eligibility",), ", ".join(INDEXED))
    if sum(policy.score.weights()) != 100:
        yield Finding("weights_not_100", "routing", ("score",), str(sum(policy.score.weights())))
    if "node_kinds" in draft.intact:
        known = frozenset(kind.code for kind in draft.node_kinds)
        yield from _missing("unknown_kind", "routing", ("score", "depth", "kinds"), policy.score.depth.kinds, known)


def _clocks(draft: Draft) -> Iterator[Finding]:
    pack = draft.clocks
    if pack is None:
        return
    yield from _reversed("clocks", ("in_force_to",), pack.in_force_from, pack.in_force_to)
    yield from _calendar(("calendar",), pack.calendar)
    yield from _complex_categories(draft, ("rules", "complex_categories"), pack.rules)
    if pack.demo is not None:
        yield from _calendar(("demo", "calendar"), pack.demo.calendar)
        yield from _complex_categories(draft, ("demo", "rules", "complex_categories"), pack.demo.rules)


def _calendar(path: Path, rule: CalendarRule) -> Iterator[Finding]:
    shut = ""
    for place, hours in enumerate(rule.hours):
        # Clocks of two digits compare as text.
        start, _, end = hours.partition("-")
        if start < shut or end <= start:
            yield Finding("hours_order", "clocks", (*path, "hours", place), hours)
        shut = max(shut, end)
    days = (((*path, "overrides", place, "day"), override.day.isoformat()) for place, override in enumerate(rule.overrides))
    yield from _twice("clocks", days)


def _complex_categories(draft: Draft, path: Path, rules: ClockRules) -> Iterator[Finding]:
    if draft.taxonomy is None or "taxonomy" not in draft.intact:
        return
    known = frozenset(category.code for category in draft.taxonomy.categories)
    for place, code in enumerate(rules.complex_categories):
        yield from _missing("unknown_category", "clocks", (*path, place), (code,), known)
    yield from _twice("clocks", (((*path, place), code) for place, code in enumerate(rules.complex_categories)))


def _node_rows(draft: Draft) -> Iterator[Finding]:
    yield from _twice("nodes", (((row, "id"), node.id) for row, node in enumerate(draft.nodes)))
    for row, node in enumerate(draft.nodes):
        yield from _reversed("nodes", (row, "in_force_to"), node.in_force_from, node.in_force_to)


def _node_references(draft: Draft) -> Iterator[Finding]:
    industries = next((codes.entries for codes in draft.codes if codes.name == "industries"), ())
    tables = {
        "regions": ("regions", "unknown_region", frozenset(region.code for region in draft.regions)),
        "carriers": ("carriers", "unknown_carrier", frozenset(carrier.id for carrier in draft.carriers)),
        "industries": ("codes", "unknown_industry", frozenset(entry.code for entry in industries)),
        "categories": (
            "taxonomy",
            "unknown_category",
            frozenset(category.code for category in draft.taxonomy.categories) if draft.taxonomy else frozenset(),
        ),
    }
    for row, node in enumerate(draft.nodes):
        for column, (section, rule, known) in tables.items():
            if section in draft.intact:
                yield from _missing(rule, "nodes", (row, column), getattr(node, column), known)


def _tree(draft: Draft) -> Iterator[Finding]:
    if not {"nodes", "node_kinds"} <= draft.intact:
        return
    kinds = {kind.code: kind for kind in draft.node_kinds}
    nodes = {node.id: node for node in draft.nodes}
    for row, node in enumerate(draft.nodes):
        kind = kinds.get(node.kind)
        if kind is None:
            yield Finding("unknown_kind", "nodes", (row, "kind"), node.kind)
            continue
        if kind.assignable and not (node.regions or node.carriers or node.industries):
            yield Finding("no_territory", "nodes", (row, "regions"))
        if kind.assignable and not kind.hub and not node.categories:
            yield Finding("no_category", "nodes", (row, "categories"))
        if node.parent is None and not kind.parents:
            continue
        if node.parent is not None and node.parent not in nodes:
            yield Finding("unknown_parent", "nodes", (row, "parent"), node.parent)
        elif node.parent is None or nodes[node.parent].kind not in kind.parents:
            yield Finding("forbidden_parent", "nodes", (row, "parent"), node.parent or "-")
    yield from _cycles(draft.nodes)


def _cycles(nodes: tuple[Node, ...]) -> Iterator[Finding]:
    parents = {node.id: node.parent for node in nodes}
    cleared: set[str] = set()
    for row, node in enumerate(nodes):
        trail: dict[str, None] = {}
        at: str | None = node.id
        while at is not None and at in parents and at not in cleared and at not in trail:
            trail[at] = None
            at = parents[at]
        if at is not None and at in trail:
            ring = list(trail)[list(trail).index(at) :]
            yield Finding("cycle", "nodes", (row, "parent"), " → ".join([*ring, at]))
        cleared.update(trail)


def _cardinality(draft: Draft) -> Iterator[Finding]:
    if not {"nodes", "node_kinds"} <= draft.intact:
        return
    counts = Counter(node.kind for node in draft.nodes)
    for row, kind in enumerate(draft.node_kinds):
        if not kind.parents:
            continue
        if counts[kind.code] < kind.count.least:
            yield Finding("too_few", "node_kinds", (row, "count"), kind.code)
        if kind.count.most is not None and counts[kind.code] > kind.count.most:
            yield Finding("too_many", "node_kinds", (row, "count"), kind.code)


def _hub(draft: Draft) -> Iterator[Finding]:
    if draft.network is None or not {"nodes", "node_kinds"} <= draft.intact:
        return
    roots = {kind.code for kind in draft.node_kinds if not kind.parents}
    hubs = [(row, node) for row, node in enumerate(draft.nodes) if node.kind in roots]
    for row, node in hubs[1:]:
        yield Finding("two_hubs", "nodes", (row, "kind"), node.id)
    named = [(row, node) for row, node in hubs if node.id == draft.network.hub]
    if not named:
        yield Finding("no_hub", "network", ("hub",), draft.network.hub)
    for row, node in named:
        if draft.network.region not in node.regions:
            yield Finding("hub_territory", "nodes", (row, "regions"), draft.network.region)
