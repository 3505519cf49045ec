"""A staged revision is published only whole, sound and with the digest that was asked for."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pytest

from libs.directory import Directory, NetworkContent, Section, digest, load_network, to_sections
from libs.events import Refused
from services.registry.revisions import checked_publication


@lru_cache(maxsize=1)
def ningbo() -> NetworkContent:
    return load_network(Path(__file__).resolve().parents[3] / "networks" / "ningbo")


def staged(sections: list[Section], network: str = "ningbo") -> Directory:
    return Directory(staged={(network, "r1"): dict(enumerate(sections, 1))})


def refusal(directory: Directory, parts: int, wanted: str, network: str = "ningbo") -> tuple[str, str | None]:
    with pytest.raises(Refused) as refused:
        checked_publication(directory, network, "r1", parts, wanted)
    return refused.value.code, refused.value.field


def test_a_complete_sound_revision_becomes_a_publication() -> None:
    sections = list(to_sections(ningbo()))
    command = checked_publication(staged(sections), "ningbo", "r1", len(sections), digest(ningbo()))
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
