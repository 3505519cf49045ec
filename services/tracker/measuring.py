"""HTTP of what is measured: a demand's two clocks, and the figures of nodes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from libs.chassis.database import database_errors
from libs.chassis.http import DEFAULT_LIMIT, Limit, decode_cursor, encode_cursor, etag
from libs.demand import INITIAL, evolve
from libs.events import NotFound, Refused, Unavailable
from libs.events.names import parse_demand_id
from libs.events.timekeeping import Counting
from services.tracker.api import Code, Cursor, DemandId, MinVersion, Moment, RoomsDep, ScopeDep, awaited, utc
from services.tracker.clock import ClockSegment, DemandClock, Lengths, read_clock
from services.tracker.figures import FiguresWanted, NodeFigures, node_figures
from services.tracker.trail import readable
from services.tracker.waterfall import NOBODY, Kind, segments

_RATE: Final = 4
"""Decimals of a ratio."""

routes = APIRouter(tags=["全程跟踪 · tracker"])


class LengthsOut(BaseModel):
    """时长，整秒 · one stretch in whole seconds: as it passed, and as the network works."""

    elapsed_seconds: int
    working_seconds: int


class ClockSegmentOut(BaseModel):
    """一段持有 · one holder's part. All but the `closed` ones add up to `gross`, and their net parts to `net`, to the second."""

    node: str | None = Field(None, description="节点；另有 enterprise 企业、former_system 原系统 · a node, or one of these two")
    assignment: str | None = None
    kind: Kind
    from_: datetime = Field(alias="from")
    to: datetime | None = None
    elapsed_seconds: int
    working_seconds: int
    net_elapsed_seconds: int
    net_working_seconds: int


class DeadlineOut(BaseModel):
    """一项时限 · one promise. `provisional`: its year's calendar is not official yet."""

    at: datetime
    counting: Counting
    provisional: bool


class ClockOut(BaseModel):
    """诉求时钟 · both clocks of a demand and who had it when."""

    started_at: datetime
    ended_at: datetime | None = None
    running: bool
    gross: LengthsOut = Field(description="毛时长，从不暂停 · never pauses")
    net: LengthsOut = Field(description="净时长，补正与中止期间暂停 · stands still while completed or suspended")
    segments: list[ClockSegmentOut]
    deadlines: dict[str, DeadlineOut]
    clocks: str = Field(description="所用工作日历的时限包 · the clock pack whose calendar measured", examples=["ningbo/clocks/2"])


class NodeFiguresOut(BaseModel):
    """一个节点的数字，口径见 docs/partners.md · one node's figures."""

    node: str
    closed: int
    confirmed: int
    unconfirmed: int
    dispute_rejected: int
    reopened: int
    rated: int
    satisfied: int
    satisfaction: float | None = Field(None, description="前三档评价占全部评价之比 · top three grades among the rated")
    follow_ups: int
    unreachable: int
    mismatches: int
    mismatch_rate: float | None = Field(None, description="回访不符率 · call-backs that contradicted, among those that reached anybody")
    returns: int
    lapses: int
    missed: int
    complaints: int = Field(description="核实投诉 · verified complaints")


class NodeFiguresList(BaseModel):
    """一页节点数字 · a page of figures, by node."""

    items: list[NodeFiguresOut]
    next: str | None = None


