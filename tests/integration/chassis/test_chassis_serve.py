"""How a service's process starts, fails to start, and stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

Start = Callable[..., "Service"]


class Service:
    """A started process and its log."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "tests.integration.chassis.sample_service"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True)
        self.lines: list[str] = []
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._came:
                self.lines.append(line)
                self._came.notify_all()

    def line(self, wanted: str, within: float = 20) -> str:
        """The first log line that holds `wanted`."""
        with self._came:
            found = self._came.wait_for(lambda: [line for line in self.lines if wanted in line], within)
        assert found, f"{wanted!r} was not told: {self.lines}"
        return found[0]

    def url(self) -> str:
        """Where it listens, once it answers."""
        url = f"http://127.0.0.1:{json.loads(self.line('listening'))['port']}"
        deadline = time.monotonic() + 20
        while True:
            try:
                if httpx2.get(f"{url}/healthz").status_code == 200:
                    return url
            except httpx2.HTTPError:
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, float]:
        """Send a signal; exit code and seconds until it was gone."""
        began = time.monotonic()
        self.process.send_signal(number)
        code, _ = self.outcome()
        return code, time.monotonic() - began

    def outcome(self, within: float = 20) -> tuple[int, str]:
        """Exit code and all that was told."""
        code = self.process.wait(within)
        self._reader.join(within)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return code, "".join(self.lines)


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[Service] = []

    def begin(mode: str = "", **more: str) -> Service:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("SAMPLE_", "OTEL_"))}
        known = {
            "SAMPLE_MODE": mode,
            "SAMPLE_PORT": "0",
            "SAMPLE_NATS_URL": "nats://127.0.0.1:1",
            "SAMPLE_NATS_USER": "sample",
            "SAMPLE_NATS_PASSWORD": "nats-secret",
            "SAMPLE_NATS_MONITOR_URL": "http://127.0.0.1:1",
        }
        started.append(Service({**clean, **known, **more}))
        return started[-1]

    yield begin
    for service in started:
        if service.process.poll() is None:
            service.process.kill()
            service.outcome()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_code_0_after_the_requests_in_hand(start: Start, number: int) -> None:
    service = start()
    url = service.url()
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(httpx2.get, f"{url}/v1/slow")
        service.line("slow_began")
        code, seconds = service.stop(number)

    assert slow.result().json() == {"status": "done"}
    assert (code, seconds < 5) == (0, True)


def test_an_endless_stream_does_not_hold_it_up(start: Start) -> None:
    service = start()
    with httpx2.stream("GET", f"{service.url()}/v1/endless") as answer:
        assert next(answer.iter_bytes()).startswith(b"tick")
        code, seconds = service.stop()

    assert (code, seconds < 5) == (0, True)


def test_a_taken_port_is_told_in_one_sentence(start: Start) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, told = start(SAMPLE_PORT=str(port)).outcome()

    assert code == 1
    assert told == f"sample cannot start: port {port} on 127.0.0.1 cannot be used: Address already in use\n"


@pytest.mark.parametrize(
    ("mode", "more", "code", "sentence"),
    [
        ("unavailable", {}, 1, "sample cannot start: NATS at 127.0.0.1:1 does not answer"),
        ("bad setting", {}, 2, "sample cannot start: SAMPLE_KEK_FILE must be set"),
        ("", {"SAMPLE_PORT": "many"}, 2, "Cannot start: SAMPLE_PORT has a value that cannot be used (TCP port"),
    ],
)
def test_a_start_that_cannot_be_is_told_in_one_sentence(start: Start, mode: str, more: dict[str, str], code: int, sentence: str) -> None:
    left, told = start(mode, **more).outcome()

    assert left == code
    assert sentence in told
    assert "Traceback" not in told
    assert "frames" not in told


def test_a_bug_at_start_is_no_success_and_shows_where_it_is(start: Start) -> None:
    code, told = start("bug").outcome()

    assert code not in (0, 2)
    assert "sample_service.py" in told


def test_a_signal_also_ends_a_start_that_waits(start: Start) -> None:
    service = start("waits for NATS")
    service.line("nats_error")
    code, seconds = service.stop()

    assert (code, seconds < 5) == (0, True)


def test_logs_are_json_lines_and_a_bug_is_told_once_without_its_message(start: Start) -> None:
    service = start()
    answer = httpx2.get(f"{service.url()}/v1/bug")
    failed = json.loads(service.line("request_failed"))
    service.process.terminate()
    _, told = service.outcome()

    assert answer.status_code == 500
    assert failed["trace_id"] == answer.json()["trace_id"]
    assert failed["service"] == "sample"
    assert told.count("RuntimeError") == 1
    assert "x7markerx7" not in told
    assert all(json.loads(line) for line in told.splitlines())
