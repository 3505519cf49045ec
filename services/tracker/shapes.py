"""Wire shapes of the tracker's API. Members that are absent are left out, null is never written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from libs.demand import Status
from libs.directory import Network
from libs.events import Actor
from services.tracker.demand_row import NextStep
from services.tracker.sentences import sentence
from services.tracker.trail import Details, Trail, TrailCommit, TrailEvent, plain_data
from services.tracker.views import FeedItem, Found
from services.tracker.waterfall import NOBODY, End, Kind, Segment


class HolderOut(BaseModel):
    """当前承办节点 · who holds the demand now."""

    node: str
    assignment: str | None = Field(None, description="派单号；没有即由枢纽受理台持有 · assignment; absent while the hub's desk holds it")
    since: datetime


class ContactOut(BaseModel):
    """联系人 · contact person."""

    name: str | None = None
    phone: str | None = None


class RequesterOut(BaseModel):
    """提出诉求的企业 · the enterprise that asks."""

    name: str | None = None
    uscc: str | None = None
    contact: ContactOut | None = None


class DemandLine(BaseModel):
    """列表中的一件诉求 · one demand in a list. `title` and `requester_name` only for who may read them."""

    id: str = Field(examples=["ningbo-26a-7q3k9m2v5x8z1c4b"])
    network: str
    version: int
    status: Status = Field(description="状态，见 docs/partners.md · where it stands", examples=["assigned"])
    category: str | None = None
    region: str
    carrier: str | None = None
    industry: str | None = None
    urgency: str
    channel: str
    partner_ref: str | None = None
    enterprise: str = Field(description="企业化名 · pseudonym of the enterprise")
    holder: HolderOut | None = None
    due: datetime | None = Field(None, description="对外时限：下一件事应在何时之前完成 · until when the next thing is owed")
    overdue: bool = Field(description="时限已过 · the promise has passed")
    next_step: NextStep = Field(description="下一步，见 docs/partners.md · what has to happen next")
    assignments: int
    returns: int
    escalation: int = Field(description="升级层级，0 为未升级 · level of escalation")
    supervised: bool = Field(description="正在督办 · under supervision")
    missed: int = Field(description="超时次数 · deadlines missed so far")
    reopened: int = Field(description="重办次数 · times reopened")
    outcome: str | None = Field(None, description="结案结果 · how it was closed", examples=["confirmed"])
    rating: str | None = Field(None, description="最近一次评价 · latest rating", examples=["satisfied"])
    submitted_at: datetime
    updated_at: datetime
    sample: bool
    erased: bool = Field(description="个人信息已删除，文字内容不再存在 · personal data erased; the texts are gone")
    title: str | None = None
    requester_name: str | None = None


class DemandList(BaseModel):
    """一页诉求 · a page of demands."""

    items: list[DemandLine]
    next: str | None = Field(None, description="下一页游标 · cursor of the next page")


class DemandOut(DemandLine):
    """一件诉求 · one demand. The texts only for its submitter, the nodes that hold or held it, and the hubs above them."""

    received_at: datetime | None = Field(None, description="原系统受理时间，诉求时钟由此起算 · taken in by a former system then")
    classified_by: str | None = Field(None, description="类别由规则或人判定 · rule or person", examples=["rule"])
    handler: str | None = Field(None, description="经办人化名 · pseudonym of who handles it")
    assistants: list[str] | None = Field(None, description="协办节点 · nodes that assist now")
    arbiter: str | None = Field(None, description="裁定枢纽 · the hub that arbitrates")
    extension: str = Field(description="延期申请：none、requested、granted、refused · state of the extension")
    escalated_to: str | None = Field(None, description="已升级至 · told last")
    duplicates: int = Field(description="疑似重复的诉求数 · possible duplicates suggested")
    merged_into: str | None = Field(None, description="并入的诉求 · the demand it was merged into")
    parent: str | None = Field(None, description="由哪件诉求拆分而来 · the demand it was split from")
    resolved_by: str | None = Field(None, description="办结节点 · the node that resolved it")
    resolved_at: datetime | None = None
    follow_up: str = Field(description="回访：none、ordered、recorded · state of the call-back")
    mismatches: int = Field(description="回访与上报不符次数 · call-backs that contradicted the node")
    complaints_open: int = Field(description="待核查投诉 · complaints not yet decided")
    complaints_verified: int = Field(description="核实投诉 · verified complaints")
    imported: bool = Field(description="由原系统导入 · imported from a former system")
    description: str | None = None
    requester: RequesterOut | None = None


class TrailEventOut(BaseModel):
    """一个事件 · one event; `data` has plain text where the caller may read it, and no sealed members."""

    type: str
    schema_: int = Field(alias="schema")
    data: dict[str, Any]
    text: str = Field(examples=["派给样例窗口"])
    text_en: str = Field(examples=["Assigned to Sample Window"])


class TrailCommitOut(BaseModel):
    """一步 · one step of the trail. `unreadable`: archived, but this release cannot read it."""

    version: int
    at: datetime | None = None
    recorded_at: datetime
    seq: int
    actor: Actor | None = None
    command: str | None = None
    hash: str
    prev: str | None = None
    events: list[TrailEventOut]
    unreadable: Literal[True] | None = None


class SegmentOut(BaseModel):
    """一段持有 · one holder's stretch; all but the `closed` ones add up to the demand's clock. Without `node` nobody has it."""

    node: str | None = Field(None, description="节点；另有 enterprise 企业、former_system 原系统 · a node, or one of these two")
    assignment: str | None = None
    kind: Kind
    from_: datetime = Field(alias="from")
    to: datetime | None = None
    reason: End | None = None


class TrailOut(BaseModel):
    """全程轨迹 · a demand's whole history."""

    id: str
    version: int
    commits: list[TrailCommitOut]
    segments: list[SegmentOut]


