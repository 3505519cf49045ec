"""Skeleton router: for every submitted demand append a made-up assignment, a batch at a time."""

from __future__ import annotations

import hashlib
import json
import os

import nats
import uvloop

from bench.skeleton.intake import publish_batch
from libs.events.stream_reader import read_stream

NODES = [f"n{number}" for number in range(100)]


async def main() -> None:
    """Run until killed."""
    connection = await nats.connect(os.environ["BENCH_NATS_URL"])
    async for recorded in read_stream(connection, connection.jetstream(), "SKELETON", 0, 100):
        batch = []
        for item in recorded:
            event = json.loads(item.body)
            if event["type"] == "submitted":
                chosen = max(NODES, key=lambda node, subject=item.subject: hash((node, subject)))  # type: ignore[misc]
                told = [{"node": node, "score": 1} for node in NODES[:10]]
                body = {"type": "assigned", "ver": 2, "prev": hashlib.sha256(item.body).hexdigest(), "node": chosen, "explanation": told}
                batch.append((item.subject, json.dumps(body).encode(), item.seq))
        if batch:
            await publish_batch(connection, batch)


if __name__ == "__main__":
    uvloop.run(main())
