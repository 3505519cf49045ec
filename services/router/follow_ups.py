"""Which closed demands are called back (回访), and why: those closed by silence, a sample, the first of each node in a month, and what a
node resolved that its own staff, its operator or the very person had submitted (requirements C16, A14).

The sample is drawn by checksum, so that drawing again draws the same. The firsts of a month are claimed in `router.follow_up_month`
before anything is appended; who claimed a place and died is found there again.
"""

from __future__ import annotations

import zlib
from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.database import transaction
from libs.demand import DemandState, Status, own_work
from libs.directory import Network
from libs.events.closing import FollowUpReason

ROUNDS: Final = 4
_CLAIM: Final = text(
    "insert into router.follow_up_month (network, node, month, number, demand, resolution)"
    " select :network, :node, :month, count(*) + 1, :demand, :resolution from router.follow_up_month"
    " where network = :network and node = :node and month = :month having count(*) < :least on conflict do nothing"
)
_OWN: Final = text("select true from router.follow_up_month where demand = :demand and resolution = :resolution")
_TAKEN: Final = text("select count(*) from router.follow_up_month where network = :network and node = :node and month = :month")


def reason_of(demand: str, state: DemandState, network: Network) -> FollowUpReason | None:
    """Why a resolved or closed demand is called back whatever else happens that month; None if nothing speaks for it. Pure."""
    if state.status is Status.RESOLVED:
        return "self_submitted" if own_work(network, state) else None
    if state.outcome == "unconfirmed":
        return "unconfirmed"
    drawn = zlib.crc32(f"{demand}|{state.resolutions}".encode()) % 100
    return "sampled" if drawn < network.clocks(state.sample).rules.sampling.percent else None


class FollowUps:
    """One per process."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._full: set[tuple[str, str, str]] = set()

    async def reason(self, demand: str, state: DemandState, network: Network) -> FollowUpReason | None:
        """Why a demand is called back; None if it is not. Raises Unavailable."""
        found = reason_of(demand, state, network)
        if state.status is Status.RESOLVED or state.resolved_by is None or state.at is None:
            return found
        clocks = network.clocks(state.sample)
        month = f"{clocks.calendar.local_day(state.at):%Y-%m}"
        claimed = await self._claim(demand, state, month, clocks.rules.sampling.least_per_node_and_month)
        return found or ("least_per_month" if claimed else None)

    async def _claim(self, demand: str, state: DemandState, month: str, least: int) -> bool:
        """Take one of the month's places for the node, if one is free. True for the one who has it, now or from before."""
        node = state.resolved_by or ""
        place = (state.network, node, month)
        if least == 0 or place in self._full:
            return False
        values = {"network": state.network, "node": node, "month": month, "demand": demand, "resolution": state.resolutions}
        for _ in range(ROUNDS):  # two may count at the same time, and one of them takes the place
            async with transaction(self._engine) as connection:
                await connection.execute(_CLAIM, {**values, "least": least})
                if (await connection.execute(_OWN, values)).first() is not None:
                    return True
                if int((await connection.execute(_TAKEN, values)).scalar_one()) >= least:
                    break
        self._full.add(place)
        return False
