"""Draws the life cycle of a demand from the deciders: gives every command in every state they lead to, and writes down what came of it.

No edge is written by hand. One demand lives in the network of Ningbo, somebody entitled gives each command, the system does what is due.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Final

from libs.demand import INITIAL, DemandState, Standing, Status, Timing, evolve, next_due
from libs.demand.lifecycle import ALLOWED
from libs.directory import Network, Span, load_network
from libs.events import (
    Basis,
    Classification,
    DemandEvent,
    DemandSubmitted,
    Explanation,
    Likeness,
    NotFound,
    Refused,
    RoutingInputs,
    Sealed,
    SplitPart,
)
from services.intake import domain as intake
from services.router import domain as router
from services.tracker.console.codewords import CODES

Command = intake.Command | router.Command
Edge = tuple[str, Status, Status]

START: Final = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
MINUTE: Final = timedelta(minutes=1)
_SEALED: Final = Sealed(k="key", a="AES-256-GCM", n="AAAAAAAAAAAAAAAA", c="AAAAAAAAAAAAAAAAAAAAAAAA")
_STEPS: Final = {"RouteDemand": "AssignDemand", "OpenArbitration": "AssignDemand"}
"""Commands of the system that are possible where another one is."""
_ASPECTS: Final[tuple[Callable[[DemandState], Hashable], ...]] = (
    lambda state: (state.own_act and (state.own_act.act, state.own_act.before.status), min(len(state.assignments), 2)),
    lambda state: (state.category is None, state.current is not None and state.current.binding),
    lambda state: frozenset(state.deadlines),
    lambda state: state.complaints and state.complaints[-1].status,
    lambda state: state.supervisions and state.supervisions[-1].closed,
    lambda state: state.assistances and state.assistances[-1].status,
    lambda state: state.extension.status,
    lambda state: state.parts and state.parts[0].ended,
    lambda state: (state.erasure_asked_by, state.follow_up),
)
"""What a command may need to have happened before, wherever the demand stands; one at a time, their product would be endless."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The network of Ningbo and the places the demand passes: hub, county hub, two of its windows, a window of another county."""

    network: Network
    county: str
    window: str
    second: str
    elsewhere: str

    def standing(self, role: str, node: str | None = None, party: str = "person") -> Standing:
        """Somebody who acts."""
        return Standing(role, party, self.network, node)  # type: ignore[arg-type] # one of the roles


@lru_cache(maxsize=1)
def scene() -> Scene:
    """Find the places."""
    network = Network(load_network(Path(__file__).resolve().parent.parent / "networks" / "ningbo"), revision="lifecycle", seq=1)
    windows: dict[str, list[str]] = {}
    for node in network.content.nodes:
        if node.kind == "window_township" and node.status == "active" and node.parent is not None:
            windows.setdefault(node.parent, []).append(node.id)
    county = next(county for county, found in windows.items() if len(found) > 1)
    other = next(county_ for county_ in windows if county_ != county)
    return Scene(network, county, windows[county][0], windows[county][1], windows[other][0])


@lru_cache(maxsize=2)
def without(node: str) -> Network:
    """The network while a node is suspended."""
    content = scene().network.content
    nodes = tuple(one.model_copy(update={"status": "suspended"}) if one.id == node else one for one in content.nodes)
    return Network(content.model_copy(update={"nodes": nodes}), revision="lifecycle-without", seq=2)


@lru_cache(maxsize=1)
def explore() -> frozenset[Edge]:
    """Every (command, status before, status after) that the deciders lead to."""
    edges: set[Edge] = set()
    for aspect in _ASPECTS:
        first = _apply(INITIAL, intake.SubmitDemand(submitted()), START)
        assert first is not None
        edges.add(("SubmitDemand", Status.SUBMITTED, Status.SUBMITTED))
        seen, left = {_place(first, aspect)}, [first]
        while left:
            state = left.pop()
            assert state.status is not None
            for command, now in commands(state):
                after = _apply(state, command, now)
                if after is None:
                    continue
                assert after.status is not None
                edges.add((type(command).__name__, state.status, after.status))
                if (place := _place(after, aspect)) not in seen:
                    seen.add(place)
                    left.append(after)
    return frozenset(edges)


def submitted() -> DemandSubmitted:
    """The demand whose life is drawn."""
    return DemandSubmitted(
        network=scene().network.name,
        channel="partner",
        region=_region(),
        urgency="normal",
        party="partner",
        enterprise="enterprise",
        desk=scene().network.hub.id,
        title=_SEALED,
        description=_SEALED,
        requester=_SEALED,
    )


