"""Prometheus metrics of one app in a registry of its own. Labels are route templates and codes: bounded, and nobody's data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The registry of one app, with the latency of its requests."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._latency = Histogram(
            "liandong_http_request_seconds",
            "Duration of HTTP requests.",
            ("method", "route", "status"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._series: dict[tuple[str, str, int], Histogram] = {}
        Gauge("liandong_service_info", "Which service this is.", ("service",), registry=self.registry).labels(service).set(1)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the template, never the path."""
        key = (method, route, status)
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._latency.labels(method, route, str(status))
        series.observe(seconds)

    def gauge(self, name: str, documentation: str, read: Callable[[], float] | None = None, labels: Sequence[str] = ()) -> Gauge:
        """A gauge `liandong_<name>`; with `read` it is read at every scrape."""
        gauge = Gauge(f"liandong_{name}", documentation, labels, registry=self.registry)
        if read is not None:
            gauge.set_function(read)
        return gauge

    def counter(self, name: str, documentation: str, labels: Sequence[str] = ()) -> Counter:
        """A counter `liandong_<name>_total`."""
        return Counter(f"liandong_{name}", documentation, labels, registry=self.registry)

    def histogram(self, name: str, documentation: str, labels: Sequence[str] = (), buckets: Sequence[float] = _BUCKETS) -> Histogram:
        """A histogram `liandong_<name>`."""
        return Histogram(f"liandong_{name}", documentation, labels, buckets=buckets, registry=self.registry)

    def scrape(self) -> bytes:
        """All metrics as text."""
        return generate_latest(self.registry)
