"""Entering commits into the archive and reading them back: pure."""

from __future__ import annotations

import hashlib
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events import Commit, Corrupt
from services.tracker.archive import Entry, Head, demand_at, enter, read_commit
from tests.unit.tracker.histories import History, demand_of, full_life, interleaved, random_life


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20))
def test_ordinals_and_heads_are_the_same_however_the_stream_is_cut(seed: int, batch: int) -> None:
    random = Random(seed)
    stream = interleaved([random_life(demand_of(number), random, 8) for number in range(4)], random)
    whole_heads: dict[str, Head] = {}
    whole = enter("t1", stream, whole_heads)
    heads: dict[str, Head] = {}
    parts = [entry for start in range(0, len(stream), batch) for entry in enter("t1", stream[start : start + batch], heads)]
    assert (parts, heads) == (whole, whole_heads)


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_every_commit_of_a_sound_stream_reads_back(seed: int) -> None:
    random = Random(seed)
    histories = {demand_of(number): random_life(demand_of(number), random, 8) for number in range(3)}
    previous: dict[str, Head] = {}
    read: dict[str, list[Commit]] = {demand: [] for demand in histories}
    for entry in enter("t1", interleaved(list(histories.values()), random), {}):
        read[entry.demand].append(read_commit(entry, previous.get(entry.demand)))
        previous[entry.demand] = Head(entry.ver, entry.hash)
    assert {demand: len(commits) for demand, commits in read.items()} == {d: len(h.commits) for d, h in histories.items()}


@settings(deadline=None)
@given(st.integers(0, 7), st.integers(0, 10_000))
def test_a_changed_byte_is_noticed_at_the_latest_by_the_next_commit(place: int, at: int) -> None:
    history = full_life()
    body = bytearray(history.bodies[place])
    body[at % len(body)] ^= 1
    history.bodies[place] = bytes(body)
    history.then()
    entries = enter("t1", history.recorded(), {})
    with pytest.raises(Corrupt):
        read_all(entries)


def read_all(entries: list[Entry]) -> None:
    previous: Head | None = None
    for entry in entries:
        read_commit(entry, previous)
        previous = Head(entry.ver, entry.hash)


def test_the_hash_is_over_the_exact_bytes() -> None:
    (entry,) = enter("t1", History(demand_of(1)).submitted().recorded(), {})
    assert entry.hash == hashlib.sha256(entry.body).digest()


@pytest.mark.parametrize("subject", ["demand.t1.testnet.99.x", "demand.t1", "demand.t1.testnet.00." + demand_of(1) + ".more"])
def test_a_foreign_subject_is_its_own_name(subject: str) -> None:
    assert demand_at(subject) == subject


@pytest.mark.parametrize("identity", ["", "a b", "x" * 129, "a\\u0000b", "诉求"])
def test_a_commit_id_the_archive_cannot_use_is_replaced_by_its_place(identity: str) -> None:
    history = History(demand_of(1)).submitted()
    history.bodies[0] = history.bodies[0].replace(history.command_id(1).encode(), identity.encode())
    (entry,) = enter("t1", history.recorded(41), {})
    assert entry.commit_id == "t1:41"
    with pytest.raises(Corrupt):
        read_commit(entry, None)
