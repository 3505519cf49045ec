"""Composition root of the tracker: opens everything, closes it in reverse."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import FastAPI

from libs.chassis.app import build_app
from libs.chassis.database import create_engine, database_errors, ping
from libs.chassis.follower import DirectoryFollower
from libs.chassis.keyring import Kek, KeyRing
from libs.chassis.nats import connect
from libs.chassis.settings import BadSetting, read_secret
from libs.events.jetstream import JetStreamEventStore
from libs.events.streams import stream_differences, sync_always
from services.tracker import api, generations
from services.tracker.console import pages
from services.tracker.console.reads import open_console
from services.tracker.consumers import Followers
from services.tracker.feed import Bell
from services.tracker.metrics import TrackerMetrics
from services.tracker.rooms import Rooms
from services.tracker.settings import TrackerSettings
from services.tracker.views import Views

FORMS: Final = frozenset({"/console/enter", "/console/leave", "/console/language"})


def create_app(settings: TrackerSettings) -> FastAPI:
    """Build the application; nothing is opened before its lifespan. Raises BadSetting."""
    if settings.kek_file is None:
        raise BadSetting("TRACKER_KEK_FILE must be set")
    kek = Kek(read_secret(settings.kek_file))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            engine = create_engine(settings, pool_size=settings.pool_size)
            stack.push_async_callback(engine.dispose)
            with database_errors():
                await generations.ensure(engine)
            connection = await connect(settings, "tracker")
            stack.push_async_callback(connection.close)
            store = JetStreamEventStore(connection)
            stack.push_async_callback(store.close)
            follower = DirectoryFollower(store, now=_now, max_age=timedelta(seconds=settings.registry_max_age_seconds))
            await follower.start()
            stack.push_async_callback(follower.stop)
            keys, bell = KeyRing(engine, kek), Bell()
            followers = Followers(engine, store, keys, follower, bell=bell, metrics=TrackerMetrics(app.state.metrics), cell=settings.cell)
            stack.push_async_callback(followers.stop)
            await followers.start()
            app.state.connection = connection
            app.state.follower = follower
            rooms = app.state.rooms = Rooms(engine, store, follower, keys, Views(engine), bell, followers)
            app.state.console = open_console(rooms, settings.endpoints_file)
            yield

    async def readiness(app: FastAPI) -> dict[str, bool]:
        rooms: Rooms = app.state.rooms
        cells = sorted({settings.cell, *rooms.follower.directory.cells})
        return {
            "streams": not await stream_differences(app.state.connection, cells, settings.replicas),
            "sync_always": await sync_always(settings.nats_monitor_url),
            "registry": rooms.follower.ready,
            "database": await ping(rooms.engine),
            **{f"cell_{cell}": cell not in rooms.followers.faults for cell in cells},
        }

    return build_app(
        name="tracker",
        title_zh="联动 · 全程跟踪",
        title_en="Liandong tracker",
        settings=settings,
        lifespan=lifespan,
        routes=[api.routes, pages.routes],
        readiness=readiness,
        form_paths=FORMS,
    )


def _now() -> datetime:
    return datetime.now(UTC)
