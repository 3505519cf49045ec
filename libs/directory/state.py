"""The directory 名录: what the registry's events add up to. Pure; `evolve` holds no rule and never raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal, assert_never

from libs.directory.graph import Network
from libs.directory.policy import RoutingPolicy
from libs.directory.problems import BrokenContent
from libs.directory.sections import Section, digest, from_sections, staged_digest
from libs.events.registry import (
    CellOpened,
    CredentialIssued,
    CredentialRevoked,
    NetworkRevisionProposed,
    NetworkRevisionPublished,
    NetworkRevisionStaged,
    RegistryEvent,
    Role,
    RuledSection,
)

RevisionKey = tuple[str, str]
"""(network, revision)"""

FaultReason = Literal["parts_missing", "broken_content", "wrong_network", "digest_mismatch"]


@dataclass(frozen=True, slots=True)
class Credential:
    """A machine key 密钥 of one person or system; only its digest is known."""

    key_id: str
    digest: str
    party: str
    role: Role
    network: str | None
    node: str | None
    label: str
    expires: datetime | None = None
    revoked: bool = False

    def valid(self, now: datetime) -> bool:
        """Tell whether the key may be used at an instant (timezone-aware)."""
        return not self.revoked and (self.expires is None or now < self.expires)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A staged revision that changes rules in force and waits for a second person. `by` is the party that proposed it."""

    network: str
    revision: str
    digest: str
    parts: int
    by: str
    changes: tuple[RuledSection, ...]
    seq: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A publication that could not take effect; the revision before stays in force."""

    seq: int
    entity: str
    network: str
    revision: str
    reason: FaultReason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """The registry's facts up to stream sequence `seq`.

    `history` keeps every revision that took effect, oldest first; `staged` the parts that wait, by part number; `proposals` the
    newest revision per network that waits for a second person; `published` the digest that was last put in force per network, even if it
    could not take effect.
    """

    seq: int = 0
    networks: Mapping[str, Network] = field(default_factory=dict)
    credentials: Mapping[str, Credential] = field(default_factory=dict)
    cells: Mapping[str, Literal["open"]] = field(default_factory=dict)
    staged: Mapping[RevisionKey, Mapping[int, Section]] = field(default_factory=dict)
    history: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    proposals: Mapping[str, Proposal] = field(default_factory=dict)
    published: Mapping[str, str] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    def network_at(self, name: str, seq: int) -> Network | None:
        """Return the revision in force when the registry stood at `seq`, so that a decision can be made again from its basis."""
        return next((network for network in reversed(self.history.get(name, ())) if network.seq <= seq), None)

    def routing_on(self, name: str, day: date, seq: int | None = None) -> RoutingPolicy:
        """Return the routing policy of a day: of the newest revision whose policy is in force then, the registry standing at `seq`.

        A revision may so carry a policy that starts later; until then the one before it holds. Raises KeyError for a network that had no
        revision then.
        """
        past = [network for network in reversed(self.history.get(name, ())) if seq is None or network.seq <= seq]
        if not past:
            raise KeyError(name)
        return in_force_on([network.content.routing for network in past], day)


def in_force_on(policies: Sequence[RoutingPolicy], day: date) -> RoutingPolicy:
    """Return the first of `policies` (newest first, at least one) that is in force on a day.

    A day without any is never left without a policy: then the newest that had begun counts, and if none had, the newest.
    """
    begun = [policy for policy in policies if policy.in_force_from <= day]
    return next((policy for policy in begun if policy.in_force(day)), begun[0] if begun else policies[0])


def evolve(directory: Directory, event: RegistryEvent, *, entity: str, seq: int) -> Directory:
    """Fold one event of the commit at stream sequence `seq` into the directory. What was folded before changes nothing."""
    if seq < directory.seq:
        return directory
    at = replace(directory, seq=seq)
    match event:
        case NetworkRevisionStaged():
            return _staged(at, event)
        case NetworkRevisionProposed():
            return _proposed(at, event)
        case NetworkRevisionPublished():
            return _published(at, event, entity)
        case CellOpened():
            return replace(at, cells={**at.cells, event.cell: "open"})
        case CredentialIssued():
            return _issued(at, event)
        case CredentialRevoked():
            return _revoked(at, event)
        case _:
            assert_never(event)


def _staged(directory: Directory, event: NetworkRevisionStaged) -> Directory:
    key = (event.network, event.revision)
    parts = {**directory.staged.get(key, {}), event.part: Section(event.section, event.items)}
    return replace(directory, staged={**directory.staged, key: parts})


def _proposed(directory: Directory, event: NetworkRevisionProposed) -> Directory:
    proposal = Proposal(event.network, event.revision, event.digest, event.parts, event.by, event.changes, directory.seq)
    return replace(directory, proposals={**directory.proposals, event.network: proposal})


def _published(directory: Directory, event: NetworkRevisionPublished, entity: str) -> Directory:
    past = directory.history.get(event.network, ())
    if any(network.seq == directory.seq for network in past):
        return directory
    directory = replace(
        directory,
        published={**directory.published, event.network: event.digest},
        # What was proposed compared itself with the revision that is no longer in force.
        proposals={network: proposal for network, proposal in directory.proposals.items() if network != event.network},
    )
    found = _content(directory, event, entity)
    if isinstance(found, Fault):
        return directory if found in directory.faults else replace(directory, faults=(*directory.faults, found))
    staged = {key: parts for key, parts in directory.staged.items() if key != (event.network, event.revision)}
    return replace(
        directory,
        networks={**directory.networks, event.network: found},
        history={**directory.history, event.network: (*past, found)},
        staged=staged,
    )


def _content(directory: Directory, event: NetworkRevisionPublished, entity: str) -> Network | Fault:
    """Build the published revision from its parts, or from an earlier publication of the very same revision."""

    def fault(reason: FaultReason, detail: str = "") -> Fault:
        return Fault(directory.seq, entity, event.network, event.revision, reason, detail)

    parts = directory.staged.get((event.network, event.revision), {})
    wanted = range(1, event.parts + 1)
    if any(part not in parts for part in wanted):
        for earlier in directory.history.get(event.network, ()):
            if (earlier.revision, earlier.digest) == (event.revision, event.digest):
                return Network(earlier.content, revision=event.revision, seq=directory.seq, digest=event.digest)
        return fault("parts_missing", ", ".join(str(part) for part in wanted if part not in parts))
    sections = tuple(parts[part] for part in wanted)
    try:
        content = from_sections(sections)
    except BrokenContent as error:
        return fault("broken_content", str(error)[:400])
    if content.network.name != event.network:
        return fault("wrong_network", content.network.name)
    # An older release's sections have that release's digest, not the one their content has in today's shape.
    if event.digest not in (digest(content), staged_digest(sections)):
        return fault("digest_mismatch", digest(content))
    return Network(content, revision=event.revision, seq=directory.seq, digest=event.digest)


def _issued(directory: Directory, event: CredentialIssued) -> Directory:
    before = directory.credentials.get(event.key_id)
    credential = Credential(
        key_id=event.key_id,
        digest=event.digest,
        party=event.party,
        role=event.role,
        network=event.network,
        node=event.node,
        label=event.label,
        expires=event.expires,
        revoked=before is not None and before.revoked,
    )
    return replace(directory, credentials={**directory.credentials, event.key_id: credential})


def _revoked(directory: Directory, event: CredentialRevoked) -> Directory:
    before = directory.credentials.get(event.key_id)
    if before is None:
        return directory
    return replace(directory, credentials={**directory.credentials, event.key_id: replace(before, revoked=True)})
