"""Event types of a demand (诉求): the closed union every reader matches exhaustively.

Codes, ids and numbers are plain; free text and names are Sealed under the demand's own key.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from libs.events.algorithms import Sealed
from libs.events.language import Event

ReturnReason = Literal["out_of_territory", "out_of_category", "no_capacity", "conflict_of_interest", "other"]
RecallReason = Literal["corrected", "withdrawn"]
ResolveResult = Literal["solved", "partly_solved", "answered", "not_solvable"]
RoutePath = Literal["candidate", "lowest_hub", "desk"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TermMatch(_Part):
    """One dictionary term found in the text, by its code in the taxonomy (`quality:12`), never by the text itself."""

    term: str
    weight: int


class Classification(_Part):
    """What the rules made of the text: scores per category in points, the winner only if it is clear enough."""

    category: str | None = None
    taxonomy: str
    scores: dict[str, int]
    evidence: tuple[TermMatch, ...]


class Basis(_Part):
    """What the decision rested on: the registry position, and the day of the figures if rates were used."""

    registry_seq: int
    figures_date: str | None = None


class RoutingInputs(_Part):
    """The routing-relevant facts of the demand at the moment of decision."""

    category: str | None = None
    region: str
    carrier: str | None = None
    industry: str | None = None
    urgency: str
    returned_by: tuple[str, ...] = ()
    load: dict[str, int] = {}


class Candidate(_Part):
    """A node that passed territory and category: score 0..10,000 (None if excluded later) and the reason codes."""

    node: str
    score: int | None = None
    reasons: tuple[str, ...]


class Explanation(_Part):
    """Why this node: at most 32 candidates by name, all others as counts per deciding predicate."""

    policy: str
    basis: Basis
    inputs: RoutingInputs
    path: RoutePath
    chosen: str
    candidates: tuple[Candidate, ...]
    excluded: dict[str, int]
    classification: Classification | None = None


class DemandSubmitted(Event):
    """An enterprise asked (提出). The hub's desk holds the demand until it is assigned."""

    zh: ClassVar[str] = "企业提出诉求，由{desk}受理"
    en: ClassVar[str] = "The enterprise asked; {desk} holds the demand"

    network: str
    channel: str
    category: str | None = None
    region: str
    carrier: str | None = None
    industry: str | None = None
    urgency: str
    partner_ref: str | None = None
    party: str
    enterprise: str
    desk: str
    sample: bool = False
    title: Sealed
    description: Sealed
    requester: Sealed


class DemandSupplemented(Event):
    """The submitter added to its demand (补充)."""

    zh: ClassVar[str] = "企业补充了情况"
    en: ClassVar[str] = "The enterprise added information"

    note: Sealed


class DemandCorrected(Event):
    """The submitter corrected members of its demand (更正). Members left out stay as they were."""

    zh: ClassVar[str] = "企业更正了诉求（{fields}）"
    en: ClassVar[str] = "The enterprise corrected the demand ({fields})"

    fields: tuple[str, ...]
    enterprise: str | None = None
    category: str | None = None
    region: str | None = None
    carrier: str | None = None
    industry: str | None = None
    urgency: str | None = None
    title: Sealed | None = None
    description: Sealed | None = None
    requester: Sealed | None = None


class DemandWithdrawn(Event):
    """The submitter took its demand back (撤回)."""

    zh: ClassVar[str] = "企业撤回诉求"
    en: ClassVar[str] = "The enterprise withdrew the demand"

    reason: Sealed | None = None


class DemandClassified(Event):
    """A category was found for a demand that came without one (研判)."""

    zh: ClassVar[str] = "归入{category}"
    en: ClassVar[str] = "Classified as {category}"

    category: str
    by: Literal["rule", "person"]
    classification: Classification | None = None


class DemandAssigned(Event):
    """The demand was assigned to a node (派单), with the stored explanation."""

    zh: ClassVar[str] = "派给{node}"
    en: ClassVar[str] = "Assigned to {node}"

    assignment: str
    node: str
    role: Literal["lead"] = "lead"
    policy: str
    explanation: Explanation


class AssignmentAccepted(Event):
    """The node accepted its assignment (签收)."""

    zh: ClassVar[str] = "{node}签收"
    en: ClassVar[str] = "{node} accepted the assignment"

    assignment: str
    node: str


class AssignmentReturned(Event):
    """The node returned its assignment with a coded reason (退回). It refuses the assignment, never the demand."""

    zh: ClassVar[str] = "{node}退回：{reason}"
    en: ClassVar[str] = "{node} returned the assignment: {reason}"

    assignment: str
    node: str
    reason: ReturnReason
    clause: str | None = None
    note: Sealed | None = None


class AssignmentRecalled(Event):
    """The assignment was taken back from the node (收回) because the demand itself changed."""

    zh: ClassVar[str] = "从{node}收回派单：{reason}"
    en: ClassVar[str] = "Recalled from {node}: {reason}"

    assignment: str
    node: str
    reason: RecallReason


class ProgressReported(Event):
    """The node told how far it has come (办理进展)."""

    zh: ClassVar[str] = "{node}报告进展"
    en: ClassVar[str] = "{node} reported progress"

    assignment: str
    node: str
    note: Sealed


class DemandResolved(Event):
    """The node finished with a result (办结)."""

    zh: ClassVar[str] = "{node}办结：{result}"
    en: ClassVar[str] = "{node} resolved the demand: {result}"

    assignment: str
    node: str
    result: ResolveResult
    note: Sealed


DemandEvent = (
    DemandSubmitted
    | DemandSupplemented
    | DemandCorrected
    | DemandWithdrawn
    | DemandClassified
    | DemandAssigned
    | AssignmentAccepted
    | AssignmentReturned
    | AssignmentRecalled
    | ProgressReported
    | DemandResolved
)
