"""Composition root of the tracker: opens everything, closes it in reverse."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from libs.chassis.app import build_app
from libs.chassis.database import create_engine, database_errors, ping
from libs.chassis.ground import Ground, open_ground
from libs.chassis.keyring import Kek, KeyRing
from libs.chassis.settings import BadSetting, read_secret
from services.tracker import api, measuring
from services.tracker.console import enterprise, pages
from services.tracker.console.forms import UPLOADS
from services.tracker.console.reads import open_console
from services.tracker.consumers import Followers
from services.tracker.feed import Bell
from services.tracker.metrics import TrackerMetrics
from services.tracker.rebuild import ensure_current
from services.tracker.rooms import Rooms
from services.tracker.settings import TrackerSettings
from services.tracker.views import Views


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
            keys, bell = KeyRing(engine, kek), Bell()
            with database_errors():
                await ensure_current(engine, keys)
            ground = await open_ground(stack, app, settings, _now)
            store, follower = ground.store, ground.follower
            followers = Followers(engine, store, keys, follower, bell=bell, metrics=TrackerMetrics(app.state.metrics), cell=settings.cell)
            stack.push_async_callback(followers.stop)
            await followers.start()
            rooms = app.state.rooms = Rooms(engine, store, follower, keys, Views(engine), bell, followers)
            app.state.console = open_console(rooms, settings.endpoints_file)
            yield

    async def readiness(app: FastAPI) -> dict[str, bool]:
        rooms: Rooms = app.state.rooms
        ground: Ground = app.state.ground
        return {
            **await ground.gates(),
            "database": await ping(rooms.engine),
            **{f"cell_{cell}": cell not in rooms.followers.faults for cell in ground.cells},
        }

    return build_app(
        name="tracker",
        title_zh="全程跟踪",
        title_en="tracker",
        settings=settings,
        lifespan=lifespan,
        routes=[api.routes, measuring.routes, pages.routes, enterprise.routes],
        readiness=readiness,
        form_paths=pages.FORM_PATHS,
        uploads=UPLOADS,
    )


def _now() -> datetime:
    return datetime.now(UTC)
