"""What an erasure that was approved comes to: key and files destroyed, in the whole and in its parts, and that for good.

PersonalDataErased is the fact. Only after it is stored come, in this order, the parts' own events, the ledger (PRIVACY), the keys and the
files. All of it may be repeated; the router owes it before its checkpoint passes the event, so a crash in between is made good. The
ledger is carried out again at every start, before anything is served, because a restored backup may have brought keys back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import ARRAY, TEXT, bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.commands import DataKeys
from libs.chassis.database import transaction
from libs.demand import INITIAL, DemandState, evolve
from libs.events import Commit, Conflict, Event, EventStore, PersonalDataErased, Refused, Unavailable
from libs.events.execute import Done, Fold, execute_many, load_fold, load_history
from libs.events.names import demand_subject
from libs.events.privacy import Erasure, PrivacyLedger
from services.router.domain import EraseWithWhole, decide
from services.router.files import FileStore
from services.router.orders import system_order

_DESTROY: Final = text("delete from keyring.data_key where key_id = any(:keys)").bindparams(bindparam("keys", type_=ARRAY(TEXT)))
_log = structlog.get_logger("destroying")


@dataclass(frozen=True, slots=True)
class Destruction:
    """Carries out what PersonalDataErased says. `keys`: what this process remembers of them."""

    store: EventStore
    ledger: PrivacyLedger
    engine: AsyncEngine
    files: FileStore
    keys: DataKeys
    now: Callable[[], datetime]

    async def carry_out(self, demand: str) -> bool:
        """Carry out the erasure of a demand and of its parts; nothing, and False, if it was not erased or a part still needs the key.

        Such a part was reopened in the very moment of the approval: it is done when that part has ended. Raises Unavailable, Corrupt.
        """
        fold, commits = await load_history(self.store, demand_subject(demand), INITIAL, evolve)
        order = _order(demand, commits)
        if order is None:
            return False
        parts = [part.demand for part in fold.state.parts]
        if not await self._in_parts(order, parts):
            _log.warning("erasure_waits_for_a_part", demand=demand)
            return False
        orders = [Erasure(one, order.key, order.requested_by, order.approved_by, order.at) for one in (demand, *parts)]
        for one in orders:
            await self.ledger.record(one)
        await destroy(self.engine, self.files, orders)
        self.keys.forget(order.key)
        return True

    async def _in_parts(self, order: Erasure, parts: Sequence[str]) -> bool:
        """Tell the same of each part; False if one of them is still handled."""
        command = EraseWithWhole(order.requested_by, order.approved_by)

        def events(state: DemandState) -> Sequence[Event]:
            return decide(state, command)

        orders = [system_order(part, "EraseWithWhole", f"of:{order.demand}", events) for part in parts]
        ended = True
        for result in await execute_many(self.store, orders, initial=INITIAL, evolve=evolve, now=self.now):
            if isinstance(result, Refused):
                ended = False
            elif isinstance(result, Conflict):
                raise Unavailable(f"a part of {order.demand} changes faster than it is erased")
            elif not isinstance(result, Done):
                raise result
        return ended


def _order(demand: str, commits: Sequence[Commit]) -> Erasure | None:
    for commit in commits:
        for event in commit.events:
            if isinstance(event, PersonalDataErased):
                return Erasure(demand, event.key, event.requested_by, event.approved_by, commit.at.isoformat())
    return None


async def running_parts(store: EventStore, fold: Fold[DemandState]) -> tuple[str, ...]:
    """The parts of a demand that are open right now, whatever it has heard of them. Raises Unavailable, Corrupt."""
    found = [(part.demand, await load_fold(store, demand_subject(part.demand), INITIAL, evolve)) for part in fold.state.parts]
    return tuple(demand for demand, part in found if part.state.is_open)


async def destroy(engine: AsyncEngine, files: FileStore, orders: Sequence[Erasure]) -> None:
    """Destroy the keys and files these orders name; what is gone already stays gone. Raises Unavailable."""
    async with transaction(engine) as connection:
        await connection.execute(_DESTROY, {"keys": [order.key for order in orders]})
    await files.delete_all([order.demand for order in orders])


async def reapply(ledger: PrivacyLedger, engine: AsyncEngine, files: FileStore) -> int:
    """Carry out every order again, before anything is served. Returns their number. Raises Unavailable, Corrupt."""
    orders = await ledger.orders()
    if orders:
        await destroy(engine, files, orders)
    return len(orders)
