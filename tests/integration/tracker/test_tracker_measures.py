"""Clocks and figures over HTTP: they add up, and everybody sees those of the demands and nodes they may see."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from libs.events import (
    AssistanceRequested,
    ComplaintVerified,
    Deadline,
    DeadlineMissed,
    DeadlinesSet,
    DemandClosed,
    DemandRated,
    DemandSuspended,
    FollowUpRecorded,
)
from services.tracker.rebuild import rebuild
from tests.integration.tracker.running import COUNTY, Running
from tests.unit.tracker.histories import HUB, PARK, SPECIALIST, START, WINDOW, History, demand_of, full_life
from tests.unit.tracker.random_lives import whole_life


def rated_life() -> History:
    """Returned by window-a; resolved, rated and closed by specialist-c, whose resolution a call-back contradicted."""
    history = full_life(1)
    history.then(DemandRated(grade="fairly_satisfied", resolution=1, node=SPECIALIST))
    history.then(DemandClosed(outcome="unconfirmed"))
    history.then(FollowUpRecorded(by=HUB, outcome="disputed", mismatch=True))
    return history.then(ComplaintVerified(complaint="c1", node=WINDOW, by=HUB, note=history.sealed("属实", "note")))


async def test_a_demand_s_clock_adds_up_and_tells_its_promises(tracker: Running) -> None:
    history = full_life(1)
    due = START + timedelta(days=7)
    history.then(DeadlinesSet(clocks="testnet/clocks/1", deadlines={"confirm": Deadline(at=due, provisional=True)}))
    await tracker.place.know([history])
    await tracker.projected(await tracker.append([history]))
    async with tracker.client(await tracker.key("partner", party="partner-1")) as client:
        answer = await client.get(f"/v1/demands/{history.demand}/clock", params={"min_version": 9})
        assert (answer.status_code, answer.headers["ETag"]) == (200, '"9"')
        clock = answer.json()
        foreign = await client.get(f"/v1/demands/{demand_of(2)}/clock")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "demand_not_found")
    assert datetime.fromisoformat(clock["started_at"]) == START
    assert clock["running"] is True
    assert "ended_at" not in clock
    assert clock["deadlines"] == {"confirm": {"at": "2026-03-09T09:00:00Z", "counting": "working", "provisional": True}}
    assert clock["clocks"].startswith("testnet/clocks/")
    assert [(part["node"], part["kind"]) for part in clock["segments"]] == [
        (HUB, "triage"),
        (WINDOW, "assignment"),
        (HUB, "triage"),
        (SPECIALIST, "assignment"),
        ("enterprise", "confirmation"),
    ]
    for name in ("elapsed_seconds", "working_seconds"):
        assert clock["gross"][name] == sum(part[name] for part in clock["segments"])
        assert clock["net"][name] == sum(part[f"net_{name}"] for part in clock["segments"])
    assert "to" not in clock["segments"][-1]


async def test_figures_are_counts_of_facts_and_their_ratios(tracker: Running) -> None:
    await tracker.projected(await tracker.append([rated_life()]))
    async with tracker.client(await tracker.key("bureau")) as client:
        items = {item["node"]: item for item in (await client.get("/v1/figures/nodes")).json()["items"]}
    assert items.keys() == {WINDOW, SPECIALIST}
    resolved = items[SPECIALIST]
    assert (resolved["closed"], resolved["confirmed"], resolved["unconfirmed"]) == (1, 0, 1)
    assert (resolved["rated"], resolved["satisfied"], resolved["satisfaction"]) == (1, 1, 1.0)
    assert (resolved["follow_ups"], resolved["mismatches"], resolved["mismatch_rate"]) == (1, 1, 1.0)
    returned = items[WINDOW]
    assert (returned["returns"], returned["complaints"], returned["closed"]) == (1, 1, 0)
    assert returned.keys().isdisjoint({"satisfaction", "mismatch_rate"})


async def test_figures_are_cut_to_rights_time_samples_and_pages(tracker: Running) -> None:
    random = Random(11)
    histories = [rated_life(), *(whole_life(number, random, 25) for number in range(2, 25))]
    await tracker.projected(await tracker.append(histories))
    async with tracker.client(await tracker.key("auditor")) as client:

        async def figures(**params: Any) -> list[dict[str, Any]]:
            answer = await client.get("/v1/figures/nodes", params=params)
            assert answer.status_code == 200, answer.text
            found: list[dict[str, Any]] = answer.json()["items"]
            return found

        everything = await figures()
        missed = Counter(e.node for h in histories for c in h.commits for e in c.events if isinstance(e, DeadlineMissed))
        assert {item["node"]: item["missed"] for item in everything if item["missed"]} == dict(missed)
        assert await figures(node=WINDOW) == [item for item in everything if item["node"] == WINDOW]
        parts = [await figures(sample=value) for value in ("true", "false")]
        whole = {item["node"]: item["returns"] for item in everything}
        halves: Counter[str] = Counter()
        for part in parts:
            halves.update({item["node"]: item["returns"] for item in part})
        assert {node: count for node, count in halves.items() if count} == {node: count for node, count in whole.items() if count}
        middle = (START + timedelta(days=1)).isoformat()
        early, late = await figures(until=middle), await figures(since=middle)
        assert sum(i["lapses"] for i in early) + sum(i["lapses"] for i in late) == sum(i["lapses"] for i in everything)
        pages, cursor = [], None
        while True:
            page = (await client.get("/v1/figures/nodes", params={"limit": 2, **({"after": cursor} if cursor else {})})).json()
            pages += page["items"]
            if (cursor := page.get("next")) is None:
                break
        assert pages == everything
        assert (await client.get("/v1/figures/nodes", params={"after": "nonsense"})).json()["code"] == "bad_cursor"
    rights = [("clerk", WINDOW, {WINDOW}), ("coordinator", COUNTY, {COUNTY, WINDOW}), ("coordinator", HUB, set(whole))]
    for role, at, nodes in rights:
        async with tracker.client(await tracker.key(role, at=at)) as client:
            shown = (await client.get("/v1/figures/nodes")).json()["items"]
            assert {item["node"] for item in shown} == nodes & set(whole), (role, at)
    for role in ("partner", "system_admin"):
        async with tracker.client(await tracker.key(role, party="partner-1")) as client:
            assert (await client.get("/v1/figures/nodes")).json()["code"] == "forbidden"
    assert (await rebuild(tracker.place.engine, tracker.place.keys, progress=lambda done, total: None, compare_only=True)).equal


async def test_an_assisting_node_sees_the_demand_and_lists_tell_what_is_overdue(tracker: Running) -> None:
    long_ago, ahead = START + timedelta(hours=1), datetime.now(UTC) + timedelta(days=30)
    late = History(demand_of(1)).submitted().assigned().then(promise(long_ago))
    missed = History(demand_of(2)).submitted().assigned().then(promise(long_ago))
    missed.then(DeadlineMissed(limit="resolve", node=WINDOW, due=long_ago))
    asked = AssistanceRequested(
        assistance="s1", assignment="a1", node=WINDOW, assistant=PARK, due=ahead, note=missed.sealed("请协助", "note")
    )
    missed.then(asked)
    fine = History(demand_of(3)).submitted().assigned().then(promise(ahead))
    stands = History(demand_of(4)).submitted().assigned().then(promise(long_ago))
    note = stands.sealed("等第三方", "note")
    stands.then(DemandSuspended(assignment="a1", node=WINDOW, by=PARK, reason="third_party", until=ahead, note=note))
    await tracker.projected(await tracker.append([late, missed, fine, stands]))
    async with tracker.client(await tracker.key("clerk", at=PARK)) as client:
        assert [item["id"] for item in (await client.get("/v1/demands")).json()["items"]] == [missed.demand]
        shown = (await client.get(f"/v1/demands/{missed.demand}")).json()
    assert (shown["assistants"], shown["due"], shown["overdue"], shown["missed"]) == ([PARK], "2026-03-02T10:00:00Z", True, 1)
    async with tracker.client(await tracker.key("auditor")) as client:

        async def ids(**params: Any) -> set[str]:
            return {item["id"] for item in (await client.get("/v1/demands", params=params)).json()["items"]}

        assert await ids(overdue="true") == {late.demand, missed.demand}
        assert await ids(overdue="false") == {fine.demand, stands.demand}
        assert await ids(due_before=(ahead + timedelta(days=1)).isoformat()) == {late.demand, missed.demand, fine.demand, stands.demand}
        assert await ids(due_before=long_ago.isoformat()) == set()


def promise(at: datetime) -> DeadlinesSet:
    return DeadlinesSet(clocks="testnet/clocks/1", deadlines={"resolve": Deadline(at=at)})
