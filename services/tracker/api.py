"""HTTP of the tracker: demands, their trails, the changes feed. Every answer is cut to the caller's rights by the queries themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import AwareDatetime

from libs.chassis.auth import Caller
from libs.chassis.caller import CallerDep
from libs.chassis.database import database_errors
from libs.chassis.http import DEFAULT_LIMIT, MAX_LIMIT, Limit, etag
from libs.events import NotFound, Refused, Unavailable
from libs.events.names import parse_demand_id
from services.tracker.feed import Places, decode_places, heard
from services.tracker.rights import Scope, scope_of
from services.tracker.rooms import Rooms
from services.tracker.shapes import (
    ChangeList,
    DemandLine,
    DemandList,
    DemandOut,
    TrailOut,
    change_out,
    demand_out,
    line_out,
    trail_out,
)
from services.tracker.trail import Details, read_details, read_trail
from services.tracker.views import DemandFilter, Found

WAIT_SECONDS: Final = 5.0
POLL_SECONDS: Final = 1.0

Code = Annotated[str | None, Query(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z._:/#-]+$")]
Region = Annotated[str | None, Query(pattern=r"^\d{6}(\d{3})?$", description="含下辖区域 · with everything in its territory")]
Search = Annotated[
    str | None,
    Query(max_length=80, pattern=r"^[^\x00-\x1f]*$", description="标题、企业名称或诉求号 · in titles, names of enterprises and ids"),
]
Cursor = Annotated[str | None, Query(max_length=1024, description="上一页的 next · `next` of the page before")]
DemandId = Annotated[str, Path(max_length=80, description="诉求号 · demand id")]
MinVersion = Annotated[int | None, Query(ge=1, le=1_000_000, description="等到至少这一版，最多 5 秒 · wait for this version, at most 5 s")]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=1024, description="最后收到的游标 · last cursor received")]
Overdue = Annotated[bool | None, Query(description="时限已过或未过 · whether what is promised has passed")]
Moment = Annotated[AwareDatetime | None, Query(description="RFC 3339")]

routes = APIRouter(tags=["全程跟踪 · tracker"])


async def _rooms(request: Request) -> Rooms:
    rooms: Rooms = request.app.state.rooms
    return rooms


RoomsDep = Annotated[Rooms, Depends(_rooms)]


async def _scope(caller: CallerDep, rooms: RoomsDep) -> Scope:
    return scope_of(caller, rooms.follower.directory)


ScopeDep = Annotated[Scope, Depends(_scope)]


async def _places(scope: ScopeDep, rooms: RoomsDep, after: Cursor = None, last_event_id: LastEventId = None) -> Places:
    """Where a stream goes on, decided before it begins, so that a bad cursor is answered as a problem."""
    cursor = last_event_id or after
    if cursor is not None:
        return decode_places(cursor)
    with database_errors():
        return decode_places(await rooms.views.position())


PlacesDep = Annotated[Places, Depends(_places)]


@routes.get("/v1/demands", response_model_exclude_none=True, summary="诉求列表 · List demands")
async def list_demands(
    scope: ScopeDep,
    rooms: RoomsDep,
    status: Code = None,
    category: Code = None,
    region: Region = None,
    holder: Code = None,
    node: Code = None,
    urgency: Code = None,
    channel: Code = None,
    party: Code = None,
    partner_ref: Code = None,
    q: Search = None,
    since: Moment = None,
    until: Moment = None,
    sample: bool | None = None,
    overdue: Overdue = None,
    due_before: Moment = None,
    order: Literal["submitted", "updated"] = "submitted",
    after: Cursor = None,
    limit: Limit = DEFAULT_LIMIT,
) -> DemandList:
    """权限范围内的诉求，新的在前；翻页期间诉求变化也不重不漏。

    The demands you may see, newest first; paging neither repeats nor misses any while they change.
    """
    now = datetime.now(UTC)
    wanted = DemandFilter(
        status=status,
        category=category,
        region=region,
        holder=holder,
        node=node,
        urgency=urgency,
        channel=channel,
        party=party,
        partner_ref=partner_ref,
        text=q,
        since=utc(since, "since"),
        until=utc(until, "until"),
        sample=sample,
        due_before=utc(due_before, "due_before"),
        overdue=overdue,
        at=now,
    )
    with database_errors():
        page = await rooms.views.demands(scope, wanted, limit=limit, after=after, order=order)
    return DemandList(items=[DemandLine(**line_out(found, now)) for found in page.found], next=page.next)


@routes.get("/v1/demands/{demand}", response_model_exclude_none=True, summary="一件诉求 · One demand")
async def one_demand(demand: DemandId, scope: ScopeDep, rooms: RoomsDep, response: Response, min_version: MinVersion = None) -> DemandOut:
    """当前状态；`min_version` 等待视图追上自己刚提交的版本。

    Where it stands; `min_version` waits until the view includes your own write. ETag is the version.
    """
    parse_demand_id(demand)
    found = await awaited(rooms, scope, demand, min_version)
    details = Details()
    if scope.reads_text and not found.row.erased:
        with database_errors():
            details = await read_details(await rooms.views.entries(scope, demand) or [], rooms.keys)
    response.headers["ETag"] = etag(found.row.version)
    return demand_out(found, details, datetime.now(UTC))


@routes.get("/v1/demands/{demand}/trail", response_model_exclude_none=True, summary="全程轨迹 · Its trail")
async def trail(demand: DemandId, scope: ScopeDep, rooms: RoomsDep, response: Response, min_version: MinVersion = None) -> TrailOut:
    """每一步：何时、何人、何事、为何，附哈希链与各节点持有时段。

    Every step: when, who, what and why, with the hash chain and who held the demand from when to when.
    """
    parse_demand_id(demand)
    if min_version is not None:
        await awaited(rooms, scope, demand, min_version)
    with database_errors():
        entries = await rooms.views.entries(scope, demand)
        if entries is None:
            raise NotFound("demand_not_found")
        history = await read_trail(entries, rooms.keys, reads_text=scope.reads_text)
    shown = trail_out(demand, history, rooms.follower.directory.networks.get(scope.network))
    response.headers["ETag"] = etag(shown.version)
    return shown


@routes.get("/v1/changes", summary="变化 · Changes")
async def changes(scope: ScopeDep, rooms: RoomsDep, after: Cursor = None, limit: Limit = DEFAULT_LIMIT) -> ChangeList:
    """按流顺序列出可见变化；游标在视图重建后仍有效。一页可以为空而 `more` 为真：从 `next` 继续。

    Visible changes in stream order; cursors stay valid across rebuilds. A page may be empty while `more` is true: go on from `next`.
    """
    with database_errors():
        page = await rooms.views.changes(scope, decode_places(after), limit=limit)
    return ChangeList(items=[change_out(item) for item in page.items], next=page.next, more=page.more)


@routes.get("/v1/changes/stream", response_class=EventSourceResponse, summary="变化（实时）· Changes, live")
async def change_stream(
    request: Request,
    caller: CallerDep,
    rooms: RoomsDep,
    places: PlacesDep,
) -> AsyncIterable[ServerSentEvent]:
    """Server-Sent Events：每件事件的 id 是游标，断线后用 `Last-Event-ID` 接续；两者皆无则从现在开始。

    Server-sent events; an event's id is the cursor to go on from (`Last-Event-ID` or `after`); with neither the stream begins now.
    """
    yield ServerSentEvent(comment="liandong", retry=1_000)
    while not await request.is_disconnected():
        rung = rooms.bell.listen()
        scope = _still(caller, rooms)
        if scope is None:
            return
        try:
            with database_errors():
                page = await rooms.views.changes(scope, places, limit=MAX_LIMIT)
        except Unavailable:
            await heard(rung, POLL_SECONDS)
            continue
        for item in page.items:
            yield ServerSentEvent(data=change_out(item).model_dump(mode="json"), event="change", id=item.cursor)
        places = decode_places(page.next)
        if not page.more:
            await heard(rung, POLL_SECONDS)


def _still(caller: Caller, rooms: Rooms) -> Scope | None:
    """Rights of a caller who has been listening for a while; None if the key is not valid any more."""
    if not rooms.follower.ready:
        return None
    directory = rooms.follower.directory
    credential = directory.credentials.get(caller.key_id)
    if credential is None or credential.revoked or (credential.expires is not None and credential.expires <= datetime.now(UTC)):
        return None
    return scope_of(caller, directory)


async def awaited(rooms: Rooms, scope: Scope, demand: str, min_version: int | None) -> Found:
    """The demand, at `min_version` or later if given. Raises NotFound, Unavailable view_behind after five seconds."""
    loop = asyncio.get_running_loop()
    end = loop.time() + (WAIT_SECONDS if min_version is not None else 0)
    while True:
        rung = rooms.bell.listen()
        with database_errors():
            found = await rooms.views.demand(scope, demand)
        if found is not None and found.row.version >= (min_version or 0):
            return found
        left = end - loop.time()
        if left <= 0:
            if found is None:
                raise NotFound("demand_not_found")
            raise ViewBehind("the view has not reached this version")
        await heard(rung, min(left, POLL_SECONDS))


class ViewBehind(Unavailable):
    """The view has not reached the version that was asked for."""

    code = "view_behind"


def utc(moment: datetime | None, name: str) -> datetime | None:
    """A moment of the query in UTC. Raises Refused invalid_parameter beyond the calendar."""
    try:
        return None if moment is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise Refused("invalid_parameter", field=name) from error
