"""What happens to a sample demand, as small scripts: each shows one thing the network does. Decided from the demand alone.

The plan stands in the demand's `partner_ref` (`sample/<plan>/<number>`), so a restart goes on where it was. Only demands marked `sample`
with such a reference are touched: a person's demand never is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from cli.sample.view import Act, Step, View, Who

PART: Final = "part"
"""What the parts of a split sample play."""
IMPORTED: Final = "imported"
"""What an open case of a former system plays."""
PATIENCE: Final = timedelta(minutes=5)
"""Of this age a demand is simply ended: what its plan waits for will not come, or the traffic was away meanwhile."""
_REFERENCE: Final = re.compile(r"sample/([a-z_]+)/[0-9]+\Z")


def next_act(view: View) -> Act | None:
    """What is to be done now with this demand; None: it waits, has played its part, or is nobody's sample."""
    step = _next_step(view)
    if step is None or step.make is None or view.demand["status"] not in step.when or view.quiet < timedelta(seconds=step.after):
        return None
    return step.make(view)


def is_over(view: View) -> bool:
    """Whether the demand has played its part, or is nobody's sample: there is nothing to come as long as nothing moves it."""
    return _next_step(view) is None


def _next_step(view: View) -> Step | None:
    steps = PLANS.get(plan_of(view.demand) or "", ())
    step = next((step for step in steps if view.happened[step.event] < step.times), None)
    return _ending(view) if steps and (step is None or view.age > PATIENCE) else step


def _ending(view: View) -> Step | None:
    """What brings a demand to an end from wherever it is; the enterprise's silence does the rest."""
    match view.demand["status"]:
        case "assigned":
            return ACCEPT
        case "in_progress":
            return RESOLVE if view.happened["ServiceRecorded"] else SERVE
        case "closed" if view.happened["FollowUpRecorded"] < view.happened["FollowUpOrdered"]:
            return CALL_BACK
    return None


def plan_of(demand: Mapping[str, Any]) -> str | None:
    """The plan of a sample demand; parts of a split sample play `part`. None: not ours to touch."""
    if not demand.get("sample"):
        return None
    found = _REFERENCE.match(str(demand.get("partner_ref") or ""))
    if found is not None:
        return found[1]
    return PART if demand.get("parent") else None


def _node(path: str, body: Mapping[str, Any] | None = None) -> Callable[[View], Act]:
    return lambda view: Act("hub", "router", f"/assignments/{view.assignment}/{path}", body or {})


def _hub(path: str, body: Mapping[str, Any]) -> Callable[[View], Act]:
    return lambda view: Act("hub", "router", f"/{path}", body)


def _second(path: str, body: Mapping[str, Any]) -> Callable[[View], Act]:
    """What the hub's first person did for a node, or asked for, another one judges."""
    return lambda view: Act("second", "router", f"/{path}", body)


def _says(path: str, body: Mapping[str, Any] | None = None, who: Who = "enterprise") -> Callable[[View], Act]:
    return lambda view: Act(who, "intake", f"/{path}", body or {})


def _assist(view: View) -> Act:
    body = {"node": view.parents.get(view.holder, view.hub), "note": "样例：请协助联系服务机构。"}
    return Act("hub", "router", f"/assignments/{view.assignment}/assistances", body)


def _forward(view: View) -> Act:
    body = {"to": view.parents.get(view.holder, view.hub), "reason": "better_placed", "note": "样例：由上级枢纽办理更合适。"}
    return Act("hub", "router", f"/assignments/{view.assignment}/forwarding", body)


def _arbitrate(view: View) -> Act:
    parties = view.last("ArbitrationOpened").get("parties") or [view.hub]
    return Act("hub", "router", "/arbitration", {"node": parties[0], "note": "样例裁定：属其服务区域，由其办理。"})


def _suspend(view: View) -> Act:
    until = (view.now + timedelta(seconds=20)).isoformat(timespec="seconds")
    return Act("hub", "router", "/suspension", {"reason": "third_party", "until": until, "note": "样例：等待第三方检测。"})


def _merge(view: View) -> Act:
    suggestion = view.last("DuplicateSuggested")["suggestions"][0]
    return Act("hub", "router", "/merge", {"into": suggestion["demand"], "note": "样例：同一件事，合并办理。"})


def _resolve_with_file(view: View) -> Act:
    file = view.last("EvidenceAttached")["file"]
    return Act("hub", "router", f"/assignments/{view.assignment}/resolution", {**_RESULT, "evidence": [file]})


