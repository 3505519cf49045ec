"""The check for orphans over live data: silent when all is well, and it finds what was planted."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from libs.events import AssignmentReturned, DemandMerged
from libs.events.names import PARTITIONS, demand_subject, partition
from libs.events.store import Append
from libs.events.timer_stream import JetStreamTimers
from services.router.ownership import PartitionOwnership
from tests.integration.router.town import Town, client_of, content, eventually

pytestmark = pytest.mark.servers


async def check(app: FastAPI, headers: dict[str, str], *, full: bool = False) -> tuple[bool, int, set[tuple[str, str]]]:
    """Whether it is content, how many demands it looked at, and what it found."""
    async with client_of(app, headers) as client:
        answer = await client.get("/v1/check", params={"full": str(full).lower()})
        assert answer.status_code == 200, answer.text
        found = answer.json()
        return found["ok"], found["checked"], {(one["demand"], one["kind"]) for one in found["violations"]}


async def whole(app: FastAPI, headers: dict[str, str], *, full: bool = False) -> dict[str, Any]:
    """The whole answer."""
    async with client_of(app, headers) as client:
        answer = await client.get("/v1/check", params={"full": str(full).lower()})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


async def summary(app: FastAPI) -> dict[str, Any]:
    """What the console's banner reads, without a key."""
    async with client_of(app, {}) as client:
        found: dict[str, Any] = (await client.get("/v1/check/summary")).json()
        return found


async def settled(town: Town, number: int) -> None:
    """So many demands are assigned, their timers are set, and the checkpoint has passed all commits."""

    async def there() -> bool:
        query = "select count(*) filter (where due = armed and holder_assignment is not null), count(*) from router.open_demand"
        passed = await town.rows("select min(seq) from router.checkpoint")
        return await town.rows(query) == [(number, number)] and passed == [(await town.intake.position("DEMANDS_t1"),)]

    await eventually(there)


async def test_a_network_at_work_has_no_orphans(town: Town) -> None:
    await town.publish(content())
    auditor = await town.issue("auditor")
    async with town.router() as app:
        demands = [await town.submit() for _ in range(5)]
        await settled(town, 5)
        await town.append(
            demands[0], "ReturnAssignment", "return", AssignmentReturned(assignment="a1", node="win-one", reason="no_capacity")
        )
        await town.assigned(demands[0], 2)
        await settled(town, 5)
        assert await check(app, auditor) == (True, 5, set())
        assert await check(app, auditor, full=True) == (True, 5, set())
        assert b'liandong_orphans{kind="no_row",network="ningbo"} 0.0' in app.state.metrics.scrape()


async def test_only_who_sees_the_whole_network_may_ask(town: Town) -> None:
    await town.publish(content())
    clerk, hub = await town.issue("clerk", "win-one"), await town.issue("coordinator", "nb-hub")
    async with town.router() as app:
        async with client_of(app, clerk) as client:
            answer = await client.get("/v1/check")
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert (await check(app, hub))[0]


async def test_a_lost_row_and_a_lost_timer_are_found_from_the_stream_itself(town: Town) -> None:
    await town.publish(content())
    auditor = await town.issue("auditor")
    async with town.router() as app:
        forgotten, untimed, _ = [await town.submit() for _ in range(3)]
        await settled(town, 3)
        await town.change(f"delete from router.open_demand where demand = '{forgotten}'")
        await JetStreamTimers(await town.connect("router")).arm({untimed: None})
        assert await check(app, auditor, full=True) == (False, 3, {(forgotten, "no_row"), (untimed, "timer_lost")})


async def test_a_lost_row_that_a_worklist_still_shows_rings_the_alarm_after_a_while(town: Town) -> None:
    await town.publish(content())
    auditor = await town.issue("auditor")
    async with town.router() as app:
        demand = await town.submit()
        await settled(town, 1)
        await town.change("delete from router.open_demand")

        async def found() -> bool:
            return (await check(app, auditor))[2] == {(demand, "no_row")}

        await eventually(found)
        assert b'liandong_orphans{kind="no_row",network="ningbo"} 1.0' in app.state.metrics.scrape()


async def test_a_row_that_says_something_else_than_the_stream_is_found(town: Town) -> None:
    await town.publish(content())
    auditor = await town.issue("auditor")
    async with town.router() as app:
        demand = await town.submit()
        await settled(town, 1)
        await town.change("update router.open_demand set holder_node = 'win-two'")
        assert (await check(app, auditor, full=True))[2] == {(demand, "row_differs")}


