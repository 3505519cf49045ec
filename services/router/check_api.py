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
from services.router.coverage import Whole
from services.router.rooms import Rooms

MOST_TOLD = 500

routes = APIRouter(tags=["核查 · check"])


class FoundViolation(BaseModel):
    """One open demand that lacks something (着落核查), and since when."""

    demand: str
    kind: Kind
    since: datetime


class Coverage(BaseModel):
    """Partitions (分区) that were checked together: when, how many seconds ago, and whether by the router that answers."""

    partitions: list[int]
    checked_at: datetime
    age_seconds: int
    here: bool


class CheckAnswer(BaseModel):
    """What the check came to. `checked`: demands looked at; `partitions`: of 64, those that were checked lately, by whichever router."""

    ok: bool = Field(description="全部分区近期已核查且无问题 · nothing is wrong, and every partition was checked lately")
    checked: int
    partitions: int
    full: bool = Field(description="逐条重放事件流 · the streams were folded afresh")
    complete: bool = Field(description="全部核查 · nothing was left out for want of room")
    found: int = Field(description="问题总数 · number of violations; at most 500 are listed")
    violations: list[FoundViolation]
    at: datetime
    coverage: list[Coverage] = Field(description="各分区何时核查 · which partitions were checked when")
    unchecked: list[int] = Field(
        description="近期无人核查的分区 · partitions without a recent check: nobody owns them, or their router stands still"
    )


class CheckSummary(BaseModel):
    """Whether all is well, in a number: nothing in it tells of a demand, so it needs no key."""

    ok: bool
    count: int
    at: datetime
    unchecked: int = Field(description="近期无人核查的分区数 · number of partitions without a recent check")


@routes.get("/v1/check/summary", responses=PROBLEM_RESPONSES, summary="着落核查摘要 · Summary of the check")
async def check_summary(request: Request) -> CheckSummary:
    """最近一次核查的结论，只有数目。 What the latest round of the check came to, as a number only."""
    checking: Checking = request.app.state.checking
    whole = checking.last
    if whole is None:
        raise Unavailable("the first round of the check is not done")
    rooms: Rooms = request.app.state.rooms
    now = rooms.desk.now()
    return CheckSummary(ok=whole.is_well(now), count=len(whole.violations()), at=whole.at, unchecked=len(whole.unchecked(now)))


@routes.get("/v1/check", responses=PROBLEM_RESPONSES, summary="着落核查 · Check for orphans")
async def check(
    caller: CallerDep,
    rooms: RoomsDep,
    request: Request,
    full: Annotated[bool, Query(description="从事件流逐条重算，较慢 · fold the streams afresh; slower")] = False,
) -> CheckAnswer:
    """每个未结诉求须有一个在岗的责任节点和一个定时器。任一路由实例都回答全部分区：本实例的当场核查，其余的取其最近一轮。供总枢纽、主管部门、运维和审计使用。

    Every open demand has one accountable holder that is available, and one timer. Any router answers for all partitions: its own as checked
    now, the others as their routers found them last; with `full`, the streams of all are folded here. Not `ok` while a partition has had no
    check for three rounds. For the network's hub, bureau, operator and auditor.
    """
    if not sees_whole_network(caller, rooms.follower.directory):
        raise Refused("forbidden")
    checking: Checking = request.app.state.checking
    whole = await checking.check(full=full)
    network, now = caller.network or "", rooms.desk.now()
    violations, unchecked = whole.violations(network), whole.unchecked(now)
    return CheckAnswer(
        ok=whole.is_well(now, network),
        checked=whole.demands(network),
        partitions=len(whole.parts) - len(unchecked),
        full=whole.full,
        complete=whole.complete,
        found=len(violations),
        violations=[FoundViolation(demand=one.demand, kind=one.kind, since=one.since) for one in violations[:MOST_TOLD]],
        at=whole.at,
        coverage=_coverage(whole, now),
        unchecked=list(unchecked),
    )


def _coverage(whole: Whole, now: datetime) -> list[Coverage]:
    """The partitions by the second in which they were checked, the latest first."""
    groups: dict[datetime, list[int]] = {}
    for part, check in sorted(whole.parts.items()):
        if check.at is not None:
            groups.setdefault(check.at if check.at == whole.at else check.at.replace(microsecond=0), []).append(part)
    return [
        Coverage(partitions=parts, checked_at=at, age_seconds=max(int((now - at).total_seconds()), 0), here=at == whole.at)
        for at, parts in sorted(groups.items(), reverse=True)
    ]
