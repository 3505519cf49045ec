"""The outermost ASGI layer of a service: server span, latency, body limit, JSON only, response headers. One wrapper, no copies.

It stands outside Starlette's own error handling, so that a 500 has the same headers, metrics and trace id as anything else. The server
span is ours because FastAPI's costs too much when a request is not sampled (see `libs.chassis.telemetry`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, time_ns
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.chassis.limits import ALLOWANCE
from libs.chassis.metrics import Metrics
from libs.chassis.problems import TRACE_ID, problem_response
from libs.chassis.telemetry import ERROR_SAMPLE, parse_traceparent, traceparent_of, unsampled_span
from libs.chassis.tracing import Tracing

BODY_LIMIT: Final = 64 * 1024
API_CSP: Final = "default-src 'none'; frame-ancestors 'none'"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_ALWAYS: Final = ((b"x-content-type-options", b"nosniff"),)
_UNLESS_SET: Final = (
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", API_CSP.encode()),
)
_UNMATCHED: Final = "unmatched"


@dataclass(frozen=True, slots=True)
class Upload:
    """Paths that take files: bodies of up to `limit` bytes, of whatever content type; the route itself judges the type."""

    path: re.Pattern[str]
    limit: int


class Edge:
    """Wraps a whole app. `form_paths`: exact paths that also take HTML forms (a login page); `uploads`: paths that take files."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        tracing: Tracing,
        form_paths: frozenset[str] = frozenset(),
        body_limit: int = BODY_LIMIT,
        uploads: Sequence[Upload] = (),
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing
        self._form_paths = form_paths
        self._body_limit = body_limit
        self._uploads = tuple(uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = perf_counter()
        began = time_ns()
        content_type: bytes | None = None
        length: bytes | None = None
        chunked = False
        traceparent = tracestate = None
        for name, value in scope["headers"]:
            if name == b"content-type":
                content_type = value
            elif name == b"content-length":
                length = value
            elif name == b"transfer-encoding":
                chunked = True
            elif name == b"traceparent":
                traceparent = value.decode("latin-1")
            elif name == b"tracestate":
                tracestate = value.decode("latin-1")
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        parent = parse_traceparent(traceparent, tracestate)
        span = self._span(method, parent, began)
        context = span.get_span_context()
        scope[TRACE_ID] = f"{context.trace_id:032x}"
        token = otel_context.attach(trace.set_span_in_context(span))
        answer = _Answer(scope, send, traceparent_of(context).encode())
        failure: str | None = None
        try:
            refused = self._refused(scope, method, content_type, length, chunked)
            if refused is not None:
                await problem_response(refused, Request(scope))(scope, receive, answer.send)
            elif length is None and chunked:
                upload = self._upload(scope)
                limit = self._body_limit if upload is None else upload.limit
                await self._app(scope, _Limited(receive, limit).receive, answer.send)
            else:
                await self._app(scope, receive, answer.send)
        except BaseException as error:
            failure = type(error).__qualname__
            raise
        finally:
            otel_context.detach(token)
            path = getattr(scope.get("route"), "path", None) or _UNMATCHED
            status = answer.status or 500
            self._metrics.request(method, path, status, perf_counter() - started)
            self._end(span, method, path, status, failure, began)

    def _refused(self, scope: Scope, method: str, content_type: bytes | None, length: bytes | None, chunked: bool) -> str | None:
        if length is not None and (not length.isdigit() or int(length) > self._body_limit):
            if not length.isdigit():
                return "bad_request"
            upload = self._upload(scope)
            if upload is None or int(length) > upload.limit:
                return "body_too_large"
        if method not in _WITH_BODY or not (chunked or (length is not None and length != b"0")):
            return None
        kind = (content_type or b"").partition(b";")[0].strip().lower()
        if kind == b"application/json":
            return None
        forms = (b"application/x-www-form-urlencoded", b"multipart/form-data")
        if kind in forms and scope["path"] in self._form_paths:
            return None
        return None if self._upload(scope) is not None else "unsupported_media_type"

    def _upload(self, scope: Scope) -> Upload | None:
        """Asked only for what an ordinary request never is: large, without a length, or not JSON."""
        return next((upload for upload in self._uploads if upload.path.fullmatch(scope["path"])), None)

    def _span(self, method: str, parent: SpanContext | None, began: int) -> Span:
        tracer = self._tracing.tracer
        if tracer is None or (parent is not None and not parent.trace_flags.sampled) or not self._tracing.sampler.ready():
            return unsampled_span(parent)
        context = Context() if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), Context())
        return tracer.start_span(method, context, SpanKind.SERVER, {"http.request.method": method}, start_time=began)

    def _end(self, span: Span, method: str, path: str, status: int, failure: str | None, began: int) -> None:
        failed = failure is not None or status >= 500
        tracer = self._tracing.tracer
        if not span.is_recording():
            if not failed or tracer is None:
                return
            # Errors always leave a span, if only this one, in the trace that the problem names.
            span = tracer.start_span(
                method, trace.set_span_in_context(span, Context()), SpanKind.SERVER, {ERROR_SAMPLE: True}, start_time=began
            )
        span.update_name(f"{method} {path}")
        span.set_attribute("http.request.method", method)
        span.set_attribute("http.route", path)
        span.set_attribute("http.response.status_code", status)
        if failed:
            span.set_attribute("error.type", failure or str(status))
            span.set_status(Status(StatusCode.ERROR))
        span.end()


class _Answer:
    """Adds the headers every response has, and remembers the status."""

    __slots__ = ("_scope", "_send", "_traceparent", "status")

    def __init__(self, scope: Scope, send: Send, traceparent: bytes) -> None:
        self._scope = scope
        self._send = send
        self._traceparent = traceparent
        self.status: int | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: list[tuple[bytes, bytes]] = list(message.get("headers", ()))
            names = {name for name, _ in headers}
            headers.extend(_ALWAYS)
            headers.append((b"traceparent", self._traceparent))
            headers.extend([header for header in _UNLESS_SET if header[0] not in names])
            allowance = self._scope.get(ALLOWANCE)
            if allowance is not None:
                headers.extend([(name.lower().encode(), value.encode()) for name, value in allowance.headers().items()])
            message["headers"] = headers
        await self._send(message)


class _Limited:
    """Counts a body without a declared length. Raises HTTPException 413 when it grows too large."""

    __slots__ = ("_left", "_receive")

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise HTTPException(413)
        return message
