"""Rate limit per key: a fixed window in this process. The library's counting, with a storage that costs nothing per request.

The library's own memory storage starts a clean-up task or thread on almost every hit; ours needs none, because only authenticated
keys are counted and the registry bounds their number. Several processes each count for themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from libs.events.errors import Refused

DEFAULT_RATE: Final = "5000/minute"
ALLOWANCE: Final = "liandong.allowance"
"""Scope member where the caller dependency leaves the allowance for the response headers."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a key has left: `limit` requests per `window` seconds, `remaining` of them, `reset` seconds to the next window."""

    limit: int
    window: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers)."""
        return {
            "RateLimit": f'"key";r={self.remaining};t={self.reset}',
            "RateLimit-Policy": f'"key";q={self.limit};w={self.window}',
        }


class RateLimited(Refused):
    """A key asked too often; `headers` say when to come back."""

    def __init__(self, allowance: Allowance) -> None:
        super().__init__("rate_limited")
        self.headers = {**allowance.headers(), "Retry-After": str(max(1, allowance.reset))}


class WindowStorage(Storage):
    """Counters that begin again when their window ends. `clock` returns seconds."""

    STORAGE_SCHEME = ["liandong+window"]

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing to wrap."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count and return the window's count."""
        now = self._clock()
        count, ends = self._windows.get(key, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + expiry
        self._windows[key] = (count + amount, ends)
        return count + amount

    async def get(self, key: str) -> int:
        """The window's count so far."""
        count, ends = self._windows.get(key, (0, 0.0))
        return count if ends > self._clock() else 0

    async def get_expiry(self, key: str) -> float:
        """When the window ends, on `clock`."""
        return self._windows.get(key, (0, self._clock()))[1]

    def window(self, key: str) -> tuple[int, float]:
        """The count of a key's window, and when it ends on `clock`."""
        return self._windows.get(key, (0, self._clock()))

    async def check(self) -> bool:
        """Memory is always there."""
        return True

    async def reset(self) -> int:
        """Forget everything."""
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget one key."""
        self._windows.pop(key, None)


class RateLimits:
    """Counts requests per key. `rate` as the library spells it, e.g. `5000/minute`."""

    def __init__(self, rate: str = DEFAULT_RATE, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._item: RateLimitItem = parse(rate)
        self._clock = clock
        self._storage = WindowStorage(clock)
        self._limiter = FixedWindowRateLimiter(self._storage)
        self._names: dict[str, str] = {}

    async def check(self, key_id: str) -> Allowance:
        """Count one request and tell what is left. Raises RateLimited."""
        within = await self._limiter.hit(self._item, key_id)
        name = self._names.get(key_id)
        if name is None:
            name = self._names[key_id] = self._item.key_for(key_id)
        count, ends = self._storage.window(name)
        allowance = Allowance(
            self._item.amount, self._item.get_expiry(), max(0, self._item.amount - count), max(0, ceil(ends - self._clock()))
        )
        if not within:
            raise RateLimited(allowance)
        return allowance
