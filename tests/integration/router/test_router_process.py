"""The process manager on real servers: everything submitted is assigned exactly once, whoever dies or joins."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Sequence

import pytest

from libs.chassis.keyring import DataKey
from libs.events import AssignmentReturned, DemandClassified
from libs.events.codec import decode
from libs.events.names import command_id, demand_subject
from libs.events.store import Append
from tests.integration.router.town import NODES, Town, content, eventually, node

pytestmark = pytest.mark.servers


async def everything_is_assigned_once(town: Town, demands: Sequence[str]) -> None:
    """Every demand has one assignment, an unbroken chain, and a worklist row that says the same; nothing is parked."""
    for demand in demands:
        await town.assigned(demand)
    end = await town.intake.position("DEMANDS_t1")

    async def caught_up() -> bool:
        lowest = (await town.rows("select coalesce(min(seq), 0), count(*) from router.checkpoint"))[0]
        return lowest == (end, 64)

    await eventually(caught_up)
    rows = {row[0]: row[1:] for row in await town.rows("select demand, assignment, node, status, version from router.assignment")}
    assert set(rows) == set(demands)
    for demand in demands:
        state = await town.state(demand)
        assert [assignment.id for assignment in state.assignments] == ["a1"]
        commits = await town.commits(demand)
        assert rows[demand] == ("a1", state.assignments[0].node, "open", len(commits))
    assert await town.rows("select * from router.parked") == []


async def test_a_demand_is_assigned_to_the_nearest_window_with_its_explanation(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        demand = await town.submit()
        assigned = await town.assigned(demand)
        assert assigned.node == "win-one"
        assert assigned.explanation.candidates[0].reasons == ("near:township", "load:0/1000", "welfare")
        assert assigned.explanation.basis.registry_seq == await town.registry.position("REGISTRY")
        commit = (await town.commits(demand))[1]
        assert commit.command_id == command_id(demand, "RouteDemand", "router", "after:1")
        assert (commit.command, commit.actor.kind, commit.actor.id) == ("RouteDemand", "system", "router")
        await everything_is_assigned_once(town, [demand])


async def test_the_rules_read_the_sealed_text_and_classify_and_assign_in_one_commit(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        clear = await town.submit(None, title="上ERP和MES系统", description="样例：设备联网、数据采集。")
        vague = await town.submit(None, title="请联系我", description="样例：有事当面聊。")
        assert (await town.assigned(clear)).node == "win-digital"
        assert (await town.assigned(vague)).node == "nb-hub"
        events = (await town.commits(clear))[1].events
        assert [type(event).__name__ for event in events] == ["DemandClassified", "DemandAssigned", "DeadlinesSet"]
        classified = events[0]
        assert isinstance(classified, DemandClassified)
        assert classified.category == "digital"
        assert (await town.assigned(vague)).explanation.path == "desk"
        assert (await town.state(vague)).category is None


async def test_a_demand_whose_key_was_destroyed_goes_to_the_desk(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        demand = await town.submit(None, title="上ERP", key=DataKey("never-stored", bytes(32)))
        assert (await town.assigned(demand)).explanation.path == "desk"


async def test_a_returned_assignment_goes_to_the_next_candidate_and_then_to_the_lowest_hub(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        demand = await town.submit()
        for number, expected in enumerate(["win-one", "win-two"], start=1):
            assert (await town.assigned(demand, number)).node == expected
            returned = AssignmentReturned(assignment=f"a{number}", node=expected, reason="no_capacity")
            await town.append(demand, "ReturnAssignment", f"return-{number}", returned)
        last = await town.assigned(demand, 3)
        assert (last.node, last.explanation.path) == ("hub-haishu", "lowest_hub")
        assert last.explanation.inputs.returned_by == ("win-one", "win-two")


async def test_after_one_return_too_many_the_lowest_supervisor_that_is_no_party_decides(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        demand = await town.submit()
        for number, node_ in enumerate(["win-one", "win-two", "hub-haishu"], start=1):
            await town.assigned(demand, number)
            returned = AssignmentReturned(assignment=f"a{number}", node=node_, reason="no_capacity")
            await town.append(demand, "ReturnAssignment", f"return-{number}", returned)
        await town.happens(demand, "ArbitrationOpened")
        state = await town.state(demand)
        assert state.arbitration is not None
        assert (state.arbitration.arbiter, state.arbitration.parties) == ("nb-hub", ("win-one", "win-two", "hub-haishu"))
        assert (await town.commits(demand))[-1].command_id == command_id(demand, "OpenArbitration", "router", "after:7")
        assert "arbitrate" in state.deadlines


async def test_what_waited_while_no_router_ran_is_routed_when_one_starts(town: Town) -> None:
    await town.publish(content())
    demands = [await town.submit() for _ in range(30)]
    async with town.router():
        await everything_is_assigned_once(town, demands)


async def test_two_routers_share_the_partitions_and_assign_everything_once(town: Town) -> None:
    await town.publish(content())
    async with town.router() as first, town.router() as second:
        early = await asyncio.gather(*(town.submit() for _ in range(40)))

        async def shared() -> bool:
            owned = [float(_metric(app.state.metrics.scrape(), "liandong_router_partitions")) for app in (first, second)]
            return owned == [32, 32]

        await eventually(shared)
        late = await asyncio.gather(*(town.submit() for _ in range(60)))
        await everything_is_assigned_once(town, [*early, *late])


async def test_the_survivor_takes_over_the_partitions_of_a_router_that_stopped(town: Town) -> None:
    await town.publish(content())
    async with town.router() as survivor:
        async with town.router():
            await asyncio.gather(*(town.submit() for _ in range(5)))

        async def alone() -> bool:
            return float(_metric(survivor.state.metrics.scrape(), "liandong_router_partitions")) == 64

        await eventually(alone)
        demand = await town.submit()
        await town.assigned(demand)


async def test_a_router_killed_in_the_middle_of_its_work_loses_and_doubles_nothing(town: Town) -> None:
    await town.publish(content())
    process = town.process()
    demands: list[str] = []
    try:
        for round_ in range(3):
            demands += await asyncio.gather(*(town.submit(None if n % 3 == 0 else "quality", title="检测报告") for n in range(80)))
            first_of_round = demands[round_ * 80]
            await town.assigned(first_of_round)
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = town.process()
        # The last router may find nothing left to do: one more demand shows that it is up before it is asked to stop.
        demands.append(await town.submit("quality", title="检测报告"))
        await everything_is_assigned_once(town, demands)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 10) == 0
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()


async def test_a_database_that_goes_away_interrupts_but_loses_nothing(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        before = await town.submit()
        await town.assigned(before)
        await town.rows("select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()")
        after = [await town.submit() for _ in range(10)]
        await everything_is_assigned_once(town, [before, *after])


async def test_a_demand_that_cannot_be_read_is_parked_and_the_others_go_on(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        poisoned = await town.submit()
        await town.assigned(poisoned)
        subject = demand_subject(poisoned)
        last = (await town.intake.load(subject))[-1]
        body = b'{"v":1,"demand":"%s","ver":9,"command":"X","command_id":"x","at":"2026-03-02T09:00:00+00:00"}' % poisoned.encode()
        await town.intake.append(Append(subject, last.seq, "poison", body))
        others = [await town.submit() for _ in range(10)]
        for demand in others:
            await town.assigned(demand)

        async def parked() -> bool:
            return await town.rows("select demand, error from router.parked") == [(poisoned, "Corrupt")]

        await eventually(parked)


async def test_a_parked_demand_is_tried_again_when_the_registry_changes(town: Town) -> None:
    await town.publish(content())
    async with town.router() as app:
        early = await town.submit(network="later")

        async def parked() -> bool:
            return await town.rows("select demand, error from router.parked") == [(early, "network_unknown")]

        await eventually(parked)
        other = await town.submit()
        await town.assigned(other)
        frame = content()
        await town.publish(frame.model_copy(update={"network": frame.network.model_copy(update={"name": "later"})}))
        assert (await town.assigned(early)).node == "win-one"

        async def cured() -> bool:
            return await town.rows("select demand from router.parked") == []

        await eventually(cured)
        assert _metric(app.state.metrics.scrape(), 'liandong_router_parked{cell="t1"}') == "0.0"


async def test_a_new_revision_counts_from_the_next_decision_on(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        assert (await town.assigned(await town.submit())).node == "win-one"
        suspended = tuple(one.model_copy(update={"status": "suspended"}) if one.id == "win-one" else one for one in NODES)
        await town.publish(content((*suspended, node("win-new"))), "r2")

        async def newer() -> bool:
            return (await town.assigned(await town.submit())).node == "win-new"

        await eventually(newer)


async def test_the_trace_of_the_request_goes_on_in_the_assignment(town: Town) -> None:
    await town.publish(content())
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    async with town.router():
        demand = await town.submit(headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
        await town.assigned(demand)
        recorded = await town.intake.load(demand_subject(demand))
        assert decode(recorded[1].body).command == "RouteDemand"
        assert recorded[1].headers["traceparent"].split("-")[1] == trace


def _metric(scraped: bytes, name: str) -> str:
    return next(line.rpartition(" ")[2] for line in scraped.decode().splitlines() if line.startswith(f"{name} "))
