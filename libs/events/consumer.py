"""The consumer loop: contiguous batches in, views and checkpoint out in one transaction, exactly-once in effect.

Whatever goes wrong, the loop reopens from the projection's own checkpoint. A commit that does not decode
parks its demand, never the stream:

=================  =====================================================
Unavailable        reopen after a short, growing pause
GapDetected        the same; `on_fault` raises the alarm
Fenced             another process writes: stand by, try again
Corrupt            handled inside `apply`: park the demand
=================  =====================================================
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from libs.events.errors import Fenced, GapDetected, Unavailable
from libs.events.store import EventStore, Recorded

FIRST_PAUSE: Final = 0.05
LONGEST_PAUSE: Final = 2.0
SMALL: Final = 100
"""Commits of a batch that is worth waiting for more."""


class Projection(Protocol):
    """Something that is derived from a stream and remembers how far it has come."""

    async def position(self) -> int:
        """Last applied stream sequence, from the same database the views live in. Raises Unavailable, Fenced."""
        ...

    async def apply(self, batch: Sequence[Recorded]) -> None:
        """Apply a contiguous batch and move the checkpoint, in one transaction. Raises Fenced, Unavailable."""
        ...


def lanes(batch: Sequence[Recorded]) -> dict[str, list[Recorded]]:
    """Split a batch by subject; order within a subject is kept. Lanes may be worked on side by side."""
    found: dict[str, list[Recorded]] = {}
    for recorded in batch:
        found.setdefault(recorded.subject, []).append(recorded)
    return found


async def run_projection(
    store: EventStore,
    stream: str,
    projection: Projection,
    *,
    batch: int = 1_000,
    gather: float = 0.0,
    stop: asyncio.Event | None = None,
    on_fault: Callable[[Exception], None] | None = None,
    on_silence: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Follow a stream for ever (or until `stop` is set). `on_fault` hears of every Unavailable, GapDetected and Fenced.

    After a small batch it waits `gather` seconds for more to come together: under load that saves most of what each batch costs, and
    what comes alone is applied at once. `on_silence` is called about every second in which nothing came; what it raises counts as if
    `apply` had raised it.
    """
    pause = FIRST_PAUSE
    while stop is None or not stop.is_set():
        try:
            async with aclosing(store.read(stream, await projection.position(), batch=batch)) as batches:
                async for recorded in batches:
                    if recorded:
                        await projection.apply(recorded)
                        pause = FIRST_PAUSE
                        if len(recorded) < SMALL and gather:
                            await asyncio.sleep(gather)
                    elif on_silence is not None:
                        await on_silence()
                    if stop is not None and stop.is_set():
                        return
        except (Unavailable, GapDetected, Fenced) as fault:
            if on_fault is not None:
                on_fault(fault)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
