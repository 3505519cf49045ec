"""The API documentation page: Swagger UI from local files when they are there, else a plain page with a link. No CDN, strict CSP."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Final

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

ASSETS: Final = Path(__file__).resolve().parents[2] / "node_modules" / "swagger-ui-dist"
_FILES: Final = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_START: Final = 'window.onload = () => SwaggerUIBundle({url: "/openapi.json", dom_id: "#docs", deepLinking: true});\n'
_HEAD: Final = '<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>{title}</title>'
_RICH: Final = (
    '<link rel="stylesheet" href="/docs/swagger-ui.css"></head><body><div id="docs"></div>'
    '<script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>'
)
_PLAIN: Final = '</head><body><h1>{title}</h1><p><a href="/openapi.json">OpenAPI 3.1: /openapi.json</a></p></body></html>'


def docs_routes(title: str, assets: Path = ASSETS) -> APIRouter:
    """Routes `/docs` and its three files. `title` is shown to people."""
    routes = APIRouter(include_in_schema=False)
    shown = escape(title)

    @routes.get("/docs")
    async def docs() -> Response:
        rich = all((assets / name).is_file() for name in _FILES)
        page = _HEAD.format(title=shown) + (_RICH if rich else _PLAIN.format(title=shown))
        return HTMLResponse(page, headers={"Content-Security-Policy": _CSP})

    @routes.get("/docs/start.js")
    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    @routes.get("/docs/{name}")
    async def asset(name: str) -> Response:
        if name not in _FILES or not (assets / name).is_file():
            raise HTTPException(404)
        return FileResponse(assets / name, media_type=_FILES[name])

    return routes
