"""The registry's commands: given(history).when(command).then(events); what is already so needs no event."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import get_args

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from libs.events import (
    CellOpened,
    CredentialIssued,
    CredentialRevoked,
    Event,
    NetworkRevisionProposed,
    NetworkRevisionPublished,
    NetworkRevisionStaged,
    RegistryEvent,
)
from libs.events.registry import RuledSection
from libs.events.testing import Decided, Given, Scenario, at
from services.registry.domain import (
    INITIAL,
    CheckedRevision,
    Command,
    EntityState,
    IssueCredential,
    OpenCell,
    ProposeRevision,
    PublishRevision,
    RevokeCredential,
    StageRevision,
    decide,
    entity_of,
    evolve,
)

ENTITY: Scenario[EntityState] = Scenario(INITIAL, evolve)
DIGEST, OTHER, THIRD = "sha256:" + "a" * 64, "sha256:" + "b" * 64, "sha256:" + "d" * 64

STAGE = StageRevision("sample", "r1", 1, 2, "regions", ({"code": "330200"},))
STAGED = NetworkRevisionStaged(network="sample", revision="r1", part=1, parts=2, section="regions", items=({"code": "330200"},))
FIRST = CheckedRevision("sample", "r1", DIGEST, 2, date(2026, 1, 1), 9)
PUBLISH = PublishRevision(FIRST, "person-one")
NEWER = CheckedRevision("sample", "r2", OTHER, 2, date(2026, 2, 1), 10, base=DIGEST)
RULES = replace(NEWER, changes=("routing",))
PROPOSED = NetworkRevisionProposed(network="sample", revision="r2", digest=OTHER, parts=2, by="person-one", changes=("routing",))
RELEASED = NetworkRevisionPublished(network="sample", revision="r2", digest=OTHER, parts=2, in_force_from=date(2026, 2, 1), nodes=10)
PUBLISHED = NetworkRevisionPublished(network="sample", revision="r1", digest=DIGEST, parts=2, in_force_from=date(2026, 1, 1), nodes=9)
ISSUE = IssueCredential("key1", DIGEST, "party-sample", "clerk", "sample", "node-one", "window clerk", None)
ISSUED = CredentialIssued(
    key_id="key1", digest=DIGEST, party="party-sample", role="clerk", network="sample", node="node-one", label="window clerk"
)
REVOKED = CredentialRevoked(key_id="key1", reason="lost")
ONE_OF_EACH: tuple[Event, ...] = (STAGED, PROPOSED, PUBLISHED, CellOpened(cell="26a"), ISSUED, REVOKED)


def when(given: Given[EntityState], command: Command) -> Decided[EntityState]:
    return given.when(lambda state: decide(command, state))


def test_a_part_is_staged_and_staging_it_again_changes_nothing() -> None:
    when(ENTITY.given(), STAGE).then(STAGED)
    when(ENTITY.given(STAGED), STAGE).then_nothing()


def test_another_part_of_the_revision_is_staged_beside_the_first() -> None:
    second = StageRevision("sample", "r1", 2, 2, "regions", ())
    assert when(ENTITY.given(STAGED), second).state.parts == {1, 2}


def test_a_revision_takes_effect_by_one_event() -> None:
    when(ENTITY.given(), PUBLISH).then(PUBLISHED)


def test_publishing_what_is_in_force_changes_nothing() -> None:
    when(ENTITY.given(PUBLISHED), PUBLISH).then_nothing()


def test_other_content_replaces_what_is_in_force() -> None:
    assert when(ENTITY.given(PUBLISHED), PublishRevision(NEWER, "person-one")).state.digest == OTHER


def test_an_earlier_revision_may_be_put_in_force_again() -> None:
    when(ENTITY.given(PUBLISHED, RELEASED), PublishRevision(replace(FIRST, base=OTHER), "person-one")).then(PUBLISHED)


def test_the_first_revision_of_a_network_is_published_by_one_person() -> None:
    when(ENTITY.given(), PUBLISH).then(PUBLISHED)


def test_rules_in_force_change_only_when_one_person_proposes_and_another_publishes() -> None:
    when(ENTITY.given(PUBLISHED), ProposeRevision(RULES, "person-one")).then(PROPOSED)
    when(ENTITY.given(PUBLISHED, PROPOSED), PublishRevision(RULES, "person-two")).then(RELEASED)


@pytest.mark.parametrize("changes", [("routing",), ("clocks",), ("routing", "clocks")])
def test_nobody_publishes_alone_what_changes_rules_in_force(changes: tuple[RuledSection, ...]) -> None:
    rules = replace(RULES, changes=changes)
    when(ENTITY.given(PUBLISHED), PublishRevision(rules, "person-two")).then_refused("second_person_needed")
    when(ENTITY.given(PUBLISHED, PROPOSED), PublishRevision(rules, "person-one")).then_refused("second_person_needed")


def test_a_second_person_cannot_release_another_content_than_was_proposed() -> None:
    swapped = replace(RULES, digest="sha256:" + "c" * 64)
    when(ENTITY.given(PUBLISHED, PROPOSED), PublishRevision(swapped, "person-two")).then_refused("second_person_needed")


def test_proposing_again_or_by_somebody_else_changes_nothing() -> None:
    when(ENTITY.given(PUBLISHED, PROPOSED), ProposeRevision(RULES, "person-one")).then_nothing()
    when(ENTITY.given(PUBLISHED, PROPOSED), ProposeRevision(RULES, "person-two")).then_nothing()
    when(ENTITY.given(PUBLISHED, PROPOSED, RELEASED), ProposeRevision(RULES, "person-one")).then_nothing()


def test_a_later_proposal_takes_the_place_of_an_earlier_one() -> None:
    later = replace(RULES, revision="r3", digest=THIRD)
    newest = PROPOSED.model_copy(update={"revision": "r3", "digest": THIRD})
    when(ENTITY.given(PUBLISHED, PROPOSED), ProposeRevision(later, "person-one")).then(newest)
    when(ENTITY.given(PUBLISHED, PROPOSED, newest), PublishRevision(RULES, "person-two")).then_refused("second_person_needed")
    assert when(ENTITY.given(PUBLISHED, PROPOSED, newest), PublishRevision(later, "person-two")).state.digest == THIRD


def test_a_proposal_ends_when_anything_is_published() -> None:
    third = NetworkRevisionPublished(network="sample", revision="r3", digest=THIRD, parts=2, in_force_from=date(2026, 2, 1), nodes=9)
    again = replace(RULES, base=THIRD)
    when(ENTITY.given(PUBLISHED, PROPOSED, third), PublishRevision(again, "person-two")).then_refused("second_person_needed")


def test_what_was_compared_with_an_older_revision_is_not_published() -> None:
    stale = replace(NEWER, digest=THIRD)
    when(ENTITY.given(PUBLISHED, RELEASED), PublishRevision(stale, "person-one")).then_refused("conflict")
    when(ENTITY.given(PUBLISHED, RELEASED), ProposeRevision(replace(stale, changes=("routing",)), "person-one")).then_refused("conflict")
    when(ENTITY.given(PUBLISHED), PublishRevision(replace(NEWER, base=None), "person-one")).then_refused("conflict")


def test_a_cell_is_opened_once() -> None:
    when(ENTITY.given(), OpenCell("26a")).then(CellOpened(cell="26a"))
    when(ENTITY.given(CellOpened(cell="26a")), OpenCell("26a")).then_nothing()


def test_a_key_is_issued_once() -> None:
    when(ENTITY.given(), ISSUE).then(ISSUED)
    when(ENTITY.given(ISSUED), ISSUE).then_refused("conflict")


def test_a_key_is_revoked_once_and_revoking_it_again_changes_nothing() -> None:
    when(ENTITY.given(ISSUED), RevokeCredential("key1", "lost")).then(REVOKED)
    when(ENTITY.given(ISSUED, REVOKED), RevokeCredential("key1", "lost")).then_nothing()


def test_a_revoked_key_is_not_issued_again() -> None:
    when(ENTITY.given(ISSUED, REVOKED), ISSUE).then_refused("conflict")


def test_a_key_nobody_issued_cannot_be_revoked() -> None:
    when(ENTITY.given(), RevokeCredential("key1", "lost")).then_not_found("credential_not_found")


@pytest.mark.parametrize(
    ("command", "entity"),
    [
        (STAGE, "sample.revision.r1"),
        (ProposeRevision(RULES, "person-one"), "sample.graph"),
        (PUBLISH, "sample.graph"),
        (OpenCell("26a"), "system.cell.26a"),
        (ISSUE, "system.credential.key1"),
        (RevokeCredential("key1", "lost"), "system.credential.key1"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_command_runs_on_its_own_entity(command: Command, entity: str) -> None:
    assert entity_of(command) == entity


def test_every_event_type_takes_part_in_the_properties() -> None:
    assert {type(event) for event in ONE_OF_EACH} == set(get_args(RegistryEvent))


@forall(st.lists(st.sampled_from(ONE_OF_EACH), max_size=20))
def test_evolve_never_raises_and_forgets_nothing(history: list[Event]) -> None:
    state = INITIAL
    for number, event in enumerate(history, 1):
        after = evolve(state, event, version=number, at=at(number))
        assert state.parts <= after.parts
        assert (after.issued, after.revoked, after.open) >= (state.issued, state.revoked, state.open)
        state = after


@forall(st.lists(st.sampled_from([STAGE, PUBLISH, OpenCell("26a"), RevokeCredential("key1", "lost")]), max_size=12))
def test_running_a_command_twice_is_running_it_once(commands: list[Command]) -> None:
    state = ENTITY.given(ISSUED).state
    for command in commands:
        for event in decide(command, state):
            state = evolve(state, event, version=1, at=at(1))
        assert decide(command, state) == []
