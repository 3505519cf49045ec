"""The changes feed's cursor, and the bell that wakes whoever waits for the next change.

A cursor is the place reached in every cell's stream. Stream sequences never change, so it stays valid across rebuilds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from libs.chassis.http import decode_cursor, encode_cursor
from libs.events import Refused

Places = Mapping[str, int]
"""Sequence reached per cell; a cell that is not named is read from its beginning."""

_CELL: Final = re.compile(r"[a-z0-9]{1,8}")


def encode_places(places: Places) -> str:
    """Spell places as an opaque cursor."""
    return encode_cursor(dict(sorted(places.items())))


def decode_places(cursor: str | None) -> Places:
    """Read a cursor; None is the beginning. Raises Refused bad_cursor."""
    if cursor is None:
        return {}
    places = decode_cursor(cursor)
    if not all(_CELL.fullmatch(cell) and isinstance(seq, int) and seq >= 0 for cell, seq in places.items()):
        raise Refused("bad_cursor", field="cursor")
    return places


class Bell:
    """Rings after every projected batch of this process. Who waits must poll slowly too: another process may be the writer."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake everybody who waits now."""
        self._rung.set()
        self._rung = asyncio.Event()

    def listen(self) -> asyncio.Event:
        """The event of the next ring; take it before looking, so that no ring is missed in between."""
        return self._rung


async def heard(rung: asyncio.Event, seconds: float) -> None:
    """Wait for a ring or for the time to pass."""
    with suppress(TimeoutError):
        await asyncio.wait_for(rung.wait(), seconds)
