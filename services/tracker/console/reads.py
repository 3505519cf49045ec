"""The console's source on a running tracker: its views, keys and bell. Adds no right and no query of its own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from libs.chassis.auth import Caller, require_link
from libs.chassis.database import database_errors
from libs.events import NotFound
from services.tracker import archive
from services.tracker.console import files
from services.tracker.console.affair import fold, linked_of
from services.tracker.console.alarm import RouterWatch
from services.tracker.console.names import DirectoryNames
from services.tracker.console.outward import HttpOutward
from services.tracker.console.sessions import DatabaseSessions
from services.tracker.console.source import Contact, DemandFacts, DemandFilter, DemandLine, DemandPage, Heard, Linked
from services.tracker.console.visit import Console
from services.tracker.feed import decode_places, heard
from services.tracker.precedents import PrecedentPage, read_precedents
from services.tracker.rights import Scope, scope_of
from services.tracker.rooms import Rooms
from services.tracker.trail import Details, Trail, read_details, read_trail
from services.tracker.views import DemandFilter as ViewFilter
from services.tracker.views import Found

_CHANGES_AT_ONCE: Final = 200
_LOOK_AGAIN: Final = 1.0
_PRECEDENTS: Final = 50
_LINK_WAITS: Final = 5.0
_CALM: Final = 0.25
"""Seconds between looks for a page that is not concerned: under load the bell rings a hundred times a second."""


class TrackerSource:
    """Answers the pages from the tracker's views."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def demands(self, caller: Caller, wanted: DemandFilter) -> DemandPage:
        """A stretch of the list, newest first."""
        with database_errors():
            page = await self._rooms.views.demands(self._scope(caller), _view_filter(wanted), limit=wanted.limit, after=wanted.after)
        return DemandPage([_line(found) for found in page.found], page.next)

    async def counts(self, caller: Caller, wanted: DemandFilter) -> Mapping[str, int]:
        """Demands per status."""
        with database_errors():
            return await self._rooms.views.counts(self._scope(caller), _view_filter(wanted))

    async def demand(self, caller: Caller, demand: str) -> DemandFacts:
        """One demand with the text the caller may read."""
        scope = self._scope(caller)
        with database_errors():
            found = await self._rooms.views.demand(scope, demand)
            if found is None:
                raise NotFound("demand_not_found")
            entries = await self._rooms.views.entries(scope, demand) if scope.reads_text else None
            details = await read_details(entries, self._rooms.keys) if entries else Details()
        requester = details.requester or {}
        return DemandFacts(
            line=_line(found),
            reads_text=scope.reads_text,
            network=found.row.network,
            industry=found.row.industry,
            channel=found.row.channel,
            partner_ref=found.row.partner_ref,
            description=details.description,
            uscc=_text(requester, "uscc"),
            contact=_contact(requester),
        )

    async def titles(self, caller: Caller, demands: Sequence[str]) -> Mapping[str, str]:
        """Titles of other demands; whatever the caller may not read is left out."""
        scope = self._scope(caller)
        with database_errors():
            found = [await self._rooms.views.demand(scope, demand) for demand in demands]
        return {one.row.id: one.title for one in found if one is not None and one.title}

    async def trail(self, caller: Caller, demand: str) -> Trail:
        """Its whole history."""
        scope = self._scope(caller)
        with database_errors():
            entries = await self._rooms.views.entries(scope, demand)
            if entries is None:
                raise NotFound("demand_not_found")
            return await read_trail(entries, self._rooms.keys, reads_text=scope.reads_text)

    async def linked(self, caller: Caller, *, version: int, part: str = "") -> Linked:
        """The history of a demand and its parts from the archive, whatever the views say.

        Nothing is opened, nor waited for, before the link is proved.
        """
        assert caller.link is not None
        whole = await self._history(caller, caller.link.demand, 0 if part else version)
        if part:
            demand = next((one.demand for one in whole.state.parts if one.part == part), None)
            if demand is None:
                raise NotFound("demand_not_found")
            return replace(await self._history(caller, demand, version), whole=whole)
        parts: dict[str, Linked] = {}
        for one in whole.state.parts:
            with suppress(NotFound):  # Split a moment ago: not every part is there yet.
                parts[one.part] = await self._history(caller, one.demand, 0)
        return replace(whole, parts=parts)

    async def _history(self, caller: Caller, demand: str, version: int) -> Linked:
        entries = await self._entries(demand)
        plain = await read_trail(entries, self._rooms.keys, reads_text=False)
        require_link(caller, demand, fold(plain.commits))
        end = asyncio.get_running_loop().time() + _LINK_WAITS
        while entries[-1].ver < version and (left := end - asyncio.get_running_loop().time()) > 0:
            rung = self._rooms.bell.listen()
            entries = await self._entries(demand)
            if entries[-1].ver < version:
                await heard(rung, min(left, _LOOK_AGAIN))
        with database_errors():
            return linked_of(demand, await read_trail(entries, self._rooms.keys, reads_text=True))

    async def _entries(self, demand: str) -> list[archive.Entry]:
        with database_errors():
            async with self._rooms.engine.connect() as connection:
                found = await archive.entries_of(connection, demand)
        if not found:
            raise NotFound("demand_not_found")
        return found

    async def precedents(self, caller: Caller, *, after: str | None) -> PrecedentPage:
        """Arbitrations, newest first."""
        with database_errors():
            return await read_precedents(self._rooms.engine, self._scope(caller), limit=_PRECEDENTS, after=after)

    async def position(self) -> str:
        """Cursor of the newest change."""
        with database_errors():
            return await self._rooms.views.position()

    async def wait_change(self, caller: Caller, *, after: str, demand: str | None, seconds: float) -> Heard:
        """Look, then listen to the bell, until a change matters or the time is over."""
        places = decode_places(after)
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            rung = self._rooms.bell.listen()
            with database_errors():
                page = await self._rooms.views.changes(self._scope(caller), places, limit=_CHANGES_AT_ONCE)
            places, after = decode_places(page.next), page.next
            if any(demand is None or item.change.id == demand for item in page.items):
                return Heard(after, matters=True)
            left = end - loop.time()
            if left <= 0:
                return Heard(after, matters=False)
            if not page.more:
                await heard(rung, min(left, _LOOK_AGAIN))
                await asyncio.sleep(_CALM)

    def _scope(self, caller: Caller) -> Scope:
        return scope_of(caller, self._rooms.follower.directory)


