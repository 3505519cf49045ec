"""Structured logs: one JSON object per line on stderr, with service and trace id, without personal data.

Every record passes here, also those of uvicorn, nats and SQLAlchemy. Tracebacks are told as frames and the exception's type: the
message of a foreign exception may quote what somebody sent us.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import IO, Any, Final

import structlog
from opentelemetry import trace

from libs.events.errors import LiandongError

PERSONAL: Final = frozenset(
    {
        "title",
        "description",
        "name",
        "phone",
        "contact",
        "note",
        "reason_text",
        "result_text",
        "text",
        "requester",
        "uscc",
        "email",
        "address",
        "body",
        "input",
        "authorization",
        "key",
        "password",
    }
)
"""Keys that are dropped wherever they stand in a record: they would carry personal data, free text or secrets."""

_UVICORN_DUPLICATE: Final = "Exception in ASGI application"
Record = MutableMapping[str, Any]


def configure_logs(service: str, *, stream: IO[str] | None = None, level: int = logging.INFO) -> None:
    """Send all logs of this process to `stream` (stderr) as JSON lines."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_trace_id,
        tell_frames,
        drop_personal,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared[:4], structlog.stdlib.add_logger_name, *shared[4:]],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _service(service),
                structlog.processors.JSONRenderer(ensure_ascii=False, default=lambda value: type(value).__name__),
            ],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for noisy in ("asyncio", "nats", "sqlalchemy", "opentelemetry", "httpx2", "httpcore2"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_not_told_twice)


def add_trace_id(_logger: Any, _method: str, record: Record) -> Record:
    """Add the current trace id, if there is one."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        record["trace_id"] = f"{span.trace_id:032x}"
    return record


def drop_personal(_logger: Any, _method: str, record: Record) -> Record:
    """Drop what may not be logged, at any depth, and say which keys were dropped."""
    dropped: set[str] = set()
    for key in [key for key in record if key.lower() in PERSONAL]:
        del record[key]
        dropped.add(key)
    for key, value in record.items():
        if isinstance(value, dict | list | tuple) and not key.startswith("_"):
            record[key] = _without_personal(value, dropped)
    if dropped:
        record["dropped"] = sorted(dropped)
    return record


def _without_personal(value: Any, dropped: set[str]) -> Any:
    if isinstance(value, dict):
        dropped.update(str(key) for key in value if str(key).lower() in PERSONAL)
        return {key: _without_personal(item, dropped) for key, item in value.items() if str(key).lower() not in PERSONAL}
    if isinstance(value, list | tuple):
        return [_without_personal(item, dropped) for item in value]
    return value


def tell_frames(_logger: Any, _method: str, record: Record) -> Record:
    """Replace exception information by its type and frames; only our own errors keep their message."""
    told = record.pop("exc_info", None)
    record.pop("exc_text", None)
    if not told:
        return record
    error = sys.exc_info()[1] if told is True else told[1] if isinstance(told, tuple) else told
    if isinstance(error, BaseException):
        record["error"] = type(error).__qualname__
        if isinstance(error, LiandongError | OSError):
            record["message"] = str(error)
        record["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return record


def _service(service: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, record: Record) -> Record:
        record["service"] = service
        return record

    return add


def _not_told_twice(record: logging.LogRecord) -> bool:
    # The problem handler has logged this failure already, with its trace id.
    return not str(record.msg).startswith(_UVICORN_DUPLICATE)
