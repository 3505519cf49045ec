"""HTTP and work of erasure: one person asks, another approves, the key is destroyed, and what it opened is gone for good.

The order is: the ledger (PRIVACY) first, then PersonalDataErased on the demand, then key and files. Whatever dies in between, the ledger
is read at every start, before anything is served, and finishes what it orders.
"""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response
from sqlalchemy import ARRAY, TEXT, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.auth import require_role, standing_of
from libs.chassis.caller import IncomingDep
from libs.chassis.commands import Seal
from libs.chassis.database import transaction
from libs.chassis.http import IfMatch
from libs.demand import DemandState, Standing, Timing
from libs.events.execute import Done
from libs.events.names import command_id
from libs.events.privacy import Erasure, PrivacyLedger
from services.router.commanding import SUPERVISING, DemandId, documented, receipt, run, see
from services.router.domain import ApproveErasure, HubCommand, RequestErasure, decide
from services.router.files import FileStore
from services.router.inputs import ErasureInput, NothingInput
from services.router.rooms import Rooms

routes = APIRouter(prefix="/v1/demands/{demand}/erasure", tags=["个人信息 · personal data"])
_DESTROY: Final = text("delete from keyring.data_key where key_id = any(:keys)").bindparams(bindparam("keys", type_=ARRAY(TEXT)))


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
    caller = incoming.caller
    require_role(caller, *SUPERVISING)
    fold = await see(rooms, caller, demand)
    order = Erasure(demand, fold.state.key_id, fold.state.erasure_asked_by or "", caller.party, rooms.desk.now().isoformat())
    if fold.state.erased and command_id(demand, "ApproveErasure", caller.party, incoming.key) in fold.commands:
        await _carry_out(rooms, order)  # the first attempt may have ended before it
        return receipt(Done(fold, None, fold.seq, replayed=True), demand)  # its request can no longer be compared: the key is gone
    decide(fold.state, ApproveErasure(standing_of(caller, rooms.follower.directory)))
    await rooms.ledger.record(order)

    def command(_state: DemandState, by: Standing, _timing: Timing, _seal: Seal) -> HubCommand:
        return ApproveErasure(by)

    answer = await run(incoming, "ApproveErasure", demand, if_match, body or NothingInput(), command, roles=SUPERVISING)
    await _carry_out(rooms, order)
    return answer


async def _carry_out(rooms: Rooms, order: Erasure) -> None:
    await destroy(rooms.engine, rooms.files, [order])
    rooms.desk.keys.forget(order.key)


async def destroy(engine: AsyncEngine, files: FileStore, orders: list[Erasure]) -> None:
    """Destroy the keys and files these orders name; what is gone already stays gone. Raises Unavailable."""
    async with transaction(engine) as connection:
        await connection.execute(_DESTROY, {"keys": [order.key for order in orders]})
    await files.delete_all([order.demand for order in orders])


async def reapply(ledger: PrivacyLedger, engine: AsyncEngine, files: FileStore) -> int:
    """Carry out every order again, before anything is served: a restored backup may have brought keys back. Returns their number."""
    orders = await ledger.orders()
    if orders:
        await destroy(engine, files, orders)
    return len(orders)
