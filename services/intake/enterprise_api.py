"""HTTP of intake: what the enterprise says about its demand, by its own link or through who submitted it. No rules here."""

from __future__ import annotations

from fastapi import APIRouter, Response

from libs.chassis.caller import LinkedIncomingDep
from libs.chassis.commands import Seal
from libs.chassis.http import IfMatch
from libs.demand import Standing, Timing
from services.intake.commanding import DemandId, documented, run
from services.intake.domain import (
    Command,
    ConfirmResolution,
    DisputeResolution,
    ProvideCompletion,
    RaiseComplaint,
    RateDemand,
    RequestReopening,
)
from services.intake.wishes import ComplaintInput, CompletionInput, ConfirmationInput, DisputeInput, RatingInput, ReopeningInput

wishes = APIRouter(prefix="/v1/demands/{demand}", tags=["企业 · the enterprise"])


@wishes.post("/completion", status_code=201, responses=documented(), summary="补正 · Complete")
async def complete(demand: DemandId, body: CompletionInput, incoming: LinkedIncomingDep, if_match: IfMatch = None) -> Response:
    """补正材料，净时钟恢复。 Provide what was asked for; the net clock runs again."""

    def command(by: Standing, timing: Timing, seal: Seal) -> Command:
        return ProvideCompletion(by, timing, seal("note", body.note), body.files)

    return await run(incoming, "ProvideCompletion", demand, if_match, body, command)


@wishes.post("/confirmation", status_code=201, responses=documented(), summary="确认办结 · Confirm the resolution")
async def confirm(
    demand: DemandId, incoming: LinkedIncomingDep, body: ConfirmationInput | None = None, if_match: IfMatch = None
) -> Response:
    """企业通过专属链接确认办结；提交者就是承办者时只能由枢纽回访确认。

    By the enterprise's own link only; where who submitted is who handled, only a call-back confirms.
    """

    def command(by: Standing, timing: Timing, _seal: Seal) -> Command:
        return ConfirmResolution(by, timing)

    return await run(incoming, "ConfirmResolution", demand, if_match, body or ConfirmationInput(), command)


@wishes.post("/dispute", status_code=201, responses=documented(), summary="对结果有异议 · Dispute the resolution")
async def dispute(demand: DemandId, body: DisputeInput, incoming: LinkedIncomingDep, if_match: IfMatch = None) -> Response:
    """对办结结果有异议，由承办节点的上级处理。 Dispute the result; a supervisor of the holder decides."""

    def command(by: Standing, timing: Timing, seal: Seal) -> Command:
        return DisputeResolution(by, timing, seal("note", body.note))

    return await run(incoming, "DisputeResolution", demand, if_match, body, command)


@wishes.post("/reopening", status_code=201, responses=documented(), summary="申请重办 · Reopen")
async def reopen(demand: DemandId, body: ReopeningInput, incoming: LinkedIncomingDep, if_match: IfMatch = None) -> Response:
    """结案或不予受理后，在期限内申请重办。 Have a closed or refused demand handled again, within the term."""

    def command(by: Standing, timing: Timing, seal: Seal) -> Command:
        return RequestReopening(by, timing, seal("note", body.note))

    return await run(incoming, "RequestReopening", demand, if_match, body, command)


@wishes.post("/rating", status_code=201, responses=documented(), summary="评价 · Rate")
async def rate(demand: DemandId, body: RatingInput, incoming: LinkedIncomingDep, if_match: IfMatch = None) -> Response:
    """五级评价，一次办结评价一次。 Five grades, one rating per resolution."""

    def command(by: Standing, _timing: Timing, seal: Seal) -> Command:
        return RateDemand(by, body.grade, seal("note", body.note) if body.note is not None else None)

    return await run(incoming, "RateDemand", demand, if_match, body, command)


@wishes.post("/complaints", status_code=201, responses=documented(), summary="投诉 · Complain")
async def complain(demand: DemandId, body: ComplaintInput, incoming: LinkedIncomingDep, if_match: IfMatch = None) -> Response:
    """投诉办理过的节点，由其上级核查。 Complain about a node that had the demand; its supervisor looks into it."""

    def command(by: Standing, _timing: Timing, seal: Seal) -> Command:
        return RaiseComplaint(by, seal("note", body.note), body.node)

    return await run(incoming, "RaiseComplaint", demand, if_match, body, command)
