"""One command of intake from request to receipt: the submitter by its key, or the enterprise by its own link. Shared by all its routes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import Path, Response
from pydantic import BaseModel
from pydantic_core import to_json

from libs.chassis.auth import digest_of, enterprise_token, require_cell, require_link, require_role, standing_of
from libs.chassis.caller import Incoming
from libs.chassis.commands import CommandCall, Seal, actor_of, run_command, timing_of, trace_headers
from libs.chassis.problems import PROBLEM_RESPONSES
from libs.demand import DemandState, Standing, Timing, public_due
from libs.events import Event, NotFound, Role
from libs.events.execute import Done
from services.intake.domain import Command, decide, require_submitter
from services.intake.rooms import Rooms
from services.intake.shapes import Receipt

SUBMITTERS: Final[tuple[Role, ...]] = ("partner", "clerk", "coordinator")
DemandId = Annotated[str, Path(description="诉求号 · demand id", max_length=80)]
Make = Callable[[Standing, Timing, Seal], Command]


def rooms_of(incoming: Incoming) -> Rooms:
    """The running intake's rooms."""
    rooms: Rooms = incoming.state.rooms
    return rooms


def documented() -> dict[int | str, dict[str, Any]]:
    """Responses of every command of intake."""
    replay = {"model": Receipt, "description": "重复提交，返回首次结果 · a replay: the first answer again (`Idempotent-Replay: true`)"}
    return {**PROBLEM_RESPONSES, 201: {"model": Receipt, "description": "已受理 · accepted"}, 200: replay}


async def run(incoming: Incoming, name: str, demand: str, if_match: int | None, body: BaseModel, make: Make) -> Response:
    """Run a command of the submitter or the enterprise on an existing demand. Raises what `run_command` raises."""
    rooms, caller = rooms_of(incoming), incoming.caller
    if caller.link is None:
        require_role(caller, *SUBMITTERS)
    require_cell(rooms.follower.directory, demand)
    standing = standing_of(caller, rooms.follower.directory)

    def authorise(state: DemandState) -> None:
        require_link(caller, demand, state)
        require_submitter(state, standing)
        if state.network != caller.network:
            raise NotFound("demand_not_found")

    def events(state: DemandState, seal: Seal) -> Sequence[Event]:
        return decide(make(standing, timing_of(rooms.desk, standing, state), seal), state)

    call = CommandCall(demand, name, caller.party, actor_of(caller), incoming.key, body, if_match, trace_headers())
    return receipt(rooms, await run_command(rooms.desk, call, authorise=authorise, decide=events))


def own_link(rooms: Rooms, demand: str, state: DemandState) -> str | None:
    """The enterprise's own address: of the whole for its parts, too. None where it would not open: submitted without one, or before
    the secrets changed.
    """
    token = enterprise_token(state.parent or demand, salt=rooms.salt)
    return f"{rooms.tracker_url}/e/{token}" if digest_of(token) == state.link else None


def receipt(rooms: Rooms, done: Done[DemandState]) -> Response:
    """Where the demand stood right after the command, and where to read on; the enterprise's own link goes to its submitter alone."""
    assert done.commit is not None
    state = done.fold.state
    assert state.status is not None
    demand, version = done.commit.entity, done.commit.version
    address = f"{rooms.tracker_url}/v1/demands/{demand}"
    links = {"demand": address, "trail": f"{address}/trail"}
    link = own_link(rooms, demand, state)
    if link is not None:
        links["enterprise"] = link
    body: dict[str, Any] = {"id": demand, "version": version, "status": str(state.status)}
    due = public_due(state)
    if due is not None:
        body["due"] = due
    headers = {"Location": address, "ETag": f'"{version}"'}
    if done.replayed:
        headers["Idempotent-Replay"] = "true"
    return Response(
        to_json({**body, "links": links}), status_code=200 if done.replayed else 201, headers=headers, media_type="application/json"
    )
