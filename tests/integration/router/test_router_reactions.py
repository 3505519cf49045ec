"""What demands owe each other, on real servers: merges, splits and call-backs are finished whoever dies in between, and done once."""

from __future__ import annotations

import secrets

import pytest

from libs.chassis.keyring import DataKey, Kek, KeyRing, open_text, seal_text
from libs.demand import FollowUp, Status
from libs.events import (
    ActTakenBack,
    AssignmentAccepted,
    DemandClosed,
    DemandMerged,
    DemandReopened,
    DemandResolved,
    DemandSplit,
    DemandSubmitted,
    DemandWithdrawn,
    DuplicateSuggested,
    FollowUpOrdered,
    Likeness,
    MergeReceived,
    ResolutionConfirmed,
    Sealed,
    SplitPart,
)
from libs.events.names import command_id
from services.router.splitting import part_id
from tests.integration.router.test_router_api import post
from tests.integration.router.town import KEK, TOWNSHIP, Town, client_of, content, eventually, hurried

pytestmark = pytest.mark.servers


def note() -> Sealed:
    return Sealed(k="key-1", a="AES-256-GCM", n="AAAAAAAAAAAAAAAA", c="c2FtcGxl")


async def pair(town: Town) -> tuple[str, str]:
    """An older and a younger demand, both with a node."""
    older, younger = await town.submit(), await town.submit()
    for demand in (older, younger):
        await town.assigned(demand)
    return older, younger


async def merge(town: Town, younger: str, into: str) -> None:
    await town.append(younger, "MergeDemand", f"merge-{younger}", DemandMerged(into=into, by="person-1"))


async def end(town: Town, demand: str, number: int = 1, *, confirmed: bool = True) -> None:
    """Accept, resolve and close."""
    await town.append(demand, "AcceptAssignment", f"accept-{demand}", AssignmentAccepted(assignment=f"a{number}", node="win-one"))
    resolved = DemandResolved(assignment=f"a{number}", node="win-one", result="solved", note=note())
    await town.append(demand, "ResolveDemand", f"resolve-{demand}", resolved)
    if confirmed:
        closed = (ResolutionConfirmed(by="enterprise"), DemandClosed(outcome="confirmed"))
        await town.append(demand, "ConfirmResolution", f"confirm-{demand}", *closed)


