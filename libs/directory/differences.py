"""What an apply would change, shown before it takes effect."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from libs.directory.model import NetworkContent
from libs.directory.sections import to_sections

_KEYS = {"node_kinds": "code", "regions": "code", "carriers": "id", "nodes": "id"}


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A value that differs; `old` or `new` is None where it was or becomes absent."""

    field: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class RowChange:
    """An item that stays but differs."""

    key: str
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class TableDiff:
    """What a keyed table gains, loses and changes; keys sorted."""

    table: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[RowChange, ...]

    @property
    def empty(self) -> bool:
        """Tell whether nothing differs."""
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class ContentDiff:
    """All differences: nodes, the other keyed tables, and the single documents (network, routing, clocks) by dotted path.

    `counts` gives the new number of nodes per kind.
    """

    nodes: TableDiff
    tables: tuple[TableDiff, ...]
    policy: tuple[FieldChange, ...]
    counts: Mapping[str, int]

    @property
    def empty(self) -> bool:
        """Tell whether an apply would change nothing."""
        return self.nodes.empty and all(table.empty for table in self.tables) and not self.policy


def diff(old: NetworkContent | None, new: NetworkContent) -> ContentDiff:
    """Compare a content with its successor; without `old` everything is added."""
    before, after = _parts(old), _parts(new)
    tables = {name: _table(name, before.get(name, {}), after.get(name, {})) for name in after if name != "policy"}
    nodes = tables.pop("nodes")
    counts = Counter(node.kind for node in new.nodes)
    policy = _fields(before.get("policy", {}), after["policy"])
    return ContentDiff(nodes, tuple(tables.values()), policy, dict(sorted(counts.items())))


def _parts(content: NetworkContent | None) -> dict[str, dict[str, Any]]:
    """Key every item; the single documents become one flat table of dotted paths."""
    if content is None:
        return {}
    items: dict[str, list[dict[str, Any]]] = {}
    for section in to_sections(content):
        items.setdefault(section.name, []).extend(section.items)
    parts: dict[str, dict[str, Any]] = {name: _keyed(items[name], key) for name, key in _KEYS.items()}
    taxonomy = items["taxonomy"][0]
    parts["categories"] = _keyed(taxonomy["categories"], "code")
    parts["codes"] = {f"{codes['name']}.{entry['code']}": entry for codes in items["codes"] for entry in codes["entries"]}
    documents = {name: items[name][0] for name in ("network", "routing", "clocks")}
    documents["taxonomy"] = {key: value for key, value in taxonomy.items() if key != "categories"}
    parts["policy"] = dict(_flat(documents, ""))
    return parts


def _keyed(items: Iterable[dict[str, Any]], key: str) -> dict[str, Any]:
    return {item[key]: item for item in items}


def _flat(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else key)
    else:
        yield path, value


def _table(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> TableDiff:
    changed = (
        RowChange(key, _fields(before[key], after[key])) for key in sorted(before.keys() & after.keys()) if before[key] != after[key]
    )
    return TableDiff(name, tuple(sorted(after.keys() - before.keys())), tuple(sorted(before.keys() - after.keys())), tuple(changed))


def _fields(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    names = sorted(before.keys() | after.keys())
    return tuple(FieldChange(name, before.get(name), after.get(name)) for name in names if before.get(name) != after.get(name))
