"""The policy laboratory on real servers: real demands, real decisions, replayed."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from libs.chassis.database import transaction
from libs.directory.policy import RoutingPolicy
from libs.events import AssignmentArbitrated, DemandAssigned, Role, Sealed
from services.router.decisions import decision_row, precedent_row, write_decisions, write_precedents
from services.router.replay_report import ReplayReport
from tests.integration.router.town import NODES, Town, client_of, content, eventually, node, now

pytestmark = pytest.mark.servers
PEOPLE: tuple[tuple[Role, str | None], ...] = (
    ("clerk", "win-one"),
    ("coordinator", "nb-hub"),
    ("coordinator", "hub-haishu"),
    ("partner", None),
    ("bureau", None),
)
PERIOD = {"from": "2026-01-01", "to": "2035-12-31"}


def weighing(policy: RoutingPolicy, **weights: int) -> RoutingPolicy:
    parts = {name: getattr(policy.score, name).model_copy(update={"weight": weight}) for name, weight in weights.items()}
    return policy.model_copy(update={"version": 2, "score": policy.score.model_copy(update=parts)})


MARKET_FIRST = weighing(content().routing, nearness=100, depth=0, load=0, welfare_first=0)
"""With nothing but nearness to go by, ties are decided by node id: the welfare window loses its lead over `win-an`."""


@dataclass
class Room:
    """A router that has decided a few real demands, and people who may and may not look at its policy."""

    town: Town
    app: FastAPI
    hub: httpx2.AsyncClient
    people: dict[tuple[Role, str | None], dict[str, str]]
    demands: list[str]
    decisions: list[DemandAssigned]

    async def replay(self, **body: Any) -> httpx2.Response:
        return await self.hub.post("/v1/policies/replay", json=PERIOD | body, headers={"Idempotency-Key": secrets.token_hex(8)})

    async def report(self, **body: Any) -> ReplayReport:
        """The report of a replay, once its progress was looked at."""
        answer = await self.replay(**body)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        lines = [json.loads(line) for line in answer.text.splitlines()]
        steps = [(line["done"], line["of"]) for line in lines]
        assert steps == sorted(steps)
        assert steps[-1][0] == steps[-1][1]
        return ReplayReport.model_validate(lines[-1]["report"])


async def recorded(town: Town, demands: list[str]) -> list[DemandAssigned]:
    """The decisions on these demands, once the router has written them; writing them again changes nothing."""
    rows, events = [], []
    for demand in demands:
        for commit in await town.commits(demand):
            for event in commit.events:
                if isinstance(event, DemandAssigned):
                    events.append(event)
                    rows.append(decision_row(demand, commit.at, event, sample=True))

    async def written() -> bool:
        return len(await town.rows("select * from router.decision")) == len(rows)

    await eventually(written)
    before = await town.rows("select * from router.decision order by demand, assignment")
    async with transaction(town.engine) as connection:
        await write_decisions(connection, rows)
    assert await town.rows("select * from router.decision order by demand, assignment") == before
    assert {row[:2] for row in before} == {(row["demand"], row["assignment"]) for row in rows}
    return events


@pytest.fixture
async def room(town: Town) -> AsyncIterator[Room]:
    """Ten demands: some returned, some of another category or none, half of them after the network changed."""
    nodes = (*NODES, node("win-an", fee="market"))
    await town.publish(content(nodes))
    people = {(role, place): await town.issue(role, place) for role, place in PEOPLE}
    async with town.router() as app:
        clerk, hub = [await town.enter(client_of(app, headers)) for headers in list(people.values())[:2]]
        demands = [await town.submit(category) for category in ("quality", "quality", "quality", "digital", None)]
        for demand in demands:
            await town.assigned(demand)
        for demand in demands[:2]:
            path = f"/v1/demands/{demand}/assignments/a1/return"
            returned = await clerk.post(path, json={"reason": "no_capacity"}, headers={"Idempotency-Key": "r1"})
            assert returned.status_code == 201, returned.text
            assert (await town.assigned(demand, 2)).node != "win-one"
        await town.publish(content((*nodes, node("win-zwei", capacity=2))), "r2")
        later = [await town.submit(category) for category in ("quality", "quality", "quality", "finance", "digital")]
        for demand in later:
            await town.assigned(demand)
        demands += later

        async def written() -> bool:
            return len(await town.rows("select * from router.assignment where status = 'returned'")) == 2

        await eventually(written)
        yield Room(town, app, hub, people, demands, await recorded(town, demands))


async def test_the_policy_in_force_gives_the_recorded_decisions_back_exactly(room: Room) -> None:
    """Over two revisions of the network, returned demands, one nobody could classify and one nobody takes."""
    report = await room.report()
    assert (report.decisions, report.demands, report.excluded, report.load_unknown) == (12, 10, 0, 0)
    assert (report.same, report.different) == (12, 0)
    assert (report.returned.recorded, report.returned.elsewhere) == (2, 0)
    assert {path: (count.recorded, count.replayed) for path, count in report.paths.items()} == {
        "candidate": (10, 10),
        "lowest_hub": (1, 1),
        "desk": (1, 1),
    }
    assert {item.node: item.replayed.total for item in report.nodes} == {
        chosen: sum(event.node == chosen for event in room.decisions) for chosen in {event.node for event in room.decisions}
    }
    given = await room.report(policy=content().routing.model_dump(mode="json"))
    assert (given.same, given.nodes) == (12, report.nodes)
    assert (await room.report(revision="r1")).same == 12


async def test_a_candidate_policy_shows_who_would_get_what(room: Room) -> None:
    report = await room.report(policy=MARKET_FIRST.model_dump(mode="json"))
    changes = {item.node: (item.gained, item.lost) for item in report.nodes}
    lost = sum(event.node != "win-an" for event in room.decisions if event.explanation.inputs.category == "quality")
    assert lost >= 6
    assert (report.different, changes["win-an"][0]) == (lost, lost)
    assert (report.returned.recorded, report.returned.elsewhere) == (2, 2)
    assert {(item.category, item.different) for item in report.categories} == {("quality", lost), ("digital", 0), ("finance", 0), ("-", 0)}
    assert all(one.replayed == "win-an" and one.demand in room.demands for one in report.examples)


async def test_a_replay_may_be_limited_to_some_decisions(room: Room) -> None:
    assert (await room.report(categories=["digital"])).decisions == 2
    assert (await room.report(sample=False)).decisions == 0
    assert (await room.report(**{"from": "2030-01-01"})).decisions == 0


async def test_precedents_stand_in_the_report(room: Room) -> None:
    region, demand = room.decisions[0].explanation.inputs.region, room.demands[0]
    event = AssignmentArbitrated(
        **{"assignment": "a3", "node": "win-an", "arbiter": "hub-haishu", "parties": ("win-one", "win-two")},
        **{"category": "quality", "region": region, "note": Sealed(k="k", a="AES-256-GCM", n="n", c="c")},
    )
    for _ in range(2):
        async with transaction(room.town.engine) as connection:
            await write_precedents(connection, [precedent_row(demand, now(), event)])
    [kept] = (await room.report()).precedents
    [candidate] = (await room.report(policy=MARKET_FIRST.model_dump(mode="json"))).precedents
    assert (kept.category, kept.region, kept.node, kept.demand) == ("quality", region, "win-an", demand)
    assert kept.decisions == candidate.decisions == 8
    assert kept.disagrees == sum(event.node != "win-an" for event in room.decisions if event.explanation.inputs.category == "quality")
    assert candidate.disagrees < kept.disagrees


async def test_a_policy_that_is_not_sound_is_refused_with_the_place(room: Room) -> None:
    sound = content().routing.model_dump(mode="json")
    heavy = weighing(content().routing, nearness=90).model_dump(mode="json")
    told = {
        "weights": (await room.replay(policy=heavy)).json(),
        "order": (await room.replay(policy=sound | {"eligibility": sound["eligibility"][1:]})).json(),
        "value": (await room.replay(policy=sound | {"return_budget": 99})).json(),
        "member": (await room.replay(policy=sound | {"surprise": 1})).json(),
        "both": (await room.replay(policy=sound, revision="r1")).json(),
        "dates": (await room.replay(to="2025-12-31")).json(),
        "revision": (await room.replay(revision="r9")).json(),
    }
    assert {name: (problem["code"], problem.get("field")) for name, problem in told.items()} == {
        "weights": ("policy_invalid", "policy.score"),
        "order": ("policy_invalid", "policy.eligibility"),
        "value": ("invalid_field", "policy.return_budget"),
        "member": ("unknown_field", "policy"),
        "both": ("invalid_field", "revision"),
        "dates": ("invalid_field", "to"),
        "revision": ("revision_not_found", None),
    }


async def test_only_who_answers_for_the_whole_network_may_replay(room: Room) -> None:
    async def code(role: Role, place: str | None, **body: Any) -> tuple[int, str | None]:
        client = await room.town.enter(client_of(room.app, room.people[role, place]))
        answer = await client.post("/v1/policies/replay", json=PERIOD | body, headers={"Idempotency-Key": "k"})
        return answer.status_code, answer.json().get("code") if answer.status_code != 200 else None

    assert await code("clerk", "win-one") == (403, "forbidden")
    assert await code("coordinator", "hub-haishu") == (403, "forbidden")
    assert await code("partner", None) == (403, "forbidden")
    assert await code("bureau", None, network="elsewhere") == (404, "network_not_found")
    assert await code("bureau", None) == (200, None)


def workers() -> set[str]:
    """Process ids of replay workers started by this process."""
    found = set()
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdecimal() and b"services.router.replay_worker" in (entry / "cmdline").read_bytes():
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                if parent == str(Path("/proc/self").resolve().name):
                    found.add(entry.name)
    return found


async def test_one_replay_runs_at_a_time_and_ends_when_its_caller_goes_away(room: Room) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()
    messages = [{"type": "http.request", "body": json.dumps(PERIOD).encode(), "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        assert message.get("status", 200) == 200
        begun.set()

    path = "/v1/policies/replay"
    headers = {"idempotency-key": "k1", "content-type": "application/json", "authorization": room.hub.headers["authorization"]}
    scope = {
        **{"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "POST", "scheme": "http"},
        **{"path": path, "raw_path": path.encode(), "query_string": b"", "server": ("router", 80), "client": ("test", 1)},
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    first = asyncio.create_task(room.app(scope, receive, send))
    await asyncio.wait_for(begun.wait(), 20)

    async def at_work() -> bool:
        return bool(workers())

    await eventually(at_work)
    second = await room.replay()
    assert (second.status_code, second.json()["code"]) == (409, "replay_running")
    assert second.headers["retry-after"]
    gone.set()
    await asyncio.wait_for(first, 20)

    async def over() -> bool:
        return not workers()

    await eventually(over)
    assert (await room.report()).same == 12


async def test_a_database_that_is_away_is_told_in_the_last_line(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room.app.state.settings, "database_url", "postgresql://nobody:x@127.0.0.1:1/nothing")
    answer = await room.replay()
    problem = json.loads(answer.text.splitlines()[-1])["problem"]
    assert (answer.status_code, problem["code"]) == (200, "store_unavailable")
    monkeypatch.undo()
    assert (await room.report()).same == 12
