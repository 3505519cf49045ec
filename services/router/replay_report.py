"""What a replay counts: tallies that several processes fill and that merge into one, and the report that is made of them. Pure.

Their size depends on nodes, categories and days, never on the number of decisions.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import BaseModel, Field, TypeAdapter

from libs.events.demand import RoutePath

PATHS: Final[tuple[RoutePath, ...]] = ("candidate", "lowest_hub", "desk")
ENDINGS: Final = ("returned", "lapsed")
EXAMPLES: Final = 20
UNCLASSIFIED: Final = "-"
"""Stands for the category of decisions that had none."""


@dataclass(frozen=True, slots=True)
class Precedent:
    """An arbitration (裁定) that bound a case: a demand of this category and region belongs to this node. `at`: RFC 3339."""

    category: str | None
    region: str
    node: str
    demand: str
    at: str


@dataclass(slots=True)
class NodeTally:
    """Decisions for a node on each day of the period, recorded and replayed, and how many moved to it or away."""

    recorded: list[int]
    replayed: list[int]
    gained: int = 0
    lost: int = 0


@dataclass(slots=True)
class CategoryTally:
    """Decisions of a category: how many, how many go elsewhere, and for how many only a hub is left."""

    decisions: int = 0
    different: int = 0
    hub_only_recorded: int = 0
    hub_only_replayed: int = 0


@dataclass(slots=True)
class PrecedentTally:
    """Decisions a precedent speaks about, and those in which the policy chooses another node."""

    decisions: int = 0
    disagrees: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Difference:
    """One decision that comes out differently."""

    demand: str
    assignment: str
    recorded: str
    replayed: str


@dataclass(slots=True)
class Tally:
    """Everything a replay counts. `days`: how long its period is."""

    days: int
    decisions: int = 0
    same: int = 0
    excluded: int = 0
    load_unknown: int = 0
    recorded_paths: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PATHS, 0))
    replayed_paths: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PATHS, 0))
    endings: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENDINGS, 0))
    endings_elsewhere: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENDINGS, 0))
    nodes: dict[str, NodeTally] = field(default_factory=dict)
    categories: dict[str, CategoryTally] = field(default_factory=dict)
    precedents: list[PrecedentTally] = field(default_factory=list)
    examples: list[Difference] = field(default_factory=list)

    def node(self, node: str) -> NodeTally:
        """Return a node's tally, made if need be."""
        found = self.nodes.get(node)
        if found is None:
            found = self.nodes[node] = NodeTally([0] * self.days, [0] * self.days)
        return found

    def category(self, category: str | None) -> CategoryTally:
        """Return a category's tally, made if need be."""
        found = self.categories.get(category or UNCLASSIFIED)
        if found is None:
            found = self.categories[category or UNCLASSIFIED] = CategoryTally()
        return found

    def merge(self, other: Tally) -> None:
        """Add another part of the same replay."""
        _add(self, other, "decisions", "same", "excluded", "load_unknown")
        for name in ("recorded_paths", "replayed_paths", "endings", "endings_elsewhere"):
            mine: dict[str, int] = getattr(self, name)
            mine.update({key: mine[key] + number for key, number in getattr(other, name).items()})
        for id, theirs in other.nodes.items():
            node = self.node(id)
            _add(node, theirs, "gained", "lost")
            node.recorded = [mine + more for mine, more in zip(node.recorded, theirs.recorded, strict=True)]
            node.replayed = [mine + more for mine, more in zip(node.replayed, theirs.replayed, strict=True)]
        for code, part in other.categories.items():
            _add(self.category(code), part, "decisions", "different", "hub_only_recorded", "hub_only_replayed")
        for precedent, more in zip(self.precedents, other.precedents, strict=True):
            _add(precedent, more, "decisions", "disagrees")
        self.examples = sorted([*self.examples, *other.examples])[:EXAMPLES]


TALLY: Final = TypeAdapter(Tally)
"""Reads and writes a tally as JSON, as it goes from one process to another."""


def _add(mine: object, theirs: object, *names: str) -> None:
    for name in names:
        setattr(mine, name, getattr(mine, name) + getattr(theirs, name))


class Load(BaseModel):
    """Assignments of a node in the period: all of them, and on the busiest day."""

    total: int
    peak: int


class NodeChange(BaseModel):
    """What a node had, and would have had. The nodes whose load moves most come first."""

    node: str
    recorded: Load
    replayed: Load
    gained: int
    lost: int


