"""Time on real servers: silence lapses, lost timers are caught, nodes that fall away lose what they held. Limits of a second or two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from libs.demand import AssignmentStatus, Status, next_due
from libs.events import ArbitrationOpened, AssignmentAccepted, Deadline, DeadlineMissed, DeadlinesSet, DemandForwarded
from libs.events.timer_stream import JetStreamTimers
from tests.integration.router.town import NODES, Town, content, eventually, hurried

pytestmark = pytest.mark.servers


async def accept(town: Town, demand: str, node: str, number: int = 1) -> None:
    """The node accepts."""
    await town.append(demand, "AcceptAssignment", f"accept-{number}", AssignmentAccepted(assignment=f"a{number}", node=node))


async def test_silence_lapses_the_assignment_and_the_next_candidate_gets_it(town: Town) -> None:
    await town.publish(hurried(content(), accept="1s"))
    async with town.router():
        demand = await town.submit()
        assert (await town.assigned(demand, 1)).node == "win-one"
        assert (await town.assigned(demand, 2)).node == "win-two"
        state = await town.state(demand)
        assert state.assignments[0].status is AssignmentStatus.LAPSED
        lapse = next(commit for commit in await town.commits(demand) if commit.command == "KeepTime")
        assert (lapse.actor.id, lapse.events[0].name()) == ("router", "AssignmentLapsed")


async def test_a_missed_promise_goes_up_the_supervisory_path_and_the_holder_is_chased(town: Town) -> None:
    await town.publish(hurried(content(), resolve="2s", warn_before="1s", chase_every="1s"))
    async with town.router():
        demand = await town.submit()
        await town.assigned(demand)
        await accept(town, demand, "win-one")
        await town.happens(demand, "DemandEscalated", 2)
        names = await town.names(demand)
        assert names.index("DeadlineWarned") < names.index("DeadlineMissed") < names.index("DemandEscalated")
        missed = [event for commit in await town.commits(demand) for event in commit.events if isinstance(event, DeadlineMissed)]
        assert missed[0].node == "win-one"
        assert (await town.state(demand)).status is Status.IN_PROGRESS


async def test_the_row_tells_what_is_waited_for_and_the_timer_is_set_to_it(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        demand = await town.submit()
        await town.assigned(demand)

        async def armed() -> bool:
            return await town.rows("select due = armed, holder_node, holder_assignment, status from router.open_demand") == [
                (True, "win-one", "a1", "assigned")
            ]

        await eventually(armed)
        due = next_due(await town.state(demand))
        timers = JetStreamTimers(await town.connect("router"))
        assert await timers.armed([demand]) == {demand: due}
        assert (await town.rows("select due from router.open_demand"))[0][0] == due
        work = await town.rows("select due, role from router.assignment")
        assert work == [((await town.state(demand)).deadlines["accept"].at, "lead")]


async def test_the_sweep_does_what_a_lost_timer_should_have_done(town: Town) -> None:
    await town.publish(hurried(content(), accept="4s"))
    async with town.router() as app:
        demand = await town.submit()
        await town.assigned(demand)

        async def armed() -> bool:
            return await town.rows("select armed is not null from router.open_demand") == [(True,)]

        await eventually(armed)
        await JetStreamTimers(await town.connect("router")).arm({demand: None})
        assert (await town.assigned(demand, 2)).node == "win-two"
        assert b"liandong_router_swept_total 1.0" in app.state.metrics.scrape()


async def test_what_was_noted_and_not_armed_is_armed_by_the_sweep(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        demand = await town.submit()
        await town.assigned(demand)

        async def armed() -> bool:
            return await town.rows("select due = armed from router.open_demand") == [(True,)]

        await eventually(armed)
        await town.change("update router.open_demand set armed = null")
        await eventually(armed)


async def test_timers_of_a_time_without_a_router_are_acted_on_when_one_starts(town: Town) -> None:
    await town.publish(hurried(content(), accept="2s"))
    async with town.router():
        demands = [await town.submit() for _ in range(20)]
        for demand in demands:
            await town.assigned(demand)
    async with town.router():
        for demand in demands:
            assert (await town.assigned(demand, 2)).node == "win-two"
            assert (await town.names(demand)).count("AssignmentLapsed") == 1


async def test_a_holder_that_is_suspended_loses_its_assignments_and_the_clocks_run_on(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        demands = [await town.submit() for _ in range(3)]
        for demand in demands:
            await town.assigned(demand)
        await accept(town, demands[0], "win-one")
        promised = (await town.state(demands[0])).deadlines["resolve"]
        gone = tuple(one.model_copy(update={"status": "suspended"}) if one.id == "win-one" else one for one in NODES)
        await town.publish(content(gone), "r2")
        for demand in demands:
            assert (await town.assigned(demand, 2)).node == "win-two"
            assert (await town.names(demand)).count("AssignmentRecalled") == 1
        state = await town.state(demands[0])
        assert state.deadlines["resolve"] == promised


async def test_an_arbiter_that_is_suspended_hands_on_to_the_hub_above_and_its_time_runs_on(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        demand = await town.submit()
        await town.assigned(demand)
        opened = ArbitrationOpened(arbiter="hub-haishu", parties=("win-one", "win-two"), cause="loop")
        until = Deadline(at=datetime.now(UTC) + timedelta(hours=1))
        promised = DeadlinesSet(clocks="ningbo/clocks/1/demo", deadlines={"arbitrate": until})
        await town.append(demand, "ForwardAssignment", "loop", opened, promised)
        gone = tuple(one.model_copy(update={"status": "suspended"}) if one.kind == "county_hub" else one for one in NODES)
        await town.publish(content(gone), "r2")
        await town.happens(demand, "ArbitrationOpened", 2)
        state = await town.state(demand)
        assert state.arbitration is not None
        assert (state.arbitration.arbiter, state.deadlines["arbitrate"].at) == ("nb-hub", until.at)


async def test_what_a_hub_that_fell_away_held_goes_on_and_the_last_one_keeps_it(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        demand = await town.submit("technology")
        assert (await town.assigned(demand)).explanation.path == "lowest_hub"
        gone = tuple(one.model_copy(update={"status": "closed"}) if one.kind == "county_hub" else one for one in NODES)
        await town.publish(content(gone), "r2")
        assert (await town.assigned(demand, 2)).node == "nb-hub"
        nobody = tuple(one.model_copy(update={"status": "suspended"}) for one in NODES)
        await town.publish(content(nobody), "r3")
        other = await town.submit()
        assert (await town.assigned(other)).node == "nb-hub"
        forwarded = DemandForwarded(assignment="a1", node="nb-hub", to="win-two", next="a2", reason="other")
        await town.append(other, "ForwardAssignment", "forward", forwarded)
        assert (await town.assigned(other, 2)).assignment == "a3"
        assert len((await town.state(demand)).assignments) == 2
