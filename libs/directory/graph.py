"""One revision of a network as an immutable value with indexes, so that a routing decision does not look at every node.

The indexes are built on first use: old revisions are kept for recomputing past decisions and mostly never asked.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

from libs.directory.calendar import NetworkClocks, network_clocks
from libs.directory.indexes import Indexes
from libs.directory.model import Category, CodeEntry, NetworkContent, Node, NodeKind, Region
from libs.directory.shapes import CodeListName, Step

STEPS: Final[tuple[Step, ...]] = ("carrier", "township", "industry", "county", "city")
"""Steps of nearness, the nearest first."""

_CACHE_LIMIT: Final = 20_000
K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Fit:
    """A node that covers a demand and offers its category, and how near it is."""

    node: Node
    step: Step


class Network:
    """A network 网络 as of one revision. `content` must be sound (`from_sections` and `load_network` see to it).

    Ids and codes that are unknown give None or empty results; only `node()` and what starts from a node raise KeyError.
    """

    __slots__ = (
        "_clocks",
        "_covering",
        "_fits",
        "_hubs",
        "_indexes",
        "_paths",
        "_subtrees",
        "content",
        "digest",
        "name",
        "revision",
        "seq",
    )

    def __init__(self, content: NetworkContent, *, revision: str = "", seq: int = 0, digest: str = "") -> None:
        self.name = content.network.name
        self.content = content
        self.revision = revision
        self.seq = seq
        self.digest = digest
        self._indexes: Indexes | None = None
        self._paths: dict[str, tuple[Node, ...]] = {}
        self._subtrees: dict[str, frozenset[str]] = {}
        self._hubs: dict[tuple[str, str | None], tuple[Node, ...]] = {}
        self._covering: dict[tuple[str, str | None, str | None], frozenset[str]] = {}
        self._fits: dict[tuple[str, str, str | None, str | None], tuple[Fit, ...]] = {}
        self._clocks: dict[bool, NetworkClocks] = {}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return (self.name, self.revision, self.seq) == (other.name, other.revision, other.seq) and self.content == other.content

    def __hash__(self) -> int:
        return hash((self.name, self.revision, self.seq))

    def __repr__(self) -> str:
        return f"Network({self.name!r}, revision={self.revision!r}, seq={self.seq})"

    @property
    def indexes(self) -> Indexes:
        """The indexes, built once."""
        if self._indexes is None:
            self._indexes = Indexes(self.content)
        return self._indexes

    # The tree.

    def has(self, node: str) -> bool:
        """Tell whether the network has a node of this id."""
        return node in self.indexes.nodes

    def node(self, node: str) -> Node:
        """Return a node. Raises KeyError."""
        return self.indexes.nodes[node]

    def kind(self, node: Node) -> NodeKind:
        """Return the node's kind."""
        return self.indexes.kinds[node.kind]

    @property
    def hub(self) -> Node:
        """The network's hub 总枢纽, the root of the tree."""
        return self.node(self.content.network.hub)

    def path_up(self, node: str) -> tuple[Node, ...]:
        """Return the node and its supervisors, the root last. Raises KeyError."""
        return _remember(self._paths, node, self._path_up)

    def children(self, node: str) -> tuple[str, ...]:
        """Return the ids of the nodes directly under a node, sorted. Raises KeyError."""
        return self.indexes.children[node]

    def subtree(self, node: str) -> frozenset[str]:
        """Return the ids of a node and of everything under it. Raises KeyError."""
        return _remember(self._subtrees, node, self._subtree)

    def is_within(self, node: str, ancestor: str) -> bool:
        """Tell whether a node is `ancestor` or stands under it. Unknown ids are within nothing."""
        return self.has(node) and any(above.id == ancestor for above in self.path_up(node))

    # Codes.

    def category(self, name: str) -> Category | None:
        """Return a category by code, title or alias (requirements D2: 人才培训 is 人力培训), whatever the case."""
        return self.indexes.categories.get(name.strip().casefold())

    def region(self, code: str) -> Region | None:
        """Return a region by its code."""
        return self.indexes.regions.get(code)

    def territory(self, region: str) -> tuple[str, ...]:
        """Return a region's code and those it lies in: township, county, city. Empty for an unknown code."""
        return self.indexes.territories.get(region, ())

    def codes(self, name: CodeListName) -> tuple[CodeEntry, ...]:
        """Return a code list in its order."""
        return self.indexes.code_lists[name]

    def code(self, name: CodeListName, code: str) -> CodeEntry | None:
        """Return one entry of a code list."""
        return self.indexes.codes.get((name, code))

    def industry(self, code: str) -> CodeEntry | None:
        """Return the section or division of a GB/T 4754 code.

        `C`, `C33` and `33` are as listed; of a group or class (`C3392`, `3392`) the division is returned, the table ends there.
        """
        return self.indexes.industry(code)

    # Time.

    def clocks(self, sample: bool = False) -> NetworkClocks:
        """Return the time limits with their calendar; for sample demands the demo limits, when the network has some."""
        return _remember(self._clocks, sample, self._clocks_of)

    # Coverage: carrier, or region or one it lies in, or industry or its section (requirements A4, A6, A7, A13).

    def nearness(self, node: Node, region: str, carrier: str | None = None, industry: str | None = None) -> Step | None:
        """Return the nearest step at which a node covers a demand; None if it does not cover it."""
        if carrier is not None and carrier in node.carriers:
            return "carrier"
        found: list[Step] = [self.indexes.regions[code].kind for code in self.territory(region) if code in node.regions]
        if any(code in node.industries for code in self.indexes.industry_lineage(industry)):
            found.append("industry")
        return min(found, key=STEPS.index, default=None)

    def covering(self, region: str, carrier: str | None = None, industry: str | None = None) -> frozenset[str]:
        """Return the ids of the assignable nodes that cover a demand, whatever they offer."""
        return _remember(self._covering, (region, carrier, industry), self._covering_of)

    def fits(self, category: str, region: str, carrier: str | None = None, industry: str | None = None) -> tuple[Fit, ...]:
        """Return the assignable nodes that cover a demand and offer its category (a code), nearest first, then by id.

        Equal arguments give the same tuple object as long as it is cached, so a caller may key its own figures on it.
        """
        return _remember(self._fits, (category, region, carrier, industry), self._fits_of)

    def candidates(self, category: str, region: str, carrier: str | None = None, industry: str | None = None) -> tuple[Node, ...]:
        """Return the nodes of `fits`, in its order."""
        return tuple(fit.node for fit in self.fits(category, region, carrier, industry))

    @property
    def assignable_count(self) -> int:
        """The number of nodes a demand may be assigned to."""
        return self.indexes.assignable

    def covering_count(self, region: str, carrier: str | None = None, industry: str | None = None) -> int:
        """Count what `covering` returns."""
        return len(self.covering(region, carrier, industry))

    def candidate_count(self, category: str, region: str, carrier: str | None = None, industry: str | None = None) -> int:
        """Count what `candidates` returns."""
        return len(self.fits(category, region, carrier, industry))

    def hubs(self, region: str, carrier: str | None = None) -> tuple[Node, ...]:
        """Return the hubs whose territory covers a demand, the lowest first; the network's hub is always the last."""
        return _remember(self._hubs, (region, carrier), self._hubs_of)

    def lowest_hub(self, region: str, carrier: str | None = None, day: date | None = None) -> Node:
        """Return the lowest hub covering a demand that is active and, given a day, in force then; at last the network's hub."""
        for hub in self.hubs(region, carrier):
            if hub.status == "active" and (day is None or hub.in_force(day)):
                return hub
        return self.hub

    def _clocks_of(self, sample: bool) -> NetworkClocks:
        return network_clocks(self.name, self.content.clocks, self.content.network.time_zone, sample=sample)

    def _path_up(self, node: str) -> tuple[Node, ...]:
        path = [self.node(node)]
        while (parent := path[-1].parent) is not None:
            path.append(self.node(parent))
        return tuple(path)

    def _subtree(self, node: str) -> frozenset[str]:
        found, open_ids = {node}, list(self.children(node))
        while open_ids:
            at = open_ids.pop()
            found.add(at)
            open_ids.extend(self.children(at))
        return frozenset(found)

    def _covering_of(self, key: tuple[str, str | None, str | None]) -> frozenset[str]:
        region, carrier, industry = key
        return frozenset().union(*(self.indexes.covering.get(place, ()) for _, place in self._places(region, carrier, industry)))

    def _fits_of(self, key: tuple[str, str, str | None, str | None]) -> tuple[Fit, ...]:
        category, region, carrier, industry = key
        found: dict[str, Fit] = {}
        for step, place in self._places(region, carrier, industry):
            for node in self.indexes.offering.get((category, *place), ()):
                if node.id not in found:
                    found[node.id] = Fit(node, step)
        return tuple(found.values())

    def _hubs_of(self, key: tuple[str, str | None]) -> tuple[Node, ...]:
        region, carrier = key
        root = self.hub
        found: dict[str, Node] = {}
        for _, place in self._places(region, carrier, None):
            here = [self.node(hub) for hub in self.indexes.hubs.get(place, ()) if hub != root.id]
            for hub in sorted(here, key=lambda hub: (-len(self.path_up(hub.id)), hub.id)):
                found.setdefault(hub.id, hub)
        return (*found.values(), root)

    def _places(self, region: str, carrier: str | None, industry: str | None) -> list[tuple[Step, tuple[str, str]]]:
        """The places at which a node may cover the demand, nearest first."""
        places: list[tuple[Step, tuple[str, str]]] = [
            (self.indexes.regions[code].kind, ("region", code)) for code in self.territory(region)
        ]
        places.extend(("industry", ("industry", code)) for code in self.indexes.industry_lineage(industry))
        if carrier is not None:
            places.append(("carrier", ("carrier", carrier)))
        return sorted(places, key=lambda place: STEPS.index(place[0]))


def _remember(cache: dict[K, V], key: K, make: Callable[[K], V]) -> V:
    found = cache.get(key)
    if found is None:
        if len(cache) >= _CACHE_LIMIT:
            cache.clear()
        found = cache[key] = make(key)
    return found