def _reclassify(view: View) -> Act:
    category = "quality" if view.demand.get("category") != "quality" else "management"
    return Act("hub", "router", "/classification", {"category": category})


_RESULT: Final = {"result": "solved", "note": "样例：已对接服务机构，问题解决。"}
_SERVICE: Final = {"mode": "offline", "fee": "welfare", "note": "样例：上门诊断。"}
_TWO_PARTS: Final = {
    "join": "lead",
    "parts": [
        {"title": "样例分项：检测", "description": "样例分项：联系检测机构。", "category": "quality"},
        {"title": "样例分项：培训", "description": "样例分项：安排操作工培训。", "category": "training"},
    ],
}
_ASSIGNED: Final = frozenset({"assigned"})
_WORKING: Final = frozenset({"in_progress"})
_HELD: Final = _ASSIGNED | _WORKING
_RESOLVED: Final = frozenset({"resolved"})
_CLOSED: Final = frozenset({"closed"})

ACCEPT: Final = Step("AssignmentAccepted", _ASSIGNED, _node("acceptance"))
ANSWER: Final = Step("ProgressReported", _WORKING, _node("progress", {"note": "样例：已与企业联系，约定上门时间。"}))
SERVE: Final = Step("ServiceRecorded", _WORKING, _node("services", _SERVICE))
RESOLVE: Final = Step("DemandResolved", _WORKING, _node("resolution", _RESULT))
CONFIRM: Final = Step("ResolutionConfirmed", _RESOLVED, _says("confirmation"))
RATE: Final = Step("DemandRated", _CLOSED, _says("rating", {"grade": "satisfied"}))
CALL_BACK: Final = Step("FollowUpRecorded", _CLOSED, _second("follow-up", {"outcome": "confirmed"}), after=8)
SECOND: Final = (replace(SERVE, times=2), replace(RESOLVE, times=2))
DONE: Final = (SERVE, RESOLVE, CONFIRM, RATE)


def _return(times: int) -> Step:
    return Step("AssignmentReturned", _ASSIGNED, _node("return", {"reason": "no_capacity", "note": "样例：本周在办已满。"}), times=times)


