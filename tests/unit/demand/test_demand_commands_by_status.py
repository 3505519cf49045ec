"""Every command in every status, for both services: possible exactly where the life cycle says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from libs.demand import ALLOWED, DemandState, Standing, Status, require_allowed, require_current
from libs.directory import Span
from libs.events import (
    ArbitrationOpened,
    AssistanceRequested,
    ComplaintRaised,
    DemandSplit,
    ErasureRequested,
    Event,
    EvidenceAttached,
    ExtensionRequested,
    Likeness,
    NotFound,
    PartCompleted,
    PersonalDataErased,
    Refused,
    SplitPart,
    SupervisionOpened,
)
from libs.events.testing import at, sealed
from services.intake import domain as intake
from services.router import domain as router
from tests.unit.demand import situations as s
from tests.unit.proof.town import SECOND_AT_HUB, town

Decide = Callable[[DemandState], Sequence[Event]]
LATE = s.timing(s.march(31))
PARTS = tuple(SplitPart(part=f"p{n}", demand=f"part-{n}", region="330203001", title=sealed(), description=sealed()) for n in (1, 2))
FILE = EvidenceAttached(file="f1", digest="sha256:0", media_type="application/pdf", size=1, side="node", node=s.WINDOW)
SECOND_PERSON = SECOND_AT_HUB.standing(s.NETWORK)


def by_submitter(command: intake.Command) -> Decide:
    return lambda state: intake.decide(command, state)


def by_router(command: router.Command) -> Decide:
    return lambda state: router.decide(state, command)


def take_back(state: DemandState) -> Sequence[Event]:
    """By whoever acted last, or else by the window."""
    own = state.own_act
    by, assignment = (s.clerk(own.node), own.assignment) if own is not None else (s.clerk(), "a2")
    return router.decide(state, router.TakeBackAct(assignment, by, s.NOW))


def above_holder(state: DemandState) -> Standing:
    return s.coordinator(s.HUB) if state.holder is not None and state.holder.node != s.HUB else s.BUREAU


def older() -> DemandState:
    return s.DEMAND.given(s.submitted().model_copy(update={"received_at": at(-3600)})).state


COMMANDS: dict[str, Decide] = {
    "SupplementDemand": by_submitter(intake.SupplementDemand(s.PARTNER, sealed())),
    "CorrectDemand": by_submitter(intake.CorrectDemand(s.PARTNER, s.NOW, urgency="urgent")),
    "WithdrawDemand": by_submitter(intake.WithdrawDemand(s.PARTNER, s.NOW)),
    "ProvideCompletion": by_submitter(intake.ProvideCompletion(s.PARTNER, s.NOW, sealed())),
    "ConfirmResolution": by_submitter(intake.ConfirmResolution(s.ENTERPRISE, s.NOW)),
    "DisputeResolution": by_submitter(intake.DisputeResolution(s.ENTERPRISE, s.NOW, sealed())),
    "RequestReopening": by_submitter(intake.RequestReopening(s.PARTNER, s.NOW, sealed())),
    "RateDemand": by_submitter(intake.RateDemand(s.ENTERPRISE, "satisfied")),
    "RaiseComplaint": by_submitter(intake.RaiseComplaint(s.ENTERPRISE, sealed())),
    "ClassifyDemand": by_router(router.ClassifyDemand(s.found())),
    "ReclassifyDemand": lambda state: router.decide(state, router.ReclassifyDemand("market", s.coordinator(s.HUB), s.NOW)),
    "RefuseDemand": by_router(router.RefuseDemand("out_of_scope", sealed(), s.coordinator(s.HUB), s.NOW)),
    "MergeDemand": by_router(router.MergeDemand("younger", "older", older(), s.coordinator(s.HUB), s.NOW)),
    "UnmergeDemand": by_router(router.UnmergeDemand("by_person", s.clerk())),
    "AssignDemand": by_router(router.AssignDemand(s.explanation(s.WINDOW), s.NOW)),
    "ArbitrateAssignment": by_router(router.ArbitrateAssignment(s.WINDOW, sealed(), s.coordinator(s.HUB), s.NOW)),
    "AcceptAssignment": by_router(router.AcceptAssignment("a2", s.clerk(), s.NOW)),
    "ReturnAssignment": by_router(router.ReturnAssignment("a2", s.clerk(), s.NOW, "no_capacity")),
    "ForwardAssignment": by_router(router.ForwardAssignment("a2", s.NEIGHBOUR, "better_placed", s.clerk(), s.NOW)),
    "NameHandler": by_router(router.NameHandler("a2", "person-1", s.clerk())),
    "ReportProgress": by_router(router.ReportProgress("a2", s.clerk(), s.NOW, sealed())),
    "RecordService": by_router(router.RecordService("a2", s.clerk(), s.NOW, "online", "welfare")),
    "RequestCompletion": by_router(router.RequestCompletion("a2", s.clerk(), s.NOW, sealed())),
    "RequestExtension": by_router(router.RequestExtension("a2", Span(5, "wd"), s.clerk(), s.NOW, sealed())),
    "RequestAssistance": by_router(router.RequestAssistance("a2", s.NEIGHBOUR, s.clerk(), s.NOW, sealed())),
    "SplitDemand": by_router(router.SplitDemand("a2", s.clerk(), "all", PARTS)),
    "ResolveDemand": by_router(router.ResolveDemand("a2", s.clerk(), s.NOW, "solved", sealed(), ("f1",))),
    "TakeBackAct": take_back,
    "AttachEvidence": by_router(router.AttachEvidence("f2", "sha256:0", "application/pdf", 1, s.PARTNER)),
    "AcceptAssistance": by_router(router.AcceptAssistance("s1", s.clerk(s.NEIGHBOUR))),
    "DeclineAssistance": by_router(router.DeclineAssistance("s1", s.clerk(s.NEIGHBOUR), "no_capacity")),
    "DeliverAssistance": by_router(router.DeliverAssistance("s1", s.clerk(s.NEIGHBOUR), sealed())),
    "DecideExtension": by_router(router.DecideExtension(True, s.coordinator(), s.NOW)),
    "SuspendDemand": by_router(router.SuspendDemand("third_party", s.march(4), s.coordinator(), s.NOW, sealed())),
    "ResumeDemand": by_router(router.ResumeDemand(s.clerk(), s.NOW)),
    "DecideDispute": by_router(router.DecideDispute(True, True, s.coordinator(s.HUB), s.NOW, sealed())),
    "OpenSupervision": lambda state: router.decide(state, router.OpenSupervision(above_holder(state), s.NOW, sealed())),
    "CloseSupervision": by_router(router.CloseSupervision("v1", s.coordinator(s.HUB), sealed())),
    "RecordFollowUp": by_router(router.RecordFollowUp("confirmed", s.coordinator(s.HUB), s.NOW)),
    "DecideComplaint": by_router(router.DecideComplaint("c1", True, s.coordinator(s.HUB), sealed())),
    "RequestErasure": by_router(router.RequestErasure("subject_asked", s.coordinator(s.HUB))),
    "ApproveErasure": by_router(router.ApproveErasure(SECOND_PERSON)),
    "KeepTime": by_router(router.KeepTime(s.NETWORK, LATE)),
    "ReleaseHolder": by_router(router.ReleaseHolder("a2", s.NOW)),
    "ReplaceArbiter": by_router(router.ReplaceArbiter(town(frozenset({s.COUNTY_HUB})), s.NOW)),
    "OrderFollowUp": by_router(router.OrderFollowUp("sampled", s.NOW)),
    "SuggestDuplicates": by_router(router.SuggestDuplicates((Likeness(demand="older", score=80, reasons=("text",)),))),
    "ReceiveMerge": by_router(router.ReceiveMerge("younger")),
    "CompletePart": by_router(router.CompletePart("part-1", "closed")),
    "ReopenPart": by_router(router.ReopenPart("part-1")),
    "EraseWithWhole": by_router(router.EraseWithWhole("first-person", "second-person")),
}
PREPARED: dict[str, Sequence[Event]] = {
    "ReplaceArbiter": (ArbitrationOpened(arbiter=s.COUNTY_HUB, parties=(s.WINDOW,), cause="loop"), s.promise(arbitrate=s.march(2, 17, 30))),
    "ArbitrateAssignment": (
        ArbitrationOpened(arbiter=s.HUB, parties=(s.WINDOW, s.SECOND), cause="return_budget"),
        s.promise(arbitrate=s.march(2, 17, 30)),
    ),
    "ResolveDemand": (FILE,),
    "DecideExtension": (ExtensionRequested(assignment="a2", node=s.WINDOW, span="5wd", note=sealed()),),
    "CloseSupervision": (SupervisionOpened(supervision="v1", by=s.HUB, note=sealed()),),
    "DecideComplaint": (ComplaintRaised(complaint="c1", node=s.WINDOW, note=sealed()),),
    "ApproveErasure": (ErasureRequested(requested_by="first-person", reason="subject_asked"),),
    "CompletePart": (DemandSplit(assignment="a2", node=s.WINDOW, join="all", parts=PARTS),),
    "ReopenPart": (
        DemandSplit(assignment="a2", node=s.WINDOW, join="all", parts=PARTS),
        PartCompleted(part="p1", demand="part-1", status="closed"),
    ),
    **dict.fromkeys(
        ("AcceptAssistance", "DeclineAssistance", "DeliverAssistance"),
        (AssistanceRequested(assistance="s1", assignment="a2", node=s.WINDOW, assistant=s.NEIGHBOUR, due=s.march(5), note=sealed()),),
    ),
}
"""What must have happened before in any status, for the command to have something to act on."""
PAIRS = [(command, status) for command in COMMANDS for status in Status]
OF_AN_ASSIGNMENT = frozenset(
    {
        "AcceptAssignment",
        "ReturnAssignment",
        "ForwardAssignment",
        "NameHandler",
        "ReportProgress",
        "RecordService",
        "RequestCompletion",
        "RequestExtension",
        "RequestAssistance",
        "SplitDemand",
        "ResolveDemand",
    }
)
NOTHING_ELSEWHERE = frozenset({"KeepTime", "ReleaseHolder", "ReplaceArbiter"})
"""The system's: what has passed meanwhile is no refusal, there is nothing left to do."""
NOTHING_TO_DO = frozenset(
    {
        ("ClassifyDemand", Status.SUBMITTED),  # A category that is known is not looked for again.
        ("ClassifyDemand", Status.TRIAGE),
        ("KeepTime", Status.SUBMITTED),  # The router must act, whatever the time.
        ("KeepTime", Status.CLOSED),  # Only a call-back that was ordered can be late.
    }
)


