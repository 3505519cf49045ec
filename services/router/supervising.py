"""HTTP of the router: what hubs and the bureau do with a demand: classify, refuse, merge, arbitrate, approve, supervise, call back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Response

from libs.chassis.auth import require_role
from libs.chassis.caller import IncomingDep
from libs.chassis.commands import Seal
from libs.chassis.http import IfMatch
from libs.demand import DemandState, Standing, Timing
from services.router.commanding import ACTING, SUPERVISING, DemandId, documented, run, see
from services.router.domain import (
    ArbitrateAssignment,
    CloseSupervision,
    DecideComplaint,
    DecideDispute,
    DecideExtension,
    HubCommand,
    MergeDemand,
    NodeCommand,
    OpenSupervision,
    ReclassifyDemand,
    RecordFollowUp,
    RefuseDemand,
    ResumeDemand,
    SuspendDemand,
    UnmergeDemand,
)
from services.router.inputs import (
    ArbitrationInput,
    ClassificationInput,
    DecisionInput,
    DisputeDecisionInput,
    FindingInput,
    FollowUpInput,
    MergeInput,
    NoteInput,
    NothingInput,
    RefusalInput,
    SuspensionInput,
)
from services.router.rooms import Rooms

routes = APIRouter(prefix="/v1/demands/{demand}", tags=["枢纽 · hubs"])
SupervisionId = Annotated[str, Path(description="督办号 · supervision id", max_length=16, examples=["v1"])]
ComplaintId = Annotated[str, Path(description="投诉号 · complaint id", max_length=16, examples=["c1"])]


@routes.post("/classification", status_code=201, responses=documented(), summary="人工研判 · Classify")
async def classify(demand: DemandId, body: ClassificationInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """由枢纽归类；改变类别会重新派单，已承诺的时限不变。

    A hub puts the demand into a category. A change routes it again; what was promised stays promised.
    """

    def command(_state: DemandState, by: Standing, timing: Timing, _seal: Seal) -> HubCommand:
        return ReclassifyDemand(body.category, by, timing)

    return await run(incoming, "ReclassifyDemand", demand, if_match, body, command, roles=("coordinator",))


@routes.post("/refusal", status_code=201, responses=documented(), summary="不予受理 · Refuse")
async def refuse(demand: DemandId, body: RefusalInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """枢纽不予受理，须有原因并告知企业下一步。 A hub does not take it on: a coded reason and the enterprise's next step."""

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> HubCommand:
        return RefuseDemand(body.reason, seal("next_step", body.next_step), by, timing)

    return await run(incoming, "RefuseDemand", demand, if_match, body, command, roles=SUPERVISING)


