"""Event types of closing (办结) and of what comes after: confirmation, rating, call-back, complaint, erasure."""

from __future__ import annotations

from typing import ClassVar, Literal

from libs.events.algorithms import Sealed
from libs.events.language import Event

ResolveResult = Literal["solved", "partly_solved", "answered", "not_solvable"]
Grade = Literal["very_satisfied", "satisfied", "fairly_satisfied", "unsatisfied", "very_unsatisfied"]
"""The five grades of GB/T 39735: the first three count as satisfied."""
ConfirmedBy = Literal["enterprise", "call_back"]
ReopenCause = Literal["dispute_upheld", "dispute_unanswered", "enterprise_asked", "call_back"]
Outcome = Literal["confirmed", "unconfirmed", "dispute_rejected"]
FollowUpReason = Literal["sampled", "least_per_month", "unconfirmed", "self_submitted"]
FollowUpOutcome = Literal["confirmed", "disputed", "unreachable"]
OwnAct = Literal["accept", "return", "resolve"]


class DemandResolved(Event):
    """The node finished with a result and its evidence (办结). It counts as done only when confirmed, or closed as unconfirmed.

    `person`: who did it, by pseudonymous id, so that nobody confirms or judges its own work.
    """

    zh: ClassVar[str] = "{node}办结：{result}"
    en: ClassVar[str] = "{node} resolved the demand: {result}"

    assignment: str
    node: str
    result: ResolveResult
    note: Sealed
    evidence: tuple[str, ...] = ()
    person: str | None = None


class ResolutionConfirmed(Event):
    """The result was confirmed (办结): by the enterprise through its own link, or by an independent call-back."""

    zh: ClassVar[str] = "办结结果已确认（{by}）"
    en: ClassVar[str] = "The resolution was confirmed ({by})"

    by: ConfirmedBy
    node: str | None = None


class ResolutionDisputed(Event):
    """The result was disputed (办结); a supervisor of the holder decides."""

    zh: ClassVar[str] = "对办结结果有异议（{by}）"
    en: ClassVar[str] = "The resolution was disputed ({by})"

    by: ConfirmedBy
    note: Sealed


class DemandReopened(Event):
    """The demand is handled again (办结，重办): by its last holder if `assignment` names one, else it is routed anew."""

    zh: ClassVar[str] = "重新办理：{cause}"
    en: ClassVar[str] = "Reopened: {cause}"

    cause: ReopenCause
    assignment: str | None = None
    by: str | None = None
    note: Sealed | None = None


class DemandClosed(Event):
    """The demand is closed (办结). Unconfirmed ones stay outside satisfaction and inside the call-back sample."""

    zh: ClassVar[str] = "结案：{outcome}"
    en: ClassVar[str] = "Closed: {outcome}"

    outcome: Outcome
    by: str | None = None
    note: Sealed | None = None


class FollowUpOrdered(Event):
    """The closed demand is to be called back (评价，回访), and why it was picked."""

    zh: ClassVar[str] = "列入回访：{reason}"
    en: ClassVar[str] = "Picked for a call-back: {reason}"

    reason: FollowUpReason
    node: str


class FollowUpRecorded(Event):
    """A supervisor's call-back and what the enterprise said (评价，回访). `mismatch`: it contradicts what the node reported.

    `again`: nobody was reached, and somebody calls again.
    """

    zh: ClassVar[str] = "{by}回访：{outcome}"
    en: ClassVar[str] = "{by} called back: {outcome}"

    by: str
    outcome: FollowUpOutcome
    mismatch: bool
    note: Sealed | None = None
    again: Literal[True] | None = None


class DemandRated(Event):
    """The enterprise rated a resolution in five grades (评价): one rating per resolution."""

    zh: ClassVar[str] = "企业评价：{grade}"
    en: ClassVar[str] = "The enterprise rated: {grade}"

    grade: Grade
    resolution: int
    node: str
    note: Sealed | None = None


class ComplaintRaised(Event):
    """The enterprise complained about a node (评价，投诉). It counts only when verified (requirements B23, B35, I3)."""

    zh: ClassVar[str] = "企业投诉{node}"
    en: ClassVar[str] = "The enterprise complained about {node}"

    complaint: str
    node: str
    note: Sealed


class ComplaintVerified(Event):
    """A supervisor of the node found the complaint true (评价，投诉)."""

    zh: ClassVar[str] = "{by}核实投诉属实"
    en: ClassVar[str] = "{by} verified the complaint"

    complaint: str
    node: str
    by: str
    note: Sealed


class ComplaintDismissed(Event):
    """A supervisor of the node found the complaint unfounded (评价，投诉)."""

    zh: ClassVar[str] = "{by}核查投诉不成立"
    en: ClassVar[str] = "{by} dismissed the complaint"

    complaint: str
    node: str
    by: str
    note: Sealed


class ActTakenBack(Event):
    """A node took its own act back within minutes (办理，撤销操作), nobody having acted on it. What was promised before stands again."""

    zh: ClassVar[str] = "{node}撤销操作：{act}"
    en: ClassVar[str] = "{node} took its act back: {act}"

    act: OwnAct
    assignment: str
    node: str


class ErasureRequested(Event):
    """A first person asked to erase the personal data of a demand that has ended (共享)."""

    zh: ClassVar[str] = "申请删除个人信息"
    en: ClassVar[str] = "Erasure of the personal data was requested"

    requested_by: str
    reason: Literal["subject_asked", "retention_ended", "unlawful"]


class PersonalDataErased(Event):
    """A second person approved, and the demand's key is destroyed (共享): its texts and files can never be read again."""

    zh: ClassVar[str] = "个人信息已删除"
    en: ClassVar[str] = "The personal data was erased"

    requested_by: str
    approved_by: str
    key: str
