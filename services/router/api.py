"""HTTP of the router: what a node does with an assignment. No rules here."""

from __future__ import annotations

from fastapi import APIRouter, Response

from libs.chassis.caller import IncomingDep
from libs.chassis.commands import Seal
from libs.chassis.http import IfMatch
from libs.demand import DemandState, Standing, Timing
from libs.events import SplitPart
from services.router.commanding import AssignmentId, DemandId, documented, run
from services.router.domain import (
    AcceptAssignment,
    ForwardAssignment,
    NameHandler,
    NodeCommand,
    RecordService,
    ReportProgress,
    RequestAssistance,
    RequestCompletion,
    RequestExtension,
    ResolveDemand,
    ReturnAssignment,
    SplitDemand,
    TakeBackAct,
)
from services.router.inputs import (
    AssistanceInput,
    CompletionRequestInput,
    ExtensionInput,
    ForwardInput,
    HandlerInput,
    NothingInput,
    ProgressInput,
    ResolutionInput,
    ReturnInput,
    ServiceInput,
    SplitInput,
)
from services.router.splitting import part_id

routes = APIRouter(prefix="/v1/demands/{demand}/assignments/{assignment}", tags=["派单 · assignments"])
NOTHING = NothingInput()


@routes.post("/acceptance", status_code=201, responses=documented(), summary="签收 · Accept")
async def accept_assignment(
    demand: DemandId, assignment: AssignmentId, incoming: IncomingDep, body: NothingInput | None = None, if_match: IfMatch = None
) -> Response:
    """承办节点签收派单。 The node accepts its assignment."""

    def command(_state: DemandState, by: Standing, timing: Timing, _seal: Seal) -> NodeCommand:
        return AcceptAssignment(assignment, by, timing)

    return await run(incoming, "AcceptAssignment", demand, if_match, body or NOTHING, command, place=assignment)


