"""A new clock pack that says `open` promises open demands again: the round itself on real servers, batch by batch and after a crash."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest

from libs.chassis.follower import DirectoryFollower
from libs.chassis.keyring import Kek, KeyRing
from libs.chassis.metrics import Metrics
from libs.demand import DemandState
from libs.directory import Directory, NetworkContent, Span
from libs.events import AssignmentAccepted, DeadlinesSet, Unavailable
from libs.events.jetstream import JetStreamEventStore
from libs.events.names import partition
from libs.events.timer_stream import JetStreamTimers
from services.router.arming import Arming
from services.router.cases import OpenLoad
from services.router.metrics import Meters
from services.router.ownership import PartitionOwnership
from services.router.process import Dispatcher
from services.router.rounds import Rounds
from services.router.timekeeper import Looked, Timekeeper
from tests.integration.router.town import KEK, NETWORK, Town, content, eventually, hurried, now

pytestmark = pytest.mark.servers

OTHER = "nearby"
CALM = {"accept": "3h", "first_answer": "6h", "resolve": "12h", "warn_before": "1h"}
"""Limits that no test waits for."""
FASTER = {"accept": "2h", "first_answer": "4h", "resolve": "8h", "warn_before": "1h"}


def pack(version: int, applies_to: str, name: str = NETWORK, **spans: str) -> NetworkContent:
    """The small network under a clock pack of this version. Demands of real enterprises get so many working days as it has versions."""
    plain = hurried(content(), **spans)
    network = plain.network.model_copy(update={"name": name})
    resolve = plain.clocks.rules.resolve.model_copy(update={"normal": Span(version, "wd")})
    rules = plain.clocks.rules.model_copy(update={"resolve": resolve})
    clocks = plain.clocks.model_copy(update={"version": version, "applies_to": applies_to, "rules": rules})
    return plain.model_copy(update={"network": network, "clocks": clocks})


class Crash(Timekeeper):
    """Dies after so many batches: the promises of those are stored, nothing else happens any more."""

    batches: float = 1

    async def look(self, demands: Sequence[str]) -> Looked:
        if not self.batches:
            raise Unavailable("the process is gone")
        self.batches -= 1
        return await super().look(demands)


@dataclass(slots=True)
class Round:
    """A round in the test's own hands."""

    rounds: Rounds
    timekeeper: Timekeeper
    arming: Arming
    ownership: PartitionOwnership


@asynccontextmanager
async def rounds_of(town: Town, keeper: type[Timekeeper] = Timekeeper, settled: timedelta = timedelta()) -> AsyncIterator[Round]:
    """What a router that has just started goes by: nothing remembered, all partitions owned."""
    connection = await town.connect("router")
    store = JetStreamEventStore(connection)
    follower = DirectoryFollower(store, now=now)
    await follower.start()
    meters = Meters(Metrics("router"), lambda: 64)

    def directory() -> Directory:
        return follower.directory

    dispatcher = Dispatcher(store, KeyRing(town.engine, Kek(KEK)), directory, now, OpenLoad(), meters)
    arming = Arming(JetStreamTimers(connection), town.engine, now, meters)
    ownership = PartitionOwnership(town.engine)
    await ownership.start()
    try:
        timekeeper = keeper(store, directory, dispatcher, now, meters)
        rounds = Rounds(town.engine, ownership, timekeeper, arming, directory, now, meters, together=3, settled=settled)
        yield Round(rounds, timekeeper, arming, ownership)
    finally:
        await ownership.stop()
        await follower.stop()
        await store.close()


async def waiting(town: Town, **networks: int) -> list[str]:
    """Have so many demands of each network assigned by a router, their rows written; the router has ended then."""
    demands = []
    async with town.router():
        for network, number in networks.items():
            demands += [await town.submit(network=network) for _ in range(number)]

        async def written() -> bool:
            return await town.rows("select count(*) from router.open_demand where holder_assignment is not null") == [(len(demands),)]

        await eventually(written)
    return demands


async def packs(town: Town, demand: str) -> list[str]:
    """The packs under which deadlines of a demand were set, in order."""
    return [event.clocks for commit in await town.commits(demand) for event in commit.events if isinstance(event, DeadlinesSet)]


async def span(town: Town, demand: str) -> float:
    """Hours from submission to the promise to resolve."""
    state: DemandState = await town.state(demand)
    assert state.submitted_at is not None
    return (state.deadlines["resolve"].at - state.submitted_at).total_seconds() / 3600