async def test_a_merge_is_known_to_both_and_one_into_nothing_is_undone(town: Town) -> None:
    await town.publish(content())
    auditor = await town.issue("auditor")
    async with town.router() as app:
        older, younger = await town.submit(), await town.submit()
        await settled(town, 2)
        await town.append(younger, "MergeDemand", "merge", DemandMerged(into=older, by="person-1"))
        await town.happens(older, "MergeReceived")
        assert (await check(app, auditor, full=True))[0]
    lonely = await town.submit()
    await town.append(lonely, "MergeDemand", "merge-lonely", DemandMerged(into="ningbo-t1-0000000000000000", by="person-1"))
    async with town.router() as app:
        await town.happens(lonely, "DemandUnmerged")
        await town.assigned(lonely)


async def test_a_parked_demand_is_reported(town: Town) -> None:
    await town.publish(content())
    auditor = await town.issue("auditor")
    async with town.router() as app:
        demand = await town.submit()
        await settled(town, 1)
        last = await town.intake.last(demand_subject(demand))
        assert last is not None
        await town.intake.append(Append(demand_subject(demand), last.seq, "poison", b"{}"))

        async def found() -> bool:
            return (await check(app, auditor))[2] == {(demand, "parked")}

        await eventually(found)


async def halves(one: FastAPI, other: FastAPI) -> None:
    """Two routers share the partitions, and each has checked its own since."""

    async def shared() -> bool:
        parts = [app.state.checking.last for app in (one, other)]
        return all(len(app.state.ownership.parts) == PARTITIONS // 2 for app in (one, other)) and all(parts)

    await eventually(shared)


async def test_of_two_routers_each_answers_for_all_partitions(town: Town) -> None:
    await town.publish(content())
    auditor = await town.issue("auditor")
    async with town.router() as one, town.router() as other:
        await halves(one, other)
        demands = [await town.submit() for _ in range(8)]
        await settled(town, 8)
        theirs = [demand for demand in demands if partition(demand) in other.state.ownership.parts]

        async def all_counted() -> bool:
            return [(await check(app, auditor))[:2] for app in (one, other)] == [(True, 8), (True, 8)]

        await eventually(all_counted)
        assert await check(one, auditor, full=True) == (True, 8, set())
        found = await whole(one, auditor)
        assert (found["partitions"], found["unchecked"]) == (PARTITIONS, [])
        assert sorted(part for group in found["coverage"] for part in group["partitions"]) == list(range(PARTITIONS))
        here = {part for group in found["coverage"] for part in group["partitions"] if group["here"]}
        assert here == set(one.state.ownership.parts)
        assert all(0 <= group["age_seconds"] <= 3 for group in found["coverage"])
        assert theirs, "eight demands lie in one half by chance once in 128 runs; the sample's ids are fixed"
        await town.change(f"update router.open_demand set holder_node = null where demand = '{theirs[0]}'")
        await town.change(f"update router.open_demand set version = version + 1000 where demand = '{theirs[0]}'")

        async def heard() -> bool:
            return (theirs[0], "no_holder") in (await check(one, auditor))[2]

        await eventually(heard)
        assert not (await summary(one))["ok"]
        assert not (await check(other, auditor))[0]
        assert b'liandong_orphans{kind="no_holder",network="ningbo"} 0.0' in one.state.metrics.scrape(), "each tells of its own"


async def test_partitions_that_nobody_checks_any_more_are_named_and_nothing_is_well(town: Town) -> None:
    """Their owner stands still: it holds its locks and does nothing."""
    await town.publish(content())
    auditor = await town.issue("auditor")
    async with town.router() as one:
        other = PartitionOwnership(town.engine, every=0.1)
        await other.start()
        try:

            async def shared() -> bool:
                return len(other.parts) == PARTITIONS // 2

            await eventually(shared)

            async def named() -> bool:
                found = await whole(one, auditor)
                return (found["ok"], set(found["unchecked"])) == (False, set(other.parts))

            await eventually(named)
            found = await whole(one, auditor)
            assert (found["partitions"], found["found"]) == (PARTITIONS // 2, 0)
            told = await summary(one)
            assert (told["ok"], told["count"], told["unchecked"]) == (False, 0, PARTITIONS // 2)
        finally:
            await other.stop()

        async def well_again() -> bool:
            return bool((await summary(one))["ok"])

        await eventually(well_again)


async def test_a_demand_of_the_other_router_that_lost_its_row_is_found_by_whoever_folds_the_streams(town: Town) -> None:
    await town.publish(content())
    auditor = await town.issue("auditor")
    async with town.router() as one, town.router() as other:
        await halves(one, other)
        demands = [await town.submit() for _ in range(8)]
        await settled(town, 8)
        lost = next(demand for demand in demands if partition(demand) in other.state.ownership.parts)
        await town.change(f"delete from router.open_demand where demand = '{lost}'")
        assert (await check(one, auditor, full=True))[1:] == (8, {(lost, "no_row")})
