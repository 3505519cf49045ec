"""What nodes do over HTTP, on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx2
import pytest

from libs.chassis.keyring import Kek, KeyRing, open_text
from libs.events import DemandResolved
from libs.events.names import demand_subject
from tests.integration.router.town import KEK, Town, client_of, content, eventually

pytestmark = pytest.mark.servers
NOTE = "样例进展：已约周三上门。"


@dataclass
class Counter:
    """A router with clients of several people."""

    town: Town
    clerk: httpx2.AsyncClient
    other: httpx2.AsyncClient
    county: httpx2.AsyncClient
    hub: httpx2.AsyncClient
    partner: httpx2.AsyncClient
    auditor: httpx2.AsyncClient
    nobody: httpx2.AsyncClient

    async def demand(self) -> str:
        """A demand assigned to the clerk's node."""
        demand = await self.town.submit()
        assert (await self.town.assigned(demand)).node == "win-one"
        return demand


@pytest.fixture
async def counter(town: Town) -> AsyncIterator[Counter]:
    await town.publish(content())
    headers = {
        "clerk": await town.issue("clerk", "win-one"),
        "other": await town.issue("clerk", "win-digital"),
        "county": await town.issue("coordinator", "hub-haishu"),
        "hub": await town.issue("coordinator", "nb-hub"),
        "partner": await town.issue("partner", party="partner-1"),
        "auditor": await town.issue("auditor"),
        "nobody": {},
    }
    async with town.router() as app:
        clients = {name: await town.enter(client_of(app, header)) for name, header in headers.items()}
        yield Counter(town, **clients)


def path(demand: str, action: str = "", assignment: str = "a1") -> str:
    return f"/v1/demands/{demand}/assignments/{assignment}" + (f"/{action}" if action else "")


async def post(client: httpx2.AsyncClient, url: str, body: Any = None, key: str = "k1", **headers: str) -> httpx2.Response:
    return await client.post(url, json=body, headers={"Idempotency-Key": key, **headers})


def code(response: httpx2.Response) -> tuple[int, str]:
    assert response.headers["content-type"] == "application/problem+json"
    return response.status_code, response.json()["code"]


async def serve(counter: Counter, demand: str) -> httpx2.Response:
    """Record the service given: what shows that the demand was resolved."""
    return await post(counter.clerk, path(demand, "services"), {"mode": "offline", "fee": "welfare"}, key="service")


async def test_a_clerk_accepts_reports_and_resolves(counter: Counter) -> None:
    demand = await counter.demand()
    accepted = await post(counter.clerk, path(demand, "acceptance"))
    assert accepted.status_code == 201
    told = accepted.json()
    assert datetime.fromisoformat(told.pop("due")) == (await counter.town.state(demand)).deadlines["resolve"].at
    assert told == {"id": demand, "version": 3, "status": "in_progress", "assignment": "a1", "node": "win-one"}
    assert accepted.headers["etag"] == '"3"'
    reported = await post(counter.clerk, path(demand, "progress"), {"note": NOTE})
    assert (reported.status_code, reported.json()["version"]) == (201, 4)
    assert (await serve(counter, demand)).json()["version"] == 5
    resolved = await post(counter.clerk, path(demand, "resolution"), {"result": "solved", "note": "样例结果"}, **{"If-Match": '"5"'})
    assert (resolved.status_code, resolved.json()["status"]) == (201, "resolved")
    commands = [commit.command for commit in await counter.town.commits(demand)]
    assert commands[2:] == ["AcceptAssignment", "ReportProgress", "RecordService", "ResolveDemand"]


