"""The tracer provider of a process: exporter by the standard OTEL_* settings, sampler, database spans; started and stopped with the app."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import Final

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Tracer

from libs.chassis.telemetry import TRACER, RateLimitedSampler, traces_endpoint

_FLUSH_MILLISECONDS: Final = 1000


class Tracing:
    """Holds the provider of one app. Without an endpoint (or `exporter`) nothing is recorded and `tracer` stays None."""

    def __init__(
        self,
        name: str,
        *,
        environ: Mapping[str, str] = os.environ,
        exporter: SpanExporter | None = None,
        sampler: RateLimitedSampler | None = None,
    ) -> None:
        self._name = environ.get("OTEL_SERVICE_NAME") or f"liandong-{name}"
        self._endpoint = traces_endpoint(environ)
        self._exporter = exporter
        self._provider: TracerProvider | None = None
        self._instrumented = False
        self.sampler = sampler if sampler is not None else RateLimitedSampler()
        self.tracer: Tracer | None = None

    def start(self) -> None:
        """Begin recording if there is somewhere to send spans to."""
        exporter = self._exporter
        if exporter is None and self._endpoint is not None:
            exporter = OTLPSpanExporter(endpoint=self._endpoint, timeout=_FLUSH_MILLISECONDS / 1000)
        if exporter is None:
            return
        self._provider = TracerProvider(
            sampler=self.sampler, resource=Resource.create({"service.name": self._name}), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        # One process is one service; commit spans and database spans find the provider here.
        trace.set_tracer_provider(self._provider)
        self.tracer = self._provider.get_tracer(TRACER)
        instrumentor = AsyncPGInstrumentor()  # type: ignore[no-untyped-call]
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(tracer_provider=self._provider)
            self._instrumented = True

    async def stop(self) -> None:
        """Send what is left, for at most about a second, and stop recording."""
        provider, self._provider, self.tracer = self._provider, None, None
        if self._instrumented:
            AsyncPGInstrumentor().uninstrument()  # type: ignore[no-untyped-call]
            self._instrumented = False
        if provider is not None:
            await asyncio.to_thread(provider.force_flush, _FLUSH_MILLISECONDS)
            await asyncio.to_thread(provider.shutdown)