def open_console(rooms: Rooms, endpoints_file: Path | None) -> Console:
    """Build what the pages need: `app.state.console`. Opens nothing."""

    def router() -> str | None:
        return _endpoint(endpoints_file, "router")

    return Console(
        source=TrackerSource(rooms),
        names=DirectoryNames(rooms.follower),
        sessions=DatabaseSessions(rooms.engine),
        router=router,
        watch=RouterWatch(router, clock=time.monotonic),
        outward=HttpOutward(lambda service: _endpoint(endpoints_file, service)),
        assets=files.load(),
    )


def _endpoint(path: Path | None, service: str) -> str | None:
    """Another service's address. Read when asked: the file is written once all services have their ports."""
    try:
        found = json.loads(path.read_text("utf-8")) if path is not None else {}
    except (OSError, ValueError):
        return None
    address = found.get(service) if isinstance(found, dict) else None
    return address if isinstance(address, str) and address.startswith(("http://", "https://")) else None


def _view_filter(wanted: DemandFilter) -> ViewFilter:
    return ViewFilter(
        status=wanted.status,
        category=wanted.category,
        holder=wanted.holder,
        text=wanted.text or None,
        overdue=True if wanted.overdue else None,
        at=datetime.now(UTC),
    )


def _line(found: Found) -> DemandLine:
    row = found.row
    return DemandLine(
        id=row.id,
        version=row.version,
        status=row.status,
        category=row.category,
        region=row.region,
        carrier=row.carrier,
        urgency=row.urgency,
        title=found.title or None,
        enterprise=found.requester_name or None,
        holder=row.holder_node,
        holder_since=row.holder_since,
        submitted_at=row.submitted_at,
        updated_at=row.updated_at,
        assignments=row.assignments,
        sample=row.sample,
        due=row.promised if row.is_open else None,
        next_step=row.next_step,
        erased=row.erased,
    )


def _text(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    return value if isinstance(value, str) and value else None


def _contact(requester: Mapping[str, Any]) -> Contact | None:
    contact = requester.get("contact")
    if not isinstance(contact, dict):
        return None
    return Contact(_text(contact, "name") or "", _text(contact, "phone") or "")
