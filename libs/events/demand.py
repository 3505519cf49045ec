"""Event types of a demand (诉求): the closed union every reader matches exhaustively.

Codes, ids and numbers are plain; free text and names are Sealed under the demand's own key.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from libs.events.algorithms import Sealed
from libs.events.assisting import (
    AssistanceAccepted,
    AssistanceDeclined,
    AssistanceDelivered,
    AssistanceRequested,
    DemandMerged,
    DemandSplit,
    DemandUnmerged,
    DuplicateSuggested,
    HistoryImported,
    MergeReceived,
    PartCompleted,
    PartReopened,
)
from libs.events.closing import (
    ActTakenBack,
    ComplaintDismissed,
    ComplaintRaised,
    ComplaintVerified,
    DemandClosed,
    DemandRated,
    DemandReopened,
    DemandResolved,
    ErasureRequested,
    FollowUpOrdered,
    FollowUpRecorded,
    PersonalDataErased,
    ResolutionConfirmed,
    ResolutionDisputed,
)
from libs.events.handling import (
    CompletionProvided,
    CompletionRequested,
    DemandResumed,
    DemandSuspended,
    EvidenceAttached,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    HandlerNamed,
    ProgressReported,
    ServiceRecorded,
)
from libs.events.language import Event, Part
from libs.events.timekeeping import (
    DeadlineMissed,
    DeadlinesSet,
    DeadlineWarned,
    DemandEscalated,
    SupervisionClosed,
    SupervisionOpened,
)

ReturnReason = Literal["out_of_territory", "out_of_category", "no_capacity", "conflict_of_interest", "other"]
RecallReason = Literal["corrected", "withdrawn", "classified", "refused", "merged", "holder_unavailable", "taken_back", "reopened"]
RefusalReason = Literal["out_of_scope", "other_channel", "not_admissible", "incomplete"]
ForwardReason = Literal["better_placed", "competence", "agreement", "other"]
ArbitrationCause = Literal["return_budget", "loop", "silence", "arbiter_unavailable"]
RoutePath = Literal["candidate", "lowest_hub", "desk"]


class TermMatch(Part):
    """One dictionary term found in the text, by its code in the taxonomy (`quality:12`), never by the text itself."""

    term: str
    weight: int


class Classification(Part):
    """What the rules made of the text: scores per category in points, the winner only if it is clear enough."""

    category: str | None = None
    taxonomy: str
    scores: dict[str, int]
    evidence: tuple[TermMatch, ...]


class Basis(Part):
    """What the decision rested on: the registry position, and the day of the figures if rates were used."""

    registry_seq: int
    figures_date: str | None = None


class RoutingInputs(Part):
    """The routing-relevant facts of the demand at the moment of decision."""

    category: str | None = None
    region: str
    carrier: str | None = None
    industry: str | None = None
    urgency: str
    returned_by: tuple[str, ...] = ()
    load: dict[str, int] = {}


class Candidate(Part):
    """A node that passed territory and category: score 0..10,000 (None if excluded later) and the reason codes."""

    node: str
    score: int | None = None
    reasons: tuple[str, ...]


class Explanation(Part):
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
    """An enterprise asked (提出). The hub's desk holds the demand until it is assigned.

    `submitter_node`: the node whose staff took it in; `link`: named digest of the enterprise's own link; `parent`: the demand it was
    split from; `received_at`: when a former system took it in, the demand clock starts there.
    """

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
    submitter_node: str | None = None
    link: str | None = None
    parent: str | None = None
    received_at: datetime | None = None


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


class DemandRefused(Event):
    """The network does not take the demand on (不予受理): a coded reason and what the enterprise may do next. Never a node's word alone."""

    zh: ClassVar[str] = "不予受理：{reason}"
    en: ClassVar[str] = "Refused: {reason}"

    reason: RefusalReason
    next_step: Sealed


class AssignmentLapsed(Event):
    """The node neither accepted nor returned in time (逾期未签收); the demand is routed again."""

    zh: ClassVar[str] = "{node}逾期未签收，自动改派"
    en: ClassVar[str] = "{node} did not accept in time; the demand is routed again"

    assignment: str
    node: str


class DemandForwarded(Event):
    """The holder handed the demand to another node (转办); `next` is the new assignment. The demand clock runs on."""

    zh: ClassVar[str] = "{node}转办给{to}：{reason}"
    en: ClassVar[str] = "{node} forwarded the demand to {to}: {reason}"

    assignment: str
    node: str
    to: str
    next: str
    reason: ForwardReason
    note: Sealed | None = None


class ArbitrationOpened(Event):
    """Nodes passed the demand on too often (提请裁定): the lowest supervisor common to the parties holds it and decides."""

    zh: ClassVar[str] = "提请{arbiter}裁定：{cause}"
    en: ClassVar[str] = "{arbiter} is to arbitrate: {cause}"

    arbiter: str
    parties: tuple[str, ...]
    cause: ArbitrationCause


class AssignmentArbitrated(Event):
    """The arbiter decided who handles the demand (裁定): binding, final, kept as a precedent for the routing policy."""

    zh: ClassVar[str] = "{arbiter}裁定由{node}办理"
    en: ClassVar[str] = "{arbiter} decided that {node} handles the demand"

    assignment: str
    node: str
    arbiter: str
    parties: tuple[str, ...]
    category: str | None = None
    region: str
    carrier: str | None = None
    industry: str | None = None
    note: Sealed


DemandEvent = (
    DemandSubmitted
    | DemandSupplemented
    | DemandCorrected
    | DemandWithdrawn
    | DemandRefused
    | HistoryImported
    | DemandClassified
    | DuplicateSuggested
    | DemandMerged
    | MergeReceived
    | DemandUnmerged
    | DemandSplit
    | PartCompleted
    | PartReopened
    | DemandAssigned
    | AssignmentAccepted
    | AssignmentReturned
    | AssignmentLapsed
    | AssignmentRecalled
    | DemandForwarded
    | ArbitrationOpened
    | AssignmentArbitrated
    | AssistanceRequested
    | AssistanceAccepted
    | AssistanceDeclined
    | AssistanceDelivered
    | ProgressReported
    | HandlerNamed
    | ServiceRecorded
    | EvidenceAttached
    | CompletionRequested
    | CompletionProvided
    | DemandSuspended
    | DemandResumed
    | ExtensionRequested
    | ExtensionGranted
    | ExtensionRefused
    | DeadlinesSet
    | DeadlineWarned
    | DeadlineMissed
    | DemandEscalated
    | SupervisionOpened
    | SupervisionClosed
    | DemandResolved
    | ResolutionConfirmed
    | ResolutionDisputed
    | DemandReopened
    | DemandClosed
    | FollowUpOrdered
    | FollowUpRecorded
    | DemandRated
    | ComplaintRaised
    | ComplaintVerified
    | ComplaintDismissed
    | ActTakenBack
    | ErasureRequested
    | PersonalDataErased
)