@routes.post("/return", status_code=201, responses=documented(), summary="退回 · Return")
async def return_assignment(
    demand: DemandId, assignment: AssignmentId, body: ReturnInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """退回派单须有原因代码；诉求随即改派下一个节点，退回次数满后再退则提请裁定。节点退回的是派单，不是诉求。

    Return an assignment with a coded reason; the demand goes to the next candidate, and once the network's return budget is used up, the
    next return opens arbitration. A node refuses an assignment, never the demand.
    """

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> NodeCommand:
        note = seal("note", body.note) if body.note is not None else None
        return ReturnAssignment(assignment, by, timing, body.reason, body.clause, note)

    return await run(incoming, "ReturnAssignment", demand, if_match, body, command, place=assignment)


@routes.post("/forwarding", status_code=201, responses=documented(), summary="转办 · Forward")
async def forward_assignment(
    demand: DemandId, assignment: AssignmentId, body: ForwardInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """转办给其他节点，诉求时钟不重置；转给办理过的节点则提请裁定。

    Hand the demand to another node; the demand clock runs on. To a node that had it before: arbitration.
    """

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> NodeCommand:
        note = seal("note", body.note) if body.note is not None else None
        return ForwardAssignment(assignment, body.to, body.reason, by, timing, note)

    return await run(incoming, "ForwardAssignment", demand, if_match, body, command, place=assignment)


@routes.post("/take-back", status_code=201, responses=documented(), summary="撤销操作 · Take an act back")
async def take_back(
    demand: DemandId, assignment: AssignmentId, incoming: IncomingDep, body: NothingInput | None = None, if_match: IfMatch = None
) -> Response:
    """十分钟内撤销本节点的签收、退回或办结，他人尚未操作时有效。

    Take the node's own accept, return or resolution back within ten minutes, if nobody acted on it.
    """

    def command(_state: DemandState, by: Standing, timing: Timing, _seal: Seal) -> NodeCommand:
        return TakeBackAct(assignment, by, timing)

    return await run(incoming, "TakeBackAct", demand, if_match, body or NOTHING, command, place=assignment)


@routes.post("/handler", status_code=201, responses=documented(), summary="确定经办人 · Name the handler")
async def name_handler(
    demand: DemandId, assignment: AssignmentId, body: HandlerInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """确定节点内经办人和代办人。 Name who handles it inside the node, and who stands in."""

    def command(_state: DemandState, by: Standing, _timing: Timing, _seal: Seal) -> NodeCommand:
        return NameHandler(assignment, body.handler, by, body.stand_in, body.absent_until)

    return await run(incoming, "NameHandler", demand, if_match, body, command, place=assignment)


@routes.post("/progress", status_code=201, responses=documented(), summary="报告进展 · Report progress")
async def report_progress(
    demand: DemandId, assignment: AssignmentId, body: ProgressInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """签收后报告办理进展。 Tell how far it is, once accepted."""

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> NodeCommand:
        return ReportProgress(assignment, by, timing, seal("note", body.note))

    return await run(incoming, "ReportProgress", demand, if_match, body, command, place=assignment)


@routes.post("/services", status_code=201, responses=documented(), summary="服务记录 · Record a service")
async def record_service(
    demand: DemandId, assignment: AssignmentId, body: ServiceInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """记录一次服务：线上或线下，公益、低收费或市场，服务机构，服务券。

    Record a service: online or offline, welfare, low fee or market, the organisation, the voucher.
    """

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> NodeCommand:
        note = seal("note", body.note) if body.note is not None else None
        return RecordService(assignment, by, timing, body.mode, body.fee, body.organisation, body.voucher, body.given_on, note)

    return await run(incoming, "RecordService", demand, if_match, body, command, place=assignment)


@routes.post("/completion-request", status_code=201, responses=documented(), summary="请企业补正 · Ask for completion")
async def request_completion(
    demand: DemandId, assignment: AssignmentId, body: CompletionRequestInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """请企业补正，净时钟暂停。 Ask the enterprise for what is missing; the net clock pauses."""

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> NodeCommand:
        return RequestCompletion(assignment, by, timing, seal("note", body.note))

    return await run(incoming, "RequestCompletion", demand, if_match, body, command, place=assignment)


@routes.post("/extension", status_code=201, responses=documented(), summary="申请延期 · Ask for an extension")
async def request_extension(
    demand: DemandId, assignment: AssignmentId, body: ExtensionInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """申请延期，须在到期前至少一个工作日，由上级审批。 Ask for more time, early enough; a supervisor decides."""

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> NodeCommand:
        return RequestExtension(assignment, body.span, by, timing, seal("note", body.note))

    return await run(incoming, "RequestExtension", demand, if_match, body, command, place=assignment)


@routes.post("/assistances", status_code=201, responses=documented(), summary="请求协办 · Ask for assistance")
async def request_assistance(
    demand: DemandId, assignment: AssignmentId, body: AssistanceInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """主办请其他节点协办，主办仍负责到底。 The lead asks another node to assist and stays accountable."""

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> NodeCommand:
        return RequestAssistance(assignment, body.node, by, timing, seal("note", body.note))

    return await run(incoming, "RequestAssistance", demand, if_match, body, command, place=assignment)


@routes.post("/split", status_code=201, responses=documented(), summary="拆分 · Split")
async def split_demand(
    demand: DemandId, assignment: AssignmentId, body: SplitInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """拆分成若干分项，各自派单、各自计时；拆分者负责整体。

    Split into parts, each routed and timed by itself; the splitter holds the whole.
    """

    def command(state: DemandState, by: Standing, _timing: Timing, seal: Seal) -> NodeCommand:
        parts = tuple(
            SplitPart(
                part=f"p{number}",
                demand=part_id(demand, f"p{number}"),
                category=part.category,
                region=part.region or state.region,
                carrier=part.carrier if part.carrier is not None or part.region is not None else state.carrier,
                industry=part.industry or state.industry,
                title=seal(f"parts.p{number}.title", part.title),
                description=seal(f"parts.p{number}.description", part.description),
            )
            for number, part in enumerate(body.parts, 1)
        )
        return SplitDemand(assignment, by, body.join, parts)

    return await run(incoming, "SplitDemand", demand, if_match, body, command, place=assignment)


@routes.post("/resolution", status_code=201, responses=documented(), summary="办结 · Resolve")
async def resolve_demand(
    demand: DemandId, assignment: AssignmentId, body: ResolutionInput, incoming: IncomingDep, if_match: IfMatch = None
) -> Response:
    """办结诉求，给出结果代码、说明和佐证；等待企业确认。

    Finish with a coded result, what was done and evidence; the enterprise's confirmation is waited for.
    """

    def command(_state: DemandState, by: Standing, timing: Timing, seal: Seal) -> NodeCommand:
        return ResolveDemand(assignment, by, timing, body.result, seal("note", body.note), body.evidence)

    return await run(incoming, "ResolveDemand", demand, if_match, body, command, place=assignment)
