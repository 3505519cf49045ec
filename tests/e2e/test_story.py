"""The story in docs/story.md happens exactly as it is told: every request is made, every answer compared."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from cli.machine.testing import Machine
from cli.machine.trouble import Trouble
from cli.machine.waiting import until_blocking
from tests.unit.house.sources import ROOT

pytestmark = [pytest.mark.servers]
BLOCK = re.compile(r"^```http\n(.*?)^```\n+^```json\n(\d{3}) (.*?)^```", flags=re.M | re.S)
PLACE = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Turn:
    """One request of the story and what is said to come back."""

    method: str
    url: str
    bearer: str
    body: str
    status: int
    answer: dict[str, Any]


def turns() -> Iterator[Turn]:
    for request, status, answer in BLOCK.findall((ROOT / "docs" / "story.md").read_text("utf-8")):
        head, _, body = request.partition("\n\n")
        first, authorization = head.splitlines()
        method, _, url = first.partition(" ")
        yield Turn(method, url, authorization.removeprefix("Authorization: Bearer "), body, int(status), json.loads(answer))


def differences(expected: Any, found: Any, remembered: dict[str, str], at: str = "") -> list[str]:
    """What of the expected answer is not there; `<name>` remembers a value."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{at}: {found!r}"]
        return [line for name, value in expected.items() for line in differences(value, found.get(name), remembered, f"{at}.{name}")]
    if isinstance(expected, str) and expected.startswith("<"):
        remembered[expected.strip("<>")] = str(found).rpartition("/")[2]
        return [] if found else [f"{at}: nothing to remember"]
    return [] if expected == found else [f"{at}: {found!r} instead of {expected!r}"]


def test_the_story_of_one_demand_happens_as_it_is_told(system: Machine) -> None:
    """Hazard: the page partners learn from shows answers the system does not give."""
    told = list(turns())
    assert len(told) >= 30
    known = {**system.endpoints, **system.keys}

    def fill(text: str) -> str:
        return PLACE.sub(lambda place: known[place[1]] if place[1] in known else place[0], text)

    with httpx2.Client(timeout=20, trust_env=False) as client:
        for number, turn in enumerate(told, 1):
            headers = {"Authorization": f"Bearer {fill(turn.bearer)}"}
            problem: list[str] = []

            def asked(turn: Turn = turn, headers: dict[str, str] = headers, problem: list[str] = problem) -> bool:
                if turn.method == "GET":
                    answer = client.get(fill(turn.url), headers=headers)
                else:
                    sent = headers | {"Idempotency-Key": secrets.token_hex(8), "Content-Type": "application/json"}
                    answer = client.post(fill(turn.url), content=turn.body.encode(), headers=sent)
                problem[:] = [f"status {answer.status_code}: {answer.text[:300]}"] if answer.status_code != turn.status else []
                problem[:] += differences(turn.answer, answer.json(), known)
                return not problem

            if turn.method == "GET":
                until_blocking(asked, 20, lambda problem=problem, turn=turn: Trouble(f"{turn.url}: {problem}", ""))  # type: ignore[misc]
            else:
                assert asked(), f"turn {number}: {turn.method} {turn.url}: {problem}"
