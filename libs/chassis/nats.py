"""The NATS connection of a process: its own user and inbox prefix, reconnecting for ever, telling trouble once per kind of trouble."""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import urlsplit

import structlog
from nats.aio.client import Client

from libs.chassis.settings import ServiceSettings
from libs.events.errors import Unavailable

START_WITHIN: Final = 30.0
_CONNECT_SECONDS: Final = 2
_RECONNECT_SECONDS: Final = 0.2
_PING_SECONDS: Final = 5
_log = structlog.get_logger("nats")


async def connect(settings: ServiceSettings, name: str, *, within: float = START_WITHIN) -> Client:
    """Connect as this service's user. Raises Unavailable if the server does not let us in within `within` seconds.

    Later interruptions are ridden out: the client reconnects for ever, calls meanwhile fail with their own timeouts.
    """
    client = Client()
    trouble = _Trouble(name)
    try:
        async with asyncio.timeout(within):
            await client.connect(
                servers=[settings.nats_url],
                name=f"liandong-{name}",
                user=settings.nats_user,
                password=settings.nats_password.get_secret_value(),
                inbox_prefix=f"_INBOX_{name}",
                connect_timeout=_CONNECT_SECONDS,
                allow_reconnect=True,
                max_reconnect_attempts=-1,
                reconnect_time_wait=_RECONNECT_SECONDS,  # type: ignore[arg-type]  # seconds, fractions work
                ping_interval=_PING_SECONDS,
                max_outstanding_pings=2,
                flush_timeout=_CONNECT_SECONDS,
                drain_timeout=_CONNECT_SECONDS,
                pending_size=16 * 1024 * 1024,
                error_cb=trouble.error,
                disconnected_cb=trouble.disconnected,
                reconnected_cb=trouble.reconnected,
                closed_cb=trouble.closed,
            )
    except TimeoutError as error:
        await client.close()
        place = urlsplit(settings.nats_url)
        raise Unavailable(f"NATS at {place.hostname}:{place.port} does not let us in within {within:g} s ({trouble.last})") from error
    return client


class _Trouble:
    """Logs each kind of error once until the connection is well again: a server that is away would fill the log."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: set[str] = set()
        self.last = "no answer"

    async def error(self, error: Exception) -> None:
        self.last = type(error).__name__
        if self.last not in self._told:
            self._told.add(self.last)
            _log.warning("nats_error", connection=self._name, error=self.last)

    async def disconnected(self) -> None:
        _log.warning("nats_disconnected", connection=self._name)

    async def reconnected(self) -> None:
        self._told.clear()
        _log.info("nats_reconnected", connection=self._name)

    async def closed(self) -> None:
        _log.info("nats_closed", connection=self._name)
