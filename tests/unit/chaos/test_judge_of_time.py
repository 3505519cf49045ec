"""The judge of the chaos test with timers finds what is lost, doubled, early, put off or without a holder, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from libs.events import AssignmentLapsed, Commit, Corrupt, DeadlineMissed, DeadlineWarned, DemandEscalated, DemandWithdrawn, Event
from libs.events.codec import chain, encode
from libs.events.names import demand_subject
from libs.events.store import Recorded
from libs.events.testing import ROUTER, at
from tests.chaos.moments import KEEPING, Judge
from tests.unit.demand import situations as s

DEMAND = "testnet-t1-0000000000000001"
STORED = timedelta(seconds=0.25)
"""What storing takes."""
END = at(38)

Step = tuple[float, str, Sequence[Event]]

SUBMITTED: Step = (0, "SubmitDemand", [s.submitted()])
ROUTED: Step = (1, "RouteDemand", [s.assigned(), s.promise(accept=at(10), answer=at(20), warn=at(25), resolve=at(30))])
LAPSED: Step = (10.5, KEEPING, [AssignmentLapsed(assignment="a1", node=s.WINDOW)])
ROUTED_AGAIN: Step = (11, "RouteDemand", [s.assigned(s.SECOND, 2), s.promise(accept=at(60))])
TOLD = DemandEscalated(rule="answer", level=1, to=s.COUNTY_HUB)
UNANSWERED: Step = (20.5, KEEPING, [DeadlineMissed(limit="answer", node=s.SECOND, due=at(20)), TOLD])
WARNED: Step = (25.5, KEEPING, [DeadlineWarned(limit="resolve", node=s.SECOND, due=at(30))])
MISSED: Step = (30.5, KEEPING, [DeadlineMissed(limit="resolve", node=s.SECOND, due=at(30)), s.promise(chase=at(34))])
CHASED: Step = (34.5, KEEPING, [DeadlineWarned(limit="resolve", node=s.SECOND, due=at(34), chase=True), s.promise(chase=at(40))])
RIGHT = (SUBMITTED, ROUTED, LAPSED, ROUTED_AGAIN, UNANSWERED, WARNED, MISSED, CHASED)


def history(*steps: Step) -> list[Recorded]:
    """A demand's stored commits, chained, each a quarter of a second after its own time."""
    stored: list[Recorded] = []
    for version, (second, command, events) in enumerate(steps, 1):
        prev = chain(stored[-1].body) if stored else None
        commit = Commit(DEMAND, version, prev, command, f"{DEMAND}/{version}", None, at(second), ROUTER, tuple(events))
        stored.append(Recorded(demand_subject(DEMAND), version, encode(commit), {}, at(second) + STORED))
    return stored


def found(*steps: Step, until: datetime = END) -> set[str]:
    """Kinds of faults in a history."""
    return {fault.kind for fault in Judge.of(history(*steps)).verdict(until)}


def again(step: Step, second: float, *more: Event) -> Step:
    """The same at another time, and something more."""
    return (second, step[1], [*step[2], *more])


def test_a_right_history_has_no_fault_and_tells_how_late_each_moment_was() -> None:
    judge = Judge.of(history(*RIGHT))
    assert judge.verdict(END) == []
    assert judge.late == [0.75] * 5
    assert judge.acts == {"AssignmentLapsed": 1, "Chased": 1, "DeadlineMissed": 2, "DeadlineWarned": 1, "DemandEscalated": 1}


def test_a_moment_that_was_replaced_before_it_came_is_not_missed() -> None:
    accepted: Step = (5, "AcceptAssignment", [s.accepted()])
    judge = Judge.of(history(SUBMITTED, ROUTED, accepted))
    assert judge.verdict(at(19)) == []
    assert judge.late == []


@pytest.mark.parametrize("kept", range(len(RIGHT)))
def test_wherever_a_history_stops_a_moment_is_lost(kept: int) -> None:
    assert found(*RIGHT[: kept + 1], until=at(90)) == {"lost"}


def test_a_moment_promised_only_after_the_end_is_not_lost_yet() -> None:
    assert found(*RIGHT, until=at(40)) == {"lost"}
    late = [*history(*RIGHT[:-1]), Recorded(demand_subject(DEMAND), 8, history(*RIGHT)[-1].body, {}, at(41))]
    assert Judge.of(late).verdict(at(40.5)) == []


@pytest.mark.parametrize("step", [LAPSED, UNANSWERED, WARNED, MISSED, CHASED])
def test_whatever_time_does_twice_is_found(step: Step) -> None:
    place = RIGHT.index(step) + 1
    assert "twice" in found(*RIGHT[:place], again(step, step[0] + 0.3), *RIGHT[place:])


def test_an_escalation_told_twice_is_found() -> None:
    assert found(*RIGHT[:5], again(WARNED, 25.5, TOLD), *RIGHT[6:]) == {"twice", "unpromised"}


@pytest.mark.parametrize("step", [LAPSED, UNANSWERED, WARNED, MISSED, CHASED])
def test_whatever_time_does_early_is_found(step: Step) -> None:
    place = RIGHT.index(step)
    assert "early" in found(*RIGHT[:place], again(step, step[0] - 0.6), *RIGHT[place + 1 :])


def test_keeping_time_without_anything_to_do_is_found() -> None:
    assert "early" in found(*RIGHT[:4], (15, KEEPING, [s.promise(accept=at(60))]), *RIGHT[4:])


def test_what_was_never_promised_is_found() -> None:
    other: Step = (20.5, KEEPING, [*UNANSWERED[2], DeadlineMissed(limit="dispute", node=s.SECOND, due=at(20))])
    assert found(*RIGHT[:4], other, *RIGHT[5:]) == {"unpromised"}


@pytest.mark.parametrize("put_off", [s.promise(answer=at(60)), s.promise(warn=at(60))])
def test_a_moment_put_off_after_it_has_come_is_found(put_off: Event) -> None:
    done = (UNANSWERED if "warn" in str(put_off) else WARNED)[2]
    assert found(*RIGHT[:4], (25.5, KEEPING, [*done, put_off])) == {"undone", "lost"}


def test_a_demand_without_a_holder_is_found() -> None:
    withdrawn: Step = (35, "WithdrawDemand", [DemandWithdrawn()])
    assert found(*RIGHT, withdrawn) == {"orphan"}


def test_a_commit_stored_twice_breaks_the_chain() -> None:
    stored = history(*RIGHT)
    with pytest.raises(Corrupt):
        Judge.of([*stored[:3], stored[2], *stored[3:]])
