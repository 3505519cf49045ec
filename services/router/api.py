"""HTTP of the router: what a node does with an assignment. No rules here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel
from pydantic_core import to_json

from libs.chassis.auth import Caller, may_act_for, require_role, sees_demand
from libs.chassis.caller import Incoming, IncomingDep
from libs.chassis.commands import CommandCall, Seal, run_command, trace_headers
from libs.chassis.http import IfMatch, etag
from libs.chassis.problems import PROBLEM_RESPONSES
from libs.demand import DemandState
from libs.directory import Directory
from libs.events import Actor, Event, NotFound, Role
from libs.events.execute import Done
from services.router.domain import AcceptAssignment, NodeCommand, ReportProgress, ResolveDemand, ReturnAssignment, decide
from services.router.rooms import Rooms
from services.router.shapes import AcceptanceInput, AssignmentReceipt, ProgressInput, ResolutionInput, ReturnInput

ACTING: Final[tuple[Role, ...]] = ("clerk", "coordinator")
DemandId = Annotated[str, Path(description="诉求号 · demand id", max_length=80)]
AssignmentId = Annotated[str, Path(description="派单号 · assignment id", max_length=16, examples=["a1"])]
MakeCommand = Callable[[bool, Seal], NodeCommand]

routes = APIRouter(tags=["派单 · assignments"])


async def _rooms(request: Request) -> Rooms:
    rooms: Rooms = request.app.state.rooms
    return rooms


RoomsDep = Annotated[Rooms, Depends(_rooms)]


class _Asked(BaseModel):
    """What makes two requests the same: the assignment belongs to it, because it is not in the body."""

    assignment: str
    body: dict[str, Any]


def _documented() -> dict[int | str, dict[str, Any]]:
    replay = {
        "model": AssignmentReceipt,
        "description": "重复提交，返回首次结果 · a replay (`Idempotent-Replay: true`)",
    }
    return {**PROBLEM_RESPONSES, 201: {"model": AssignmentReceipt, "description": "已办理 · done"}, 200: replay}


@routes.post("/v1/demands/{demand}/assignments/{assignment}/acceptance", status_code=201, responses=_documented(), summary="签收 · Accept")
async def accept_assignment(
    demand: DemandId,
    assignment: AssignmentId,
    incoming: IncomingDep,
    body: AcceptanceInput | None = None,
    if_match: IfMatch = None,
) -> Response:
    """承办节点签收派单。 The node accepts its assignment."""

    def command(acting_for: bool, _seal: Seal) -> NodeCommand:
        return AcceptAssignment(assignment, acting_for)

    return await _run(incoming, "AcceptAssignment", demand, assignment, if_match, body or AcceptanceInput(), command)


@routes.post("/v1/demands/{demand}/assignments/{assignment}/return", status_code=201, responses=_documented(), summary="退回 · Return")
async def return_assignment(
    demand: DemandId,
    assignment: AssignmentId,
    body: ReturnInput,
    incoming: IncomingDep,
    if_match: IfMatch = None,
) -> Response:
    """退回派单须有原因代码；诉求随即改派下一个节点。节点退回的是派单，不是诉求。

    Return an assignment with a coded reason; the demand goes to the next candidate. A node refuses an assignment, never the demand.
    """

    def command(acting_for: bool, seal: Seal) -> NodeCommand:
        note = seal("note", body.note) if body.note is not None else None
        return ReturnAssignment(assignment, acting_for, body.reason, body.clause, note)

    return await _run(incoming, "ReturnAssignment", demand, assignment, if_match, body, command)


@routes.post(
    "/v1/demands/{demand}/assignments/{assignment}/progress", status_code=201, responses=_documented(), summary="报告进展 · Report progress"
)
async def report_progress(
    demand: DemandId,
    assignment: AssignmentId,
    body: ProgressInput,
    incoming: IncomingDep,
    if_match: IfMatch = None,
) -> Response:
    """签收后报告办理进展。 Tell how far it is, once accepted."""

    def command(acting_for: bool, seal: Seal) -> NodeCommand:
        return ReportProgress(assignment, acting_for, seal("note", body.note))

    return await _run(incoming, "ReportProgress", demand, assignment, if_match, body, command)


@routes.post("/v1/demands/{demand}/assignments/{assignment}/resolution", status_code=201, responses=_documented(), summary="办结 · Resolve")
async def resolve_demand(
    demand: DemandId,
    assignment: AssignmentId,
    body: ResolutionInput,
    incoming: IncomingDep,
    if_match: IfMatch = None,
) -> Response:
    """办结诉求，给出结果代码和说明。 Finish the demand with a coded result and what was done."""

    def command(acting_for: bool, seal: Seal) -> NodeCommand:
        return ResolveDemand(assignment, acting_for, body.result, seal("note", body.note))

    return await _run(incoming, "ResolveDemand", demand, assignment, if_match, body, command)


def require_visible(caller: Caller, directory: Directory, state: DemandState) -> None:
    """Let pass who may know the demand: its submitter, nodes that hold or held it, hubs above them. Raises NotFound for anybody else."""
    nodes = frozenset((state.desk, *(assignment.node for assignment in state.assignments)))
    if not sees_demand(caller, directory, network=state.network, party=state.party, nodes=nodes):
        raise NotFound("demand_not_found")


async def _run(
    incoming: Incoming,
    name: str,
    demand: str,
    assignment: str,
    if_match: int | None,
    body: BaseModel,
    make: MakeCommand,
) -> Response:
    rooms: Rooms = incoming.state.rooms
    caller, directory = incoming.caller, rooms.follower.directory
    require_role(caller, *ACTING)

    def authorise(state: DemandState) -> None:
        require_visible(caller, directory, state)

    def events(state: DemandState, seal: Seal) -> Sequence[Event]:
        found = state.assignment(assignment)
        acting_for = found is not None and may_act_for(caller, directory, state.network, found.node)
        return decide(state, make(acting_for, seal))

    actor = Actor(kind="person", id=caller.party, role=caller.role, node=caller.node)
    asked = _Asked(assignment=assignment, body=body.model_dump(mode="json", exclude_none=True))
    call = CommandCall(demand, name, caller.party, actor, incoming.key, asked, if_match, trace_headers())
    return _receipt(await run_command(rooms.desk, call, authorise=authorise, decide=events), assignment)


def _receipt(done: Done[DemandState], assignment: str) -> Response:
    assert done.commit is not None
    assert done.fold.state.status is not None
    found = done.fold.state.assignment(assignment)
    assert found is not None
    answer = AssignmentReceipt(
        id=done.commit.entity,
        version=done.commit.version,
        status=done.fold.state.status.value,
        assignment=assignment,
        node=found.node,
    )
    headers = {"ETag": etag(answer.version)}
    if done.replayed:
        headers["Idempotent-Replay"] = "true"
    return Response(to_json(answer), status_code=200 if done.replayed else 201, headers=headers, media_type="application/json")
