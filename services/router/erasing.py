"""HTTP of erasure: one person asks, another approves, and what was said can never be read again. How: `services.router.destroying`."""

from __future__ import annotations

from fastapi import APIRouter, Response

from libs.chassis.auth import require_role
from libs.chassis.caller import IncomingDep
from libs.chassis.commands import Seal
from libs.chassis.http import IfMatch
from libs.demand import DemandState, Standing, Timing
from libs.events import Refused
from libs.events.execute import Done
from libs.events.names import command_id
from services.router.commanding import SUPERVISING, DemandId, documented, receipt, run, see
from services.router.destroying import Destruction, running_parts
from services.router.domain import ApproveErasure, HubCommand, RequestErasure
from services.router.inputs import ErasureInput, NothingInput
from services.router.rooms import Rooms

routes = APIRouter(prefix="/v1/demands/{demand}/erasure", tags=["个人信息 · personal data"])


@routes.post("", status_code=201, responses=documented(), summary="申请删除个人信息 · Ask for erasure")
async def request_erasure(demand: DemandId, body: ErasureInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """对已结束的诉求申请删除个人信息，须由另一人批准。 For a demand that has ended; another person has to approve."""

    def command(_state: DemandState, by: Standing, _timing: Timing, _seal: Seal) -> HubCommand:
        return RequestErasure(body.reason, by)

    return await run(incoming, "RequestErasure", demand, if_match, body, command, roles=SUPERVISING)


@routes.post("/approval", status_code=201, responses=documented(), summary="批准删除个人信息 · Approve erasure")
async def approve_erasure(demand: DemandId, incoming: IncomingDep, body: NothingInput | None = None, if_match: IfMatch = None) -> Response:
    """另一人批准后销毁密钥：文字和材料再也无法读取，过程和证明仍可核验。

    Another person approves; the key is destroyed. Texts and files can never be read again, the course of the demand still verifies.
    """
    rooms: Rooms = incoming.state.rooms
    caller, desk = incoming.caller, rooms.desk
    require_role(caller, *SUPERVISING)
    running = await running_parts(desk.store, await see(rooms, caller, demand))

    def command(_state: DemandState, by: Standing, _timing: Timing, _seal: Seal) -> HubCommand:
        return ApproveErasure(by, running)

    try:
        answer = await run(incoming, "ApproveErasure", demand, if_match, body or NothingInput(), command, roles=SUPERVISING)
    except Refused:
        fold = await see(rooms, caller, demand)
        if not fold.state.erased or command_id(demand, "ApproveErasure", caller.party, incoming.key) not in fold.commands:
            raise
        # Approved before; its request can no longer be compared, and what was broken off then is finished now.
        answer = receipt(Done(fold, None, fold.seq, replayed=True), demand)
    await Destruction(desk.store, rooms.ledger, rooms.engine, rooms.files, desk.keys, desk.now).carry_out(demand)
    return answer
