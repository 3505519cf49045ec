"""Logs are JSON lines without personal data, whoever writes them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from opentelemetry import context as otel_context
from opentelemetry import trace

from libs.chassis.logs import PERSONAL, configure_logs
from libs.chassis.telemetry import unsampled_span
from libs.events.errors import Unavailable

MARK = "x7markerx7"


@pytest.fixture
def logged() -> None:
    """Take the place of the capturing fixture: these tests want the real thing."""


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """The log of a configured process; everything is put back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    filters = list(logging.getLogger("uvicorn.error").filters)
    stream = io.StringIO()
    configure_logs("intake", stream=stream)
    yield stream
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("uvicorn.error").filters[:] = filters


def read(lines: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


def test_a_record_names_service_event_level_time_and_trace(lines: io.StringIO) -> None:
    span = unsampled_span(None)
    token = otel_context.attach(trace.set_span_in_context(span))
    structlog.get_logger().info("demand_assigned", demand="ningbo-26a-0000000000000000", node="window-1")
    otel_context.detach(token)

    (record,) = read(lines)
    assert (record["event"], record["service"], record["level"], record["node"]) == ("demand_assigned", "intake", "info", "window-1")
    assert record["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert record["timestamp"].endswith("Z")


@pytest.mark.parametrize("key", sorted(PERSONAL))
def test_personal_keys_are_dropped_at_any_depth(lines: io.StringIO, key: str) -> None:
    structlog.get_logger().info("noted", **{key: MARK}, inner={"list": [{key.upper(): MARK, "kept": 1}]})

    (record,) = read(lines)
    assert MARK not in lines.getvalue()
    assert record["inner"] == {"list": [{"kept": 1}]}
    assert key in record["dropped"]


def test_a_traceback_tells_frames_and_type_but_not_a_foreign_message(lines: io.StringIO) -> None:
    try:
        raise ValueError(MARK)
    except ValueError:
        structlog.get_logger().exception("request_failed")
        logging.getLogger("some.library").exception("library failed")
    try:
        raise Unavailable("database is away")
    except Unavailable as error:
        structlog.get_logger().error("request_failed", exc_info=error)

    ours, library, known = read(lines)
    assert MARK not in lines.getvalue()
    assert (ours["error"], library["error"]) == ("ValueError", "ValueError")
    assert "test_chassis_logs.py" in ours["frames"][0]
    assert library["logger"] == "some.library"
    assert known["message"] == "database is away"


def test_uvicorns_second_telling_of_a_failure_is_left_out(lines: io.StringIO) -> None:
    logging.getLogger("uvicorn.error").error("Exception in ASGI application\n")
    logging.getLogger("uvicorn.error").error("something else")

    assert [record["event"] for record in read(lines)] == ["something else"]