async def test_open_demands_are_promised_again_once_and_those_of_a_pack_for_new_ones_are_left_alone(town: Town) -> None:
    await town.publish(pack(2, "new", **CALM))
    await town.publish(pack(2, "new", OTHER, **CALM))
    demands = await waiting(town, ningbo=4, nearby=2)
    mine, others = demands[:4], demands[4:]
    accepted = AssignmentAccepted(assignment="a1", node="win-one")
    await town.append(mine[0], "AcceptAssignment", "accept", accepted)
    await town.publish(pack(3, "open", **FASTER), "r2")
    await town.publish(pack(3, "new", OTHER, **FASTER), "r2")
    async with rounds_of(town) as one:
        await one.rounds.promise()
        for demand in mine:
            assert await packs(town, demand) == ["ningbo/clocks/2/demo", "ningbo/clocks/3/demo"]
            assert await span(town, demand) == 8
        for demand in others:
            assert await packs(town, demand) == ["nearby/clocks/2/demo"]
            assert await span(town, demand) == 12
        due = {demand: (await town.state(demand)).deadlines for demand in mine}
        wanted = {(demand, due[demand].get("accept", due[demand]["answer"]).at) for demand in mine}
        assert set(await town.rows("select demand, due from router.open_demand where network = 'ningbo'")) == wanted
        await one.arming.flush()
        assert await JetStreamTimers(await town.connect("router")).armed(mine) == dict(wanted)


async def test_a_second_round_does_nothing_nor_does_another_router(town: Town) -> None:
    await town.publish(pack(2, "new", **CALM))
    demands = await waiting(town, ningbo=4)
    await town.publish(pack(3, "open", **FASTER), "r2")
    async with rounds_of(town) as one:
        await one.rounds.promise()
        end = await town.intake.position("DEMANDS_t1")
        await one.rounds.promise()
    async with rounds_of(town) as other:
        await other.rounds.promise()
    assert await town.intake.position("DEMANDS_t1") == end == 2 * len(demands) + len(demands)


async def test_a_crash_between_two_batches_is_continued_by_whoever_comes_next(town: Town) -> None:
    await town.publish(pack(2, "new", **CALM))
    demands = sorted(await waiting(town, ningbo=7))
    await town.publish(pack(3, "open", **FASTER), "r2")
    async with rounds_of(town, Crash) as dying:
        with pytest.raises(Unavailable):
            await dying.rounds.promise()
        promised = [demand for demand in demands if len(await packs(town, demand)) == 2]
        assert promised == demands[:3]
    async with rounds_of(town) as next_one:
        await next_one.rounds.promise()
    for demand in demands:
        assert len(await packs(town, demand)) == 2
        assert await span(town, demand) == 8


async def test_an_outage_between_two_batches_is_not_taken_for_the_end(town: Town) -> None:
    await town.publish(pack(2, "new", **CALM))
    demands = await waiting(town, ningbo=7)
    await town.publish(pack(3, "open", **FASTER), "r2")
    async with rounds_of(town, Crash) as one:
        with pytest.raises(Unavailable):
            await one.rounds.promise()
        assert isinstance(one.timekeeper, Crash)
        one.timekeeper.batches = math.inf
        await one.rounds.promise()
    assert all([len(await packs(town, demand)) == 2 for demand in demands])


async def test_a_router_that_takes_over_partitions_later_promises_what_waits_in_them(town: Town) -> None:
    await town.publish(pack(2, "new", **CALM))
    demands = await waiting(town, ningbo=6)
    await town.publish(pack(3, "open", **FASTER), "r2")
    async with rounds_of(town) as one:
        everything = one.ownership.parts
        left = partition(demands[0])
        one.ownership.parts = everything - {left}
        await one.rounds.promise()
        assert len(await packs(town, demands[0])) == 1
        one.ownership.parts = everything
        await one.rounds.promise()
    assert all([len(await packs(town, demand)) == 2 for demand in demands])


async def test_a_row_that_is_written_only_after_the_first_look_is_found_by_the_second(town: Town) -> None:
    """It was routed under the old pack, and its batch was still in work when the new one came into force."""
    await town.publish(pack(2, "new", **CALM))
    late, other = await waiting(town, ningbo=2)
    await town.publish(pack(3, "open", **FASTER), "r2")
    await town.change(f"create table router.in_work as select * from router.open_demand where demand = '{late}'")
    await town.change(f"delete from router.open_demand where demand = '{late}'")
    async with rounds_of(town) as one:
        await one.rounds.promise()
        assert [len(await packs(town, demand)) for demand in (late, other)] == [1, 2]
        await town.change("insert into router.open_demand select * from router.in_work")
        await one.rounds.promise()
        assert [len(await packs(town, demand)) for demand in (late, other)] == [2, 2]


async def test_the_second_look_waits_until_batches_in_work_are_written(town: Town) -> None:
    await town.publish(pack(2, "new", **CALM))
    [demand] = await waiting(town, ningbo=1)
    await town.publish(pack(3, "open", **FASTER), "r2")
    async with rounds_of(town, Crash, settled=timedelta(hours=1)) as one:
        await one.rounds.promise()
        assert len(await packs(town, demand)) == 2
        await one.rounds.promise()  # a second look would find the crash
        await one.rounds.promise()


async def test_a_running_router_promises_again_as_soon_as_the_pack_is_in_force(town: Town) -> None:
    await town.publish(pack(2, "new", **CALM))
    async with town.router():
        demand = await town.submit()
        real = await town.submit(sample=False)
        for one in (demand, real):
            await town.assigned(one)
        await town.publish(pack(3, "open", **FASTER), "r2")

        async def promised() -> bool:
            return [(await packs(town, one))[-1] for one in (demand, real)] == ["ningbo/clocks/3/demo", "ningbo/clocks/3"]

        await eventually(promised)
