"""Composition root of the router: opens everything, follows the cells, closes in reverse."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

from fastapi import FastAPI
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection

from libs.chassis.app import build_app
from libs.chassis.commands import CommandDesk
from libs.chassis.database import create_engine, ping
from libs.chassis.ground import Ground, open_ground
from libs.chassis.keyring import Kek, KeyRing
from libs.chassis.settings import BadSetting, read_secret
from libs.directory import Directory
from libs.events.privacy import PrivacyLedger
from libs.events.timer_stream import JetStreamTimers
from libs.events.timers import run_timers
from services.router import api, assisting, check_api, erasing, evidence_api, laboratory, reading, supervising
from services.router.arming import Arming
from services.router.background import Background
from services.router.cases import OpenLoad
from services.router.cells import CellRouters
from services.router.checking import Checking
from services.router.comparing import EVERY as COMPARE_EVERY
from services.router.comparing import Comparisons
from services.router.consumers import CellRouter
from services.router.destroying import Destruction, reapply
from services.router.files import PostgresFileStore
from services.router.follow_ups import FollowUps
from services.router.metrics import Meters
from services.router.ownership import PartitionOwnership
from services.router.parts import Parts
from services.router.process import Dispatcher
from services.router.reactions import Reactions
from services.router.rooms import Rooms
from services.router.rounds import Rounds
from services.router.settings import RouterSettings
from services.router.timekeeper import Timekeeper

CONNECTIONS = 8
"""Of the database: one keeps the locks, the others serve cells, rounds and requests."""


def create_app(settings: RouterSettings) -> FastAPI:
    """Build the application; nothing is opened before its lifespan."""
    if settings.kek_file is None:
        raise BadSetting("ROUTER_KEK_FILE must be set")
    kek = Kek(read_secret(settings.kek_file))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        async with AsyncExitStack() as stack:
            ground = await open_ground(stack, app, settings, _now)
            store, follower = ground.store, ground.follower
            engine = create_engine(settings, pool_size=CONNECTIONS)
            event.listen(engine.sync_engine, "connect", _plan_afresh)
            stack.push_async_callback(engine.dispose)
            ledger = PrivacyLedger(store)
            files = PostgresFileStore(engine, _now)
            await reapply(ledger, engine, files)
            ownership = PartitionOwnership(engine, every=settings.balance_seconds)
            meters = Meters(app.state.metrics, lambda: len(ownership.parts))
            load, keys = OpenLoad(), KeyRing(engine, kek)

            def fresh_directory() -> Directory:
                follower.check_fresh()
                return follower.directory

            dispatcher = Dispatcher(store, keys, fresh_directory, _now, load, meters)

            timers = JetStreamTimers(ground.connection)
            stack.push_async_callback(timers.close)
            arming = Arming(timers, engine, _now, meters, lambda: cells.busy)
            destruction = Destruction(store, ledger, engine, files, keys, _now)
            parts = Parts(store, keys, _now, secrets.token_bytes)
            reactions = Reactions(store, fresh_directory, parts, FollowUps(engine), destruction, _now)

            def router_of(cell: str) -> CellRouter:
                return CellRouter(cell, store, engine, ownership, dispatcher, reactions, arming, load, meters, _now)

            cells = CellRouters(router_of, ownership)
            grace = timedelta(seconds=settings.grace_seconds)
            timekeeper = Timekeeper(store, fresh_directory, dispatcher, _now, meters)
            rounds = Rounds(engine, ownership, timekeeper, arming, fresh_directory, _now, meters, grace=grace)
            every = timedelta(seconds=settings.check_seconds)
            checking = Checking(
                engine, ownership, store, timers, fresh_directory, lambda: cells.opened, _now, meters, grace=grace, every=every
            )
            comparisons = Comparisons(engine, ownership, store, keys, _now, meters, lambda: cells.busy)
            await ownership.start()
            stack.push_async_callback(ownership.stop)
            cells.open({settings.cell, *follower.directory.cells})
            stack.push_async_callback(cells.stop)
            follower.on_change(cells.directory_changed)
            holders = asyncio.Event()
            follower.on_change(lambda _: holders.set())
            packs = asyncio.Event()
            follower.on_change(lambda _: packs.set())
            background = Background()
            background.keep("arming", arming.run)
            background.keep("timers", lambda: run_timers(timers, timekeeper.fired, on_fault=timekeeper.fault))
            background.every(settings.sweep_seconds, "sweep", rounds.sweep)
            background.every(settings.release_seconds, "release", rounds.release, wake=holders)
            background.every(settings.release_seconds, "promise", rounds.promise, wake=packs)
            background.every(settings.check_seconds, "check", checking.round)
            background.every(COMPARE_EVERY, "compare", comparisons.round)
            stack.push_async_callback(background.stop)
            app.state.checking = checking
            app.state.ownership = ownership
            app.state.engine = engine
            app.state.cells = cells
            app.state.rooms = Rooms(CommandDesk(store, keys, _now, secrets.token_bytes), engine, follower, ledger, files)
            yield

    async def readiness(app: FastAPI) -> dict[str, bool]:
        ground: Ground = app.state.ground
        return {
            **await ground.gates(),
            "database": await ping(app.state.engine),
            "cells": app.state.cells.healthy,
        }

    return build_app(
        name="router",
        title_zh="流转派单",
        title_en="router",
        settings=settings,
        lifespan=lifespan,
        routes=[
            *(reading.routes, api.routes, assisting.routes, supervising.routes),
            *(evidence_api.routes, erasing.routes, check_api.routes, laboratory.routes),
        ],
        readiness=readiness,
        uploads=(evidence_api.UPLOAD,),
        rate=settings.rate,
    )


def _plan_afresh(connection: DBAPIConnection, _record: object) -> None:
    """Plan every statement for the tables as they are: a plan made while they were small reads all of them row by row later."""
    cursor = connection.cursor()
    cursor.execute("set plan_cache_mode = force_custom_plan")
    cursor.close()
    connection.commit()  # otherwise the next rollback takes the setting back


def _now() -> datetime:
    return datetime.now(UTC)
