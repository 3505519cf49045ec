"""HTTP of intake: partners' commands in, receipts out. No rules here."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic_core import to_json

from libs.chassis.auth import Caller, require_role
from libs.chassis.caller import IncomingDep, LinkedIncomingDep
from libs.chassis.command_route import CommandRoute
from libs.chassis.commands import Seal, actor_of, trace_headers
from libs.chassis.http import IfMatch
from libs.demand import Standing, Timing
from libs.events.names import enterprise_id
from services.intake.codes import check_codes
from services.intake.commanding import SUBMITTERS, DemandId, documented, receipt, rooms_of, run
from services.intake.domain import Command, CorrectDemand, SupplementDemand, WithdrawDemand
from services.intake.rooms import Rooms
from services.intake.shapes import CorrectionInput, DemandInput, SupplementInput, WithdrawalInput
from services.intake.submission import network_of, submit

routes = APIRouter(tags=["受理 · intake"])
submissions = APIRouter(tags=["受理 · intake"], route_class=CommandRoute)


@submissions.post("/v1/demands", status_code=201, responses=documented(), summary="提出诉求 · Submit a demand")
async def submit_demand(body: DemandInput, incoming: IncomingDep) -> Response:
    """一点提问：提交即持久保存；同一 Idempotency-Key 重复提交返回同一结果。

    Durable when answered. Repeating the same Idempotency-Key returns the first answer; with another body it is refused (422).
    """
    rooms, caller = rooms_of(incoming), incoming.caller
    require_role(caller, *SUBMITTERS)
    directory = rooms.follower.directory
    done = await submit(rooms.desk, rooms.pool, directory, rooms.salt, caller, actor_of(caller), incoming.key, body, trace_headers())
    return receipt(rooms, done)


@routes.post("/v1/demands/{demand}/supplements", status_code=201, responses=documented(), summary="补充情况 · Supplement")
async def supplement(demand: DemandId, body: SupplementInput, incoming: LinkedIncomingDep, if_match: IfMatch = None) -> Response:
    """对未办结的诉求补充情况。 Add information to an open demand."""

    def command(by: Standing, _timing: Timing, seal: Seal) -> Command:
        return SupplementDemand(by, seal("note", body.note))

    return await run(incoming, "SupplementDemand", demand, if_match, body, command)


@routes.post("/v1/demands/{demand}/corrections", status_code=201, responses=documented(), summary="更正诉求 · Correct")
async def correct(demand: DemandId, body: CorrectionInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """签收前更正；改动地区、类别、载体或行业会收回当前派单并重新派单。改为更紧急的，未到的时限随之提前；改为较缓的，时限不变。

    Possible until a node has accepted. A change of region, category, carrier or industry recalls the assignment and routes again. A more
    urgent class brings open deadlines forward, counted from the correction; a less urgent one moves none.
    """
    rooms, caller = rooms_of(incoming), incoming.caller

    def command(by: Standing, timing: Timing, seal: Seal) -> Command:
        codes = check_codes(network_of(rooms.follower.directory, caller), body)
        requester = to_json(body.requester).decode() if body.requester is not None else None
        return CorrectDemand(
            by,
            timing,
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

    return await run(incoming, "CorrectDemand", demand, if_match, body, command)


@routes.post("/v1/demands/{demand}/withdrawal", status_code=201, responses=documented(), summary="撤回诉求 · Withdraw")
async def withdraw(demand: DemandId, body: WithdrawalInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """撤回未办结的诉求。 Take an open demand back."""

    def command(by: Standing, timing: Timing, seal: Seal) -> Command:
        return WithdrawDemand(by, timing, seal("reason", body.reason) if body.reason is not None else None)

    return await run(incoming, "WithdrawDemand", demand, if_match, body, command)


def _enterprise(rooms: Rooms, caller: Caller, body: CorrectionInput) -> str | None:
    if body.requester is None:
        return None
    return enterprise_id(caller.network or "", salt=rooms.salt, uscc=body.requester.uscc)
