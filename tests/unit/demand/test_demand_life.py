"""Long lives of one demand, driven by the services' own deciders: what must hold after every commit."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from libs.demand import ALLOWED, INITIAL, OPEN, AssignmentStatus, DemandState, evolve
from libs.events import Event, LiandongError, Refused
from libs.events.demand import RoutePath
from libs.events.testing import at, sealed
from services.intake import domain as intake
from services.router import domain as router
from tests.unit.demand import situations as s

NODES = st.sampled_from([s.WINDOW, s.SECOND, "nb-specialist"])
LAST_RESORTS = st.sampled_from([(s.HUB, "desk"), (s.COUNTY_HUB, "lowest_hub"), (s.HUB, "lowest_hub")])


class DemandLife(RuleBasedStateMachine):
    """Issues only commands the life cycle allows, and events only as the deciders build them."""

    def __init__(self) -> None:
        super().__init__()
        self.state: DemandState = INITIAL
        self.history: list[Sequence[Event]] = []
        self.ever_returned: tuple[str, ...] = ()
        self.closed: DemandState | None = None

    def commit(self, events: Sequence[Event]) -> None:
        if not events:
            return
        self.history.append(events)
        for event in events:
            self.state = evolve(self.state, event, version=len(self.history), at=at(len(self.history)))
        if not self.state.is_open and self.closed is None:
            self.closed = self.state

    def allowed(self, command: str) -> bool:
        return self.state.status in ALLOWED[command]

    @property
    def assignment(self) -> str:
        assert self.state.holder is not None
        assert self.state.holder.assignment is not None
        return self.state.holder.assignment

    @initialize(category=st.sampled_from(["digital", None]))
    def submit(self, category: str | None) -> None:
        self.commit(intake.decide(intake.SubmitDemand(s.submitted(category)), self.state))

    @precondition(lambda self: self.allowed("SupplementDemand"))
    @rule()
    def supplement(self) -> None:
        self.commit(intake.decide(intake.SupplementDemand(s.PARTY, sealed()), self.state))

    @precondition(lambda self: self.allowed("CorrectDemand"))
    @rule(region=st.sampled_from([None, "330282"]), urgency=st.sampled_from(["normal", "urgent"]))
    def correct(self, region: str | None, urgency: str) -> None:
        self.commit(intake.decide(intake.CorrectDemand(s.PARTY, region=region, urgency=urgency), self.state))

    @precondition(lambda self: self.allowed("AssignDemand"))
    @rule(node=NODES, classify=st.booleans())
    def route(self, node: str, classify: bool) -> None:
        found = s.found() if classify else None
        self.commit(router.decide(self.state, router.RouteDemand(s.explanation(node, "candidate", found))))

    @precondition(lambda self: self.allowed("ClassifyDemand"))
    @rule(category=st.sampled_from(["digital", None]))
    def classify(self, category: str | None) -> None:
        self.commit(router.decide(self.state, router.ClassifyDemand(s.found(category))))

    @precondition(lambda self: self.allowed("AssignDemand"))
    @rule(last=LAST_RESORTS)
    def fall_back(self, last: tuple[str, RoutePath]) -> None:
        self.commit(router.decide(self.state, router.AssignDemand(s.explanation(*last))))

    @precondition(lambda self: self.allowed("AcceptAssignment"))
    @rule()
    def accept(self) -> None:
        self.commit(router.decide(self.state, router.AcceptAssignment(self.assignment, acting_for=True)))

    @precondition(lambda self: self.allowed("ReturnAssignment"))
    @rule()
    def give_back(self) -> None:
        try:
            events = router.decide(self.state, router.ReturnAssignment(self.assignment, acting_for=True, reason="no_capacity"))
        except Refused as refused:
            assert refused.code == "last_resort_cannot_return"  # noqa: PT017 - one refusal is lawful here, and which one matters
            return
        self.commit(events)

    @precondition(lambda self: self.allowed("ReportProgress"))
    @rule()
    def report(self) -> None:
        self.commit(router.decide(self.state, router.ReportProgress(self.assignment, acting_for=True, note=sealed())))

    @precondition(lambda self: self.allowed("ResolveDemand"))
    @rule()
    def resolve(self) -> None:
        self.commit(router.decide(self.state, router.ResolveDemand(self.assignment, acting_for=True, result="solved", note=sealed())))

    @precondition(lambda self: self.allowed("WithdrawDemand") and len(self.history) > 5)
    @rule()
    def withdraw(self) -> None:
        self.commit(intake.decide(intake.WithdrawDemand(s.PARTY), self.state))

    @precondition(lambda self: self.closed is not None)
    @rule()
    def try_everything_on_a_closed_demand(self) -> None:
        for attempt in (
            lambda: intake.decide(intake.WithdrawDemand(s.PARTY), self.state),
            lambda: intake.decide(intake.CorrectDemand(s.PARTY, region="330282"), self.state),
            lambda: router.decide(self.state, router.RouteDemand(s.explanation(s.WINDOW))),
        ):
            try:
                attempt()
            except LiandongError:
                continue
            raise AssertionError("a closed demand took a command")

    @invariant()
    def an_open_demand_has_exactly_one_holder(self) -> None:
        if self.state.status not in OPEN:
            return
        assert self.state.holder is not None
        if self.state.holder.assignment is None:
            assert self.state.holder.node == self.state.desk
        else:
            assert self.state.current is not None
            assert self.state.current.node == self.state.holder.node

    @invariant()
    def at_most_one_assignment_is_in_force_and_it_is_the_holder_s(self) -> None:
        in_force = [a for a in self.state.assignments if a.status in (AssignmentStatus.OPEN, AssignmentStatus.ACCEPTED)]
        assert len(in_force) <= 1
        if in_force:
            assert in_force[0] == self.state.current

    @invariant()
    def a_closed_demand_never_reopens(self) -> None:
        assert self.closed is None or self.state == self.closed

    @invariant()
    def returns_are_never_forgotten(self) -> None:
        assert self.state.returned_by[: len(self.ever_returned)] == self.ever_returned
        self.ever_returned = self.state.returned_by

    @invariant()
    def assignments_are_numbered_without_gaps(self) -> None:
        assert [a.id for a in self.state.assignments] == [f"a{number}" for number in range(1, len(self.state.assignments) + 1)]

    @invariant()
    def the_state_is_the_fold_of_the_history(self) -> None:
        assert s.DEMAND.given(*self.history).state == self.state


DemandLife.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestDemandLife = DemandLife.TestCase
