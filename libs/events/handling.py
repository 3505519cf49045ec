"""Event types of handling (办理): what the holder does between accepting a demand and resolving it."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar, Literal

from libs.events.algorithms import Sealed
from libs.events.language import Event

ServiceMode = Literal["online", "offline"]
ServiceFee = Literal["welfare", "low_fee", "market"]
SuspensionReason = Literal["third_party", "law_pending", "force_majeure", "enterprise_asked", "other"]
ResumeCause = Literal["completed", "expired", "by_person", "holder_changed"]
EvidenceSide = Literal["node", "enterprise"]


class ProgressReported(Event):
    """The node told how far it has come (办理进展). The first one is the first answer."""

    zh: ClassVar[str] = "{node}报告进展"
    en: ClassVar[str] = "{node} reported progress"

    assignment: str
    node: str
    note: Sealed


class HandlerNamed(Event):
    """The node named who inside handles the demand (办理), and who stands in while that person is away. Pseudonymous ids."""

    zh: ClassVar[str] = "{node}确定经办人"
    en: ClassVar[str] = "{node} named who handles it"

    assignment: str
    node: str
    handler: str
    stand_in: str | None = None
    absent_until: date | None = None


class ServiceRecorded(Event):
    """A service was given (办理): how, at what fee class, by which organisation, with which voucher (requirements C5, B14)."""

    zh: ClassVar[str] = "{node}记录服务：{mode}，{fee}"
    en: ClassVar[str] = "{node} recorded a service: {mode}, {fee}"

    assignment: str
    node: str
    mode: ServiceMode
    fee: ServiceFee
    organisation: str | None = None
    voucher: str | None = None
    given_on: date | None = None
    note: Sealed | None = None


class EvidenceAttached(Event):
    """A file was stored as evidence (办理). Its bytes are encrypted under the demand's key; the digest is of the plain bytes."""

    zh: ClassVar[str] = "上传佐证材料"
    en: ClassVar[str] = "Evidence was attached"

    file: str
    digest: str
    media_type: str
    size: int
    side: EvidenceSide
    node: str | None = None
    title: Sealed | None = None


class CompletionRequested(Event):
    """The node needs more from the enterprise (办理): the net clock pauses until it is provided (补正)."""

    zh: ClassVar[str] = "{node}请企业补正材料"
    en: ClassVar[str] = "{node} asked the enterprise to complete its demand"

    assignment: str
    node: str
    note: Sealed


class CompletionProvided(Event):
    """The enterprise provided what was missing (办理)."""

    zh: ClassVar[str] = "企业已补正"
    en: ClassVar[str] = "The enterprise completed its demand"

    note: Sealed
    files: tuple[str, ...] = ()


class DemandSuspended(Event):
    """A hub above the holder approved a suspension (办理): the net clock pauses, within the total the clock pack allows."""

    zh: ClassVar[str] = "经{by}批准中止：{reason}"
    en: ClassVar[str] = "Suspended with the approval of {by}: {reason}"

    assignment: str
    node: str
    by: str
    reason: SuspensionReason
    until: datetime
    note: Sealed


class DemandResumed(Event):
    """The net clock runs again (办理). `paused_seconds` is the working time that did not count."""

    zh: ClassVar[str] = "恢复办理：{cause}"
    en: ClassVar[str] = "Handling resumed: {cause}"

    cause: ResumeCause
    paused_seconds: int


class ExtensionRequested(Event):
    """The holder asked for more time (办理), `span` as in the clock pack, e.g. `5wd`. `person`: who asked, by pseudonymous id."""

    zh: ClassVar[str] = "{node}申请延期{span}"
    en: ClassVar[str] = "{node} asked for an extension of {span}"

    assignment: str
    node: str
    span: str
    note: Sealed
    person: str | None = None


class ExtensionGranted(Event):
    """A supervisor granted the extension (办理); the new deadline stands beside it in the same commit."""

    zh: ClassVar[str] = "{by}同意延期"
    en: ClassVar[str] = "{by} granted the extension"

    assignment: str
    by: str


class ExtensionRefused(Event):
    """A supervisor refused the extension (办理)."""

    zh: ClassVar[str] = "{by}不同意延期"
    en: ClassVar[str] = "{by} refused the extension"

    assignment: str
    by: str
    note: Sealed
