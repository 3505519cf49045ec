"""The tracker over HTTP, with real NATS and PostgreSQL: rights, lists, trails, changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from random import Random

import httpx2
import pytest

from libs.events import DemandSupplemented
from tests.integration.tracker.running import COUNTY, Running
from tests.unit.tracker.histories import HUB, PARK, SPECIALIST, WINDOW, History, demand_of, full_life, random_life

TITLE = "注塑车间数字化改造"


async def one_demand(tracker: Running, number: int = 1) -> History:
    history = full_life(number)
    await tracker.place.know([history])
    await tracker.projected(await tracker.append([history]))
    return history


async def events_of(response: httpx2.Response) -> AsyncIterator[tuple[str, dict[str, object]]]:
    identity = ""
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "id":
            identity = value
        elif name == "data":
            data = json.loads(value)
        elif not line and identity:
            yield identity, data
            identity = ""


async def test_the_tracker_becomes_ready_and_needs_a_key(tracker: Running) -> None:
    async with tracker.client(None) as client:
        ready = (await client.get("/readyz")).json()
        assert ready == {
            "ready": True,
            "gates": {"streams": True, "sync_always": True, "registry": True, "database": True, "cell_t1": True},
        }
        for path in ("/v1/demands", "/v1/demands/x", "/v1/demands/x/trail", "/v1/changes", "/v1/changes/stream"):
            assert (await client.get(path)).status_code == 401


async def test_one_demand_and_its_trail_can_be_read_by_its_partner(tracker: Running) -> None:
    history = await one_demand(tracker)
    async with tracker.client(await tracker.key("partner", party="partner-1")) as client:
        answer = await client.get(f"/v1/demands/{history.demand}")
        assert answer.headers["ETag"] == '"8"'
        shown = answer.json()
        assert shown["status"] == "resolved"
        assert shown["next_step"] == "confirm"
        assert shown["holder"]["node"] == SPECIALIST
        assert (shown["title"], shown["description"]) == (TITLE, "样例诉求：请推荐服务机构。")
        assert shown["requester"]["contact"] == {"name": "样例联系人", "phone": "0574-00000000"}
        assert "carrier" not in shown
        assert "due" not in shown

        trail = (await client.get(f"/v1/demands/{history.demand}/trail")).json()
        assert [commit["version"] for commit in trail["commits"]] == list(range(1, 9))
        hashes = [commit["hash"] for commit in trail["commits"]]
        assert [commit.get("prev") for commit in trail["commits"]] == [None, *hashes[:-1]]
        events = [event for commit in trail["commits"] for event in commit["events"]]
        assert events[0]["data"]["title"] == TITLE
        assert events[0]["data"]["requester"]["uscc"] == "91330200MA2AEXAM19"
        assert [event["text"] for event in events][:3] == ["企业提出诉求，由市枢纽受理", "归入类digital", "派给甲窗口"]
        assert events[2]["text_en"] == "Assigned to Window A"
        assert events[2]["data"]["explanation"]["excluded"] == {"offers_category": 3}
        assert [part["node"] for part in trail["segments"]] == [HUB, WINDOW, HUB, SPECIALIST, "enterprise"]


# role, node, party -> sees the demand, reads its text. The demand was with window-a (under county-1) and specialist-c.
RIGHTS = [
    ("partner", None, "partner-1", True, True),
    ("partner", None, "partner-2", False, False),
    ("clerk", WINDOW, "", True, True),
    ("clerk", SPECIALIST, "", True, True),
    ("clerk", HUB, "", True, True),
    ("clerk", PARK, "", False, False),
    ("coordinator", HUB, "", True, True),
    ("coordinator", COUNTY, "", True, True),
    ("coordinator", PARK, "", False, False),
    ("county_bureau", COUNTY, "", True, False),
    ("bureau", None, "", True, False),
    ("centre", None, "", True, False),
    ("operator", None, "", True, False),
    ("auditor", None, "", True, False),
    ("system_admin", None, "", None, False),
    ("security_admin", None, "", None, False),
    ("audit_admin", None, "", None, False),
]


async def test_everybody_sees_exactly_what_the_role_and_territory_allow(tracker: Running) -> None:
    history = await one_demand(tracker)
    path = f"/v1/demands/{history.demand}"
    for role, at, party, sees, reads in RIGHTS:
        async with tracker.client(await tracker.key(role, party=party, at=at)) as client:
            whom = (role, at, party)
            found = await client.get(path)
            listed = await client.get("/v1/demands")
            trail = await client.get(f"{path}/trail")
            changes = await client.get("/v1/changes")
            searched = await client.get("/v1/demands", params={"q": TITLE})
            if sees is None:
                assert {a.status_code for a in (found, listed, trail, changes, searched)} == {403}, whom
                continue
            assert found.status_code == trail.status_code == (200 if sees else 404), whom
            assert len(listed.json()["items"]) == int(sees), whom
            assert len(changes.json()["items"]) == (8 if sees else 0), whom
            assert len(searched.json()["items"]) == int(reads), whom
            if sees:
                assert ("title" in found.json()) == ("title" in listed.json()["items"][0]) == reads, whom
                assert ("requester" in found.json()) == ("description" in found.json()) == reads, whom
                first = trail.json()["commits"][0]["events"][0]["data"]
                assert ("title" in first) == reads, whom
                assert TITLE not in trail.text or reads, whom
            else:
                assert found.json()["code"] == "demand_not_found", whom


async def test_a_demand_of_another_network_does_not_exist(tracker: Running) -> None:
    history = History(demand_of(1, network="elsewhere")).submitted()
    await tracker.projected(await tracker.append([history]))
    async with tracker.client(await tracker.key("auditor")) as client:
        assert (await client.get(f"/v1/demands/{history.demand}")).status_code == 404
        assert (await client.get("/v1/changes")).json()["items"] == []


async def test_lists_are_narrowed_by_every_filter(tracker: Running) -> None:
    random = Random(3)
    histories = [random_life(demand_of(number), random, 6) for number in range(40)]
    histories.append(
        History(demand_of(99)).submitted(title="ERP系统", name="另一样例公司", partner_ref="YL-1", urgency="critical", channel="phone")
    )
    await tracker.place.know(histories)
    await tracker.projected(await tracker.append(histories))
    async with tracker.client(await tracker.key("coordinator", at=HUB)) as client:

        async def ids(**params: object) -> set[str]:
            answer = await client.get("/v1/demands", params={"limit": 200, **params})
            assert answer.status_code == 200, answer.text
            return {item["id"] for item in answer.json()["items"]}

        everything = (await client.get("/v1/demands", params={"limit": 200})).json()["items"]
        assert len(everything) == 41
        for status in {item["status"] for item in everything}:
            assert await ids(status=status) == {item["id"] for item in everything if item["status"] == status}
        for region in ("330200", "330203", "330203001", "330206"):
            prefix = "3302" if region == "330200" else region
            assert await ids(region=region) == {item["id"] for item in everything if item["region"].startswith(prefix)}
        for at in (HUB, WINDOW):
            held = {item["id"] for item in everything if item.get("holder", {}).get("node") == at}
            assert await ids(holder=at) == held
            assert await ids(node=at) >= held
        assert await ids(node=HUB) == {item["id"] for item in everything}
        last = {demand_of(99)}
        assert await ids(partner_ref="YL-1") == await ids(urgency="critical") == await ids(channel="phone") == last
        assert await ids(q="erp系统") == await ids(q="另一样例") == await ids(q=demand_of(99)) == last
        assert await ids(q="ｅｒｐ") == last
        assert await ids(q="系 不存在") == set()
        assert await ids(q="'; --") == set()
        assert await ids(since="2026-03-02T09:00:00Z") == {item["id"] for item in everything}
        assert await ids(until="2026-03-02T09:00:00Z") == set()
        assert await ids(sample="false") == set()


BAD = [
    ("/v1/demands?limit=201", 422, "invalid_parameter"),
    ("/v1/demands?after=nonsense", 400, "bad_cursor"),
    ("/v1/demands?since=yesterday", 422, "invalid_parameter"),
    ("/v1/demands?since=0001-01-01T00:00:00%2B14:00", 422, "invalid_parameter"),
    ("/v1/demands?q=%00", 422, "invalid_parameter"),
    ("/v1/changes?after=e30x", 400, "bad_cursor"),
    ("/v1/changes/stream?after=nonsense", 400, "bad_cursor"),
    ("/v1/demands/nothing", 404, "demand_not_found"),
    ("/v1/demands/%00", 404, "demand_not_found"),
    ("/v1/demands/nothing/trail", 404, "demand_not_found"),
]


async def test_bad_input_is_a_problem_with_a_stable_code(tracker: Running) -> None:
    async with tracker.client(await tracker.key("auditor")) as client:
        for path, status, code in BAD:
            answer = await client.get(path)
            assert (answer.status_code, answer.json()["code"]) == (status, code), path


async def test_min_version_waits_for_ones_own_write_and_then_gives_up(tracker: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    history = await one_demand(tracker)
    history.then(DemandSupplemented(note=history.sealed("more", "note")))
    later = History(history.demand, commits=history.commits[8:], bodies=history.bodies[8:])
    async with tracker.client(await tracker.key("partner", party="partner-1")) as client:
        waiting = asyncio.create_task(client.get(f"/v1/demands/{history.demand}", params={"min_version": 9}))
        await tracker.append_after(later, expected=8, version=9)
        answer = await waiting
        assert (answer.status_code, answer.json()["version"]) == (200, 9)
        monkeypatch.setattr("services.tracker.api.WAIT_SECONDS", 0.2)
        behind = await client.get(f"/v1/demands/{history.demand}", params={"min_version": 10})
        assert (behind.status_code, behind.json()["code"], behind.headers["Retry-After"]) == (503, "view_behind", "1")
        assert (await client.get(f"/v1/demands/{history.demand}/trail", params={"min_version": 10})).status_code == 503
        assert (await client.get(f"/v1/demands/{demand_of(7)}", params={"min_version": 1})).status_code == 404


async def test_changes_are_told_in_stream_order_page_by_page(tracker: Running) -> None:
    histories = [full_life(number) for number in range(3)]
    await tracker.projected(await tracker.append(histories))
    async with tracker.client(await tracker.key("auditor")) as client:
        seen: list[tuple[str, int]] = []
        cursor: str | None = None
        while True:
            page = (await client.get("/v1/changes", params={"limit": 5, **({"after": cursor} if cursor else {})})).json()
            seen += [(item["id"], item["version"]) for item in page["items"]]
            cursor = page["next"]
            if not page["more"]:
                break
        assert seen == [(history.demand, version) for version in range(1, 9) for history in histories]
        assert (await client.get("/v1/changes", params={"after": cursor})).json()["items"] == []


async def test_the_stream_goes_on_after_the_last_event_id_and_tells_what_is_new_at_once(tracker: Running) -> None:
    first, second = full_life(1), full_life(2)
    await tracker.projected(await tracker.append([first]))
    async with tracker.client(await tracker.key("auditor")) as client:
        cursors = [item["cursor"] for item in (await client.get("/v1/changes")).json()["items"]]
        async with client.stream("GET", "/v1/changes/stream", headers={"Last-Event-ID": cursors[5]}) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            events = events_of(response)
            assert [(await anext(events))[0] for _ in range(2)] == cursors[6:]
            await tracker.append([second])
            async with asyncio.timeout(10):
                told = [(await anext(events))[1] for _ in range(8)]
            assert [(change["id"], change["version"]) for change in told] == [(second.demand, version) for version in range(1, 9)]


async def test_a_stream_without_a_cursor_begins_now_and_ends_with_its_key(tracker: Running) -> None:
    await tracker.projected(await tracker.append([full_life(1)]))
    key = await tracker.key("auditor")
    async with tracker.client(key) as client, client.stream("GET", "/v1/changes/stream") as response:
        events = events_of(response)
        second = full_life(2)
        await tracker.append([second])
        async with asyncio.timeout(10):
            assert (await anext(events))[1]["id"] == second.demand
            for _ in range(7):
                await anext(events)
            await tracker.revoke(key)
            assert [event async for event in events] == []


async def test_a_partner_hears_only_of_its_own_demands(tracker: Running) -> None:
    mine, other = full_life(1), full_life(2)
    other = History(other.demand, party="partner-2").submitted()
    key = await tracker.key("partner", party="partner-1")
    async with tracker.client(key) as client, client.stream("GET", "/v1/changes/stream") as response:
        events = events_of(response)
        await tracker.append([other])
        await tracker.append([mine])
        async with asyncio.timeout(10):
            assert {(await anext(events))[1]["id"] for _ in range(8)} == {mine.demand}


async def test_the_console_is_served_beside_the_api(tracker: Running) -> None:
    async with tracker.client(None) as client:
        answer = await client.get("/console/enter")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_metrics_tell_lag_and_parked_demands(tracker: Running) -> None:
    await one_demand(tracker)
    async with tracker.client(None) as client:
        text = (await client.get("/metrics")).text
    assert 'liandong_parked{cell="t1"} 0.0' in text
    assert 'liandong_lag{cell="t1"} 0.0' in text
    assert 'liandong_commits_projected_total{cell="t1"} 8.0' in text
