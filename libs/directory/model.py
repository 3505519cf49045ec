"""The registry's facts as frozen values: what one network consists of.

Owns the shapes only. Whether the parts fit together is told by `libs.directory.checks`; where a fact stood in a file is known
to `libs.directory.files` alone.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints, field_validator

from libs.directory.clocks import ClockPack
from libs.directory.policy import RoutingPolicy
from libs.directory.shapes import CodeListName, Count, Fact, Fee, Name, RegionCode, Slug, Status, Text


class NetworkInfo(Fact):
    """The network itself: name, region (GB/T 2260), time zone, id of its hub node."""

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{1,31}$")]
    title_zh: Text
    title_en: Text
    region: RegionCode
    time_zone: Annotated[str, StringConstraints(pattern=r"^[A-Za-z]+/[A-Za-z_/]+$")]
    hub: Slug
    in_force_from: date
    source: Text


class Bounds(Fact):
    """How many nodes of a kind a network may have; no `most` means no upper bound."""

    least: Count = 0
    most: Count | None = None


class NodeKind(Fact):
    """A kind of node 节点类型 and the kinds it may hang under; no parents: the kind of the root (requirements N1)."""

    code: Name
    title_zh: Text
    title_en: Text
    parents: tuple[Name, ...]
    assignable: bool
    hub: bool
    count: Bounds = Bounds()
    source: Text


class Term(Fact):
    """A phrase enterprises write, and how strongly it speaks for the category (1..10)."""

    term: Text
    weight: Annotated[int, Field(ge=1, le=10)]


EvidenceKind = Literal["file", "service"]
"""What shows that a demand was resolved: a file attached to it, or the record of a service given."""


class Category(Fact):
    """A service category 服务类别 with what the classifier needs (requirements D1-D3), and what evidence closes its demands."""

    code: Name
    title_zh: Text
    title_en: Text
    aliases: tuple[Text, ...] = ()
    definition_zh: Text
    definition_en: Text
    terms: tuple[Term, ...]
    exclude: tuple[Text, ...] = ()
    evidence: Annotated[tuple[EvidenceKind, ...], Field(min_length=1)] = ("file", "service")


class Taxonomy(Fact):
    """The versioned set of service categories (requirements N6)."""

    version: Annotated[int, Field(ge=1)]
    in_force_from: date
    categories: tuple[Category, ...]


class Region(Fact):
    """A region: GB/T 2260 (six digits) or a township by GB/T 10114 (nine digits)."""

    code: RegionCode
    title: Text
    parent: RegionCode | None = None
    kind: Literal["city", "county", "township"]


class Carrier(Fact):
    """A carrier 创业创新载体 a window is bound to: functional zone, park or base (requirements A6, A9)."""

    id: Slug
    title_zh: Text
    kind: Literal["zone", "park", "base"]
    regions: tuple[RegionCode, ...]
    sample: bool


class CodeEntry(Fact):
    """One entry of a code list."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,40}$")]
    title_zh: Text
    title_en: Text | None = None
    parent: str | None = None


class CodeList(Fact):
    """A named code list in the order it is shown."""

    name: CodeListName
    entries: tuple[CodeEntry, ...]


class Node(Fact):
    """A node 节点 of the network: hub, window, specialist platform or service organisation (requirements A1-A14).

    `capacity` is the number of open assignments it can carry; `in_force_to` is the last day in force; `operator` the operating unit
    运营单位 that runs it, if it is not its own (requirements A12, A14).
    """

    id: Slug
    kind: Name
    title_zh: Text
    title_en: Text
    parent: Slug | None = None
    regions: tuple[RegionCode, ...] = ()
    carriers: tuple[Slug, ...] = ()
    industries: tuple[str, ...] = ()
    categories: tuple[Name, ...] = ()
    capacity: Count
    fee: Fee
    in_force_from: date
    in_force_to: date | None = None
    status: Status
    sample: bool
    operator: Slug | None = None

    def in_force(self, day: date) -> bool:
        """Tell whether the node is in force on a day; the last day counts."""
        return self.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)


class NetworkContent(Fact):
    """Everything one revision of a network says. Nodes, regions and carriers are sorted; the rest keeps its order."""

    network: NetworkInfo
    node_kinds: tuple[NodeKind, ...]
    taxonomy: Taxonomy
    regions: tuple[Region, ...]
    carriers: tuple[Carrier, ...]
    codes: tuple[CodeList, ...]
    routing: RoutingPolicy
    clocks: ClockPack
    nodes: tuple[Node, ...]

    @field_validator("nodes", mode="after")
    @classmethod
    def _sort_nodes(cls, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        return tuple(sorted(nodes, key=lambda node: node.id))

    @field_validator("regions", mode="after")
    @classmethod
    def _sort_regions(cls, regions: tuple[Region, ...]) -> tuple[Region, ...]:
        return tuple(sorted(regions, key=lambda region: region.code))

    @field_validator("carriers", mode="after")
    @classmethod
    def _sort_carriers(cls, carriers: tuple[Carrier, ...]) -> tuple[Carrier, ...]:
        return tuple(sorted(carriers, key=lambda carrier: carrier.id))