IN_ARBITRATION = frozenset({"ArbitrateAssignment", "ReplaceArbiter"})


def before(command: str, status: Status) -> Sequence[Event]:
    return PREPARED.get(command, ()) if command not in IN_ARBITRATION or status is Status.TRIAGE else ()


def test_the_table_names_every_command_and_every_status() -> None:
    assert set(COMMANDS) == set(ALLOWED)
    assert set(s.HISTORIES) == set(Status)
    assert all(s.standing(status).state.status is status for status in Status)


@pytest.mark.parametrize(("command", "status"), PAIRS, ids=[f"{command}-{status}" for command, status in PAIRS])
def test_a_command_is_possible_exactly_where_the_life_cycle_allows_it(command: str, status: Status) -> None:
    prepared = before(command, status)
    decided = s.standing(status, *([prepared] if prepared else [])).when(COMMANDS[command])
    if status in ALLOWED[command]:
        assert decided.error is None
        assert bool(decided.events) is ((command, status) not in NOTHING_TO_DO)
    elif command in NOTHING_ELSEWHERE:
        decided.then_nothing()
    elif command in OF_AN_ASSIGNMENT and decided.given.state.assignment("a2") is None:
        decided.then_not_found("assignment_not_found")
    else:
        decided.then_refused("illegal_transition")


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_finds_a_demand_that_does_not_exist(command: str) -> None:
    decided = s.DEMAND.given().when(COMMANDS[command])
    if command in NOTHING_ELSEWHERE or command.endswith("Part"):
        decided.then_nothing()
    else:
        decided.then_not_found("demand_not_found")


@pytest.mark.parametrize("command", ALLOWED)
def test_nothing_is_possible_once_the_personal_data_is_erased(command: str) -> None:
    erased = PersonalDataErased(requested_by="one", approved_by="two", key="key-sample")
    for status in (Status.CLOSED, Status.MERGED):
        prepared = before(command, status)
        decided = s.standing(status, *([prepared] if prepared else []), erased).when(COMMANDS[command])
        if command in OF_AN_ASSIGNMENT or command.endswith("Assistance"):
            assert decided.error is not None
        elif command in NOTHING_ELSEWHERE | {"OrderFollowUp", "EraseWithWhole"}:
            decided.then_nothing()
        elif not command.endswith("Part"):  # The whole still learns what becomes of its parts.
            decided.then_refused("personal_data_erased")
        with pytest.raises(Refused, match="personal_data_erased"):
            require_allowed(decided.given.state, command)


def test_only_the_assignment_in_force_is_current() -> None:
    state = s.standing(Status.ASSIGNED).state
    assert require_current(state, "a2").node == s.WINDOW
    with pytest.raises(Refused, match="illegal_transition"):
        require_current(state, "a1")
    with pytest.raises(NotFound, match="assignment_not_found"):
        require_current(state, "a3")