async def test_the_older_demand_gets_to_know_what_was_merged_into_it(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        older, younger = await pair(town)
        await merge(town, younger, older)
        await town.happens(older, "MergeReceived")
        assert (await town.state(older)).received == (younger,)
        assert (await town.state(younger)).status is Status.MERGED


async def test_a_person_merges_only_into_what_it_may_know(town: Town) -> None:
    await town.publish(content())
    async with town.router() as app:
        clerk = await town.enter(client_of(app, await town.issue("clerk", "win-one")))
        older, younger = await pair(town)
        hidden = await town.submit("digital")
        assert (await town.assigned(hidden)).node == "win-digital"
        for into in (hidden, "ningbo-t1-0000000000000000"):
            answer = await post(clerk, f"/v1/demands/{younger}/merge", {"into": into})
            assert (answer.status_code, answer.json()["code"]) == (404, "demand_not_found")
        likes = (Likeness(demand=older, score=80, reasons=("text",)),)
        await town.append(younger, "SuggestDuplicates", "likes", DuplicateSuggested(suggestions=likes))
        answer = await post(clerk, f"/v1/demands/{younger}/merge", {"into": older})
        assert (answer.status_code, answer.json()["status"]) == (201, "merged")


async def test_a_merge_is_finished_after_a_crash_and_done_once(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        older, younger = await pair(town)
        other, third = await pair(town)
    await merge(town, younger, older)
    await merge(town, third, other)
    # The router died after it had told the older one, before its checkpoint moved.
    told = command_id(older, "ReceiveMerge", "router", f"from:{younger}")
    await town.append(older, "ReceiveMerge", told, MergeReceived(demand=younger))
    async with town.router():
        await town.happens(other, "MergeReceived")
        marker = await town.submit()
        await town.assigned(marker)
        assert (await town.names(older)).count("MergeReceived") == 1


async def test_a_merge_into_what_has_ended_meanwhile_is_undone_and_routed(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        older, younger = await pair(town)
        await town.append(older, "WithdrawDemand", "withdraw", DemandWithdrawn())
        await merge(town, younger, older)
        assert (await town.assigned(younger, 2)).assignment == "a2"
        assert (await town.names(younger)).count("DemandUnmerged") == 1
        assert "MergeReceived" not in await town.names(older)


async def test_when_the_older_one_is_withdrawn_the_younger_stands_alone_again(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        older, younger = await pair(town)
        await merge(town, younger, older)
        await town.happens(older, "MergeReceived")
        await town.append(older, "WithdrawDemand", "withdraw", DemandWithdrawn())
        assert (await town.assigned(younger, 2)).node == "win-one"


async def split(town: Town, demand: str, key: DataKey, number: int) -> list[str]:
    """The holder splits a demand into parts; returns their ids."""
    identity = f"split-{demand}"

    def seal(field: str, plain: str) -> Sealed:
        return seal_text(plain, key, demand=demand, command_id=identity, field=field, random_bytes=secrets.token_bytes)

    parts = tuple(
        SplitPart(
            part=f"p{part}",
            demand=part_id(demand, f"p{part}"),
            category="quality" if part == 1 else "digital",
            region=TOWNSHIP,
            title=seal(f"parts.p{part}.title", f"分项{part}"),
            description=seal(f"parts.p{part}.description", "样例"),
        )
        for part in range(1, number + 1)
    )
    await town.append(demand, "SplitDemand", identity, DemandSplit(assignment="a1", node="win-one", join="all", parts=parts))
    return [part.demand for part in parts]


async def held(town: Town, key: DataKey) -> str:
    demand = await town.submit(key=key, link="sha256:" + "0" * 64)
    await town.assigned(demand)
    await town.append(demand, "AcceptAssignment", "accept", AssignmentAccepted(assignment="a1", node="win-one"))
    return demand


async def test_the_parts_of_a_split_become_demands_under_their_parents_key(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        key = town.pool.take()
        demand = await held(town, key)
        one, two = await split(town, demand, key, 2)
        assert (await town.assigned(one)).node == "win-one"
        assert (await town.assigned(two)).node == "win-digital"
        first = (await town.commits(two))[0]
        submitted = first.events[0]
        assert isinstance(submitted, DemandSubmitted)
        assert (first.command, submitted.parent, submitted.link) == ("SubmitPart", demand, "sha256:" + "0" * 64)
        stored = await KeyRing(town.engine, Kek(KEK)).get(submitted.title.k)
        assert stored.key == key.key
        assert open_text(submitted.title, stored, demand=two, command_id=first.command_id, field="title") == "分项2"
        assert open_text(submitted.requester, stored, demand=two, command_id=first.command_id, field="requester") == "{}"


async def test_a_router_killed_in_the_middle_of_a_split_finishes_it_when_it_comes_back(town: Town) -> None:
    await town.publish(content())
    key = town.pool.take()
    process = town.process()
    try:
        demand = await held(town, key)
        parts = await split(town, demand, key, 8)

        async def begun() -> bool:
            return bool(await town.commits(parts[0]))

        await eventually(begun)
    finally:
        process.kill()
        process.wait()
    async with town.router():
        for part in parts:
            await town.assigned(part)
            assert (await town.names(part)).count("DemandSubmitted") == 1


async def test_the_whole_hears_of_every_part_that_ends(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        key = town.pool.take()
        demand = await held(town, key)
        one, two = await split(town, demand, key, 2)
        await town.assigned(one)
        await town.assigned(two)
        await town.append(two, "WithdrawDemand", "withdraw-part", DemandWithdrawn())
        await end(town, one)
        await town.happens(demand, "PartCompleted", 2)
        assert {part.demand: part.ended for part in (await town.state(demand)).parts} == {one: "closed", two: "withdrawn"}


async def test_the_whole_hears_when_a_part_is_handled_again_and_when_it_ends_once_more(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        key = town.pool.take()
        demand = await held(town, key)
        one, two = await split(town, demand, key, 2)
        await town.assigned(one)
        await town.assigned(two)
        await end(town, one)
        await town.append(two, "WithdrawDemand", "withdraw-part", DemandWithdrawn())
        await town.happens(demand, "PartCompleted", 2)
        for number in (1, 2):
            await town.append(one, "RequestReopening", f"reopen-{number}", DemandReopened(cause="enterprise_asked", assignment="a1"))
            await town.happens(demand, "PartReopened", number)
            assert {part.demand: part.ended for part in (await town.state(demand)).parts} == {one: None, two: "withdrawn"}
            resolved = DemandResolved(assignment="a1", node="win-one", result="solved", note=note())
            await town.append(one, "ResolveDemand", f"resolve-{number}", resolved)
            await town.append(one, "ConfirmResolution", f"confirm-{number}", DemandClosed(outcome="confirmed"))
            await town.happens(demand, "PartCompleted", 2 + number)
        assert {part.demand: part.ended for part in (await town.state(demand)).parts} == {one: "closed", two: "withdrawn"}


async def test_a_part_reopened_while_no_router_ran_is_told_when_one_comes(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        key = town.pool.take()
        demand = await held(town, key)
        one, two = await split(town, demand, key, 2)
        await town.assigned(one)
        await town.assigned(two)
        await end(town, one)
        await town.happens(demand, "PartCompleted")
    await town.append(one, "RequestReopening", "reopen", DemandReopened(cause="enterprise_asked", assignment="a1"))
    async with town.router():
        await town.happens(demand, "PartReopened")
        assert (await town.names(demand)).count("PartCompleted") == 1


async def test_silence_closes_as_unconfirmed_and_is_called_back(town: Town) -> None:
    await town.publish(hurried(content(), confirm="1s"))
    async with town.router():
        demand = await town.submit()
        await town.assigned(demand)
        await end(town, demand, confirmed=False)
        await town.happens(demand, "FollowUpOrdered")
        state = await town.state(demand)
        assert (state.status, state.outcome, state.follow_up) == (Status.CLOSED, "unconfirmed", FollowUp.ORDERED)
        ordered = (await town.commits(demand))[-1].events[0]
        assert isinstance(ordered, FollowUpOrdered)
        assert (ordered.reason, ordered.node) == ("unconfirmed", "win-one")


async def test_a_resolution_taken_back_and_made_again_is_called_back_again(town: Town) -> None:
    """Hazard: who takes its own work back for a moment gets out of the call-back that had been ordered."""
    await town.publish(content())
    async with town.router():
        demand = await town.submit()
        await town.assigned(demand)
        own = (await town.state(demand)).party
        resolved = DemandResolved(assignment="a1", node="win-one", result="solved", note=note(), person=own)
        await town.append(demand, "AcceptAssignment", "accept", AssignmentAccepted(assignment="a1", node="win-one"))
        await town.append(demand, "ResolveDemand", "resolve", resolved)
        await town.happens(demand, "FollowUpOrdered")
        await town.append(demand, "TakeBackAct", "back", ActTakenBack(act="resolve", assignment="a1", node="win-one"))
        assert (await town.state(demand)).follow_up is FollowUp.NONE
        await town.append(demand, "ResolveDemand", "again", resolved)
        await town.happens(demand, "FollowUpOrdered", 2)
        assert (await town.state(demand)).follow_up is FollowUp.ORDERED


async def test_the_first_that_a_node_closes_in_a_month_is_called_back_and_no_other_unless_drawn(town: Town) -> None:
    await town.publish(content())
    plain = content()
    demo = plain.clocks.demo
    assert demo is not None
    never = demo.rules.sampling.model_copy(update={"percent": 0})
    rules = demo.model_copy(update={"rules": demo.rules.model_copy(update={"sampling": never})})
    await town.publish(plain.model_copy(update={"clocks": plain.clocks.model_copy(update={"demo": rules})}), "r2")
    async with town.router():
        first, second = await pair(town)
        await end(town, first)
        await town.happens(first, "FollowUpOrdered")
        await end(town, second)

        async def handled() -> bool:
            end_ = await town.intake.position("DEMANDS_t1")
            return (await town.rows("select min(seq) from router.checkpoint"))[0][0] == end_

        await eventually(handled)
        assert "FollowUpOrdered" not in await town.names(second)
        assert await town.rows("select demand, number from router.follow_up_month") == [(first, 1)]


async def test_likely_duplicates_of_one_enterprise_are_suggested_on_the_younger(town: Town) -> None:
    await town.publish(content())
    async with town.router():
        title, description = "数控车床加工精度检测", "需要对一批数控车床做几何精度检测，出具有资质的报告。"
        older = await town.submit(title=title, description=description, enterprise="ent-one")
        await town.assigned(older)
        alone = await town.submit(title=title, description=description, enterprise="ent-two")
        younger = await town.submit(title=title, description=description, enterprise="ent-one")
        await town.happens(younger, "DuplicateSuggested")
        event = (await town.commits(younger))[-1].events[0]
        assert isinstance(event, DuplicateSuggested)
        assert [like.demand for like in event.suggestions] == [older]
        assert event.suggestions[0].reasons[0] == "same_enterprise"

        async def worked_off() -> bool:
            return await town.rows("select * from router.comparison") == []

        await eventually(worked_off)
        assert "DuplicateSuggested" not in await town.names(older) + await town.names(alone)
