"""HTTP of the policy laboratory (策略实验室): run a routing policy over past demands before it is put in force. No rules here.

A replay reads what was recorded and changes nothing. It runs in processes of its own (`services.router.workbench`), one replay at a time
in each router, and ends when its caller goes away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import date
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.datastructures import State
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from libs.chassis.auth import Caller, require_role, sees_whole_network
from libs.chassis.bodies import Code, Strict
from libs.chassis.caller import IncomingDep
from libs.chassis.database import transaction
from libs.chassis.problems import CATALOGUE, PROBLEM_RESPONSES, Problem, problem_body
from libs.directory import Directory, Network, check_content
from libs.directory.policy import RoutingPolicy
from libs.events import NotFound, Refused, Unavailable
from services.router.decisions import Selection, count_decisions, read_precedents
from services.router.replay_report import Precedent, ReplayReport, Tally, report_of
from services.router.rooms import Rooms
from services.router.workbench import ReplayJob, WorkerFailed, plan, run

NDJSON: Final = "application/x-ndjson"
LONGEST_PERIOD: Final = 3_660
"""Days a replay may span; its memory grows with nodes times days."""
MOST_PRECEDENTS: Final = 200

routes = APIRouter(tags=["策略 · policies"])
_log = structlog.get_logger("laboratory")


class ReplayInput(Strict):
    """回放什么：候选策略（或某一版本的策略；都不给则为当时所用策略）、期间、范围。

    What to replay: a candidate policy, or the policy of a revision, or with neither each decision under the policy it was made by; and
    over which decisions.
    """

    model_config = ConfigDict(populate_by_name=True)

    policy: Annotated[RoutingPolicy | None, Field(description="routing.yaml 的内容 · routing.yaml as JSON")] = None
    revision: Annotated[str | None, Field(max_length=40, description="网络版本 · a published revision")] = None
    first: Annotated[date, Field(alias="from", description="第一天（含）· first day, included")]
    last: Annotated[date, Field(alias="to", description="最后一天（含）· last day, included")]
    network: Annotated[str | None, Field(max_length=32, description="网络，默认密钥所属 · network, default: the key's own")] = None
    sample: Annotated[bool | None, Field(description="只要样例或只要真实，默认全部 · samples only or none; default: all")] = None
    categories: Annotated[tuple[Code, ...], Field(max_length=100, description="服务类别，默认全部 · categories; default: all")] = ()


class ReplayLine(BaseModel):
    """回放的一行：进度，最后一行是结果或问题。 One line of a replay: progress, and at last the report or a problem."""

    done: Annotated[int | None, Field(description="已回放 · decisions done")] = None
    of: Annotated[int | None, Field(description="共 · decisions in all")] = None
    report: ReplayReport | None = None
    problem: Problem | None = None


class Laboratory:
    """One router's laboratory: busy while a replay runs."""

    def __init__(self) -> None:
        self.busy = False

    def claim(self) -> None:
        """Take it. Raises Refused(replay_running)."""
        if self.busy:
            raise Refused("replay_running")
        self.busy = True

    def release(self) -> None:
        """Give it back."""
        self.busy = False


class _Stream(StreamingResponse):
    """A stream that gives the laboratory back however it ends, even before its first line."""

    def __init__(self, lines: AsyncGenerator[bytes, None], laboratory: Laboratory) -> None:
        super().__init__(lines, media_type=NDJSON)
        self._lines = lines
        self._laboratory = laboratory

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with aclosing(self._lines):
                await super().__call__(scope, receive, send)
        finally:
            self._laboratory.release()


