"""A service in a process of its own; SAMPLE_MODE says what befalls it. Run by test_chassis_serve.py."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import structlog
from fastapi import APIRouter, FastAPI
from pydantic_settings import SettingsConfigDict
from starlette.responses import StreamingResponse

from libs.chassis.app import build_app
from libs.chassis.nats import connect
from libs.chassis.serve import serve
from libs.chassis.settings import BadSetting, ServiceSettings, load_settings
from libs.events.errors import Unavailable

MODE = os.environ.get("SAMPLE_MODE", "")


class SampleSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="SAMPLE_", extra="ignore")


def create_app(settings: SampleSettings) -> FastAPI:
    routes = APIRouter(prefix="/v1")

    @routes.get("/slow")
    async def slow() -> dict[str, str]:
        structlog.get_logger().info("slow_began")
        await asyncio.sleep(0.5)
        return {"status": "done"}

    @routes.get("/endless")
    async def endless() -> StreamingResponse:
        async def lines() -> AsyncGenerator[bytes, None]:
            while True:
                yield b"tick\n"
                await asyncio.sleep(0.05)

        return StreamingResponse(lines())

    @routes.get("/bug")
    async def bug() -> None:
        raise RuntimeError("x7markerx7")

    if MODE == "bad setting":
        raise BadSetting("SAMPLE_KEK_FILE must be set")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        if MODE == "unavailable":
            raise Unavailable("NATS at 127.0.0.1:1 does not answer")
        if MODE == "bug":
            raise ValueError("a bug at start")
        if MODE == "waits for NATS":
            await connect(settings, "sample")
        yield

    async def readiness(app: FastAPI) -> dict[str, bool]:
        return {}

    return build_app(
        name="sample", title_zh="示例", title_en="Sample", settings=settings, lifespan=lifespan, routes=[routes], readiness=readiness
    )


if __name__ == "__main__":
    serve(create_app, load_settings(SampleSettings))
