"""One command of the router from request to receipt: who asks, what it may see, what the rules say. Shared by all its routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import Depends, Path, Request, Response
from pydantic import BaseModel
from pydantic_core import to_json

from libs.chassis.auth import Caller, require_cell, require_link, require_role, sees_demand, standing_of
from libs.chassis.caller import Incoming
from libs.chassis.commands import CommandCall, Seal, actor_of, run_command, timing_of, trace_headers
from libs.chassis.http import etag
from libs.chassis.problems import PROBLEM_RESPONSES
from libs.demand import INITIAL, DemandState, Standing, Timing, evolve, public_due
from libs.demand.draft import Events
from libs.directory import Directory
from libs.events import Commit, NotFound, Role
from libs.events.execute import Done, Fold, load_history
from libs.events.names import demand_subject
from services.router.domain import HubCommand, NodeCommand, decide
from services.router.inputs import DemandReceipt
from services.router.rooms import Rooms

ACTING: Final[tuple[Role, ...]] = ("clerk", "coordinator")
SUPERVISING: Final[tuple[Role, ...]] = ("coordinator", "bureau")
DemandId = Annotated[str, Path(description="诉求号 · demand id", max_length=80)]
AssignmentId = Annotated[str, Path(description="派单号 · assignment id", max_length=16, examples=["a1"])]
Make = Callable[[DemandState, Standing, Timing, Seal], NodeCommand | HubCommand]


async def _rooms(request: Request) -> Rooms:
    rooms: Rooms = request.app.state.rooms
    return rooms


RoomsDep = Annotated[Rooms, Depends(_rooms)]


class _Asked(BaseModel):
    """What makes two requests the same: the place in the address belongs to it, because it is not in the body."""

    assignment: str
    body: dict[str, Any]


def documented() -> dict[int | str, dict[str, Any]]:
    """Responses of every command of the router."""
    replay = {"model": DemandReceipt, "description": "重复提交，返回首次结果 · a replay (`Idempotent-Replay: true`)"}
    return {**PROBLEM_RESPONSES, 201: {"model": DemandReceipt, "description": "已办理 · done"}, 200: replay}


def involved(state: DemandState) -> frozenset[str]:
    """The nodes that may know a demand: the desk, all that held, assist or arbitrate it, and where it came from."""
    nodes = {state.desk, *state.held_by, *(assistance.node for assistance in state.assistances)}
    if state.holder is not None:
        nodes.add(state.holder.node)
    if state.submitter_node is not None:
        nodes.add(state.submitter_node)
    return frozenset(nodes)


async def see(rooms: Rooms, caller: Caller, demand: str) -> Fold[DemandState]:
    """Where a demand stands, for who may know it. Raises NotFound, Unavailable, Corrupt."""
    fold, _ = await see_history(rooms, caller, demand)
    return fold


async def see_history(rooms: Rooms, caller: Caller, demand: str) -> tuple[Fold[DemandState], list[Commit]]:
    """Where a demand stands and the commits that led there, for who may know it. Raises NotFound, Unavailable, Corrupt."""
    require_cell(rooms.follower.directory, demand)
    fold, commits = await load_history(rooms.desk.store, demand_subject(demand), INITIAL, evolve)
    if fold.version == 0:
        raise NotFound("demand_not_found")
    _require_visible(caller, rooms.follower.directory, demand, fold.state)
    return fold, commits


def _require_visible(caller: Caller, directory: Directory, demand: str, state: DemandState) -> None:
    """Let pass who may know the demand: its submitter, its enterprise, nodes that had it, hubs above them. Raises NotFound."""
    if caller.link is not None:
        require_link(caller, demand, state)
        return
    if not sees_demand(caller, directory, network=state.network, party=state.party, nodes=involved(state)):
        raise NotFound("demand_not_found")


async def run(
    incoming: Incoming,
    name: str,
    demand: str,
    if_match: int | None,
    body: BaseModel,
    make: Make,
    *,
    place: str = "",
    roles: tuple[Role, ...] = ACTING,
) -> Response:
    """Run a person's command. `place`: the assignment, assistance … the address names. Raises what `run_command` raises."""
    rooms: Rooms = incoming.state.rooms
    caller, directory = incoming.caller, rooms.follower.directory
    if caller.link is None:
        require_role(caller, *roles)
    require_cell(directory, demand)
    standing = standing_of(caller, directory)

    def authorise(state: DemandState) -> None:
        _require_visible(caller, directory, demand, state)

    def events(state: DemandState, seal: Seal) -> Events:
        return decide(state, make(state, standing, timing_of(rooms.desk, standing, state), seal))

    asked = _Asked(assignment=place, body=body.model_dump(mode="json", exclude_none=True))
    call = CommandCall(demand, name, caller.party, actor_of(caller), incoming.key, asked, if_match, trace_headers())
    return receipt(await run_command(rooms.desk, call, authorise=authorise, decide=events), demand)


def receipt(done: Done[DemandState], demand: str) -> Response:
    """Where the demand stood right after the command; the same for a replay. Nothing to do is answered with where it stands."""
    state, version = done.fold.state, done.fold.version
    assert state.status is not None
    current = state.current
    answer = DemandReceipt(
        id=demand,
        version=version,
        status=state.status.value,
        assignment=current.id if current is not None else None,
        node=state.holder.node if state.holder is not None else None,
        due=public_due(state),
    )
    headers = {"ETag": etag(version)}
    if done.replayed:
        headers["Idempotent-Replay"] = "true"
    status = 200 if done.replayed or done.commit is None else 201
    return Response(to_json(answer, exclude_none=True), status_code=status, headers=headers, media_type="application/json")
