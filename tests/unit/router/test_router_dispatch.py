"""The process manager on the memory store: races, bad keys, defects, and the cache of demands in work."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import pytest

from libs.chassis.keyring import DataKey, seal_text
from libs.chassis.metrics import Metrics
from libs.demand import INITIAL, DemandState, evolve
from libs.directory import Directory, Network
from libs.events import Actor, Corrupt, DemandSupplemented, DemandWithdrawn, Event, Recorded, Unavailable
from libs.events.codec import decode
from libs.events.execute import Order, execute
from libs.events.memory import MemoryEventStore
from libs.events.names import command_id, demand_id, demand_subject
from services.router import process
from services.router.cases import Case, CaseBook, OpenLoad
from services.router.metrics import Meters
from services.router.process import Dispatcher
from tests.unit.router.random_routing import network_of, node
from tests.unit.router.router_situations import submitted

STREAM = "DEMANDS_t1"
KEY = DataKey("key-1", bytes(range(32)))


def now() -> datetime:
    return datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def directory_of(network: Network) -> Directory:
    """The registry's facts with this one network, whatever it is called in its files."""
    return Directory(seq=7, networks={"testnet": network}, history={network.name: (network,)})


class Keys:
    """Some keys; `broken` do not unwrap."""

    def __init__(self, *broken: str) -> None:
        self._broken = broken

    async def get_many(self, key_ids: Iterable[str]) -> dict[str, DataKey]:
        wanted = list(key_ids)
        if any(key_id in self._broken for key_id in wanted):
            raise Corrupt("does not unwrap")
        return {key_id: DataKey(key_id, KEY.key) for key_id in wanted}


class Bench:
    """A store with demands, and everything a dispatcher needs."""

    def __init__(self, *broken: str) -> None:
        self.store = MemoryEventStore(now)
        self.network: Network = network_of(node("win-one"), node("win-digital", categories=("digital",)))
        self.directory = directory_of(self.network)
        self.load = OpenLoad()
        self.meters = Meters(Metrics("router"), lambda: 64)
        self.dispatcher = self.another(*broken)
        self.book = CaseBook(self.store)
        self._numbers = 0

    def another(self, *broken: str) -> Dispatcher:
        return Dispatcher(self.store, Keys(*broken), lambda: self.directory, now, self.load, self.meters)

    async def append(self, demand: str, identity: str, *events: Event) -> None:
        order: Order[DemandState] = Order(
            subject=demand_subject(demand),
            entity=demand,
            command="Test",
            command_id=identity,
            actor=Actor(kind="partner", id="partner-1"),
            decide=lambda _: events,
        )
        await execute(self.store, order, initial=INITIAL, evolve=evolve, now=now)

    async def submit(self, category: str | None = "quality", title: str = "检测报告", key_id: str = "key-1") -> str:
        self._numbers += 1
        demand = demand_id("testnet", "t1", salt=b"salt", party="partner-1", key=f"k{self._numbers}")
        identity = command_id(demand, "SubmitDemand", "partner-1", f"k{self._numbers}")
        key = DataKey(key_id, KEY.key)
        texts = {
            field: seal_text(plain, key, demand=demand, command_id=identity, field=field, random_bytes=bytes)
            for field, plain in (("title", title), ("description", "样例"))
        }
        await self.append(demand, identity, submitted(category).model_copy(update=texts))
        return demand

    async def batch(self, after: int = 0) -> list[Recorded]:
        async for recorded in self.store.read(STREAM, after):
            return recorded
        raise AssertionError("unreachable")

    async def follow(self, after: int = 0) -> list[Case]:
        cases, broken = await self.book.follow(await self.batch(after), lambda _: True)
        assert broken == []
        return cases

    async def names(self, demand: str) -> list[str]:
        found = await self.store.load(demand_subject(demand))
        return [type(event).__name__ for recorded in found for event in decode(recorded.body).events]


async def test_a_demand_withdrawn_while_it_was_decided_is_not_assigned() -> None:
    bench = Bench()
    demand = await bench.submit()
    cases = await bench.follow()
    await bench.append(demand, "withdraw", DemandWithdrawn())
    routed = await bench.dispatcher.route(cases)
    assert [case.demand for case in routed.stale] == [demand]
    again, _ = await bench.book.refresh(routed.stale)
    assert (await bench.dispatcher.route(again)).stale == []
    assert await bench.names(demand) == ["DemandSubmitted", "DemandWithdrawn"]
    assert bench.load.counts["win-one"] == 0


