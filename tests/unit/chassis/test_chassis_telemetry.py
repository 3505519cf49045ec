"""Sampling on a simulated clock, trace context across messages, and what an unsampled step costs."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagate import extract as reference_extract
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, TraceFlags

from libs.chassis.telemetry import (
    ERROR_SAMPLE,
    RateLimitedSampler,
    commit_span,
    extract,
    inject,
    parse_traceparent,
    traceparent_of,
    traces_endpoint,
    unsampled_span,
)
from libs.chassis.tracing import Tracing
from tests.unit.chassis.conftest import PARTNER
from tests.unit.chassis.sample_app import Registry, client_of, running

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = SAMPLED[:-1] + "0"


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def parent(*, sampled: bool, remote: bool = True) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return trace.set_span_in_context(NonRecordingSpan(SpanContext(1, 2, remote, flags)), Context())


def sampled(sampler: RateLimitedSampler, context: Context | None = None, kind: SpanKind = SpanKind.SERVER) -> bool:
    return sampler.should_sample(context if context is not None else Context(), 1, "x", kind).decision is Decision.RECORD_AND_SAMPLE


def test_at_most_fifty_traces_begin_in_a_second() -> None:
    clock = Clock()
    sampler = RateLimitedSampler(50, clock=clock)
    begun = 0
    for _ in range(1000):
        begun += sampled(sampler)
        clock.now += 0.001

    assert 50 + 48 <= begun <= 50 + 50  # a full bucket, and what one second refills


@given(st.floats(1, 200), st.lists(st.floats(0, 2), max_size=200))
def test_no_second_begins_more_than_bucket_and_refill(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    sampler = RateLimitedSampler(rate, clock=clock)
    times = []
    for pause in pauses:
        clock.now += pause
        if sampled(sampler):
            times.append(clock.now)

    for index, begin in enumerate(times):
        assert sum(moment < begin + 1 for moment in times[index:]) <= 2 * rate + 1


def test_a_span_follows_its_parent_whatever_the_bucket_holds() -> None:
    sampler = RateLimitedSampler(1, clock=Clock())

    assert sampled(sampler)
    assert not sampled(sampler)
    assert sampled(sampler, parent(sampled=True, remote=False), SpanKind.INTERNAL)
    assert sampled(sampler, parent(sampled=True), SpanKind.CONSUMER)
    assert not sampled(sampler, parent(sampled=False))


def test_a_partner_that_always_asks_for_sampling_takes_tokens_too() -> None:
    sampler = RateLimitedSampler(2, clock=Clock())

    assert [sampled(sampler, parent(sampled=True)) for _ in range(4)] == [True, True, False, False]


def test_a_database_call_begins_no_trace_and_an_error_always_does() -> None:
    sampler = RateLimitedSampler(1, clock=Clock())

    assert not sampled(sampler, kind=SpanKind.CLIENT)
    assert sampled(sampler)
    error = sampler.should_sample(parent(sampled=False), 1, "x", SpanKind.SERVER, {ERROR_SAMPLE: True})
    assert error.decision is Decision.RECORD_AND_SAMPLE


hexes = st.text("0123456789abcdef", min_size=1, max_size=4)


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_a_trace_context_survives_a_message(trace_id: int, span_id: int, is_sampled: bool) -> None:
    context = SpanContext(trace_id, span_id, False, TraceFlags(int(is_sampled)))
    token = otel_context.attach(trace.set_span_in_context(NonRecordingSpan(context)))
    headers: dict[str, str] = {}
    inject(headers)
    otel_context.detach(token)

    read = trace.get_current_span(extract(headers)).get_span_context()
    assert (read.trace_id, read.span_id, read.trace_flags, read.is_remote) == (trace_id, span_id, context.trace_flags, True)


@given(
    st.text(max_size=60)
    | st.sampled_from([SAMPLED, UNSAMPLED]).flatmap(lambda good: st.integers(0, 54).map(lambda at: good[:at] + "0" + good[at + 1 :]))
)
def test_traceparent_is_read_as_the_reference_reads_it(header: str) -> None:
    ours = parse_traceparent(header)
    reference = trace.get_current_span(reference_extract({"traceparent": header}, Context())).get_span_context()

    assert (ours.trace_id if ours else 0) == reference.trace_id


def test_without_a_context_nothing_is_written_or_read() -> None:
    headers: dict[str, str] = {}
    inject(headers)

    assert headers == {}
    assert extract({}) == {}
    with commit_span("project", {}) as span:
        assert not span.get_span_context().is_valid


def test_an_unsampled_step_keeps_the_trace_id_and_says_so() -> None:
    with commit_span("project", {"traceparent": UNSAMPLED}) as span:
        headers: dict[str, str] = {}
        with commit_span("append", headers, SpanKind.PRODUCER):
            pass
        assert not span.is_recording()

    assert headers["traceparent"] == UNSAMPLED
    assert not trace.get_current_span().get_span_context().is_valid


def test_an_unsampled_step_costs_next_to_nothing() -> None:
    """Five microseconds on a quiet machine; the bound here only catches a change of kind (the SDK's own path takes 30)."""
    headers = {"traceparent": UNSAMPLED}

    def once() -> float:
        began = time.process_time()
        for _ in range(500):
            with commit_span("project", headers):
                pass
        return (time.process_time() - began) / 500

    assert min(once() for _ in range(20)) < 20e-6


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """A provider that samples by our rules, in place of the process's own."""
    found = InMemorySpanExporter()
    provider = TracerProvider(sampler=RateLimitedSampler(), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(found))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield found
    provider.shutdown()


def test_a_commits_spans_form_one_trace_with_the_request(exporter: InMemorySpanExporter) -> None:
    tracer = trace.get_tracer("test")
    headers: dict[str, str] = {}
    with tracer.start_as_current_span("POST", kind=SpanKind.SERVER), commit_span("append", headers, SpanKind.PRODUCER):
        pass
    with tracer.start_as_current_span("batch", kind=SpanKind.CONSUMER) as batch, commit_span("project", headers, attributes={"seq": 7}):
        pass
    with pytest.raises(ValueError, match="x7m"), commit_span("project", headers):
        raise ValueError("x7m")

    spans = {span.name: span for span in exporter.get_finished_spans()[:4]}
    assert spans["project"].context.trace_id == spans["append"].context.trace_id == spans["POST"].context.trace_id
    assert spans["project"].parent.span_id == spans["append"].context.span_id
    assert [link.context.span_id for link in spans["project"].links] == [batch.get_span_context().span_id]
    assert exporter.get_finished_spans()[-1].attributes["error.type"] == "ValueError"
    assert "x7m" not in exporter.get_finished_spans()[-1].to_json()


class Kept(SpanExporter):
    """Keeps spans beyond shutdown."""

    def __init__(self) -> None:
        self.spans: list[ReadableSpan] = []

    def export(self, spans: object) -> SpanExportResult:
        self.spans.extend(spans)
        return SpanExportResult.SUCCESS


async def test_requests_leave_server_spans_by_the_samplers_word_and_errors_always(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", trace.Once())
    await registry.issue(PARTNER, "partner")
    kept = Kept()
    tracing = Tracing("sample", environ={}, exporter=kept, sampler=RateLimitedSampler(1, clock=Clock()))
    async with running(registry, tracing=tracing) as app, client_of(app, PARTNER) as client:
        answers = [await client.get(path) for path in ("/v1/wishes?limit=7", "/v1/wishes", "/v1/errors/unavailable", "/v1/errors/bug")]
        unsampled = await client.get("/v1/errors/corrupt", headers={"traceparent": UNSAMPLED})

    shown = [(span.name, span.attributes["http.response.status_code"], span.status.is_ok) for span in kept.spans]
    assert shown == [
        ("GET /v1/wishes", 200, True),
        ("GET /v1/errors/{name}", 503, False),
        ("GET /v1/errors/{name}", 500, False),
        ("GET /v1/errors/{name}", 503, False),
    ]
    assert "limit=7" not in "".join(span.to_json() for span in kept.spans)
    traced = [answers[0], answers[2], answers[3], unsampled]
    assert [f"{span.context.trace_id:032x}" for span in kept.spans] == [answer.headers["traceparent"].split("-")[1] for answer in traced]
    assert [answer.headers["traceparent"][-2:] for answer in answers] == ["01", "00", "00", "00"]


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318/"}, "http://c:4318/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/t", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://d"}, "http://c/t"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "TRUE"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, None),
    ],
)
def test_spans_go_where_the_standard_settings_say(environ: dict[str, str], endpoint: str | None) -> None:
    assert traces_endpoint(environ) == endpoint


async def test_without_an_endpoint_nothing_is_recorded() -> None:
    tracing = Tracing("sample", environ={})
    tracing.start()

    assert tracing.tracer is None
    await tracing.stop()


def test_a_request_without_a_trace_gets_one() -> None:
    one, other = unsampled_span(None).get_span_context(), unsampled_span(None).get_span_context()

    assert one.trace_id != other.trace_id
    assert parse_traceparent(traceparent_of(one)) is not None
    assert not one.trace_flags.sampled
