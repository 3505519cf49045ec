"""Compares a new demand with the other open demands of its enterprise, whoever submitted them, and suggests duplicates 重复 to a person.

Behind the scenes: a batch only notes (`router.comparison`) which of its demands have an enterprise with other open demands, in one
statement; the notes are worked off while the router has little else to do, and stand until they are.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from sqlalchemy import bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from libs.chassis.commands import DataKeys
from libs.chassis.database import reading, transaction
from libs.chassis.keyring import open_text
from libs.demand import INITIAL, OPEN, DemandState, evolve
from libs.events import Conflict, Corrupt, DemandCorrected, DemandSubmitted, EventStore, LiandongError, Likeness, NotFound, Unavailable
from libs.events.execute import Fold, execute_many, load_history
from libs.events.names import demand_subject
from services.router.cases import SealedText
from services.router.domain import SuggestDuplicates, decide
from services.router.likeness import DuplicateSubject, Texts, suggest
from services.router.metrics import Meters
from services.router.open_demands import OPEN_DEMAND
from services.router.orders import system_order
from services.router.ownership import PartitionOwnership

EVERY: Final = 0.5
LIMIT: Final = 10
"""Demands taken at once."""

MOST_RIVALS: Final = 20
"""The nearest in time of an enterprise's other demands; who asks the same twice does so soon."""

LIKE: Final = 50
"""Least likeness, of 100, at which a person is asked."""

MOST_KNOWN: Final = 2_000
_NOTE: Final = text(
    "insert into router.comparison (demand, part) select own.demand, own.part from router.open_demand own"
    " cross join lateral (select from router.open_demand other where other.network = own.network"
    " and other.enterprise = own.enterprise and other.demand <> own.demand limit 1) one"  # limited, so that it is never a join of all
    " where own.demand = any(:fresh) on conflict do nothing"
).bindparams(bindparam("fresh", type_=ARRAY(TEXT)))
_TAKE: Final = text("select demand from router.comparison where part = any(:parts) order by demand limit :most")
_DONE: Final = text("delete from router.comparison where demand = any(:demands)").bindparams(bindparam("demands", type_=ARRAY(TEXT)))
_log = structlog.get_logger("comparing")


@dataclass(frozen=True, slots=True)
class _Read:
    """A demand with its texts, in memory only."""

    fold: Fold[DemandState]
    asked: DuplicateSubject


async def queue_comparisons(connection: AsyncConnection, fresh: Sequence[str]) -> None:
    """Note those new demands whose enterprise has other open ones."""
    if fresh:
        await connection.execute(_NOTE, {"fresh": list(fresh)})


class Comparisons:
    """One per process. `busy` tells whether batches come so thick that comparing has to wait."""

    def __init__(
        self,
        engine: AsyncEngine,
        ownership: PartitionOwnership,
        store: EventStore,
        keys: DataKeys,
        now: Callable[[], datetime],
        meters: Meters,
        busy: Callable[[], bool],
    ) -> None:
        self._engine = engine
        self._ownership = ownership
        self._store = store
        self._keys = keys
        self._now = now
        self._meters = meters
        self._busy = busy
        self._known: OrderedDict[str, _Read] = OrderedDict()

    async def round(self) -> None:
        """Compare the demands of the partitions owned, until none is left or there is more urgent work. Raises Unavailable."""
        while not self._busy() and (demands := await self._next()):
            await self._compare_all(demands)

    async def _next(self) -> list[str]:
        if not self._ownership.parts:
            return []
        async with reading(self._engine) as connection:
            values = {"parts": list(self._ownership.parts), "most": LIMIT}
            return list((await connection.execute(_TAKE, values)).scalars())

    async def _compare_all(self, demands: Sequence[str]) -> None:
        for demand in demands:
            try:
                await self._compare(demand)
            except (Corrupt, NotFound) as error:  # a destroyed key, an unreadable rival: nothing to suggest
                _log.info("comparison_not_possible", demand=demand, error=type(error).__name__)
            self._meters.compared.inc()
        async with transaction(self._engine) as connection:
            await connection.execute(_DONE, {"demands": list(demands)})

    async def _compare(self, demand: str) -> None:
        own = await self._read(demand, None)
        state = own.fold.state
        if not state.is_open:
            return
        rivals = [read.asked for rival, version in await self._rivals(demand, state) if (read := await self._rival(rival, version))]
        found = suggest(own.asked, rivals, minimum=LIKE)
        if not found:
            return
        command = SuggestDuplicates(tuple(Likeness(demand=one.demand, score=one.score, reasons=one.reasons) for one in found))
        order = system_order(demand, "SuggestDuplicates", "likeness", lambda current: decide(current, command), known=own.fold)
        result = (await execute_many(self._store, [order], initial=INITIAL, evolve=evolve, now=self._now))[0]
        if isinstance(result, Unavailable | Conflict):
            raise Unavailable(f"{demand} cannot be told of its likes now")
        if isinstance(result, LiandongError):
            _log.info("suggestion_not_possible", demand=demand, error=type(result).__name__)

    async def _rivals(self, demand: str, state: DemandState) -> list[tuple[str, int]]:
        row = OPEN_DEMAND.c
        others = (row.network == state.network, row.enterprise == state.enterprise, row.demand != demand, row.status.in_(OPEN))
        apart = func.abs(func.extract("epoch", row.submitted_at - state.submitted_at))
        query = select(row.demand, row.version).where(*others).order_by(apart, row.demand).limit(MOST_RIVALS)
        async with reading(self._engine) as connection:
            return [(found.demand, found.version) for found in await connection.execute(query)]

    async def _rival(self, demand: str, version: int) -> _Read | None:
        """Another open demand; None if it has ended, or cannot be read: that says nothing about the others."""
        try:
            read = await self._read(demand, version)
        except (Corrupt, NotFound):
            return None
        return read if read.fold.state.is_open else None

    async def _read(self, demand: str, version: int | None) -> _Read:
        """A demand and its texts, from memory if it is known in this version."""
        known = self._known.get(demand)
        if known is not None and known.fold.version == version:
            self._known.move_to_end(demand)
            return known
        fold, commits = await load_history(self._store, demand_subject(demand), INITIAL, evolve)
        texts: dict[str, SealedText] = {}
        for commit in commits:
            for event in commit.events:
                if isinstance(event, DemandSubmitted | DemandCorrected):
                    sealed = {"title": event.title, "description": event.description}
                    texts |= {name: SealedText(found, commit.command_id) for name, found in sealed.items() if found is not None}
        if not texts:
            raise NotFound("demand_not_found")
        key = await self._keys.get(fold.state.key_id)
        plain = {
            name: open_text(found.sealed, key, demand=demand, command_id=found.command_id, field=name) for name, found in texts.items()
        }
        state = fold.state
        assert state.submitted_at is not None
        said = Texts(plain["title"], plain["description"])
        read = _Read(fold, DuplicateSubject(demand, state.submitted_at, state.enterprise, state.category, state.party, said))
        self._known[demand] = read
        if len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return read
