"""Fictitious situations for the console's tests: a small office with a handful of demands, all marked sample (样例)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI

from libs.chassis.app import build_app
from libs.chassis.auth import new_key
from libs.chassis.settings import ServiceSettings
from libs.directory import Credential, Directory, Network, load_network
from libs.events import (
    Actor,
    AssignmentAccepted,
    AssignmentReturned,
    Basis,
    Candidate,
    Classification,
    DemandAssigned,
    DemandClassified,
    DemandResolved,
    DemandSubmitted,
    DemandSupplemented,
    DemandWithdrawn,
    Event,
    Explanation,
    ProgressReported,
    Role,
    RoutingInputs,
    TermMatch,
    Unavailable,
)
from services.tracker.console import enterprise
from services.tracker.console.forms import UPLOADS
from services.tracker.console.names import DirectoryNames
from services.tracker.console.pages import FORM_PATHS, routes
from services.tracker.console.sessions import MemorySessions
from services.tracker.console.testing import SEALED, MemorySource
from services.tracker.console.visit import Console

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 24, 15, 2, tzinfo=ZONE)
"""A Tuesday afternoon."""
HUB, COUNTY, WINDOW = "nb-hub", "nb-beilun", "nb-w-park-beilun-3"
TRAIL = "ningbo-26a-4f7k9x2m1q8z03hv"
ROUTER = Actor(kind="system", id="router")
DESK = Actor(kind="person", id="key-hub2", role="coordinator", node=HUB)
COUNTY_MAN = Actor(kind="person", id="key-bl02", role="coordinator", node=COUNTY)
CLERK = Actor(kind="person", id="key-w307", role="clerk", node=WINDOW)
PARTNER = Actor(kind="partner", id="key-ylpt", role="partner")


class OfficeFollower:
    """A directory that tests change by hand; `stale` makes it refuse, as when the registry is out of reach."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.stale = False

    def check_fresh(self) -> None:
        if self.stale:
            raise Unavailable("registry not confirmed")

    def revoke(self, key_id: str) -> None:
        credentials = dict(self.directory.credentials)
        credentials[key_id] = replace(credentials[key_id], revoked=True)
        self.directory = replace(self.directory, credentials=credentials)


@dataclass
class Office:
    """One console with its source, its directory, its keys by role name, and a clock that tests may move."""

    app: FastAPI
    source: MemorySource
    follower: OfficeFollower
    keys: Mapping[str, str]
    now: datetime = NOW

    def key_id(self, name: str) -> str:
        return self.keys[name].split("_")[1]


@lru_cache(maxsize=1)
def ningbo() -> Network:
    return Network(load_network(Path(__file__).parents[3] / "networks" / "ningbo"), revision="1", seq=1031)


@asynccontextmanager
async def _nothing_to_open(app: FastAPI) -> AsyncIterator[None]:
    yield


async def _ready(app: FastAPI) -> dict[str, bool]:
    return {}


def console_app() -> FastAPI:
    """The pages inside the edge that every service has, without a tracker."""
    away: dict[str, Any] = {"nats_url": "nats://n:1", "nats_user": "u", "nats_password": "p", "nats_monitor_url": "http://n:1"}
    return build_app(
        name="tracker",
        title_zh="控制台",
        title_en="console",
        settings=ServiceSettings(port=0, **away),
        lifespan=_nothing_to_open,
        routes=[routes, enterprise.routes],
        readiness=_ready,
        form_paths=FORM_PATHS,
        uploads=UPLOADS,
    )


def office(*, filled: bool = True, router: str | None = "http://127.0.0.1:8102", now: datetime = NOW) -> Office:
    people: dict[str, tuple[Role, str | None, str]] = {
        "clerk": ("clerk", WINDOW, "样例窗口 · 经办"),
        "coordinator": ("coordinator", COUNTY, "样例北仑枢纽 · 协调员"),
        "hub": ("coordinator", HUB, "样例总枢纽 · 协调员"),
        "auditor": ("auditor", None, "样例审计"),
        "partner": ("partner", None, "样例合作平台"),
        "admin": ("security_admin", None, "样例安全管理"),
    }
    keys, credentials = dict[str, str](), dict[str, Credential]()
    for number, (name, (role, node, label)) in enumerate(people.items(), 1):
        made = new_key(lambda size, number=number: bytes([number * 17 % 256]) * size)
        keys[name] = made.key
        credentials[made.key_id] = Credential(made.key_id, made.digest, "pty-" + name, role, "ningbo", node, label)
    follower = OfficeFollower(Directory(seq=1031, networks={"ningbo": ningbo()}, credentials=credentials))
    source = MemorySource(lambda: follower.directory, lambda: made_office.now)
    app = console_app()
    made_office = Office(app, source, follower, keys, now)
    app.state.follower = follower
    app.state.console = Console(
        source=source, names=DirectoryNames(follower), sessions=MemorySessions(), router=lambda: router, clock=lambda: made_office.now
    )
    if filled:
        fill(source)
    return made_office


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}").replace(tzinfo=ZONE)


