"""The router's commands on a demand (流转派单) and what each decides; pure. The rules live in `services.router.rules`, a module per stage.

A person's command carries `by`, its Standing: who acts, and its place in the network. Commands that set or move deadlines carry
`timing`. What the system owes a demand next is told by `react`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, assert_never

from libs.demand import DemandState
from libs.demand.draft import Events
from libs.demand.overdue import caught_up
from libs.events import Classification, RoutingInputs
from services.router.rules import arbitrating, assigning, assisting, closing, handling, merging, timekeeping
from services.router.rules.arbitrating import ArbitrateAssignment, OpenArbitration, ReplaceArbiter
from services.router.rules.assigning import (
    AcceptAssignment,
    AssignDemand,
    ClassifyDemand,
    ForwardAssignment,
    NameHandler,
    ReclassifyDemand,
    RefuseDemand,
    ReleaseHolder,
    ReturnAssignment,
    RouteDemand,
    TakeBackAct,
)
from services.router.rules.assisting import AcceptAssistance, DeclineAssistance, DeliverAssistance, RequestAssistance
from services.router.rules.closing import (
    ApproveErasure,
    DecideComplaint,
    DecideDispute,
    EraseWithWhole,
    OrderFollowUp,
    RecordFollowUp,
    RequestErasure,
    ResolveDemand,
)
from services.router.rules.handling import (
    AttachEvidence,
    CloseSupervision,
    DecideExtension,
    OpenSupervision,
    RecordService,
    ReportProgress,
    RequestCompletion,
    RequestExtension,
    ResumeDemand,
    SuspendDemand,
)
from services.router.rules.merging import CompletePart, MergeDemand, ReceiveMerge, ReopenPart, SplitDemand, SuggestDuplicates, UnmergeDemand
from services.router.rules.timekeeping import KeepTime

__all__ = [
    "AcceptAssignment",
    "AcceptAssistance",
    "ApproveErasure",
    "ArbitrateAssignment",
    "AssignDemand",
    "AttachEvidence",
    "ClassifyDemand",
    "CloseSupervision",
    "Command",
    "CompletePart",
    "DecideComplaint",
    "DecideDispute",
    "DecideExtension",
    "DeclineAssistance",
    "DeliverAssistance",
    "EraseWithWhole",
    "ForwardAssignment",
    "HubCommand",
    "KeepTime",
    "MergeDemand",
    "NameHandler",
    "NextStep",
    "NodeCommand",
    "OpenArbitration",
    "OpenSupervision",
    "OrderFollowUp",
    "ReceiveMerge",
    "ReclassifyDemand",
    "RecordFollowUp",
    "RecordService",
    "RefuseDemand",
    "ReleaseHolder",
    "ReopenPart",
    "ReplaceArbiter",
    "ReportProgress",
    "RequestAssistance",
    "RequestCompletion",
    "RequestErasure",
    "RequestExtension",
    "ResolveDemand",
    "ResumeDemand",
    "ReturnAssignment",
    "RouteDemand",
    "SplitDemand",
    "SuggestDuplicates",
    "SuspendDemand",
    "SystemCommand",
    "TakeBackAct",
    "UnmergeDemand",
    "decide",
    "react",
    "routing_inputs",
]

SystemCommand = (
    ClassifyDemand
    | AssignDemand
    | RouteDemand
    | OpenArbitration
    | ReleaseHolder
    | ReplaceArbiter
    | KeepTime
    | OrderFollowUp
    | SuggestDuplicates
    | ReceiveMerge
    | CompletePart
    | ReopenPart
    | EraseWithWhole
)
NodeCommand = (
    AcceptAssignment
    | ReturnAssignment
    | ForwardAssignment
    | NameHandler
    | TakeBackAct
    | ReportProgress
    | RecordService
    | RequestCompletion
    | ResumeDemand
    | RequestExtension
    | AttachEvidence
    | RequestAssistance
    | AcceptAssistance
    | DeclineAssistance
    | DeliverAssistance
    | SplitDemand
    | ResolveDemand
)
HubCommand = (
    ReclassifyDemand
    | RefuseDemand
    | MergeDemand
    | UnmergeDemand
    | ArbitrateAssignment
    | SuspendDemand
    | DecideExtension
    | OpenSupervision
    | CloseSupervision
    | DecideDispute
    | RecordFollowUp
    | DecideComplaint
    | RequestErasure
    | ApproveErasure
)
Command = SystemCommand | NodeCommand | HubCommand


@dataclass(frozen=True, slots=True)
class NextStep:
    """What the process manager owes a demand: an assignment, after classifying its text if it has no category, or an arbiter."""

    kind: Literal["route", "arbitrate"] = "route"
    classify: bool = False


def react(state: DemandState, return_budget: int | None = None) -> NextStep | None:
    """Tell what the process manager must do next; None while somebody else is to act.

    So many returns as `return_budget` says are routed again; the next one opens arbitration.
    """
    if not state.waits_for_routing:
        return None
    if return_budget is not None and state.returns > return_budget:
        return NextStep("arbitrate")
    return NextStep("route", classify=state.category is None)


def routing_inputs(state: DemandState, classification: Classification | None = None) -> RoutingInputs:
    """The facts a routing decision rests on; without a category, the one the rules found counts."""
    found = classification.category if classification is not None else None
    return RoutingInputs(
        category=state.category if state.category is not None else found,
        region=state.region,
        carrier=state.carrier,
        industry=state.industry,
        urgency=state.urgency,
        returned_by=state.passed_over,
    )


_CATCHING_UP: Final = (
    ReclassifyDemand,
    RefuseDemand,
    MergeDemand,
    ArbitrateAssignment,
    ReturnAssignment,
    ForwardAssignment,
    ReportProgress,
    RecordService,
    RequestCompletion,
    SuspendDemand,
    DecideExtension,
    ResolveDemand,
)
"""People's commands that end or pause a promise, or hand it on: what is past is told first."""


