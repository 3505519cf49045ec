"""Read a whole stream without gaps: an ephemeral, unfiltered pull consumer whose position lives with the reader.

Unfiltered on purpose: a consumer filtered by partition does not notice lost messages (measured on nats-server 2.15.1).
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.client import JetStreamContext
from nats.js.errors import Error as JetStreamError

from libs.events.errors import GapDetected, Unavailable
from libs.events.store import Recorded

PULL: Final = 2_000
EXPIRES: Final = 4.0
HEARTBEAT: Final = 1.0
SILENCE: Final = EXPIRES + 3.0
KEEP_CONSUMER: Final = 30.0


class _Inbox:
    """Collects messages as they come; `done` says that the current pull has ended and a new one is due."""

    def __init__(self) -> None:
        self.messages: list[Msg] = []
        self.arrived = asyncio.Event()
        self.open = 0
        self.fault: str | None = None

    async def receive(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status")
        if status is None:
            self.messages.append(message)
            self.open -= 1
        elif status in ("404", "408"):
            self.open = 0
        else:
            self.fault = f"{status} {(message.headers or {}).get('Description', '')}"
        self.arrived.set()


async def read_stream(
    connection: Client, jetstream: JetStreamContext, stream: str, after: int, batch: int
) -> AsyncGenerator[list[Recorded], None]:
    """Yield contiguous batches after `after`; an empty list about once a second of silence. Raises GapDetected, Unavailable."""
    name = f"reader-{secrets.token_hex(6)}"
    inbox, address = _Inbox(), connection.new_inbox()
    subscription = await connection.subscribe(address, cb=inbox.receive)
    try:
        await _create_consumer(jetstream, stream, name, after)
        due, silent = after + 1, 0.0
        while True:
            if inbox.open <= 0 and not inbox.messages:
                inbox.open = PULL
                await _pull(connection, stream, name, address)
            try:
                await asyncio.wait_for(inbox.arrived.wait(), HEARTBEAT)
                inbox.arrived.clear()
                silent = 0.0
            except TimeoutError:
                silent += HEARTBEAT
            if inbox.fault is not None:
                raise Unavailable(f"{stream}: {inbox.fault}")
            if silent > SILENCE:
                raise Unavailable(f"{stream}: no word from the server")
            if not inbox.messages:
                if silent:
                    yield []
                continue
            messages, inbox.messages = inbox.messages, []
            for start in range(0, len(messages), batch):
                recorded = [_recorded(message) for message in messages[start : start + batch]]
                for item in recorded:
                    if item.seq != due:
                        raise GapDetected(stream, due, item.seq)
                    due += 1
                yield recorded
    except (nats.errors.Error, OSError) as error:
        raise Unavailable(f"{stream}: {type(error).__name__}") from error
    finally:
        if not connection.is_closed:
            await subscription.unsubscribe()


async def _create_consumer(jetstream: JetStreamContext, stream: str, name: str, after: int) -> None:
    config = ConsumerConfig(
        name=name,
        ack_policy=AckPolicy.NONE,
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE,
        opt_start_seq=after + 1,
        mem_storage=True,
        num_replicas=1,
        inactive_threshold=KEEP_CONSUMER,
    )
    try:
        await jetstream.add_consumer(stream, config)
    except (TimeoutError, JetStreamError) as error:
        raise Unavailable(f"{stream}: consumer cannot be created") from error


async def _pull(connection: Client, stream: str, name: str, address: str) -> None:
    request = {"batch": PULL, "expires": int(EXPIRES * 1e9)}
    await connection.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}", json.dumps(request).encode(), reply=address)


def _recorded(message: Msg) -> Recorded:
    """Sequence and time stand in the reply subject: `$JS.ACK.<stream>.<consumer>.<n>.<stream seq>.<n>.<time ns>.<pending>`."""
    tokens = message.reply.split(".")
    seq, nanoseconds = (tokens[5], tokens[7]) if len(tokens) == 9 else (tokens[7], tokens[9])
    headers = {key: value for key, value in (message.headers or {}).items() if not key.startswith("Nats-")}
    return Recorded(message.subject, int(seq), message.data, headers, datetime.fromtimestamp(int(nanoseconds) / 1e9, UTC))
