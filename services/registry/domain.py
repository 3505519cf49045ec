"""What may be done to the registry: stage and publish a network revision, open a cell, issue and revoke keys. Pure.

Every entity has a stream of its own; `EntityState` is what its decisions need, whatever the entity is.
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
    NetworkRevisionPublished,
    NetworkRevisionStaged,
    NotFound,
    Refused,
    RegistryEvent,
    Role,
)
from libs.events.registry import Section

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
class PublishRevision:
    """Put a completely staged and checked revision in force. `digest` is of its content."""

    network: str
    revision: str
    digest: str
    parts: int
    in_force_from: date
    nodes: int


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


Command = StageRevision | PublishRevision | OpenCell | IssueCredential | RevokeCredential


@dataclass(frozen=True, slots=True)
class EntityState:
    """Staged parts of a revision; digest in force of a graph; whether a cell is open; what became of a key."""

    parts: frozenset[int] = frozenset()
    digest: str | None = None
    open: bool = False
    issued: bool = False
    revoked: bool = False


INITIAL = EntityState()


def decide(command: Command, state: EntityState) -> list[RegistryEvent]:
    """Return the events of a command; none when it is already so. Raises NotFound(credential_not_found), Refused(conflict)."""
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
        case PublishRevision():
            if command.digest == state.digest:
                return []
            return [
                NetworkRevisionPublished(
                    network=command.network,
                    revision=command.revision,
                    digest=command.digest,
                    parts=command.parts,
                    in_force_from=command.in_force_from,
                    nodes=command.nodes,
                )
            ]
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
        case NetworkRevisionPublished():
            return replace(state, digest=fact.digest)
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
        case PublishRevision():
            return f"{command.network}.graph"
        case OpenCell():
            return f"system.cell.{command.cell}"
        case IssueCredential() | RevokeCredential():
            return f"system.credential.{command.key_id}"
        case _:
            assert_never(command)


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