async def test_notes_are_sealed_under_the_demands_own_key(counter: Counter) -> None:
    demand = await counter.demand()
    await post(counter.clerk, path(demand, "acceptance"))
    await serve(counter, demand)
    await post(counter.clerk, path(demand, "resolution"), {"result": "answered", "note": NOTE})
    recorded = await counter.town.intake.load(demand_subject(demand))
    assert all(NOTE.encode() not in one.body for one in recorded)
    commit, resolved = next(
        (commit, event) for commit in await counter.town.commits(demand) for event in commit.events if isinstance(event, DemandResolved)
    )
    state = await counter.town.state(demand)
    assert resolved.note.k == state.key_id
    key = await KeyRing(counter.town.engine, Kek(KEK)).get(state.key_id)
    assert open_text(resolved.note, key, demand=demand, command_id=commit.command_id, field="note") == NOTE


async def test_a_replay_is_answered_before_if_match_and_rules(counter: Counter) -> None:
    demand = await counter.demand()
    first = await post(counter.clerk, path(demand, "acceptance"), key="once", **{"If-Match": '"2"'})
    await post(counter.clerk, path(demand, "progress"), {"note": "样例"})
    again = await post(counter.clerk, path(demand, "acceptance"), key="once", **{"If-Match": '"2"'})
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["idempotent-replay"] == "true"
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"]
    assert len(await counter.town.commits(demand)) == 4


async def test_the_same_key_with_another_body_is_refused(counter: Counter) -> None:
    demand = await counter.demand()
    await post(counter.clerk, path(demand, "acceptance"))
    await post(counter.clerk, path(demand, "progress"), {"note": "一"}, key="k2")
    assert code(await post(counter.clerk, path(demand, "progress"), {"note": "二"}, key="k2")) == (422, "idempotency_key_reused")


async def test_the_same_key_for_another_assignment_is_another_request(counter: Counter) -> None:
    demand = await counter.demand()
    assert (await post(counter.hub, path(demand, "return"), {"reason": "no_capacity"}, key="same")).status_code == 201
    await counter.town.assigned(demand, 2)
    answer = await post(counter.hub, path(demand, "return", "a2"), {"reason": "no_capacity"}, key="same")
    assert code(answer) == (422, "idempotency_key_reused")


async def test_a_stale_if_match_changes_nothing(counter: Counter) -> None:
    demand = await counter.demand()
    assert code(await post(counter.clerk, path(demand, "acceptance"), **{"If-Match": '"1"'})) == (412, "stale_version")
    assert len(await counter.town.commits(demand)) == 2


async def test_a_return_goes_to_the_next_candidate_and_the_worklists_follow(counter: Counter) -> None:
    demand = await counter.demand()
    body = {"reason": "out_of_category", "clause": "3.2", "note": "样例说明"}
    returned = await post(counter.clerk, path(demand, "return"), body)
    assert (returned.status_code, returned.json()["status"]) == (201, "triage")
    assert (await counter.town.assigned(demand, 2)).node == "win-two"

    async def moved() -> bool:
        mine = (await counter.clerk.get("/v1/worklist", params={"status": "returned"})).json()["items"]
        theirs = (await counter.county.get("/v1/worklist", params={"node": "win-two"})).json()["items"]
        return [entry["demand"] for entry in mine] == [demand] and [entry["assignment"] for entry in theirs] == ["a2"]

    await eventually(moved)
    assert (await counter.clerk.get("/v1/worklist")).json() == {"items": []}


async def test_the_last_resort_cannot_return(counter: Counter) -> None:
    demand = await counter.town.submit(None, title="请联系我")
    assert (await counter.town.assigned(demand)).node == "nb-hub"
    assert code(await post(counter.hub, path(demand, "return"), {"reason": "other"})) == (409, "last_resort_cannot_return")


async def test_a_hub_may_act_for_the_nodes_under_it_and_a_stranger_does_not_even_see_the_demand(counter: Counter) -> None:
    demand = await counter.demand()
    assert code(await post(counter.other, path(demand, "acceptance"))) == (404, "demand_not_found")
    assert code(await post(counter.partner, path(demand, "acceptance"))) == (403, "forbidden")
    assert code(await post(counter.nobody, path(demand, "acceptance"))) == (401, "key_missing")
    accepted = await post(counter.county, path(demand, "acceptance"))
    assert (accepted.status_code, accepted.json()["node"]) == (201, "win-one")


