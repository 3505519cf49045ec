"""execute() and execute_many(): load, fold, decide, append, retry; the only place that does."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.events import (
    Append,
    Conflict,
    Corrupt,
    Event,
    LiandongError,
    NetworkRevisionStaged,
    NotFound,
    Outcome,
    Refused,
    Unavailable,
    UnknownEvent,
)
from libs.events.codec import decode
from libs.events.errors import ClockAhead
from libs.events.execute import Done, Fold, Order, execute, execute_many, fold_all, load_fold, load_history
from libs.events.memory import MemoryEventStore
from libs.events.store import EventStore
from libs.events.testing import FlakyStore, at, commits, record
from tests.unit.events.counter import ENTITY, SUBJECT, ZERO, Counted, Counter, evolve, order, up

TRACE = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


async def run(store: EventStore, one: Order[Counter], now: datetime | None = None) -> Done[Counter]:
    return await execute(store, one, initial=ZERO, evolve=evolve, now=lambda: now or at(100))


async def run_many(store: EventStore, *several: Order[Counter]) -> list[Done[Counter] | LiandongError]:
    return list(await execute_many(store, several, initial=ZERO, evolve=evolve, now=lambda: at(100)))


async def folded(store: EventStore, subject: str = SUBJECT) -> Fold[Counter]:
    return await load_fold(store, subject, ZERO, evolve)


class Rival(MemoryEventStore):
    """Somebody else counts one up just before each of our first `times` appends."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.busy = False

    async def append_many(self, appends: Sequence[Append]) -> list[Outcome]:
        if self.times and not self.busy:
            self.times, self.busy = self.times - 1, True
            await run(self, order(f"rival-{self.times}", up(1)))
            self.busy = False
        return await super().append_many(appends)


class TestChain:
    async def test_versions_count_from_one_and_every_commit_names_the_bytes_before(self) -> None:
        store = MemoryEventStore()
        for number in range(5):
            await run(store, order(f"c{number}", up(number + 1)))
        loaded = await store.load(SUBJECT)
        envelopes = [json.loads(item.body) for item in loaded]
        assert [envelope["ver"] for envelope in envelopes] == [1, 2, 3, 4, 5]
        assert "prev" not in envelopes[0]
        for envelope, before in zip(envelopes[1:], loaded[:-1], strict=True):
            assert envelope["prev"] == "sha256:" + hashlib.sha256(before.body).hexdigest()

    async def test_a_commit_says_who_asked_what_when_and_carries_the_trace(self) -> None:
        store = MemoryEventStore()
        done = await run(store, order("c1", up(12), request="hmac-sha256:00", headers=TRACE), at(7))
        [recorded] = await store.load(SUBJECT)
        commit = decode(recorded.body)
        assert done.commit == commit
        assert (commit.entity, commit.command, commit.command_id, commit.request) == (ENTITY, "Count", "c1", "hmac-sha256:00")
        assert (commit.at, commit.events) == (at(7), (Counted(by=9), Counted(by=3)))
        assert recorded.headers == TRACE

    @given(st.lists(st.tuples(st.integers(0, 30), st.integers(-400, 400), st.integers(0, 999_999)), max_size=12))
    def test_the_answers_fold_is_the_fold_of_what_is_stored(self, steps: list[tuple[int, int, int]]) -> None:
        async def compare() -> None:
            store, known = MemoryEventStore(), None
            for number, (by, seconds, micros) in enumerate(steps):
                now = at(seconds) + timedelta(microseconds=micros)
                try:
                    done = await run(store, order(f"c{number}", up(by), known=known), now)
                except ClockAhead:
                    continue
                assert done.fold == await folded(store)
                known = done.fold

        asyncio.run(compare())

    async def test_a_history_is_its_fold_and_its_commits_in_order(self) -> None:
        store = MemoryEventStore()
        assert await load_history(store, SUBJECT, ZERO, evolve) == (Fold(ZERO), [])
        taken = [(await run(store, order(f"c{by}", up(by)))).commit for by in (1, 2)]
        assert await load_history(store, SUBJECT, ZERO, evolve) == (await folded(store), taken)

    async def test_a_commit_with_the_wrong_predecessor_is_corrupt(self) -> None:
        store = MemoryEventStore()
        (_, first), (_, second) = commits(ENTITY, Counted(by=1), Counted(by=2))
        await store.append(Append(SUBJECT, 0, "1", first))
        await store.append(Append(SUBJECT, 1, "2", second.replace(b"sha256:", b"sha256:00")))
        with pytest.raises(Corrupt):
            await run(store, order("c", up(1)))
        assert await store.position("DEMANDS_t1") == 2

    async def test_a_changed_byte_in_history_is_corrupt(self) -> None:
        store = MemoryEventStore()
        (_, first), (_, second) = commits(ENTITY, Counted(by=1), Counted(by=2))
        await store.append(Append(SUBJECT, 0, "1", first.replace(b'"by":1', b'"by":7')))
        await store.append(Append(SUBJECT, 1, "2", second))
        with pytest.raises(Corrupt):
            await folded(store)

    async def test_a_missing_version_is_corrupt(self) -> None:
        store = MemoryEventStore()
        (_, first), _, (_, third) = commits(ENTITY, Counted(by=1), Counted(by=2), Counted(by=3))
        await store.append(Append(SUBJECT, 0, "1", first))
        await store.append(Append(SUBJECT, 1, "3", third))
        with pytest.raises(Corrupt):
            await folded(store)

    async def test_a_first_commit_that_names_a_predecessor_is_corrupt(self) -> None:
        store = MemoryEventStore()
        _, (_, second) = commits(ENTITY, Counted(by=1), Counted(by=2))
        await store.append(Append(SUBJECT, 0, "1", second.replace(b'"ver":2', b'"ver":1')))
        with pytest.raises(Corrupt):
            await folded(store)

    async def test_an_event_of_the_future_is_unknown_and_nothing_is_decided_over_it(self) -> None:
        store = MemoryEventStore()
        [(_, body)] = commits(ENTITY, Counted(by=1))
        await store.append(Append(SUBJECT, 0, "1", body.replace(b"Counted", b"Uncounted")))
        with pytest.raises(UnknownEvent):
            await run(store, order("c", up(1)))
        assert await store.position("DEMANDS_t1") == 1

    async def test_folding_goes_on_from_where_it_stands(self) -> None:
        store = MemoryEventStore()
        history = await record(store, SUBJECT, ENTITY, Counted(by=1), Counted(by=2), Counted(by=3))
        half = fold_all(ZERO, history[:2], evolve)
        assert fold_all(ZERO, history[2:], evolve, start=half) == fold_all(ZERO, history, evolve)


