"""Run the skeleton once: demands a second from REST to the projected assignment."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import nats
from nats.js.api import StreamConfig

from bench.load import blast, post_bytes
from bench.surroundings import ENCODED, child, served
from cli.machine.testing import Database

DEMANDS = 6_000
CONNECTIONS = 64


async def measure(folder: Path, nats_url: str, database: Database) -> float:
    """Return demands a second, sustained."""
    connection = await nats.connect(nats_url)
    await connection.jetstream().add_stream(
        StreamConfig(name="SKELETON", subjects=["skeleton.>"], allow_direct=True, allow_atomic=True, deny_delete=True, deny_purge=True)
    )
    await connection.close()
    environment = {"BENCH_NATS_URL": nats_url, "BENCH_DATABASE_URL": database.admin_url()}
    with ExitStack() as stack:
        for name in ("router", "tracker"):
            stack.enter_context(child([sys.executable, "-m", f"bench.skeleton.{name}"], folder / f"{name}.log", environment))
        base = stack.enter_context(served("bench.skeleton.intake:app", folder, environment))
        counter = await asyncpg.connect(database.admin_url(), ssl=False)
        url = f"{base}/group"
        request = post_bytes(url, ENCODED, {})
        await blast(url, itertools.repeat(request, 500), connections=CONNECTIONS)
        await _projected(counter, 500)
        start = time.perf_counter()
        await blast(url, itertools.repeat(request, DEMANDS), connections=CONNECTIONS)
        await _projected(counter, 500 + DEMANDS)
        seconds = time.perf_counter() - start
        await counter.close()
    return DEMANDS / seconds


async def _projected(counter: asyncpg.Connection[asyncpg.Record], count: int) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                found = await counter.fetchval("select count(*) from public.skeleton_view where status = 'assigned'")
            except asyncpg.UndefinedTableError:
                found = 0
            if found >= count:
                return
            await asyncio.sleep(0.02)
