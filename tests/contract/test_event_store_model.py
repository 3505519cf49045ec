"""Random appends and loads: PostgreSQL and JetStream do what the memory adapter does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from libs.events import Append, Conflict, EventStore, Outcome, Recorded, Stored
from libs.events.memory import MemoryEventStore
from tests.contract.adapters import Place, commit

Guard = Literal["last", "zero", "behind", "ahead"]
SUBJECTS = 3
intents = st.tuples(
    st.integers(0, SUBJECTS - 1),
    st.sampled_from(["last", "last", "zero", "behind", "ahead"]),
    st.integers(0, 9),
    st.sampled_from(["", "备注"]),
    st.sampled_from([{}, {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}]),
)
Intent = tuple[int, Guard, int, str, dict[str, str]]


class Comparison(RuleBasedStateMachine):
    """Runs every step on both stores. Sequences are translated: members of one call may be stored in any order of subjects."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.model, self.place = MemoryEventStore(), place
        self.subjects = [place.subject() for _ in range(SUBJECTS)]
        self.real: EventStore = self.run(self.stack.enter_async_context(place.opened()))
        self.base = self.run(self.real.position(place.stream))
        self.seqs = {0: 0}

    def run(self, work: Any) -> Any:
        return self.runner.run(work)

    def teardown(self) -> None:
        try:
            self.run(self.read_back())
        finally:
            self.run(self.stack.aclose())
            self.runner.close()

    @rule(intent=intents)
    def append_one(self, intent: Intent) -> None:
        self.step([intent])

    @rule(several=st.lists(intents, min_size=2, max_size=8))
    def append_many(self, several: list[Intent]) -> None:
        self.step(several)

    @precondition(lambda self: len(self.seqs) > 1)
    @rule(index=st.integers(0, SUBJECTS - 1), data=st.data())
    def load_after(self, index: int, data: st.DataObject) -> None:
        # A position of this subject: members of one call on different subjects may be stored in any order.
        own = [item.seq for item in self.run(self.model.load(self.subjects[index]))]
        after = data.draw(st.sampled_from([0, *own]))
        due = self.run(self.model.load(self.subjects[index], after))
        found = self.run(self.real.load(self.subjects[index], self.seqs[after]))
        assert [self.plain(item) for item in found] == [self.translated(item) for item in due]

    @invariant()
    def both_hold_the_same(self) -> None:
        for subject in self.subjects:
            due = self.run(self.model.load(subject))
            found = self.run(self.real.load(subject, at_least=self.seqs[due[-1].seq] if due else 0))
            assert [self.plain(item) for item in found] == [self.translated(item) for item in due]
            last = self.run(self.real.last(subject))
            assert last == (found[-1] if found else None)
        assert self.run(self.real.position(self.place.stream)) == self.base + self.run(self.model.position(self.place.stream))

    def step(self, several: Sequence[Intent]) -> None:
        heads = {subject: [0, *(item.seq for item in self.run(self.model.load(subject)))] for subject in self.subjects}
        modelled, real = [], []
        guards: dict[tuple[int, int], int] = {}
        for index, guard, number, note, headers in several:
            subject = self.subjects[index]
            known = heads[subject]
            expected = {"last": known[-1], "zero": 0, "behind": known[max(0, len(known) - 2)], "ahead": known[-1] + 1_000}[guard]
            # Copies of one command in one call are copies: a store may let the first answer for all of them.
            expected = guards.setdefault((index, number), expected)
            append = commit(subject, expected, f"{subject}#{number}", note=note, **headers)
            modelled.append(append)
            translated = self.seqs.get(expected, self.base + expected)
            real.append(Append(subject, translated, append.commit_id, append.body, append.headers))
        due: list[Outcome] = self.run(self.model.append_many(modelled))
        found: list[Outcome] = self.run(self.real.append_many(real))
        for one, two in zip(due, found, strict=True):
            if isinstance(one, Stored) and isinstance(two, Stored) and one.replay is None:
                self.seqs[one.seq] = two.seq
        assert len(set(self.seqs.values())) == len(self.seqs)
        for one, two in zip(due, found, strict=True):
            match one, two:
                case Stored(), Stored():
                    assert two.seq == self.seqs[one.seq]
                    assert (two.replay and self.plain(two.replay)) == (one.replay and self.translated(one.replay))
                case Conflict(), Conflict():
                    # A neighbour on the same subject may win before or after this member's conflict is looked at.
                    before, after = heads[one.subject][-1], self.run(self.model.last(one.subject))
                    assert two.actual in {self.seqs[before], self.seqs[after.seq] if after else 0}
                case _:
                    raise AssertionError(f"{two!r} where memory says {one!r}")

    async def read_back(self) -> None:
        """The stream read from where we began is exactly what was stored, in the order of sequences."""
        due = [self.translated(item) for subject in self.subjects for item in await self.model.load(subject)]
        found: list[Recorded] = []
        async with aclosing(self.real.read(self.place.stream, self.base, batch=5)) as batches:
            while len(found) < len(due):
                found += await asyncio.wait_for(anext(batches), 5)
        assert [self.plain(item) for item in found] == sorted(due, key=lambda item: item[1])

    def translated(self, item: Recorded) -> tuple[object, ...]:
        return item.subject, self.seqs[item.seq], item.body, dict(item.headers)

    @staticmethod
    def plain(item: Recorded) -> tuple[object, ...]:
        return item.subject, item.seq, item.body, dict(item.headers)


@pytest.mark.servers
@pytest.mark.parametrize("place", ["postgres", "jetstream"], indirect=True)
def test_random_appends_and_loads_end_as_in_memory(place: Place) -> None:
    asyncio.run(place.prepare())
    checks = [HealthCheck.too_slow, HealthCheck.data_too_large]
    # Not shrunk: every step waits for a disk, and a short random history is readable as it is.
    phases = (Phase.explicit, Phase.reuse, Phase.generate)
    rules = settings(max_examples=20, stateful_step_count=20, deadline=None, phases=phases, suppress_health_check=checks)
    run_state_machine_as_test(lambda: Comparison(place), settings=rules)