class TestTime:
    @pytest.mark.parametrize(("now", "due"), [(at(50), at(100)), (at(100), at(100)), (at(150), at(150))])
    async def test_a_commit_is_never_before_its_predecessor(self, now: datetime, due: datetime) -> None:
        store = MemoryEventStore()
        await run(store, order("c1", up(1)), at(100))
        done = await run(store, order("c2", up(1)), now)
        assert done.fold.at == due

    async def test_a_predecessor_five_minutes_ahead_is_borne_and_a_second_more_is_not(self) -> None:
        store = MemoryEventStore()
        await run(store, order("c1", up(1)), at(1_000))
        with pytest.raises(ClockAhead):
            await run(store, order("c2", up(1)), at(1_000 - 301))
        assert len(await store.load(SUBJECT)) == 1
        assert (await run(store, order("c2", up(1)), at(1_000 - 300))).fold.at == at(1_000)


class TestReplays:
    async def test_a_replay_answers_the_stored_commit_though_the_rules_have_changed(self) -> None:
        store = MemoryEventStore()
        first = await run(store, order("c1", up(5)))
        await run(store, order("c2", up(1)))
        again = await run(store, order("c1", up(5, limit=0)))
        assert (again.replayed, again.commit, again.seq) == (True, first.commit, first.seq)
        assert again.fold == first.fold
        assert (await folded(store)).state.total == 6

    async def test_a_replay_is_seen_through_a_known_fold_too(self) -> None:
        store = MemoryEventStore()
        first = await run(store, order("c1", up(5)))
        second = await run(store, order("c2", up(1), known=first.fold))
        for decide in (up(5), up(0), up(5, limit=0)):
            again = await run(store, order("c1", decide, known=second.fold))
            assert (again.replayed, again.commit) == (True, first.commit)
        assert (await folded(store)).version == 2

    async def test_a_replay_of_a_creation_that_is_known_to_be_fresh_is_answered(self) -> None:
        store = MemoryEventStore()
        first = await run(store, order("c1", up(5), known=Fold(ZERO)))
        again = await run(store, order("c1", up(7), known=Fold(ZERO)))
        assert (again.replayed, again.commit) == (True, first.commit)

    async def test_there_is_at_most_one_commit_per_command_id_however_often_it_is_sent(self) -> None:
        store = MemoryEventStore()
        answers = await asyncio.gather(*(run(store, order("same", up(1))) for _ in range(10)))
        assert sum(not answer.replayed for answer in answers) == 1
        assert {answer.seq for answer in answers} == {1}
        assert await store.position("DEMANDS_t1") == 1

    async def test_two_orders_with_one_command_id_in_one_call_are_one_commit(self) -> None:
        store = MemoryEventStore()
        one, two = await run_many(store, order("same", up(1)), order("same", up(1)))
        assert isinstance(one, Done)
        assert isinstance(two, Done)
        assert (one.replayed, two.replayed, two.commit) == (False, True, one.commit)

    @given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 9), st.booleans()), max_size=20))
    def test_any_mixture_of_replays_stores_every_command_once(self, steps: list[tuple[str, int, bool]]) -> None:
        async def compare() -> None:
            store, known = MemoryEventStore(), None
            first: dict[str, int] = {}
            for command_id, by, cached in steps:
                done = await run(store, order(command_id, up(by), known=known if cached else None))
                known = done.fold if not done.replayed else known
                assert done.replayed == (command_id in first)
                first.setdefault(command_id, by)
            assert (await folded(store)).state.total == sum(first.values())

        asyncio.run(compare())


