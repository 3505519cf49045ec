"""The check of the whole: what it came to in each partition, and when (`router.checked`).

Every router writes what its rounds came to for the partitions it owns; so any of them can answer for all, and tells which partitions
nobody has looked at lately. Moments are the database's: routers' clocks need not agree. Codes only, no text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Column, DateTime, Integer, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import JSONB, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.events.names import PARTITIONS, partition
from services.router.check import Violation
from services.router.views import METADATA

EVERY: Final = frozenset(range(PARTITIONS))
RECENT: Final = 3
"""Rounds after which a check that was not repeated does not count any more."""

CHECKED: Final = Table(
    "checked",
    METADATA,
    Column("part", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("demands", JSONB, nullable=False),
    Column("violations", JSONB, nullable=False),
)


@dataclass(frozen=True, slots=True)
class PartCheck:
    """What the last check of one partition came to: demands looked at per network. `at` None: nobody has looked yet."""

    part: int
    at: datetime | None
    demands: Mapping[str, int]
    violations: tuple[Violation, ...] = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """The checks of all partitions as known at `at`. `full`, `complete`: as in the report this router's own part came from."""

    at: datetime
    parts: Mapping[int, PartCheck]
    recent: timedelta
    full: bool = False
    complete: bool = True

    def unchecked(self, now: datetime) -> tuple[int, ...]:
        """The partitions that nobody has checked lately: nobody owns them, or their owner stands still."""
        return tuple(part for part, check in sorted(self.parts.items()) if check.at is None or now - check.at > self.recent)

    def violations(self, network: str | None = None) -> list[Violation]:
        """Everything that is wrong, in a network or in all, the longest first."""
        found = {
            (one.demand, one.kind): one
            for check in self.parts.values()
            for one in check.violations
            if network is None or one.network == network
        }
        return sorted(found.values(), key=lambda one: (one.since, one.demand, one.kind))

    def demands(self, network: str) -> int:
        """How many demands of a network were looked at."""
        return sum(check.demands.get(network, 0) for check in self.parts.values())

    def is_well(self, now: datetime, network: str | None = None) -> bool:
        """Tell whether nothing is wrong, and nothing was left out."""
        return self.complete and not self.violations(network) and not self.unchecked(now)


def by_partition(
    parts: Collection[int], at: datetime | None, counts: Mapping[tuple[int, str], int], violations: Sequence[Violation]
) -> dict[int, PartCheck]:
    """What a check of several partitions came to in each of them. `counts`: demands looked at per partition and network."""
    demands: dict[int, Counter[str]] = {part: Counter() for part in parts}
    for (part, network), number in counts.items():
        if part in demands:
            demands[part][network] += number
    found: dict[int, list[Violation]] = {part: [] for part in parts}
    for one in violations:
        found.get(partition(one.demand), []).append(one)
    return {part: PartCheck(part, at, demands[part], tuple(found[part])) for part in parts}


def together(own: Mapping[int, PartCheck], told: Mapping[int, PartCheck], seen: Mapping[int, PartCheck]) -> dict[int, PartCheck]:
    """All partitions: one's own as just checked, the others as their routers told, with what was `seen` of them here besides."""
    parts = {}
    for part in sorted(EVERY):
        check = own.get(part) or told.get(part) or PartCheck(part, None, {})
        also = seen.get(part)
        if also is not None and part not in own:
            check = replace(check, demands=also.demands, violations=(*check.violations, *also.violations))
        parts[part] = check
    return parts


def _write() -> Insert:
    values = {name: bindparam(name, type_=CHECKED.c[name].type) for name in ("part", "demands", "violations")}
    statement = insert(CHECKED).values(**values, at=func.now())
    changed = {name: statement.excluded[name] for name in ("at", "demands", "violations")}
    return statement.on_conflict_do_update(index_elements=(CHECKED.c.part,), set_=changed)


_WRITE: Final = _write()


async def write_checked(connection: AsyncConnection, own: Mapping[int, PartCheck]) -> None:
    """Write what the partitions owned came to."""
    if own:
        await connection.execute(_WRITE, [_row(check) for _, check in sorted(own.items())])


async def read_checked(connection: AsyncConnection, now: datetime) -> dict[int, PartCheck]:
    """What every partition's last check came to; moments as this router's clock, which shows `now`, would have told them."""
    query = select(CHECKED, (func.now() - CHECKED.c.at).label("age"))
    return {
        row["part"]: PartCheck(row["part"], now - max(row["age"], timedelta()), row["demands"], tuple(map(_violation, row["violations"])))
        for row in (await connection.execute(query)).mappings()
    }


def _row(check: PartCheck) -> dict[str, Any]:
    told = [{"demand": one.demand, "network": one.network, "kind": one.kind, "since": one.since.isoformat()} for one in check.violations]
    return {"part": check.part, "demands": dict(check.demands), "violations": told}


def _violation(told: Mapping[str, Any]) -> Violation:
    return Violation(told["demand"], told["network"], told["kind"], datetime.fromisoformat(told["since"]))
