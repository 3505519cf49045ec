"""No orphans (件件着落): what every open demand must have, and what to call it when it is missing. Pure.

Every open demand has exactly one accountable holder that is available, and one timer armed for the moment it waits for; nothing waits
for the router longer than a minute; what was merged is known to what it was merged into. Some of it is restored within seconds by
itself: it is doubted at once, and a violation only when it lasts longer than its patience.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from libs.demand import OPEN
from libs.directory import Directory
from services.router.availability import is_available
from services.router.open_demands import GRACE, OpenDemand

Kind = Literal[
    "no_holder",
    "holder_unavailable",
    "no_moment",
    "not_armed",
    "timer_lost",
    "overdue",
    "not_routed",
    "parked",
    "no_row",
    "row_differs",
    "merge_unknown",
]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)

PATIENCE: Final[Mapping[Kind, timedelta]] = {
    "holder_unavailable": timedelta(seconds=60),
    "not_armed": timedelta(seconds=60),
    "overdue": timedelta(seconds=30),
    "not_routed": timedelta(seconds=30),
    "no_row": timedelta(seconds=10),
}
"""How long a doubt may last; others may not last at all. An overdue or unrouted demand has had its grace before it is doubted."""

_TOLD: Final = frozenset(field.name for field in fields(OpenDemand)) - {"demand", "version"}


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something missing. `since`: when it began, if the data tell; else it counts from when it was first seen."""

    demand: str
    network: str
    kind: Kind
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """Something that has been missing for too long."""

    demand: str
    network: str
    kind: Kind
    since: datetime


@dataclass(frozen=True, slots=True)
class Watched:
    """A row of `router.open_demand` as the check sees it, with what its timer was set to."""

    row: OpenDemand
    armed: datetime | None


def doubts(watched: Iterable[Watched], directory: Directory, now: datetime, *, grace: timedelta = GRACE) -> list[Doubt]:
    """What is missing in these rows. Rows of ended demands wait for a call-back only: they need no holder."""
    found = []
    for one in watched:
        row = one.row
        network = directory.networks.get(row.network)

        def add(kind: Kind, since: datetime | None = None, row: OpenDemand = row) -> None:
            found.append(Doubt(row.demand, row.network, kind, since))

        if row.status in OPEN:
            if row.holder_node is None:
                add("no_holder", row.since)
            elif row.status not in ("resolved", "disputed") and (network is None or not is_available(network, row.holder_node, now)):
                add("holder_unavailable")
        if row.due is None:
            add("no_moment", row.since)
        elif one.armed != row.due:
            add("not_armed")
        if row.due is not None and row.due + grace <= now:
            unrouted = row.status in ("submitted", "triage") and row.holder_assignment is None
            add("not_routed" if unrouted else "overdue", row.due + grace)
    return found


def differences(truth: OpenDemand | None, row: OpenDemand | None) -> Kind | None:
    """What is wrong with a row, given the row that the stream of the same demand comes to."""
    if truth is None:
        return "row_differs" if row is not None else None
    if row is None:
        return "no_row"
    return "row_differs" if any(getattr(truth, name) != getattr(row, name) for name in _TOLD) or truth.version != row.version else None


class Ledger:
    """Remembers since when each doubt has stood. One per process."""

    def __init__(self, patience: Mapping[Kind, timedelta] = PATIENCE) -> None:
        self._patience = patience
        self._first: dict[tuple[str, Kind], datetime] = {}

    def settle(self, found: Iterable[Doubt], now: datetime) -> list[Violation]:
        """Take the doubts of a round: those that have lasted too long are violations, those that are gone are forgotten.

        Patience counts from when a doubt was first seen here: after a standstill what piled up is worked off first.
        """
        found = list(found)
        self._first = {(doubt.demand, doubt.kind): self._first.get((doubt.demand, doubt.kind), now) for doubt in found}
        violations = []
        for doubt in found:
            first = self._first[doubt.demand, doubt.kind]
            if now - first >= self._patience.get(doubt.kind, timedelta()):
                violations.append(Violation(doubt.demand, doubt.network, doubt.kind, doubt.since or first))
        return sorted(violations, key=lambda violation: (violation.since, violation.demand, violation.kind))
