"""One conformance suite for every EventStore: memory, PostgreSQL, JetStream. What it says is what deciders may rely on."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta

import pytest

from libs.events import Append, Conflict, EventStore, Recorded, Stored, Unavailable
from libs.events.testing import FlakyStore
from tests.contract.adapters import Place, commit
from tests.contract.lossy_proxy import lossy_proxy

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PUB_ACK, COMMITTED = b'"seq":', b"COMMIT\x00"


async def fill(store: EventStore, subject: str, count: int) -> list[int]:
    """Append `count` commits to a fresh subject, one after the other."""
    seqs = [0]
    for number in range(count):
        seqs.append((await store.append(commit(subject, seqs[-1], f"{subject}/{number}"))).seq)
    return seqs[1:]


class TestAppending:
    async def test_commits_load_in_order_with_their_exact_bytes(self, store: EventStore, place: Place) -> None:
        subject, other = place.subject(), place.subject()
        appends, seq = [], 0
        for number in range(5):
            await store.append(commit(other, seq - 1 if seq else 0, f"{other}/{number}"))
            append = commit(subject, seq, f"{subject}/{number}", note=f"第{number}次")
            seq = (await store.append(append)).seq
            appends.append(append)
        loaded = await store.load(subject, at_least=seq)
        assert [(item.subject, item.body) for item in loaded] == [(append.subject, append.body) for append in appends]
        assert [item.seq for item in loaded] == [2, 4, 6, 8, 10]
        assert all(item.recorded_at.utcoffset() == timedelta(0) for item in loaded)
        assert [item.recorded_at for item in loaded] == sorted(item.recorded_at for item in loaded)

    async def test_guard_zero_means_that_the_subject_must_not_exist(self, store: EventStore, place: Place) -> None:
        subject = place.subject()
        first = await store.append(commit(subject, 0, f"{subject}/a"))
        assert (first.seq, first.replay) == (1, None)
        with pytest.raises(Conflict) as caught:
            await store.append(commit(subject, 0, f"{subject}/b"))
        assert (caught.value.subject, caught.value.expected, caught.value.actual) == (subject, 0, 1)

    async def test_a_guard_that_is_behind_conflicts_and_names_the_last_sequence(self, store: EventStore, place: Place) -> None:
        subject = place.subject()
        seqs = await fill(store, subject, 3)
        with pytest.raises(Conflict) as caught:
            await store.append(commit(subject, seqs[1], f"{subject}/late"))
        assert caught.value.actual == seqs[2]
        assert len(await store.load(subject, at_least=seqs[2])) == 3

    async def test_a_guard_that_is_ahead_conflicts_too(self, store: EventStore, place: Place) -> None:
        subject = place.subject()
        seqs = await fill(store, subject, 1)
        with pytest.raises(Conflict) as caught:
            await store.append(commit(subject, seqs[0] + 7, f"{subject}/early"))
        assert caught.value.actual == seqs[0]

    async def test_a_guard_on_a_subject_that_does_not_exist_conflicts_with_zero(self, store: EventStore, place: Place) -> None:
        subject = place.subject()
        with pytest.raises(Conflict) as caught:
            await store.append(commit(subject, 7, f"{subject}/a"))
        assert caught.value.actual == 0
        assert await store.last(subject) is None

    async def test_two_hundred_kilobytes_are_stored(self, store: EventStore, place: Place) -> None:
        append = commit(place.subject(), 0, "large", note="字" * 66_000)
        assert 190_000 < len(append.body) < 210_000
        seq = (await store.append(append)).seq
        assert [item.body for item in await store.load(append.subject, at_least=seq)] == [append.body]

    async def test_trace_headers_come_back_and_the_stores_own_do_not(self, store: EventStore, place: Place) -> None:
        headers = {"traceparent": TRACE, "tracestate": "ld=1"}
        appends = [commit(place.subject(), 0, f"traced-{number}", **headers) for number in range(3)]
        last = (await store.append_many(appends))[-1]
        assert isinstance(last, Stored)
        for append in appends:
            loaded = await store.load(append.subject, at_least=1)
            newest = await store.last(append.subject)
            assert newest is not None
            assert [dict(item.headers) for item in [*loaded, newest]] == [headers, headers]
        async with aclosing(store.read(place.stream)) as batches:
            read = [item async for item in first(batches, 3)]
        assert [dict(item.headers) for item in read] == [headers] * 3


class TestReplays:
    @pytest.mark.parametrize("guard", ["as before", "up to date", "behind", "ahead"])
    async def test_the_same_commit_id_answers_what_is_stored_whatever_the_guard_says(
        self, store: EventStore, place: Place, guard: str
    ) -> None:
        subject = place.subject()
        seqs = await fill(store, subject, 3)
        expected = {"as before": seqs[0], "up to date": seqs[2], "behind": 0, "ahead": seqs[2] + 5}[guard]
        stored = (await store.load(subject, at_least=seqs[2]))[1]
        outcome = await store.append(commit(subject, expected, f"{subject}/1", note="another body"))
        assert outcome == Stored(seqs[1], replay=stored)
        assert await store.position(place.stream) == 3

    async def test_a_replay_is_answered_long_after_the_duplicate_window(self, place: Place) -> None:
        await place.prepare(window=0.1)
        async with place.opened() as store:
            subject = place.subject()
            seqs = await fill(store, subject, 2)
            await duplicate_window_is_over(store, place)
            before = await store.position(place.stream)
            outcome = await store.append(commit(subject, 0, f"{subject}/0"))
            assert outcome.seq == seqs[0]
            assert outcome.replay is not None
            assert outcome.replay.seq == seqs[0]
            assert await store.position(place.stream) == before

    async def test_a_replay_among_fresh_members_spoils_nothing(self, store: EventStore, place: Place) -> None:
        old, fresh, lost = place.subject(), [place.subject() for _ in range(6)], place.subject()
        await fill(store, old, 2)
        await fill(store, lost, 1)
        members = [commit(subject, 0, f"{subject}/0") for subject in fresh]
        members.insert(3, commit(old, 0, f"{old}/0"))
        members.insert(5, commit(lost, 0, f"{lost}/other"))
        outcomes = await store.append_many(members)
        replayed, conflict = outcomes.pop(3), outcomes.pop(4)
        assert isinstance(replayed, Stored)
        assert replayed.replay is not None
        assert isinstance(conflict, Conflict)
        assert conflict.actual == 3
        assert all(isinstance(outcome, Stored) and outcome.replay is None for outcome in outcomes)
        assert sorted(outcome.seq for outcome in outcomes if isinstance(outcome, Stored)) == [4, 5, 6, 7, 8, 9]

    async def test_two_members_with_the_same_commit_id_are_stored_once(self, store: EventStore, place: Place) -> None:
        twin, other = commit(place.subject(), 0, "twin"), commit(place.subject(), 0, "other")
        outcomes = await store.append_many([twin, other, twin])
        assert all(isinstance(outcome, Stored) for outcome in outcomes)
        leader, _, follower = (outcome for outcome in outcomes if isinstance(outcome, Stored))
        assert leader.replay is None
        assert follower.seq == leader.seq
        assert follower.replay is not None
        assert follower.replay.body == twin.body
        assert await store.position(place.stream) == 2

    async def test_one_command_sent_twenty_times_at_once_is_stored_once(self, place: Place) -> None:
        await place.prepare()
        append = commit(place.subject(), 0, "impatient")
        async with AsyncExitStack() as stack:
            stores = [await stack.enter_async_context(place.opened()) for _ in range(4)]
            outcomes = await asyncio.gather(*(store.append(append) for store in stores * 5))
            assert {outcome.seq for outcome in outcomes} == {1}
            assert sum(outcome.replay is None for outcome in outcomes) == 1
            assert await stores[0].position(place.stream) == 1


class TestRaces:
    async def test_two_commits_on_one_subject_in_one_call_are_a_race_that_the_first_wins(self, store: EventStore, place: Place) -> None:
        subject = place.subject()
        await fill(store, subject, 1)
        outcomes = await store.append_many([commit(subject, 1, "first"), commit(subject, 1, "second"), commit(place.subject(), 0, "third")])
        winner, loser, other = outcomes
        assert isinstance(winner, Stored)
        assert isinstance(loser, Conflict)
        assert isinstance(other, Stored)
        assert loser.actual == winner.seq

    async def test_of_eight_writers_exactly_one_wins_every_round(self, place: Place) -> None:
        rounds = 20
        await place.prepare()
        subject, head = place.subject(), 0
        async with AsyncExitStack() as stack:
            writers = [await stack.enter_async_context(place.opened()) for _ in range(8)]
            for number in range(rounds):
                attempts = [writer.append_many([commit(subject, head, f"{number}/{index}")]) for index, writer in enumerate(writers)]
                outcomes = [outcome for [outcome] in await asyncio.gather(*attempts)]
                [won] = [outcome for outcome in outcomes if isinstance(outcome, Stored)]
                lost = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
                assert won.replay is None
                assert [conflict.actual for conflict in lost] == [won.seq] * 7
                head = won.seq
            assert len(await writers[0].load(subject, at_least=head)) == rounds
            assert await writers[0].position(place.stream) == rounds

    async def test_a_thousand_appends_in_one_call_all_stand_in_the_stream_once(self, store: EventStore, place: Place) -> None:
        appends = [commit(place.subject(), 0, f"bulk-{number}") for number in range(1_000)]
        outcomes = await store.append_many(appends)
        assert all(isinstance(outcome, Stored) and outcome.replay is None for outcome in outcomes)
        async with aclosing(store.read(place.stream)) as batches:
            read = [item async for item in first(batches, 1_000)]
        by_seq = {outcome.seq: append for outcome, append in zip(outcomes, appends, strict=True) if isinstance(outcome, Stored)}
        assert [item.seq for item in read] == list(range(1, 1_001))
        assert [item.body for item in read] == [by_seq[seq].body for seq in range(1, 1_001)]


class TestUnknownOutcomes:
    async def test_a_retry_after_a_lost_acknowledgement_gets_the_stored_answer_and_no_second_copy(self, place: Place) -> None:
        await place.prepare()
        append = commit(place.subject(), 0, "acknowledgement lost", traceparent=TRACE)
        if place.kind == "memory":
            flaky = FlakyStore(place.memory, appends=["lost_ack"])
            await retry_after_lost_acknowledgement(flaky, append)
        else:
            async with lossy_proxy(place.port) as proxy, place.opened(through=proxy.port, timeout=1.0) as store:
                await store.append(commit(place.subject(), 0, "warm"))
                proxy.lose_answer(COMMITTED if place.kind == "postgres" else PUB_ACK)
                await retry_after_lost_acknowledgement(store, append)
                assert proxy.cuts == 1
        async with place.opened() as store:
            assert len(await store.load(append.subject, at_least=1)) == 1

    async def test_a_lost_acknowledgement_of_a_whole_group_leaves_every_member_stored_once(self, place: Place) -> None:
        await place.prepare()
        appends = [commit(place.subject(), 0, f"group-{number}") for number in range(20)]
        if place.kind == "memory":
            flaky = FlakyStore(place.memory, appends=["lost_ack"] * 20)
            await flaky.append_many(appends)
            outcomes = await flaky.append_many(appends)
        else:
            async with lossy_proxy(place.port) as proxy, place.opened(through=proxy.port, timeout=1.0) as store:
                proxy.lose_answer(COMMITTED if place.kind == "postgres" else PUB_ACK)
                await store.append_many(appends)
                outcomes = await store.append_many(appends)
                assert proxy.cuts == 1
        assert all(isinstance(outcome, Stored) and outcome.replay is not None for outcome in outcomes)
        async with place.opened() as store:
            assert await store.position(place.stream) == 20

    async def test_a_request_that_never_arrived_is_stored_by_the_retry(self, store: EventStore, place: Place) -> None:
        flaky = FlakyStore(store, appends=["lost_request"])
        append = commit(place.subject(), 0, "never arrived")
        with pytest.raises(Unavailable):
            await flaky.append(append)
        assert await store.last(append.subject) is None
        assert await flaky.append(append) == Stored(1)

    async def test_a_stale_replica_is_asked_again_until_it_knows_the_commit(self, store: EventStore, place: Place) -> None:
        subject = place.subject()
        seqs = await fill(store, subject, 3)
        flaky = FlakyStore(store, loads=["stale", "stale", "stale"])
        assert [item.seq for item in await flaky.load(subject)] == seqs[:2]
        assert [item.seq for item in await flaky.load(subject, at_least=seqs[2])] == seqs
        assert flaky.answers == 4

    async def test_a_retry_against_a_stale_replica_gets_the_stored_answer(self, store: EventStore, place: Place) -> None:
        subject = place.subject()
        await fill(store, subject, 2)
        flaky = FlakyStore(store, appends=["lost_ack"], loads=["stale"])
        with pytest.raises(Unavailable):
            await flaky.append(commit(subject, 2, "unsure"))
        assert [item.seq for item in await flaky.load(subject)] == [1, 2]
        outcome = await flaky.append(commit(subject, 2, "unsure"))
        assert outcome.replay is not None
        assert (outcome.seq, await store.position(place.stream)) == (3, 3)


class TestLoading:
    async def test_a_subject_nobody_wrote_is_empty(self, store: EventStore, place: Place) -> None:
        assert await store.load(place.subject()) == []
        assert await store.last(place.subject()) is None

    async def test_a_subject_loads_after_any_of_its_commits(self, store: EventStore, place: Place) -> None:
        subject, other = place.subject(), place.subject()
        seqs = await fill(store, subject, 2)
        await fill(store, other, 2)
        seqs.append((await store.append(commit(subject, seqs[-1], "third"))).seq)
        for after, due in [(0, seqs), (1, seqs[1:]), (2, seqs[2:]), (3, seqs[2:]), (seqs[2], [])]:
            assert [item.seq for item in await store.load(subject, after, at_least=seqs[2])] == due

    async def test_the_last_commit_is_known_at_once(self, store: EventStore, place: Place) -> None:
        subject = place.subject()
        seqs = await fill(store, subject, 4)
        last = await store.last(subject)
        assert last == (await store.load(subject, at_least=seqs[-1]))[-1]

    async def test_three_hundred_commits_of_one_subject_load_in_order(self, place: Place) -> None:
        await place.prepare()
        subject = place.subject()
        async with AsyncExitStack() as stack:
            proxy = None if place.kind == "memory" else await stack.enter_async_context(lossy_proxy(place.port))
            store = await stack.enter_async_context(place.opened(through=proxy.port if proxy else None))
            seqs = await fill(store, subject, 300)
            asked = proxy.requests(b"PUB $JS.API.DIRECT.GET.") if proxy else 0
            loaded = await store.load(subject, at_least=seqs[-1])
            assert [item.seq for item in loaded] == seqs
            if proxy is not None and place.kind == "jetstream":
                await store.load(subject, seqs[50], at_least=seqs[-1])
                assert proxy.requests(b"PUB $JS.API.DIRECT.GET.") - asked == 2 + 1, "one request per 256 commits"


class TestReading:
    async def test_a_stream_reads_without_gaps_from_any_position(self, store: EventStore, place: Place) -> None:
        await store.append_many([commit(place.subject(), 0, f"read-{number}") for number in range(60)])
        for after in (0, 1, 31, 59):
            async with aclosing(store.read(place.stream, after, batch=7)) as batches:
                seqs: list[int] = []
                while len(seqs) < 60 - after:
                    batch = await anext(batches)
                    assert len(batch) <= 7
                    seqs += [item.seq for item in batch]
            assert seqs == list(range(after + 1, 61))

    async def test_a_reader_gets_what_loading_gets(self, store: EventStore, place: Place) -> None:
        subject = place.subject()
        await fill(store, subject, 3)
        async with aclosing(store.read(place.stream)) as batches:
            read = [item async for item in first(batches, 3)]
        loaded = await store.load(subject, at_least=3)
        assert [(item.subject, item.seq, item.body) for item in read] == [(item.subject, item.seq, item.body) for item in loaded]
        for one, two in zip(read, loaded, strict=True):
            assert abs(one.recorded_at - two.recorded_at) < timedelta(milliseconds=1)

    async def test_a_reader_waits_for_more_and_gets_it_at_once(self, store: EventStore, place: Place) -> None:
        async with aclosing(store.read(place.stream)) as batches, asyncio.timeout(2):  # Looking once a second would take three.
            for number in range(3):
                waiting = asyncio.ensure_future(anext(item async for item in batches if item))
                await asyncio.sleep(0)
                subject = place.subject()
                await store.append(commit(subject, 0, subject))
                [recorded] = await waiting
                assert (recorded.seq, recorded.subject) == (number + 1, subject)

    async def test_a_reader_of_a_silent_stream_says_so_about_once_a_second(self, store: EventStore, place: Place) -> None:
        loop = asyncio.get_running_loop()
        async with aclosing(store.read(place.stream)) as batches:
            began = loop.time()
            assert await asyncio.wait_for(anext(batches), 4) == []
            assert await asyncio.wait_for(anext(batches), 4) == []
            assert loop.time() - began > 1.0

    async def test_the_position_is_the_last_sequence(self, store: EventStore, place: Place) -> None:
        assert await store.position(place.stream) == 0
        await fill(store, place.subject(), 3)
        assert await store.position(place.stream) == 3

    async def test_a_stream_keeps_its_identity(self, place: Place) -> None:
        await place.prepare()
        async with place.opened() as store, place.opened() as another:
            identity = await store.created(place.stream)
            assert identity
            await fill(store, place.subject(), 1)
            assert await another.created(place.stream) == identity


async def retry_after_lost_acknowledgement(store: EventStore, append: Append) -> None:
    """The first call may find out by itself or give up; the second must know."""
    try:
        outcome = await store.append(append)
    except Unavailable:
        outcome = None
    again = await store.append(append)
    assert again.replay is not None
    assert (again.replay.body, dict(again.replay.headers)) == (append.body, dict(append.headers))
    assert outcome is None or outcome.seq == again.seq


async def duplicate_window_is_over(store: EventStore, place: Place) -> None:
    """Only JetStream has such a window: when it is over, a copy on another subject is not held for a duplicate."""
    deadline = asyncio.get_running_loop().time() + 10
    subject = place.subject()
    await store.append(commit(subject, 0, "window"))
    for attempt in itertools.count():
        outcome = await store.append_many([commit(place.subject(), 0, "window", note=str(attempt))])
        if isinstance(outcome[0], Stored):
            return
        assert asyncio.get_running_loop().time() < deadline


async def first(batches: object, count: int) -> object:
    """The first `count` commits of a reader, within ten seconds."""
    async with asyncio.timeout(10):
        async for batch in batches:  # type: ignore[attr-defined]
            for item in batch:
                assert isinstance(item, Recorded)
                yield item
                count -= 1
            if count <= 0:
                return
