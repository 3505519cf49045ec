"""What can be wrong with a network's data: rule codes, their sentences, and the errors that carry all findings at once.

ValueError
├── NetworkFileError   a folder of network files; names file, line and rule
└── BrokenContent      staged sections; names section, place and rule
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Path = tuple[str | int, ...]

RULES: Final[dict[str, tuple[str, str]]] = {
    "missing_file": ("缺少文件", "the file is missing"),
    "bad_encoding": ("文件不是 UTF-8 编码", "the file is not UTF-8"),
    "bad_yaml": ("YAML 语法错误：{detail}", "not valid YAML: {detail}"),
    "duplicate_key": ("键 {value} 重复", "the key {value} stands twice"),
    "missing_column": ("缺少列 {value}", "the column {value} is missing"),
    "unknown_column": ("未知的列 {value}", "unknown column {value}"),
    "wrong_cell_count": ("单元格数与表头不符", "the row has another number of cells than the header"),
    "missing_field": ("缺少字段 {value}", "the field {value} is missing"),
    "unknown_field": ("未知的字段 {value}", "unknown field {value}"),
    "bad_value": ("字段 {value} 的值无效：{detail}", "the value of {value} is not valid: {detail}"),
    "bad_date": ("字段 {value} 不是有效日期", "{value} is not a date"),
    "dates_reversed": ("失效日期早于生效日期", "the last day in force lies before the first"),
    "duplicate_id": ("{value} 重复", "{value} stands twice"),
    "alias_twice": ("别名 {value} 已属于另一类别", "the name {value} already belongs to a category"),
    "unknown_kind": ("未知的节点类型 {value}", "unknown node kind {value}"),
    "unknown_parent": ("上级节点 {value} 不存在", "the parent {value} does not exist"),
    "forbidden_parent": ("该类型节点不允许这样的上级：{value}", "a node of this kind may not hang there: {value}"),
    "cycle": ("上级关系成环：{value}", "the parents form a cycle: {value}"),
    "unknown_region": ("未知的区划 {value}", "unknown region {value}"),
    "unknown_category": ("未知的服务类别 {value}", "unknown category {value}"),
    "unknown_carrier": ("未知的载体 {value}", "unknown carrier {value}"),
    "unknown_industry": ("未知的行业代码 {value}", "unknown industry {value}"),
    "unknown_code": ("未知的代码 {value}", "unknown code {value}"),
    "unknown_predicate": ("未知的资格条件 {value}", "unknown predicate {value}"),
    "predicate_order": ("资格条件须以 {value} 开头且不得重复", "the predicates must start with {value} and not repeat"),
    "weights_not_100": ("评分权重之和为 {value}，应为 100", "the weights sum to {value}, not 100"),
    "hours_order": ("营业时间须按先后排列且不重叠：{value}", "opening hours must run forward and not overlap: {value}"),
    "no_hub": ("没有总枢纽节点 {value}", "there is no hub node {value}"),
    "two_hubs": ("总枢纽只能有一个：{value}", "there may be only one hub: {value}"),
    "hub_territory": ("总枢纽须覆盖全网区域 {value}", "the hub must cover the network's region {value}"),
    "too_few": ("节点类型 {value} 数量不足", "too few nodes of kind {value}"),
    "too_many": ("节点类型 {value} 数量过多", "too many nodes of kind {value}"),
    "no_territory": ("可派单节点没有服务区域、载体或行业", "an assignable node covers no region, carrier or industry"),
    "no_category": ("可派单节点没有服务类别", "an assignable node offers no category"),
    "missing_codes": ("缺少代码表 {value}", "the code list {value} is missing"),
    "missing_section": ("缺少部分 {value}", "the section {value} is missing"),
}
"""Every rule code with its sentence in Chinese and English."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that is broken, and where: section (= file stem) and the path to the value inside it."""

    rule: str
    section: str
    path: Path
    value: str = ""
    detail: str = ""

    @property
    def message_zh(self) -> str:
        """The sentence in Chinese."""
        return RULES[self.rule][0].format(value=self.value, detail=self.detail)

    @property
    def message_en(self) -> str:
        """The sentence in English."""
        return RULES[self.rule][1].format(value=self.value, detail=self.detail)


@dataclass(frozen=True, slots=True)
class FileProblem:
    """A finding a person can go to: file name and line, counted from 1."""

    file: str
    line: int
    rule: str
    message_zh: str
    message_en: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.message_zh} / {self.message_en}"


class NetworkFileError(ValueError):
    """The files of a network are broken; `problems` names every file, line and rule at once."""

    def __init__(self, problems: tuple[FileProblem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class BrokenContent(ValueError):
    """Sections do not make a network; `findings` names every section, place and rule at once."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__("; ".join(f"{finding.section}{list(finding.path)}: {finding.message_en}" for finding in findings))
        self.findings = findings
