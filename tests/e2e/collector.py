"""A real OTLP/HTTP receiver on loopback that keeps the spans it gets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True, slots=True)
class Span:
    """What the tests look at."""

    service: str
    name: str
    trace: str
    links: tuple[str, ...]


@dataclass(slots=True)
class Collector:
    """Spans by arrival."""

    url: str
    spans: list[Span] = field(default_factory=list)

    def of_trace(self, trace: str) -> list[Span]:
        """Spans of one trace, or linked to it."""
        return [span for span in list(self.spans) if span.trace == trace or trace in span.links]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run the receiver until the block ends."""
    kept: list[Span] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                import gzip

                body = gzip.decompress(body)
            kept.extend(_spans(ExportTraceServiceRequest.FromString(body)))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Collector(f"http://127.0.0.1:{server.server_address[1]}", kept)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _spans(request: Any) -> list[Span]:
    found = []
    for resource in request.resource_spans:
        service = next(item.value.string_value for item in resource.resource.attributes if item.key == "service.name")
        for scope in resource.scope_spans:
            found += [
                Span(service, span.name, span.trace_id.hex(), tuple(link.trace_id.hex() for link in span.links)) for span in scope.spans
            ]
    return found
