"""Every way a rule of router or intake says no: a situation and a command for each, and none without a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pytest

from libs.demand import DemandState, Status
from libs.directory import Span
from libs.events.testing import Decided, at, sealed
from services.intake import domain as intake
from services.router import domain as router
from tests.unit.demand import situations as s
from tests.unit.house import rules as house
from tests.unit.house.sources import modules
from tests.unit.router.rules import entangled as e

RULES = ("libs/demand", "services/router/domain.py", "services/router/rules", "services/intake/domain.py")
N = sealed()
WINDOW, COUNTY, HUB = s.clerk(), s.coordinator(), s.coordinator(s.HUB)
HELPER, ELSEWHERE = s.clerk(s.SECOND), s.coordinator("county-1")
LATE = s.timing(s.march(5, 10))
MUCH_LATER = s.timing(s.march(31))
ACCEPTED, ASSIGNED, RESOLVED, CLOSED = s.accepted_demand, s.assigned_demand, s.resolved_demand, s.closed_demand

GIVE_BACK = router.ReturnAssignment("a1", WINDOW, s.NOW, "no_capacity")
FORWARD = router.ForwardAssignment("a1", s.SECOND, "competence", WINDOW, s.NOW)
MERGE = router.MergeDemand("younger", "older", e.older(), WINDOW, s.NOW)
SPLIT = router.SplitDemand("a1", WINDOW, "all", e.PARTS)
RESOLVE = router.ResolveDemand("a1", WINDOW, s.NOW, "solved", N)
EXTEND = router.RequestExtension("a1", Span(5, "wd"), WINDOW, s.NOW, N)
SUSPEND = router.SuspendDemand("third_party", s.march(4), COUNTY, s.NOW, N)
ARBITRATE = router.ArbitrateAssignment(s.WINDOW, N, COUNTY, s.NOW)
ASK_HELP = router.RequestAssistance("a1", s.SECOND, WINDOW, s.NOW, N)
COMPLETE = intake.ProvideCompletion(s.PARTNER, s.NOW, N, ("f9",))
RECLASSIFY = router.ReclassifyDemand("market", HUB, s.NOW)


def second_part(**other: str) -> router.SplitDemand:
    return replace(SPLIT, parts=(e.PARTS[0], e.PARTS[1].model_copy(update=other)))


@dataclass(frozen=True)
class Case:
    """One refusal: its code, where, and what was asked for; `field` if it names the member that is wrong."""

    code: str
    given: Callable[[], e.Situation]
    command: intake.Command | router.Command
    field: str | None = None

    def decided(self) -> Decided[DemandState]:
        command = self.command
        if isinstance(command, intake.Command):
            return self.given().when(lambda state: intake.decide(command, state))
        return self.given().when(lambda state: router.decide(state, command))


ASSIGNING = (
    Case("return_reason_missing", ASSIGNED, replace(GIVE_BACK, reason=None), "reason"),
    Case("return_too_late", ACCEPTED, replace(GIVE_BACK, timing=LATE)),
    Case("return_too_late", ACCEPTED, replace(FORWARD, timing=LATE)),
    Case("last_resort_cannot_return", e.desk_holds, replace(GIVE_BACK, by=s.clerk(s.HUB))),
    Case("binding_assignment", e.arbitrated, replace(GIVE_BACK, assignment="a2")),
    Case("binding_assignment", e.arbitrated, replace(FORWARD, assignment="a2")),
    Case("forward_to_itself", ACCEPTED, replace(FORWARD, to=s.WINDOW), "to"),
    Case("node_not_available", ACCEPTED, replace(FORWARD, by=e.while_suspended(s.SECOND, WINDOW)), "node"),
    Case("stand_in_is_handler", ACCEPTED, router.NameHandler("a1", "p1", WINDOW, "p1"), "stand_in"),
    Case("nothing_to_take_back", lambda: s.assigned_demand(s.recalled()), router.TakeBackAct("a1", WINDOW, s.NOW)),
    Case("nothing_to_take_back", e.with_evidence, router.TakeBackAct("a1", WINDOW, s.NOW)),
    Case("take_back_too_late", ACCEPTED, router.TakeBackAct("a1", WINDOW, s.timing(at(3 + 601)))),
    Case("unknown_category", ASSIGNED, replace(RECLASSIFY, category="none"), "category"),
    Case("nothing_to_correct", ASSIGNED, replace(RECLASSIFY, category="别名quality"), "category"),
    Case("party_cannot_arbitrate", e.in_arbitration, replace(ARBITRATE, by=s.coordinator(s.WINDOW))),
    Case("node_not_available", e.in_arbitration, replace(ARBITRATE, by=e.while_suspended(s.WINDOW, COUNTY)), "node"),
    Case("illegal_transition", s.returned_demand, replace(ARBITRATE, by=HUB)),
    Case("illegal_transition", e.in_arbitration, router.OpenArbitration(s.NETWORK, s.NOW)),
    Case("illegal_transition", e.in_arbitration, router.RouteDemand(s.explanation(s.SECOND), s.NOW)),
)
HANDLING = (
    Case("unknown_organisation", ACCEPTED, router.RecordService("a1", WINDOW, s.NOW, "online", "market", "nobody"), "organisation"),
    Case("pause_used_up", e.paused_enough, router.RequestCompletion("a1", WINDOW, s.NOW, N)),
    Case("pause_used_up", ACCEPTED, replace(SUSPEND, until=s.march(31)), "until"),
    Case("suspension_ends_before_it_begins", ACCEPTED, replace(SUSPEND, until=at(0)), "until"),
    Case("extension_pending", e.extension_asked, EXTEND),
    Case("extension_used_up", e.extended, EXTEND),
    Case("extension_too_long", ACCEPTED, replace(EXTEND, span=Span(11, "wd")), "span"),
    Case("extension_too_long", ACCEPTED, replace(EXTEND, span=Span(0, "wd")), "span"),
    Case("extension_too_late", ACCEPTED, replace(EXTEND, timing=s.timing(s.march(9)))),
    Case("extension_too_late", e.extension_asked_and_missed, router.DecideExtension(True, COUNTY, MUCH_LATER)),
    Case("no_extension_pending", ACCEPTED, router.DecideExtension(True, COUNTY, s.NOW)),
    Case("missing_field", e.extension_asked, router.DecideExtension(False, COUNTY, s.NOW), "note"),
    Case("too_many_files", e.full_of_files, router.AttachEvidence("f20", "sha256:0", "application/pdf", 1, WINDOW)),
    Case("illegal_transition", e.supervised_before, router.CloseSupervision("v1", HUB, N)),
    Case("supervision_not_found", ACCEPTED, router.CloseSupervision("v1", HUB, N)),
    Case("assignment_not_found", ACCEPTED, router.ReportProgress("a9", WINDOW, s.NOW, N)),
    Case("illegal_transition", lambda: s.standing(Status.ASSIGNED), router.ReportProgress("a1", HELPER, s.NOW, N)),
)
TOGETHER = (
    Case("assists_already", e.assisted, ASK_HELP, "node"),
    Case("assists_already", ACCEPTED, replace(ASK_HELP, assistant=s.WINDOW), "node"),
    Case("too_many_assistances", e.assisted_by_many, ASK_HELP),
    Case("node_not_found", ACCEPTED, replace(ASK_HELP, assistant="nobody")),
    Case("unknown_evidence", e.assisted, router.DeliverAssistance("s1", HELPER, N, ("f9",)), "evidence"),
    Case("illegal_transition", e.assisted_indeed, router.AcceptAssistance("s1", HELPER)),
    Case("illegal_transition", e.assisted_indeed, router.DeclineAssistance("s1", HELPER, "other")),
    Case("assistance_not_found", ACCEPTED, router.AcceptAssistance("s1", HELPER)),
    Case("merge_into_itself", ACCEPTED, replace(MERGE, into="younger"), "into"),
    Case("merge_other_enterprise", ACCEPTED, replace(MERGE, target=e.older(enterprise="ent-other")), "into"),
    Case("merge_other_enterprise", ACCEPTED, replace(MERGE, target=s.DEMAND.given().state), "into"),
    Case("merge_into_younger", ACCEPTED, replace(MERGE, target=e.older(received_at=at(3600))), "into"),
    Case("merge_target_ended", ACCEPTED, replace(MERGE, target=e.older_withdrawn()), "into"),
    Case("merge_not_suggested", ACCEPTED, MERGE),
    Case("merge_of_parts", e.a_part, MERGE),
    Case("merge_of_parts", e.split_up, MERGE),
    Case("split_already", e.split_up, SPLIT),
    Case("split_of_a_part", e.a_part, SPLIT),
    Case("split_parts_number", ACCEPTED, replace(SPLIT, parts=e.PARTS[:1]), "parts"),
    Case("split_parts_number", ACCEPTED, replace(SPLIT, parts=e.PARTS * 5), "parts"),
    Case("unknown_category", ACCEPTED, second_part(category="别名digital"), "parts.1.category"),
    Case("unknown_region", ACCEPTED, second_part(region="999999"), "parts.1.region"),
)
CLOSING = (
    Case("evidence_missing", ACCEPTED, RESOLVE, "evidence"),
    Case("evidence_missing", e.with_the_enterprise_s_file_only, replace(RESOLVE, evidence=("f1",)), "evidence"),
    Case("evidence_missing", e.market_demand, replace(RESOLVE, evidence=("f1",)), "evidence"),
    Case("unknown_evidence", ACCEPTED, replace(RESOLVE, evidence=("f9",)), "evidence"),
    Case("parts_not_ended", e.split_up, replace(RESOLVE, evidence=("f1",))),
    Case("self_confirmation", RESOLVED, router.RecordFollowUp("confirmed", e.county_run_by_one(), s.NOW)),
    Case("missing_field", RESOLVED, router.RecordFollowUp("disputed", HUB, s.NOW), "note"),
    Case("follow_up_recorded_already", e.called_back, router.RecordFollowUp("confirmed", HUB, s.NOW)),
    Case("illegal_transition", e.complained_without_ground, router.DecideComplaint("c1", True, HUB, N)),
    Case("complaint_not_found", ACCEPTED, router.DecideComplaint("c1", True, HUB, N)),
    Case("erasure_requested_already", e.erasure_asked, router.RequestErasure("unlawful", HUB)),
    Case("erasure_not_requested", CLOSED, router.ApproveErasure(HUB)),
    Case("second_person_needed", e.erasure_asked, router.ApproveErasure(HUB)),
    Case("erase_the_whole", e.a_part_withdrawn, router.RequestErasure("subject_asked", HUB)),
    Case("parts_not_ended", e.split_and_withdrawn, router.RequestErasure("subject_asked", HUB)),
    Case("personal_data_erased", e.erased, router.RecordFollowUp("confirmed", HUB, s.NOW)),
)
ENTERPRISE = (
    Case("demand_not_found", lambda: s.DEMAND.given(), intake.WithdrawDemand(s.PARTNER, s.NOW)),
    Case("illegal_transition", s.submitted_demand, intake.SubmitDemand(s.submitted())),
    Case("nothing_to_correct", s.submitted_demand, intake.CorrectDemand(s.PARTNER, s.NOW)),
    Case("confirmation_needs_link", RESOLVED, intake.ConfirmResolution(s.PARTNER, s.NOW)),
    Case("self_confirmation", e.taken_in_where_it_was_resolved, intake.ConfirmResolution(s.ENTERPRISE, s.NOW)),
    Case("self_confirmation", e.taken_in_by_the_same_unit, intake.ConfirmResolution(s.ENTERPRISE, s.NOW)),
    Case("self_confirmation", e.taken_in_by_the_same_unit, intake.RateDemand(s.ENTERPRISE, "very_satisfied")),
    Case("rated_already", e.rated, intake.RateDemand(s.ENTERPRISE, "very_satisfied")),
    Case("reopening_too_late", CLOSED, intake.RequestReopening(s.PARTNER, MUCH_LATER, N)),
    Case("too_many_additions", e.supplemented_without_end, intake.SupplementDemand(s.ENTERPRISE, N)),
    Case("too_many_additions", e.complained_without_end, intake.RaiseComplaint(s.ENTERPRISE, N)),
    Case("too_many_additions", e.corrected_without_end, intake.CorrectDemand(s.PARTNER, s.NOW, title=N)),
    Case("complaint_about_stranger", ACCEPTED, intake.RaiseComplaint(s.PARTNER, N, s.SECOND), "node"),
    Case(
        "unknown_evidence",
        lambda: s.standing(Status.AWAITING_ENTERPRISE),
        intake.ProvideCompletion(s.PARTNER, s.NOW, N, ("f9",)),
        "files",
    ),
)
WRONG_ACTOR: Sequence[Case] = (
    # Not its assignment: a clerk of another node, a coordinator of another county, a clerk of the very hub above.
    *(
        Case("wrong_actor", ASSIGNED, router.AcceptAssignment("a1", by, s.NOW))
        for by in (HELPER, s.coordinator("county-1"), s.clerk(s.HUB))
    ),
    *(Case("wrong_actor", ASSIGNED, router.AcceptAssignment("a1", by, s.NOW)) for by in (s.BUREAU, s.PARTNER, s.ENTERPRISE)),
    Case("wrong_actor", ACCEPTED, router.ReportProgress("a1", HELPER, s.NOW, N)),
    Case("wrong_actor", e.assisted, router.AcceptAssistance("s1", WINDOW)),
    # Nobody judges itself: not the holder's own coordinator, not whoever stands beside it.
    *(
        Case("wrong_actor", ACCEPTED, command)
        for by in (s.coordinator(s.WINDOW), ELSEWHERE, s.clerk(s.COUNTY_HUB), s.PARTNER)
        for command in (
            replace(RECLASSIFY, by=by),
            router.RefuseDemand("out_of_scope", N, by, s.NOW),
            replace(SUSPEND, by=by),
            router.OpenSupervision(by, s.NOW, N),
        )
    ),
    *(Case("wrong_actor", e.extension_asked, router.DecideExtension(True, by, s.NOW)) for by in (s.coordinator(s.WINDOW), s.BUREAU)),
    Case("wrong_actor", lambda: s.standing(Status.SUSPENDED), router.ResumeDemand(HELPER, s.NOW)),
    Case("wrong_actor", e.supervised, router.CloseSupervision("v1", COUNTY, N)),
    Case("wrong_actor", e.in_arbitration, replace(ARBITRATE, by=s.clerk(s.COUNTY_HUB))),
    Case("wrong_actor", e.in_arbitration, replace(ARBITRATE, by=ELSEWHERE)),
    Case("wrong_actor", e.in_arbitration, replace(ARBITRATE, by=s.BUREAU)),
    Case("wrong_actor", ACCEPTED, replace(MERGE, by=HELPER)),
    Case("wrong_actor", lambda: s.standing(Status.MERGED), router.UnmergeDemand("by_person", s.clerk(s.NEIGHBOUR))),
    Case("wrong_actor", lambda: s.standing(Status.DISPUTED), router.DecideDispute(True, True, s.coordinator(s.WINDOW), s.NOW, N)),
    Case("wrong_actor", RESOLVED, router.RecordFollowUp("confirmed", s.coordinator(s.WINDOW), s.NOW)),
    Case("wrong_actor", RESOLVED, router.RecordFollowUp("confirmed", s.BUREAU, s.NOW)),
    Case("wrong_actor", e.complained, router.DecideComplaint("c1", False, s.coordinator(s.WINDOW), N)),
    Case("wrong_actor", CLOSED, router.RequestErasure("subject_asked", COUNTY)),
    Case("wrong_actor", e.erasure_asked, router.ApproveErasure(s.clerk(s.HUB))),
    Case("wrong_actor", ACCEPTED, router.AttachEvidence("f1", "sha256:0", "application/pdf", 1, HELPER)),
)
STRANGERS: Sequence[Case] = tuple(
    Case("demand_not_found", lambda status=status: s.standing(status), command)  # type: ignore[misc] # a default binds the value
    for status, command in (
        (Status.SUBMITTED, intake.SupplementDemand(s.OTHER_PARTNER, N)),
        (Status.SUBMITTED, intake.CorrectDemand(s.OTHER_PARTNER, s.NOW, region="330205001")),
        (Status.SUBMITTED, intake.WithdrawDemand(s.OTHER_PARTNER, s.NOW)),
        (Status.AWAITING_ENTERPRISE, intake.ProvideCompletion(WINDOW, s.NOW, N)),
        (Status.RESOLVED, intake.ConfirmResolution(WINDOW, s.NOW)),
        (Status.RESOLVED, intake.DisputeResolution(HUB, s.NOW, N)),
        (Status.CLOSED, intake.RequestReopening(s.OTHER_PARTNER, s.NOW, N)),
        (Status.CLOSED, intake.RateDemand(s.OTHER_PARTNER, "satisfied")),
        (Status.CLOSED, intake.RaiseComplaint(s.BUREAU, N)),
        (Status.MERGED, intake.WithdrawDemand(s.OTHER_PARTNER, s.NOW)),
    )
)
ALL = (*ASSIGNING, *HANDLING, *TOGETHER, *CLOSING, *ENTERPRISE, *WRONG_ACTOR, *STRANGERS)


def named(case: Case) -> str:
    return f"{case.code}-{type(case.command).__name__}"


@pytest.mark.parametrize("case", ALL, ids=named)
def test_it_is_refused(case: Case) -> None:
    decided = case.decided()
    if case.code.endswith("_not_found"):
        decided.then_not_found(case.code)
    else:
        decided.then_refused(case.code, field=case.field)


def test_no_refusal_is_without_a_test() -> None:
    said = {code for module in modules(*RULES) for _, code in house.raised_codes(module)}
    assert {case.code for case in ALL} == said