@routes.post(
    "/v1/policies/replay",
    responses={**PROBLEM_RESPONSES, 200: {"model": ReplayLine, "content": {NDJSON: {}}, "description": "逐行 · one line each"}},
    response_class=Response,
    summary="策略回放 · Replay a policy",
)
async def replay_policy(body: ReplayInput, incoming: IncomingDep) -> Response:
    """用候选策略重新决定过去的派单，比较谁会得到什么；只读，不作推测。以 NDJSON 逐行返回进度，最后一行是结果。

    Decide past assignments again by a candidate policy and compare: facts only, nothing is changed or predicted. Answers in lines of JSON:
    progress, and at last the report.
    """
    rooms: Rooms = incoming.state.rooms
    directory = rooms.follower.directory
    network = _require_network(incoming.caller, directory, body.network)
    _check_period(body)
    policy = _policy(network, directory, body)
    laboratory = _laboratory(incoming.state)
    laboratory.claim()
    try:
        selection = Selection(network.name, body.first, body.last, body.sample, body.categories)
        async with transaction(rooms.engine) as connection:
            decisions, demands, *seqs = await count_decisions(connection, selection)
            precedents = await read_precedents(connection, network.name, MOST_PRECEDENTS)
        url = incoming.state.settings.database_url
        jobs = plan(url, selection, policy, directory.history[network.name], (seqs[0], seqs[1]), precedents)
    except BaseException:
        laboratory.release()
        raise
    return _Stream(_lines(jobs, decisions, demands, precedents), laboratory)


async def _lines(jobs: list[ReplayJob], decisions: int, demands: int, precedents: tuple[Precedent, ...]) -> AsyncGenerator[bytes, None]:
    try:
        async with aclosing(run(jobs)) as steps:
            async for step in steps:
                if isinstance(step, Tally):
                    report = await asyncio.to_thread(report_of, step, demands, precedents)
                    yield _line({"done": decisions, "of": decisions, "report": report})
                else:
                    yield _line({"done": min(step, decisions), "of": decisions})
    except (Unavailable, WorkerFailed) as error:
        # The answer has begun: its status cannot tell any more.
        _log.error("replay_failed", error=type(error).__name__, message=str(error))
        kind = CATALOGUE["store_unavailable" if isinstance(error, Unavailable) else "internal"]
        yield _line({"problem": problem_body(kind)})


def _line(members: dict[str, Any]) -> bytes:
    return to_json(members, exclude_none=True) + b"\n"


def _require_network(caller: Caller, directory: Directory, name: str | None) -> Network:
    """The caller's network. Raises Refused(forbidden) unless it answers for the whole of it, NotFound(network_not_found)."""
    require_role(caller, "coordinator", "bureau")
    network = directory.networks.get(name or caller.network or "")
    if network is None or network.name != caller.network:
        raise NotFound("network_not_found")
    if not sees_whole_network(caller, directory):
        raise Refused("forbidden")
    return network


def _check_period(body: ReplayInput) -> None:
    if not 0 <= (body.last - body.first).days < LONGEST_PERIOD:
        raise Refused("invalid_field", field="to")


def _policy(network: Network, directory: Directory, body: ReplayInput) -> RoutingPolicy | None:
    """The policy to decide by. Raises Refused (policy_invalid with the field, invalid_field), NotFound(revision_not_found)."""
    if body.revision is not None:
        if body.policy is not None:
            raise Refused("invalid_field", field="revision")
        for past in reversed(directory.history[network.name]):
            if past.revision == body.revision:
                return past.content.routing
        raise NotFound("revision_not_found")
    if body.policy is None:
        return None
    # The nodes have no part in what makes a policy sound, and judging them all would take a while.
    findings = check_content(network.content.model_copy(update={"routing": body.policy, "nodes": ()}))
    for finding in findings:
        if finding.section == "routing":
            raise Refused("policy_invalid", field=".".join(("policy", *map(str, finding.path))))
    return body.policy


def _laboratory(state: State) -> Laboratory:
    """This router's laboratory, made when it is first used."""
    found = getattr(state, "laboratory", None)
    if found is None:
        found = state.laboratory = Laboratory()
    assert isinstance(found, Laboratory)
    return found
