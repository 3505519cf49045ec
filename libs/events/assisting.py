"""Event types of working together: assistance (协办), duplicates, merging, splitting, and history from a former system."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from libs.events.algorithms import Sealed
from libs.events.language import Event, Part

UnmergeReason = Literal["by_person", "target_ended"]
DeclineReason = Literal["out_of_category", "no_capacity", "conflict_of_interest", "other"]
JoinRule = Literal["all", "lead"]
"""`all`: the whole may be resolved once every part has ended; `lead`: the lead decides when."""


class AssistanceRequested(Event):
    """The lead asked another node to assist (协办). The lead stays accountable."""

    zh: ClassVar[str] = "{node}请{assistant}协办"
    en: ClassVar[str] = "{node} asked {assistant} to assist"

    assistance: str
    assignment: str
    node: str
    assistant: str
    due: datetime
    note: Sealed


class AssistanceAccepted(Event):
    """The assisting node agreed (协办)."""

    zh: ClassVar[str] = "{assistant}同意协办"
    en: ClassVar[str] = "{assistant} agreed to assist"

    assistance: str
    assistant: str


class AssistanceDeclined(Event):
    """The assisting node declined with a coded reason (协办)."""

    zh: ClassVar[str] = "{assistant}不能协办：{reason}"
    en: ClassVar[str] = "{assistant} declined to assist: {reason}"

    assistance: str
    assistant: str
    reason: DeclineReason
    note: Sealed | None = None


class AssistanceDelivered(Event):
    """The assisting node delivered its share (协办)."""

    zh: ClassVar[str] = "{assistant}完成协办"
    en: ClassVar[str] = "{assistant} delivered its assistance"

    assistance: str
    assistant: str
    note: Sealed
    evidence: tuple[str, ...] = ()


class Likeness(Part):
    """An older demand that may be the same: likeness in percent and why, as codes."""

    demand: str
    score: int
    reasons: tuple[str, ...]


class DuplicateSuggested(Event):
    """Older demands of the same enterprise look alike (研判，重复). A person decides."""

    zh: ClassVar[str] = "可能与已有诉求重复"
    en: ClassVar[str] = "It may repeat an earlier demand"

    suggestions: tuple[Likeness, ...]


class DemandMerged(Event):
    """A person merged this demand into an older one (研判，合并). Its own history stays."""

    zh: ClassVar[str] = "并入诉求{into}"
    en: ClassVar[str] = "Merged into demand {into}"

    into: str
    by: str
    note: Sealed | None = None


class MergeReceived(Event):
    """A younger demand was merged into this one (研判，合并)."""

    zh: ClassVar[str] = "并入诉求{demand}"
    en: ClassVar[str] = "Demand {demand} was merged into this one"

    demand: str


class DemandUnmerged(Event):
    """The merge was undone (研判，撤销合并): by a person, or because the older demand had ended. The demand is routed again."""

    zh: ClassVar[str] = "撤销并入{into}：{reason}"
    en: ClassVar[str] = "No longer merged into {into}: {reason}"

    into: str
    reason: UnmergeReason


class SplitPart(Part):
    """One part of a split: its number, the id of the demand it becomes, and what it asks. Texts are sealed in the parent's commit."""

    part: str
    demand: str
    category: str | None = None
    region: str
    carrier: str | None = None
    industry: str | None = None
    title: Sealed
    description: Sealed


class DemandSplit(Event):
    """The holder split the demand (研判，拆分): each part becomes a demand of its own; the splitter holds the whole."""

    zh: ClassVar[str] = "{node}拆分诉求"
    en: ClassVar[str] = "{node} split the demand"

    assignment: str
    node: str
    join: JoinRule
    parts: tuple[SplitPart, ...]


class PartCompleted(Event):
    """A part has ended (研判，拆分), with the status it ended in."""

    zh: ClassVar[str] = "分项{part}已结束"
    en: ClassVar[str] = "Part {part} has ended"

    part: str
    demand: str
    status: Literal["closed", "withdrawn", "refused", "merged"]


class PartReopened(Event):
    """A part that had ended is handled again (研判，拆分): the whole waits for it once more, if it joins all."""

    zh: ClassVar[str] = "分项{part}重办"
    en: ClassVar[str] = "Part {part} was reopened"

    part: str
    demand: str


class ImportedStep(Part):
    """One step of the former system's history, as it told it. Codes only; the note is sealed."""

    at: datetime
    step: str
    node: str | None = None
    note: Sealed | None = None


class HistoryImported(Event):
    """What a former system knew of this demand (提出，导入). Told by it, not proved by us."""

    zh: ClassVar[str] = "由{source}导入历史"
    en: ClassVar[str] = "History imported from {source}"

    source: str
    former_id: str | None = None
    steps: tuple[ImportedStep, ...] = ()
