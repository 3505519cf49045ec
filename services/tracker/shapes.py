"""Wire shapes of the tracker's API. Members that are absent are left out, null is never written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from libs.directory import Network
from libs.events import Actor, Sealed
from services.tracker.domain import NextStep
from services.tracker.sentences import sentence
from services.tracker.trail import Details, Trail, TrailCommit, TrailEvent, object_of
from services.tracker.views import FeedItem, Found
from services.tracker.waterfall import Segment


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
    status: str = Field(examples=["assigned"])
    category: str | None = None
    region: str
    carrier: str | None = None
    industry: str | None = None
    urgency: str
    channel: str
    partner_ref: str | None = None
    enterprise: str = Field(description="企业化名 · pseudonym of the enterprise")
    holder: HolderOut | None = None
    next_step: NextStep = Field(description="下一步：派单、签收、办理、无 · what has to happen next")
    assignments: int
    returns: int
    submitted_at: datetime
    updated_at: datetime
    sample: bool
    title: str | None = None
    requester_name: str | None = None


class DemandList(BaseModel):
    """一页诉求 · a page of demands."""

    items: list[DemandLine]
    next: str | None = Field(None, description="下一页游标 · cursor of the next page")


class DemandOut(DemandLine):
    """一件诉求 · one demand. The texts only for its submitter, the nodes that hold or held it, and the hubs above them."""

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
    """一段持有 · one holder's stretch; the stretches add up to the demand's life."""

    node: str
    assignment: str | None = None
    from_: datetime = Field(alias="from")
    to: datetime | None = None
    reason: str | None = None


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


def line_out(found: Found) -> dict[str, Any]:
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
        "next_step": row.next_step,
        "assignments": row.assignments,
        "returns": row.returns,
        "submitted_at": row.submitted_at,
        "updated_at": row.updated_at,
        "sample": row.sample,
        "title": found.title,
        "requester_name": found.requester_name,
    }


def demand_out(found: Found, details: Details) -> DemandOut:
    """One demand in full."""
    return DemandOut(**line_out(found), description=details.description, requester=_requester(details.requester))


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
        data=_data(item),
        text=sentence(event, network, "zh"),
        text_en=sentence(event, network, "en"),
    )


def _data(item: TrailEvent) -> dict[str, Any]:
    sealed = {name for name in type(item.event).model_fields if isinstance(getattr(item.event, name), Sealed)}
    data = item.event.model_dump(mode="json", exclude_none=True, exclude=sealed)
    texts: dict[str, Any] = dict(item.texts)
    if (requester := object_of(texts.get("requester"))) is not None:
        texts["requester"] = requester
    return data | texts


def _segment(segment: Segment) -> SegmentOut:
    return SegmentOut(**{"from": segment.start}, node=segment.node, assignment=segment.assignment, to=segment.end, reason=segment.reason)


def _requester(requester: Mapping[str, Any] | None) -> RequesterOut | None:
    if requester is None:
        return None
    contact = requester.get("contact")
    person = ContactOut(name=_text(contact, "name"), phone=_text(contact, "phone")) if isinstance(contact, Mapping) else None
    return RequesterOut(name=_text(requester, "name"), uscc=_text(requester, "uscc"), contact=person)


def _text(value: Mapping[str, Any], name: str) -> str | None:
    found = value.get(name)
    return found if isinstance(found, str) else None
