"""Time passes 时限, on a simulated clock in real working days: warn, lapse, miss, escalate, chase, pause, close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from libs.demand import DemandState, Status, Timing, evolve, next_due, public_due
from libs.demand.changing import changed
from libs.demand.state import Supervision
from libs.directory import NetworkClocks, Span
from libs.events import (
    ArbitrationOpened,
    AssignmentLapsed,
    Deadline,
    DeadlineMissed,
    DeadlinesSet,
    DeadlineWarned,
    DemandClosed,
    DemandEscalated,
    DemandEvent,
    DemandReopened,
    DemandResumed,
    Event,
    FollowUpOrdered,
    ProgressReported,
    Refused,
    SupervisionOpened,
)
from libs.events.testing import Step, at, sealed
from services.router import domain as router
from tests.unit.demand import situations as s
from tests.unit.router.rules import entangled as e

N = sealed()
PROGRESS = ProgressReported(assignment="a1", node=s.WINDOW, note=N)


def kept(state: DemandState, now: datetime) -> Sequence[DemandEvent]:
    """What keeping time does now."""
    return router.decide(state, router.KeepTime(s.NETWORK, s.timing(now)))


def fold(state: DemandState, events: Sequence[Event], now: datetime) -> DemandState:
    for event in events:
        state = evolve(state, event, version=99, at=now)
    return state


def told(state: DemandState, until: datetime) -> list[tuple[datetime, DemandEvent]]:
    """Keep time whenever it is due, up to a moment, and tell what happened when."""
    happened: list[tuple[datetime, DemandEvent]] = []
    while (due := next_due(state)) is not None and due <= until and not state.waits_for_routing:
        events = kept(state, due)
        assert events, "something is due, and something happens"
        assert kept(state, due - timedelta(seconds=1)) == (), "not a second earlier"
        happened += [(due, event) for event in events if event.name() != "DeadlinesSet"]
        state = fold(state, events, due)
        assert kept(state, due) == (), "and not twice"
    return happened


# Silence of a node.


def test_silence_lets_the_assignment_lapse_at_closing_time_of_the_next_working_day() -> None:
    state = s.assigned_demand().state
    assert told(state, s.march(6)) == [(s.march(3, 17, 30), AssignmentLapsed(assignment="a1", node=s.WINDOW))]
    lapsed = fold(state, kept(state, s.march(3, 17, 30)), s.march(3, 17, 30))
    assert router.react(lapsed) == router.NextStep("route")
    assert router.routing_inputs(lapsed).returned_by == (s.WINDOW,)


def test_a_timer_that_comes_late_still_lapses_and_one_that_comes_too_late_changes_nothing() -> None:
    assert kept(s.assigned_demand().state, s.march(4)) == (AssignmentLapsed(assignment="a1", node=s.WINDOW),)
    assert kept(s.accepted_demand().state, s.march(4)) == ()


@pytest.mark.parametrize("given", [e.arbitrated, e.desk_holds])
def test_what_cannot_go_elsewhere_does_not_lapse_but_is_missed_escalated_and_chased(given: Callable[[], e.Situation]) -> None:
    state = given().state
    assert state.holder is not None
    node = state.holder.node
    above = [one.id for one in s.NETWORK.path_up(node)[1:]]
    state = changed(state, deadlines={limit: due for limit, due in state.deadlines.items() if limit in ("accept", "chase", "resolve")})
    happened = told(state, s.march(5, 12))
    missed = [(when, event) for when, event in happened if isinstance(event, DeadlineMissed)]
    assert missed == [(s.march(day, 17, 30), DeadlineMissed(limit="accept", node=node, due=s.march(day, 17, 30))) for day in (3, 4)]
    assert [event.to for _, event in happened if isinstance(event, DemandEscalated)] == above[:2]
    assert not any(isinstance(event, AssignmentLapsed) for _, event in happened)


# The promises to the enterprise.


def test_a_missed_deadline_climbs_the_supervisory_path_and_the_holder_is_chased_every_working_day() -> None:
    """Warned on Friday, missed on Monday, then chased daily; county and hub are told once each, and then there is nobody above."""
    assert told(s.accepted_demand().state, s.march(12, 20)) == [
        (s.march(4, 17, 30), DeadlineMissed(limit="answer", node=s.WINDOW, due=s.march(4, 17, 30))),
        (s.march(4, 17, 30), DemandEscalated(rule="answer", level=1, to=s.COUNTY_HUB)),
        (s.march(6, 17, 30), DeadlineWarned(limit="resolve", node=s.WINDOW, due=s.march(9, 17, 30))),
        (s.march(9, 17, 30), DeadlineMissed(limit="resolve", node=s.WINDOW, due=s.march(9, 17, 30))),
        (s.march(9, 17, 30), DemandEscalated(rule="resolve", level=2, to=s.HUB)),
        *(
            (s.march(day, 17, 30), DeadlineWarned(limit="resolve", node=s.WINDOW, due=s.march(day, 17, 30), chase=True))
            for day in (10, 11, 12)
        ),
    ]


def test_chasing_climbs_further_until_the_top_is_told() -> None:
    state = changed(s.accepted_demand().state, deadlines=s.promise(resolve=s.march(9, 17, 30)).deadlines)
    happened = told(state, s.march(12, 20))
    climbed = [(when, event.level, event.to) for when, event in happened if isinstance(event, DemandEscalated)]
    assert climbed == [(s.march(9, 17, 30), 1, s.COUNTY_HUB), (s.march(10, 17, 30), 2, s.HUB)]


def test_nobody_is_chased_at_the_weekend() -> None:
    state = changed(s.accepted_demand().state, deadlines=s.promise(chase=s.march(6, 17, 30)).deadlines)
    chased = [when for when, event in told(state, s.march(10)) if isinstance(event, DeadlineWarned)]
    assert chased == [s.march(6, 17, 30), s.march(9, 17, 30)]


def test_the_demand_clock_runs_while_nobody_but_the_desk_has_it() -> None:
    state = s.returned_demand().state
    assert kept(state, s.march(9, 17, 30))[0] == DeadlineMissed(limit="answer", node=s.HUB, due=s.march(4, 17, 30))


def test_a_demand_from_a_former_system_is_late_at_once_if_it_is_late() -> None:
    old = s.submitted().model_copy(update={"received_at": at(-30 * 86400)})
    given = s.DEMAND.given(old)
    decided = given.when(lambda state: router.decide(state, router.RouteDemand(s.explanation(s.WINDOW), s.NOW)))
    limits = decided.state.deadlines
    assert (limits["resolve"].at < at(0), "warn" in limits, limits["accept"].at) == (True, False, s.march(3, 17, 30))
    assert DeadlineMissed(limit="resolve", node=s.WINDOW, due=limits["resolve"].at) in kept(decided.state, at(61))


# Pauses.


def test_a_pause_ends_by_itself_and_every_net_deadline_moves_by_exactly_what_it_took() -> None:
    state = s.standing(Status.AWAITING_ENTERPRISE).state
    since, calendar = state.paused_since, s.CLOCKS.calendar
    assert since is not None
    for now in (s.march(9, 17, 30), s.march(11)):  # in time, and after an outage: the pause was over all the same
        events = kept(state, now)
        assert events[0] == DemandResumed(cause="expired", paused_seconds=calendar.working_seconds(since, s.march(9, 17, 30)))
        after = fold(state, events[:2], now)
        for limit in ("resolve", "warn"):
            moved = calendar.working_seconds(state.deadlines[limit].at, after.deadlines[limit].at)
            assert moved == events[0].paused_seconds


def test_nothing_on_the_net_clock_is_due_in_a_pause() -> None:
    state = s.standing(Status.AWAITING_ENTERPRISE).state
    assert next_due(state) == s.march(9, 17, 30)
    assert kept(state, s.march(9, 17, 29)) == ()
    assert public_due(state) == s.march(9, 17, 30)


def test_a_deadline_in_elapsed_time_moves_by_elapsed_time() -> None:
    """An urgent demand: 24 hours to resolve, of which one hour had gone when the pause began."""
    urgent = Deadline(at=at(86400), counting="elapsed")
    state = changed(s.standing(Status.SUSPENDED).state, deadlines={"resolve": urgent, "resume": Deadline(at=s.march(5))})
    assert state.paused_since is not None
    after = fold(state, kept(state, s.march(5)), s.march(5))
    assert after.deadlines["resolve"].at - s.march(5) == urgent.at - state.paused_since


def test_a_demand_in_elapsed_time_uses_its_pauses_up_by_night_too() -> None:
    """Suspended every evening until the next morning: no working time passes, and still all pauses together end some day."""
    urgent = Deadline(at=s.march(20), counting="elapsed")
    state = changed(s.accepted_demand().state, deadlines={"resolve": urgent})
    evening, nights, most = s.march(2, 17, 30), timedelta(), s.CLOCKS.calendar.after(at(60), s.CLOCKS.rules.suspension_most) - at(60)
    while True:
        morning = evening + timedelta(hours=15)
        command = router.SuspendDemand("third_party", morning, s.coordinator(), s.timing(evening), N)
        try:
            state = fold(state, router.decide(state, command), evening)
        except Refused:
            break
        state = fold(state, kept(state, morning), morning)
        assert (state.status, state.paused_seconds) == (Status.IN_PROGRESS, 0)
        nights += morning - evening
        evening += timedelta(days=1)
        assert nights <= most, "no longer than all pauses together"
    with pytest.raises(Refused, match="pause_used_up"):
        router.decide(state, command)
    assert nights + timedelta(days=1) > most - timedelta(days=4), "nor much shorter: weekends may lie in between"


def test_an_extension_moves_the_deadline_and_its_warning() -> None:
    decided = e.extension_asked().when(lambda state: router.decide(state, router.DecideExtension(True, s.coordinator(), s.NOW)))
    happened = told(decided.state, s.march(16, 20))
    warned = [(when, event.due) for when, event in happened if isinstance(event, DeadlineWarned)]
    missed = [when for when, event in happened if isinstance(event, DeadlineMissed) and event.limit == "resolve"]
    assert (warned, missed) == ([(s.march(13, 17, 30), s.march(16, 17, 30))], [s.march(16, 17, 30)])


# Arbitration, assistance, supervision, call-back.


def test_a_silent_arbiter_is_followed_by_the_next_hub_up_and_the_hub_is_chased() -> None:
    opened = (e.OPENED, s.promise(arbitrate=s.march(2, 17, 30)))
    state = s.assigned_demand(s.returned(), s.assigned(s.NEIGHBOUR, 2), s.returned(s.NEIGHBOUR, 2), opened).state
    parties = (s.WINDOW, s.NEIGHBOUR)
    about = (ArbitrationOpened, DeadlineMissed)
    happened = [(when, event) for when, event in told(state, s.march(4, 16)) if isinstance(event, about)]
    assert happened == [
        (s.march(2, 17, 30), DeadlineMissed(limit="arbitrate", node=s.COUNTY_HUB, due=s.march(2, 17, 30))),
        (s.march(2, 17, 30), ArbitrationOpened(arbiter=s.HUB, parties=parties, cause="silence")),
        (s.march(3, 17, 30), DeadlineMissed(limit="arbitrate", node=s.HUB, due=s.march(3, 17, 30))),
    ]


def test_late_assistance_is_the_assistant_s_miss_once_and_the_lead_stays_accountable() -> None:
    state = s.accepted_demand(e.helped()).state
    late = DeadlineMissed(limit="assist", node=s.SECOND, due=s.march(5, 17, 30), assistance="s1")
    assert [(when, event) for when, event in told(state, s.march(6)) if event == late] == [(s.march(5, 17, 30), late)]
    after = fold(state, (late,), s.march(5, 17, 30))
    assert after.holder == state.holder
    assert after.assistances[0].missed


def test_a_supervision_nobody_answers_is_missed_and_goes_up() -> None:
    opened = (SupervisionOpened(supervision="v1", by=s.HUB, note=N), s.promise(supervise=s.march(3, 17, 30)))
    assert told(s.accepted_demand(opened).state, s.march(4)) == [
        (s.march(3, 17, 30), DeadlineMissed(limit="supervise", node=s.WINDOW, due=s.march(3, 17, 30))),
        (s.march(3, 17, 30), DemandEscalated(rule="supervise", level=1, to=s.COUNTY_HUB)),
    ]


def supervised(*more: Step) -> DemandState:
    opened = (SupervisionOpened(supervision="v1", by=s.HUB, note=N), s.promise(supervise=s.march(3, 17, 30)))
    return s.accepted_demand(opened, *more).state


def test_the_holder_s_progress_answers_a_supervision_and_only_the_supervisor_ends_it() -> None:
    answered = supervised(PROGRESS)
    assert not any(isinstance(event, DeadlineMissed) and event.limit == "supervise" for _, event in told(answered, s.march(5)))
    assert answered.supervisions == (Supervision("v1", s.HUB),)
    before = s.accepted_demand(PROGRESS, (SupervisionOpened(supervision="v1", by=s.HUB, note=N), s.promise(supervise=s.march(3, 17, 30))))
    assert "supervise" in before.state.deadlines


def test_a_second_supervision_puts_the_answer_to_the_first_not_off() -> None:
    again = router.OpenSupervision(s.coordinator(), s.timing(s.march(3, 10)), N)
    opened = SupervisionOpened(supervision="v2", by=s.COUNTY_HUB, note=N)
    assert router.decide(supervised(), again) == (opened,)
    assert router.decide(supervised(PROGRESS), again) == (opened, s.promise(supervise=s.march(6, 17, 30)))


def test_a_call_back_nobody_makes_is_the_supervisor_s_miss_and_the_demand_stays_closed() -> None:
    ordered = (FollowUpOrdered(reason="sampled", node=s.WINDOW), s.promise(follow_up=s.march(9, 17, 30)))
    state = s.closed_demand(ordered).state
    assert told(state, s.march(31)) == [(s.march(9, 17, 30), DeadlineMissed(limit="follow_up", node=s.COUNTY_HUB, due=s.march(9, 17, 30)))]
    assert next_due(s.closed_demand().state) is None


# After the resolution.


def test_silence_after_a_resolution_closes_it_unconfirmed() -> None:
    state = s.resolved_demand().state
    assert told(state, s.march(31)) == [(s.march(9, 17, 30), DemandClosed(outcome="unconfirmed"))]
    closed = fold(state, kept(state, s.march(9, 17, 30)), s.march(9, 17, 30))
    assert closed.deadlines["reopen"].at == s.march(30, 17, 30)


def test_a_dispute_nobody_decides_is_decided_for_the_enterprise() -> None:
    state = s.standing(Status.DISPUTED).state
    assert told(state, s.march(4))[:2] == [
        (s.march(3, 17, 30), DeadlineMissed(limit="dispute", node=s.COUNTY_HUB, due=s.march(3, 17, 30))),
        (s.march(3, 17, 30), DemandReopened(cause="dispute_unanswered", assignment="a2")),
    ]
    again = fold(state, kept(state, s.march(3, 17, 30)), s.march(3, 17, 30))
    assert (again.status, again.deadlines["resolve"].at) == (Status.IN_PROGRESS, s.march(10, 17, 30))


# Promises.


def faster_pack() -> NetworkClocks:
    """A later pack of the network with other limits; what was promised under the earlier one stays (`applies_to: new`)."""
    rules = s.CLOCKS.rules
    faster = rules.model_copy(
        update={
            "resolve": rules.resolve.model_copy(update={"normal": Span(1, "wd")}),
            "accept": rules.accept.model_copy(update={"normal": Span(1, "h")}),
            "first_answer": rules.first_answer.model_copy(update={"normal": Span(1, "h")}),
        }
    )
    return NetworkClocks("testnet/clocks/2", faster, s.CLOCKS.calendar, "new")


def test_a_new_clock_pack_moves_no_deadline_that_was_promised() -> None:
    for given in (s.assigned_demand(), s.accepted_demand(), s.resolved_demand(), s.returned_demand()):
        command = router.KeepTime(s.NETWORK, Timing(s.march(3, 9), faster_pack()))
        given.when(lambda state, command=command: router.decide(state, command)).then_nothing()  # type: ignore[misc] # a default binds
    again = s.returned_demand().when(
        lambda state: router.decide(state, router.RouteDemand(s.explanation(s.SECOND), Timing(s.march(3), faster_pack())))
    )
    assert again.state.deadlines["accept"] == Deadline(at=s.march(3, 10), counting="elapsed")
    assert {limit: again.state.deadlines[limit].at for limit in ("answer", "resolve")} == {
        "answer": s.march(4, 17, 30),
        "resolve": s.march(9, 17, 30),
    }


def test_a_pack_that_says_so_promises_open_demands_again_from_where_the_clock_began() -> None:
    pack = replace(faster_pack(), applies_to="open")
    given, now = s.accepted_demand().state, s.march(2, 9, 30)
    [again] = router.decide(given, router.KeepTime(s.NETWORK, Timing(now, pack)))
    assert isinstance(again, DeadlinesSet)
    assert again.deadlines["resolve"].at == s.march(3, 17, 30) < given.deadlines["resolve"].at
    assert not router.decide(fold(given, [again], now), router.KeepTime(s.NETWORK, Timing(now, pack)))


@pytest.mark.parametrize("status", [Status.AWAITING_ENTERPRISE, Status.SUSPENDED])
def test_a_demand_that_pauses_is_promised_again_once_it_goes_on(status: Status) -> None:
    pack = replace(faster_pack(), applies_to="open")
    given = s.standing(status)
    assert router.decide(given.state, router.KeepTime(s.NETWORK, Timing(s.march(2, 10), pack))) == ()
    command = router.ResumeDemand(s.coordinator(), Timing(s.march(2, 11), pack))
    resumed, moved, again = given.when(lambda state: router.decide(state, command)).events
    assert isinstance(resumed, DemandResumed)
    assert isinstance(moved, DeadlinesSet)
    assert isinstance(again, DeadlinesSet)
    assert (moved.clocks, again.clocks) == ("testnet/clocks/1", "testnet/clocks/2")
    after = fold(given.state, [resumed, moved, again], s.march(2, 11))
    # One working day from submission, and the pause of two hours less a few seconds on top.
    assert s.march(4, 10, 29) <= after.deadlines["resolve"].at < s.march(4, 10, 30)
    assert not router.decide(after, router.KeepTime(s.NETWORK, Timing(s.march(2, 11), pack)))


def test_what_is_set_beside_the_promises_to_the_enterprise_does_not_pass_for_promising_again() -> None:
    """The node accepts under the new pack before the round comes to it: the round promises it again all the same."""
    pack = replace(faster_pack(), applies_to="open")
    given = s.assigned_demand().state
    state = fold(given, router.decide(given, router.AcceptAssignment("a1", s.clerk(), Timing(s.march(2, 9, 20), pack))), s.march(2, 9, 20))
    [again] = router.decide(state, router.KeepTime(s.NETWORK, Timing(s.march(2, 9, 30), pack)))
    assert isinstance(again, DeadlinesSet)
    assert again.deadlines["resolve"].at == s.march(3, 17, 30)


def test_a_warning_whose_moment_has_passed_under_the_new_pack_is_given_at_once() -> None:
    """Not after the new limit has been missed, at the moment the old pack had meant it for."""
    pack = replace(faster_pack(), applies_to="open")
    given, now = s.accepted_demand(PROGRESS).state, s.march(3, 10)
    again, warned = router.decide(given, router.KeepTime(s.NETWORK, Timing(now, pack)))
    assert isinstance(again, DeadlinesSet)
    assert again.deadlines["warn"].at == now
    assert warned == DeadlineWarned(limit="resolve", node=s.WINDOW, due=s.march(3, 17, 30))


@pytest.mark.parametrize("status", [status for status in Status if status not in (Status.SUBMITTED, Status.TRIAGE)])
def test_a_history_from_before_there_were_clocks_gets_its_promises_the_first_time_somebody_looks(status: Status) -> None:
    """Its deadlines are missing: keeping time makes them, once, and then they are kept like any other."""
    state = changed(s.standing(status).state, deadlines={})
    if not state.is_open:
        assert kept(state, s.march(4)) == ()
        return
    assert next_due(state) == state.at
    events = kept(state, s.march(4))
    after = fold(state, events, s.march(4))
    due = next_due(after)
    assert due is not None
    assert due > s.march(4)
    assert kept(after, s.march(4)) == ()


def test_an_arbitration_without_a_deadline_gets_one() -> None:
    state = e.in_arbitration().state
    assert next_due(state) == state.at
    assert kept(state, at(60)) == (s.promise(arbitrate=s.march(2, 17, 30)),)


def test_a_server_whose_clock_is_behind_decides_nothing_for_the_past() -> None:
    state = s.accepted_demand().state
    assert Timing(at(-3600), s.CLOCKS).at(state) == state.at
    decided = router.decide(state, router.RequestCompletion("a1", s.clerk(), Timing(at(-3600), s.CLOCKS), N))
    assert decided[1] == s.promise(complete=s.march(9, 17, 30))


def test_a_demand_that_waits_for_the_router_is_looked_at_again_within_a_minute() -> None:
    state = s.submitted_demand().state
    assert state.at is not None
    assert next_due(state) == state.at + timedelta(seconds=60)
    assert kept(state, s.march(31)) == ()
