"""Skeleton intake: one route, waiting appends go together in one atomic batch."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import nats
from fastapi import FastAPI, Request

from bench.bare_route import Demand

Waiting = tuple[str, bytes, "asyncio.Future[int]"]


async def publish_batch(connection: Any, messages: list[tuple[str, bytes, int]]) -> None:
    """One atomic batch of (subject, body, expected sequence)."""
    batch = uuid.uuid4().hex
    for number, (subject, body, expected) in enumerate(messages, 1):
        headers = {"Nats-Expected-Last-Subject-Sequence": str(expected), "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
        if number < len(messages):
            await connection.publish(subject, body, headers=headers)
        else:
            answer = await connection.request(subject, body, headers=headers | {"Nats-Batch-Commit": "1"}, timeout=10)
            assert json.loads(answer.data).get("count") == len(messages), answer.data


async def commit(connection: Any, queue: list[Waiting], wake: asyncio.Event) -> None:
    """Write whatever waits, up to 100 at once."""
    while True:
        await wake.wait()
        wake.clear()
        while queue:
            members = queue[:100]
            del queue[:100]
            await publish_batch(connection, [(subject, body, 0) for subject, body, _ in members])
            for _, _, future in members:
                future.set_result(1)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    connection = await nats.connect(os.environ["BENCH_NATS_URL"])
    app.state.queue, app.state.wake = [], asyncio.Event()
    writer = asyncio.create_task(commit(connection, app.state.queue, app.state.wake))
    yield
    writer.cancel()
    await connection.close()


app = FastAPI(lifespan=lifespan)


@app.post("/group", status_code=201)
async def group(request: Request, body: Demand) -> dict[str, int]:
    """Wait for the batch this demand goes with."""
    future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    event = json.dumps({"type": "submitted", "ver": 1, "data": body.model_dump()}).encode()
    request.app.state.queue.append((f"skeleton.{uuid.uuid4().hex}", event, future))
    request.app.state.wake.set()
    return {"seq": await future}