@routes.get("/v1/demands/{demand}/clock", response_model_exclude_none=True, summary="诉求时钟 · Its clocks")
async def demand_clock(demand: DemandId, scope: ScopeDep, rooms: RoomsDep, response: Response, min_version: MinVersion = None) -> ClockOut:
    """毛时长与净时长（自然秒与工作秒），各段持有相加恰等于总数；转派、改类、重办都不归零。

    Gross and net, in elapsed and in working seconds; the holders' parts add up exactly. Nothing resets it.
    """
    parse_demand_id(demand)
    if min_version is not None:
        await awaited(rooms, scope, demand, min_version)
    with database_errors():
        entries = await rooms.views.entries(scope, demand)
    commits = () if entries is None else readable(entries)
    if not commits:
        raise NotFound("demand_not_found")
    state = INITIAL
    parts = segments(commits)
    for commit in commits if parts else ():
        for event in commit.events:
            state = evolve(state, event, version=commit.version, at=commit.at)
    network = rooms.follower.directory.networks.get(scope.network)
    if network is None:
        raise Unavailable("the network is not known yet")
    clocks = network.clocks(state.sample)
    told = read_clock(parts, clocks.calendar, datetime.now(UTC))
    if told is None:
        raise NotFound("demand_not_found")
    response.headers["ETag"] = etag(commits[-1].version)
    deadlines: dict[str, DeadlineOut] = {
        limit: DeadlineOut(at=deadline.at, counting=deadline.counting, provisional=deadline.provisional)
        for limit, deadline in sorted(state.deadlines.items())
    }
    return clock_out(told, deadlines, clocks.label)


@routes.get("/v1/figures/nodes", response_model_exclude_none=True, summary="节点数字 · Figures of nodes")
async def figures_of_nodes(
    scope: ScopeDep,
    rooms: RoomsDep,
    node: Code = None,
    since: Moment = None,
    until: Moment = None,
    sample: Annotated[bool | None, Query(description="只看样例，或不看样例 · samples only, or without them")] = None,
    after: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> NodeFiguresList:
    """权限范围内每个节点：结案、确认、满意、回访、退回、逾期、超时、核实投诉。每个数都数得到具体的一步。

    Per node you may see: closings, confirmations, satisfaction, call-backs, returns, lapses, misses, verified complaints.
    """
    if scope.party is not None:
        raise Refused("forbidden")
    wanted = FiguresWanted(utc(since, "since"), utc(until, "until"), sample, node)
    start = "" if after is None else decode_cursor(after, {"n": str})["n"]
    if "\x00" in start:
        raise Refused("bad_cursor", field="cursor")
    with database_errors():
        found = await node_figures(rooms.engine, scope, wanted, limit=limit + 1, after=start)
    following = encode_cursor({"n": found[limit - 1].node}) if len(found) > limit else None
    return NodeFiguresList(items=[figures_out(figures) for figures in found[:limit]], next=following)


def clock_out(clock: DemandClock, deadlines: dict[str, DeadlineOut], label: str) -> ClockOut:
    """A clock on the wire."""
    return ClockOut(
        started_at=clock.started_at,
        ended_at=clock.ended_at,
        running=clock.ended_at is None,
        gross=_lengths(clock.gross),
        net=_lengths(clock.net),
        segments=[_segment(segment) for segment in clock.segments],
        deadlines=deadlines,
        clocks=label,
    )


def figures_out(figures: NodeFigures) -> NodeFiguresOut:
    """A node's figures on the wire."""
    counts = {name: getattr(figures, name) for name in NodeFiguresOut.model_fields if name not in ("satisfaction", "mismatch_rate")}
    return NodeFiguresOut(**counts, satisfaction=_rounded(figures.satisfaction), mismatch_rate=_rounded(figures.mismatch_rate))


def _rounded(rate: float | None) -> float | None:
    return None if rate is None else round(rate, _RATE)


def _lengths(lengths: Lengths) -> LengthsOut:
    return LengthsOut(elapsed_seconds=lengths.elapsed_seconds, working_seconds=lengths.working_seconds)


def _segment(segment: ClockSegment) -> ClockSegmentOut:
    moments: dict[str, datetime | None] = {"from": segment.start, "to": segment.end}
    return ClockSegmentOut.model_validate(
        {
            **moments,
            "node": None if segment.node == NOBODY else segment.node,
            "assignment": segment.assignment,
            "kind": segment.kind,
            "elapsed_seconds": segment.gross.elapsed_seconds,
            "working_seconds": segment.gross.working_seconds,
            "net_elapsed_seconds": segment.net.elapsed_seconds,
            "net_working_seconds": segment.net.working_seconds,
        }
    )
