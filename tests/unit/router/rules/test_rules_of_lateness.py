"""A person's act that comes after a due moment and before its timer: the miss is told all the same, and by whom the promise was broken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from libs.directory import Span
from libs.events import (
    CompletionRequested,
    Deadline,
    DeadlineMissed,
    DeadlinesSet,
    DemandEscalated,
    DemandEvent,
    DemandResolved,
    ExtensionRequested,
    ProgressReported,
    SupervisionOpened,
)
from libs.events.testing import sealed
from services.intake import domain as intake
from services.router import domain as router
from tests.unit.demand import situations as s
from tests.unit.router.rules import entangled as e

N = sealed()
PROGRESS = ProgressReported(assignment="a1", node=s.WINDOW, note=N)
DUE = s.march(9, 17, 30)
JUST_AFTER = s.timing(DUE + timedelta(milliseconds=5))
WINDOW, COUNTY, HUB = s.clerk(), s.coordinator(), s.coordinator(s.HUB)
BROKEN = (
    DeadlineMissed(limit="resolve", node=s.WINDOW, due=DUE),
    DemandEscalated(rule="resolve", level=1, to=s.COUNTY_HUB),
    s.promise(chase=s.march(10, 17, 30)),
)
RESOLVE = router.ResolveDemand("a1", WINDOW, JUST_AFTER, "solved", N, ("f1",))
Command = intake.Command | router.Command


def answered() -> e.Situation:
    """In progress and answered in time; the promise to resolve is still open."""
    return s.accepted_demand(PROGRESS, e.evidence(), e.alike())


def decided(given: e.Situation, command: Command) -> tuple[DemandEvent, ...]:
    if isinstance(command, intake.Command):
        return tuple(intake.decide(command, given.state))
    return tuple(router.decide(given.state, command))


def test_what_is_resolved_a_moment_too_late_was_missed() -> None:
    *broken, resolved, confirm = decided(answered(), RESOLVE)
    assert tuple(broken) == BROKEN
    assert isinstance(resolved, DemandResolved)
    assert isinstance(confirm, DeadlinesSet)


def test_what_is_resolved_a_moment_before_was_kept() -> None:
    in_time = decided(answered(), replace(RESOLVE, timing=s.timing(DUE - timedelta(milliseconds=5))))
    assert [event.name() for event in in_time] == ["DemandResolved", "DeadlinesSet"]


def test_it_is_told_as_the_timer_would_have_told_it() -> None:
    told = decided(answered(), router.KeepTime(s.NETWORK, JUST_AFTER))
    assert [event for event in told if event.name() != "DeadlineWarned"] == list(BROKEN)


@pytest.mark.parametrize(
    "command",
    [
        router.RequestCompletion("a1", WINDOW, JUST_AFTER, N),
        router.SuspendDemand("third_party", s.march(11), COUNTY, JUST_AFTER, N),
        router.RefuseDemand("out_of_scope", N, COUNTY, JUST_AFTER),
        router.MergeDemand("younger", "older", e.older(), WINDOW, JUST_AFTER),
        router.ReclassifyDemand("market", COUNTY, JUST_AFTER),
        router.ReportProgress("a1", WINDOW, JUST_AFTER, N),
        router.RecordService("a1", WINDOW, JUST_AFTER, "online", "welfare"),
        intake.WithdrawDemand(s.PARTNER, JUST_AFTER),
    ],
    ids=lambda command: type(command).__name__,
)
def test_nothing_that_ends_or_pauses_a_promise_or_hands_it_on_hides_that_it_was_broken(command: Command) -> None:
    events = decided(answered(), command)
    assert events[: len(BROKEN)] == BROKEN
    assert len(events) > len(BROKEN)


@pytest.mark.parametrize(
    "command",
    [
        router.ReturnAssignment("a1", WINDOW, JUST_AFTER, "no_capacity"),
        router.ForwardAssignment("a1", s.SECOND, "competence", WINDOW, JUST_AFTER),
    ],
    ids=lambda command: type(command).__name__,
)
def test_who_hands_on_too_late_leaves_its_miss_to_nobody_else(command: router.Command) -> None:
    promised = s.promise(accept=s.march(10), resolve=DUE)
    assert decided(s.DEMAND.given(s.submitted(), (s.assigned(), promised)), command)[0] == BROKEN[0]


@pytest.mark.parametrize(
    "command",
    [
        router.ReportProgress("a1", WINDOW, s.timing(s.march(4, 17, 31)), N),
        router.RecordService("a1", WINDOW, s.timing(s.march(4, 17, 31)), "online", "welfare"),
        router.RequestCompletion("a1", WINDOW, s.timing(s.march(4, 17, 31)), N),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_first_answer_that_comes_too_late_was_missed(command: router.Command) -> None:
    assert decided(s.accepted_demand(), command)[0] == DeadlineMissed(limit="answer", node=s.WINDOW, due=s.march(4, 17, 30))


def test_progress_that_comes_after_a_supervision_wanted_it_was_missed() -> None:
    opened = (SupervisionOpened(supervision="v1", by=s.HUB, note=N), s.promise(supervise=s.march(3, 17, 30)))
    late = router.ReportProgress("a1", WINDOW, s.timing(s.march(3, 17, 31)), N)
    assert decided(s.accepted_demand(opened), late)[0] == DeadlineMissed(limit="supervise", node=s.WINDOW, due=s.march(3, 17, 30))


def test_what_is_refused_tells_nothing() -> None:
    given = answered().when(lambda state: router.decide(state, replace(RESOLVE, evidence=())))
    given.then_refused("evidence_missing", field="evidence")


def test_no_extension_is_granted_for_what_was_missed_already() -> None:
    given = s.accepted_demand(PROGRESS, ExtensionRequested(assignment="a1", node=s.WINDOW, span=str(Span(5, "wd")), note=N))
    given.when(lambda state: router.decide(state, router.DecideExtension(True, COUNTY, JUST_AFTER))).then_refused("extension_too_late")


def test_a_pause_that_is_over_is_over_before_anything_else() -> None:
    """It was to end on the 3rd; the promise that ran on then is broken when the demand is withdrawn, and no timer has told it."""
    asked = CompletionRequested(assignment="a1", node=s.WINDOW, note=N)
    given = s.accepted_demand((asked, DeadlinesSet(clocks="testnet/clocks/1", deadlines={"complete": Deadline(at=s.march(3))})))
    names = [event.name() for event in decided(given, intake.WithdrawDemand(s.PARTNER, s.timing(s.march(20))))]
    assert names[:2] == ["DemandResumed", "DeadlinesSet"]
    assert "DeadlineMissed" in names
    assert names[-2:] == ["AssignmentRecalled", "DemandWithdrawn"]