def commands(state: DemandState) -> Iterator[tuple[Command, datetime]]:
    """Every command, by somebody who may give it in a demand's usual course, and when it is given."""
    assert state.at is not None
    now = state.at + MINUTE
    here = scene()
    timing = Timing(now, here.network.clocks())
    for command in (*_enterprise(state, timing), *_system(state, timing), *_node(state, timing), *_above(state, timing)):
        yield command, now
    due = next_due(state)
    if due is not None:
        later = max(due, now)
        yield router.KeepTime(here.network, Timing(later, here.network.clocks())), later


def _enterprise(state: DemandState, timing: Timing) -> Sequence[Command]:
    by = scene().standing("enterprise")
    return (
        intake.SupplementDemand(by, _SEALED),
        intake.CorrectDemand(by, timing, urgency="urgent"),
        intake.CorrectDemand(by, timing, region=_region()),
        intake.WithdrawDemand(by, timing),
        intake.ProvideCompletion(by, timing, _SEALED),
        intake.ConfirmResolution(by, timing),
        intake.DisputeResolution(by, timing, _SEALED),
        intake.RequestReopening(by, timing, _SEALED),
        intake.RateDemand(by, "satisfied"),
        intake.RaiseComplaint(by, _SEALED),
    )


def _system(state: DemandState, timing: Timing) -> Sequence[Command]:
    here = scene()
    found = Classification(category="digital", taxonomy="1", scores={}, evidence=())
    inputs = RoutingInputs(category=state.category, region=state.region, urgency=state.urgency)
    turns = (here.window, here.second)
    chosen = turns[len(state.assignments) % 2]
    why = Explanation(policy="1", basis=Basis(registry_seq=1), inputs=inputs, path="candidate", chosen=chosen, candidates=(), excluded={})
    return (
        router.ClassifyDemand(found),
        router.RouteDemand(why, timing),
        *([router.OpenArbitration(here.network, timing)] if state.returns else []),
        *([router.ReleaseHolder(state.current.id, timing)] if state.current is not None else []),
        *([router.ReplaceArbiter(without(state.arbitration.arbiter), timing)] if state.arbitration is not None else []),
        router.OrderFollowUp("sampled", timing),
        router.SuggestDuplicates((Likeness(demand="older", score=80, reasons=("text",)),)),
        router.ReceiveMerge("younger"),
        router.CompletePart("part-1", "closed"),
        router.ReopenPart("part-1"),
        router.EraseWithWhole("first person", "second person"),
        router.UnmergeDemand("target_ended", None),
    )


def _node(state: DemandState, timing: Timing) -> Sequence[Command]:
    here = scene()
    current = state.current or (state.assignments[-1] if state.assignments else None)
    if current is None:
        return ()
    by, assistance = here.standing("coordinator", here.network.hub.id), state.assistances[-1].id if state.assistances else "s1"
    a, span = current.id, Span(5, "wd")
    parts = tuple(SplitPart(part=f"p{n}", demand=f"part-{n}", region=state.region, title=_SEALED, description=_SEALED) for n in (1, 2))
    act = state.own_act.assignment if state.own_act is not None else a
    return (
        router.AcceptAssignment(a, by, timing),
        router.ReturnAssignment(a, by, timing, "no_capacity"),
        router.ForwardAssignment(a, here.elsewhere, "competence", by, timing),
        *(router.ForwardAssignment(a, node, "competence", by, timing) for node in state.held_by),
        router.NameHandler(a, "handler", by),
        router.TakeBackAct(act, by, timing),
        router.ReportProgress(a, by, timing, _SEALED),
        router.RecordService(a, by, timing, "online", "welfare"),
        router.RequestCompletion(a, by, timing, _SEALED),
        router.RequestExtension(a, span, by, timing, _SEALED),
        router.RequestAssistance(a, here.county, by, timing, _SEALED),
        router.AcceptAssistance(assistance, by),
        router.DeclineAssistance(assistance, by, "no_capacity"),
        router.DeliverAssistance(assistance, by, _SEALED),
        router.SplitDemand(a, by, "lead", parts),
        router.ResolveDemand(a, by, timing, "solved", _SEALED),
    )