class CategoryChange(BaseModel):
    """Decisions of a category (`-`: none found), those that go elsewhere, those for which only a hub is left."""

    category: str
    decisions: int
    different: int
    hub_only_recorded: int
    hub_only_replayed: int


class Ending(BaseModel):
    """Recorded returns or lapses: how many there were, and in how many the node would not have been chosen."""

    recorded: int
    elsewhere: int


class HubOnly(BaseModel):
    """Decisions that nobody but a hub would take."""

    recorded: int
    replayed: int


class PrecedentFinding(BaseModel):
    """A precedent, the decisions of its category and region, and those in which the policy chooses another node."""

    category: str | None = None
    region: str
    node: str
    demand: str
    at: str
    decisions: int
    disagrees: int


class DifferenceOut(BaseModel):
    """One decision that comes out differently."""

    demand: str
    assignment: str
    recorded: str
    replayed: str


class ReplayReport(BaseModel):
    """回放结果：只有事实，不作推测。 What a replay found: facts about recorded decisions, no predictions."""

    decisions: Annotated[int, Field(description="回放的派单决定 · decisions replayed")]
    demands: Annotated[int, Field(description="涉及诉求 · demands they belong to, the excluded ones included")]
    same: Annotated[int, Field(description="结果相同 · the same node")]
    different: Annotated[int, Field(description="结果不同 · another node")]
    excluded: Annotated[int, Field(description="依据的名录版本未知，未回放 · not replayed: the registry does not know their basis")]
    load_unknown: Annotated[int, Field(description="在办量未记录、按零计的决定 · decisions on a load nobody recorded: taken as none")]
    hub_only: Annotated[HubOnly, Field(description="只有枢纽可接 · only a hub would take it")]
    paths: Annotated[dict[str, HubOnly], Field(description="派单路径 · decisions per path: candidate, lowest_hub, desk")]
    returned: Annotated[Ending, Field(description="当时被退回的 · recorded returns")]
    lapsed: Annotated[Ending, Field(description="当时逾期未签收的 · recorded lapses")]
    nodes: list[NodeChange]
    categories: list[CategoryChange]
    precedents: Annotated[list[PrecedentFinding], Field(description="裁定先例 · what arbitration decided in such cases")]
    examples: Annotated[list[DifferenceOut], Field(description="若干不同之处 · some of the differences")]


def report_of(tally: Tally, demands: int, precedents: tuple[Precedent, ...] = ()) -> ReplayReport:
    """Put a tally into words. `demands`: how many distinct demands the decisions belong to."""
    return ReplayReport(
        decisions=tally.decisions,
        demands=demands,
        same=tally.same,
        different=tally.decisions - tally.same,
        excluded=tally.excluded,
        load_unknown=tally.load_unknown,
        hub_only=HubOnly(
            recorded=tally.decisions - tally.recorded_paths["candidate"], replayed=tally.decisions - tally.replayed_paths["candidate"]
        ),
        paths={path: HubOnly(recorded=tally.recorded_paths[path], replayed=tally.replayed_paths[path]) for path in PATHS},
        returned=_ending(tally, "returned"),
        lapsed=_ending(tally, "lapsed"),
        nodes=[
            NodeChange(node=id, recorded=_load(node.recorded), replayed=_load(node.replayed), gained=node.gained, lost=node.lost)
            for id, node in sorted(tally.nodes.items(), key=lambda item: (-item[1].gained - item[1].lost, item[0]))
        ],
        categories=[
            CategoryChange(
                category=code,
                decisions=part.decisions,
                different=part.different,
                hub_only_recorded=part.hub_only_recorded,
                hub_only_replayed=part.hub_only_replayed,
            )
            for code, part in sorted(tally.categories.items())
        ],
        precedents=[
            PrecedentFinding(
                category=precedent.category,
                region=precedent.region,
                node=precedent.node,
                demand=precedent.demand,
                at=precedent.at,
                decisions=part.decisions,
                disagrees=part.disagrees,
            )
            for precedent, part in zip(precedents, tally.precedents, strict=True)
        ],
        examples=[
            DifferenceOut(demand=one.demand, assignment=one.assignment, recorded=one.recorded, replayed=one.replayed)
            for one in tally.examples
        ],
    )


def _load(days: list[int]) -> Load:
    return Load(total=sum(days), peak=max(days))


def _ending(tally: Tally, name: str) -> Ending:
    return Ending(recorded=tally.endings[name], elsewhere=tally.endings_elsewhere[name])
