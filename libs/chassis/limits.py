"""Rate limit per key: a fixed window in this process; the rate is spelled as the `limits` library spells it.

The counting is ours: the library's memory storage starts a clean-up task or thread on almost every hit (15-25 µs a request, measured).
Ours needs none, because only authenticated keys are counted and the registry bounds their number. Several processes each count for
themselves.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from math import ceil
from typing import Final, NamedTuple

from limits import parse

from libs.events.errors import Refused

DEFAULT_RATE: Final = "5000/minute"
MOST_WINDOWS: Final = 50_000
"""Keys remembered before those whose window has passed are dropped: secrets anybody may invent are counted, too."""
ALLOWANCE: Final = "liandong.allowance"
"""Scope member where the caller dependency leaves the allowance for the response headers."""


class Allowance(NamedTuple):
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


class RateLimits:
    """Counts requests per key. `rate` e.g. `5000/minute`; `clock` returns seconds."""

    def __init__(self, rate: str = DEFAULT_RATE, *, clock: Callable[[], float] = time.monotonic) -> None:
        item = parse(rate)
        self._limit = item.amount
        self._window = item.get_expiry()
        self._clock = clock
        self._windows: dict[str, tuple[int, float]] = {}

    def check(self, key_id: str) -> Allowance:
        """Count one request and tell what is left. Raises RateLimited."""
        now = self._clock()
        if len(self._windows) >= MOST_WINDOWS:
            self._windows = {key: window for key, window in self._windows.items() if window[1] > now}
        count, ends = self._windows.get(key_id, (0, 0.0))
        if ends <= now:
            count, ends = 0, now + self._window
        self._windows[key_id] = (count + 1, ends)
        allowance = Allowance(self._limit, self._window, max(0, self._limit - count - 1), ceil(ends - now))
        if count >= self._limit:
            raise RateLimited(allowance)
        return allowance
