"""The app factory all services share: OpenAPI in both languages, problems, health, metrics, docs, and the edge around it.

What a service's lifespan sets on `app.state`: `follower` (DirectoryFollower), for `CallerDep`. What is there already: `settings`,
`metrics`, `tracing`, `rate_limits`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from libs.chassis.catalogue import CATALOGUE
from libs.chassis.docs_page import docs_routes
from libs.chassis.edge import BODY_LIMIT, Edge, Upload
from libs.chassis.http import IDEMPOTENCY_KEY
from libs.chassis.limits import DEFAULT_RATE, RateLimits
from libs.chassis.metrics import CONTENT_TYPE, Metrics
from libs.chassis.problems import PROBLEM_RESPONSES, Problem, install_problem_handlers
from libs.chassis.settings import ServiceSettings
from libs.chassis.tracing import Tracing
from libs.events.errors import LiandongError

API_VERSION: Final = "0.1.0"
READINESS_WITHIN: Final = 3.0
_CONVENTIONS: Final = """{zh}

所有命令须带 `Idempotency-Key`；密钥放在 `Authorization: Bearer`；错误为 RFC 9457 问题说明，`code` 稳定不变；缺省即没有，不写 null。

---

{en}

Every command carries an `Idempotency-Key`; keys go into `Authorization: Bearer`; errors are RFC 9457 problems with a stable `code`;
what is absent is not there, null is never written.
"""

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
Readiness = Callable[[FastAPI], Awaitable[dict[str, bool]]]


class ServiceApp(FastAPI):
    """A FastAPI app with the edge outermost, and the Problem schema in its OpenAPI document."""

    edge: Callable[[ASGIApp], Edge]

    def build_middleware_stack(self) -> ASGIApp:
        """Put the edge around Starlette's own error handling."""
        return self.edge(super().build_middleware_stack())

    def openapi(self) -> dict[str, Any]:
        """Add what routes do not tell one by one: the schema of problems, and the Idempotency-Key of every POST."""
        if self.openapi_schema is None:
            document = super().openapi()
            schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update(schema.pop("$defs", {}))
            schemas["Problem"] = schema
            for path in document["paths"].values():
                if "post" in path:
                    path["post"].setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        assert self.openapi_schema is not None
        return self.openapi_schema


def build_app(
    *,
    name: str,
    title_zh: str,
    title_en: str,
    settings: ServiceSettings,
    lifespan: Lifespan,
    routes: Sequence[APIRouter],
    readiness: Readiness,
    form_paths: frozenset[str] = frozenset(),
    rate: str = DEFAULT_RATE,
    body_limit: int = BODY_LIMIT,
    uploads: Sequence[Upload] = (),
    tracing: Tracing | None = None,
) -> FastAPI:
    """Build a service's app; nothing is opened before its lifespan.

    `readiness` names each gate and whether it is open. `form_paths` take HTML forms besides JSON, `uploads` files. `rate` is per key.
    """
    metrics = Metrics(name)
    traced = tracing if tracing is not None else Tracing(name)

    @asynccontextmanager
    async def whole_life(app: FastAPI) -> AsyncGenerator[None, None]:
        traced.start()
        try:
            async with lifespan(app):
                app.state.started = True
                yield
        except (LiandongError, OSError) as error:
            app.state.start_error = error  # serve() tells it in one sentence
            raise
        finally:
            await traced.stop()

    app = ServiceApp(
        title=f"{title_zh} / {title_en}",
        description=_CONVENTIONS.format(zh=title_zh, en=title_en),
        version=API_VERSION,
        lifespan=whole_life,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=PROBLEM_RESPONSES,
        generate_unique_id_function=lambda route: route.name,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False},
    )
    app.edge = lambda inner: Edge(inner, metrics=metrics, tracing=traced, form_paths=form_paths, body_limit=body_limit, uploads=uploads)
    app.state.name = name
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.tracing = traced
    app.state.rate_limits = RateLimits(rate)
    app.state.started = False
    install_problem_handlers(app)
    # The service's own routes come first: matching goes through them one by one.
    for router in (*routes, _operations(metrics, readiness), docs_routes(app.title)):
        _take_in(app, router)
    return app


def _take_in(app: FastAPI, router: APIRouter) -> None:
    """Add a router's routes to the app itself.

    `include_router` keeps the router as a layer that matches every request twice (13 µs of 100, measured); plain routes need none.
    """
    if not all(isinstance(route, APIRoute) for route in router.routes):
        app.include_router(router)
        return
    for route in router.routes:
        assert isinstance(route, APIRoute)
        route.responses = {**PROBLEM_RESPONSES, **route.responses}
        route.unique_id = route.operation_id or route.name
        app.router.routes.append(route)


def _operations(metrics: Metrics, readiness: Readiness) -> APIRouter:
    """Health, metrics and the meaning of problem types: the only addresses without a key, besides the docs."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/healthz")
    async def healthz() -> Response:
        return _json({"status": "alive"})

    @routes.get("/readyz")
    async def readyz(request: Request) -> Response:
        gates = await open_gates(request.app, readiness)
        ready = all(gates.values())
        return _json({"ready": ready, "gates": gates}, 200 if ready else 503)

    @routes.get("/metrics")
    async def scrape() -> Response:
        return Response(metrics.scrape(), headers={"Content-Type": CONTENT_TYPE})

    @routes.get("/problems/{code}")
    async def problem(code: str) -> Response:
        kind = CATALOGUE.get(code)
        if kind is None:
            raise HTTPException(404)
        return _json({"code": code, "status": kind.status, "zh": kind.zh, "en": kind.en, "do_zh": kind.do_zh, "do_en": kind.do_en})

    return routes


async def open_gates(app: FastAPI, readiness: Readiness) -> dict[str, bool]:
    """Ask every gate, at most three seconds long. A gate that raises one of our errors is closed."""
    try:
        async with asyncio.timeout(READINESS_WITHIN):
            return await readiness(app)
    except TimeoutError:
        return {"answered_in_time": False}
    except LiandongError:
        return {"readiness": False}


def _json(content: dict[str, Any], status: int = 200) -> Response:
    return Response(to_json(content), status, media_type="application/json")