def _above(state: DemandState, timing: Timing) -> Sequence[Command]:
    """Another of the hub's coordinators than the one who handles; the bureau where the hub itself is looked at."""
    here = scene()
    hub, bureau = here.standing("coordinator", here.network.hub.id, "above"), here.standing("bureau")
    at_desk = state.holder is not None and state.holder.node == here.network.hub.id
    above = bureau if at_desk else hub
    other = "market" if state.category != "market" else "quality"
    older = _apply(INITIAL, intake.SubmitDemand(submitted()), START - timedelta(days=1))
    assert older is not None
    arbiter = here.standing("coordinator", state.arbitration.arbiter) if state.arbitration is not None else hub
    return (
        router.AttachEvidence("file", "sha256:0", "application/pdf", 1, hub),
        router.ReclassifyDemand(other, hub, timing),
        router.RefuseDemand("out_of_scope", _SEALED, hub, timing),
        router.MergeDemand("demand", "older", older, hub, timing),
        router.UnmergeDemand("by_person", hub),
        router.ArbitrateAssignment(here.second, _SEALED, arbiter, timing),
        router.SuspendDemand("third_party", timing.now + timedelta(days=2), hub, timing, _SEALED),
        router.ResumeDemand(hub, timing),
        router.DecideExtension(True, hub, timing),
        router.DecideExtension(False, hub, timing, _SEALED),
        router.OpenSupervision(above, timing, _SEALED),
        router.CloseSupervision(f"v{len(state.supervisions)}", bureau, _SEALED),
        router.DecideDispute(True, True, hub, timing, _SEALED),
        router.DecideDispute(True, False, hub, timing, _SEALED),
        router.DecideDispute(False, True, hub, timing, _SEALED),
        *(router.RecordFollowUp(outcome, hub, timing, _SEALED) for outcome in ("confirmed", "disputed", "unreachable")),
        *(router.DecideComplaint(f"c{len(state.complaints)}", True, by, _SEALED) for by in (hub, bureau)),
        router.RequestErasure("subject_asked", hub),
        router.ApproveErasure(here.standing("coordinator", here.network.hub.id, "second person")),
    )


def _apply(state: DemandState, command: Command, now: datetime) -> DemandState | None:
    """The state a command leads to; None if it is refused or does nothing."""
    try:
        events: Sequence[DemandEvent] = (
            intake.decide(command, state) if isinstance(command, intake.Command) else router.decide(state, command)
        )
    except (Refused, NotFound):
        return None
    for event in events:
        state = evolve(state, event, version=1, at=now)
    return state if events else None


def _place(state: DemandState, aspect: Callable[[DemandState], Hashable]) -> Hashable:
    """What tells two states apart for the drawing."""
    return state.status, state.arbitration is not None, state.resolved_assignment is not None, state.services > 0, aspect(state)


def _region() -> str:
    return scene().network.node(scene().window).regions[0]


def lifecycle_page() -> str:
    """docs/lifecycle.md: a diagram of what changes the status, and a table of every command."""
    edges = explore()
    return "".join((_HEAD, *_diagram(edges), _TABLE_HEAD, *_rows(edges)))


_HEAD: Final = """# 诉求的生命周期 · Life cycle of a demand
<!-- 由 `make docs` 生成，请勿手改。 Made by `make docs`; change the code, not this file. -->

图和表由程序从判定规则本身得出：在每个能到达的状态下逐一试发每个命令，记下结果。没有一条线是手画的。

Diagram and table come from the deciding code itself: every command was given in every state that can be reached, and what came of it
was written down. No edge is drawn by hand.

```mermaid
stateDiagram-v2
    direction TB
"""
_TABLE_HEAD: Final = """```

“时限处理”是时间到了系统自己做的事：逾期改派、中止期满、无人确认结案、无人裁决视为成立。

*keep time* is what the system does when a deadline passes: silence lets an assignment lapse, ends a pause, closes unconfirmed, upholds a
dispute nobody decided.

## 命令 · Commands

| 命令 command | 代码 code | 状态不变 leaves the status | 改变状态 changes it |
|---|---|---|---|
"""


def _diagram(edges: frozenset[Edge]) -> Iterator[str]:
    for status in Status:
        zh, en = CODES["status"][status]
        yield f'    state "{zh} · {en}" as {status}\n'
    yield "    [*] --> submitted: 提出诉求 submit\n"
    for before in Status:
        for after in Status:
            names = [name for name in in_order() if (name, before, after) in edges] if before is not after else []
            if names:
                yield f"    {before} --> {after}: {'、'.join(_words(name) for name in names)}\n"


def _rows(edges: frozenset[Edge]) -> Iterator[str]:
    for name in in_order():
        stays = [before for before in Status if (name, before, before) in edges]
        moves = [f"{before} → {after}" for before in Status for after in Status if before is not after and (name, before, after) in edges]
        zh, en = CODES["command"][name]
        yield f"| {zh} · {en} | `{name}` | {', '.join(stays)} | {', '.join(moves)} |\n"


def in_order() -> tuple[str, ...]:
    """Return the commands in the order of the life cycle's own table; those of the system right after the one they go with."""
    extra = {to: [name for name, of in _STEPS.items() if of == to] for to in _STEPS.values()}
    return tuple(name for known in ALLOWED for name in (*(() if known in extra else (known,)), *extra.get(known, ())))


def possible(command: str) -> frozenset[Status]:
    """Tell where the life cycle's own table allows a command."""
    return ALLOWED[_STEPS.get(command, command)]


def _words(name: str) -> str:
    zh, en = CODES["command"][name]
    return f"{zh} {en}"
