"""Timers on NATS JetStream: stream TIMERS (libs/events/streams.py), one schedule per demand, one work queue of fired ones.

Arming goes in atomic batches: one fsync for up to 500 timers instead of one each (six times as many a second, measured). A timer is taken
away by a plain message in its place that soon expires. There is no message id: arming twice is harmless, and a batch with a duplicate
would be refused whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy
from nats.js.errors import Error as JetStreamError

from libs.events.errors import NotFound, Unavailable
from libs.events.names import TIMERS_CONSUMER, TIMERS_DUE, TIMERS_STREAM, demand_of, timer_subject, timer_target
from libs.events.timers import LIMIT, WAIT, Fired, Handle, checked, rearmed

BATCH: Final = 500
LOOK: Final = 500
PATIENCE: Final = 8.0
PENDING: Final = 10_000
ACK_WAIT: Final = 15.0
EXPIRES: Final = 4.0
AGAIN: Final = 1.0
CANCELLED_FOR: Final = "60s"
AWAY: Final = (TimeoutError, nats.errors.Error, OSError)


class JetStreamTimers:
    """TimerBook on JetStream. `connection` needs the router's rights (cli/machine/acl.py).

    `ack_wait`: seconds after which timers handed to a process that died go to another one. Several processes share the one consumer.
    """

    def __init__(self, connection: Client, *, timeout: float = 5.0, ack_wait: float = ACK_WAIT) -> None:
        self._connection = connection
        self._timeout = timeout
        self._ack_wait = ack_wait
        self._jetstream = connection.jetstream(timeout=timeout)
        self._arming = asyncio.Lock()
        self._queue = _Queue(connection)

    async def arm(self, due: Mapping[str, datetime | None]) -> None:
        """Set, replace or take away timers, in atomic batches one after the other. Raises Unavailable, NotFound."""
        messages = [_schedule(demand, moment) for demand, moment in due.items()]
        async with self._arming:  # the last caller wins, not the fastest batch
            for start in range(0, len(messages), BATCH):
                await self._publish(messages[start : start + BATCH])

    async def armed(self, demands: Sequence[str]) -> dict[str, datetime]:
        """The moments of standing timers. Raises Unavailable, NotFound."""
        return {demand: moment for demand, (_, moment) in (await self._standing(demands)).items()}

    async def fired(self, handle: Handle, *, limit: int = LIMIT, wait: float = WAIT) -> int:
        """Hand over one batch, arm what the answers say, then acknowledge. Raises Unavailable and what `handle` raises."""
        messages = await self._take(limit, wait)
        timers: dict[str, tuple[Fired, list[Msg], int]] = {}
        for message in messages:
            timer = _fired(message)
            if timer is None:
                await message.term()  # nobody but the server writes here; it must not come again for ever
                continue
            _, twins, seq = timers.get(timer.demand, (timer, [], 0))
            timers[timer.demand] = (timer, [*twins, message], max(seq, message.metadata.sequence.stream))
        batch = [timer for timer, _, _ in timers.values()]
        if not batch:
            return 0
        try:
            answers = await handle(batch)
            standing = await self._standing([timer.demand for timer in batch])
            # A schedule older than the fired message is the fired one, seen on a replica that lags behind.
            newer = {demand: seq for demand, (seq, _) in standing.items() if seq > timers[demand][2]}
            await self.arm(rearmed(batch, answers, newer))
        except Exception:
            with contextlib.suppress(Unavailable):
                await self._settle([message for _, twins, _ in timers.values() for message in twins], done=False)
            raise
        for done in (True, False):
            await self._settle([m for demand, (_, twins, _) in timers.items() if (demand in answers) is done for m in twins], done=done)
        return len(batch)

    async def close(self) -> None:
        """Ask for no more; what was handed over and not answered goes to another process."""
        await self._queue.close()

    async def _publish(self, messages: Sequence[tuple[str, bytes, dict[str, str]]]) -> None:
        delay, deadline, trouble = 0.02, asyncio.get_running_loop().time() + PATIENCE, "no answer"
        while asyncio.get_running_loop().time() < deadline:
            try:
                error = (await self._publish_once(messages)).get("error")
                if error is None:
                    return
                trouble = f"stream refused: {error.get('err_code')}"
            except AWAY as fault:
                trouble = type(fault).__name__
            await asyncio.sleep(delay)
            delay = min(delay * 2, 0.5)
        raise Unavailable(f"timers cannot be armed now ({trouble})")

    async def _publish_once(self, messages: Sequence[tuple[str, bytes, dict[str, str]]]) -> dict[str, Any]:
        batch, last = secrets.token_hex(8), len(messages)
        for number, (subject, body, headers) in enumerate(messages[:-1], 1):
            marks = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            await self._connection.publish(subject, body, headers=headers | marks)
        subject, body, headers = messages[-1]
        marks = {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(last), "Nats-Batch-Commit": "1"} if last > 1 else {}
        message = await self._connection.request(subject, body, timeout=self._timeout, headers=headers | marks)
        answer: dict[str, Any] = json.loads(message.data)
        return answer

    async def _standing(self, demands: Sequence[str]) -> dict[str, tuple[int, datetime]]:
        """Sequence and moment of each schedule that stands."""
        found = {}
        for start in range(0, len(demands), LOOK):
            subjects = [timer_subject(demand) for demand in demands[start : start + LOOK]]
            try:
                found.update(await self._last_of(subjects))
            except AWAY as error:
                raise Unavailable("timers cannot be read now") from error
        return found

    async def _last_of(self, subjects: Sequence[str]) -> dict[str, tuple[int, datetime]]:
        found: dict[str, tuple[int, datetime]] = {}
        inbox = self._connection.new_inbox()
        subscription = await self._connection.subscribe(inbox)
        try:
            request = json.dumps({"multi_last": list(subjects)}).encode()
            await self._connection.publish(f"$JS.API.DIRECT.GET.{TIMERS_STREAM}", request, reply=inbox)
            while True:
                message = await subscription.next_msg(self._timeout)
                headers = message.headers or {}
                status = headers.get("Status")
                if status in ("204", "404"):
                    return found
                if status is not None:
                    raise nats.errors.Error(f"direct get: {status}")
                if "Nats-Schedule" in headers:  # otherwise it says that the timer was taken away
                    moment = datetime.fromisoformat(message.data.decode())
                    found[demand_of(headers["Nats-Subject"])] = (int(headers["Nats-Sequence"]), moment)
        finally:
            if not self._connection.is_closed:
                await subscription.unsubscribe()

    async def _take(self, limit: int, wait: float) -> list[Msg]:
        try:
            if not self._queue.open:
                await self._jetstream.add_consumer(TIMERS_STREAM, _consumer(self._ack_wait))
            return await self._queue.take(limit, wait)
        except (*AWAY, JetStreamError) as error:
            await self._queue.close()
            raise Unavailable(f"fired timers cannot be read now ({type(error).__name__})") from error

    async def _settle(self, messages: Sequence[Msg], *, done: bool) -> None:
        try:
            for message in messages:
                await (message.ack() if done else message.nak(AGAIN))
        except AWAY as error:  # they come again after `ack_wait`, which does no harm
            raise Unavailable("fired timers cannot be acknowledged now") from error


class _Queue:
    """Pulls fired messages into an inbox; asks again when it has run empty, and after every reconnection, where requests are lost."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self._subscription: Subscription | None = None
        self._address = ""
        self._messages: list[Msg] = []
        self._arrived = asyncio.Event()
        self._asked = 0
        self._asked_at = 0.0
        self._reconnects = 0
        self._fault: str | None = None

    @property
    def open(self) -> bool:
        """Whether somebody listens."""
        return self._subscription is not None

    async def take(self, limit: int, wait: float) -> list[Msg]:
        """Up to `limit` messages that are there, or the first to come within `wait` seconds. Raises nats.errors.Error, OSError."""
        loop = asyncio.get_running_loop()
        if self._subscription is None:
            self._address, self._asked, self._fault = self._connection.new_inbox(), 0, None
            self._subscription = await self._connection.subscribe(self._address, cb=self._receive)
        deadline = loop.time() + wait
        while True:
            if self._fault is not None:
                raise nats.errors.Error(self._fault)
            self._arrived.clear()
            if not self._messages:
                await self._ask(limit, loop.time())
            if self._messages or loop.time() >= deadline:
                taken, self._messages = self._messages[:limit], self._messages[limit:]
                return taken
            try:
                await asyncio.wait_for(self._arrived.wait(), deadline - loop.time())
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Stop listening and forget what was not taken."""
        subscription, self._subscription, self._messages = self._subscription, None, []
        if subscription is not None and not self._connection.is_closed:
            await subscription.unsubscribe()

    async def _ask(self, limit: int, now: float) -> None:
        reconnects = int(self._connection.stats["reconnects"])
        if self._asked > 0 and reconnects == self._reconnects and now - self._asked_at < EXPIRES + 1:
            return
        self._asked, self._asked_at, self._reconnects = limit, now, reconnects
        request = json.dumps({"batch": limit, "expires": int(EXPIRES * 1e9)}).encode()
        await self._connection.publish(f"$JS.API.CONSUMER.MSG.NEXT.{TIMERS_STREAM}.{TIMERS_CONSUMER}", request, reply=self._address)

    async def _receive(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status")
        if status is None:
            self._messages.append(message)
            self._asked -= 1
        elif status in ("404", "408"):
            self._asked = 0
        else:
            self._fault = f"{status} {(message.headers or {}).get('Description', '')}"
        self._arrived.set()


def _schedule(demand: str, moment: datetime | None) -> tuple[str, bytes, dict[str, str]]:
    """Subject, body and headers of a timer, or of the message in its place; ADR-51 of NATS."""
    subject = timer_subject(demand)
    if moment is None:
        return subject, b"", {"Nats-Rollup": "sub", "Nats-TTL": CANCELLED_FOR}
    due = checked(moment)
    at = due.replace(tzinfo=None).isoformat(timespec="microseconds")
    return subject, due.isoformat().encode(), {"Nats-Schedule": f"@at {at}Z", "Nats-Schedule-Target": timer_target(demand)}


def _fired(message: Msg) -> Fired | None:
    try:
        demand = demand_of(message.subject)
        if message.subject != timer_target(demand):
            return None
        return Fired(demand, datetime.fromisoformat(message.data.decode()).astimezone(UTC))
    except (NotFound, ValueError):
        return None


def _consumer(ack_wait: float) -> ConsumerConfig:
    return ConsumerConfig(
        name=TIMERS_CONSUMER,
        durable_name=TIMERS_CONSUMER,
        filter_subject=TIMERS_DUE,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ack_wait,
        max_deliver=-1,
        max_ack_pending=PENDING,
    )
