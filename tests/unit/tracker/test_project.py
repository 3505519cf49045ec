"""The fold of commits into rows, without a database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings

from libs.demand import INITIAL, WORKING, AssignmentStatus, ComplaintStatus, DemandState, Status, evolve, public_due
from libs.demand.state import ASSISTING
from libs.events import (
    ActTakenBack,
    ArbitrationOpened,
    AssignmentAccepted,
    Commit,
    Corrupt,
    Deadline,
    DeadlineMissed,
    DeadlinesSet,
    DemandCorrected,
    DemandMerged,
    DemandResolved,
    DemandSuspended,
    DemandWithdrawn,
    Event,
    FollowUpOrdered,
    PersonalDataErased,
)
from services.tracker.demand_row import NEXT_STEPS, DemandRow
from services.tracker.project import change, erased_key, project, searchable
from services.tracker.rows import demand_row
from services.tracker.tally import tallies
from tests.unit.tracker.histories import HUB, SPECIALIST, START, WINDOW, History, demand_of, full_life
from tests.unit.tracker.random_lives import whole_lives

DUE = START + timedelta(days=5)


def fold(history: History) -> DemandRow:
    row: DemandRow | None = None
    for seq, commit in enumerate(history.commits, 1):
        row = project(row, commit, cell="t1", seq=seq)
    assert row is not None
    return row


def folded(history: History) -> DemandState:
    state = INITIAL
    for commit in history.commits:
        for event in commit.events:
            state = evolve(state, event, version=commit.version, at=commit.at)
    return state


@settings(deadline=None, max_examples=120)
@given(whole_lives)
def test_the_row_says_what_the_folded_demand_says_after_every_commit(history: History) -> None:
    row: DemandRow | None = None
    state = INITIAL
    for seq, commit in enumerate(history.commits, 1):
        row = project(row, commit, cell="t1", seq=seq)
        for event in commit.events:
            state = evolve(state, event, version=commit.version, at=commit.at)
        agree(row, state)
        assert row.version == seq


def agree(row: DemandRow, state: DemandState) -> None:
    assert row.status == state.status
    assert row.due == public_due(state)
    assert (row.category, row.region, row.carrier, row.industry, row.urgency) == (
        state.category,
        state.region,
        state.carrier,
        state.industry,
        state.urgency,
    )
    holder = state.holder
    assert (row.holder_node, row.holder_assignment, row.holder_since) == (
        (holder.node, holder.assignment, holder.since) if holder is not None else (None, None, None)
    )
    assert row.assignments == len(state.assignments)
    assert row.arbiter == (state.arbitration.arbiter if state.arbitration is not None else None)
    assert row.extension == state.extension.status
    assert sorted(row.assistants) == sorted(a.node for a in state.assistances if a.status in ASSISTING)
    assert row.supervisions == sum(not supervision.closed for supervision in state.supervisions)
    assert row.escalation == state.escalation
    assert (row.resolved_by, row.resolved_assignment) == (state.resolved_by, state.resolved_assignment)
    assert (row.outcome, row.follow_up) == (state.outcome, state.follow_up)
    complaints = [complaint.status for complaint in state.complaints]
    assert row.complaints_open == complaints.count(ComplaintStatus.RAISED)
    assert row.complaints_verified == complaints.count(ComplaintStatus.VERIFIED)
    assert (row.merged_into, row.parent, row.link, row.erased) == (state.merged_into, state.parent, state.link, state.erased)
    assert (row.received_at or row.submitted_at) == state.submitted_at
    assert (row.undo is None) == (state.own_act is None)
    assert row.nodes[0] == state.desk
    assert {state.desk, *state.held_by} <= set(row.nodes)
    assert {row.arbiter, *row.assistants, row.escalated_to} - {None} <= set(row.nodes)
    current = state.current
    if row.status in WORKING and current is not None:
        assert row.handler in (None, current.handler)


@settings(deadline=None)
@given(whole_lives)
def test_the_row_survives_the_way_through_the_database(history: History) -> None:
    row = fold(history)
    assert demand_row(row._asdict()) == row


@settings(deadline=None)
@given(whole_lives)
def test_what_a_node_took_back_is_counted_as_never_done(history: History) -> None:
    row: DemandRow | None = None
    returned = 0
    for seq, commit in enumerate(history.commits, 1):
        row = project(row, commit, cell="t1", seq=seq)
        returned += sum(found.times for found in tallies(row, commit) if found.what == "returned")
    kept = [a.id for a in folded(history).assignments if a.status is AssignmentStatus.RETURNED]
    assert row is not None
    assert row.returns == returned >= len(kept)


@settings(deadline=None)
@given(whole_lives)
def test_every_commit_makes_one_change_with_the_row_after_it(history: History) -> None:
    row: DemandRow | None = None
    for seq, commit in enumerate(history.commits, 1):
        row = project(row, commit, cell="t1", seq=seq)
        told = change(row, commit)
        assert (told.seq, told.version, told.status, told.at) == (seq, commit.version, row.status, commit.at)
        assert told.types == tuple(type(event).__name__ for event in commit.events)


def test_a_full_life_leaves_the_nodes_in_the_order_they_held_it() -> None:
    row = fold(full_life())
    assert row.nodes == (HUB, WINDOW, SPECIALIST)
    assert (row.status, row.assignments, row.returns, row.next_step) == ("resolved", 2, 1, "confirm")
    assert (row.holder_node, row.holder_assignment) == (SPECIALIST, "a2")


def test_a_withdrawn_demand_has_no_holder() -> None:
    row = fold(History(demand_of(1)).submitted().then(DemandWithdrawn()))
    assert (row.status, row.holder_node, row.holder_since) == ("withdrawn", None, None)


def test_a_history_that_does_not_begin_with_a_submission_is_corrupt() -> None:
    with pytest.raises(Corrupt, match="before DemandSubmitted"):
        fold(History(demand_of(1)).then(AssignmentAccepted(assignment="a1", node=WINDOW)))


def test_a_first_commit_without_events_is_corrupt() -> None:
    with pytest.raises(Corrupt, match="no event"):
        fold(History(demand_of(1)).then())


def test_only_submissions_and_corrections_of_names_are_searchable() -> None:
    def found(commit: Commit) -> tuple[bool, bool] | None:
        text = searchable(commit)
        return None if text is None else (text.title is not None, text.requester is not None)

    history = History(demand_of(1)).submitted()
    history.then(DemandCorrected(fields=("title",), title=history.sealed("新标题", "title")))
    history.then(DemandCorrected(fields=("region",), region="330206"))
    assert [found(commit) for commit in history.commits] == [(True, True), (True, False), None]


def promised(*limits: str) -> DeadlinesSet:
    return DeadlinesSet(clocks="testnet/clocks/1", deadlines={limit: Deadline(at=DUE) for limit in limits})


def test_every_status_has_a_next_step() -> None:
    assert NEXT_STEPS.keys() == set(Status)


@pytest.mark.parametrize(
    ("events", "step"),
    [
        ((ArbitrationOpened(arbiter=HUB, parties=(WINDOW,), cause="loop"),), "arbitrate"),
        ((DemandMerged(into=demand_of(2), by=HUB),), "see_merged"),
        ((), "accept"),
    ],
)
def test_the_next_step_is_what_has_to_happen_next(events: tuple[Event, ...], step: str) -> None:
    history = History(demand_of(1)).submitted().assigned()
    assert fold(history.then(*events) if events else history).next_step == step


def test_a_call_back_that_was_ordered_comes_next_even_before_the_confirmation() -> None:
    history = full_life().then(FollowUpOrdered(reason="self_submitted", node=SPECIALIST))
    assert fold(history).next_step == "follow_up"


def test_a_broken_promise_stays_what_was_promised_until_a_new_one_is_made() -> None:
    history = History(demand_of(1)).submitted().assigned().then(promised("resolve"))
    assert (fold(history).promised, fold(history).is_overdue(DUE)) == (DUE, False)
    history.then(DeadlineMissed(limit="resolve", node=WINDOW, due=DUE))
    row = fold(history)
    assert (row.due, row.promised, row.missed) == (None, DUE, 1)
    assert row.is_overdue(DUE + timedelta(seconds=1))
    assert fold(history.then(promised("resolve"))).overdue_since is None


def test_a_suspended_demand_is_not_overdue_unless_it_was_before() -> None:
    later = DUE + timedelta(seconds=1)
    for missed, overdue in (((), False), ((DeadlineMissed(limit="resolve", node=WINDOW, due=DUE),), True)):
        history = History(demand_of(1)).submitted().assigned().then(promised("resolve"))
        for event in missed:
            history.then(event)
        note = history.sealed("等第三方", "note")
        history.then(DemandSuspended(assignment="a1", node=WINDOW, by=SPECIALIST, reason="third_party", until=later, note=note))
        assert fold(history).is_overdue(later) is overdue


def test_taking_a_resolution_back_restores_what_was_promised() -> None:
    history = History(demand_of(1)).submitted().assigned().then(promised("resolve"))
    history.then(AssignmentAccepted(assignment="a1", node=WINDOW))
    before = fold(history)
    resolved = DemandResolved(assignment="a1", node=WINDOW, result="solved", note=history.sealed("x", "note"))
    history.then(resolved, promised("confirm"))
    assert fold(history).due == DUE
    history.then(FollowUpOrdered(reason="self_submitted", node=WINDOW), promised("follow_up"))
    after = fold(history.then(ActTakenBack(act="resolve", assignment="a1", node=WINDOW)))
    moved = {"version", "updated_at", "last_seq", "undo"}
    assert {k: v for k, v in after._asdict().items() if k not in moved} == {k: v for k, v in before._asdict().items() if k not in moved}


def test_the_key_of_erased_data_is_told_by_the_commit_that_erased_it() -> None:
    history = full_life().then(PersonalDataErased(requested_by="a", approved_by="b", key="k1"))
    assert [erased_key(commit) for commit in history.commits[-2:]] == [None, "k1"]
    assert fold(history).erased
