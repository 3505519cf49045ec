"""HTTP of intake: partners' commands in, receipts out. No rules here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from pydantic import BaseModel
from pydantic_core import to_json

from libs.chassis.auth import Caller, require_role
from libs.chassis.caller import Incoming, IncomingDep
from libs.chassis.command_route import CommandRoute
from libs.chassis.commands import CommandCall, Seal, run_command, trace_headers
from libs.chassis.http import IfMatch
from libs.chassis.problems import PROBLEM_RESPONSES
from libs.demand import DemandState
from libs.events import Actor, Event, NotFound, Role
from libs.events.execute import Done
from libs.events.names import enterprise_id
from services.intake.codes import check_codes
from services.intake.domain import Command, CorrectDemand, SupplementDemand, WithdrawDemand, decide, require_submitter
from services.intake.rooms import Rooms
from services.intake.shapes import CorrectionInput, DemandInput, Receipt, SupplementInput, WithdrawalInput
from services.intake.submission import network_of, submit

SUBMITTERS: Final[tuple[Role, ...]] = ("partner", "clerk", "coordinator")
DemandId = Annotated[str, Path(description="诉求号 · demand id", max_length=80)]

routes = APIRouter(tags=["受理 · intake"])
submissions = APIRouter(tags=["受理 · intake"], route_class=CommandRoute)


def _rooms(incoming: Incoming) -> Rooms:
    rooms: Rooms = incoming.state.rooms
    return rooms


def _documented(status: int) -> dict[int | str, dict[str, Any]]:
    replay = {"model": Receipt, "description": "重复提交，返回首次结果 · a replay: the first answer again (`Idempotent-Replay: true`)"}
    return {**PROBLEM_RESPONSES, status: {"model": Receipt, "description": "已受理 · accepted"}, 200: replay}


@submissions.post("/v1/demands", status_code=201, responses=_documented(201), summary="提出诉求 · Submit a demand")
async def submit_demand(body: DemandInput, incoming: IncomingDep) -> Response:
    """一点提问：提交即持久保存；同一 Idempotency-Key 重复提交返回同一结果。

    Durable when answered. Repeating the same Idempotency-Key returns the first answer; with another body it is refused (422).
    """
    rooms, caller = _rooms(incoming), incoming.caller
    require_role(caller, *SUBMITTERS)
    directory = rooms.follower.directory
    done = await submit(rooms.desk, rooms.pool, directory, rooms.salt, caller, actor_of(caller), incoming.key, body, trace_headers())
    return _receipt(rooms, done)


@routes.post("/v1/demands/{demand}/supplements", status_code=201, responses=_documented(201), summary="补充情况 · Supplement")
async def supplement(demand: DemandId, body: SupplementInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """对未办结的诉求补充情况。 Add information to an open demand."""

    def command(seal: Seal) -> Command:
        return SupplementDemand(incoming.caller.party, seal("note", body.note))

    return await _run(incoming, "SupplementDemand", demand, if_match, body, command)


@routes.post("/v1/demands/{demand}/corrections", status_code=201, responses=_documented(201), summary="更正诉求 · Correct")
async def correct(demand: DemandId, body: CorrectionInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """签收前更正；改动地区、类别、载体或行业会收回当前派单并重新派单。

    Possible until a node has accepted. A change of region, category, carrier or industry recalls the assignment and routes again.
    """
    rooms, caller = _rooms(incoming), incoming.caller

    def command(seal: Seal) -> Command:
        codes = check_codes(network_of(rooms.follower.directory, caller), body)
        requester = to_json(body.requester).decode() if body.requester is not None else None
        return CorrectDemand(
            caller.party,
            category=codes.category,
            region=codes.region,
            carrier=codes.carrier,
            industry=codes.industry,
            urgency=codes.urgency,
            title=seal("title", body.title) if body.title is not None else None,
            description=seal("description", body.description) if body.description is not None else None,
            requester=seal("requester", requester) if requester is not None else None,
            enterprise=_enterprise(rooms, caller, body),
        )

    return await _run(incoming, "CorrectDemand", demand, if_match, body, command)


@routes.post("/v1/demands/{demand}/withdrawal", status_code=201, responses=_documented(201), summary="撤回诉求 · Withdraw")
async def withdraw(demand: DemandId, body: WithdrawalInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """撤回未办结的诉求。 Take an open demand back."""

    def command(seal: Seal) -> Command:
        return WithdrawDemand(incoming.caller.party, seal("reason", body.reason) if body.reason is not None else None)

    return await _run(incoming, "WithdrawDemand", demand, if_match, body, command)


def actor_of(caller: Caller) -> Actor:
    """Who acts, by pseudonymous ids: the party behind the key, its role and node."""
    return Actor(kind="partner" if caller.role == "partner" else "person", id=caller.party, role=caller.role, node=caller.node)


def _enterprise(rooms: Rooms, caller: Caller, body: CorrectionInput) -> str | None:
    if body.requester is None:
        return None
    return enterprise_id(caller.network or "", salt=rooms.salt, uscc=body.requester.uscc)


async def _run(
    incoming: Incoming, name: str, demand: str, if_match: int | None, body: BaseModel, command: Callable[[Seal], Command]
) -> Response:
    rooms, caller = _rooms(incoming), incoming.caller
    require_role(caller, *SUBMITTERS)

    def authorise(state: DemandState) -> None:
        require_submitter(state, caller.party)
        if state.network != caller.network:
            raise NotFound("demand_not_found")

    def events(state: DemandState, seal: Seal) -> Sequence[Event]:
        return decide(command(seal), state)

    call = CommandCall(demand, name, caller.party, actor_of(caller), incoming.key, body, if_match, trace_headers())
    return _receipt(rooms, await run_command(rooms.desk, call, authorise=authorise, decide=events))


def _receipt(rooms: Rooms, done: Done[DemandState]) -> Response:
    assert done.commit is not None
    assert done.fold.state.status is not None
    demand, version = done.commit.entity, done.commit.version
    link = f"{rooms.tracker_url}/v1/demands/{demand}"
    body = {
        "id": demand,
        "version": version,
        "status": str(done.fold.state.status),
        "links": {"demand": link, "trail": f"{link}/trail"},
    }
    headers = {"Location": link, "ETag": f'"{version}"'}
    if done.replayed:
        headers["Idempotent-Replay"] = "true"
    return Response(to_json(body), status_code=200 if done.replayed else 201, headers=headers, media_type="application/json")