class TestRaces:
    async def test_a_lost_race_reloads_and_decides_again_on_the_new_state(self) -> None:
        store, seen = Rival(3), []

        def decide(state: Counter) -> Sequence[Event]:
            seen.append(state.total)
            return up(10)(state)

        done = await run(store, order("ours", decide))
        assert seen == [0, 1, 2, 3]
        assert (done.replayed, done.fold.state.total, done.fold.version) == (False, 13, 4)
        assert done.fold == await folded(store)

    async def test_a_race_may_be_lost_to_a_rule(self) -> None:
        store = Rival(1)
        with pytest.raises(Refused, match="limit_exceeded"):
            await run(store, order("ours", up(5, limit=5)))
        assert (await folded(store)).state.total == 1

    async def test_who_loses_every_race_gets_the_conflict_and_nothing_of_it_is_stored(self) -> None:
        store = Rival(1_000)
        with pytest.raises(Conflict) as caught:
            await run(store, order("ours", up(10)))
        assert caught.value.subject == SUBJECT
        assert "ours" not in [decode(item.body).command_id for item in await store.load(SUBJECT)]

    async def test_a_known_fold_saves_the_load(self) -> None:
        store = FlakyStore(MemoryEventStore())
        first = await run(store, order("c1", up(1), known=Fold(ZERO)))
        await run(store, order("c2", up(1), known=first.fold))
        assert store.answers == 0

    async def test_a_known_fold_that_is_stale_is_reloaded(self) -> None:
        store = MemoryEventStore()
        first = await run(store, order("c1", up(1)))
        await run(store, order("c2", up(1)))
        done = await run(store, order("c3", up(1), known=first.fold))
        assert (done.fold.state.total, done.fold.version) == (3, 3)


class TestNothingStored:
    @pytest.mark.parametrize("error", [Refused("closed", field="status"), NotFound("demand_not_found")])
    async def test_what_decide_raises_is_the_answer(self, error: LiandongError) -> None:
        store = MemoryEventStore()

        def decide(state: Counter) -> Sequence[Event]:
            raise error

        with pytest.raises(type(error)) as caught:
            await run(store, order("c1", decide))
        assert caught.value is error
        assert await store.load(SUBJECT) == []

    async def test_no_events_means_that_there_is_nothing_to_do(self) -> None:
        store = MemoryEventStore()
        before = await run(store, order("c1", up(3)))
        done = await run(store, order("c2", up(0)))
        assert (done.commit, done.replayed, done.seq, done.fold) == (None, False, before.seq, before.fold)
        assert await store.position("DEMANDS_t1") == 1

    async def test_no_orders_are_no_results(self) -> None:
        assert await run_many(MemoryEventStore()) == []


