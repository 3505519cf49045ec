"""The live line: one word when something the page shows has changed, silence and heartbeats otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request

from libs.events import ProgressReported
from services.tracker.console import live
from services.tracker.console.testing import SEALED
from services.tracker.console.visit import caller_by_key, session_cookie, visit_of
from tests.unit.console.situations import CLERK, NOW, TRAIL, WINDOW, Office, office, step, submitted


async def listening(place: Office, name: str, *, after: str | None = None, demand: str | None = None, **headers: str) -> AsyncIterator[str]:
    """The stream's messages, as text."""
    caller = caller_by_key(place.follower, place.keys[name], NOW)
    token = await place.app.state.console.sessions.open(caller.key_id, NOW)
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/console/live",
        "query_string": b"",
        "scheme": "http",
        "server": ("console.test", 8103),
        "app": place.app,
        "headers": [(b"host", b"console.test:8103"), *((key.replace("_", "-").encode(), value.encode()) for key, value in headers.items())],
    }
    scope["headers"].append((b"cookie", f"{session_cookie(Request(scope))}={token}".encode()))
    request = Request(scope)
    start = after if after is not None else await place.source.position()
    response = live.stream(visit_of(request), caller, after=start, demand=demand)
    async for chunk in response.body_iterator:
        yield chunk.decode() if isinstance(chunk, bytes) else str(chunk)


def report(place: Office) -> None:
    event = ProgressReported(assignment="a2", node=WINDOW, note=SEALED)
    step(place.source, TRAIL, "ReportProgress", NOW, CLERK, event, note="机构已到现场。")


async def coming(messages: AsyncIterator[str]) -> str:
    return await asyncio.wait_for(anext(messages), 20)


async def test_a_change_is_told_with_the_cursor_to_go_on_from() -> None:
    place = office()
    messages = listening(place, "clerk", demand=TRAIL)
    assert "listening" in await coming(messages)
    waiting = asyncio.ensure_future(coming(messages))
    await asyncio.wait({waiting}, timeout=0.05)
    assert not waiting.done()
    report(place)
    assert await waiting == f"event: changed\ndata: \nid: {await place.source.position()}\n\n"


async def test_what_happened_while_the_line_was_down_is_told_at_once() -> None:
    place = office()
    before = await place.source.position()
    report(place)
    messages = listening(place, "clerk", after="0", last_event_id=before)
    await coming(messages)
    assert "event: changed" in await coming(messages)


async def test_what_the_caller_may_not_see_or_the_page_does_not_show_stays_silent(monkeypatch: Any) -> None:
    monkeypatch.setattr(live, "PATIENCE", 0.05)
    place = office()
    for messages in (listening(place, "clerk"), listening(place, "hub", demand=TRAIL)):
        await coming(messages)
        waiting = asyncio.ensure_future(coming(messages))
        await asyncio.wait({waiting}, timeout=0.01)
        submitted(place.source, f"ningbo-26a-{await place.source.position():0>16}", NOW, "与本窗口无关")
        assert await waiting == ": ping\n\n"


async def test_a_revoked_key_ends_the_line_after_telling_the_page_to_look(monkeypatch: Any) -> None:
    monkeypatch.setattr(live, "PATIENCE", 0.05)
    place = office()
    messages = listening(place, "clerk")
    await coming(messages)
    place.follower.revoke(place.key_id("clerk"))
    rest = [message async for message in messages]
    assert "event: changed" in rest[-1]


async def test_a_cursor_from_another_life_begins_at_the_present() -> None:
    place = office()
    messages = listening(place, "clerk", after="from-before-the-rebuild")
    await coming(messages)
    assert await coming(messages) == f"event: changed\ndata: \nid: {await place.source.position()}\n\n"


async def test_when_the_registry_is_out_of_reach_the_line_ends_quietly(monkeypatch: Any) -> None:
    monkeypatch.setattr(live, "PATIENCE", 0.05)
    place = office()
    messages = listening(place, "clerk")
    await coming(messages)
    place.follower.stale = True
    assert [message async for message in messages if "changed" in message] == []
