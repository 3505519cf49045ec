"""A load generator that costs little: keep-alive HTTP/1.1 connections on one event loop, one request in flight on each.

Bounded in count and time, and it talks to loopback only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(slots=True)
class Report:
    """What came back: seconds of the whole run, latency of each request in seconds, answers by status."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        """Latency in milliseconds below which `share` of the requests stayed."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1e3


def post_bytes(url: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One POST request, ready to send."""
    parts = urlsplit(url)
    lines = [
        f"POST {parts.path} HTTP/1.1",
        f"Host: {parts.netloc}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as the answer to the last one is complete."""

    def __init__(self, requests: Iterator[bytes], report: Report, done: Callable[[], None], due: Callable[[], float] | None) -> None:
        self._requests = requests
        self._report = report
        self._done = done
        self._due = due
        self._buffer = b""
        self._started = 0.0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self._buffer = rest[length:]
        status = int(head[9:12])
        self._report.latencies.append(time.perf_counter() - self._started)
        self._report.statuses[status] = self._report.statuses.get(status, 0) + 1
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._done()

    def _next(self) -> None:
        request = next(self._requests, None)
        assert self._transport is not None
        if request is None:
            self._transport.close()
            return
        wait = self._due() - time.perf_counter() if self._due is not None else 0.0
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._send, request)
        else:
            self._send(request)

    def _send(self, request: bytes) -> None:
        assert self._transport is not None
        self._started = time.perf_counter()
        self._transport.write(request)


async def blast(url: str, requests: Iterator[bytes], *, connections: int, per_second: float | None = None, limit: float = 120.0) -> Report:
    """Send all requests over `connections`, as fast as answers come or at a steady rate. Raises TimeoutError after `limit` seconds."""
    parts = urlsplit(url)
    assert parts.hostname in LOOPBACK, "benchmarks stay on loopback"
    report, loop = Report(), asyncio.get_running_loop()
    open_connections, finished = connections, asyncio.Event()
    start = time.perf_counter()
    sent = 0

    def done() -> None:
        nonlocal open_connections
        open_connections -= 1
        if open_connections == 0:
            finished.set()

    def due() -> float:
        nonlocal sent
        sent += 1
        assert per_second is not None
        return start + sent / per_second

    for _ in range(connections):
        await loop.create_connection(
            lambda: _Connection(requests, report, done, due if per_second is not None else None), parts.hostname, parts.port or 80
        )
    async with asyncio.timeout(limit):
        await finished.wait()
    report.seconds = time.perf_counter() - start
    return report
