"""Time, timers, owed reactions and the check, on simulated clocks and memory stores: what the integration tests show in real seconds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

import pytest

from libs.chassis.keyring import DataKey
from libs.chassis.metrics import Metrics
from libs.demand import INITIAL, OPEN, DemandState, Status, evolve, next_due
from libs.directory import Directory, Network
from libs.events import (
    Actor,
    ArbitrationOpened,
    AssignmentReturned,
    Deadline,
    DeadlinesSet,
    DemandClosed,
    DemandMerged,
    DemandSplit,
    DemandWithdrawn,
    Event,
    MergeReceived,
    PersonalDataErased,
    SplitPart,
)
from libs.events.execute import Order, execute, load_fold
from libs.events.memory import MemoryEventStore
from libs.events.names import demand_subject
from libs.events.testing import Given
from libs.events.timers import Fired, MemoryTimers
from services.router.availability import is_available, is_gone
from services.router.cases import CaseBook, OpenLoad
from services.router.check import Doubt, Ledger, Watched, differences, doubts
from services.router.follow_ups import reason_of
from services.router.metrics import Meters
from services.router.open_demands import OpenDemand
from services.router.process import Dispatcher
from services.router.reactions import owed
from services.router.timekeeper import AGAIN, Timekeeper
from services.router.waiting import open_row
from tests.unit.demand import situations
from tests.unit.demand.situations import (
    ACCEPTED,
    RESOLVED,
    accepted_demand,
    assigned_demand,
    closed_demand,
    resolved_demand,
    submitted_demand,
)
from tests.unit.router.random_routing import network_of, node
from tests.unit.router.router_situations import sealed, submitted

DEMAND = "testnet-t1-0123456789abcdef"
NOW = situations.march(2)


class Keys:
    async def get_many(self, key_ids: Iterable[str]) -> dict[str, DataKey]:
        return {}


class Bench:
    """A timekeeper on memory stores and a clock the test moves."""

    def __init__(self) -> None:
        self.now = NOW
        self.store = MemoryEventStore(lambda: self.now)
        network = network_of(node("win-one"), node("win-two", fee="market"))
        self.directory = Directory(seq=7, networks={"testnet": network}, history={network.name: (network,)})
        self.timers = MemoryTimers(self.now)
        self.meters = Meters(Metrics("router"), lambda: 64)
        self.dispatcher = Dispatcher(self.store, Keys(), lambda: self.directory, lambda: self.now, OpenLoad(), self.meters)
        self.keeper = Timekeeper(self.store, lambda: self.directory, self.dispatcher, lambda: self.now, self.meters)

    async def append(self, identity: str, *events: Event) -> None:
        order: Order[DemandState] = Order(
            demand_subject(DEMAND), DEMAND, "Test", identity, Actor(kind="partner", id="partner-1"), lambda _: events
        )
        await execute(self.store, order, initial=INITIAL, evolve=evolve, now=lambda: self.now)

    async def route(self) -> None:
        cases, _ = await CaseBook(self.store).load([(demand_subject(DEMAND), 0)])
        routed = await self.dispatcher.route(cases)
        assert routed.parked == []

    async def state(self) -> DemandState:
        return (await load_fold(self.store, demand_subject(DEMAND), INITIAL, evolve)).state

    def pass_to(self, moment: datetime) -> None:
        self.now = moment
        self.timers.advance_to(moment)


async def test_a_timer_that_fires_twice_acts_once() -> None:
    bench = Bench()
    await bench.append("submit", submitted())
    await bench.route()
    due = next_due(await bench.state())
    assert due is not None
    bench.pass_to(due)
    fired = [Fired(DEMAND, due)]
    first, second = await bench.keeper.fired(fired), await bench.keeper.fired(fired)
    state = await bench.state()
    assert [assignment.status for assignment in state.assignments] == ["lapsed"]
    assert first == second == {DEMAND: next_due(state)}


async def test_a_timer_that_comes_early_changes_nothing_and_is_set_again() -> None:
    bench = Bench()
    await bench.append("submit", submitted())
    await bench.route()
    before = await bench.state()
    assert await bench.keeper.fired([Fired(DEMAND, bench.now)]) == {DEMAND: next_due(before)}
    assert await bench.state() == before


async def test_two_timekeepers_on_one_demand_make_one_commit() -> None:
    bench = Bench()
    await bench.append("submit", submitted())
    await bench.route()
    due = next_due(await bench.state())
    assert due is not None
    bench.pass_to(due)
    other = Timekeeper(bench.store, lambda: bench.directory, bench.dispatcher, lambda: bench.now, bench.meters)
    for keeper in (bench.keeper, other):
        await keeper.look([DEMAND])
    commits = await bench.store.load(demand_subject(DEMAND))
    assert len(commits) == 3


async def test_what_nobody_routed_in_time_is_routed_by_its_timer() -> None:
    bench = Bench()
    await bench.append("submit", submitted())
    due = next_due(await bench.state())
    assert due is not None
    bench.pass_to(due)
    await bench.keeper.look([DEMAND])
    assert (await bench.state()).holder is not None
    assert [assignment.node for assignment in (await bench.state()).assignments] == ["win-one"]


async def test_a_demand_of_an_unknown_network_is_looked_at_again_later() -> None:
    bench = Bench()
    await bench.append("submit", submitted())
    bench.directory = Directory(seq=7)
    bench.pass_to(bench.now + timedelta(hours=1))
    assert await bench.keeper.fired([Fired(DEMAND, bench.now)]) == {DEMAND: bench.now + AGAIN}


async def test_a_demand_nobody_knows_waits_for_nothing() -> None:
    bench = Bench()
    assert await bench.keeper.fired([Fired(DEMAND, bench.now)]) == {DEMAND: None}


async def test_a_holder_that_is_gone_is_released_once_and_its_promises_stay() -> None:
    bench = Bench()
    await bench.append("submit", submitted())
    await bench.route()
    promised = (await bench.state()).deadlines["resolve"]
    assert await bench.keeper.release([DEMAND], lambda network, node: node == "win-one") == 1
    assert await bench.keeper.release([DEMAND], lambda network, node: node == "win-one") == 0
    state = await bench.state()
    assert state.waits_for_routing
    assert state.deadlines["resolve"] == promised


async def test_an_arbiter_that_is_gone_is_followed_once_by_the_next_one_up() -> None:
    bench = Bench()
    opened = ArbitrationOpened(arbiter="county", parties=("win-one",), cause="loop")
    promised = Deadline(at=NOW + timedelta(hours=1))
    await bench.append("submit", submitted())
    await bench.append("open", opened, DeadlinesSet(clocks="testnet/clocks/1", deadlines={"arbitrate": promised}))
    network = network_of(node("win-one"), node("county", "county_hub", status="suspended"))
    bench.directory = Directory(seq=8, networks={"testnet": network}, history={network.name: (network,)})
    for released in (1, 0):
        assert await bench.keeper.release([DEMAND], lambda network, node: node == "county") == released
        state = await bench.state()
        assert state.arbitration is not None
        assert (state.arbitration.arbiter, state.deadlines["arbitrate"]) == ("nb-hub", promised)


async def test_after_one_return_too_many_an_arbiter_is_asked_and_nobody_is_assigned() -> None:
    bench = Bench()
    await bench.append("submit", submitted())
    for number in range(1, 4):
        await bench.route()
        current = (await bench.state()).current
        assert current is not None
        await bench.append(f"return-{number}", AssignmentReturned(assignment=current.id, node=current.node, reason="no_capacity"))
    await bench.route()
    state = await bench.state()
    assert state.arbitration is not None
    assert (state.arbitration.arbiter, len(state.assignments)) == ("nb-hub", 3)


# What demands owe each other.


def part(name: str) -> SplitPart:
    return SplitPart(part=name, demand=f"testnet-t1-000000000000000{name[1]}", region="330200", title=sealed(), description=sealed())


ERASED = PersonalDataErased(requested_by="one", approved_by="two", key="key-sample")
SPLIT = DemandSplit(assignment="a1", node=situations.WINDOW, join="all", parts=(part("p1"), part("p2")))


@pytest.mark.parametrize(
    ("given", "kinds"),
    [
        (submitted_demand(), []),
        (accepted_demand(), []),
        (assigned_demand(DemandMerged(into="older", by="p")), ["merged"]),
        (assigned_demand(MergeReceived(demand="younger")), []),
        (assigned_demand(MergeReceived(demand="younger"), DemandWithdrawn()), ["gave_up"]),
        (accepted_demand(SPLIT), ["split"]),
        (situations.DEMAND.given(situations.submitted(parent="whole")), ["part"]),
        (situations.DEMAND.given(situations.submitted(parent="whole"), DemandWithdrawn()), ["part"]),
        (resolved_demand(), ["follow_up"]),
        (closed_demand(), ["follow_up"]),
        (closed_demand(ERASED), ["erased"]),
        (situations.DEMAND.given(situations.submitted(parent="whole"), DemandWithdrawn(), ERASED), ["part"]),
    ],
)
def test_what_a_demand_owes_follows_from_its_state(given: Given[DemandState], kinds: list[str]) -> None:
    assert [reaction.kind for reaction in owed(given.state)] == kinds


@pytest.mark.parametrize(
    ("submitter", "expected"),
    [(situations.WINDOW, "self_submitted"), (situations.NEIGHBOUR, "self_submitted"), (situations.SECOND, None), (None, None)],
)
def test_who_resolves_what_its_own_staff_submitted_is_called_back_before_it_closes(submitter: str | None, expected: str | None) -> None:
    state = situations.DEMAND.given(situations.submitted(node=submitter), *RESOLVED[1:]).state
    assert reason_of(DEMAND, state, situations.NETWORK) == expected


def test_the_sample_is_drawn_the_same_every_time_and_is_about_a_tenth() -> None:
    closed = resolved_demand(DemandClosed(outcome="confirmed")).state
    names = [f"testnet-t1-{number:016d}" for number in range(2_000)]
    drawn = [reason_of(name, closed, situations.NETWORK) for name in names]
    assert drawn == [reason_of(name, closed, situations.NETWORK) for name in names]
    assert 140 < drawn.count("sampled") < 260
    assert reason_of(DEMAND, closed_demand().state, situations.NETWORK) == "unconfirmed"


# Who is available, and what the check says.


def test_available_is_who_is_in_the_network_active_and_in_force_that_day_there() -> None:
    network = network_of(node("win-one"), node("win-late", in_force_to=date(2026, 3, 2)), node("win-out", status="suspended"))
    last = datetime.fromisoformat("2026-03-02T23:59:00+08:00")
    assert [is_available(network, one, last) for one in ("win-one", "win-late", "win-out", "win-none")] == [True, True, False, False]
    assert not is_available(network, "win-late", last + timedelta(minutes=1))
    directory = Directory(networks={"testnet": network})
    assert [is_gone(directory, "testnet", one, last) for one in ("win-out", "win-none", "win-one")] == [True, True, False]


def test_the_networks_own_hub_never_loses_what_it_holds() -> None:
    hub = node("nb-hub", "city_hub", parent=None, status="suspended")
    network = Network(network_of().content.model_copy(update={"nodes": (hub,)}))
    assert not is_gone(Directory(networks={"testnet": network}), "testnet", "nb-hub", NOW)


def row(**changes: object) -> OpenDemand:
    plain: dict[str, object] = {
        **{"demand": DEMAND, "cell": "t1", "network": "testnet", "part": 1, "status": "assigned", "holder_node": "win-one"},
        **{"holder_assignment": "a1", "due": NOW + timedelta(hours=1), "version": 2, "sample": True, "category": "quality"},
        **{"region": "330200", "urgency": "normal", "enterprise": "ent-1", "party": "p", "submitted_at": NOW, "since": NOW},
    }
    return OpenDemand(**{**plain, **changes})  # type: ignore[arg-type]


DIRECTORY = Directory(networks={"testnet": network_of(node("win-one"), node("win-out", status="suspended"))})


@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, []),
        ({"holder_node": None}, ["no_holder"]),
        ({"holder_node": "win-out"}, ["holder_unavailable"]),
        ({"holder_node": "win-none"}, ["holder_unavailable"]),
        ({"holder_node": "win-out", "status": "resolved"}, []),
        ({"holder_node": None, "status": "closed"}, []),
        ({"due": None}, ["no_moment"]),
        ({"due": NOW - timedelta(seconds=29)}, []),
        ({"due": NOW - timedelta(seconds=30)}, ["overdue"]),
        ({"due": NOW - timedelta(seconds=30), "status": "triage", "holder_assignment": None, "holder_node": "nb-hub"}, ["not_routed"]),
    ],
)
def test_the_check_doubts_every_row_that_lacks_something(changes: dict[str, object], kinds: list[str]) -> None:
    one = row(**changes)
    assert [doubt.kind for doubt in doubts([Watched(one, one.due)], DIRECTORY, NOW)] == kinds


def test_a_timer_set_to_another_moment_is_doubted() -> None:
    for armed in (None, NOW):
        assert [doubt.kind for doubt in doubts([Watched(row(), armed)], DIRECTORY, NOW)] == ["not_armed"]


def test_a_doubt_becomes_a_violation_when_it_lasts_and_is_forgotten_when_it_goes() -> None:
    ledger, doubt = Ledger(), Doubt(DEMAND, "testnet", "holder_unavailable")
    assert ledger.settle([doubt], NOW) == []
    assert ledger.settle([doubt], NOW + timedelta(seconds=59)) == []
    (violation,) = ledger.settle([doubt], NOW + timedelta(seconds=60))
    assert (violation.kind, violation.since) == ("holder_unavailable", NOW)
    assert ledger.settle([], NOW + timedelta(seconds=61)) == []
    assert ledger.settle([doubt], NOW + timedelta(seconds=62)) == []


def test_a_row_equals_what_the_stream_comes_to_or_is_found() -> None:
    truth = open_row(DEMAND, assigned_demand().state, 3)
    assert truth is not None
    assert differences(truth, truth) is None
    assert differences(truth, None) == "no_row"
    assert differences(None, truth) == "row_differs"
    assert differences(truth, open_row(DEMAND, situations.DEMAND.given(*ACCEPTED).state, 3)) == "row_differs"


@pytest.mark.parametrize("status", Status)
def test_every_open_demand_has_a_row_with_holder_and_moment_and_an_ended_one_has_none(status: Status) -> None:
    found = open_row(DEMAND, situations.standing(status).state, 1)
    if status not in OPEN:
        assert found is None
        return
    assert found is not None
    assert found.due is not None
    assert found.holder_node is not None
