"""Progress, service, pauses, extension, evidence, supervision, assistance, merging, splitting: history, command, events."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from libs.demand import AssistanceStatus, DemandState, Standing, Status
from libs.demand.changing import changed
from libs.directory import Span
from libs.events import (
    AssignmentRecalled,
    AssistanceAccepted,
    AssistanceDeclined,
    AssistanceDelivered,
    CompletionRequested,
    Deadline,
    DemandClosed,
    DemandMerged,
    DemandResumed,
    DemandSplit,
    DemandSuspended,
    DemandUnmerged,
    DuplicateSuggested,
    EvidenceAttached,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    Likeness,
    MergeReceived,
    PartCompleted,
    PartReopened,
    ProgressReported,
    ServiceRecorded,
    SupervisionClosed,
    SupervisionOpened,
)
from libs.events.testing import Decided, at, sealed
from services.router import domain as router
from tests.unit.demand import situations as s
from tests.unit.router.rules import entangled as e

N = sealed()
WINDOW, COUNTY, HUB, HELPER = s.clerk(), s.coordinator(), s.coordinator(s.HUB), s.clerk(s.SECOND)


def when(given: e.Situation, command: router.Command) -> Decided[DemandState]:
    return given.when(lambda state: router.decide(state, command))


def test_progress_is_reported() -> None:
    when(s.accepted_demand(), router.ReportProgress("a1", WINDOW, s.NOW, N)).then(ProgressReported(assignment="a1", node=s.WINDOW, note=N))


def test_a_service_is_recorded_with_who_gave_it() -> None:
    command = router.RecordService("a1", WINDOW, s.NOW, "offline", "low_fee", s.NEIGHBOUR, "v-1", s.march(2).date(), N)
    when(s.accepted_demand(), command).then(
        ServiceRecorded(
            assignment="a1",
            node=s.WINDOW,
            mode="offline",
            fee="low_fee",
            organisation=s.NEIGHBOUR,
            voucher="v-1",
            given_on=s.march(2).date(),
            note=N,
        )
    )


# Pauses.


def test_completion_is_asked_for_until_a_day_that_is_promised() -> None:
    decided = when(s.accepted_demand(), router.RequestCompletion("a1", WINDOW, s.NOW, N))
    decided.then(CompletionRequested(assignment="a1", node=s.WINDOW, note=N), s.promise(complete=s.march(9, 17, 30)))
    assert decided.state.status is Status.AWAITING_ENTERPRISE


def test_a_pause_ends_early_when_all_pauses_together_reach_the_limit() -> None:
    """Ten working days are 70 hours of opening and the rest of today; all but one hour was used before."""
    calendar = s.CLOCKS.calendar
    total = calendar.working_seconds(at(60), calendar.after(at(60), Span(10, "wd")))
    given = s.accepted_demand(DemandResumed(cause="completed", paused_seconds=total - 3600))
    decided = when(given, router.RequestCompletion("a1", WINDOW, s.NOW, N))
    assert decided.state.deadlines["complete"].at == at(60) + timedelta(hours=1)


def test_a_supervisor_approves_a_suspension_until_a_moment() -> None:
    when(s.accepted_demand(), router.SuspendDemand("law_pending", s.march(4), COUNTY, s.NOW, N)).then(
        DemandSuspended(assignment="a1", node=s.WINDOW, by=s.COUNTY_HUB, reason="law_pending", until=s.march(4), note=N),
        s.timing().set({"resume": Deadline(at=s.march(4), counting="elapsed")}),
    )


@pytest.mark.parametrize("by", [WINDOW, COUNTY])
def test_a_resumed_demand_has_exactly_the_time_left_that_it_had(by: Standing) -> None:
    """Suspended on Monday at nine, resumed on Tuesday at noon: 7 + 3 hours of opening later everything stands."""
    decided = when(s.standing(Status.SUSPENDED), router.ResumeDemand(by, s.timing(s.march(3, 11, 30))))
    since = decided.given.state.paused_since
    assert since is not None
    calendar = s.CLOCKS.calendar
    paused = calendar.working_seconds(since, s.march(3, 11, 30))
    assert decided.events[0] == DemandResumed(cause="by_person", paused_seconds=paused)
    for limit in ("answer", "resolve", "warn"):
        before, after = decided.given.state.deadlines[limit].at, decided.state.deadlines[limit].at
        assert calendar.working_seconds(since, before) == calendar.working_seconds(s.march(3, 11, 30), after)
        assert calendar.working_seconds(before, after) == paused


# Extension.


def test_an_extension_is_asked_for_and_granted_from_where_the_deadline_stood() -> None:
    command = router.RequestExtension("a1", Span(10, "wd"), WINDOW, s.NOW, N)
    when(s.accepted_demand(), command).then(ExtensionRequested(assignment="a1", node=s.WINDOW, span="10wd", note=N, person=WINDOW.party))
    when(e.extension_asked(), router.DecideExtension(True, COUNTY, s.NOW)).then(
        ExtensionGranted(assignment="a1", by=s.COUNTY_HUB), s.promise(resolve=s.march(16, 17, 30), warn=s.march(13, 17, 30))
    )


def test_an_extension_is_asked_for_up_to_one_working_day_before() -> None:
    command = router.RequestExtension("a1", Span(5, "wd"), WINDOW, s.timing(s.march(6, 17, 30)), N)
    assert when(s.accepted_demand(), command).error is None
    late = replace(command, timing=s.timing(s.march(6, 17, 31)))
    when(s.accepted_demand(), late).then_refused("extension_too_late")


def test_an_extension_refused_may_be_asked_for_again() -> None:
    decided = when(e.extension_asked(), router.DecideExtension(False, HUB, s.NOW, N))
    decided.then(ExtensionRefused(assignment="a1", by=s.HUB, note=N))
    given = s.accepted_demand(ExtensionRequested(assignment="a1", node=s.WINDOW, span="5wd", note=N), *decided.events)
    assert when(given, router.RequestExtension("a1", Span(5, "wd"), WINDOW, s.NOW, N)).error is None


# Evidence and supervision.


def test_evidence_is_of_the_node_s_side_or_the_enterprise_s() -> None:
    def attached(side: str, node: str | None) -> EvidenceAttached:
        plain = {"file": "f1", "digest": "sha256:0", "media_type": "image/png", "size": 9, "title": N}
        return EvidenceAttached.model_validate({**plain, "side": side, "node": node})

    command = router.AttachEvidence("f1", "sha256:0", "image/png", 9, WINDOW, N)
    when(s.accepted_demand(), command).then(attached("node", s.WINDOW))
    when(e.assisted(), replace(command, by=HELPER)).then(attached("node", s.SECOND))
    when(s.closed_demand(), command).then(attached("node", s.WINDOW))
    for by in (s.PARTNER, s.ENTERPRISE):
        when(s.accepted_demand(), replace(command, by=by)).then(attached("enterprise", None))


def test_the_same_file_of_the_same_side_is_one_file() -> None:
    command = router.AttachEvidence("f1", "sha256:0", "application/pdf", 1, WINDOW)
    when(e.with_evidence(), command).then_nothing()
    assert when(e.with_the_enterprise_s_file_only(), command).events
    when(e.full_of_files(), replace(command, file="f3")).then_nothing()


@pytest.mark.parametrize(("first", "second"), [("enterprise", "node"), ("node", "enterprise")])
def test_a_file_stays_of_the_side_that_brought_it_first_and_both_facts_are_kept(first: str, second: str) -> None:
    persons = {"node": WINDOW, "enterprise": s.ENTERPRISE}
    command = router.AttachEvidence("f1", "sha256:0", "application/pdf", 1, persons[second])
    again = when(s.accepted_demand(e.evidence(1, first)), command)
    assert [type(event) for event in again.events] == [EvidenceAttached]
    assert again.state.files == {"f1": first}
    both = s.accepted_demand(e.evidence(1, first), *again.events)
    for by in persons.values():
        when(both, replace(command, by=by)).then_nothing()


def test_what_the_enterprise_brought_is_no_evidence_of_the_node_whoever_uploads_it_again() -> None:
    resolve = router.ResolveDemand("a1", WINDOW, s.NOW, "solved", N, ("f1",))
    theirs = s.accepted_demand(e.evidence(1, "enterprise"), e.evidence(1, "node"))
    when(theirs, resolve).then_refused("evidence_missing", field="evidence")
    own = s.accepted_demand(e.evidence(1, "node"), e.evidence(1, "enterprise"))
    assert when(own, resolve).error is None


@pytest.mark.parametrize(("by", "named"), [(COUNTY, s.COUNTY_HUB), (HUB, s.HUB), (s.BUREAU, "bureau")], ids=str)
def test_a_supervision_is_answered_within_a_term_and_ended_by_who_may_open_it(by: Standing, named: str) -> None:
    opened = SupervisionOpened(supervision="v1", by=named, note=N)
    decided = when(s.accepted_demand(), router.OpenSupervision(by, s.NOW, N)).then(opened, s.promise(supervise=s.march(5, 17, 30)))
    given = s.accepted_demand(decided.events)
    ended = when(given, router.CloseSupervision("v1", by, N)).then(SupervisionClosed(supervision="v1", by=named, note=N))
    assert "supervise" not in ended.state.deadlines


# Assistance.


def test_assistance_is_asked_for_agreed_to_and_delivered() -> None:
    when(s.accepted_demand(), router.RequestAssistance("a1", s.SECOND, WINDOW, s.NOW, N)).then(e.helped())
    agreed = AssistanceAccepted(assistance="s1", assistant=s.SECOND)
    when(e.assisted(), router.AcceptAssistance("s1", HELPER)).then(agreed)
    delivered = AssistanceDelivered(assistance="s1", assistant=s.SECOND, note=N, evidence=("f1",))
    decided = when(s.accepted_demand(e.helped(), e.evidence()), router.DeliverAssistance("s1", HELPER, N, ("f1",))).then(delivered)
    assert decided.state.assistances[0].status is AssistanceStatus.DELIVERED
    assert decided.state.holder is not None
    assert decided.state.holder.node == s.WINDOW


def test_assistance_is_declined_with_a_reason_and_asked_of_the_same_node_again() -> None:
    declined = AssistanceDeclined(assistance="s1", assistant=s.SECOND, reason="no_capacity", note=N)
    when(e.assisted(), router.DeclineAssistance("s1", HELPER, "no_capacity", N)).then(declined)
    given = s.accepted_demand(e.helped(), declined)
    assert when(given, router.RequestAssistance("a1", s.SECOND, WINDOW, s.NOW, N)).events == (e.helped(2),)


# Duplicates.


def test_the_younger_is_merged_into_the_older_and_taken_from_its_node() -> None:
    when(s.accepted_demand(e.alike()), router.MergeDemand("younger", "older", e.older(), WINDOW, s.NOW, N)).then(
        AssignmentRecalled(assignment="a1", node=s.WINDOW, reason="merged"), DemandMerged(into="older", by=WINDOW.party, note=N)
    )
    when(s.submitted_demand(), router.MergeDemand("younger", "older", e.older(), HUB, s.NOW)).then(DemandMerged(into="older", by=HUB.party))


def test_of_two_demands_of_one_moment_the_ids_tell_which_is_older() -> None:
    here, there = s.assigned_demand(), s.assigned_demand()
    assert when(here, router.MergeDemand("b", "a", there.state, COUNTY, s.NOW)).error is None
    when(there, router.MergeDemand("a", "b", here.state, WINDOW, s.NOW)).then_refused("merge_into_younger")


@pytest.mark.parametrize("by", [COUNTY, HUB])
def test_what_nobody_suggested_is_merged_by_who_stands_above_the_holder(by: Standing) -> None:
    merge = router.MergeDemand("younger", "older", e.older(), WINDOW, s.NOW)
    when(s.accepted_demand(), merge).then_refused("merge_not_suggested")
    when(s.accepted_demand(e.alike("another")), merge).then_refused("merge_not_suggested")
    assert when(s.accepted_demand(), replace(merge, by=by)).error is None
    told = s.DEMAND.given(s.submitted().model_copy(update={"received_at": at(-3600)}), e.alike("younger")).state
    assert when(s.accepted_demand(), replace(merge, target=told)).error is None


def test_a_county_hub_needs_the_hub_above_it_and_the_desk_decides_about_what_lies_on_it() -> None:
    merge = router.MergeDemand("younger", "older", e.older(), COUNTY, s.NOW)
    given = s.DEMAND.given(s.submitted(), (s.assigned(s.COUNTY_HUB, path="lowest_hub"), s.ON_ASSIGNMENT))
    when(given, merge).then_refused("merge_not_suggested")
    assert when(given, replace(merge, by=HUB)).error is None
    assert when(e.desk_holds(), replace(merge, by=s.clerk(s.HUB))).error is None


@pytest.mark.parametrize("status", [Status.RESOLVED, Status.DISPUTED, Status.CLOSED, Status.MERGED])
def test_nothing_is_merged_into_what_nobody_works_on_any_more(status: Status) -> None:
    older = changed(s.standing(status).state, submitted_at=at(-3600))
    when(s.accepted_demand(e.alike()), router.MergeDemand("younger", "older", older, WINDOW, s.NOW)).then_refused(
        "merge_target_ended", field="into"
    )


def test_a_pause_ends_before_a_merge_so_that_the_promises_it_keeps_are_right() -> None:
    paused = s.standing(Status.AWAITING_ENTERPRISE)
    decided = when(paused, router.MergeDemand("younger", "older", e.older(), COUNTY, s.timing(s.march(3))))
    assert [event.name() for event in decided.events] == ["DemandResumed", "DeadlinesSet", "AssignmentRecalled", "DemandMerged"]
    assert decided.state.deadlines["resolve"].at > paused.state.deadlines["resolve"].at


def test_the_older_learns_of_a_merge_once() -> None:
    decided = when(s.accepted_demand(), router.ReceiveMerge("younger")).then(MergeReceived(demand="younger"))
    when(s.accepted_demand(*decided.events), router.ReceiveMerge("younger")).then_nothing()


def test_a_merge_is_undone_by_a_person_or_because_the_older_has_ended() -> None:
    merged = s.standing(Status.MERGED)
    for by in (s.clerk(s.HUB), WINDOW, HELPER, HUB):
        when(merged, router.UnmergeDemand("by_person", by)).then(DemandUnmerged(into="older", reason="by_person"))
    ended = DemandUnmerged(into="older", reason="target_ended")
    assert when(merged, router.UnmergeDemand("target_ended", None)).then(ended).state.waits_for_routing
    when(merged, router.UnmergeDemand("target_ended", None, "older")).then(ended)


def test_news_of_an_end_that_comes_late_undoes_no_other_merge() -> None:
    when(s.standing(Status.MERGED), router.UnmergeDemand("target_ended", None, "another")).then_nothing()
    when(s.accepted_demand(), router.UnmergeDemand("target_ended", None, "older")).then_nothing()


def test_likenesses_are_suggested_once_each() -> None:
    one, other = (Likeness(demand=demand, score=80, reasons=("text",)) for demand in ("one", "other"))
    decided = when(s.submitted_demand(), router.SuggestDuplicates((one,))).then(DuplicateSuggested(suggestions=(one,)))
    again = s.DEMAND.given(s.submitted(), *decided.events)
    when(again, router.SuggestDuplicates((one,))).then_nothing()
    when(again, router.SuggestDuplicates((one, other))).then(DuplicateSuggested(suggestions=(other,)))


# Splitting.


def test_a_demand_is_split_and_its_holder_keeps_the_whole() -> None:
    split = DemandSplit(assignment="a1", node=s.WINDOW, join="all", parts=e.PARTS)
    decided = when(s.accepted_demand(), router.SplitDemand("a1", WINDOW, "all", e.PARTS)).then(split)
    assert decided.state.current is not None
    assert [part.demand for part in decided.state.parts] == ["part-1", "part-2"]


def test_the_whole_learns_how_each_part_ended_once_and_may_then_be_resolved() -> None:
    given = e.split_up()
    ended = [PartCompleted(part=f"p{n}", demand=f"part-{n}", status="closed") for n in (1, 2)]
    when(given, router.CompletePart("part-1", "closed")).then(ended[0])
    when(given, router.CompletePart("no-part", "closed")).then_nothing()
    split = DemandSplit(assignment="a1", node=s.WINDOW, join="all", parts=e.PARTS)
    half = s.accepted_demand(e.evidence(), split, ended[0])
    when(half, router.CompletePart("part-1", "withdrawn")).then_nothing()
    resolve = router.ResolveDemand("a1", WINDOW, s.NOW, "solved", N, ("f1",))
    when(half, resolve).then_refused("parts_not_ended")
    assert when(s.accepted_demand(e.evidence(), split, *ended), resolve).error is None
    lead = s.accepted_demand(e.evidence(), split.model_copy(update={"join": "lead"}))
    assert when(lead, resolve).error is None


SPLIT_UP = DemandSplit(assignment="a1", node=s.WINDOW, join="all", parts=e.PARTS)
ALL_ENDED = [PartCompleted(part=f"p{n}", demand=f"part-{n}", status="closed") for n in (1, 2)]


def test_the_whole_waits_again_for_a_part_that_was_reopened() -> None:
    whole = s.accepted_demand(e.evidence(), SPLIT_UP, *ALL_ENDED)
    reopened = PartReopened(part="p2", demand="part-2")
    decided = when(whole, router.ReopenPart("part-2")).then(reopened)
    resolve = router.ResolveDemand("a1", WINDOW, s.NOW, "solved", N, ("f1",))
    again = s.accepted_demand(e.evidence(), SPLIT_UP, *ALL_ENDED, reopened)
    when(again, resolve).then_refused("parts_not_ended")
    assert (decided.state.status, decided.state.holder, decided.state.deadlines) == (
        whole.state.status,
        whole.state.holder,
        whole.state.deadlines,
    )
    when(again, router.ReopenPart("part-2")).then_nothing()
    when(again, router.CompletePart("part-2", "closed")).then(ALL_ENDED[1])
    when(s.accepted_demand(SPLIT_UP), router.ReopenPart("part-1")).then_nothing()
    when(whole, router.ReopenPart("no-part")).then_nothing()


def test_a_whole_that_is_resolved_or_closed_stays_so_when_a_part_is_reopened() -> None:
    """It only knows, and keeps the key that its part needs."""
    reopened = PartReopened(part="p1", demand="part-1")
    for more in ((), (DemandClosed(outcome="unconfirmed"),)):
        resolved = s.accepted_demand(SPLIT_UP, *ALL_ENDED, (s.resolved(), s.promise(confirm=s.march(9, 17, 30))), *more)
        after = when(resolved, router.ReopenPart("part-1")).then(reopened).state
        before = resolved.state
        assert (after.status, after.holder, after.deadlines, after.outcome) == (
            before.status,
            before.holder,
            before.deadlines,
            before.outcome,
        )
    closed = s.closed_demand(SPLIT_UP, *ALL_ENDED, reopened)
    when(closed, router.RequestErasure("subject_asked", HUB)).then_refused("parts_not_ended")


def test_what_parts_do_meanwhile_takes_nobodys_right_to_take_an_act_back_and_outlives_it() -> None:
    split = SPLIT_UP.model_copy(update={"join": "lead"})
    given = s.accepted_demand(split, (s.resolved(), s.promise(confirm=s.march(9, 17, 30))), ALL_ENDED[0])
    decided = when(given, router.TakeBackAct("a1", WINDOW, s.NOW))
    assert decided.error is None
    assert [part.ended for part in decided.state.parts] == ["closed", None]
