"""One batch of archive entries into one generation of views: the shell around `project`, shared by the live tracker and the rebuild.

A commit that does not decode, does not chain or does not fold parks its demand in the views; everybody else goes on.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol

import structlog
from pydantic_core import from_json
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.chassis.keyring import DataKey, open_text
from libs.events import Commit, Corrupt, Sealed, UnknownEvent
from services.tracker import rows
from services.tracker.archive import Entry, Head, read_commit
from services.tracker.demand_row import DemandRow
from services.tracker.grams import grams
from services.tracker.project import ChangeRow, SealedText, change, erased_key, project, searchable
from services.tracker.rows import ParkedRow, TextRow
from services.tracker.tally import TallyRow, tallies

CACHED: Final = 50_000
_log: Final = structlog.get_logger("tracker.projector")


class DataKeys(Protocol):
    """Where the demands' own keys come from; a destroyed key is absent."""

    async def get_many(self, key_ids: Iterable[str]) -> Mapping[str, DataKey]: ...

    def forget(self, key_id: str) -> None: ...


@dataclass(slots=True)
class _Work:
    """What one batch changes; nothing outside it moves until the transaction stands.

    `touched` tells which demands are new, `erased` the destroyed keys of demands.
    """

    demands: dict[str, DemandRow | None] = field(default_factory=dict)
    touched: dict[str, bool] = field(default_factory=dict)
    texts: list[tuple[Commit, SealedText]] = field(default_factory=list)
    changes: list[ChangeRow] = field(default_factory=list)
    tallied: list[TallyRow] = field(default_factory=list)
    erased: dict[str, str] = field(default_factory=dict)
    parks: dict[str, ParkedRow] = field(default_factory=dict)


