"""Runs one CellRouter per open cell, and starts it again if a defect ends it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

import structlog

from libs.directory import Directory
from libs.events.tasks import end
from services.router.consumers import CellRouter
from services.router.ownership import PartitionOwnership

PAUSE: Final = 1.0
PATIENCE: Final = 2.0
"""Seconds a batch in work may take when the process is asked to stop, which it must do within five."""

_log = structlog.get_logger("cells")


class CellRouters:
    """All cells of this process. `make` builds the router of a cell."""

    def __init__(self, make: Callable[[str], CellRouter], ownership: PartitionOwnership) -> None:
        self._make = make
        self._ownership = ownership
        self._routers: dict[str, CellRouter] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._ended: set[str] = set()

    @property
    def healthy(self) -> bool:
        """Whether every cell is being followed."""
        return bool(self._routers) and not self._ended

    @property
    def opened(self) -> list[str]:
        """The cells that are routed here."""
        return list(self._routers)

    @property
    def busy(self) -> bool:
        """Whether demands come so thick that other work should wait."""
        return any(router.busy for router in self._routers.values())

    def open(self, cells: Iterable[str]) -> None:
        """Begin to route cells that are not routed yet."""
        for cell in sorted(set(cells).difference(self._routers)):
            router = self._routers[cell] = self._make(cell)
            self._tasks += [asyncio.create_task(self._keep(cell, router)), asyncio.create_task(router.watch_lag())]

    def directory_changed(self, directory: Directory) -> None:
        """Open new cells; a parked demand may have waited for what changed."""
        self.open(directory.cells)
        if any(router.parked for router in self._routers.values()):
            self._ownership.announce()

    async def stop(self) -> None:
        """Stop after the batches in work, or in the middle of one that takes long; what was half done will be repeated."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                for router in self._routers.values():
                    await router.close()
        tasks, self._tasks = self._tasks, []
        await end(tasks)
        await asyncio.gather(*(router.stop() for router in self._routers.values()))

    async def _keep(self, cell: str, router: CellRouter) -> None:
        while True:
            turn = asyncio.create_task(router.run())
            try:
                await asyncio.wait([turn])
            finally:
                turn.cancel()
            self._ended.add(cell)
            _log.error("cell_router_ended", cell=cell, exc_info=turn.exception())
            await asyncio.sleep(PAUSE)
            self._ended.discard(cell)
