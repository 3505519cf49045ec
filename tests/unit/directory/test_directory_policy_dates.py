"""Which routing policy counts on a day, and which revisions wait for a second person."""

from __future__ import annotations

from datetime import date

import pytest

from libs.directory import Directory, NetworkContent, digest
from libs.directory.policy import RoutingPolicy
from libs.events.registry import NetworkRevisionProposed
from tests.unit.directory.test_directory_state import LARGER, SMALL, fold, published, staged


def with_policy(content: NetworkContent, version: int, first: date, last: date | None = None) -> NetworkContent:
    changed = {"version": version, "in_force_from": first, "in_force_to": last}
    return content.model_copy(update={"routing": content.routing.model_copy(update=changed)})


def revisions(*contents: NetworkContent) -> Directory:
    """These contents put in force one after the other, the registry standing at 0 before."""
    directory = Directory()
    for number, content in enumerate(contents):
        directory = fold([*staged(content, f"r{number}"), published(content, f"r{number}")], directory)
    assert directory.faults == ()
    return directory


def version(policy: RoutingPolicy) -> int:
    return policy.version


FIRST = with_policy(SMALL, 1, date(2020, 1, 1))
LATER = with_policy(LARGER, 2, date(2026, 7, 1))
SUMMER = with_policy(SMALL, 3, date(2026, 7, 10), date(2026, 8, 31))


def test_a_policy_that_starts_later_counts_from_its_first_day() -> None:
    directory = revisions(FIRST, LATER)
    assert version(directory.routing_on("testnet", date(2026, 6, 30))) == 1
    assert version(directory.routing_on("testnet", date(2026, 7, 1))) == 2
    assert directory.networks["testnet"].content == LATER


def test_a_policy_that_ended_gives_way_to_the_one_before_it() -> None:
    directory = revisions(FIRST, LATER, SUMMER)
    days = (date(2026, 6, 30), date(2026, 7, 9), date(2026, 7, 10), date(2026, 8, 31), date(2026, 9, 1))
    assert [version(directory.routing_on("testnet", day)) for day in days] == [1, 2, 3, 3, 2]


def test_a_past_decision_finds_the_policy_of_its_day_and_basis() -> None:
    directory = revisions(FIRST, LATER)
    then = directory.history["testnet"][0].seq
    assert version(directory.routing_on("testnet", date(2026, 8, 1), then)) == 1
    assert version(directory.routing_on("testnet", date(2026, 8, 1), directory.seq)) == 2


def test_a_day_is_never_without_a_policy() -> None:
    ended = with_policy(SMALL, 4, date(2020, 1, 1), date(2020, 12, 31))
    assert version(revisions(ended).routing_on("testnet", date(2026, 1, 1))) == 4
    assert version(revisions(LATER).routing_on("testnet", date(2026, 1, 1))) == 2
    assert version(revisions(ended, LATER).routing_on("testnet", date(2026, 1, 1))) == 4


def test_a_network_nobody_published_has_no_policy() -> None:
    with pytest.raises(KeyError):
        Directory().routing_on("testnet", date(2026, 1, 1))
    with pytest.raises(KeyError):
        revisions(FIRST).routing_on("testnet", date(2026, 1, 1), 1)


def proposed(content: NetworkContent, revision: str) -> NetworkRevisionProposed:
    return NetworkRevisionProposed(
        network="testnet", revision=revision, digest=digest(content), parts=3, by="person-one", changes=("routing",)
    )


def test_a_proposal_waits_until_anything_is_published() -> None:
    directory = fold([*staged(LATER, "r1"), proposed(LATER, "r1")], revisions(FIRST))
    [proposal] = directory.proposals.values()
    assert (proposal.revision, proposal.by, proposal.changes, proposal.seq) == ("r1", "person-one", ("routing",), directory.seq)
    assert directory.networks["testnet"].content == FIRST
    later = fold([*staged(SUMMER, "r2"), proposed(SUMMER, "r2")], directory)
    assert [one.revision for one in later.proposals.values()] == ["r2"]
    assert not fold([published(LATER, "r1")], directory).proposals
    assert not fold([*staged(SUMMER, "r2"), published(SUMMER, "r2")], directory).proposals


def test_what_was_published_last_is_remembered_even_if_it_could_not_take_effect() -> None:
    directory = fold([published(LATER, "r1")], revisions(FIRST))
    assert directory.published == {"testnet": digest(LATER)}
    assert directory.networks["testnet"].content == FIRST
    assert directory.faults
