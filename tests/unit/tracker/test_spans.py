"""Spans of projection."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from libs.events import Recorded
from services.tracker import spans
from tests.unit.tracker.histories import START

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    yield exporter
    provider.shutdown()


def recorded(seq: int, flags: str | None) -> Recorded:
    headers = {} if flags is None else {"traceparent": f"00-{TRACE}-{SPAN}-{flags}"}
    return Recorded(f"demand.t1.testnet.00.d{seq}", seq, b"{}", headers, START)


def test_a_sampled_commit_gets_a_span_in_its_own_trace_linked_with_the_batch(exporter: InMemorySpanExporter) -> None:
    with spans.batch_span("t1", [recorded(1, None), recorded(2, "01"), recorded(3, "00")]):
        pass
    by_name = {span.name: span for span in exporter.get_finished_spans()}
    one, batch = by_name["project"], by_name["project batch"]
    assert len(exporter.get_finished_spans()) == 2
    assert one.context is not None
    assert batch.context is not None
    assert f"{one.context.trace_id:032x}" == TRACE
    assert one.parent is not None
    assert f"{one.parent.span_id:016x}" == SPAN
    assert [link.context.span_id for link in one.links] == [batch.context.span_id]
    assert [f"{link.context.trace_id:032x}" for link in batch.links] == [TRACE]
    assert one.attributes == {"liandong.demand": "d2", "liandong.seq": 2}


def test_a_batch_without_sampled_commits_records_nothing(exporter: InMemorySpanExporter) -> None:
    with spans.batch_span("t1", [recorded(1, None), recorded(2, "00")]):
        pass
    assert exporter.get_finished_spans() == ()


def test_spans_end_when_the_batch_fails(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(RuntimeError), spans.batch_span("t1", [recorded(1, "01")]):
        raise RuntimeError
    assert len(exporter.get_finished_spans()) == 2
