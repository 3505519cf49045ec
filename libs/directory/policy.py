"""The routing policy as data: a small fixed vocabulary, typed (requirements N5)."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from libs.directory.shapes import Fact, Name, PredicateName, Share, Step


class Predicate(Fact):
    """An eligibility rule by name; a soft one is recorded but excludes nobody."""

    name: PredicateName
    soft: bool = False


class NearnessSteps(Fact):
    """Points 0..100 per step of nearness."""

    carrier: Share
    township: Share
    industry: Share
    county: Share
    city: Share

    def points(self, step: Step | None) -> int:
        """Return the points of a step; a node that does not cover the demand (None) gets 0."""
        return 0 if step is None else int(getattr(self, step))


class NearnessPart(Fact):
    """Share of the score for nearness."""

    weight: Share
    steps: NearnessSteps


class DepthPart(Fact):
    """Share of the score for specialists' depth: `points[n - 1]` for a node of these kinds offering n categories."""

    weight: Share
    kinds: tuple[Name, ...]
    points: tuple[Share, ...]


class LoadPart(Fact):
    """Share of the score for free capacity, in percent of the node's capacity."""

    weight: Share


class FeePoints(Fact):
    """Points 0..100 per fee class."""

    welfare: Share
    low_fee: Share
    market: Share


class WelfarePart(Fact):
    """Share of the score for welfare before market (requirements D7)."""

    weight: Share
    fees: FeePoints


class Score(Fact):
    """Weighted integer parts; the weights sum to 100, so a score lies in 0..10,000."""

    nearness: NearnessPart
    depth: DepthPart
    load: LoadPart
    welfare_first: WelfarePart

    def weights(self) -> tuple[int, ...]:
        """Return the four weights."""
        return (self.nearness.weight, self.depth.weight, self.load.weight, self.welfare_first.weight)


class ClassificationRule(Fact):
    """When the best category is taken without a person: sum of term weights and lead over the second."""

    minimum_score: Annotated[int, Field(ge=1)]
    minimum_margin: Annotated[int, Field(ge=0)]


class ExplanationRule(Fact):
    """How many candidates an explanation tells one by one."""

    candidates: Annotated[int, Field(ge=1, le=32)]


class RoutingPolicy(Fact):
    """The routing policy 派单策略 in a small fixed vocabulary.

    `return_budget`: so many returns 退回 of a demand are routed again; the next one opens arbitration 裁定.
    """

    version: Annotated[int, Field(ge=1)]
    in_force_from: date
    in_force_to: date | None = None
    eligibility: tuple[Predicate, ...]
    score: Score
    return_budget: Annotated[int, Field(ge=0, le=20)]
    fallback: Literal["lowest_hub"]
    classification: ClassificationRule
    explanation: ExplanationRule

    def in_force(self, day: date) -> bool:
        """Tell whether the policy is in force on a day; the last day counts."""
        return self.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)
