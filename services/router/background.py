"""Work beside the cells, kept going: what runs for ever is started again after a defect, what comes round comes round again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

import structlog

from libs.events import Unavailable
from libs.events.tasks import end

PAUSE: Final = 1.0
_log = structlog.get_logger("background")


class Background:
    """The background tasks of a process."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def keep(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """Run a job that never ends; start it again should a defect end it."""
        self._tasks.append(asyncio.create_task(_keep(name, job)))

    def every(self, seconds: float, name: str, job: Callable[[], Awaitable[None]], wake: asyncio.Event | None = None) -> None:
        """Run a job again and again, with a pause between; at once when `wake` is set."""

        async def round_after_round() -> None:
            while True:
                try:
                    await job()
                except Unavailable as error:
                    _log.warning("round_interrupted", job=name, message=str(error))
                await _pause(seconds, wake)

        self.keep(name, round_after_round)

    async def stop(self) -> None:
        """Stop everything where it stands; all of it may be repeated."""
        tasks, self._tasks = self._tasks, []
        await end(tasks)


async def _keep(name: str, job: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await job()
        except Exception as error:  # noqa: BLE001 a defect in one round must not end all later ones
            _log.error("background_job_failed", job=name, exc_info=error)
        await asyncio.sleep(PAUSE)


async def _pause(seconds: float, wake: asyncio.Event | None) -> None:
    if wake is None:
        await asyncio.sleep(seconds)
        return
    with suppress(TimeoutError):
        await asyncio.wait_for(wake.wait(), seconds)
    wake.clear()
