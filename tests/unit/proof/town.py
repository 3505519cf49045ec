"""A small town with its people: a network whose nodes may be suspended, and everybody who may act in it. Fictitious throughout."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from libs.demand import Standing
from libs.demand.standing import ActorRole
from libs.directory import Network, NetworkContent
from libs.directory.policy import Predicate
from tests.unit.directory.random_networks import content_of, node

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""A Monday, nine in the morning in the town."""
HUB, COUNTY, SECOND_COUNTY = "hub-0", "county-0", "county-1"
WINDOWS = ("window-0", "window-1", "window-2", "window-3")
NODES = (HUB, COUNTY, SECOND_COUNTY, *WINDOWS)
REGIONS = ("330203001", "330203002", "330205001", "330203")
CATEGORIES = ("quality", "digital", "market")
SOFT: Final = "under_capacity"
ELIGIBILITY: Final = ("assignable", "covers_territory", "offers_category", "in_force", "active", "not_returned", SOFT)


@lru_cache(maxsize=256)
def town(suspended: frozenset[str] = frozenset()) -> Network:
    """The network with some nodes suspended. window-0 and window-1 are run by one unit (requirements A14)."""
    return Network(_content(suspended), revision="r1", seq=7)


def _content(suspended: frozenset[str]) -> NetworkContent:
    def one(id: str, kind: str, parent: str | None = None, **more: object) -> dict[str, object]:
        return node(id, kind, parent, status="suspended" if id in suspended else "active", **more)

    content = content_of(
        [
            one(HUB, "root", regions=["330200"]),
            one(COUNTY, "county", HUB, regions=["330203"], categories=["market"]),
            one(SECOND_COUNTY, "county", HUB, regions=["330205"]),
            one("window-0", "window", COUNTY, regions=["330203001"], categories=["quality", "digital"], operator="unit-a"),
            one("window-1", "window", COUNTY, regions=["330203"], categories=["quality", "market"], operator="unit-a"),
            one("window-2", "window", SECOND_COUNTY, regions=["330205001"], categories=["quality", "digital"]),
            one("window-3", "window", HUB, regions=["330200"], categories=["digital"]),
        ]
    )
    categories = tuple(
        one.model_copy(update={"evidence": ("service",)}) if one.code == "market" else one for one in content.taxonomy.categories
    )
    routing = content.routing.model_copy(update={"eligibility": tuple(Predicate(name=name, soft=name == SOFT) for name in ELIGIBILITY)})
    return content.model_copy(update={"taxonomy": content.taxonomy.model_copy(update={"categories": categories}), "routing": routing})


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key: a role, an identity and perhaps a node."""

    role: ActorRole
    party: str
    node: str | None = None

    def standing(self, network: Network) -> Standing:
        """The person's place in the network as it is now."""
        return Standing(self.role, self.party, network, self.node)


ENTERPRISE = Person("enterprise", "link")
PARTNERS = (Person("partner", "partner-0"), Person("partner", "partner-1"))
CLERKS = {node: Person("clerk", f"clerk-of-{node}", node) for node in NODES}
COORDINATORS = {node: Person("coordinator", f"coordinator-of-{node}", node) for node in NODES}
BUREAU = Person("bureau", "officer")
SECOND_AT_HUB = Person("coordinator", "second-coordinator-of-hub-0", HUB)
EVERYBODY = (ENTERPRISE, *PARTNERS, *CLERKS.values(), *COORDINATORS.values(), BUREAU, SECOND_AT_HUB)