async def test_a_node_that_gave_the_demand_back_sees_it_but_may_not_act_for_the_next(counter: Counter) -> None:
    demand = await counter.demand()
    await post(counter.clerk, path(demand, "return"), {"reason": "no_capacity"})
    await counter.town.assigned(demand, 2)
    assert code(await post(counter.clerk, path(demand, "acceptance", "a2"), key="k2")) == (403, "wrong_actor")
    assert code(await post(counter.clerk, path(demand, "acceptance"), key="k3")) == (409, "illegal_transition")


async def test_bad_input_is_told_by_code_and_never_echoed(counter: Counter) -> None:
    demand = await counter.demand()
    secret = "样例机密"
    assert code(await counter.clerk.post(path(demand, "acceptance"))) == (400, "idempotency_key_missing")
    assert code(await post(counter.clerk, path(demand, "return"), {})) == (422, "missing_field")
    for body, expected in (
        ({"reason": secret}, "invalid_field"),
        ({"reason": "other", secret: 1}, "unknown_field"),
        ({"reason": "other", "clause": secret}, "invalid_field"),
        ({"reason": "other", "note": ""}, "invalid_field"),
    ):
        answer = await post(counter.clerk, path(demand, "return"), body)
        assert code(answer) == (422, expected)
        assert secret not in answer.text
    assert code(await post(counter.clerk, path("no-such-demand", "acceptance"))) == (404, "demand_not_found")
    assert code(await post(counter.clerk, path("ningbo-t1-0000000000000000", "acceptance"))) == (404, "demand_not_found")
    assert code(await post(counter.clerk, path(demand, "acceptance", "a9"))) == (404, "assignment_not_found")
    assert code(await post(counter.clerk, path(demand, "progress"), {"note": "样例"})) == (409, "illegal_transition")
    assert len(await counter.town.commits(demand)) == 2


async def test_a_worklist_is_paged_and_limited_to_ones_own_territory(counter: Counter) -> None:
    demands = [await counter.demand() for _ in range(5)]

    async def complete() -> bool:
        return len((await counter.clerk.get("/v1/worklist")).json()["items"]) == 5

    await eventually(complete)
    seen, cursor = [], None
    while True:
        page = (await counter.clerk.get("/v1/worklist", params={"limit": 2, **({"after": cursor} if cursor else {})})).json()
        seen += [entry["demand"] for entry in page["items"]]
        cursor = page.get("next")
        if cursor is None:
            break
    assert seen == demands
    entry = (await counter.clerk.get("/v1/worklist")).json()["items"][0]
    assert set(entry) == {
        *("demand", "assignment", "role", "network", "node", "status", "category", "region"),
        *("urgency", "since", "due", "version", "sample"),
    }
    assert len((await counter.county.get("/v1/worklist", params={"node": "win-one"})).json()["items"]) == 5
    assert len((await counter.auditor.get("/v1/worklist", params={"node": "win-one"})).json()["items"]) == 5
    assert code(await counter.other.get("/v1/worklist", params={"node": "win-one"})) == (403, "forbidden")
    assert code(await counter.partner.get("/v1/worklist", params={"node": "win-one"})) == (403, "forbidden")
    assert code(await counter.county.get("/v1/worklist", params={"node": "nb-hub"})) == (403, "forbidden")
    assert code(await counter.clerk.get("/v1/worklist", params={"node": "nowhere"})) == (404, "node_not_found")
    assert code(await counter.auditor.get("/v1/worklist")) == (422, "invalid_parameter")
    assert code(await counter.clerk.get("/v1/worklist", params={"after": "!!"})) == (400, "bad_cursor")
    assert code(await counter.clerk.get("/v1/worklist", params={"status": "lost"})) == (422, "invalid_parameter")


