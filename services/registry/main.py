"""Composition root of the registry: opens everything, puts the first facts in place, closes in reverse."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime

from fastapi import FastAPI

from libs.chassis.app import build_app
from libs.chassis.auth import digest_of, key_id_of
from libs.chassis.ground import Ground, open_ground
from libs.chassis.settings import BadSetting
from libs.events import Actor
from services.registry import api, reading
from services.registry.domain import IssueCredential, OpenCell
from services.registry.rooms import Rooms
from services.registry.settings import RegistrySettings

STAGED_PART_LIMIT = 200 * 1024
FOUNDER = Actor(kind="system", id="registry", role="system_admin")


def create_app(settings: RegistrySettings) -> FastAPI:
    """Build the application; nothing is opened before its lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            ground = await open_ground(stack, app, settings, _now)
            store, follower = ground.store, ground.follower
            rooms = Rooms(store, follower, _now, secrets.token_bytes)
            app.state.rooms = rooms
            await _found(rooms, settings)
            yield

    async def readiness(app: FastAPI) -> dict[str, bool]:
        ground: Ground = app.state.ground
        return await ground.gates()

    return build_app(
        name="registry",
        title_zh="节点名录",
        title_en="registry",
        settings=settings,
        lifespan=lifespan,
        routes=[reading.routes, api.routes],
        readiness=readiness,
        body_limit=STAGED_PART_LIMIT,
    )


async def _found(rooms: Rooms, settings: RegistrySettings) -> None:
    """The first facts of a new installation: an open cell, and the first security administrator's key."""
    if any(cell != settings.cell for cell in rooms.follower.directory.cells):
        # A demand's id names its cell, so a retry across a switch would be a second demand; looking back is not built yet.
        raise BadSetting("REGISTRY_CELL names another cell than the open one; switching cells is not possible yet")
    await rooms.run(OpenCell(settings.cell), FOUNDER, "founding")
    if settings.bootstrap_key is None:
        return
    key = settings.bootstrap_key.get_secret_value()
    key_id = key_id_of(key)
    if key_id is None:
        raise BadSetting("REGISTRY_BOOTSTRAP_KEY is not a key (ld_<key id>_<secret>)")
    if key_id not in rooms.follower.directory.credentials:
        command = IssueCredential(
            key_id, digest_of(key), "first-security-admin", "security_admin", None, None, "first security administrator", None
        )
        await rooms.run(command, FOUNDER, "founding")


def _now() -> datetime:
    return datetime.now(UTC)
