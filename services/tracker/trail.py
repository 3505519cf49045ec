"""A demand's history made readable: commits decoded from the archive, their sealed texts opened for who may read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from pydantic import BaseModel
from pydantic_core import from_json, to_jsonable_python

from libs.chassis.keyring import DataKey, open_text
from libs.events import Commit, Corrupt, DemandCorrected, DemandSubmitted, Event, PersonalDataErased, Sealed
from services.tracker.archive import Entry, Head, read_commit
from services.tracker.projector import DataKeys
from services.tracker.waterfall import Segment, segments

_log = structlog.get_logger("tracker.trail")


@dataclass(frozen=True, slots=True)
class TrailEvent:
    """One event and the plain text of its sealed members by their place, as far as they may and can be read.

    A place is a member's name, within parts with the way to it: `note`, `parts.p1.title`, `steps.0.note`.
    """

    event: Event
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrailCommit:
    """One archived commit. `commit` is None if this release cannot read it; `hash` is the named digest of its exact bytes."""

    version: int
    seq: int
    recorded_at: datetime
    hash: str
    commit: Commit | None
    events: Sequence[TrailEvent]


@dataclass(frozen=True, slots=True)
class Trail:
    """A demand's whole history, oldest first, and who held it when."""

    commits: Sequence[TrailCommit]
    segments: Sequence[Segment]


@dataclass(frozen=True, slots=True)
class Details:
    """The present text of a demand; None without the right to read it, and after erasure."""

    description: str | None = None
    requester: Mapping[str, Any] | None = None


async def read_trail(entries: Sequence[Entry], keys: DataKeys, *, reads_text: bool) -> Trail:
    """Decode a demand's entries and open their texts. Raises Unavailable when keys cannot be read now."""
    commits = _commits(entries)
    known = await _keys(keys, commits) if reads_text and not is_erased(commits) else {}
    steps = [
        TrailCommit(
            entry.ver,
            entry.seq,
            entry.recorded_at,
            f"sha256:{entry.hash.hex()}",
            commit,
            () if commit is None else tuple(TrailEvent(event, _texts(event, commit, known)) for event in commit.events),
        )
        for entry, commit in zip(entries, commits, strict=True)
    ]
    return Trail(steps, segments(commit for commit in commits if commit is not None))


async def read_details(entries: Sequence[Entry], keys: DataKeys) -> Details:
    """Open the description and requester as last submitted or corrected."""
    commits = _commits(entries)
    known = {} if is_erased(commits) else await _keys(keys, commits)
    texts: dict[str, str] = {}
    for commit in commits:
        for event in commit.events if commit is not None else ():
            if commit is not None and isinstance(event, DemandSubmitted | DemandCorrected):
                texts.update(_texts(event, commit, known))
    return Details(texts.get("description"), object_of(texts.get("requester")))


def readable(entries: Iterable[Entry]) -> tuple[Commit, ...]:
    """The commits of a demand's entries this release can read, oldest first."""
    return tuple(commit for commit in _commits(entries) if commit is not None)


def is_erased(commits: Iterable[Commit | None]) -> bool:
    """Whether the demand's personal data was erased: its texts are not even tried, whatever key somebody still remembers."""
    return any(isinstance(event, PersonalDataErased) for commit in commits if commit is not None for event in commit.events)


def plain_data(item: TrailEvent) -> dict[str, Any]:
    """An event's members as JSON values: plain text where it could be read, no ciphertext anywhere, nothing that is absent."""
    found = _plain(item.event, "", item.texts)
    assert isinstance(found, dict)
    if (requester := object_of(item.texts.get("requester"))) is not None:
        found["requester"] = requester
    return found


def sealed_members(event: BaseModel, path: str = "") -> Iterator[tuple[str, Sealed]]:
    """Every sealed member of an event with its place, also those inside its parts."""
    for name in type(event).model_fields:
        value, place = getattr(event, name), f"{path}{name}"
        if isinstance(value, Sealed):
            yield place, value
        elif isinstance(value, tuple):
            for inner, item in _items(value, place):
                if isinstance(item, BaseModel):
                    yield from sealed_members(item, f"{inner}.")


def _items(values: tuple[Any, ...], place: str) -> Iterator[tuple[str, Any]]:
    """Items with their places: by their own name where they have one, else by number."""
    return ((f"{place}.{getattr(item, 'part', index)}", item) for index, item in enumerate(values))


def _plain(value: Any, place: str, texts: Mapping[str, str]) -> Any:
    if isinstance(value, Sealed):
        return texts.get(place)
    if isinstance(value, BaseModel):
        before = f"{place}." if place else ""
        members = {name: _plain(getattr(value, name), f"{before}{name}", texts) for name in type(value).model_fields}
        return {name: member for name, member in members.items() if member is not None}
    if isinstance(value, tuple):
        return [_plain(item, inner, texts) for inner, item in _items(value, place)]
    if isinstance(value, dict):
        return {key: _plain(item, f"{place}.{key}", texts) for key, item in value.items()}
    return to_jsonable_python(value)


def _commits(entries: Iterable[Entry]) -> list[Commit | None]:
    found: list[Commit | None] = []
    previous: Head | None = None
    for entry in entries:
        try:
            found.append(read_commit(entry, previous))
        except Corrupt:
            found.append(None)
        previous = Head(entry.ver, entry.hash)
    return found


async def _keys(keys: DataKeys, commits: Iterable[Commit | None]) -> Mapping[str, DataKey]:
    wanted = {sealed.k for commit in commits if commit is not None for event in commit.events for _, sealed in sealed_members(event)}
    return await keys.get_many(wanted)


def _texts(event: Event, commit: Commit, keys: Mapping[str, DataKey]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, sealed in sealed_members(event):
        key = keys.get(sealed.k)
        if key is None:
            continue
        try:
            found[name] = open_text(sealed, key, demand=commit.entity, command_id=commit.command_id, field=name)
        except Corrupt:
            # The commit itself is proved by its hash; a text that does not open is told as absent.
            _log.error("text_does_not_open", demand=commit.entity, version=commit.version, field=name)
    return found


def object_of(text: str | None) -> Mapping[str, Any] | None:
    """Read a text that is a JSON object; None for anything else."""
    if text is None:
        return None
    try:
        value = from_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