async def test_an_assisting_node_finds_the_assistance_in_its_worklist_until_it_has_delivered(counter: Counter) -> None:
    demand = await counter.demand()
    await post(counter.clerk, path(demand, "acceptance"))
    asked = await post(counter.clerk, path(demand, "assistances"), {"node": "win-digital", "note": NOTE}, key="assist")
    assert asked.status_code == 201
    due = (await counter.town.state(demand)).assistances[0].due

    async def listed() -> list[tuple[str, str, str]]:
        items = (await counter.other.get("/v1/worklist")).json()["items"]
        assert all(datetime.fromisoformat(one["due"]) == due for one in items)
        return [(one["assignment"], one["role"], one["status"]) for one in items]

    async def there() -> bool:
        return await listed() == [("s1", "assist", "open")]

    await eventually(there)
    help_ = f"/v1/demands/{demand}/assistances/s1"
    assert (await post(counter.other, f"{help_}/acceptance")).status_code == 201
    assert (await post(counter.other, f"{help_}/delivery", {"note": NOTE}, key="deliver")).status_code == 201

    async def gone() -> bool:
        return await listed() == []

    await eventually(gone)


async def test_the_explanation_is_read_back_and_every_node_can_be_asked_about(counter: Counter) -> None:
    demand = await counter.demand()
    shown = await counter.clerk.get(path(demand))
    assert shown.status_code == 200
    body = shown.json()
    assert (body["node"], body["status"], body["version"]) == ("win-one", "open", 2)
    assert body["explanation"]["chosen"] == "win-one"
    assert set(body["explanation"]) == {"policy", "basis", "inputs", "path", "chosen", "candidates", "excluded"}

    answers = {node: (await counter.auditor.get(path(demand, "why"), params={"node": node})).json() for node in NODES_ASKED}
    assert {node: (answer["outcome"], answer.get("excluded_by")) for node, answer in answers.items()} == NODES_ASKED
    assert answers["win-two"]["score"] < answers["win-one"]["score"]
    assert code(await counter.auditor.get(path(demand, "why"), params={"node": "nowhere"})) == (404, "node_not_found")
    assert code(await counter.other.get(path(demand))) == (404, "demand_not_found")
    assert code(await counter.clerk.get(path(demand, assignment="a7"))) == (404, "assignment_not_found")
    assert (await counter.partner.get(path(demand))).status_code == 200


async def test_why_is_answered_from_the_revision_of_the_decision(counter: Counter) -> None:
    demand = await counter.demand()
    without = tuple(node for node in content().nodes if node.id != "win-two")
    await counter.town.publish(content(without), "r2")

    async def newer() -> bool:
        return (await counter.county.get("/v1/worklist", params={"node": "win-two"})).status_code == 404

    await eventually(newer)
    answer = (await counter.auditor.get(path(demand, "why"), params={"node": "win-two"})).json()
    assert answer["outcome"] == "candidate"


async def test_the_router_is_ready_and_says_what_it_owns(counter: Counter) -> None:
    async def ready() -> bool:
        return (await counter.nobody.get("/readyz")).status_code == 200

    await eventually(ready)
    gates = (await counter.nobody.get("/readyz")).json()["gates"]
    assert gates == dict.fromkeys(("streams", "sync_always", "registry", "database", "cells"), True)
    metrics = (await counter.nobody.get("/metrics")).text
    assert "liandong_router_partitions 64.0" in metrics
    assert 'liandong_lag{cell="t1"}' in metrics
    await counter.demand()
    assert 'liandong_router_decisions_total{path="candidate"} 1.0' in (await counter.nobody.get("/metrics")).text


NODES_ASKED: dict[str, tuple[str, str | None]] = {
    "win-one": ("chosen", None),
    "win-two": ("candidate", None),
    "win-digital": ("excluded", "category"),
    "nb-hub": ("excluded", "category"),
}
