"""What the router tells: worklists, assignments and why they were made. What it is told is in `inputs.py`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from libs.events import Basis, Explanation

AssignmentStatusCode = Literal["open", "accepted", "returned", "lapsed", "forwarded", "recalled", "resolved"]


class WorklistEntry(BaseModel):
    """One assignment of a node (派单), or one assistance (协办): codes only; the text is told by `GET /v1/demands/{id}` of the tracker."""

    demand: str
    assignment: str = Field(description="派单号或协办号 · assignment, or assistance where the role is assist", examples=["a1", "s1"])
    role: Literal["lead", "assist"] = Field(description="主办、协办 · leads or assists")
    network: str
    node: str
    status: AssignmentStatusCode
    category: str | None = None
    region: str
    urgency: str
    since: datetime
    due: datetime | None = Field(
        None, description="签收、办结或协办的时限 · until when to accept, then to resolve; to deliver where it assists"
    )
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