def submitted(
    source: MemorySource,
    demand: str,
    when: datetime,
    title: str,
    description: str = "",
    *,
    enterprise: str = "样例精密部件有限公司",
    category: str | None = "digital",
    region: str = "330206",
    carrier: str | None = "park-beilun-3",
    urgency: str = "normal",
    channel: str = "partner",
) -> None:
    requester = {"name": enterprise, "uscc": "91330206SAMPLE0006", "contact": {"name": "样例联系人", "phone": "0574-0000-0000"}}
    event = DemandSubmitted(
        network="ningbo",
        channel=channel,
        category=category,
        region=region,
        carrier=carrier,
        industry="C35",
        urgency=urgency,
        partner_ref="YL-8812" if channel == "partner" else None,
        party="pty-partner",
        enterprise="ent-4f7k9x2m1q8z03hv",
        desk=HUB,
        sample=True,
        title=SEALED,
        description=SEALED,
        requester=SEALED,
    )
    texts = {"title": title, "description": description, "requester": json.dumps(requester, ensure_ascii=False)}
    source.append(demand, "SubmitDemand", when, PARTNER, (event, texts))


def assigned(source: MemorySource, demand: str, when: datetime, node: str, number: int = 1, **inputs: object) -> None:
    told = explanation(node, **inputs)
    event = DemandAssigned(assignment=f"a{number}", node=node, policy="1", explanation=told)
    source.append(demand, "AssignDemand", when, ROUTER, (event, {}))


def step(source: MemorySource, demand: str, command: str, when: datetime, actor: Actor, event: Event, **texts: str) -> None:
    source.append(demand, command, when, actor, (event, texts))


def explanation(node: str, *, returned_by: tuple[str, ...] = (), category: str | None = "digital", path: str = "candidate") -> Explanation:
    near = [
        Candidate(node=WINDOW, score=8640, reasons=("near:carrier", "load:4/36", "welfare")),
        Candidate(node="nb-s-017", score=7415, reasons=("near:county", "depth", "load:9/28", "low_fee")),
        Candidate(node="nb-w-base-beilun-1", score=7100, reasons=("near:county", "load:17/36", "welfare")),
        Candidate(node="nb-w-park-beilun-2", score=6925, reasons=("near:county", "load:21/40", "welfare")),
        Candidate(node=COUNTY, score=6480, reasons=("near:county", "load:88/160", "welfare")),
        Candidate(node=HUB, score=5300, reasons=("near:city", "load:140/500", "welfare")),
    ]
    told = [candidate for candidate in near if candidate.node not in returned_by]
    told += [Candidate(node=back, reasons=("not_returned",)) for back in returned_by]
    return Explanation(
        policy="1",
        basis=Basis(registry_seq=1031, figures_date="2026-11-20"),
        inputs=RoutingInputs(
            category=category, region="330206", carrier="park-beilun-3", industry="C35", urgency="normal", returned_by=returned_by
        ),
        path=path,  # type: ignore[arg-type]
        chosen=node,
        candidates=tuple(told) if path == "candidate" else (),
        excluded={"kind": 903, "territory": 118, "category": 19, "not_in_force": 4, "inactive": 2},
    )


def classification() -> Classification:
    evidence = (TermMatch(term="information:2", weight=10), TermMatch(term="information:6", weight=7))
    return Classification(category="information", taxonomy="1", scores={"information": 17, "digital": 5}, evidence=evidence)