async def test_a_supplement_in_between_does_not_hold_the_assignment_up() -> None:
    bench = Bench()
    demand = await bench.submit()
    cases = await bench.follow()
    await bench.append(demand, "more", DemandSupplemented(note=submitted().title))
    routed = await bench.dispatcher.route(cases)
    assert routed.stale == []
    assert await bench.names(demand) == ["DemandSubmitted", "DemandSupplemented", "DemandAssigned", "DeadlinesSet"]


async def test_two_process_managers_on_one_demand_make_one_assignment() -> None:
    bench = Bench()
    demand = await bench.submit()
    batch = await bench.batch()
    one, _ = await CaseBook(bench.store).follow(batch, lambda _: True)
    two, _ = await CaseBook(bench.store).follow(batch, lambda _: True)
    await bench.dispatcher.route(one)
    routed = await bench.another().route(two)
    assert (routed.parked, routed.stale, routed.unavailable) == ([], [], None)
    assert await bench.names(demand) == ["DemandSubmitted", "DemandAssigned", "DeadlinesSet"]
    assert one[0].fold == two[0].fold


async def test_one_key_that_does_not_unwrap_parks_its_demand_alone() -> None:
    bench = Bench("key-bad")
    bad, good = await bench.submit(None, key_id="key-bad"), await bench.submit(None)
    routed = await bench.dispatcher.route(await bench.follow())
    assert [(parking.demand, parking.error) for parking in routed.parked] == [(bad, "Corrupt")]
    assert await bench.names(good) == ["DemandSubmitted", "DemandClassified", "DemandAssigned", "DeadlinesSet"]


async def test_a_text_moved_from_another_demand_does_not_open() -> None:
    bench = Bench()
    demand = await bench.submit(None)
    case = (await bench.follow())[0]
    case.demand = demand[:-1] + ("0" if demand[-1] != "0" else "1")
    assert [parking.error for parking in (await bench.dispatcher.route([case])).parked] == ["Corrupt"]


async def test_a_defect_that_one_demand_brings_to_light_does_not_stop_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    bad, good = await bench.submit(None, title="坏"), await bench.submit(None)
    classify = process.classify

    def fragile(title: str, *rest: Any) -> Any:
        if title == "坏":
            raise ZeroDivisionError
        return classify(title, *rest)

    monkeypatch.setattr(process, "classify", fragile)
    routed = await bench.dispatcher.route(await bench.follow())
    assert [(parking.demand, parking.error) for parking in routed.parked] == [(bad, "ZeroDivisionError")]
    assert "DemandAssigned" in await bench.names(good)


async def test_with_a_stale_registry_nothing_is_decided_and_nothing_is_parked() -> None:
    bench = Bench()
    demand = await bench.submit()

    def stale() -> Directory:
        raise Unavailable("stale")

    routed = await Dispatcher(bench.store, Keys(), stale, now, bench.load, bench.meters).route(await bench.follow())
    assert isinstance(routed.unavailable, Unavailable)
    assert routed.parked == []
    assert await bench.names(demand) == ["DemandSubmitted"]


async def test_decisions_of_one_batch_see_each_others_load() -> None:
    bench = Bench()
    bench.network = network_of(node("aaa", capacity=10), node("bbb", capacity=10))
    bench.directory = directory_of(bench.network)
    for _ in range(8):
        await bench.submit()
    cases = await bench.follow()
    await bench.dispatcher.route(cases)
    assert bench.load.counts == {"aaa": 4, "bbb": 4}


async def test_our_own_commits_are_known_when_they_come_back() -> None:
    bench = Bench()
    await bench.submit()
    await bench.dispatcher.route(await bench.follow())
    assert await bench.follow(after=1) == []


async def test_a_demand_that_fell_out_of_the_cache_is_read_afresh() -> None:
    bench = Bench()
    bench.book = CaseBook(bench.store, most=1)
    first = await bench.submit()
    await bench.submit()
    await bench.dispatcher.route(await bench.follow())
    await bench.append(first, "withdraw", DemandWithdrawn())
    cases = await bench.follow(after=4)
    assert [(case.demand, case.fold.version) for case in cases] == [(first, 3)]


async def test_an_unreadable_commit_breaks_its_own_demand_only() -> None:
    bench = Bench()
    bad, good = await bench.submit(), await bench.submit()
    batch = [
        Recorded(recorded.subject, recorded.seq, b"{" if recorded.subject == demand_subject(bad) else recorded.body, {}, now())
        for recorded in await bench.batch()
    ]
    cases, broken = await bench.book.follow(batch, lambda _: True)
    assert [case.demand for case in cases] == [good]
    assert [(parking.demand, parking.seq, parking.error) for parking in broken] == [(bad, 1, "Corrupt")]
