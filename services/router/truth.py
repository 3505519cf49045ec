"""What the streams say is open, folded from their first commit: streamed, with no more in memory than the open demands themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from libs.demand import INITIAL, DemandState, Status, evolve
from libs.events import Corrupt, EventStore, NotFound, Recorded
from libs.events.execute import Fold, advance, load_fold, read_commit
from libs.events.names import demand_of, demand_stream, demand_subject, partition
from services.router.open_demands import OpenDemand
from services.router.waiting import open_row

MOST_OPEN: Final = 100_000
BATCH: Final = 100
"""Commits folded at a time: a few milliseconds, then requests have their turn."""


@dataclass(slots=True)
class Truth:
    """`open`: the row each waiting demand ought to have; `merged`: younger to older; `seqs`: last sequence of both.

    `read`: how far each cell's stream was read. `complete`: False if there are more open demands than there is room for.
    """

    open: dict[str, OpenDemand] = field(default_factory=dict)
    merged: dict[str, str] = field(default_factory=dict)
    seqs: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)
    complete: bool = True


async def read_truth(store: EventStore, cell: str, parts: frozenset[int], truth: Truth) -> None:
    """Add what a cell's stream says of the partitions given. Raises Unavailable, GapDetected."""
    stream = demand_stream(cell)
    end = truth.read[cell] = await store.position(stream)
    folds: dict[str, Fold[DemandState]] = {}
    again: set[str] = set()
    if end:
        async with aclosing(store.read(stream, batch=BATCH)) as batches:
            async for batch in batches:
                for recorded in batch:
                    if recorded.seq <= end and _is_of(recorded, parts):
                        _take(recorded, folds, again, truth)
                if batch and batch[-1].seq >= end:
                    break
                await asyncio.sleep(0)
    for demand in again:
        try:
            folds[demand] = await load_fold(store, demand_subject(demand), INITIAL, evolve)
        except Corrupt:
            continue  # it is parked, and the check reports that
    _conclude(folds, truth)


def _take(recorded: Recorded, folds: dict[str, Fold[DemandState]], again: set[str], truth: Truth) -> None:
    """Fold one commit. What has ended is forgotten; should it go on, it is read afresh at the end."""
    demand = demand_of(recorded.subject)
    if demand in again:
        return
    try:
        commit = read_commit(recorded)
        known = folds.get(demand)
        if known is None and commit.version != 1:
            again.add(demand)
            return
        if known is None and len(folds) >= MOST_OPEN:
            truth.complete = False
            return
        fold = advance(known or Fold(INITIAL), commit, recorded.body, recorded.seq, evolve)
    except Corrupt:
        folds.pop(demand, None)
        again.add(demand)
        return
    if fold.state.is_open or fold.state.status is Status.MERGED or open_row(demand, fold.state, fold.version) is not None:
        folds[demand] = fold
    else:
        folds.pop(demand, None)


def _conclude(folds: Mapping[str, Fold[DemandState]], truth: Truth) -> None:
    for demand, fold in folds.items():
        row = open_row(demand, fold.state, fold.version)
        if row is not None:
            truth.open[demand] = row
        elif fold.state.status is Status.MERGED and fold.state.merged_into is not None:
            truth.merged[demand] = fold.state.merged_into
        else:
            continue
        truth.seqs[demand] = fold.seq


def _is_of(recorded: Recorded, parts: frozenset[int]) -> bool:
    demand = demand_of(recorded.subject)
    try:
        return partition(demand) in parts and demand_subject(demand) == recorded.subject
    except NotFound:
        return False
