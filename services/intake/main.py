"""Composition root of intake: opens everything, closes it in reverse."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from libs.chassis.app import build_app
from libs.chassis.commands import CommandDesk
from libs.chassis.database import create_engine, ping
from libs.chassis.ground import Ground, open_ground
from libs.chassis.keyring import Kek, KeyPool, KeyRing
from libs.chassis.randomness import Randomness
from libs.chassis.settings import BadSetting, read_secret
from services.intake.api import routes, submissions
from services.intake.batch_api import UPLOAD, BatchHall, batches
from services.intake.enterprise_api import wishes
from services.intake.rooms import Rooms
from services.intake.settings import IntakeSettings


def create_app(settings: IntakeSettings) -> FastAPI:
    """Build the application; nothing is opened before its lifespan."""
    if settings.kek_file is None or settings.salt_file is None:
        raise BadSetting("INTAKE_KEK_FILE and INTAKE_SALT_FILE must be set")
    kek, salt = Kek(read_secret(settings.kek_file)), read_secret(settings.salt_file)

    randomness = Randomness(secrets.token_bytes)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            ground = await open_ground(stack, app, settings, _now)
            store, follower = ground.store, ground.follower
            engine = create_engine(settings, pool_size=4)
            stack.push_async_callback(engine.dispose)
            pool = KeyPool(engine, kek, size=settings.key_pool, low=settings.key_pool // 2, random_bytes=randomness.draw, now=_now)
            await pool.start()
            stack.push_async_callback(pool.stop)
            desk = CommandDesk(store, KeyRing(engine, kek), _now, randomness.draw)
            app.state.engine = engine
            app.state.rooms = Rooms(desk, pool, follower, salt, settings.tracker_url)
            app.state.batches = BatchHall()
            yield

    async def readiness(app: FastAPI) -> dict[str, bool]:
        ground: Ground = app.state.ground
        return {
            **await ground.gates(),
            "database": await ping(app.state.engine),
        }

    return build_app(
        name="intake",
        title_zh="受理入口",
        title_en="intake",
        settings=settings,
        lifespan=lifespan,
        routes=[submissions, routes, wishes, batches],
        readiness=readiness,
        uploads=(UPLOAD,),
        rate=settings.rate,
    )


def _now() -> datetime:
    return datetime.now(UTC)