def decide(state: DemandState, command: Command) -> Events:
    """Return the events a command leads to. Raises NotFound or Refused: illegal_transition, wrong_actor and the command's own codes."""
    if not isinstance(command, _CATCHING_UP):
        return _decided(state, command)
    told = caught_up(state, command.timing, command.by.network)
    events = _decided(told.state, command)
    return (*told.events, *events) if events else ()


def _decided(state: DemandState, command: Command) -> Events:
    match command:
        case ClassifyDemand():
            return assigning.classify(state, command.classification)
        case AssignDemand():
            return assigning.assign(state, command)
        case RouteDemand():
            return assigning.route(state, command)
        case ReclassifyDemand():
            return assigning.reclassify(state, command)
        case RefuseDemand():
            return assigning.refuse(state, command)
        case ReleaseHolder():
            return assigning.release(state, command)
        case AcceptAssignment():
            return assigning.accept(state, command)
        case ReturnAssignment():
            return assigning.give_back(state, command)
        case ForwardAssignment():
            return assigning.forward(state, command)
        case NameHandler():
            return assigning.name_handler(state, command)
        case TakeBackAct():
            return assigning.take_back(state, command)
        case OpenArbitration():
            return arbitrating.open_arbitration(state, command)
        case ReplaceArbiter():
            return arbitrating.replace_arbiter(state, command)
        case ArbitrateAssignment():
            return arbitrating.arbitrate(state, command)
        case ReportProgress():
            return handling.report(state, command)
        case RecordService():
            return handling.record_service(state, command)
        case RequestCompletion():
            return handling.request_completion(state, command)
        case SuspendDemand():
            return handling.suspend(state, command)
        case ResumeDemand():
            return handling.resume(state, command)
        case RequestExtension():
            return handling.request_extension(state, command)
        case DecideExtension():
            return handling.decide_extension(state, command)
        case AttachEvidence():
            return handling.attach(state, command)
        case OpenSupervision():
            return handling.open_supervision(state, command)
        case CloseSupervision():
            return handling.close_supervision(state, command)
        case RequestAssistance():
            return assisting.request(state, command)
        case AcceptAssistance():
            return assisting.accept(state, command)
        case DeclineAssistance():
            return assisting.decline(state, command)
        case DeliverAssistance():
            return assisting.deliver(state, command)
        case SuggestDuplicates():
            return merging.suggest(state, command)
        case MergeDemand():
            return merging.merge(state, command)
        case UnmergeDemand():
            return merging.unmerge(state, command)
        case ReceiveMerge():
            return merging.receive(state, command)
        case SplitDemand():
            return merging.split(state, command)
        case CompletePart():
            return merging.complete_part(state, command)
        case ReopenPart():
            return merging.reopen_part(state, command)
        case ResolveDemand():
            return closing.resolve(state, command)
        case DecideDispute():
            return closing.decide_dispute(state, command)
        case RecordFollowUp():
            return closing.record_follow_up(state, command)
        case OrderFollowUp():
            return closing.order_follow_up(state, command)
        case DecideComplaint():
            return closing.decide_complaint(state, command)
        case RequestErasure():
            return closing.request_erasure(state, command)
        case ApproveErasure():
            return closing.approve_erasure(state, command)
        case EraseWithWhole():
            return closing.erase_with_whole(state, command)
        case KeepTime():
            return timekeeping.keep_time(state, command)
        case _:
            assert_never(command)
