"""What nodes send and get: the wire shapes of the router with their examples. Unknown members are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from libs.events import Basis, Explanation
from libs.events.demand import ResolveResult, ReturnReason

Note = Annotated[str, StringConstraints(min_length=1, max_length=5_000, strip_whitespace=True)]
Clause = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z.()§/-]+$")]
AssignmentStatusCode = Literal["open", "accepted", "returned", "recalled", "resolved"]


class Strict(BaseModel):
    """Unknown members are a mistake of the sender, so they are refused rather than dropped."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class AcceptanceInput(Strict):
    """Accept the assignment (签收). Nothing more to say."""


class ReturnInput(Strict):
    """Return the assignment (退回) with a coded reason; the clause names the rule it rests on, the note explains."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "out_of_category", "clause": "3.2", "note": "样例说明：需要计量校准，本窗口不提供。"}]}
    )

    reason: ReturnReason = Field(description="退回原因代码 · coded reason, list `return_reasons`")
    clause: Clause | None = Field(None, description="依据条款编号 · number of the clause it rests on")
    note: Note | None = Field(None, description="说明，加密保存 · explanation, stored encrypted")


class ProgressInput(Strict):
    """Tell how far it is (办理进展)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "样例进展：已约企业周三上门取样。"}]})

    note: Note = Field(description="进展，加密保存 · progress, stored encrypted")


class ResolutionInput(Strict):
    """Finish with a result (办结)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"result": "solved", "note": "样例结果：检测报告已出具。"}]})

    result: ResolveResult = Field(description="办理结果代码 · coded result, list `resolve_results`")
    note: Note = Field(description="办理说明，加密保存 · what was done, stored encrypted")


class AssignmentReceipt(BaseModel):
    """Answer to a command: where the demand stood right after it. A replay gets the same."""

    id: str = Field(description="诉求号 · demand id")
    version: int = Field(description="诉求版本 · demand version")
    status: str = Field(description="诉求状态 · demand status", examples=["in_progress"])
    assignment: str = Field(description="派单号 · assignment id", examples=["a1"])
    node: str = Field(description="承办节点 · the assignment's node")


class WorklistEntry(BaseModel):
    """One assignment of a node (派单): codes only; the text is told by `GET /v1/demands/{id}` of the tracker."""

    demand: str
    assignment: str
    network: str
    node: str
    status: AssignmentStatusCode
    category: str | None = None
    region: str
    urgency: str
    since: datetime
    due: datetime | None = None
    version: int
    sample: bool


class Worklist(BaseModel):
    """A page of a node's assignments, oldest first. `next` is absent on the last page."""

    items: list[WorklistEntry]
    next: str | None = None


class AssignmentDetail(BaseModel):
    """An assignment and why it was made (派单说明)."""

    demand: str
    assignment: str
    node: str
    status: AssignmentStatusCode
    since: datetime
    version: int = Field(description="派单时的诉求版本 · demand version of the assignment")
    explanation: Explanation


class WhyAnswer(BaseModel):
    """Why a node got, might have got or could not get an assignment, recomputed from the decision's basis."""

    demand: str
    assignment: str
    node: str
    title_zh: str
    title_en: str
    outcome: Literal["chosen", "candidate", "excluded"]
    score: int | None = Field(None, description="得分 0–10000 · score; absent when excluded before scoring")
    reasons: list[str] = Field(description="理由代码 · reason codes", examples=[["near:township", "load:3/12", "welfare"]])
    excluded_by: str | None = Field(None, description="起决定作用的条件 · the predicate that decided", examples=["territory"])
    policy: str
    basis: Basis
