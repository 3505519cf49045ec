"""Spans of projection: one per batch, and one in the trace of every sampled commit in it, so that a trace ends where people see it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind

from libs.chassis.telemetry import TRACER, parse_traceparent
from libs.events import Recorded
from libs.events.names import demand_of

MOST: Final = 100


@contextmanager
def batch_span(cell: str, batch: Sequence[Recorded]) -> Generator[None, None, None]:
    """Record a batch that holds sampled commits: the batch's span links to them, each commit's span links to the batch."""
    sampled = _sampled(batch)
    if not sampled:
        yield
        return
    tracer = trace.get_tracer(TRACER)
    links = [Link(context) for _, context in sampled]
    attributes: dict[str, str | int] = {"liandong.cell": cell, "liandong.commits": len(batch)}
    with tracer.start_as_current_span("project batch", Context(), SpanKind.CONSUMER, attributes, links) as span:
        here = [Link(span.get_span_context())] if span.get_span_context().is_valid else []
        spans = [
            tracer.start_span(
                "project",
                trace.set_span_in_context(NonRecordingSpan(context), Context()),
                SpanKind.CONSUMER,
                {"liandong.demand": demand_of(recorded.subject), "liandong.seq": recorded.seq},
                here,
            )
            for recorded, context in sampled
        ]
        try:
            yield
        finally:
            for one in spans:
                one.end()


def _sampled(batch: Sequence[Recorded]) -> list[tuple[Recorded, SpanContext]]:
    found: list[tuple[Recorded, SpanContext]] = []
    for recorded in batch:
        context = parse_traceparent(recorded.headers.get("traceparent"), recorded.headers.get("tracestate"))
        if context is not None and context.trace_flags.sampled:
            found.append((recorded, context))
            if len(found) == MOST:
                break
    return found
