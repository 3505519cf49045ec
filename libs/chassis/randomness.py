"""Random bytes drawn from the operating system a page at a time: a system call per nonce took 3 % of a submission (measured)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

PAGE: Final = 4_096


class Randomness:
    """Hands out each byte of `source` (`secrets.token_bytes`) exactly once. One instance a process; not for forks or threads."""

    def __init__(self, source: Callable[[int], bytes]) -> None:
        self._source = source
        self._page = b""
        self._used = 0

    def draw(self, count: int) -> bytes:
        """Return `count` fresh random bytes."""
        if count > PAGE:
            return self._source(count)
        if self._used + count > len(self._page):
            self._page, self._used = self._source(PAGE), 0
        start, self._used = self._used, self._used + count
        return self._page[start : self._used]
