"""Ending background tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

AGAIN: Final = 1.0
"""Seconds a task may take to end before it is asked again."""


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until all have ended, whatever they ended with.

    One request is not enough: `asyncio.wait_for` of Python 3.11 drops a cancellation that comes in the very moment in which what it waits
    for is there, and the task goes on for ever (seen in a service that was being stopped).
    """
    everyone = set(tasks)
    waiting = {task for task in everyone if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=AGAIN)
    for task in everyone:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains that it was not
