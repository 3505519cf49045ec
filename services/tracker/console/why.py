"""A stored routing explanation in words: the chosen node first, deciding reasons, the rest as counts (design §4). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from libs.events import Candidate, Classification, DemandAssigned, RoutingInputs
from services.tracker.console.speech import Speech

_SHOWN_AT_ONCE: Final = 5


@dataclass(frozen=True, slots=True)
class Compared:
    """One candidate: score 0..100 or None (excluded by a later predicate), reasons in words."""

    node: str
    title: str
    score: float | None
    reasons: tuple[str, ...]
    chosen: bool


@dataclass(frozen=True, slots=True)
class Why:
    """Why this node. `rest` are the deciding predicates of all others with their counts, the most frequent first."""

    chosen: str
    compared: int
    path: str
    rows: tuple[Compared, ...]
    more: tuple[Compared, ...]
    rest: tuple[tuple[str, int], ...]
    inputs: tuple[str, ...]
    policy: str
    seq: int
    classification: tuple[Markup, ...]
    ask: str | None

    @property
    def rest_total(self) -> int:
        """How many nodes were not compared."""
        return sum(count for _, count in self.rest)


def explain(assigned: DemandAssigned, speech: Speech, *, demand: str, router: str | None) -> Why:
    """Put an explanation into words. `ask` is the address that answers for any node, if the routing interface is known."""
    told = assigned.explanation
    rows = sorted((_compared(candidate, told.chosen, speech) for candidate in told.candidates), key=_order)
    return Why(
        chosen=speech.node(told.chosen).title,
        compared=len(rows),
        path=speech.code("path", told.path),
        rows=tuple(rows[:_SHOWN_AT_ONCE]),
        more=tuple(rows[_SHOWN_AT_ONCE:]),
        rest=tuple(
            (speech.code("excluded", name), count) for name, count in sorted(told.excluded.items(), key=lambda pair: -pair[1]) if count
        ),
        inputs=tuple(_inputs(told.inputs, speech)),
        policy=told.policy,
        seq=told.basis.registry_seq,
        classification=tuple(_classification(told.classification, speech)) if told.classification is not None else (),
        ask=None if router is None else f"{router}/v1/demands/{demand}/assignments/{assigned.assignment}/why?node=",
    )


def reason_words(reason: str, speech: Speech) -> str:
    """A reason code in words; numbers after a colon fill its places (`load:4/20`). An unknown code stays as it is."""
    for kind in ("reason", "excluded"):
        words = speech.code(kind, reason)
        if words != reason:
            return words
    name, _, numbers = reason.partition(":")
    words, values = speech.code("reason", name), numbers.split("/")
    places = words.count("{")
    return words.format(*values) if words != name and places == len(values) else reason


def _compared(candidate: Candidate, chosen: str, speech: Speech) -> Compared:
    reasons = tuple(reason_words(reason, speech) for reason in candidate.reasons)
    # The policy counts to 10,000, people to 100.
    score = None if candidate.score is None else candidate.score / 100
    return Compared(candidate.node, speech.node(candidate.node).title, score, reasons, candidate.node == chosen)


def _order(row: Compared) -> tuple[bool, float]:
    return (not row.chosen, 1.0 if row.score is None else -row.score)


def _inputs(inputs: RoutingInputs, speech: Speech) -> Iterable[str]:
    yield speech.title("region", inputs.region)
    if inputs.carrier:
        yield speech.title("carrier", inputs.carrier)
    if inputs.industry:
        yield speech.title("industry", inputs.industry)
    yield speech.title("category", inputs.category) if inputs.category else str(speech.text("no_category"))
    yield speech.code("urgency", inputs.urgency)


def _classification(found: Classification, speech: Speech) -> Iterable[Markup]:
    ranked = sorted(found.scores.items(), key=lambda pair: -pair[1])
    if found.category is not None:
        yield speech.text("why_class", category=speech.title("category", found.category), score=found.scores.get(found.category, 0))
    others = [pair for pair in ranked if pair[0] != found.category and pair[1]]
    if others:
        yield speech.text("why_class_second", category=speech.title("category", others[0][0]), score=others[0][1])
    if found.evidence:
        yield speech.text("why_class_terms", n=len(found.evidence))
