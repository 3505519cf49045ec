"""Random histories in which everything happens that can happen to a demand, with promises, pauses and own acts taken back.

They keep to the order of the life cycle (what is possible in which status), not to every right and deadline: projections must agree
with the folded demand whatever the rules were when a history was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache
from random import Random

from hypothesis import strategies as st

from libs.demand import INITIAL, PAUSED, FollowUp, Status, Timing, evolve
from libs.demand.deadlines import after_pause, brought_forward
from libs.demand.state import ASSISTING, ComplaintStatus, ExtensionStatus
from libs.directory import NetworkClocks, load_network
from libs.directory.calendar import network_clocks
from libs.events import (
    ActTakenBack,
    ArbitrationOpened,
    AssignmentAccepted,
    AssignmentArbitrated,
    AssignmentLapsed,
    AssignmentRecalled,
    AssignmentReturned,
    AssistanceAccepted,
    AssistanceDeclined,
    AssistanceDelivered,
    AssistanceRequested,
    ComplaintDismissed,
    ComplaintRaised,
    ComplaintVerified,
    CompletionProvided,
    CompletionRequested,
    Deadline,
    DeadlineMissed,
    DeadlinesSet,
    DeadlineWarned,
    DemandClassified,
    DemandClosed,
    DemandCorrected,
    DemandEscalated,
    DemandForwarded,
    DemandMerged,
    DemandRated,
    DemandRefused,
    DemandReopened,
    DemandResolved,
    DemandResumed,
    DemandSplit,
    DemandSubmitted,
    DemandSupplemented,
    DemandSuspended,
    DemandUnmerged,
    DemandWithdrawn,
    DuplicateSuggested,
    ErasureRequested,
    Event,
    EvidenceAttached,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    FollowUpOrdered,
    FollowUpRecorded,
    HandlerNamed,
    HistoryImported,
    MergeReceived,
    PartCompleted,
    PartReopened,
    PersonalDataErased,
    ProgressReported,
    ResolutionConfirmed,
    ResolutionDisputed,
    Sealed,
    ServiceRecorded,
    SupervisionClosed,
    SupervisionOpened,
)
from libs.events.assisting import ImportedStep, Likeness, SplitPart
from libs.events.closing import Grade, ReopenCause
from libs.events.handling import ResumeCause
from libs.events.timekeeping import Limit
from tests.unit.house.sources import ROOT
from tests.unit.tracker.histories import HUB, NODES, START, History, assignment_to, demand_of, requester

COUNTY = "county-1"
Move = Callable[[], tuple[Event, ...]]


@lru_cache(maxsize=1)
def clocks() -> NetworkClocks:
    """The limits and working days of Ningbo."""
    return network_clocks("testnet", load_network(ROOT / "networks" / "ningbo").clocks, "Asia/Shanghai")


class Life:
    """A demand's history under construction, folded as it grows. The writers' clocks are skewed against each other."""

    def __init__(self, number: int, random: Random, *, cell: str = "t1") -> None:
        self.history = History(demand_of(number, cell=cell), party=f"partner-{random.randrange(3)}")
        self.state = INITIAL
        self._random = random
        self._now = START
        self._at = START

    def live(self, steps: int) -> History:
        """Submit, then do something possible `steps` times."""
        self._commit(self._submitted())
        for _ in range(steps):
            moves = list(self._moves())
            if not moves:
                break
            self._tick()
            self._commit(self._random.choice(moves)())
        return self.history

    def _seldom(self) -> bool:
        return self._random.random() < 0.1

    def _tick(self) -> None:
        """Another writer's clock may be minutes behind; a commit is never earlier than its predecessor."""
        passed = self._random.choice([-120, 0, 1, 61, 3_599, 40_000, 200_000])
        self._now += timedelta(seconds=passed, milliseconds=self._random.randrange(1000) if passed > 0 else 0)
        self._at = max(self._now, self.state.at or self._now)

    def _commit(self, events: tuple[Event, ...]) -> None:
        self.history.then(*events, at=self._at)
        for event in events:
            self.state = evolve(self.state, event, version=len(self.history.commits), at=self._at)

    def _note(self) -> Sealed:
        return self.history.sealed("样例", "note")

    def _set(self, *limits: Limit) -> DeadlinesSet:
        due = self._at + timedelta(hours=self._random.randrange(1, 200))
        return DeadlinesSet(clocks="testnet/clocks/1", deadlines={limit: Deadline(at=due) for limit in limits})

    def _submitted(self) -> tuple[Event, ...]:
        random, history = self._random, self.history
        received = START - timedelta(seconds=random.randrange(1, 10**6)) if random.random() < 0.2 else None
        submitted = DemandSubmitted(
            network=history.demand.partition("-")[0],
            channel="web",
            region="330203",
            urgency="normal",
            party=history.party,
            enterprise="ent-0123456789abcdef",
            desk=HUB,
            sample=random.random() < 0.5,
            title=history.sealed("数字化改造", "title"),
            description=history.sealed("样例诉求", "description"),
            requester=history.sealed(requester("样例公司"), "requester"),
            submitter_node=random.choice([None, HUB, *NODES]),
            received_at=received,
        )
        steps = (ImportedStep(at=received, step="accepted", note=history.sealed("样例", "steps.0.note")),) if received is not None else ()
        return (submitted, HistoryImported(source="旧平台", former_id="1", steps=steps)) if received is not None else (submitted,)

    def _moves(self) -> Iterator[Move]:
        state = self.state
        if state.erased:
            return
        if state.own_act is not None:
            own = state.own_act
            yield lambda: (ActTakenBack(act=own.act, assignment=own.assignment, node=own.node),)
            yield lambda: (ActTakenBack(act=own.act, assignment=own.assignment, node=own.node),)
        match state.status:
            case Status.SUBMITTED | Status.TRIAGE if state.arbitration is not None:
                yield lambda: (self._arbitrated(), self._set("accept"))
                yield lambda: (ArbitrationOpened(arbiter=HUB, parties=NODES[:2], cause="silence"), self._set("arbitrate"))
            case Status.SUBMITTED | Status.TRIAGE:
                yield lambda: (DemandClassified(category="digital", by=self._random.choice(["rule", "person"])), *self._assign())
                yield self._assign
                yield lambda: (DemandCorrected(fields=("region",), region="330206"),)
                yield self._more_or_less_urgent
                yield lambda: (ArbitrationOpened(arbiter=COUNTY, parties=NODES[:2], cause="loop"), self._set("arbitrate"))
                yield lambda: (DuplicateSuggested(suggestions=(Likeness(demand=demand_of(99), score=80, reasons=("text",)),)),)
                if self._seldom():
                    yield self._merge
            case Status.ASSIGNED | Status.IN_PROGRESS | Status.AWAITING_ENTERPRISE | Status.SUSPENDED:
                yield from self._handling()
            case Status.RESOLVED:
                yield lambda: (ResolutionConfirmed(by="enterprise"), DemandClosed(outcome="confirmed"), self._set("reopen"))
                yield lambda: (DemandClosed(outcome="unconfirmed"), self._set("reopen"))
                yield lambda: (ResolutionDisputed(by="enterprise", note=self._note()), self._set("dispute"))
                yield self._rate
                yield self._order_follow_up
            case Status.DISPUTED:
                yield lambda: self._reopen("dispute_upheld")
                yield lambda: (DeadlineMissed(limit="dispute", node=COUNTY, due=self._at), *self._reopen("dispute_unanswered"))
                yield lambda: (DemandClosed(outcome="dispute_rejected", by=COUNTY, note=self._note()), self._set("reopen"))
            case Status.CLOSED:
                yield lambda: self._reopen("enterprise_asked")
                yield self._rate
                yield self._order_follow_up
                yield self._complain
                yield lambda: (ErasureRequested(requested_by="person-1", reason="subject_asked"),)
                if state.follow_up is FollowUp.ORDERED:
                    yield lambda: (FollowUpRecorded(by=COUNTY, outcome="unreachable", mismatch=False, again=True),)
                    yield lambda: (FollowUpRecorded(by=COUNTY, outcome="confirmed", mismatch=False),)
                    yield lambda: (FollowUpRecorded(by=COUNTY, outcome="disputed", mismatch=True), *self._reopen("call_back"))
                if state.erasure_asked_by is not None:
                    yield lambda: (PersonalDataErased(requested_by="person-1", approved_by="person-2", key=state.key_id),)
            case Status.MERGED:
                yield lambda: (DemandUnmerged(into=state.merged_into or "", reason="by_person"),)
            case Status.REFUSED:
                yield lambda: self._reopen("enterprise_asked")
            case _:
                pass
        if state.is_open and self._random.random() < 0.4:
            yield from self._any_time()

    def _any_time(self) -> Iterator[Move]:
        state = self.state
        yield lambda: (
            SupervisionOpened(supervision=f"v{len(state.supervisions) + 1}", by=COUNTY, note=self._note()),
            self._set("supervise"),
        )
        for supervision in state.supervisions:
            if not supervision.closed:
                yield lambda v=supervision.id: (SupervisionClosed(supervision=v, by=COUNTY, note=self._note()),)  # type: ignore[misc]
        for complaint in state.complaints:
            if complaint.status is ComplaintStatus.RAISED:
                yield lambda c=complaint: (ComplaintVerified(complaint=c.id, node=c.node, by=HUB, note=self._note()),)  # type: ignore[misc]
                yield lambda c=complaint: (ComplaintDismissed(complaint=c.id, node=c.node, by=HUB, note=self._note()),)  # type: ignore[misc]
        yield lambda: (MergeReceived(demand=demand_of(98)),)
        if "resolve" in state.deadlines:
            due = state.deadlines["resolve"].at
            node = state.holder.node if state.holder is not None else HUB
            missed = DeadlineMissed(limit="resolve", node=node, due=due)
            level = state.escalation + 1
            yield lambda: (missed, DemandEscalated(rule="resolve", level=level, to=self._random.choice([COUNTY, HUB])), self._set("chase"))
            yield lambda: (DeadlineWarned(limit="resolve", node=node, due=due),)
        yield self._supplement
        if state.status is not Status.RESOLVED and self._seldom():
            yield lambda: (DemandWithdrawn(),)
            yield lambda: (DemandRefused(reason="out_of_scope", next_step=self.history.sealed("请另寻渠道", "next_step")),)

    def _handling(self) -> Iterator[Move]:
        state, random = self.state, self._random
        held = state.current
        assert held is not None
        where = {"assignment": held.id, "node": held.node}
        resumed = self._resumed
        if state.status is Status.ASSIGNED:
            yield lambda: (AssignmentAccepted(**where),)
            yield lambda: (AssignmentAccepted(**where),)
            yield lambda: (AssignmentLapsed(**where), *self._assign())
            yield self._more_or_less_urgent
        else:
            yield lambda: (HandlerNamed(**where, handler=f"person-{random.randrange(9)}"),)
            yield lambda: (ProgressReported(**where, note=self._note()),)
            yield lambda: (ServiceRecorded(**where, mode="online", fee="welfare"),)
            yield lambda: (EvidenceAttached(file=f"f{len(state.files)}", digest="sha256:0", media_type="image/png", size=9, side="node"),)
            yield lambda: (
                AssistanceRequested(
                    **where,
                    assistance=f"s{len(state.assistances) + 1}",
                    assistant=random.choice(NODES),
                    due=self._at + timedelta(days=1),
                    note=self._note(),
                ),
            )
            yield self._split
        for assistance in state.assistances:
            if assistance.status in ASSISTING:
                yield lambda a=assistance: (AssistanceAccepted(assistance=a.id, assistant=a.node),)  # type: ignore[misc]
                yield lambda a=assistance: (AssistanceDeclined(assistance=a.id, assistant=a.node, reason="no_capacity"),)  # type: ignore[misc]
                yield lambda a=assistance: (AssistanceDelivered(assistance=a.id, assistant=a.node, note=self._note()),)  # type: ignore[misc]
                yield lambda a=assistance: (DeadlineMissed(limit="assist", node=a.node, due=a.due, assistance=a.id),)  # type: ignore[misc]
        if self._random.random() < 0.5:
            yield from self._leaving(held.id, held.node)
        if self._seldom():
            yield self._merge
        if state.status is Status.IN_PROGRESS:
            yield lambda: (DemandResolved(**where, result="solved", note=self._note()), self._set("confirm"))
            yield lambda: (DemandResolved(**where, result="answered", note=self._note()), self._set("confirm"))
            yield lambda: (CompletionRequested(**where, note=self._note()), self._set("complete"))
            yield lambda: self._suspend(held.id, held.node)
            yield lambda: (ExtensionRequested(**where, span="5wd", note=self._note()),)
            if state.extension.status is ExtensionStatus.REQUESTED:
                yield lambda: (ExtensionGranted(assignment=held.id, by=COUNTY), self._set("resolve", "warn"))
                yield lambda: (ExtensionRefused(assignment=held.id, by=COUNTY, note=self._note()),)
        if state.status is Status.AWAITING_ENTERPRISE:
            yield lambda: (CompletionProvided(note=self._note()), *resumed("completed"))
        if state.status in (Status.AWAITING_ENTERPRISE, Status.SUSPENDED):
            yield lambda: resumed("expired")
            yield lambda: resumed("by_person")

    def _leaving(self, assignment: str, node: str) -> Iterator[Move]:
        where = {"assignment": assignment, "node": node}
        if self.state.status in PAUSED:
            yield lambda: (*self._resumed("holder_changed"), AssignmentRecalled(**where, reason="holder_unavailable"), *self._assign())
            return
        yield lambda: (AssignmentReturned(**where, reason="no_capacity"), *self._assign())
        yield lambda: (AssignmentReturned(**where, reason="other"),)
        yield lambda: (AssignmentRecalled(**where, reason="classified"), DemandClassified(category="quality", by="person"))
        yield lambda: (
            DemandForwarded(**where, to=self._random.choice(NODES), next=self.state.next_assignment, reason="agreement"),
            self._set("accept"),
        )

    def _supplement(self) -> tuple[Event, ...]:
        return (DemandSupplemented(note=self._note()),)

    def _assign(self) -> tuple[Event, ...]:
        wanted: list[Limit] = ["accept"] if "resolve" in self.state.deadlines else ["accept", "resolve", "warn"]
        return (assignment_to(self._random.choice(NODES), self.state.next_assignment), self._set(*wanted))

    def _more_or_less_urgent(self) -> tuple[Event, ...]:
        corrected = DemandCorrected(fields=("urgency",), urgency=self._random.choice(["normal", "urgent", "critical"]))
        after = evolve(self.state, corrected, version=0, at=self._at)
        sooner = brought_forward(after, Timing(self._at, clocks()), self.state.urgency)
        return (corrected, sooner) if sooner is not None else (corrected,)

    def _arbitrated(self) -> AssignmentArbitrated:
        arbiter = self.state.arbitration.arbiter if self.state.arbitration is not None else HUB
        node = self._random.choice(NODES)
        return AssignmentArbitrated(
            assignment=self.state.next_assignment, node=node, arbiter=arbiter, parties=NODES[:2], region="330203", note=self._note()
        )

    def _merge(self) -> tuple[Event, ...]:
        return (DemandMerged(into=demand_of(97), by=HUB),)

    def _split(self) -> tuple[Event, ...]:
        state = self.state
        held = state.current
        if state.parts or held is None:
            return (
                tuple(
                    PartReopened(part=part.part, demand=part.demand)
                    if part.ended
                    else PartCompleted(part=part.part, demand=part.demand, status="closed")
                    for part in state.parts[:1]
                )
                or self._supplement()
            )
        parts = tuple(
            SplitPart(
                part=f"p{number}",
                demand=demand_of(900 + number),
                region="330203",
                title=self.history.sealed("分项", f"parts.p{number}.title"),
                description=self.history.sealed("分项说明", f"parts.p{number}.description"),
            )
            for number in (1, 2)
        )
        return (DemandSplit(assignment=held.id, node=held.node, join="all", parts=parts),)

    def _suspend(self, assignment: str, node: str) -> tuple[Event, ...]:
        promise = self._set("resume")
        until = promise.deadlines["resume"].at
        suspended = DemandSuspended(assignment=assignment, node=node, by=COUNTY, reason="third_party", until=until, note=self._note())
        return (suspended, promise)

    def _resumed(self, cause: ResumeCause) -> tuple[Event, ...]:
        seconds, moved = after_pause(self.state, Timing(self._at, clocks()))
        return (DemandResumed(cause=cause, paused_seconds=seconds), DeadlinesSet(clocks="testnet/clocks/1", deadlines=moved))

    def _reopen(self, cause: ReopenCause) -> tuple[Event, ...]:
        again = self.state.resolved_assignment if self._random.random() < 0.5 else None
        return (DemandReopened(cause=cause, assignment=again), self._set("resolve", "warn"))

    def _rate(self) -> tuple[Event, ...]:
        grade: Grade = self._random.choice(["very_satisfied", "fairly_satisfied", "unsatisfied"])
        return (DemandRated(grade=grade, resolution=self.state.resolutions, node=self.state.resolved_by or HUB),)

    def _order_follow_up(self) -> tuple[Event, ...]:
        return (FollowUpOrdered(reason="sampled", node=self.state.resolved_by or HUB), self._set("follow_up"))

    def _complain(self) -> tuple[Event, ...]:
        raised = ComplaintRaised(complaint=f"c{len(self.state.complaints) + 1}", node=self.state.resolved_by or HUB, note=self._note())
        return (raised,)


def whole_life(number: int, random: Random, steps: int, *, cell: str = "t1") -> History:
    """A random history of one submission and `steps` more commits."""
    return Life(number, random, cell=cell).live(steps)


whole_lives = st.builds(lambda seed, steps: whole_life(seed, Random(seed), steps), st.integers(0, 100_000), st.integers(0, 30))
