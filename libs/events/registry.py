"""Event types of the registry (节点名录): networks, cells and credentials as facts every service follows."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar, Literal

from libs.events.language import Event

Role = Literal[
    "partner",
    "clerk",
    "coordinator",
    "bureau",
    "county_bureau",
    "centre",
    "operator",
    "auditor",
    "system_admin",
    "security_admin",
    "audit_admin",
]
Section = Literal["network", "node_kinds", "taxonomy", "regions", "carriers", "codes", "routing", "clocks", "nodes"]
RuledSection = Literal["routing", "clocks"]
"""Sections that are rules in force: who gets a demand, and how long that may take."""


class NetworkRevisionStaged(Event):
    """One part of a network revision was laid ready; nothing is in force yet. `part` counts from 1 to `parts`."""

    zh: ClassVar[str] = "网络 {network} 第 {revision} 版暂存 {part}/{parts}"
    en: ClassVar[str] = "Revision {revision} of network {network}: part {part} of {parts} staged"

    network: str
    revision: str
    part: int
    parts: int
    section: Section
    items: tuple[dict[str, Any], ...]


class NetworkRevisionProposed(Event):
    """A staged revision changes rules in force (`changes`) and waits for a second person; `by` is the party that proposed it."""

    zh: ClassVar[str] = "网络 {network} 第 {revision} 版提请发布，待第二人核发"
    en: ClassVar[str] = "Revision {revision} of network {network} was proposed and waits for a second person"

    network: str
    revision: str
    digest: str
    parts: int
    by: str
    changes: tuple[RuledSection, ...]


class NetworkRevisionPublished(Event):
    """A staged revision took effect as a whole."""

    zh: ClassVar[str] = "网络 {network} 第 {revision} 版生效，共 {nodes} 个节点"
    en: ClassVar[str] = "Revision {revision} of network {network} took effect with {nodes} nodes"

    network: str
    revision: str
    digest: str
    parts: int
    in_force_from: date
    nodes: int


class CellOpened(Event):
    """A cell may take new demands from now on."""

    zh: ClassVar[str] = "分区 {cell} 启用"
    en: ClassVar[str] = "Cell {cell} opened"

    cell: str


class CredentialIssued(Event):
    """A key was issued to one person or system. Only its digest is stored."""

    zh: ClassVar[str] = "签发密钥 {key_id}（{role}）"
    en: ClassVar[str] = "Key {key_id} issued ({role})"

    key_id: str
    digest: str
    party: str
    role: Role
    network: str | None = None
    node: str | None = None
    label: str
    expires: datetime | None = None


class CredentialRevoked(Event):
    """A key stopped being valid."""

    zh: ClassVar[str] = "吊销密钥 {key_id}：{reason}"
    en: ClassVar[str] = "Key {key_id} revoked: {reason}"

    key_id: str
    reason: Literal["lost", "left", "replaced", "misused", "other"]


RegistryEvent = (
    NetworkRevisionStaged | NetworkRevisionProposed | NetworkRevisionPublished | CellOpened | CredentialIssued | CredentialRevoked
)
