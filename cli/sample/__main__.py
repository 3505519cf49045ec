"""`python -m cli.sample`: submit sample demands and let sample actors play their plans. Ends on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx2

from cli.sample.demands import bodies, former_system
from cli.sample.plans import PLANS
from cli.sample.stage import Stage

FAST, SLOW = 1.0, 5.0
"""Seconds between two submissions: the first round of plans, and later."""
ROUND = 1.5
RETRY = 1.0
# The README's example window stays free of sample load, so that the example lands there.
QUIET_CARRIER = "park-beilun-3"


async def main() -> None:
    """Run until told to stop."""
    folder = Path(os.environ["LIANDONG_FOLDER"])
    endpoints = json.loads((folder / "endpoints.json").read_text("utf-8"))
    keys = json.loads((folder / "keys.json").read_text("utf-8"))
    async with httpx2.AsyncClient(timeout=10, trust_env=False) as client:
        stage = Stage(client, endpoints, keys)
        places = await stage.open(quiet=QUIET_CARRIER)
        await asyncio.gather(_submit(stage, places), _play(stage))


async def _submit(stage: Stage, places: list[tuple[str, str | None]]) -> None:
    started = int(time.time())
    batch = former_system(places, started, datetime.now(UTC))
    await _again_until_done(partial(stage.bring, batch, f"sample-{started}"))
    wanted = bodies(places, seed=started)
    for number in itertools.count():
        plan, body = next(wanted)
        await _again_until_done(partial(stage.submit, plan, body, f"sample-{started}-{number}", number))
        await asyncio.sleep(FAST if number < len(PLANS) else SLOW)


async def _again_until_done(act: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            return await act()
        except httpx2.HTTPError:
            await asyncio.sleep(RETRY)  # a service is being restarted, or not ready yet


async def _play(stage: Stage) -> None:
    while True:
        with contextlib.suppress(httpx2.HTTPError):
            await stage.play()
        await asyncio.sleep(ROUND)


if __name__ == "__main__":
    asyncio.run(main())
