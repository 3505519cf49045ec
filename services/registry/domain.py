"""What may be done to the registry: stage, propose and publish a network revision, open a cell, issue and revoke keys. Pure.

Every entity has a stream of its own; `EntityState` is what its decisions need, whatever the entity is.

A revision that changes rules in force (who gets a demand, how long that may take) needs two persons: one proposes it, another one
publishes it. The newest proposal counts, until anything is published. The first revision of a network, and whatever changes no rule,
is published by one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Literal, assert_never, cast

from libs.events import (
    CellOpened,
    CredentialIssued,
    CredentialRevoked,
    Event,
    NetworkRevisionProposed,
    NetworkRevisionPublished,
    NetworkRevisionStaged,
    NotFound,
    Refused,
    RegistryEvent,
    Role,
)
from libs.events.registry import RuledSection, Section

RevokeReason = Literal["lost", "left", "replaced", "misused", "other"]


@dataclass(frozen=True, slots=True)
class StageRevision:
    """Lay one part of a network revision ready."""

    network: str
    revision: str
    part: int
    parts: int
    section: Section
    items: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class CheckedRevision:
    """A completely staged, sound revision: digest of its content, and the rules it `changes` against the one in force.

    `base`: the digest it was compared with, None for a network without a revision in force.
    """

    network: str
    revision: str
    digest: str
    parts: int
    in_force_from: date
    nodes: int
    base: str | None = None
    changes: tuple[RuledSection, ...] = ()


@dataclass(frozen=True, slots=True)
class ProposeRevision:
    """Lay a checked revision before a second person. `by`: the party that proposes it."""

    checked: CheckedRevision
    by: str


@dataclass(frozen=True, slots=True)
class PublishRevision:
    """Put a checked revision in force. `by`: the party that publishes it."""

    checked: CheckedRevision
    by: str


@dataclass(frozen=True, slots=True)
class OpenCell:
    """Let a cell take new demands."""

    cell: str


@dataclass(frozen=True, slots=True)
class IssueCredential:
    """Give a key to one person or system; the key itself never reaches this process's streams."""

    key_id: str
    digest: str
    party: str
    role: Role
    network: str | None
    node: str | None
    label: str
    expires: datetime | None


@dataclass(frozen=True, slots=True)
class RevokeCredential:
    """Make a key invalid."""

    key_id: str
    reason: RevokeReason


Command = StageRevision | ProposeRevision | PublishRevision | OpenCell | IssueCredential | RevokeCredential


@dataclass(frozen=True, slots=True)
class EntityState:
    """Staged parts of a revision; digest in force of a graph and which digest who proposed; whether a cell is open; a key's fate."""

    parts: frozenset[int] = frozenset()
    digest: str | None = None
    proposed: tuple[str, str] | None = None
    open: bool = False
    issued: bool = False
    revoked: bool = False


INITIAL = EntityState()


def decide(command: Command, state: EntityState) -> list[RegistryEvent]:
    """Return the events of a command; none when it is already so.

    Raises NotFound(credential_not_found), Refused (conflict, second_person_needed).
    """
    match command:
        case StageRevision():
            if command.part in state.parts:
                return []
            return [
                NetworkRevisionStaged(
                    network=command.network,
                    revision=command.revision,
                    part=command.part,
                    parts=command.parts,
                    section=command.section,
                    items=command.items,
                )
            ]
        case ProposeRevision():
            return _propose(command, state)
        case PublishRevision():
            return _publish(command, state)
        case OpenCell():
            return [] if state.open else [CellOpened(cell=command.cell)]
        case IssueCredential():
            return _issue(command, state)
        case RevokeCredential():
            if not state.issued:
                raise NotFound("credential_not_found")
            return [] if state.revoked else [CredentialRevoked(key_id=command.key_id, reason=command.reason)]
        case _:
            assert_never(command)


def evolve(state: EntityState, event: Event, *, version: int, at: datetime) -> EntityState:
    """Fold one event of an entity. Holds no rule and never raises."""
    fact = cast(RegistryEvent, event)
    match fact:
        case NetworkRevisionStaged():
            return replace(state, parts=state.parts | {fact.part})
        case NetworkRevisionProposed():
            return replace(state, proposed=(fact.digest, fact.by))
        case NetworkRevisionPublished():
            # What was proposed had been compared with the revision that is no longer in force.
            return replace(state, digest=fact.digest, proposed=None)
        case CellOpened():
            return replace(state, open=True)
        case CredentialIssued():
            return replace(state, issued=True)
        case CredentialRevoked():
            return replace(state, revoked=True)
        case _:
            assert_never(fact)


def entity_of(command: Command) -> str:
    """The entity a command runs on; its subject is `registry.<entity>`."""
    match command:
        case StageRevision():
            return f"{command.network}.revision.{command.revision}"
        case ProposeRevision() | PublishRevision():
            return f"{command.checked.network}.graph"
        case OpenCell():
            return f"system.cell.{command.cell}"
        case IssueCredential() | RevokeCredential():
            return f"system.credential.{command.key_id}"
        case _:
            assert_never(command)


def _propose(command: ProposeRevision, state: EntityState) -> list[RegistryEvent]:
    checked = command.checked
    if checked.digest == state.digest or (state.proposed is not None and state.proposed[0] == checked.digest):
        return []
    _require_base(checked, state)
    return [
        NetworkRevisionProposed(
            network=checked.network,
            revision=checked.revision,
            digest=checked.digest,
            parts=checked.parts,
            by=command.by,
            changes=checked.changes,
        )
    ]


def _publish(command: PublishRevision, state: EntityState) -> list[RegistryEvent]:
    checked = command.checked
    if checked.digest == state.digest:
        return []
    _require_base(checked, state)
    if checked.changes and not _proposed_by_another(command, state):
        raise Refused("second_person_needed")
    return [
        NetworkRevisionPublished(
            network=checked.network,
            revision=checked.revision,
            digest=checked.digest,
            parts=checked.parts,
            in_force_from=checked.in_force_from,
            nodes=checked.nodes,
        )
    ]


def _proposed_by_another(command: PublishRevision, state: EntityState) -> bool:
    if state.proposed is None:
        return False
    digest, by = state.proposed
    return digest == command.checked.digest and by != command.by


def _require_base(checked: CheckedRevision, state: EntityState) -> None:
    """What a revision changes is known against one revision only: not against one that somebody else has published meanwhile."""
    if checked.base != state.digest:
        raise Refused("conflict")


def _issue(command: IssueCredential, state: EntityState) -> list[RegistryEvent]:
    if state.issued:
        raise Refused("conflict")
    return [
        CredentialIssued(
            key_id=command.key_id,
            digest=command.digest,
            party=command.party,
            role=command.role,
            network=command.network,
            node=command.node,
            label=command.label,
            expires=command.expires,
        )
    ]
