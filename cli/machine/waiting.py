"""Waiting for a condition with a deadline, in a coroutine or in a thread, and asking a local server whether it is there."""

import asyncio
import time
import urllib.error
import urllib.request
from collections.abc import Callable

from cli.machine.trouble import Trouble

PAUSE = 0.03


async def until(condition: Callable[[], bool], seconds: float, trouble: Callable[[], Trouble]) -> None:
    """Wait until a blocking condition holds; raises the trouble after `seconds`."""
    deadline = time.monotonic() + seconds
    while not await asyncio.to_thread(condition):
        if time.monotonic() > deadline:
            raise trouble()
        await asyncio.sleep(PAUSE)


def until_blocking(condition: Callable[[], bool], seconds: float, trouble: Callable[[], Trouble]) -> None:
    """Wait in this thread until a condition holds; raises the trouble after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise trouble()
        time.sleep(PAUSE)


# Proxies of the environment are for the outside world, not for loopback.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str) -> bool:
    """Tell whether a local address answers 200 within a second."""
    try:
        with _opener.open(url, timeout=1.0) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError, ValueError):
        return False
