"""The test language itself: given/when/then says what it should, and notices what it should not let pass."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from libs.events import Append, Conflict, Event, NotFound, Refused, Stored, Unavailable
from libs.events.codec import decode, follows
from libs.events.memory import MemoryEventStore
from libs.events.testing import CLERK, FlakyStore, Scenario, at, commits, record
from tests.unit.events.counter import ENTITY, SUBJECT, ZERO, Counted, Counter, evolve, order, up

counter = Scenario(ZERO, evolve)


def lost(state: Counter) -> Sequence[Event]:
    raise NotFound("counter_not_found")


class TestScenario:
    def test_a_decision_is_compared_with_the_events_it_should_make(self) -> None:
        counter.given().when(up(3)).then(Counted(by=3))
        counter.given(Counted(by=1), Counted(by=2)).when(up(12)).then(Counted(by=9), Counted(by=3))
        counter.given().when(order("c1", up(3))).then(Counted(by=3))

    def test_history_is_one_commit_per_step(self) -> None:
        given = counter.given(Counted(by=1), [Counted(by=2), Counted(by=3)])
        assert given.state == Counter(6, 2, at(2))
        assert given.when(up(4)).state == Counter(10, 3, at(3))
        assert given.when(up(0)).state == given.state

    def test_nothing_to_do_is_an_outcome(self) -> None:
        counter.given().when(up(0)).then_nothing()
        with pytest.raises(AssertionError, match="expected nothing"):
            counter.given().when(up(1)).then_nothing()

    def test_a_refusal_is_compared_by_code_and_field(self) -> None:
        refused = counter.given(Counted(by=5)).when(up(1, limit=5))
        refused.then_refused("limit_exceeded")
        refused.then_refused("limit_exceeded", field="by")
        for code, field in (("other_code", None), ("limit_exceeded", "other")):
            with pytest.raises(AssertionError, match="limit_exceeded"):
                refused.then_refused(code, field=field)
        with pytest.raises(Refused):
            _ = refused.state

    def test_what_is_not_found_is_not_a_refusal(self) -> None:
        counter.given().when(lost).then_not_found("counter_not_found")
        with pytest.raises(AssertionError):
            counter.given().when(lost).then_not_found("other")
        with pytest.raises(AssertionError):
            counter.given().when(lost).then_refused("counter_not_found")

    @pytest.mark.parametrize("due", [[], [Counted(by=4)], [Counted(by=3), Counted(by=3)]])
    def test_other_events_than_expected_fail(self, due: list[Event]) -> None:
        with pytest.raises(AssertionError, match="decided Counted"):
            counter.given().when(up(3)).then(*due)

    def test_events_instead_of_a_refusal_fail_and_the_other_way_round(self) -> None:
        with pytest.raises(AssertionError, match="expected refusal"):
            counter.given().when(up(1)).then_refused("limit_exceeded")
        with pytest.raises(AssertionError, match="limit_exceeded"):
            counter.given().when(up(1, limit=0)).then(Counted(by=1))

    def test_programming_errors_are_not_outcomes(self) -> None:
        def broken(state: Counter) -> Sequence[Event]:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            counter.given().when(broken)


class TestHistory:
    def test_made_commits_chain(self) -> None:
        made = commits(ENTITY, Counted(by=1), [Counted(by=2), Counted(by=3)], actor=CLERK)
        assert [decode(body) for _, body in made] == [commit for commit, _ in made]
        assert follows(made[1][1], made[1][0], previous=made[0][1], previous_version=1)
        assert [commit.at for commit, _ in made] == [at(1), at(2)]
        assert made[0][0].actor == CLERK

    async def test_recorded_history_is_stored_and_returned(self) -> None:
        store = MemoryEventStore()
        history = await record(store, SUBJECT, ENTITY, Counted(by=1), Counted(by=2))
        assert [decode(item.body).version for item in history] == [1, 2]
        assert await store.load(SUBJECT) == history
        with pytest.raises(Conflict):
            await store.append(Append(SUBJECT, 0, "late", history[0].body))


class TestFlakyStore:
    async def test_faults_come_by_schedule_and_then_all_is_well(self) -> None:
        inner = MemoryEventStore()
        store = FlakyStore(inner, appends=["lost_ack", "ok", "lost_request"])
        appends = [Append(f"{SUBJECT}{number}", 0, f"c{number}", b"{}") for number in range(4)]
        outcomes = await store.append_many(appends)
        assert [type(outcome) for outcome in outcomes] == [Unavailable, Stored, Unavailable, Stored]
        assert [await inner.last(append.subject) is not None for append in appends] == [True, True, False, True]
        again = await store.append_many(appends)
        assert [isinstance(outcome, Stored) and outcome.replay is not None for outcome in again] == [True, True, False, True]
        assert store.attempts == [*appends, *appends]

    async def test_a_conflict_whose_answer_is_lost_is_unknown_too(self) -> None:
        store = FlakyStore(MemoryEventStore(), appends=["ok", "lost_ack"])
        await store.append(Append(SUBJECT, 0, "c1", b"{}"))
        with pytest.raises(Unavailable):
            await store.append(Append(SUBJECT, 0, "c2", b"{}"))

    async def test_a_replica_that_stays_stale_is_given_up(self) -> None:
        store = FlakyStore(MemoryEventStore(), loads=["stale"] * 1_000)
        await store.append(Append(SUBJECT, 0, "c1", b"{}"))
        assert await store.load(SUBJECT) == []
        with pytest.raises(Unavailable):
            await store.load(SUBJECT, at_least=1)

    async def test_everything_else_is_the_stores_own(self) -> None:
        inner = MemoryEventStore()
        store = FlakyStore(inner)
        await store.append(Append(SUBJECT, 0, "c1", b"{}"))
        assert await store.last(SUBJECT) == await inner.last(SUBJECT)
        assert (await store.position("DEMANDS_t1"), await store.created("DEMANDS_t1")) == (1, "memory")
        batches = store.read("DEMANDS_t1")
        assert [item.seq for item in await anext(batches)] == [1]
        await batches.aclose()
