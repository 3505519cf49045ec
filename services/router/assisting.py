"""HTTP of the router: what an assisting node does (协办). No rules here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from libs.chassis.caller import IncomingDep
from libs.chassis.commands import Seal
from libs.chassis.http import IfMatch
from libs.demand import DemandState, Standing, Timing
from services.router.commanding import DemandId, documented, run
from services.router.domain import AcceptAssistance, DeclineAssistance, DeliverAssistance, NodeCommand
from services.router.inputs import DeclineInput, DeliveryInput, NothingInput

AssistanceId = Annotated[str, Path(description="协办号 · assistance id", max_length=16, examples=["s1"])]

routes = APIRouter(prefix="/v1/demands/{demand}/assistances/{assistance}", tags=["协办 · assistance"])


@routes.post("/acceptance", status_code=201, responses=documented(), summary="同意协办 · Agree to assist")
async def accept_assistance(
    demand: DemandId, assistance: AssistanceId, incoming: IncomingDep, body: NothingInput | None = None, if_match: IfMatch = None
) -> Response:
    """协办节点同意协办。 The node agrees to assist."""

    def command(_state: DemandState, by: Standing, _timing: Timing, _seal: Seal) -> NodeCommand:
        return AcceptAssistance(assistance, by)

    return await run(incoming, "AcceptAssistance", demand, if_match, body or NothingInput(), command, place=assistance)


@routes.post("/decline", status_code=201, responses=documented(), summary="不能协办 · Decline to assist")
async def decline_assistance(
    demand: DemandId, assistance: AssistanceId, body: DeclineInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """说明不能协办的原因。 Decline with a coded reason."""

    def command(_state: DemandState, by: Standing, _timing: Timing, seal: Seal) -> NodeCommand:
        return DeclineAssistance(assistance, by, body.reason, seal("note", body.note) if body.note is not None else None)

    return await run(incoming, "DeclineAssistance", demand, if_match, body, command, place=assistance)


@routes.post("/delivery", status_code=201, responses=documented(), summary="完成协办 · Deliver")
async def deliver_assistance(
    demand: DemandId, assistance: AssistanceId, body: DeliveryInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """完成协办事项。 Deliver the share asked for."""

    def command(_state: DemandState, by: Standing, _timing: Timing, seal: Seal) -> NodeCommand:
        return DeliverAssistance(assistance, by, seal("note", body.note), body.evidence)

    return await run(incoming, "DeliverAssistance", demand, if_match, body, command, place=assistance)
