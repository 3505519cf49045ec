"""Reading a network's folder. All mistakes are told at once, each with file, line and rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path as Folder
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from libs.directory.checks import SECTIONS, Draft, check
from libs.directory.clocks import ClockPack
from libs.directory.marks import Marked, read_csv, read_yaml
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
from libs.directory.problems import FileProblem, Finding, NetworkFileError, Path

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Table:
    model: type[BaseModel]
    lists: frozenset[str]


_TABLES: Final = {
    "regions": _Table(Region, frozenset()),
    "carriers": _Table(Carrier, frozenset({"regions"})),
    "nodes": _Table(Node, frozenset({"regions", "carriers", "industries", "categories"})),
}


def file_name(section: str) -> str:
    """Return the file of a section: CSV for the long tables, YAML for the rest."""
    return f"{section}.csv" if section in _TABLES else f"{section}.yaml"


def load_network(folder: Folder) -> NetworkContent:
    """Read `networks/<name>/` into one content.

    Raises NetworkFileError with every problem at once: form, values, and the rules between the parts.
    """
    marked = {section: _read(folder / file_name(section), section) for section in SECTIONS}
    findings = [finding for section in SECTIONS for finding in marked[section].findings]
    reader = _Reader(findings, {})
    draft_parts: dict[str, Any] = {
        "network": reader.one(NetworkInfo, "network", marked["network"].value),
        "node_kinds": reader.many(NodeKind, "node_kinds", marked["node_kinds"].value),
        "taxonomy": reader.one(Taxonomy, "taxonomy", _terms_as_list(marked["taxonomy"].value)),
        "regions": reader.many(Region, "regions", marked["regions"].value),
        "carriers": reader.many(Carrier, "carriers", marked["carriers"].value),
        "codes": reader.codes(marked["codes"].value),
        "routing": reader.one(RoutingPolicy, "routing", marked["routing"].value),
        "clocks": reader.one(ClockPack, "clocks", marked["clocks"].value),
        "nodes": reader.many(Node, "nodes", marked["nodes"].value),
    }
    intact = frozenset(SECTIONS) - {finding.section for finding in findings}
    findings.extend(reader.in_file(finding) for finding in check(Draft(**draft_parts, intact=intact)))
    if findings:
        raise NetworkFileError(tuple(sorted({_located(finding, marked) for finding in findings}, key=_reading_order)))
    return NetworkContent(**draft_parts)


def _reading_order(problem: FileProblem) -> tuple[str, int, str, str]:
    return (problem.file, problem.line, problem.rule, problem.message_en)


def _located(finding: Finding, marked: dict[str, Marked]) -> FileProblem:
    line = marked[finding.section].line(finding.path)
    return FileProblem(file_name(finding.section), line, finding.rule, finding.message_zh, finding.message_en)


def _read(path: Folder, section: str) -> Marked:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return Marked(None, {}, (Finding("missing_file", section, ()),))
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        return Marked(None, {(): line}, (Finding("bad_encoding", section, ()),))
    if section in _TABLES:
        table = _TABLES[section]
        return read_csv(text, section, columns=tuple(table.model.model_fields), lists=table.lists)
    return read_yaml(text, section)


def _terms_as_list(value: Any) -> Any:
    """Turn `terms: {phrase: weight}`, which reads well in a file, into the model's list of pairs."""
    if not isinstance(value, dict) or not isinstance(value.get("categories"), list):
        return value
    return {**value, "categories": [_terms_of(category) for category in value["categories"]]}


def _terms_of(category: Any) -> Any:
    if isinstance(category, dict) and isinstance(category.get("terms"), dict):
        return {**category, "terms": [{"term": term, "weight": weight} for term, weight in category["terms"].items()]}
    return category


@dataclass(frozen=True, slots=True)
class _Reader:
    """Validates raw values into models and gathers what is wrong. `rows`: which file row each value that was read came from."""

    findings: list[Finding]
    rows: dict[str, list[int]]

    def in_file(self, finding: Finding) -> Finding:
        """Move a finding from the position among the values that were read to the position in the file."""
        rows = self.rows.get(finding.section)
        if rows is None or not finding.path or not isinstance(finding.path[0], int):
            return finding
        return replace(finding, path=(rows[finding.path[0]], *finding.path[1:]))

    def one(self, model: type[M], section: str, value: Any, prefix: Path = ()) -> M | None:
        if value is None and any(finding.section == section for finding in self.findings):
            return None
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.findings.extend(shape_findings(error, section, prefix))
            return None

    def many(self, model: type[M], section: str, value: Any) -> tuple[M, ...]:
        if not isinstance(value, list):
            if not any(finding.section == section for finding in self.findings):
                self.findings.append(Finding("bad_value", section, (), section, "a list is expected"))
            return ()
        broken = {finding.path for finding in self.findings if finding.section == section}
        read: list[M] = []
        self.rows[section] = []
        for row, item in enumerate(value):
            made = None if (row,) in broken else self.one(model, section, item, (row,))
            if made is not None:
                read.append(made)
                self.rows[section].append(row)
        return tuple(read)

    def codes(self, value: Any) -> tuple[CodeList, ...]:
        if not isinstance(value, dict):
            if not any(finding.section == "codes" for finding in self.findings):
                self.findings.append(Finding("bad_value", "codes", (), "codes", "a mapping is expected"))
            return ()
        lists: Iterable[CodeList | None] = [self._code_list(name, entries) for name, entries in value.items()]
        return tuple(item for item in lists if item is not None)

    def _code_list(self, name: str, entries: Any) -> CodeList | None:
        try:
            return CodeList.model_validate({"name": name, "entries": entries})
        except ValidationError as error:
            for finding in shape_findings(error, "codes", ()):
                path = (name, *finding.path[1:]) if finding.path[:1] == ("entries",) else (name,)
                self.findings.append(Finding(finding.rule, "codes", path, finding.value, finding.detail))
            return None


def shape_findings(error: ValidationError, section: str, prefix: Path) -> tuple[Finding, ...]:
    """Turn a model's complaints into findings with stable rule codes; what was written is not repeated."""
    return tuple(_shape_finding(item["type"], item["loc"], item["msg"], section, prefix) for item in error.errors(include_input=False))


def _shape_finding(kind: str, place: tuple[int | str, ...], message: str, section: str, prefix: Path) -> Finding:
    path = (*prefix, *place)
    name = ".".join(str(part) for part in place) or section
    if kind == "missing":
        return Finding("missing_field", section, path, name)
    if kind == "extra_forbidden":
        return Finding("unknown_field", section, path, name)
    if kind.startswith(("date_", "datetime_")):
        return Finding("bad_date", section, path, name)
    if section == "routing" and place[:1] == ("eligibility",) and place[-1:] == ("name",):
        return Finding("unknown_predicate", section, path, name)
    return Finding("bad_value", section, path, name, message)
