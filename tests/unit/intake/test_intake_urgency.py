"""Urgency corrected after promises were made: a more urgent class brings them forward, a less urgent one moves nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.demand import DemandState, Status, Timing
from libs.directory import NetworkClocks, Span
from libs.events import DeadlinesSet, DeadlineWarned, DemandCorrected
from libs.events.testing import Decided, Given, at, sealed
from services.intake import domain as intake
from services.router import domain as router
from tests.unit.demand import situations as s
from tests.unit.proof.town import START

CLASSES = ("normal", "urgent", "critical")
NOW = s.march(3, 10)
PROMISES = ("accept", "answer", "resolve")


def correct(demand: Given[DemandState], now: datetime = NOW, clocks: NetworkClocks = s.CLOCKS, **members: object) -> Decided[DemandState]:
    command = intake.CorrectDemand(s.PARTNER, Timing(now, clocks), **members)  # type: ignore[arg-type] # members of the command
    return demand.when(lambda state: intake.decide(command, state))


def limit(clocks: NetworkClocks, name: str, urgency: str) -> Span:
    rules = clocks.rules
    return (
        {"accept": rules.accept, "answer": rules.first_answer}[name].of(urgency) if name != "resolve" else rules.resolve.of(urgency, False)
    )


def test_a_more_urgent_class_brings_what_is_promised_forward_counted_from_the_correction() -> None:
    demand = s.assigned_demand()
    corrected, moved = correct(demand, urgency="critical").events
    assert corrected == DemandCorrected(fields=("urgency",), urgency="critical")
    assert isinstance(moved, DeadlinesSet)
    timing = Timing(NOW, s.CLOCKS)
    wanted = {name: timing.after(NOW, limit(s.CLOCKS, name, "critical")) for name in PROMISES}
    assert all(wanted[name].at < demand.state.deadlines[name].at for name in PROMISES), "the town's limits make this a test"  # type: ignore[index] # limits
    assert {name: moved.deadlines[name] for name in PROMISES} == wanted  # type: ignore[index] # limits


def test_what_is_promised_for_earlier_stays() -> None:
    """The promise to accept ends at half past five; a class of two hours at five would make it later."""
    two_hours = s.CLOCKS.rules.accept.model_copy(update={"urgent": Span(2, "h")})
    clocks = replace(s.CLOCKS, rules=s.CLOCKS.rules.model_copy(update={"accept": two_hours}))
    demand = s.assigned_demand()
    moved = correct(demand, s.march(3, 17), clocks, urgency="urgent").events[1:]
    assert all("accept" not in event.deadlines for event in moved if isinstance(event, DeadlinesSet))


def test_a_less_urgent_class_moves_nothing_nor_does_the_same_one_again() -> None:
    critical = s.submitted().model_copy(update={"urgency": "critical"})
    demand = s.DEMAND.given(critical, (s.assigned(), s.promise(accept=s.march(20), answer=s.march(20), resolve=s.march(27))))
    for urgency in ("urgent", "normal", "critical"):
        correct(demand, urgency=urgency).then(DemandCorrected(fields=("urgency",), urgency=urgency))


def test_nobody_gains_time_by_correcting_to_and_fro() -> None:
    demand = s.assigned_demand()
    sooner = correct(demand, urgency="critical").state
    back = intake.decide(intake.CorrectDemand(s.PARTNER, s.timing(NOW), urgency="normal"), sooner)
    assert list(back) == [DemandCorrected(fields=("urgency",), urgency="normal")]


def test_what_was_kept_or_missed_is_not_promised_again() -> None:
    """Back on the desk nobody has to accept; the next assignment promises that by the new class."""
    moved = correct(s.returned_demand(), urgency="critical").events[1]
    assert isinstance(moved, DeadlinesSet)
    assert moved.deadlines.keys() == {"answer", "resolve", "warn"}
    again = correct(s.returned_demand(), urgency="critical").state
    [_, promised] = router.decide(again, router.RouteDemand(s.explanation(s.SECOND), s.timing(NOW)))
    assert isinstance(promised, DeadlinesSet)
    assert promised.deadlines.keys() == {"accept"}
    assert promised.deadlines["accept"] == s.timing(NOW).after(NOW, s.CLOCKS.rules.accept.critical)


def test_nothing_is_promised_before_the_first_assignment() -> None:
    correct(s.submitted_demand(), urgency="critical").then(DemandCorrected(fields=("urgency",), urgency="critical"))


def test_with_what_routing_rests_on_the_assignment_goes_and_its_promise_with_it() -> None:
    decided = correct(s.assigned_demand(), urgency="critical", region="330205001")
    assert [event.name() for event in decided.events] == ["DemandCorrected", "AssignmentRecalled", "DeadlinesSet"]
    assert "accept" not in decided.state.deadlines
    assert decided.state.deadlines["resolve"] == s.timing(NOW).after(NOW, s.CLOCKS.rules.resolve.critical)


def test_the_warning_comes_with_the_promise_it_warns_of() -> None:
    """The moment to warn has passed with the new limit: whoever has it is warned now, not after it was missed."""
    state = correct(s.assigned_demand(), urgency="critical").state
    assert state.deadlines["warn"].at <= state.deadlines["resolve"].at
    told = router.decide(state, router.KeepTime(s.NETWORK, s.timing(NOW)))
    assert DeadlineWarned(limit="resolve", node=s.WINDOW, due=state.deadlines["resolve"].at) in told


def test_a_pack_for_open_demands_that_was_not_applied_yet_is_applied_first() -> None:
    clocks = NetworkClocks("testnet/clocks/2", s.CLOCKS.rules, s.CLOCKS.calendar, "open")
    decided = correct(s.assigned_demand(), NOW, clocks, urgency="normal", title=sealed("better"))
    assert [event.name() for event in decided.events] == ["DemandCorrected"], "the same class: the round will do it"
    rules = s.CLOCKS.rules.model_copy(update={"resolve": s.CLOCKS.rules.resolve.model_copy(update={"normal": Span(3, "wd")})})
    decided = correct(s.assigned_demand(), NOW, replace(clocks, rules=rules), urgency="urgent")
    assert [event.name() for event in decided.events][:2] == ["DeadlinesSet", "DemandCorrected"]
    assert not router.decide(decided.state, router.KeepTime(s.NETWORK, Timing(NOW, replace(clocks, rules=rules))))


@given(
    st.sampled_from([Status.SUBMITTED, Status.TRIAGE, Status.ASSIGNED]),
    st.lists(st.tuples(st.integers(0, 400_000), st.sampled_from(CLASSES)), min_size=1, max_size=5),
)
def test_correcting_never_makes_a_promise_later_and_never_touches_the_demand_clock(
    status: Status, corrections: list[tuple[int, str]]
) -> None:
    demand = s.standing(status)
    state, now = demand.state, START
    for seconds, urgency in corrections:
        now += timedelta(seconds=seconds)
        timing = s.timing(now)
        events = intake.decide(intake.CorrectDemand(s.PARTNER, timing, urgency=urgency), state)
        before = state
        for event in events:
            state = s.DEMAND.evolve(state, event, version=9, at=timing.at(before))
        assert (state.submitted_at, state.holder, state.paused_seconds) == (before.submitted_at, before.holder, before.paused_seconds)
        assert state.deadlines.keys() >= before.deadlines.keys()
        for name in before.deadlines:
            earliest = (
                before.deadlines[name].at if name not in PROMISES else timing.after(timing.at(before), limit(s.CLOCKS, name, urgency)).at
            )
            assert min(before.deadlines[name].at, earliest) <= state.deadlines[name].at <= before.deadlines[name].at or name == "warn"
        if CLASSES.index(urgency) <= CLASSES.index(before.urgency):
            assert state.deadlines == before.deadlines
        assert at(0) <= timing.at(state)
