"""The stage of the sample traffic: what it asks the services, and what it leaves alone."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from cli.sample.stage import Stage

ENDPOINTS = {name: f"http://{name}" for name in ("intake", "router", "tracker", "registry")}
KEYS = {"sample_hub": "hub", "sample_second": "second", "sample_bureau": "bureau", "sample_partner": "partner"}
PART = "ningbo-26a-0123456789abcdef"


class Town:
    """Services that hold one demand, and count what they are asked."""

    def __init__(self, **demand: Any) -> None:
        calm = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
        moments = {"submitted_at": calm, "updated_at": calm}
        self.demand = {"id": PART, "version": 2, "status": "assigned", "sample": True, "holder": HOLDER} | moments | demand
        self.parent: str | None = None
        self.asked: Counter[str] = Counter()

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked[f"{request.method} {request.url.path.replace(PART, '{demand}')}"] += 1
        match request.url.path.rpartition("/")[2]:
            case "demands":
                return httpx2.Response(200, json={"items": [self.demand] if request.url.params["status"] == self.demand["status"] else []})
            case "trail":
                return httpx2.Response(200, json={"commits": [{"version": self.demand["version"], "events": []}]})
            case "acceptance":
                return httpx2.Response(409, json={"code": "transition_not_allowed"})
        return httpx2.Response(200, json={**self.demand, "parent": self.parent})

    def acts(self) -> list[str]:
        return [asked for asked in self.asked if asked.startswith("POST")]


HOLDER = {"node": "nb-w", "assignment": "a1"}


def play(answer: Callable[[httpx2.Request], httpx2.Response], rounds: int) -> None:
    async def run() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
            stage = Stage(client, ENDPOINTS, KEYS)
            for _ in range(rounds):
                await stage.play()

    asyncio.run(run())


def test_a_part_of_a_split_sample_is_played_though_lists_do_not_tell_whose_part_it_is() -> None:
    town = Town()
    town.parent = "ningbo-26a-fedcba9876543210"
    play(town.answer, 1)
    assert town.acts() == ["POST /v1/demands/{demand}/assignments/a1/acceptance"]


def test_a_sample_that_is_no_part_and_has_no_plan_is_left_to_people() -> None:
    town = Town()
    play(town.answer, 3)
    assert town.acts() == []


def test_what_has_not_moved_is_read_once_and_what_was_refused_is_not_tried_again_at_once() -> None:
    """Hazard: the actors' questions grow with every demand there ever was, and slow the machine that a visitor looks at."""
    town = Town(partner_ref="sample/smooth/1")
    play(town.answer, 5)
    assert town.asked["GET /v1/demands/{demand}/trail"] == 1
    assert town.asked["POST /v1/demands/{demand}/assignments/a1/acceptance"] == 1


def test_what_has_just_moved_is_left_alone() -> None:
    town = Town(partner_ref="sample/smooth/1", updated_at=datetime.now(UTC).isoformat())
    play(town.answer, 1)
    assert set(town.asked) == {"GET /v1/demands"}


@pytest.mark.parametrize(
    ("status", "lines", "again"),
    [
        (200, [{"row": 1, "result": "created", "id": PART, "link": "http://tracker/e/lde_1"}], False),
        (200, [{"row": 1, "result": "not_done"}], True),
        (503, [], True),
        (429, [], True),
        (403, [], False),
    ],
)
def test_a_batch_that_may_go_in_later_is_brought_again(status: int, lines: list[dict[str, Any]], again: bool) -> None:
    sent: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append(request)
        return httpx2.Response(status, text="\n".join(json.dumps(line) for line in lines), request=request)

    async def run() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
            await Stage(client, ENDPOINTS, KEYS).bring([("imported", {"title": "样例"}), ("smooth", {"title": "样例"})], "batch-1")

    if again:
        with pytest.raises(httpx2.HTTPError):
            asyncio.run(run())
    else:
        asyncio.run(run())
    rows = [json.loads(line) for line in sent[0].content.splitlines()]
    assert [row["partner_ref"] for row in rows] == ["sample/imported/0", "sample/smooth/1"]
    assert sent[0].headers["Idempotency-Key"] == "batch-1"


def test_a_part_is_confirmed_by_the_link_of_the_whole() -> None:
    whole = "ningbo-26a-fedcba9876543210"
    town = Town(status="resolved", partner_ref=None)
    town.parent = whole
    confirmed: list[tuple[str, str]] = []
    events: list[dict[str, Any]] = [{"type": name, "data": {}} for name in ("AssignmentAccepted", "ServiceRecorded", "DemandResolved")]

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST" and request.url.path == "/v1/demands":
            return httpx2.Response(201, json={"id": whole, "links": {"enterprise": "http://tracker/e/lde_whole"}})
        if request.url.path.endswith("/trail"):
            return httpx2.Response(200, json={"commits": [{"version": 2, "events": events}]})
        if request.url.path.endswith("/confirmation"):
            confirmed.append((request.url.path, request.headers["Authorization"]))
        return town.answer(request)

    async def run() -> None:
        async with httpx2.AsyncClient(transport=httpx2.MockTransport(answer)) as client:
            stage = Stage(client, ENDPOINTS, KEYS)
            await stage.submit("split", {}, "key", 1)
            await stage.play()

    asyncio.run(run())
    assert confirmed == [(f"/v1/demands/{PART}/confirmation", "Bearer lde_whole")]
