"""Wire shapes of the registry's API."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

from libs.chassis.bodies import FreeForm, Strict
from libs.events import Role
from libs.events.registry import RuledSection, Section
from services.registry.domain import RevokeReason

Label = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[0-9A-Za-z _./-]+$")]
Party = Annotated[str, StringConstraints(min_length=3, max_length=60, pattern=r"^[0-9a-z-]+$")]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[0-9a-z-]+$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class NetworkSummary(BaseModel):
    """One network: revision in force and its size."""

    name: str
    title_zh: str
    title_en: str
    region: str
    hub: str
    revision: str
    digest: str
    registry_seq: int
    in_force_from: date
    nodes: int


class NetworkList(BaseModel):
    items: list[NetworkSummary]


class NodeOut(BaseModel):
    """A node (节点) as the directory knows it."""

    id: str
    network: str
    kind: str
    title_zh: str
    title_en: str
    parent: str | None = None
    regions: list[str]
    carriers: list[str]
    industries: list[str]
    categories: list[str]
    capacity: int
    fee: str
    status: str
    in_force_from: date
    in_force_to: date | None = None
    sample: bool
    assignable: bool


class NodeList(BaseModel):
    items: list[NodeOut]
    next: str | None = None


class CodeOut(BaseModel):
    """One entry of a code list."""

    code: str
    title_zh: str
    title_en: str | None = None
    parent: str | None = None
    aliases: list[str] | None = None
    definition_zh: str | None = None
    definition_en: str | None = None


class CodeListOut(BaseModel):
    name: str
    network: str
    items: list[CodeOut]


class PartInput(Strict):
    """One part of a revision: some items of one section, in the form `liandong network apply` makes."""

    parts: int = Field(ge=1, le=2_000)
    section: Section
    items: list[FreeForm] = Field(max_length=300)


class PublicationInput(Strict):
    """Put a staged revision in force; refused unless the parts make a sound network with this digest."""

    revision: Slug
    parts: int = Field(ge=1, le=2_000)
    digest: Digest


class ProposalInput(Strict):
    """Lay a staged revision before a second person; refused unless the parts make a sound network with this digest."""

    parts: int = Field(ge=1, le=2_000)
    digest: Digest


class ProposalOut(BaseModel):
    """提请核发的版本：须由另一人发布。 A revision that waits for a second person: anybody but `by` may publish it."""

    network: str
    revision: str
    digest: str
    parts: int
    by: str
    changes: list[RuledSection]


class ProposalList(BaseModel):
    items: list[ProposalOut]


class Staged(BaseModel):
    network: str
    revision: str
    part: int


class ContentPart(BaseModel):
    section: Section
    items: list[dict[str, Any]]


class Content(BaseModel):
    """A network's whole content, section by section: what a diff is made against."""

    network: str
    revision: str
    digest: str
    sections: list[ContentPart]


class CredentialInput(Strict):
    """A key for one person or system. `label` and `party` are pseudonyms: never a person's name."""

    label: Label
    role: Role
    party: Party
    network: Slug | None = None
    node: Slug | None = None
    expires: AwareDatetime | None = None


class CredentialOut(BaseModel):
    """What is known of a key. `key` is shown once, in the first answer, and nowhere else."""

    key_id: str
    key: str | None = None
    label: str
    role: str
    party: str
    network: str | None = None
    node: str | None = None
    expires: datetime | None = None
    revoked: bool = False


class CredentialList(BaseModel):
    items: list[CredentialOut]


class RevocationInput(Strict):
    reason: RevokeReason
