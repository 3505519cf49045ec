"""The ledger of erasures (stream PRIVACY): which keys were ordered to be destroyed, so that a restored backup cannot bring them back.

Written once the erasure is a stored fact, before the key is destroyed, and read before anything is served. One message per demand; ids
and codes only.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from pydantic_core import from_json, to_json

from libs.events.errors import Conflict, Corrupt
from libs.events.names import PRIVACY_STREAM, command_id, privacy_subject
from libs.events.store import Append, EventStore


@dataclass(frozen=True, slots=True)
class Erasure:
    """The order to destroy a demand's key, by two persons (pseudonymous ids). `at`: RFC 3339."""

    demand: str
    key: str
    requested_by: str
    approved_by: str
    at: str


class PrivacyLedger:
    """Append and read orders. The first order for a demand stands; another one changes nothing."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def record(self, erasure: Erasure) -> None:
        """Make an order durable. Raises Unavailable, NotFound for what is no demand id."""
        identity = command_id(erasure.demand, "EraseKey", "privacy", erasure.key)
        try:
            await self._store.append(Append(privacy_subject(erasure.demand), 0, identity, to_json(asdict(erasure))))
        except Conflict:
            return  # ordered before

    async def orders(self) -> list[Erasure]:
        """Every order, oldest first. Raises Unavailable, Corrupt."""
        last = await self._store.position(PRIVACY_STREAM)
        found: list[Erasure] = []
        if last == 0:
            return found
        async for batch in self._store.read(PRIVACY_STREAM):
            for recorded in batch:
                try:
                    found.append(Erasure(**from_json(recorded.body)))
                except (TypeError, ValueError) as error:
                    raise Corrupt("an order of erasure cannot be read") from error
            if batch and batch[-1].seq >= last:
                break
        return found
