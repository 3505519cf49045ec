"""A staged revision is proposed and published only whole, sound, of the digest asked for, and with the rules it changes named."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest

from libs.directory import Directory, Network, NetworkContent, Proposal, Section, digest, load_network, to_sections
from libs.events import NotFound, Refused
from services.registry.revisions import checked_revision, content_of


@lru_cache(maxsize=1)
def ningbo() -> NetworkContent:
    return load_network(Path(__file__).resolve().parents[3] / "networks" / "ningbo")


def staged(sections: list[Section], network: str = "ningbo") -> Directory:
    return Directory(staged={(network, "r1"): dict(enumerate(sections, 1))})


def refusal(directory: Directory, parts: int, wanted: str, network: str = "ningbo") -> tuple[str, str | None]:
    with pytest.raises(Refused) as refused:
        checked_revision(directory, network, "r1", parts, wanted)
    return refused.value.code, refused.value.field


def test_a_complete_sound_revision_becomes_a_publication() -> None:
    sections = list(to_sections(ningbo()))
    command = checked_revision(staged(sections), "ningbo", "r1", len(sections), digest(ningbo()))
    assert (command.network, command.revision, command.parts, command.nodes) == ("ningbo", "r1", len(sections), len(ningbo().nodes))
    assert command.in_force_from == ningbo().network.in_force_from


def test_a_revision_with_a_part_missing_is_not_published() -> None:
    sections = list(to_sections(ningbo()))
    assert refusal(staged(sections[:-1]), len(sections), digest(ningbo())) == ("revision_incomplete", "parts")
    assert refusal(Directory(), 1, digest(ningbo())) == ("revision_incomplete", "parts")


def test_another_digest_than_the_content_s_is_not_published() -> None:
    sections = list(to_sections(ningbo()))
    assert refusal(staged(sections), len(sections), "sha256:" + "0" * 64) == ("network_file_invalid", "digest")


def test_a_network_is_not_published_under_another_s_name() -> None:
    sections = list(to_sections(ningbo()))
    assert refusal(staged(sections, "other"), len(sections), digest(ningbo()), "other") == ("network_file_invalid", "network")


def test_an_unsound_network_is_not_published() -> None:
    sections = [section for section in to_sections(ningbo()) if section.name != "regions"]
    assert refusal(staged(sections), len(sections), digest(ningbo())) == ("network_file_invalid", "items")


def in_force(content: NetworkContent, published: str | None = None) -> Directory:
    """A directory with a content in force, or something else published last."""
    network = Network(content, revision="r0", seq=3, digest=digest(content))
    return Directory(networks={"ningbo": network}, history={"ningbo": (network,)}, published={"ningbo": published or digest(content)})


def changes(directory: Directory, content: NetworkContent) -> tuple[str, ...]:
    sections = to_sections(content)
    waiting = replace(directory, staged={("ningbo", "r1"): dict(enumerate(sections, 1))})
    return checked_revision(waiting, "ningbo", "r1", len(sections), digest(content)).changes


def test_the_rules_a_revision_changes_are_named() -> None:
    old = ningbo()
    routing = old.routing.model_copy(update={"version": old.routing.version + 1, "return_budget": old.routing.return_budget + 1})
    clocks = old.clocks.model_copy(update={"version": old.clocks.version + 1})
    renamed = old.model_copy(update={"nodes": (old.nodes[0].model_copy(update={"title_en": "renamed"}), *old.nodes[1:])})
    assert changes(in_force(old), old.model_copy(update={"routing": routing})) == ("routing",)
    assert changes(in_force(old), old.model_copy(update={"clocks": clocks})) == ("clocks",)
    assert changes(in_force(old), old.model_copy(update={"routing": routing, "clocks": clocks})) == ("routing", "clocks")
    assert changes(in_force(old), renamed) == ()


def test_a_first_revision_changes_no_rule_in_force() -> None:
    sections = to_sections(ningbo())
    checked = checked_revision(staged(list(sections)), "ningbo", "r1", len(sections), digest(ningbo()))
    assert (checked.base, checked.changes) == (None, ())


def test_where_what_was_published_cannot_be_read_every_rule_counts_as_changed() -> None:
    """Otherwise a revision this release cannot read would let one person change the rules behind it."""
    unread = "sha256:" + "e" * 64
    assert changes(in_force(ningbo(), unread), ningbo()) == ("routing", "clocks")
    assert changes(Directory(published={"ningbo": unread}), ningbo()) == ("routing", "clocks")


def test_what_waits_for_release_can_be_read_before() -> None:
    sections = to_sections(ningbo())
    directory = staged(list(sections))
    with pytest.raises(NotFound, match="revision_not_found"):
        content_of(directory, "ningbo", "r1")
    proposal = Proposal("ningbo", "r1", digest(ningbo()), len(sections), "person-one", ("routing",), 9)
    assert content_of(replace(directory, proposals={"ningbo": proposal}), "ningbo", "r1") == ningbo()
    assert content_of(in_force(ningbo()), "ningbo", "r0") == ningbo()


def versioned(number: int, budget: int) -> NetworkContent:
    routing = ningbo().routing.model_copy(update={"version": number, "return_budget": budget})
    return ningbo().model_copy(update={"routing": routing})


def after(*contents: NetworkContent) -> Directory:
    """A directory in which these were in force one after another."""
    history = tuple(Network(content, revision=f"p{seq}", seq=seq, digest=digest(content)) for seq, content in enumerate(contents, 1))
    return Directory(networks={"ningbo": history[-1]}, history={"ningbo": history}, published={"ningbo": history[-1].digest})


def verdict(directory: Directory, content: NetworkContent) -> str | None:
    sections = to_sections(content)
    waiting = replace(directory, staged={("ningbo", "r1"): dict(enumerate(sections, 1))})
    try:
        checked_revision(waiting, "ningbo", "r1", len(sections), digest(content))
    except Refused as refused:
        return f"{refused.code} {refused.field}"
    return None


def test_a_version_of_the_rules_stands_for_one_content_for_good() -> None:
    """Explanations and promises name the version only."""
    past = after(versioned(1, 2), versioned(3, 4), versioned(2, 2))
    refused = "policy_version_used routing.version"
    assert verdict(past, versioned(3, 5)) == refused
    assert verdict(past, versioned(1, 5)) == refused
    assert verdict(past, versioned(2, 5)) == refused
    assert verdict(past, versioned(4, 5)) is None


def test_rules_that_were_in_force_may_come_back_under_their_own_version() -> None:
    past = after(versioned(1, 2), versioned(3, 4))
    assert verdict(past, versioned(1, 2)) is None
    assert verdict(past, versioned(3, 4)) is None
    assert verdict(Directory(), versioned(1, 9)) is None


def test_clocks_change_under_a_new_version_only() -> None:
    longer = ningbo().clocks.model_copy(update={"applies_to": "open"})
    same = ningbo().model_copy(update={"clocks": longer})
    grown = ningbo().model_copy(update={"clocks": longer.model_copy(update={"version": longer.version + 1})})
    assert verdict(after(ningbo()), same) == "policy_version_used clocks.version"
    assert verdict(after(ningbo()), grown) is None