class Projector:
    """Keeps recent rows of one generation in memory between batches. Not shared between tasks.

    `run` inside the transaction, then `keep` after it stood or `forget` after it failed.
    """

    def __init__(self, keys: DataKeys, version: int, *, cached: int = CACHED) -> None:
        self.version = version
        self._keys = keys
        self._limit = cached
        self._rows: OrderedDict[str, DemandRow] = OrderedDict()
        self._parked: dict[str, ParkedRow] | None = None
        self._work = _Work()

    @property
    def parked(self) -> int:
        """Parked demands as of the last batch."""
        return len(self._parked or ())

    async def run(self, connection: AsyncConnection, entries: Sequence[Entry], heads: dict[str, Head]) -> Sequence[ChangeRow]:
        """Project entries in order and write the rows. `heads` are the demands' heads before the batch and is moved along."""
        if self._parked is None:
            self._parked = await rows.load_parked(connection, self.version)
        self._work = work = _Work()
        await self._load(connection, work, {entry.demand for entry in entries})
        for entry in entries:
            self._one(entry, heads.get(entry.demand), work)
            heads[entry.demand] = Head(entry.ver, entry.hash)
        for key_id in work.erased.values():
            self._keys.forget(key_id)
        texts = await self._texts(connection, [(commit, text) for commit, text in work.texts if commit.entity not in work.erased])
        fresh = [row for demand, new in work.touched.items() if new and (row := work.demands[demand]) is not None]
        changed = [row for demand, new in work.touched.items() if not new and (row := work.demands[demand]) is not None]
        parks = work.parks.values()
        await rows.write(
            connection,
            self.version,
            fresh=fresh,
            changed=changed,
            texts=texts,
            changes=work.changes,
            tallied=work.tallied,
            erased=list(work.erased),
            parks=parks,
        )
        return work.changes

    def keep(self) -> None:
        """The transaction stands: remember its rows."""
        for demand, row in self._work.demands.items():
            if row is not None:
                self._rows[demand] = row
                self._rows.move_to_end(demand)
        while len(self._rows) > self._limit:
            self._rows.popitem(last=False)
        if self._parked is not None:
            self._parked.update(self._work.parks)
        self._work = _Work()

    def forget(self) -> None:
        """The transaction failed, or somebody else may have written: trust the database alone."""
        self._rows.clear()
        self._parked = None
        self._work = _Work()

    async def _load(self, connection: AsyncConnection, work: _Work, demands: set[str]) -> None:
        missing = [demand for demand in demands if demand not in self._rows]
        work.demands = {demand: self._rows.get(demand) for demand in demands}
        if missing:
            work.demands.update(await rows.load_demands(connection, self.version, missing))

    def _one(self, entry: Entry, previous: Head | None, work: _Work) -> None:
        waiting = work.parks.get(entry.demand) or (self._parked or {}).get(entry.demand)
        if waiting is not None:
            work.parks[entry.demand] = replace(waiting, held=waiting.held + 1)
            return
        try:
            if b"\\u0000" in entry.body:
                raise Corrupt("unstorable")
            commit = read_commit(entry, previous)
            before = work.demands[entry.demand]
            row = project(before, commit, cell=entry.cell, seq=entry.seq)
        except UnknownEvent as error:
            self._park(entry, "unknown_event", error, work)
            return
        except Corrupt as error:
            reason = str(error)
            self._park(entry, reason if reason.isidentifier() else "does_not_fold", error, work)
            return
        work.demands[entry.demand] = row
        work.touched.setdefault(entry.demand, before is None)
        work.changes.append(change(row, commit))
        work.tallied += tallies(row, commit)
        if (key_id := erased_key(commit)) is not None:
            work.erased[entry.demand] = key_id
        if (sealed := searchable(commit)) is not None:
            work.texts.append((commit, sealed))

    def _park(self, entry: Entry, reason: str, error: Corrupt, work: _Work) -> None:
        _log.error("demand_parked", demand=entry.demand, cell=entry.cell, seq=entry.seq, reason=reason, error=str(error))
        work.parks[entry.demand] = ParkedRow(entry.demand, entry.cell, entry.seq, reason, 0, entry.recorded_at)

    async def _texts(self, connection: AsyncConnection, wanted: Sequence[tuple[Commit, SealedText]]) -> list[TextRow]:
        """Open what the batch made searchable. A demand whose key is gone has no row."""
        keys = await self._keys.get_many({part.k for _, text in wanted for part in (text.title, text.requester) if part is not None})
        partial = {commit.entity for commit, text in wanted if text.title is None or text.requester is None}
        found: dict[str, tuple[str, str]] = await rows.load_texts(connection, self.version, sorted(partial)) if partial else {}
        changed: dict[str, None] = {}
        for commit, text in wanted:
            title, name = found.get(commit.entity, ("", ""))
            opened_title = _open(text.title, keys, commit, "title")
            opened_name = _open(text.requester, keys, commit, "requester")
            if opened_title is None and opened_name is None:
                continue
            found[commit.entity] = (
                title if opened_title is None else opened_title,
                name if opened_name is None else requester_name(opened_name),
            )
            changed[commit.entity] = None
        return [TextRow(demand, *found[demand], tuple(grams(*found[demand]))) for demand in changed]


def requester_name(text: str) -> str:
    """Name of the enterprise in an opened `requester` member, empty if there is none."""
    try:
        requester = from_json(text)
    except ValueError:
        return ""
    name = requester.get("name") if isinstance(requester, dict) else None
    return name.replace("\x00", "") if isinstance(name, str) else ""


def _open(sealed: Sealed | None, keys: Mapping[str, DataKey], commit: Commit, field: str) -> str | None:
    if sealed is None or (key := keys.get(sealed.k)) is None:
        return None
    try:
        text = open_text(sealed, key, demand=commit.entity, command_id=commit.command_id, field=field)
    except Corrupt:
        # A text that cannot be read is no reason to stop the demand: it cannot be searched, that is all.
        _log.error("text_does_not_open", demand=commit.entity, version=commit.version, field=field)
        return None
    return text.replace("\x00", "")
