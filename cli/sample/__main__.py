"""`python -m cli.sample`: submit a sample demand every other second and let sample nodes act. Ends on SIGTERM."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2

from cli.sample.actors import next_act
from cli.sample.demands import demands

PAUSE = 2.0
RETRY = 1.0
# The README's example window stays free of sample load, so that the example lands there.
QUIET_CARRIER = "park-beilun-3"


async def main() -> None:
    """Run until told to stop."""
    folder = Path(os.environ["LIANDONG_FOLDER"])
    endpoints = json.loads((folder / "endpoints.json").read_text("utf-8"))
    keys = json.loads((folder / "keys.json").read_text("utf-8"))
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as client:
        places = await _places(client, endpoints["registry"], keys["sample_hub"])
        bodies = demands(places, seed=int(time.time()))
        for number in itertools.count():
            try:
                await _submit(client, endpoints["intake"], keys["sample_partner"], bodies, number)
                await _act(client, endpoints, keys["sample_hub"])
            except httpx2.HTTPError:
                await asyncio.sleep(RETRY)  # a service is being restarted
            await asyncio.sleep(PAUSE)


async def _places(client: httpx2.AsyncClient, registry: str, key: str) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for name in ("regions", "carriers"):
        while True:
            try:
                answer = await client.get(f"{registry}/v1/codes/{name}", headers=_bearer(key))
                items = answer.json()["items"]
                break
            except (httpx2.HTTPError, KeyError):
                await asyncio.sleep(RETRY)
        if name == "regions":
            found += [(item["code"], None) for item in items if len(item["code"]) == 9]
        else:
            found += [(region, item["code"]) for item in items if item["code"] != QUIET_CARRIER for region in _region_of(item, found)]
    return found


def _region_of(carrier: dict[str, Any], places: list[tuple[str, str | None]]) -> list[str]:
    """Any township of the network will do: the carrier itself decides who is nearest."""
    index = sum(carrier["code"].encode()) % len(places)
    return [places[index][0]]


async def _submit(client: httpx2.AsyncClient, intake: str, key: str, bodies: Iterator[dict[str, Any]], number: int) -> None:
    headers = _bearer(key) | {"Idempotency-Key": f"sample-{os.getpid()}-{time.time_ns()}-{number}"}
    await client.post(f"{intake}/v1/demands", json=next(bodies), headers=headers)


async def _act(client: httpx2.AsyncClient, endpoints: dict[str, str], key: str) -> None:
    for status in ("assigned", "in_progress"):
        answer = await client.get(
            f"{endpoints['tracker']}/v1/demands", params={"sample": "true", "status": status, "limit": "100"}, headers=_bearer(key)
        )
        for demand in answer.json().get("items", []):
            act = next_act(demand, datetime.now(UTC))
            if act is not None:
                await client.post(f"{endpoints['router']}{act.path}", json=act.body, headers=_bearer(key) | {"Idempotency-Key": act.key})


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


if __name__ == "__main__":
    asyncio.run(main())