PLANS: Final[Mapping[str, tuple[Step, ...]]] = {
    "overdue": (
        ACCEPT,
        Step("DemandEscalated", _WORKING, None),
        Step("SupervisionOpened", _WORKING, _hub("supervisions", {"note": "样例督办：请当日答复企业。"})),
        ANSWER,
        Step("SupervisionClosed", _WORKING, _hub("supervisions/v1/closing", {"note": "样例：已答复。"})),
        *DONE,
    ),
    "split": (ACCEPT, Step("DemandSplit", _WORKING, _node("split", _TWO_PARTS)), *DONE),
    "unconfirmed": (
        ACCEPT,
        SERVE,
        RESOLVE,
        Step("DemandClosed", _RESOLVED, None),
        Step("FollowUpOrdered", _CLOSED, None),
        CALL_BACK,
    ),
    "silent": (Step("AssignmentLapsed", _ASSIGNED, None), ACCEPT, *DONE),
    "assisted": (
        ACCEPT,
        Step("AssistanceRequested", _WORKING, _assist),
        Step("AssistanceDeclined", _WORKING, _hub("assistances/s1/decline", {"reason": "no_capacity"})),
        Step("AssistanceRequested", _WORKING, _assist, times=2),
        Step("AssistanceAccepted", _WORKING, _hub("assistances/s2/acceptance", {})),
        Step("AssistanceDelivered", _WORKING, _hub("assistances/s2/delivery", {"note": "样例：已联系两家机构。"})),
        *DONE,
    ),
    "complained": (
        ACCEPT,
        *DONE,
        Step("ComplaintRaised", _CLOSED, _says("complaints", {"note": "样例：答复太慢。"})),
        Step("ComplaintVerified", _CLOSED, _second("complaints/c1/finding", {"verified": True, "note": "样例：属实，已提醒。"})),
        Step("ComplaintRaised", _CLOSED, _says("complaints", {"note": "样例：收费太高。"}), times=2),
        Step("ComplaintDismissed", _CLOSED, _second("complaints/c2/finding", {"verified": False, "note": "样例：为公益服务，未收费。"})),
    ),
    "reopened": (
        ACCEPT,
        *DONE,
        Step("DemandReopened", _CLOSED, _says("reopening", {"note": "样例：问题又出现了。"})),
        *SECOND,
        replace(CONFIRM, times=2),
    ),
    "disputed": (
        ACCEPT,
        SERVE,
        RESOLVE,
        Step("ResolutionDisputed", _RESOLVED, _says("dispute", {"note": "样例：问题还没有解决。"})),
        Step(
            "DemandReopened",
            frozenset({"disputed"}),
            _second("dispute/decision", {"upheld": True, "same_node": True, "note": "样例：请重新办理。"}),
        ),
        *SECOND,
        CONFIRM,
        RATE,
    ),
    "ping_pong": (_return(1), _return(2), _return(3), Step("AssignmentArbitrated", frozenset({"triage"}), _arbitrate), ACCEPT, *DONE),
    "extended": (
        ACCEPT,
        Step("ExtensionRequested", _WORKING, _node("extension", {"span": "45s", "note": "样例：等待检测结果。"})),
        Step("ExtensionRefused", _WORKING, _second("extension/decision", {"granted": False, "note": "样例：请先联系检测机构。"})),
        Step("ExtensionRequested", _WORKING, _node("extension", {"span": "45s", "note": "样例：机构已排期。"}), times=2),
        Step("ExtensionGranted", _WORKING, _second("extension/decision", {"granted": True})),
        *DONE,
    ),
    "twin": (ACCEPT, SERVE, Step("MergeReceived", _WORKING, None), RESOLVE, CONFIRM),
    "repeated": (
        Step("DuplicateSuggested", _HELD, None),
        Step("DemandMerged", _HELD, _merge),
        Step("DemandUnmerged", frozenset({"merged"}), _hub("unmerge", {}), after=8),
        ACCEPT,
        *DONE,
    ),
    "suspended": (ACCEPT, Step("DemandSuspended", _WORKING, _suspend), Step("DemandResumed", _WORKING, None), *DONE),
    "completed": (
        ACCEPT,
        Step("CompletionRequested", _WORKING, _node("completion-request", {"note": "样例：请补充设备清单。"})),
        Step("CompletionProvided", frozenset({"awaiting_enterprise"}), _says("completion", {"note": "样例：清单如下。"}), after=8),
        *DONE,
    ),
    "erased": (
        Step("DemandWithdrawn", _HELD, _says("withdrawal", {}, "partner")),
        Step("ErasureRequested", frozenset({"withdrawn"}), _hub("erasure", {"reason": "subject_asked"})),
        Step("PersonalDataErased", frozenset({"withdrawn"}), lambda view: Act("bureau", "router", "/erasure/approval")),
    ),
    "evidenced": (
        ACCEPT,
        Step("HandlerNamed", _WORKING, _node("handler", {"handler": "sample-staff-1", "stand_in": "sample-staff-2"})),
        Step("EvidenceAttached", _WORKING, lambda view: Act("hub", "router", "/files", file=True)),
        Step("DemandResolved", _WORKING, _resolve_with_file),
        CONFIRM,
        RATE,
    ),
    "forwarded": (
        ACCEPT,
        Step("DemandForwarded", _WORKING, _forward),
        replace(ACCEPT, times=2),
        *DONE,
    ),
    "taken_back": (
        ACCEPT,
        Step("ActTakenBack", _WORKING, _node("take-back")),
        replace(ACCEPT, times=2),
        *DONE,
    ),
    "corrected": (
        Step("DemandCorrected", _ASSIGNED, _says("corrections", {"urgency": "urgent"}, "partner")),
        ACCEPT,
        Step("DemandSupplemented", _WORKING, _says("supplements", {"note": "样例：补充设备型号。"})),
        *DONE,
    ),
    "reclassified": (Step("AssignmentRecalled", _ASSIGNED, _reclassify), ACCEPT, *DONE),
    "withdrawn": (Step("DemandWithdrawn", _HELD, _says("withdrawal", {"reason": "样例：已自行解决。"}, "partner")),),
    "refused": (Step("DemandRefused", _HELD, _hub("refusal", {"reason": "other_channel", "next_step": "样例：请向税务部门咨询。"})),),
    "smooth": (ACCEPT, ANSWER, *DONE),
    "part": (
        ACCEPT,
        SERVE,
        RESOLVE,
        CONFIRM,
        Step("DemandReopened", _CLOSED, _says("reopening", {"note": "样例：分项还有问题。"}, "partner")),
        *SECOND,
        replace(CALL_BACK, when=_RESOLVED, after=3),
    ),
    "imported": (Step("HistoryImported", _HELD, None), ACCEPT, ANSWER, *DONE),
}
"""Every plan by name, the slowest first: the traffic takes them in this order, so that all of them show within three minutes."""
