"""The fold of commits into rows, without a database."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from libs.demand import INITIAL, evolve
from libs.events import AssignmentAccepted, Commit, Corrupt, DemandCorrected, DemandWithdrawn
from services.tracker.domain import DemandRow
from services.tracker.project import change, project, searchable
from tests.unit.tracker.histories import HUB, SPECIALIST, WINDOW, History, demand_of, full_life, lives


def fold(history: History) -> DemandRow:
    row: DemandRow | None = None
    for seq, commit in enumerate(history.commits, 1):
        row = project(row, commit, cell="t1", seq=seq)
    assert row is not None
    return row


@settings(deadline=None)
@given(lives)
def test_the_row_says_what_the_folded_demand_says(history: History) -> None:
    row, state = fold(history), INITIAL
    for commit in history.commits:
        for event in commit.events:
            state = evolve(state, event, version=commit.version, at=commit.at)
    assert row.status == state.status
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
    assert row.returns == len(state.returned_by)
    assert set(row.nodes) == {state.desk, *(a.node for a in state.assignments)}
    assert row.version == len(history.commits)


@settings(deadline=None)
@given(lives)
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
    assert (row.status, row.assignments, row.returns, row.next_step) == ("resolved", 2, 1, "none")
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
