"""YAML and CSV that remember where each value stood. Dates stay text; the models read them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import yaml

from libs.directory.problems import Finding, Path

Lines = dict[Path, int]


@dataclass(frozen=True, slots=True)
class Marked:
    """A read file: its value, the line of every path in it, and what is wrong with its form."""

    value: Any
    lines: Lines
    findings: tuple[Finding, ...] = ()

    def line(self, path: Path) -> int:
        """Return the line of a path, or of the nearest place above it."""
        for length in range(len(path), -1, -1):
            found = self.lines.get(path[:length])
            if found is not None:
                return found
        return 1


_FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where the wheel brings it: reading a network is five times as fast."""


class _Loader(_FastLoader):  # type: ignore[misc] # which base it is depends on the wheel
    """The safe loader without dates, which it would refuse without naming a line."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def read_yaml(text: str, section: str) -> Marked:
    """Read YAML. A syntax error gives the value None and one finding; a repeated key is a finding too."""
    loader = _Loader(text)
    walk = _Walk(loader, section)
    try:
        root = loader.get_single_node()
        value = walk.value(root, ()) if root is not None else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark is not None else 1
        return Marked(None, {(): line}, (Finding("bad_yaml", section, (), detail=error.problem or "syntax"),))
    except (yaml.YAMLError, ValueError) as error:
        return Marked(None, {}, (Finding("bad_yaml", section, (), detail=str(error).splitlines()[0]),))
    finally:
        loader.dispose()
    return Marked(value, walk.lines, tuple(walk.findings))


class _Walk:
    """Turns YAML nodes into values and notes where each stood."""

    def __init__(self, loader: Any, section: str) -> None:
        self.loader = loader
        self.section = section
        self.lines: Lines = {}
        self.findings: list[Finding] = []
        self.seen: set[int] = set()

    def value(self, node: yaml.nodes.Node, path: Path) -> Any:
        """Return a node's value. Raises ComposerError for an anchor used again: it could repeat for ever."""
        if id(node) in self.seen:
            raise yaml.composer.ComposerError(None, None, "anchors are not used here", node.start_mark)
        self.seen.add(id(node))
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(child, (*path, place)) for place, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        return self.loader.construct_object(node, deep=True)

    def mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        """Return a mapping; a key that stands twice becomes a finding."""
        mapping: dict[str, Any] = {}
        for place, (key_node, child) in enumerate(node.value):
            key = str(key_node.value)
            line = key_node.start_mark.line + 1
            # The ordinal is a second name of the same place: a mapping may be read as a list of pairs.
            self.lines[(*path, place)] = line
            if key in mapping:
                self.findings.append(Finding("duplicate_key", self.section, (*path, place), key))
            else:
                self.lines[(*path, key)] = line
                mapping[key] = self.value(child, (*path, key))
        return mapping


SEPARATOR: Final = ";"


def read_csv(text: str, section: str, *, columns: tuple[str, ...], lists: frozenset[str]) -> Marked:
    """Read CSV with a header into dicts; empty cells are absent, `lists` columns split at `;`. Lines starting with # are comments."""
    rows: list[dict[str, Any]] = []
    lines: Lines = {(): 1}
    findings: list[Finding] = []
    header: list[str] | None = None
    for number, cells in _cells(text):
        if header is None:
            header = cells
            lines[()] = number
            findings += [Finding("missing_column", section, (), name) for name in columns if name not in header]
            findings += [Finding("unknown_column", section, (), name) for name in header if name not in columns]
            findings += [Finding("duplicate_key", section, (), name) for name in set(header) if header.count(name) > 1]
            if findings:
                return Marked(None, lines, tuple(findings))
            continue
        row = len(rows)
        lines[(row,)] = number
        if len(cells) != len(header):
            findings.append(Finding("wrong_cell_count", section, (row,)))
            rows.append({})
            continue
        rows.append({name: _cell(cell, name in lists) for name, cell in zip(header, cells, strict=True) if cell != ""})
    if header is None:
        findings += [Finding("missing_column", section, (), name) for name in columns]
        return Marked(None, lines, tuple(findings))
    return Marked(rows, lines, tuple(findings))


def _cells(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            yield number, [cell.strip() for cell in next(csv.reader([line]))]


def _cell(cell: str, many: bool) -> Any:
    return [part.strip() for part in cell.split(SEPARATOR) if part.strip()] if many else cell