class ChangeOut(BaseModel):
    """一次变化 · one change; `cursor` is the place right after it."""

    cursor: str
    id: str
    version: int
    types: list[str]
    status: str
    at: datetime


class ChangeList(BaseModel):
    """变化 · changes in stream order. Go on from `next`; `more`: there is something behind it already."""

    items: list[ChangeOut]
    next: str
    more: bool


def line_out(found: Found, now: datetime) -> dict[str, Any]:
    """Members of a demand as lists show it."""
    row = found.row
    holder = None
    if row.holder_node is not None and row.holder_since is not None:
        holder = HolderOut(node=row.holder_node, assignment=row.holder_assignment, since=row.holder_since)
    return {
        "id": row.id,
        "network": row.network,
        "version": row.version,
        "status": row.status,
        "category": row.category,
        "region": row.region,
        "carrier": row.carrier,
        "industry": row.industry,
        "urgency": row.urgency,
        "channel": row.channel,
        "partner_ref": row.partner_ref,
        "enterprise": row.enterprise,
        "holder": holder,
        "due": row.promised,
        "overdue": row.is_overdue(now),
        "next_step": row.next_step,
        "assignments": row.assignments,
        "returns": row.returns,
        "escalation": row.escalation,
        "supervised": row.supervisions > 0,
        "missed": row.missed,
        "reopened": row.reopened,
        "outcome": row.outcome,
        "rating": row.rating,
        "submitted_at": row.submitted_at,
        "updated_at": row.updated_at,
        "sample": row.sample,
        "erased": row.erased,
        "title": None if row.erased else found.title,
        "requester_name": None if row.erased else found.requester_name,
    }


_IN_FULL: Final = (
    "received_at",
    "classified_by",
    "handler",
    "arbiter",
    "extension",
    "escalated_to",
    "duplicates",
    "merged_into",
    "parent",
    "follow_up",
    "mismatches",
    "complaints_open",
    "complaints_verified",
    "imported",
    "resolved_at",
)


def demand_out(found: Found, details: Details, now: datetime) -> DemandOut:
    """One demand in full."""
    row = found.row
    return DemandOut(
        **line_out(found, now),
        **{name: getattr(row, name) for name in _IN_FULL},
        assistants=list(row.assistants) or None,
        resolved_by=row.resolved_by if row.resolved_at is not None else None,
        description=details.description,
        requester=_requester(details.requester),
    )


def trail_out(identity: str, trail: Trail, network: Network | None) -> TrailOut:
    """A trail with its sentences."""
    return TrailOut(
        id=identity,
        version=trail.commits[-1].version if trail.commits else 0,
        commits=[_commit(commit, network) for commit in trail.commits],
        segments=[_segment(segment) for segment in trail.segments],
    )


def change_out(item: FeedItem) -> ChangeOut:
    """One change."""
    c = item.change
    return ChangeOut(cursor=item.cursor, id=c.id, version=c.version, types=list(c.types), status=c.status, at=c.at)


def _commit(step: TrailCommit, network: Network | None) -> TrailCommitOut:
    commit = step.commit
    common: dict[str, Any] = {"version": step.version, "recorded_at": step.recorded_at, "seq": step.seq, "hash": step.hash}
    if commit is None:
        return TrailCommitOut(**common, events=[], unreadable=True)
    events = [_event(event, network) for event in step.events]
    return TrailCommitOut(**common, at=commit.at, actor=commit.actor, command=commit.command, prev=commit.prev, events=events)


def _event(item: TrailEvent, network: Network | None) -> TrailEventOut:
    event = item.event
    return TrailEventOut(
        type=type(event).__name__,
        schema=event.schema_version,
        data=plain_data(item),
        text=sentence(event, network, "zh"),
        text_en=sentence(event, network, "en"),
    )


def _segment(segment: Segment) -> SegmentOut:
    node = None if segment.node == NOBODY else segment.node
    span: dict[str, Any] = {"from": segment.start, "to": segment.end}
    return SegmentOut(**span, node=node, assignment=segment.assignment, kind=segment.kind, reason=segment.reason)


def _requester(requester: Mapping[str, Any] | None) -> RequesterOut | None:
    if requester is None:
        return None
    contact = requester.get("contact")
    person = ContactOut(name=_text(contact, "name"), phone=_text(contact, "phone")) if isinstance(contact, Mapping) else None
    return RequesterOut(name=_text(requester, "name"), uscc=_text(requester, "uscc"), contact=person)


def _text(value: Mapping[str, Any], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) else None
