"""HTTP of the check for orphans: does every open demand have its holder and its timer, and since when not."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from libs.chassis.auth import sees_whole_network
from libs.chassis.caller import CallerDep
from libs.chassis.problems import PROBLEM_RESPONSES
from libs.events import Refused, Unavailable
from services.router.check import Kind
from services.router.checking import Checking
from services.router.commanding import RoomsDep

MOST_TOLD = 500

routes = APIRouter(tags=["核查 · check"])


class FoundViolation(BaseModel):
    """One open demand that lacks something (着落核查), and since when."""

    demand: str
    kind: Kind
    since: datetime


class CheckAnswer(BaseModel):
    """What the check came to. `checked`: demands looked at; `partitions`: of 64, those this router answers for."""

    ok: bool
    checked: int
    partitions: int
    full: bool = Field(description="逐条重放事件流 · the streams were folded afresh")
    complete: bool = Field(description="全部核查 · nothing was left out for want of room")
    found: int = Field(description="问题总数 · number of violations; at most 500 are listed")
    violations: list[FoundViolation]
    at: datetime


class CheckSummary(BaseModel):
    """Whether all is well, in a number: nothing in it tells of a demand, so it needs no key."""

    ok: bool
    count: int
    at: datetime


@routes.get("/v1/check/summary", responses=PROBLEM_RESPONSES, summary="着落核查摘要 · Summary of the check")
async def check_summary(request: Request) -> CheckSummary:
    """最近一次核查的结论，只有数目。 What the latest round of the check came to, as a number only."""
    checking: Checking = request.app.state.checking
    report = checking.last
    if report is None:
        raise Unavailable("the first round of the check is not done")
    return CheckSummary(ok=not report.violations and report.complete, count=len(report.violations), at=report.at)


@routes.get("/v1/check", responses=PROBLEM_RESPONSES, summary="着落核查 · Check for orphans")
async def check(
    caller: CallerDep,
    rooms: RoomsDep,
    request: Request,
    full: Annotated[bool, Query(description="从事件流逐条重算，较慢 · fold the streams afresh; slower")] = False,
) -> CheckAnswer:
    """每个未结诉求须有一个在岗的责任节点和一个定时器。供总枢纽、主管部门、运维和审计使用。

    Every open demand has one accountable holder that is available, and one timer. For the network's hub, bureau, operator and auditor.
    """
    if not sees_whole_network(caller, rooms.follower.directory):
        raise Refused("forbidden")
    checking: Checking = request.app.state.checking
    report = await checking.check(full=full)
    network = caller.network or ""
    violations = [one for one in report.violations if one.network == network]
    return CheckAnswer(
        ok=not violations and report.complete,
        checked=report.checked.get(network, 0),
        partitions=report.partitions,
        full=report.full,
        complete=report.complete,
        found=len(violations),
        violations=[FoundViolation(demand=one.demand, kind=one.kind, since=one.since) for one in violations[:MOST_TOLD]],
        at=report.at,
    )