@routes.post("/merge", status_code=201, responses=documented(), summary="合并 · Merge")
async def merge(demand: DemandId, body: MergeInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """并入同一企业更早的诉求；双方历史都保留。 Merge into an older demand of the same enterprise; both histories stay."""
    rooms: Rooms = incoming.state.rooms
    require_role(incoming.caller, *ACTING)
    target = (await see(rooms, incoming.caller, body.into)).state

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> HubCommand:
        note = seal("note", body.note) if body.note is not None else None
        return MergeDemand(demand, body.into, target, by, timing, note)

    return await run(incoming, "MergeDemand", demand, if_match, body, command)


@routes.post("/unmerge", status_code=201, responses=documented(), summary="撤销合并 · Undo a merge")
async def unmerge(demand: DemandId, incoming: IncomingDep, body: NothingInput | None = None, if_match: IfMatch = None) -> Response:
    """撤销合并，重新派单。 Undo the merge; the demand is routed again."""

    def command(_state: DemandState, by: Standing, _timing: Timing, _seal: Seal) -> HubCommand:
        return UnmergeDemand("by_person", by)

    return await run(incoming, "UnmergeDemand", demand, if_match, body or NothingInput(), command)


@routes.post("/arbitration", status_code=201, responses=documented(), summary="裁定 · Arbitrate")
async def arbitrate(demand: DemandId, body: ArbitrationInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """共同上级裁定承办节点，当日作出，有约束力；当事方不能裁定。

    The lowest common supervisor names who handles it, the same working day, binding; a party never arbitrates.
    """

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> HubCommand:
        return ArbitrateAssignment(body.node, seal("note", body.note), by, timing)

    return await run(incoming, "ArbitrateAssignment", demand, if_match, body, command, roles=SUPERVISING)


@routes.post("/suspension", status_code=201, responses=documented(), summary="批准中止 · Suspend")
async def suspend(demand: DemandId, body: SuspensionInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """上级批准中止，净时钟暂停，合计不超过规定时长。 A supervisor approves a suspension; all pauses together are limited."""

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> HubCommand:
        return SuspendDemand(body.reason, body.until, by, timing, seal("note", body.note))

    return await run(incoming, "SuspendDemand", demand, if_match, body, command, roles=SUPERVISING)


@routes.post("/resumption", status_code=201, responses=documented(), summary="恢复办理 · Resume")
async def resume(demand: DemandId, incoming: IncomingDep, body: NothingInput | None = None, if_match: IfMatch = None) -> Response:
    """提前恢复办理。 Go on before the pause is over."""

    def command(_state: DemandState, by: Standing, timing: Timing, _seal: Seal) -> NodeCommand:
        return ResumeDemand(by, timing)

    return await run(incoming, "ResumeDemand", demand, if_match, body or NothingInput(), command, roles=("clerk", "coordinator", "bureau"))


@routes.post("/extension/decision", status_code=201, responses=documented(), summary="审批延期 · Decide on an extension")
async def decide_extension(demand: DemandId, body: DecisionInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """上级同意或不同意延期；承办节点不能自批。 A supervisor of the holder decides, never the holder."""

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> HubCommand:
        return DecideExtension(body.granted, by, timing, seal("note", body.note) if body.note is not None else None)

    return await run(incoming, "DecideExtension", demand, if_match, body, command, roles=SUPERVISING)


@routes.post("/supervisions", status_code=201, responses=documented(), summary="督办 · Supervise")
async def open_supervision(demand: DemandId, body: NoteInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """上级督办。 A person above the holder takes the demand under supervision."""

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> HubCommand:
        return OpenSupervision(by, timing, seal("note", body.note))

    return await run(incoming, "OpenSupervision", demand, if_match, body, command, roles=SUPERVISING)


@routes.post("/supervisions/{supervision}/closing", status_code=201, responses=documented(), summary="结束督办 · End a supervision")
async def close_supervision(
    demand: DemandId, supervision: SupervisionId, body: NoteInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """结束督办。 The supervision ends."""

    def command(_state: DemandState, by: Standing, _timing: Timing, seal: Seal) -> HubCommand:
        return CloseSupervision(supervision, by, seal("note", body.note))

    return await run(incoming, "CloseSupervision", demand, if_match, body, command, place=supervision, roles=SUPERVISING)


@routes.post("/dispute/decision", status_code=201, responses=documented(), summary="处理异议 · Decide a dispute")
async def decide_dispute(demand: DemandId, body: DisputeDecisionInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """上级处理企业异议：重办或维持。 A supervisor of who resolved it upholds or rejects the dispute."""

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> HubCommand:
        return DecideDispute(body.upheld, body.same_node, by, timing, seal("note", body.note))

    return await run(incoming, "DecideDispute", demand, if_match, body, command, roles=SUPERVISING)


@routes.post("/follow-up", status_code=201, responses=documented(), summary="回访 · Call back")
async def record_follow_up(demand: DemandId, body: FollowUpInput, incoming: IncomingDep, if_match: IfMatch = None) -> Response:
    """上级回访企业：确认、有异议或未联系上。 A supervisor's call-back: confirmed, disputed or unreachable."""

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> HubCommand:
        return RecordFollowUp(body.outcome, by, timing, seal("note", body.note) if body.note is not None else None)

    return await run(incoming, "RecordFollowUp", demand, if_match, body, command, roles=SUPERVISING)


@routes.post("/complaints/{complaint}/finding", status_code=201, responses=documented(), summary="核查投诉 · Decide a complaint")
async def decide_complaint(
    demand: DemandId, complaint: ComplaintId, body: FindingInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """被投诉节点的上级核查投诉。 A supervisor of the node finds the complaint true or unfounded."""

    def command(_state: DemandState, by: Standing, _timing: Timing, seal: Seal) -> HubCommand:
        return DecideComplaint(complaint, body.verified, by, seal("note", body.note))

    return await run(incoming, "DecideComplaint", demand, if_match, body, command, place=complaint, roles=SUPERVISING)
