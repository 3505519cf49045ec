"""Problem documents (RFC 9457) with stable codes in two languages. Never echoes what was sent: no value, no unknown member's name.

The table of errors::

    Refused, NotFound      their own code
    Conflict               409 conflict
    ClockAhead             503 clock_ahead
    Unavailable            503, its `code` or store_unavailable, with Retry-After
    GapDetected, Fenced    503 store_unavailable
    Corrupt, UnknownEvent  503 unreadable_demand
    anything else          500 internal
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from libs.chassis.catalogue import CATALOGUE, ProblemKind
from libs.chassis.field_errors import FieldError, field_errors
from libs.events.errors import ClockAhead, Conflict, Corrupt, LiandongError, NotFound, Refused, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
TRACE_ID: Final = "liandong.trace_id"
"""Scope member where the server span leaves its trace id."""

_BY_STATUS: Final = {
    400: "bad_request",
    401: "key_invalid",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "body_too_large",
    415: "unsupported_media_type",
    422: "invalid_field",
    429: "rate_limited",
    503: "store_unavailable",
    504: "timeout",
}
_PASSED_ON: Final = frozenset({"allow", "retry-after"})
_log = structlog.get_logger("problems")


class ProblemField(BaseModel):
    """One rejected field: where it stands, and a stable code. Never its value."""

    field: str = Field(examples=["requester.uscc"])
    code: str = Field(examples=["invalid_uscc"])


class Problem(BaseModel):
    """问题说明（RFC 9457）。 / A problem document (RFC 9457)."""

    model_config = ConfigDict(title="Problem")

    type: str = Field(examples=["/problems/missing_field"])
    title: str = Field(description="标题（中文）", examples=["缺少必填字段"])
    title_en: str = Field(description="Title in English", examples=["A required field is missing"])
    status: int = Field(examples=[422])
    code: str = Field(description="稳定代码 / stable code", examples=["missing_field"])
    detail: str = Field(description="如何处理（中文）", examples=["请补上所指字段。"])
    detail_en: str = Field(description="What to do, in English", examples=["Add the field that is named."])
    field: str | None = Field(None, description="所指字段 / the field that is meant", examples=["title"])
    errors: list[ProblemField] | None = Field(None, description="全部有误的字段 / all rejected fields")
    trace_id: str | None = Field(None, description="排查编号 / trace id", examples=["4bf92f3577b34da6a3ce929d0e0e4736"])


def _documented(status: int) -> dict[str, Any]:
    kinds = [kind for kind in CATALOGUE.values() if kind.status == status]
    documented: dict[str, Any] = {
        "description": "；".join(f"{kind.code} {kind.zh} / {kind.en}" for kind in kinds),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in (429, 503):
        documented["headers"] = {"Retry-After": {"description": "秒 / seconds", "schema": {"type": "integer"}}}
    return documented


PROBLEM_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: _documented(status) for status in (400, 401, 403, 404, 409, 410, 412, 413, 415, 422, 429, 500, 503)
}
"""For `responses=`: every problem status an endpoint may answer. `build_app` documents them on all routes."""


def problem_body(
    kind: ProblemKind, *, field: str | None = None, errors: Sequence[FieldError] | None = None, trace_id: str | None = None
) -> dict[str, Any]:
    """The members of a problem document; absent ones are left out."""
    body: dict[str, Any] = {
        "type": f"/problems/{kind.code}",
        "title": kind.zh,
        "title_en": kind.en,
        "status": kind.status,
        "code": kind.code,
        "detail": kind.do_zh,
        "detail_en": kind.do_en,
    }
    if field:
        body["field"] = field
    if errors:
        body["errors"] = [{"field": error.field, "code": error.code} for error in errors]
    if trace_id:
        body["trace_id"] = trace_id
    return body


def problem_response(
    code: str,
    request: Request,
    *,
    field: str | None = None,
    errors: Sequence[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Answer with a problem of the catalogue. A code that is not in it becomes `internal` and is logged."""
    kind = CATALOGUE.get(code)
    if kind is None:
        _log.error("unknown_problem_code", code=code)
        kind = CATALOGUE["internal"]
    sent = dict(headers or {})
    if kind.status == 401:
        sent["WWW-Authenticate"] = 'Bearer realm="liandong"'
    if kind.retry_after is not None:
        sent.setdefault("Retry-After", str(kind.retry_after))
    content = to_json(problem_body(kind, field=field, errors=errors, trace_id=request.scope.get(TRACE_ID)))
    return Response(content, kind.status, sent, MEDIA_TYPE)


def code_of(error: LiandongError) -> str:
    """The stable code of an error of our tree."""
    match error:
        case Refused() | NotFound():
            return error.code
        case Conflict():
            return "conflict"
        case ClockAhead():
            return "clock_ahead"
        case Unavailable():
            return str(getattr(error, "code", "store_unavailable"))
        case Corrupt():
            return "unreadable_demand"
        case _:
            return "store_unavailable"


def install_problem_handlers(app: FastAPI) -> None:
    """Let an app answer every error with a problem document."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(LiandongError, _ours)
    app.add_exception_handler(Exception, _unexpected)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = field_errors(error.errors(), request.app)
    first = errors[0]
    shown = None if first.code == "malformed_json" else errors
    return problem_response(first.code, request, field=first.field if shown else None, errors=shown)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    default = "bad_request" if error.status_code < 500 else "internal"
    code = _BY_STATUS.get(error.status_code, default)
    if code == "bad_request" and request.method in ("POST", "PUT", "PATCH"):
        code = "malformed_json"  # FastAPI answers an undecodable body with a plain 400.
    passed = {name: value for name, value in (error.headers or {}).items() if name.lower() in _PASSED_ON}
    if error.status_code == 405:
        passed["Allow"] = allowed_methods(request)
    return problem_response(code, request, headers=passed)


def allowed_methods(request: Request) -> str:
    """All methods of an address (RFC 9110 10.2.1); Starlette names only those of the first route that fits."""
    fitting = [route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in fitting for method in getattr(route, "methods", None) or ()}))


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, LiandongError)
    code = code_of(error)
    kind = CATALOGUE.get(code)
    if kind is None or kind.status >= 500:
        _log.warning("request_failed", code=code, error=type(error).__name__, method=request.method, message=str(error))
    headers = getattr(error, "headers", None)
    return problem_response(code, request, field=getattr(error, "field", None), headers=headers)


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("request_failed", code="internal", method=request.method, exc_info=error)
    return problem_response("internal", request)


__all__ = [
    "CATALOGUE",
    "MEDIA_TYPE",
    "PROBLEM_RESPONSES",
    "TRACE_ID",
    "FieldError",
    "Problem",
    "ProblemField",
    "ProblemKind",
    "code_of",
    "install_problem_handlers",
    "problem_body",
    "problem_response",
]
