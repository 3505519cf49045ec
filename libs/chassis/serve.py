"""Runs a service: one process, one port, uvloop and httptools. SIGTERM ends it within five seconds with exit code 0.

The socket may be handed down (`<NAME>_SOCKET_FD`): then the port stays open while the process is started again, and callers wait
instead of being refused.

Exit codes: 0 asked to stop, 1 the outside is not as it must be (port taken, NATS or database away), 2 a bad setting.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Final, NoReturn, TypeVar

import structlog
import uvicorn
from fastapi import FastAPI

from libs.chassis.logs import configure_logs
from libs.chassis.settings import BAD_SETTINGS_EXIT, BadSetting, ServiceSettings
from libs.events.errors import LiandongError

GRACE_SECONDS: Final = 3
_KEEP_ALIVE_SECONDS: Final = 30
_BACKLOG: Final = 2048
S = TypeVar("S", bound=ServiceSettings)
_log = structlog.get_logger("serve")


def serve(create_app: Callable[[S], FastAPI], settings: S) -> NoReturn:
    """Run the app until a signal comes, then exit. Never returns normally."""
    configure_logs(settings.service)
    # Commits, rows and requests are values without cycles; looking through the cached ones again and again costs half the rate (measured).
    gc.set_threshold(50_000, 20, 50)
    try:
        app = create_app(settings)
        listening = listen(settings.host, settings.port) if settings.socket_fd is None else socket.socket(fileno=settings.socket_fd)
    except BadSetting as error:
        _leave(settings, error, BAD_SETTINGS_EXIT)
    except (LiandongError, OSError) as error:
        _leave(settings, error, 1)
    server = _Server(
        uvicorn.Config(
            app,
            loop="uvloop",
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=GRACE_SECONDS,
            backlog=_BACKLOG,
        )
    )
    logging.getLogger("uvicorn.error").addFilter(lambda record: not (server.failed_start(app) and record.levelno >= logging.ERROR))
    # uvicorn raises the signal again when it has stopped; being asked to stop is no failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ignore)
    _log.info("listening", host=settings.host, port=listening.getsockname()[1])
    try:
        server.run(sockets=[listening])
    except (SystemExit, asyncio.CancelledError):
        if not server.should_exit and not server.failed_start(app):
            raise
    finally:
        listening.close()
    reason = getattr(app.state, "start_error", None)
    if reason is not None and not server.should_exit:
        _leave(settings, reason, BAD_SETTINGS_EXIT if isinstance(reason, BadSetting) else 1)
    _log.info("stopped")
    sys.exit(0)


def listen(host: str, port: int) -> socket.socket:
    """Bind a TCP port; 0 takes a free one. Raises OSError with a sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except OSError as error:
        listening.close()
        raise OSError(f"port {port} on {host} cannot be used: {error.strerror}") from error
    listening.set_inheritable(True)
    return listening


class _Server(uvicorn.Server):
    """Stops at once when it is told to while still starting."""

    _serving: asyncio.Task[None] | None = None
    _loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Remember the task, so that a signal can end a start that waits for somebody."""
        self._serving, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Ask to stop; before the start is complete, cancel it."""
        super().handle_exit(sig, frame)
        if not self.started and self._serving is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._serving.cancel)

    def failed_start(self, app: FastAPI) -> bool:
        """Whether the lifespan said in a sentence why it cannot start."""
        return not self.started and getattr(app.state, "start_error", None) is not None


def _leave(settings: ServiceSettings, error: Exception, code: int) -> NoReturn:
    sys.stderr.write(f"{settings.service} cannot start: {error}\n")
    sys.exit(code)


def _ignore(_number: int, _frame: FrameType | None) -> None:
    return None
