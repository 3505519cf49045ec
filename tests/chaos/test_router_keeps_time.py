"""Real seconds in a whole machine: router and NATS server are killed with -9 in turn while moment after moment comes.

Demands are submitted and nobody touches them: they are warned about, lapse, are routed again, miss their limits, are escalated and
chased, under demo clocks of seconds that are put in force first. Afterwards the stream itself must show that no moment was lost, none
acted on twice and none before its time. The router's sweep would look at what is overdue as a second net; here it comes an hour too
late, so that the timers alone must do it. LIANDONG_CHAOS_TIMER_KILLS is the number of kills: ten in `make test`, fifty in `make chaos`.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from cli.machine.testing import Machine, machine
from libs.directory import Section, digest, from_sections, to_sections
from libs.events import GapDetected, Unavailable
from libs.events.jetstream import JetStreamEventStore
from tests.chaos.evidence import demand_store, read_stream
from tests.chaos.load import Load
from tests.chaos.moments import Judge

KILLS = int(os.environ.get("LIANDONG_CHAOS_TIMER_KILLS", "10"))
TARGETS = ("router", "nats")
FIRST, EACH = min(160, 8 * KILLS), max(60 // KILLS, 1)
"""Demands that are there before the first kill, and those that come with each kill."""
BETWEEN = min(40, 2 * KILLS)
"""Moments that must have been acted on after a kill before the next one."""
PATIENCE = 90.0
SEED = 20261122
REVISION = "seconds"
SECONDS = {
    "accept": {"normal": "4s", "urgent": "3s", "critical": "2s"},
    "first_answer": {"normal": "6s", "urgent": "5s", "critical": "4s"},
    "resolve": {"normal": "10s", "complex": "12s", "urgent": "8s", "critical": "6s"},
    "warn_before": "3s",
    "chase_every": "4s",
    "triage": "5s",
}

pytestmark = [pytest.mark.chaos, pytest.mark.servers]


async def test_no_moment_is_lost_and_none_acted_on_twice_when_router_and_nats_are_killed_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_GRACE_SECONDS", "3600")
    chance, judge = random.Random(SEED), Judge()
    with machine(tmp_path / "machine") as system:
        await asyncio.to_thread(release_seconds, system)
        load = Load(system, SEED)
        async with demand_store(system) as store:
            await load.submit(FIRST)
            async with asyncio.timeout(PATIENCE * KILLS), asyncio.TaskGroup() as arriving:
                for number in range(KILLS):
                    await more_moments(judge, store, BETWEEN)
                    await asyncio.sleep(chance.uniform(0, 1))  # at any moment of the work, not only right after a commit
                    await kill(system, TARGETS[number % len(TARGETS)])
                    arriving.create_task(load.submit(EACH, submitters=1))
            await more_moments(judge, store, BETWEEN)
            end = datetime.now(UTC)
            with suppress(TimeoutError):  # the verdict says what is missing
                await until(lambda: not judge.waiting(end) and judge.folds.keys() >= load.record.submitted.keys(), judge, store)
            checked = await check(system)
            proven = Judge.of(await read_stream(store))
    late, acts = sorted(proven.late), dict(sorted(proven.acts.items()))
    print(f"{KILLS} kills, {len(proven.folds)} demands, {len(late)} moments acted on: {acts}")
    print(f"late p50 {late[len(late) // 2]:.2f} s, p99 {late[len(late) * 99 // 100]:.2f} s, max {late[-1]:.2f} s")
    faults = proven.verdict(end)
    assert not faults, f"{len(faults)} broken promises: {faults[:5]}"
    assert proven.folds.keys() == load.record.submitted.keys(), "what was acknowledged is in the stream, and nothing else"
    assert set(acts) == {"AssignmentLapsed", "Chased", "DeadlineMissed", "DeadlineWarned", "DemandEscalated"}, "time did all it can do"
    assert checked == (True, len(proven.folds), 64, True, []), "the router's own check over rows, timers and streams finds nothing"


def release_seconds(system: Machine) -> None:
    """Put a revision of the network in force whose demo clocks count seconds: proposed by one person, released by another."""
    with calls(system, "system") as first, calls(system, "system2") as second:
        parts = first("GET", "content")["sections"]
        [clocks] = next(part["items"] for part in parts if part["section"] == "clocks")
        clocks["version"] += 1
        clocks["demo"]["rules"] |= SECONDS
        content = from_sections(Section(part["section"], tuple(part["items"])) for part in parts)
        sections = to_sections(content)
        whole = {"parts": len(sections), "digest": digest(content)}
        for number, section in enumerate(sections, 1):
            part = {"parts": len(sections), "section": section.name, "items": list(section.items)}
            first("PUT", f"revisions/{REVISION}/parts/{number}", part)
        first("POST", f"revisions/{REVISION}/proposal", whole)
        second("POST", "publication", {"revision": REVISION, **whole})


@contextmanager
def calls(system: Machine, person: str) -> Iterator[Callable[..., Any]]:
    """Calls to the registry about the network, in a person's name."""
    headers = {"Authorization": f"Bearer {system.keys[person]}"}
    with httpx2.Client(
        base_url=f"{system.endpoints['registry']}/v1/networks/ningbo/", timeout=30, trust_env=False, headers=headers
    ) as client:

        def call(method: str, path: str, body: object = None) -> Any:
            answer = client.request(method, path, json=body, headers={"Idempotency-Key": f"{person}-{path.replace('/', '-')}"})
            assert answer.is_success, answer.text
            return answer.json()

        yield call


async def kill(system: Machine, target: str) -> None:
    """Kill -9 and wait until another process stands in its place."""
    before = system.pid(target)
    system.kill(target)
    async with asyncio.timeout(PATIENCE):
        while system.pid(target) in (None, before):  # noqa: ASYNC110 another process starts it
            await asyncio.sleep(0.02)


async def until(reached: Callable[[], bool], judge: Judge, store: JetStreamEventStore) -> None:
    """Read on until it is so."""
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(Unavailable, GapDetected):  # the server is being started again
                for recorded in await read_stream(store, judge.seq):
                    judge.take(recorded)
                if reached():
                    return
            await asyncio.sleep(0.2)


async def more_moments(judge: Judge, store: JetStreamEventStore, number: int) -> None:
    """Wait until time goes on: so many further moments were acted on."""
    await until(lambda: True, judge, store)
    target = len(judge.late) + number
    await until(lambda: len(judge.late) >= target, judge, store)


async def check(system: Machine) -> tuple[bool, int, int, bool, list[object]]:
    """What the router's own check comes to: ok, demands checked, partitions, whether it is complete, violations."""
    headers = {"Authorization": f"Bearer {system.keys['hub']}"}
    async with httpx2.AsyncClient(timeout=30, trust_env=False) as client:
        answer = await client.get(f"{system.endpoints['router']}/v1/check", params={"full": "true"}, headers=headers)
    assert answer.status_code == 200, answer.text
    report = answer.json()
    return report["ok"], report["checked"], report["partitions"], report["complete"], report["violations"]
