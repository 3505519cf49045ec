"""HTTP of the router, reading: a node's worklist, an assignment's explanation, and why not another node."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from libs.chassis.auth import Caller, visible_nodes
from libs.chassis.caller import CallerDep
from libs.chassis.database import transaction
from libs.chassis.http import DEFAULT_LIMIT, Limit, cursor_moment, decode_cursor, encode_cursor
from libs.chassis.problems import PROBLEM_RESPONSES
from libs.demand import Assignment
from libs.directory import Directory, Network, RoutingPolicy
from libs.events import Basis, DemandAssigned, NotFound, Refused
from services.router.commanding import AssignmentId, DemandId, RoomsDep, see_history
from services.router.policy import explain_node
from services.router.rooms import Rooms
from services.router.shapes import AssignmentDetail, AssignmentStatusCode, WhyAnswer, Worklist, WorklistEntry
from services.router.views import HELD, WorklistPlace, read_worklist

NodeId = Annotated[str, Query(description="节点编号 · node id", max_length=40)]
_CURSOR: Final[dict[str, Any]] = {"since": str, "demand": str, "assignment": str}

routes = APIRouter(tags=["派单 · assignments"])


@routes.get("/v1/worklist", responses=PROBLEM_RESPONSES, response_model_exclude_none=True, summary="待办清单 · Worklist")
async def worklist(
    caller: CallerDep,
    rooms: RoomsDep,
    node: Annotated[str | None, Query(description="节点编号，默认本节点 · node id, default: the caller's own", max_length=40)] = None,
    status: Annotated[AssignmentStatusCode | None, Query(description="派单状态，默认待签收和办理中 · default: open and accepted")] = None,
    after: Annotated[str | None, Query(description="上一页的 next · `next` of the page before", max_length=1024)] = None,
    limit: Limit = DEFAULT_LIMIT,
) -> Worklist:
    """本节点的派单，先到先列；枢纽可查下级节点。只含代码，不含文字。

    A node's assignments, oldest first; a hub may ask for any node under it. Codes only, no text.
    """
    network, asked = _require_node(caller, rooms.follower.directory, node)
    place = _place(after) if after is not None else None
    statuses = [status] if status is not None else [held.value for held in HELD]
    async with transaction(rooms.engine) as connection:
        rows = await read_worklist(connection, network=network, node=asked, statuses=statuses, limit=limit + 1, after=place)
    items = [WorklistEntry.model_validate(dict(row)) for row in rows[:limit]]
    if len(rows) <= limit:
        return Worklist(items=items)
    last = items[-1]
    return Worklist(
        items=items, next=encode_cursor({"since": last.since.isoformat(), "demand": last.demand, "assignment": last.assignment})
    )


@routes.get(
    "/v1/demands/{demand}/assignments/{assignment}",
    responses=PROBLEM_RESPONSES,
    response_model_exclude_none=True,
    summary="派单说明 · Explanation",
)
async def show_assignment(demand: DemandId, assignment: AssignmentId, caller: CallerDep, rooms: RoomsDep) -> AssignmentDetail:
    """一个派单及其依据：得分、理由、按条件排除的节点数。 An assignment and why it was made: scores, reasons, counts of excluded nodes."""
    found, made, version = await _assignment(rooms, caller, demand, assignment)
    return AssignmentDetail(
        demand=demand,
        assignment=found.id,
        node=found.node,
        status=found.status.value,
        since=found.since,
        version=version,
        explanation=made.explanation,
    )


@routes.get(
    "/v1/demands/{demand}/assignments/{assignment}/why",
    responses=PROBLEM_RESPONSES,
    response_model_exclude_none=True,
    summary="为什么是（不是）这个节点 · Why this node, or why not",
)
async def why(demand: DemandId, assignment: AssignmentId, node: NodeId, caller: CallerDep, rooms: RoomsDep) -> WhyAnswer:
    """按当时的节点名录和策略重算任一节点。 Recompute any node from the registry and the policy of that decision."""
    found, made, _ = await _assignment(rooms, caller, demand, assignment)
    explanation = made.explanation
    network = rooms.follower.directory.network_at(caller.network or "", explanation.basis.registry_seq)
    if network is None:
        raise NotFound("revision_not_found")
    if not network.has(node):
        raise NotFound("node_not_found")
    policy = _policy(rooms.follower.directory, network, explanation.basis)
    answer, asked = explain_node(network, policy, explanation, node), network.node(node)
    return WhyAnswer(
        demand=demand,
        assignment=found.id,
        node=node,
        title_zh=asked.title_zh,
        title_en=asked.title_en,
        outcome=answer.outcome,
        score=answer.score,
        reasons=list(answer.reasons),
        excluded_by=answer.excluded_by,
        policy=explanation.policy,
        basis=explanation.basis,
    )


def _policy(directory: Directory, network: Network, basis: Basis) -> RoutingPolicy:
    """The policy in force on the day of the decision, as the registry stood then."""
    if basis.figures_date is None:
        return network.content.routing
    return directory.routing_on(network.name, date.fromisoformat(basis.figures_date), basis.registry_seq)


def _require_node(caller: Caller, directory: Directory, node: str | None) -> tuple[str, str]:
    """The network and node whose worklist is asked for. Raises Refused, NotFound."""
    asked = node if node is not None else caller.node
    if asked is None:
        raise Refused("invalid_parameter", field="node")
    network = directory.networks.get(caller.network or "")
    if network is None or not network.has(asked):
        raise NotFound("node_not_found")
    visible = visible_nodes(caller, directory)
    if visible is not None and asked not in visible:
        raise Refused("forbidden")
    return network.name, asked


def _place(cursor: str) -> WorklistPlace:
    members = decode_cursor(cursor, _CURSOR)
    return WorklistPlace(cursor_moment(members["since"]), members["demand"], members["assignment"])


async def _assignment(rooms: Rooms, caller: Caller, demand: str, assignment: str) -> tuple[Assignment, DemandAssigned, int]:
    """An assignment, the event that made it, and that event's version. Raises NotFound, Corrupt, Unavailable."""
    fold, commits = await see_history(rooms, caller, demand)
    found = fold.state.assignment(assignment)
    made = ((event, commit.version) for commit in commits for event in commit.events if isinstance(event, DemandAssigned))
    event_and_version = next((one for one in made if one[0].assignment == assignment), None)
    if found is None or event_and_version is None:
        raise NotFound("assignment_not_found")
    return found, *event_and_version
