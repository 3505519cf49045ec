"""The enterprise's link in fictitious situations: intake's real rules on the console's memory, and demands that stand at each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from libs.chassis.auth import digest_of, enterprise_token
from libs.demand import Standing, Timing
from libs.directory import Network
from libs.events import (
    Actor,
    AssignmentAccepted,
    CompletionRequested,
    Deadline,
    DeadlinesSet,
    DemandClosed,
    DemandRefused,
    DemandResolved,
    DemandSubmitted,
    DemandSuspended,
    DemandWithdrawn,
    Event,
    LiandongError,
    Refused,
    ResolutionConfirmed,
)
from libs.events.timekeeping import Limit
from services.intake import domain
from services.tracker.console.affair import linked_of
from services.tracker.console.outward import File, NotTaken
from services.tracker.console.testing import SEALED, MemorySource
from services.tracker.trail import Trail
from tests.unit.console.situations import CLERK, HUB, PARTNER, ROUTER, WINDOW, Office, assigned

SALT = b"s" * 32
ENTERPRISE = Actor(kind="person", id="lde", role="enterprise")
DEMAND = "ningbo-26a-0e0000000000000a"
TITLE = "样例：注塑车间数字化改造，找技术服务机构"
ASKED = "样例：请补设备清单和车间照片。"
DONE = "样例：已约两家机构上门，方案已交企业。"


def token_of(demand: str = DEMAND) -> str:
    return enterprise_token(demand, salt=SALT)


def page_of(demand: str = DEMAND) -> str:
    return f"/e/{token_of(demand)}"


@dataclass
class Story:
    """A demand with a link, told step by step; `minutes` pass between steps, the last of them an hour before now."""

    office: Office
    demand: str = DEMAND
    submitter: str | None = None
    parent: str | None = None
    at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.at = self.office.now - timedelta(hours=6)

    def then(self, command: str, actor: Actor, *facts: tuple[Event, Mapping[str, str]]) -> Story:
        self.office.source.append(self.demand, command, self.at, actor, *facts)
        self.at += timedelta(minutes=30)
        return self

    def submitted(self) -> Story:
        event = DemandSubmitted(
            network="ningbo",
            channel="counter",
            category="digital",
            region="330206",
            carrier="park-beilun-3",
            urgency="normal",
            party="pty-partner",
            enterprise="ent-4f7k9x2m1q8z03hv",
            desk=HUB,
            sample=True,
            title=SEALED,
            description=SEALED,
            requester=SEALED,
            submitter_node=self.submitter,
            link=digest_of(token_of(self.parent or self.demand)),
            parent=self.parent,
        )
        return self.then("SubmitDemand", PARTNER, (event, {"title": TITLE, "description": "样例", "requester": "{}"}))

    def assigned(self, node: str = WINDOW) -> Story:
        assigned(self.office.source, self.demand, self.at, node)
        return self.promise(resolve=timedelta(days=3))

    def promise(self, **spans: timedelta) -> Story:
        deadlines: dict[Limit, Deadline] = {limit: Deadline(at=self.office.now + span) for limit, span in spans.items()}  # type: ignore[misc]
        return self.then("KeepTime", ROUTER, (DeadlinesSet(clocks="ningbo/clocks/2", deadlines=deadlines), {}))

    def accepted(self) -> Story:
        return self.assigned().then("AcceptAssignment", CLERK, (AssignmentAccepted(assignment="a1", node=WINDOW), {}))

    def incomplete(self) -> Story:
        asked = CompletionRequested(assignment="a1", node=WINDOW, note=SEALED)
        return self.accepted().then("RequestCompletion", CLERK, (asked, {"note": ASKED})).promise(complete=timedelta(days=5))

    def suspended(self) -> Story:
        until = self.office.now + timedelta(days=2)
        event = DemandSuspended(assignment="a1", node=WINDOW, by=HUB, reason="third_party", until=until, note=SEALED)
        return self.accepted().then("SuspendDemand", CLERK, (event, {"note": "样例：内部说明。"}))

    def resolved(self) -> Story:
        event = DemandResolved(assignment="a1", node=WINDOW, result="solved", note=SEALED)
        return self.accepted().then("ResolveDemand", CLERK, (event, {"note": DONE})).promise(confirm=timedelta(days=5))

    def closed(self) -> Story:
        self.resolved().then(
            "ConfirmResolution", ENTERPRISE, (ResolutionConfirmed(by="enterprise"), {}), (DemandClosed(outcome="confirmed"), {})
        )
        return self.promise(reopen=timedelta(days=10))

    def refused(self) -> Story:
        event = DemandRefused(reason="other_channel", next_step=SEALED)
        told = {"next_step": "样例：请向北仑区人社局咨询，电话 0574-0000-0000。"}
        return self.then("RefuseDemand", CLERK, (event, told)).promise(reopen=timedelta(days=10))

    def withdrawn(self) -> Story:
        return self.then("WithdrawDemand", PARTNER, (DemandWithdrawn(), {}))


class IntakeBeside:
    """Intake's own rules on the console's memory, without HTTP; replays by Idempotency-Key are answered like intake answers them.

    `trouble` is raised once instead of the next answer: `late` troubles come after the act was done, as when the line breaks.
    """

    def __init__(self, office: Office, network: Network) -> None:
        self.office = office
        self.network = network
        self.sent: list[tuple[str, str, Mapping[str, Any]]] = []
        self.files: list[File] = []
        self.trouble: NotTaken | None = None
        self.late = False
        self._answers: dict[str, int] = {}

    async def tell(self, token: str, demand: str, path: str, body: Mapping[str, Any], key: str) -> int:
        trouble, self.trouble = self.trouble, None
        if trouble is not None and not self.late:
            raise trouble
        self.sent.append((path, key, body))
        if key not in self._answers:
            self._answers[key] = self._act(token, demand, path, body)
        if trouble is not None:
            raise trouble
        return self._answers[key]

    async def hand_over(self, token: str, demand: str, file: File, key: str) -> str:
        self.files.append(file)
        return f"f-{key[-20:]}"

    def _act(self, token: str, demand: str, path: str, body: Mapping[str, Any]) -> int:
        source: MemorySource = self.office.source
        state = linked_of(demand, Trail(source.commits(demand), ())).state
        assert state.link == digest_of(token)
        by = Standing("enterprise", f"enterprise:{demand}", self.network)
        timing = Timing(self.office.now, self.network.clocks(state.sample))
        command = _COMMANDS[path](by, timing, body)
        try:
            events: Sequence[Event] = domain.decide(command, state)
        except Refused as refused:
            raise NotTaken(refused.code, 409) from refused
        except LiandongError as error:
            raise NotTaken("demand_not_found", 404) from error
        note = {"note": str(body["note"])} if "note" in body else {}
        source.append(demand, type(command).__name__, self.office.now, ENTERPRISE, *((event, note) for event in events))
        return len(source.commits(demand))


_COMMANDS: dict[str, Callable[[Standing, Timing, Mapping[str, Any]], domain.Command]] = {
    "supplements": lambda by, _timing, _body: domain.SupplementDemand(by, SEALED),
    "completion": lambda by, timing, _body: domain.ProvideCompletion(by, timing, SEALED),
    "confirmation": lambda by, timing, _body: domain.ConfirmResolution(by, timing),
    "dispute": lambda by, timing, _body: domain.DisputeResolution(by, timing, SEALED),
    "reopening": lambda by, timing, _body: domain.RequestReopening(by, timing, SEALED),
    "rating": lambda by, _timing, body: domain.RateDemand(by, body["grade"], SEALED if "note" in body else None),
    "complaints": lambda by, _timing, body: domain.RaiseComplaint(by, SEALED, body.get("node")),
}
"""Built as `services.intake.enterprise_api` builds them."""


def beside(office: Office) -> IntakeBeside:
    """Put intake's rules behind an office's pages."""
    network = office.follower.directory.networks["ningbo"]
    intake = IntakeBeside(office, network)
    office.app.state.console = replace(office.app.state.console, outward=intake)
    return intake


__all__ = ["ASKED", "DEMAND", "DONE", "TITLE", "IntakeBeside", "Story", "beside", "page_of", "token_of"]
