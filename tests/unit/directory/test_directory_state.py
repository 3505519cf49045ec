"""The directory folded from the registry's events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from libs.directory import Directory, NetworkContent, digest, evolve, to_sections
from libs.events.registry import (
    CellOpened,
    CredentialIssued,
    CredentialRevoked,
    NetworkRevisionPublished,
    NetworkRevisionStaged,
    RegistryEvent,
)
from tests.unit.directory.random_networks import content_of, contents, node

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SMALL = content_of([node("hub-0", "root", regions=["330200"])])
LARGER = content_of([node("hub-0", "root", regions=["330200"]), node("county-a", "county", "hub-0", regions=["330203"])])


def staged(content: NetworkContent, revision: str = "r1", network: str = "testnet") -> list[RegistryEvent]:
    sections = to_sections(content, limit=3)
    return [
        NetworkRevisionStaged(
            network=network, revision=revision, part=number, parts=len(sections), section=section.name, items=section.items
        )
        for number, section in enumerate(sections, start=1)
    ]


def published(content: NetworkContent, revision: str = "r1", network: str = "testnet", **more: str) -> NetworkRevisionPublished:
    return NetworkRevisionPublished(
        network=network,
        revision=revision,
        digest=more.get("digest", digest(content)),
        parts=len(to_sections(content, limit=3)),
        in_force_from=date(2026, 1, 1),
        nodes=len(content.nodes),
    )


def issued(key_id: str = "k1", **more: datetime) -> CredentialIssued:
    return CredentialIssued(
        key_id=key_id, digest="sha256:00", party="person-1", role="clerk", network="testnet", node="hub-0", label="sample", **more
    )


def fold(events: Iterable[RegistryEvent], start: Directory | None = None) -> Directory:
    directory = start or Directory()
    for event in events:
        directory = evolve(directory, event, entity=event.name(), seq=directory.seq + 1)
    return directory


@given(contents(), st.randoms(use_true_random=False))
def test_a_revision_takes_effect_when_it_is_published_whatever_order_its_parts_came_in(content: NetworkContent, random: object) -> None:
    parts = staged(content)
    random.shuffle(parts)  # type: ignore[attr-defined]
    waiting = fold(parts)
    assert dict(waiting.networks) == {}
    directory = fold([published(content)], waiting)
    assert directory.networks["testnet"].content == content
    assert directory.networks["testnet"].seq == directory.seq
    assert dict(directory.staged) == {}
    assert directory.faults == ()


def test_a_past_decision_finds_the_revision_of_its_basis() -> None:
    directory = fold([*staged(SMALL), published(SMALL)])
    first = directory.seq
    directory = fold([*staged(LARGER, "r2"), published(LARGER, "r2")], directory)
    before, then, now = directory.network_at("testnet", first - 1), directory.network_at("testnet", first), directory.networks["testnet"]
    assert before is None
    assert then is not None
    assert (then.revision, now.revision) == ("r1", "r2")
    assert directory.network_at("testnet", directory.seq - 1) is then
    assert directory.network_at("elsewhere", 99) is None
    assert not then.has("county-a")
    assert now.has("county-a")


def test_publishing_without_all_parts_keeps_the_revision_before_and_records_a_fault() -> None:
    directory = fold([*staged(SMALL), published(SMALL), *staged(LARGER, "r2")[:-1], published(LARGER, "r2")])
    assert directory.networks["testnet"].revision == "r1"
    assert [(fault.revision, fault.reason) for fault in directory.faults] == [("r2", "parts_missing")]


def test_a_wrong_digest_keeps_the_revision_before_and_records_a_fault() -> None:
    directory = fold([*staged(SMALL), published(SMALL, digest=digest(LARGER))])
    assert "testnet" not in directory.networks
    assert [(fault.reason, fault.detail) for fault in directory.faults] == [("digest_mismatch", digest(SMALL))]


def test_a_revision_of_another_network_or_with_broken_parts_is_a_fault() -> None:
    other = fold([*staged(SMALL, network="other"), published(SMALL, network="other")])
    assert [fault.reason for fault in other.faults] == ["wrong_network"]
    broken = content_of([node("hub-0", "root", regions=["330203"])])
    directory = fold([*staged(broken), published(broken)])
    assert [fault.reason for fault in directory.faults] == ["broken_content"]
    assert dict(directory.networks) == {}


def test_a_revision_published_before_may_be_published_again_without_its_parts() -> None:
    directory = fold([*staged(SMALL), published(SMALL), *staged(LARGER, "r2"), published(LARGER, "r2"), published(SMALL)])
    assert directory.faults == ()
    assert directory.networks["testnet"].content == SMALL
    assert [network.revision for network in directory.history["testnet"]] == ["r1", "r2", "r1"]


def test_keys_are_issued_expire_and_are_revoked_for_good() -> None:
    directory = fold([issued("k1"), issued("k2", expires=NOW)])
    assert directory.credentials["k1"].valid(NOW)
    assert not directory.credentials["k2"].valid(NOW)
    assert directory.credentials["k2"].valid(NOW - timedelta(seconds=1))
    directory = fold([CredentialRevoked(key_id="k1", reason="lost"), issued("k1")], directory)
    assert not directory.credentials["k1"].valid(NOW)


def test_cells_are_open_once_opened() -> None:
    assert fold([CellOpened(cell="a"), CellOpened(cell="b")]).cells == {"a": "open", "b": "open"}


HISTORY: list[RegistryEvent] = [
    CellOpened(cell="a"),
    issued("k1"),
    *staged(SMALL),
    published(SMALL),
    *staged(LARGER, "r2")[:-1],
    published(LARGER, "r2"),
    CredentialRevoked(key_id="k1", reason="left"),
    CredentialRevoked(key_id="unknown", reason="other"),
]


@given(st.lists(st.integers(1, len(HISTORY)), max_size=30))
def test_redelivery_changes_nothing(again: list[int]) -> None:
    directory = Directory()
    for seq, event in enumerate(HISTORY, start=1):
        directory = evolve(directory, event, entity="x", seq=seq)
        for old in (number for number in (*again, seq) if number <= seq):
            assert evolve(directory, HISTORY[old - 1], entity="x", seq=old) == directory


@given(st.permutations(HISTORY))
def test_evolve_never_raises_and_always_moves_on(events: list[RegistryEvent]) -> None:
    assert fold(events).seq == len(HISTORY)
