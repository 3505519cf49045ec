"""What a demand's state comes to in `router.open_demand`: one row while it is open or waits for a moment. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from libs.demand import DemandState, next_due
from libs.events.names import parse_demand_id, partition
from services.router.cases import Case
from services.router.open_demands import OpenDemand


@dataclass(slots=True)
class Waiting:
    """Rows to write, demands to take away (with the version that ended them), and what each demand's timer is to be set to."""

    rows: list[OpenDemand] = field(default_factory=list)
    gone: dict[str, int] = field(default_factory=dict)
    due: dict[str, datetime | None] = field(default_factory=dict)


def open_row(demand: str, state: DemandState, version: int) -> OpenDemand | None:
    """The row of a demand as of a version; None once nothing is waited for any more."""
    due = next_due(state)
    if state.at is None or state.status is None or (due is None and not state.is_open):
        return None
    holder = state.holder
    return OpenDemand(
        demand=demand,
        cell=parse_demand_id(demand)[1],
        network=state.network,
        part=partition(demand),
        status=state.status.value,
        holder_node=holder.node if holder is not None else None,
        holder_assignment=holder.assignment if holder is not None else None,
        due=due,
        version=version,
        sample=state.sample,
        category=state.category,
        region=state.region,
        urgency=state.urgency,
        enterprise=state.enterprise,
        party=state.party,
        submitted_at=state.submitted_at or state.at,
        since=holder.since if holder is not None else state.at,
    )


def waiting(cases: Iterable[Case]) -> Waiting:
    """The rows of many demands."""
    found = Waiting()
    for case in cases:
        row = open_row(case.demand, case.fold.state, case.fold.version)
        if row is not None:
            found.rows.append(row)
            found.due[case.demand] = row.due
        elif case.fold.version:
            found.gone[case.demand] = case.fold.version
            found.due[case.demand] = None
    return found
