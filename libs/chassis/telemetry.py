"""Tracing: a server span per request, spans across NATS by W3C trace context in commit headers, at most so many traces a second.

Not FastAPI's own spans (`telemetry=`): with an unsampled request they cost 60-100 µs here, ours about 5 (tests/unit/chassis). Spans
leave the process only when an OTEL_* endpoint is set. Span attributes are codes and route templates, never query strings or text.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from types import TracebackType
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.util.types import Attributes

from libs.events.store import Recorded

TRACER: Final = "liandong"
ERROR_SAMPLE: Final = "liandong.error_sample"
"""Attribute of a span that is recorded because the request failed, although its trace was not sampled."""

_IDS: Final = RandomIdGenerator()
_UNSAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?\Z")


class RateLimitedSampler(Sampler):
    """Follows its parent, and begins at most `per_second` traces a second: a token bucket of one second. `clock` returns seconds.

    A partner that always asks for sampling takes tokens like everybody else. A database call without a parent begins no trace.
    """

    def __init__(self, per_second: float = 50, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = per_second
        self._clock = clock
        self._tokens = float(per_second)
        self._filled = clock()

    def ready(self) -> bool:
        """Tell whether a new trace would be sampled now, without taking a token."""
        now = self._clock()
        self._tokens = min(self._rate, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        return self._tokens >= 1

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Decide by the parent, else by the bucket."""
        parent = trace.get_current_span(parent_context).get_span_context()
        if attributes is not None and attributes.get(ERROR_SAMPLE):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, parent.trace_state)
        if parent.is_valid and not parent.trace_flags.sampled:
            return SamplingResult(Decision.DROP)
        if parent.is_valid and not (parent.is_remote and kind is SpanKind.SERVER):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, parent.trace_state)
        if kind is SpanKind.CLIENT or not self.ready():
            return SamplingResult(Decision.DROP)
        self._tokens -= 1
        return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes, parent.trace_state)

    def get_description(self) -> str:
        """For diagnostics."""
        return f"RateLimitedSampler({self._rate}/s)"


def parse_traceparent(traceparent: str | None, tracestate: str | None = None) -> SpanContext | None:
    """Read a `traceparent` (W3C Trace Context 3.2); None when it is absent or malformed."""
    match = _TRACEPARENT.match(traceparent) if traceparent is not None else None
    if match is None or match[1] == "ff" or (match[1] == "00" and match[5]):
        return None
    sampled = int(match[4], 16) & TraceFlags.SAMPLED
    state = TraceState.from_header([tracestate]) if tracestate else None
    context = SpanContext(int(match[2], 16), int(match[3], 16), True, _SAMPLED if sampled else _UNSAMPLED, state)
    return context if context.is_valid else None


def traceparent_of(context: SpanContext) -> str:
    """Spell a span context as `traceparent`."""
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{'01' if context.trace_flags.sampled else '00'}"


def inject(headers: MutableMapping[str, str]) -> None:
    """Write the current trace context into message headers; nothing when there is none."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        headers["traceparent"] = traceparent_of(context)
        if context.trace_state:
            headers["tracestate"] = context.trace_state.to_header()


def extract(headers: Mapping[str, str]) -> Context:
    """Read the trace context of message headers; an empty context when there is none."""
    parent = parse_traceparent(headers.get("traceparent"), headers.get("tracestate"))
    return Context() if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), Context())


class commit_span:
    """`with commit_span("project", recorded):` a span in the trace of the commit's writer.

    A consumer's span (the default kind) continues the context in the commit's headers and links to the current span, a batch say.
    A producer's span is a child of the current one, and its context is written into the headers given. Unsampled, nothing is
    recorded, but the trace id stays current for logs and for what is appended next.
    """

    __slots__ = ("_attributes", "_headers", "_kind", "_name", "_recording", "_span", "_token")

    def __init__(
        self,
        name: str,
        source: Recorded | Mapping[str, str],
        kind: SpanKind = SpanKind.CONSUMER,
        *,
        attributes: Mapping[str, Any] | None = None,
    ) -> None:
        self._name = name
        self._headers = source.headers if isinstance(source, Recorded) else source
        self._kind = kind
        self._attributes = attributes
        self._token: Any = None
        self._recording = False
        self._span: Span = trace.INVALID_SPAN

    def __enter__(self) -> Span:
        if self._kind is SpanKind.PRODUCER:
            parent: SpanContext | None = trace.get_current_span().get_span_context()
        else:
            parent = parse_traceparent(self._headers.get("traceparent"), self._headers.get("tracestate"))
        if parent is None or not parent.is_valid:
            return self._span
        if parent.trace_flags.sampled:
            self._span = self._start(parent)
            self._recording = True
        else:
            self._span = NonRecordingSpan(parent)
        self._token = otel_context.attach(trace.set_span_in_context(self._span, Context()))
        if self._kind is SpanKind.PRODUCER and isinstance(self._headers, MutableMapping):
            inject(self._headers)
        return self._span

    def _start(self, parent: SpanContext) -> Span:
        current = trace.get_current_span().get_span_context()
        links = [Link(current)] if current.is_valid and current.trace_id != parent.trace_id else None
        context = trace.set_span_in_context(NonRecordingSpan(parent), Context())
        attributes = dict(self._attributes) if self._attributes else None
        return trace.get_tracer(TRACER).start_span(self._name, context, self._kind, attributes, links)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None) -> None:
        if self._token is not None:
            otel_context.detach(self._token)
        if self._recording:
            if kind is not None:
                self._span.set_attribute("error.type", kind.__qualname__)
                self._span.set_status(Status(StatusCode.ERROR))
            self._span.end()


def unsampled_span(parent: SpanContext | None) -> NonRecordingSpan:
    """A span that records nothing but gives the request a trace id, its parent's if it has one."""
    trace_id = parent.trace_id if parent is not None else _IDS.generate_trace_id()
    return NonRecordingSpan(SpanContext(trace_id, _IDS.generate_span_id(), False, _UNSAMPLED))


def traces_endpoint(environ: Mapping[str, str] = os.environ) -> str | None:
    """Where spans go by the standard OTEL_* settings; None when tracing is off or no endpoint is set."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return None
    if environ.get("OTEL_TRACES_EXPORTER", "otlp").strip().lower() not in ("otlp", ""):
        return None
    exact = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip()
    general = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    return exact or (f"{general.rstrip('/')}/v1/traces" if general else None)
