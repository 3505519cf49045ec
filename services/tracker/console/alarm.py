"""The check that nobody is forgotten (件件着落), as the router last told it: for the banner of hub staff and operators.

Asked in the background and kept for a few seconds, so that no page waits for the router and no number of pages troubles it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

import httpx2
from pydantic import AwareDatetime, BaseModel, ValidationError

from libs.chassis.auth import Caller
from libs.directory import Directory

FRESH: Final = 15.0
"""Seconds an answer is kept."""

_PATIENCE: Final = 1.5


@dataclass(frozen=True, slots=True)
class Alarm:
    """What the check came to: how many demands have nobody accountable; None: it cannot be told now."""

    count: int | None
    at: datetime | None = None


class Watch(Protocol):
    """Where the pages learn what the check came to."""

    async def look(self) -> Alarm:
        """The last answer; never waits for long, never raises."""
        ...


class Unwatched:
    """No router to ask: pages without a system behind them."""

    async def look(self) -> Alarm:
        """Nothing is told."""
        return Alarm(0)


class _Summary(BaseModel):
    ok: bool
    count: int
    at: AwareDatetime


class RouterWatch:
    """Asks `GET /v1/check/summary` of the router. `router` tells its address, `clock` seconds; `transport` is for tests."""

    def __init__(
        self, router: Callable[[], str | None], *, clock: Callable[[], float], transport: httpx2.AsyncBaseTransport | None = None
    ) -> None:
        self._router = router
        self._clock = clock
        self._transport = transport
        self._known: Alarm | None = None
        self._asked = 0.0
        self._asking: asyncio.Task[None] | None = None

    async def look(self) -> Alarm:
        """The last answer. Only who comes first after a start waits for one."""
        if self._asking is None and (self._known is None or self._clock() - self._asked >= FRESH):
            self._asking = asyncio.create_task(self._ask())
        if self._known is None and self._asking is not None:
            await asyncio.wait({self._asking}, timeout=_PATIENCE)
        return self._known or Alarm(None)

    async def _ask(self) -> None:
        try:
            self._known = await self._answer()
        finally:
            self._asked, self._asking = self._clock(), None

    async def _answer(self) -> Alarm:
        address = self._router()
        if address is None:
            return Alarm(None)
        try:
            async with httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False, transport=self._transport) as client:
                answer = await client.get(f"{address}/v1/check/summary")
            found = _Summary.model_validate_json(answer.content)
        except (httpx2.HTTPError, ValidationError):
            return Alarm(None)
        if not found.ok and not found.count:  # nothing was found, but not everything was looked at
            return Alarm(None, found.at)
        return Alarm(found.count, found.at)


def is_told(caller: Caller, directory: Directory) -> bool:
    """Tell whether a caller is told of the check: operators, and the coordinators of its network's hub."""
    network = directory.networks.get(caller.network or "")
    return caller.role == "operator" or (caller.role == "coordinator" and network is not None and caller.node == network.hub.id)
