"""The pages' live line: tells a page that something it shows changed; the page then fetches itself and merges what is new.

No content travels here, so rights are checked in one place: where pages are made.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from starlette.requests import Request

from libs.chassis.auth import Caller
from libs.events import Refused, Unavailable
from services.tracker.console.source import Heard
from services.tracker.console.visit import EnterFirst, Visit, entered

PATIENCE: Final = 4.0
"""Seconds between looks at whether the key still holds; also the heartbeat, and shorter than a process may take to stop."""

BREATH: Final = 0.5
"""Seconds in which further changes count as one."""


def stream(visit: Visit, caller: Caller, *, after: str, demand: str | None) -> EventSourceResponse:
    """Answer with the stream of changes past a cursor: events `changed`, each with the new cursor as its id."""
    start = visit.request.headers.get("last-event-id") or after
    return EventSourceResponse(_changes(visit, caller, start, demand), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


async def _changes(visit: Visit, caller: Caller, after: str, demand: str | None) -> AsyncIterator[bytes]:
    source = visit.console.source
    yield format_sse_event(comment="listening", retry=1000)
    while welcome := await _may_stay(visit.request):
        try:
            heard = await source.wait_change(caller, after=after, demand=demand, seconds=PATIENCE)
        except Unavailable:
            return  # The page comes back by itself and says meanwhile that the line is down.
        except Refused as error:
            if error.code != "bad_cursor":
                return
            # A cursor from another life of the views: begin at the present, and let the page look once.
            heard = Heard(await source.position(), matters=True)
        after = heard.cursor
        if not heard.matters:
            yield KEEPALIVE_COMMENT
            continue
        yield format_sse_event(event="changed", data_str="", id=after)
        await asyncio.sleep(BREATH)
    if welcome is False:
        # The page asks for itself, learns that it has to enter, and goes there.
        yield format_sse_event(event="changed", data_str="")


async def _may_stay(request: Request) -> bool | None:
    """Whether the session and its key still hold; None when that cannot be told now."""
    try:
        await entered(request)
    except EnterFirst:
        return False
    except Unavailable:
        return None
    return True
