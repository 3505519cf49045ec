"""What every service stands on: its NATS connection, the event store, the registry it follows, and the gates they make."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import FastAPI
from nats.aio.client import Client

from libs.chassis.follower import DirectoryFollower
from libs.chassis.nats import connect
from libs.chassis.settings import ServiceSettings
from libs.events.jetstream import JetStreamEventStore
from libs.events.streams import stream_differences, sync_always


@dataclass(frozen=True, slots=True)
class Ground:
    """Opened by `open_ground`, closed with its stack."""

    settings: ServiceSettings
    connection: Client
    store: JetStreamEventStore
    follower: DirectoryFollower

    @property
    def cells(self) -> list[str]:
        """The cells whose streams must exist: the configured one and all that the registry opened."""
        return sorted({self.settings.cell, *self.follower.directory.cells})

    async def gates(self) -> dict[str, bool]:
        """The gates every service has. Raises Unavailable."""
        return {
            "streams": not await stream_differences(self.connection, self.cells, self.settings.replicas),
            "sync_always": await sync_always(self.settings.nats_monitor_url),
            "registry": self.follower.ready,
        }


async def open_ground(stack: AsyncExitStack, app: FastAPI, settings: ServiceSettings, now: Callable[[], datetime]) -> Ground:
    """Connect, start following the registry, and leave the closing to `stack`; the caller check finds `app.state.follower`.

    Raises Unavailable when NATS or the registry cannot be reached in time.
    """
    connection = await connect(settings, settings.service)
    stack.push_async_callback(connection.close)
    store = JetStreamEventStore(connection)
    stack.push_async_callback(store.close)
    follower = DirectoryFollower(store, now=now, max_age=timedelta(seconds=settings.registry_max_age_seconds))
    await follower.start()
    stack.push_async_callback(follower.stop)
    ground = Ground(settings, connection, store, follower)
    app.state.follower, app.state.ground = follower, ground
    return ground
