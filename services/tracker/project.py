"""Fold commits into view rows: the same one by one, in batches and in a rebuild. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from libs.events import Commit, Corrupt, DemandCorrected, DemandSubmitted, Event, PersonalDataErased, Sealed
from services.tracker.domain import DemandRow, due_of, evolve

__all__ = ["ChangeRow", "DemandRow", "SealedText", "change", "erased_key", "event_types", "project", "searchable"]


_SEARCHABLE = frozenset({DemandSubmitted, DemandCorrected})


class ChangeRow(NamedTuple):
    """One commit as the changes feed tells it."""

    cell: str
    seq: int
    id: str
    version: int
    types: tuple[str, ...]
    status: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SealedText:
    """The searchable members a commit sets, still sealed; None: unchanged."""

    title: Sealed | None
    requester: Sealed | None


def project(row: DemandRow | None, commit: Commit, *, cell: str, seq: int) -> DemandRow:
    """Return the row after one commit. Raises Corrupt when the history does not begin with DemandSubmitted."""
    for event in commit.events:
        row = evolve(row, event, commit=commit, cell=cell)
    if row is None:
        raise Corrupt(f"{commit.entity}: no event in its first commit")
    return row.but(version=commit.version, updated_at=commit.at, last_seq=seq, due=due_of(row))


def change(row: DemandRow, commit: Commit) -> ChangeRow:
    """Tell a commit to the feed. `row` is the row after it."""
    return ChangeRow(row.cell, row.last_seq, row.id, commit.version, event_types(commit.events), row.status, commit.at)


def event_types(events: Sequence[Event]) -> tuple[str, ...]:
    """Event type names in order."""
    return tuple(type(event).__name__ for event in events)


def searchable(commit: Commit) -> SealedText | None:
    """The searchable members this commit sets, or None."""
    title: Sealed | None = None
    requester: Sealed | None = None
    for event in commit.events:
        if type(event) in _SEARCHABLE and isinstance(event, DemandSubmitted | DemandCorrected):
            title, requester = event.title or title, event.requester or requester
    return SealedText(title, requester) if title is not None or requester is not None else None


def erased_key(commit: Commit) -> str | None:
    """Id of the data key whose destruction this commit tells, or None."""
    for event in commit.events:
        if type(event) is PersonalDataErased:
            return event.key
    return None