class TestUnknownOutcomes:
    async def test_after_a_lost_acknowledgement_the_same_command_gets_what_is_stored(self) -> None:
        store = FlakyStore(MemoryEventStore(), appends=["lost_ack"])
        with pytest.raises(Unavailable):
            await run(store, order("c1", up(1)))
        done = await run(store, order("c1", up(1)))
        assert (done.replayed, done.fold.state.total) == (True, 1)

    async def test_after_a_lost_request_the_same_command_is_stored(self) -> None:
        store = FlakyStore(MemoryEventStore(), appends=["lost_request"])
        with pytest.raises(Unavailable):
            await run(store, order("c1", up(1)))
        done = await run(store, order("c1", up(1)))
        assert (done.replayed, done.fold.version) == (False, 1)

    @pytest.mark.parametrize("loads", [["stale"], ["stale", "stale", "stale"]])
    async def test_a_stale_replica_cannot_make_a_second_copy(self, loads: list[Any]) -> None:
        inner = MemoryEventStore()
        await run(inner, order("c1", up(1)))
        await run(FlakyStore(inner), order("c2", up(1)))
        store = FlakyStore(inner, loads=loads)
        done = await run(store, order("c2", up(1)))
        assert (done.replayed, done.fold.version) == (True, 2)
        assert await inner.position("DEMANDS_t1") == 2
        assert store.answers == len(loads) + 1

    async def test_a_stale_replica_cannot_hide_somebody_elses_commit(self) -> None:
        inner = MemoryEventStore()
        await run(inner, order("c1", up(1)))
        done = await run(FlakyStore(inner, loads=["stale", "stale"]), order("c2", up(1)))
        assert (done.replayed, done.fold.version, done.fold.state.total) == (False, 2, 2)

    async def test_a_store_that_is_away_leaves_the_outcome_open(self) -> None:
        store = FlakyStore(MemoryEventStore(), loads=["away"])
        with pytest.raises(Unavailable):
            await run(store, order("c1", up(1)))


class TestMany:
    async def test_every_order_gets_its_own_outcome(self) -> None:
        inner = MemoryEventStore()
        fresh, refused, idle, replayed, corrupt, lost = (SUBJECT[:-1] + digit for digit in "123456")
        await run(inner, order("old", up(4), subject=replayed))
        await inner.append(Append(corrupt, 0, "x", b'{"v":1}'))
        store = FlakyStore(inner, appends=["ok", "lost_ack"])
        orders = [
            order("fresh", up(1), subject=fresh),
            order("refused", up(1, limit=0), subject=refused),
            order("idle", up(0), subject=idle),
            order("old", up(4, limit=0), subject=replayed),
            order("corrupt", up(1), subject=corrupt),
            order("lost", up(2), subject=lost),
        ]
        results = await run_many(store, *orders)
        kinds: list[Callable[[Any], bool]] = [
            lambda result: isinstance(result, Done) and not result.replayed and result.fold.state.total == 1,
            lambda result: isinstance(result, Refused) and result.code == "limit_exceeded",
            lambda result: isinstance(result, Done) and result.commit is None and result.seq == 0,
            lambda result: isinstance(result, Done) and result.replayed and result.fold.state.total == 4,
            lambda result: isinstance(result, Corrupt),
            lambda result: isinstance(result, Unavailable),
        ]
        for result, is_right in zip(results, kinds, strict=True):
            assert is_right(result), result
        assert [append.commit_id for append in store.attempts] == ["fresh", "lost"]

    async def test_many_subjects_go_in_one_group(self) -> None:
        class Groups(MemoryEventStore):
            sizes: list[int] = []

            async def append_many(self, appends: Sequence[Append]) -> list[Outcome]:
                self.sizes.append(len(appends))
                return await super().append_many(appends)

        store = Groups()
        results = await run_many(store, *(order(f"c{number}", up(1), subject=f"{SUBJECT}{number}") for number in range(50)))
        assert all(isinstance(result, Done) and not result.replayed for result in results)
        assert store.sizes == [50]

    async def test_an_event_that_cannot_be_written_spoils_no_neighbour(self) -> None:
        broken = NetworkRevisionStaged(network="ningbo", revision="r1", part=1, parts=1, section="nodes", items=({"x": None},))
        results = await run_many(MemoryEventStore(), order("c1", lambda _: [broken]), order("c2", up(1), subject=f"{SUBJECT}2"))
        assert isinstance(results[0], Refused)
        assert isinstance(results[1], Done)

    async def test_two_commands_on_one_subject_in_one_call_both_get_through(self) -> None:
        store = MemoryEventStore()
        results = await run_many(store, order("c1", up(1)), order("c2", up(2)))
        assert all(isinstance(result, Done) and not result.replayed for result in results)
        assert (await folded(store)).state.total == 3