def fill(source: MemorySource) -> None:
    """Seven demands: one with a long story, one in every other state, one with an attack in its title."""
    submitted(
        source,
        TRAIL,
        at("20T09:00:00"),
        "注塑车间数字化改造：找技术服务机构，问补助政策",
        "车间有 12 台注塑机，想先上设备联网和能耗监测。\n希望有机构来现场看一看，并告诉我们能申请哪些补助。",
    )
    assigned(source, TRAIL, at("20T09:00:01"), COUNTY)
    step(source, TRAIL, "AcceptAssignment", at("20T10:12:00"), COUNTY_MAN, AssignmentAccepted(assignment="a1", node=COUNTY))
    returned = AssignmentReturned(assignment="a1", node=COUNTY, reason="out_of_category", clause="派单规则 第3条", note=SEALED)
    note = "企业在小微企业园内，园区窗口有同类服务，建议由窗口主办，区枢纽配合。"
    step(source, TRAIL, "ReturnAssignment", at("20T16:56:00"), COUNTY_MAN, returned, note=note)
    assigned(source, TRAIL, at("20T16:56:01"), WINDOW, 2, returned_by=(COUNTY,))
    step(source, TRAIL, "AcceptAssignment", at("23T09:04:00"), CLERK, AssignmentAccepted(assignment="a2", node=WINDOW))
    more = "补充：另有两台 2015 年的老设备，没有通信接口。"
    step(source, TRAIL, "SupplementDemand", at("23T10:31:00"), PARTNER, DemandSupplemented(note=SEALED), note=more)
    progress = "已约两家机构周二上午到车间看设备。"
    report = ProgressReported(assignment="a2", node=WINDOW, note=SEALED)
    step(source, TRAIL, "ReportProgress", at("23T11:20:00"), CLERK, report, note=progress)

    new = "ningbo-26a-0d0000000000000a"
    submitted(source, new, NOW - timedelta(seconds=12), "外贸订单减少，想找新的展销渠道", category=None, channel="phone", carrier=None)

    desk = "ningbo-26a-0d0000000000000b"
    submitted(source, desk, at("24T11:40:00"), "厂里有点难处，想请人来看看", category=None, channel="counter", carrier=None)
    unclear = explanation(HUB, category=None, path="desk")
    event = DemandAssigned(assignment="a1", node=HUB, policy="1", explanation=unclear)
    source.append(desk, "AssignDemand", at("24T11:40:01"), ROUTER, (event, {}))

    urgent = "ningbo-26a-0d0000000000000c"
    submitted(
        source,
        urgent,
        at("24T13:05:00"),
        "设备停产，急需振动检测",
        urgency="urgent",
        category="quality",
        enterprise="样例家电科技股份有限公司北仑第二分公司",
    )
    assigned(source, urgent, at("24T13:05:01"), WINDOW)

    solved = "ningbo-26a-0d0000000000000d"
    submitted(source, solved, at("18T14:00:00"), "稳岗补贴怎么申报", category=None, channel="wechat", enterprise="样例纺织有限公司")
    found = DemandClassified(category="information", by="rule", classification=classification())
    chosen = explanation(WINDOW, category="information").model_copy(update={"classification": classification()})
    routed = DemandAssigned(assignment="a1", node=WINDOW, policy="1", explanation=chosen)
    source.append(solved, "RouteDemand", at("18T14:00:01"), ROUTER, (found, {}), (routed, {}))
    step(source, solved, "AcceptAssignment", at("18T14:20:00"), CLERK, AssignmentAccepted(assignment="a1", node=WINDOW))
    result = DemandResolved(assignment="a1", node=WINDOW, result="answered", note=SEALED)
    step(source, solved, "ResolveDemand", at("19T09:30:00"), CLERK, result, note="已当面讲清申报条件和时间，材料清单已发给企业。")

    gone = "ningbo-26a-0d0000000000000e"
    submitted(source, gone, at("17T08:10:00"), "想参加模具行业技能培训", category="training", enterprise="样例模具有限公司", channel="web")
    assigned(source, gone, at("17T08:10:01"), WINDOW)
    step(source, gone, "WithdrawDemand", at("17T15:45:00"), PARTNER, DemandWithdrawn(reason=SEALED), reason="已自行报名。")

    attack = "ningbo-26a-0d0000000000000f"
    submitted(source, attack, at("16T10:00:00"), "<script>alert(1)</script>", '"><img src=x onerror=alert(2)>', enterprise="<b>样例</b>")
    assigned(source, attack, at("16T10:00:01"), WINDOW)
