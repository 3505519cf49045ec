"""What partners send and get: the wire shapes of intake with their examples. Unknown members are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, StringConstraints

from libs.chassis.bodies import Code, Line, Strict, Text, Visible

Reference = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[0-9A-Za-z._:/#-]+$")]
Phone = Annotated[str, StringConstraints(min_length=3, max_length=32, pattern=r"^[0-9+() -]+$")]
Uscc = Annotated[str, StringConstraints(min_length=18, max_length=18)]


class Contact(Strict):
    """Who to talk to. Encrypted before it leaves this process."""

    name: Line
    phone: Phone


class Requester(Strict):
    """The enterprise (企业) that asks. `uscc`: unified social credit code, GB 32100, check digit verified."""

    name: Line
    uscc: Uscc
    contact: Contact


_EXAMPLE: Final[dict[str, JsonValue]] = {
    "channel": "partner",
    "title": "注塑车间数字化改造：找技术服务机构",
    "description": "样例诉求：车间有十二台注塑机，想上数据采集和排产系统，请推荐服务机构并告知补助政策。",
    "region": "330206",
    "urgency": "normal",
    "partner_ref": "YL-8812",
    "requester": {
        "name": "样例精密部件有限公司",
        "uscc": "91330200MA2AEXAM17",
        "contact": {"name": "样例联系人", "phone": "0574-00000000"},
    },
}


class DemandInput(Strict):
    """A demand (诉求) as a partner submits it. Codes: `GET /v1/codes/{name}` of the registry."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    channel: Code = Field(description="来源渠道 · channel: web phone wechat counter visit video partner")
    title: Line = Field(description="一句话说清要什么 · what is asked, in one sentence")
    description: Text = Field(description="详细情况 · details")
    category: Code | None = Field(None, description="服务类别，不填则由规则归类 · category; left out: classified by rule")
    region: Code = Field(description="GB/T 2260 六位或 GB/T 10114 九位代码 · region code, 6 or 9 digits")
    carrier: Code | None = Field(None, description="园区或功能区 · zone or park")
    industry: Code | None = Field(None, description="GB/T 4754 门类或大类 · industry section or division")
    urgency: Code = Field("normal", description="紧急程度 · normal urgent critical")
    partner_ref: Reference | None = Field(None, description="贵方编号 · your own reference")
    sample: bool = Field(False, description="样例数据 · fictitious sample data")
    requester: Requester


STEP_WORDS: Final = {
    "受理": "submitted",
    "已受理": "submitted",
    "派单": "assigned",
    "已派单": "assigned",
    "签收": "accepted",
    "已签收": "accepted",
    "退回": "returned",
    "已退回": "returned",
    "进展": "progress",
    "办理中": "progress",
    "处理中": "progress",
    "其他": "other",
}
"""Steps of a former system as people write them, and their codes."""


def _step(value: Any) -> Any:
    return STEP_WORDS.get(value.strip(), value) if isinstance(value, str) else value


def _dated(value: Any) -> Any:
    """A number is no date: pydantic would take `20260301` for seconds since 1970."""
    return value if isinstance(value, str) and "-" in value else "no date"


FormerMoment = Annotated[AwareDatetime, BeforeValidator(_dated), Field(ge=datetime(2000, 1, 1, tzinfo=UTC))]
StepCode = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$"), BeforeValidator(_step)]
FormerNode = Annotated[str, StringConstraints(pattern=r"^[0-9A-Za-z._-]{1,40}$")]
Note = Annotated[str, StringConstraints(min_length=1, max_length=1_000, strip_whitespace=True), Visible]


class HistoryStep(Strict):
    """One step a former system took (原系统的一步). `node` is a code, never a name; the note is encrypted."""

    at: FormerMoment = Field(description="时间，带时区 · when, with its zone")
    step: StepCode = Field(description="环节 · submitted assigned accepted returned progress other, or a code of your own")
    node: FormerNode | None = Field(None, description="节点代码 · code of the node")
    note: Note | None = Field(None, description="说明 · note")


class ImportedDemand(DemandInput):
    """One row of a batch: a demand, and if it comes from a former system, when that took it in and what it did."""

    received_at: FormerMoment | None = Field(None, description="原系统受理时间 · when the former system took it in; the clock starts there")
    former_status: Line | None = Field(None, description="原系统中的状态 · its status in the former system")
    history: tuple[HistoryStep, ...] = Field((), max_length=200, description="办理历史，按时间排列 · what was done, in the order of time")


class SupplementInput(Strict):
    """More information on an open demand (补充)."""

    note: Text


class CorrectionInput(Strict):
    """Members to correct (更正); members left out stay. Possible until a node has accepted."""

    title: Line | None = None
    description: Text | None = None
    category: Code | None = None
    region: Code | None = None
    carrier: Code | None = None
    industry: Code | None = None
    urgency: Code | None = None
    requester: Requester | None = None


class WithdrawalInput(Strict):
    """Take the demand back (撤回); the reason is optional."""

    reason: Text | None = None


class Links(BaseModel):
    """Where to read on. `enterprise` is the enterprise's own page and goes to the submitter alone: hand it on, or print its QR code."""

    demand: str
    trail: str
    enterprise: str | None = None


class Receipt(BaseModel):
    """Answer to a command: where the demand stood right after it. A replay gets the same."""

    id: str
    version: int
    status: str
    due: datetime | None = None
    links: Links
