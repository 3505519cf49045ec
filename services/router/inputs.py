"""What nodes and supervisors send: the bodies of the router's commands with their examples. Unknown members are refused."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from libs.chassis.bodies import Code, Day, FileId, Line, Moment, NodeCode, Strict, Text
from libs.directory.clocks import Positive
from libs.events.assisting import DeclineReason, JoinRule
from libs.events.closing import FollowUpOutcome, ResolveResult
from libs.events.demand import ForwardReason, RefusalReason, ReturnReason
from libs.events.handling import ServiceFee, ServiceMode, SuspensionReason

Clause = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z.()§/-]+$")]
Person = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z._:-]+$")]
Voucher = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[0-9A-Za-z-]+$")]
DemandRef = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class NothingInput(Strict):
    """Nothing more to say."""


class ReturnInput(Strict):
    """Return the assignment (退回) with a coded reason; the clause names the rule it rests on, the note explains."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "out_of_category", "clause": "3.2", "note": "样例说明：需要计量校准，本窗口不提供。"}]}
    )

    reason: ReturnReason = Field(description="退回原因代码 · coded reason, list `return_reasons`")
    clause: Clause | None = Field(None, description="依据条款编号 · number of the clause it rests on")
    note: Text | None = Field(None, description="说明，加密保存 · explanation, stored encrypted")


class ForwardInput(Strict):
    """Hand the demand to another node (转办)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"to": "nb-beilun", "reason": "better_placed", "note": "样例说明。"}]})

    to: NodeCode = Field(description="转办节点 · the node to take over")
    reason: ForwardReason = Field(description="转办原因 · coded reason")
    note: Text | None = Field(None, description="说明，加密保存 · explanation, stored encrypted")


class ProgressInput(Strict):
    """Tell how far it is (办理进展)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "样例进展：已约企业周三上门取样。"}]})

    note: Text = Field(description="进展，加密保存 · progress, stored encrypted")


class HandlerInput(Strict):
    """Name who handles it inside the node (经办人) and who stands in. Pseudonymous ids, never names."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"handler": "s-07", "stand_in": "s-09", "absent_until": "2026-12-01"}]})

    handler: Person
    stand_in: Person | None = None
    absent_until: Day | None = None


class ServiceInput(Strict):
    """Record a service given (服务记录)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"mode": "offline", "fee": "welfare", "note": "样例：上门诊断半天。"}]})

    mode: ServiceMode = Field(description="线上、线下 · online or offline")
    fee: ServiceFee = Field(description="公益、低收费、市场 · welfare, low fee or market")
    organisation: NodeCode | None = Field(None, description="服务机构 · the organisation that gave it")
    voucher: Voucher | None = Field(None, description="服务券编号 · service voucher")
    given_on: Day | None = None
    note: Text | None = None


class CompletionRequestInput(Strict):
    """Ask the enterprise for what is missing (补正); the net clock pauses."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "样例：请补充设备清单。"}]})

    note: Text


class ExtensionInput(Strict):
    """Ask for more time (延期)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"span": "5wd", "note": "样例：需等待第三方检测。"}]})

    span: Positive = Field(description="延期时长 · how much more, e.g. 5wd working days")
    note: Text


class AssistanceInput(Strict):
    """Ask another node to assist (协办)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"node": "nb-beilun", "note": "样例：请协助联系检测机构。"}]})

    node: NodeCode
    note: Text


class DeclineInput(Strict):
    """Decline to assist with a coded reason."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "no_capacity"}]})

    reason: DeclineReason
    note: Text | None = None


class DeliveryInput(Strict):
    """Deliver one's share (完成协办)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "样例：已联系两家检测机构。"}]})

    note: Text
    evidence: tuple[FileId, ...] = ()


class PartInput(Strict):
    """One part of a split; members left out are those of the whole."""

    title: Line
    description: Text
    category: Code | None = None
    region: Code | None = None
    carrier: Code | None = None
    industry: Code | None = None


class SplitInput(Strict):
    """Split the demand (拆分) into parts with owners and clocks of their own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "join": "all",
                    "parts": [
                        {"title": "样例：检测", "description": "样例：做第三方检测。", "category": "quality"},
                        {"title": "样例：培训", "description": "样例：质检员培训。", "category": "training"},
                    ],
                }
            ]
        }
    )

    join: JoinRule = Field("all", description="all：全部分项结束后才能办结 · lead：由主办决定")
    parts: tuple[PartInput, ...]


class ResolutionInput(Strict):
    """Finish with a result and its evidence (办结)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"result": "solved", "note": "样例结果：检测报告已出具。", "evidence": ["f-0123456789abcdefghjk"]}]}
    )

    result: ResolveResult = Field(description="办理结果代码 · coded result, list `resolve_results`")
    note: Text = Field(description="办理说明，加密保存 · what was done, stored encrypted")
    evidence: tuple[FileId, ...] = Field((), description="佐证材料编号 · ids of attached files")


class ClassificationInput(Strict):
    """Put the demand into a category (人工研判)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"category": "quality"}]})

    category: Code


class RefusalInput(Strict):
    """Do not take the demand on (不予受理); tell the enterprise what it may do next."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "other_channel", "next_step": "样例：请拨打政务服务热线。"}]})

    reason: RefusalReason
    next_step: Text


class MergeInput(Strict):
    """Merge this demand into an older one of the same enterprise (合并)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"into": "ningbo-26a-0123456789abcdef"}]})

    into: DemandRef
    note: Text | None = None


class ArbitrationInput(Strict):
    """Decide who handles the demand (裁定). Binding."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"node": "nb-beilun", "note": "样例：属本辖区，由县级枢纽办理。"}]})

    node: NodeCode
    note: Text


class SuspensionInput(Strict):
    """Approve a suspension until a moment (中止)."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"reason": "third_party", "until": "2026-12-01T09:00:00+08:00", "note": "样例：等待检测。"}]}
    )

    reason: SuspensionReason
    until: Moment
    note: Text


class DecisionInput(Strict):
    """Grant or refuse; a refusal needs a note."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"granted": True}]})

    granted: bool
    note: Text | None = None


class DisputeDecisionInput(Strict):
    """Uphold the dispute and have it handled again, by the same node or routed anew; or reject it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"upheld": True, "same_node": True, "note": "样例：请重新办理。"}]})

    upheld: bool
    same_node: bool = True
    note: Text


class FollowUpInput(Strict):
    """What the enterprise said when called back (回访)."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"outcome": "confirmed"}]})

    outcome: FollowUpOutcome
    note: Text | None = None


class FindingInput(Strict):
    """Whether the complaint is true, and why."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"verified": False, "note": "样例：经核查不成立。"}]})

    verified: bool
    note: Text


class NoteInput(Strict):
    """A note, stored encrypted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"note": "样例说明。"}]})

    note: Text


class ErasureInput(Strict):
    """Why the personal data is to be erased."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "subject_asked"}]})

    reason: Literal["subject_asked", "retention_ended", "unlawful"]


class DemandReceipt(BaseModel):
    """Answer to a command: where the demand stood right after it. A replay gets the same."""

    id: str = Field(description="诉求号 · demand id")
    version: int = Field(description="诉求版本 · demand version")
    status: str = Field(description="诉求状态 · demand status", examples=["in_progress"])
    assignment: str | None = Field(None, description="派单号 · assignment id", examples=["a1"])
    node: str | None = Field(None, description="承办节点 · the accountable node")
    due: datetime | None = Field(None, description="下一时限 · the next deadline owed to or by the enterprise")
