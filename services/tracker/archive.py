"""The verbatim archive: every message of a cell's stream, byte for byte, in stream order, before anyone tries to understand it.

`ver` is the ordinal of a commit within its demand; as long as the chain holds it is the commit's own version. Whether it does is told
by `read_commit`, the same for a live batch and for a rebuild; a commit that does not chain parks its demand and is archived all the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic_core import to_json
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.events import Commit, Corrupt, Fenced, LiandongError, NotFound, Recorded, UnknownEvent
from libs.events.codec import decode, peek_command_id
from libs.events.names import demand_of, demand_subject
from services.tracker.rows import asyncpg_of
from services.tracker.tables import checkpoint, entry

BATCH_HEADERS: Final = "Nats-Batch-"
_IDENTITY: Final = re.compile(r"[\x21-\x7e]{1,128}")
COLUMNS: Final = tuple(column.name for column in entry.columns)


class StreamChanged(LiandongError):
    """The stream is not the one that was archived: another identity, shorter than the checkpoint, or other bytes at it.

    Nobody guesses here: an operator restores the stream from the archive or the archive from its backup.
    """


@dataclass(frozen=True, slots=True)
class Head:
    """A demand's last archived commit: its ordinal and the SHA-256 of its exact bytes."""

    ver: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One archived message. `hash` is the SHA-256 of `body`; `commit_id` is its place `<cell>:<seq>` if it carries no id of its own."""

    cell: str
    seq: int
    demand: str
    ver: int
    commit_id: str
    hash: bytes
    headers: Mapping[str, str]
    body: bytes
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a cell is archived: identity of its stream, last sequence, SHA-256 of that message's bytes."""

    stream_created: str
    seq: int
    hash: bytes


def enter(cell: str, batch: Sequence[Recorded], heads: dict[str, Head], taken: frozenset[str] = frozenset()) -> list[Entry]:
    """Turn stored commits into archive entries and move `heads` along.

    `heads` has the head of every demand of the batch that is archived already; `taken`: commit ids that another entry owns.
    """
    entries: list[Entry] = []
    seen = set(taken)
    for recorded in batch:
        demand = demand_at(recorded.subject)
        before = heads.get(demand)
        digest = hashlib.sha256(recorded.body).digest()
        identity = _commit_id(recorded.body)
        if identity is None or identity in seen:
            identity = f"{cell}:{recorded.seq}"
        seen.add(identity)
        headers = {name: value.replace("\x00", "") for name, value in recorded.headers.items() if not name.startswith(BATCH_HEADERS)}
        ver = before.ver + 1 if before is not None else 1
        entries.append(Entry(cell, recorded.seq, demand, ver, identity, digest, headers, recorded.body, recorded.recorded_at))
        heads[demand] = Head(ver, digest)
    return entries


def read_commit(item: Entry, previous: Head | None) -> Commit:
    """Decode an entry and prove that it continues its demand. Raises Corrupt with a reason code, UnknownEvent."""
    try:
        commit = decode(item.body)
    except UnknownEvent:
        raise
    except Corrupt as error:
        raise Corrupt("undecodable") from error
    prev = None if previous is None else f"sha256:{previous.hash.hex()}"
    before = 0 if previous is None else previous.ver
    if commit.entity != item.demand:
        raise Corrupt("foreign_subject")
    if commit.version != item.ver or commit.prev != prev or before != item.ver - 1:
        raise Corrupt("broken_chain")
    if commit.command_id != item.commit_id:
        raise Corrupt("duplicate_commit")
    return commit


async def load_checkpoint(connection: AsyncConnection, cell: str) -> Checkpoint | None:
    """The cell's checkpoint, None before its first batch."""
    found = (await connection.execute(select(checkpoint).where(checkpoint.c.cell == cell))).one_or_none()
    return None if found is None else Checkpoint(found.stream_created, found.seq, found.hash)


async def move_checkpoint(connection: AsyncConnection, cell: str, before: Checkpoint | None, after: Checkpoint) -> None:
    """Compare and set, inside the transaction that writes archive and views. Raises Fenced if another process moved it."""
    values = {"stream_created": after.stream_created, "seq": after.seq, "hash": after.hash}
    if before is None:
        first = insert(checkpoint).values(cell=cell, **values).on_conflict_do_nothing()
        moved = await connection.execute(first)
    else:
        moved = await connection.execute(
            update(checkpoint)
            .where(
                checkpoint.c.cell == cell,
                checkpoint.c.seq == before.seq,
                checkpoint.c.stream_created == before.stream_created,
                checkpoint.c.hash == before.hash,
            )
            .values(**values)
        )
    if moved.rowcount != 1:
        raise Fenced(f"archive of cell {cell}")


async def store(connection: AsyncConnection, entries: Iterable[Entry]) -> None:
    """COPY entries; the connection must be inside a transaction already."""
    rows = [
        (e.cell, e.seq, e.demand, e.ver, e.commit_id, e.hash, to_json(dict(e.headers)).decode(), e.body, e.recorded_at) for e in entries
    ]
    driver = await asyncpg_of(connection)
    await driver.copy_records_to_table("entry", schema_name="archive", columns=COLUMNS, records=rows)


async def taken_ids(connection: AsyncConnection, batch: Iterable[Recorded]) -> frozenset[str]:
    """Commit ids of the batch that the archive has already: somebody repeated a command outside the stream's own window."""
    wanted = [identity for recorded in batch if (identity := _commit_id(recorded.body)) is not None]
    found = await connection.execute(select(entry.c.commit_id).where(entry.c.commit_id.in_(wanted)))
    return frozenset(found.scalars())


async def last_heads(connection: AsyncConnection, demands: Sequence[str]) -> dict[str, Head]:
    """Head of each demand that is archived."""
    driver = await asyncpg_of(connection)
    rows = await driver.fetch(
        "select d, e.ver, e.hash from unnest($1::text[]) d cross join lateral "
        "(select ver, hash from archive.entry where demand = d order by ver desc limit 1) e",
        list(demands),
    )
    return {row[0]: Head(row[1], row[2]) for row in rows}


async def heads_before(connection: AsyncConnection, entries: Iterable[Entry]) -> dict[str, Head]:
    """Head of each demand as it was before its first entry among `entries`."""
    first: dict[str, int] = {}
    for item in entries:
        first.setdefault(item.demand, item.ver)
    wanted = [(demand, ver - 1) for demand, ver in first.items() if ver > 1]
    if not wanted:
        return {}
    driver = await asyncpg_of(connection)
    rows = await driver.fetch(
        "select demand, ver, hash from archive.entry join unnest($1::text[], $2::int[]) w(d, v) on demand = w.d and ver = w.v",
        [demand for demand, _ in wanted],
        [ver for _, ver in wanted],
    )
    return {row[0]: Head(row[1], row[2]) for row in rows}


async def entries_after(connection: AsyncConnection, cell: str, after: int, limit: int, until: int) -> list[Entry]:
    """Entries of a cell in stream order with `after` < seq <= `until`, without headers. Raises Corrupt when the archive is damaged."""
    driver = await asyncpg_of(connection)
    rows = await driver.fetch(
        "select cell, seq, demand, ver, commit_id, hash, body, recorded_at from archive.entry "
        "where cell = $1 and seq > $2 and seq <= $4 order by seq limit $3",
        cell,
        after,
        limit,
        until,
    )
    found: list[Entry] = []
    for due, row in enumerate(rows, after + 1):
        if row[1] != due or hashlib.sha256(row[6]).digest() != row[5]:
            raise Corrupt(f"archive of cell {cell} is damaged at sequence {due}")
        found.append(Entry(row[0], row[1], row[2], row[3], row[4], row[5], {}, row[6], row[7]))
    return found


async def entries_of(connection: AsyncConnection, demand: str) -> list[Entry]:
    """Every archived commit of one demand, oldest first."""
    rows = await connection.execute(select(entry).where(entry.c.demand == demand).order_by(entry.c.ver))
    return [Entry(**row) for row in rows.mappings()]


async def positions(connection: AsyncConnection) -> dict[str, int]:
    """Archived sequence of every cell."""
    rows = await connection.execute(select(checkpoint.c.cell, checkpoint.c.seq).order_by(checkpoint.c.cell))
    return {row.cell: row.seq for row in rows}


async def try_lead(connection: AsyncConnection, cell: str) -> bool:
    """Try to become the cell's one writer. The lock lives and dies with the connection that also writes."""
    number = int.from_bytes(hashlib.sha256(f"tracker/{cell}".encode()).digest()[:8], "big", signed=True)
    return bool((await connection.execute(select(func.pg_try_advisory_lock(number)))).scalar_one())


def demand_at(subject: str) -> str:
    """The demand of a subject; of a foreign one the whole subject, so that nothing is lost."""
    demand = demand_of(subject)
    try:
        return demand if demand_subject(demand) == subject else subject
    except NotFound:
        return subject


def _commit_id(body: bytes) -> str | None:
    try:
        identity = peek_command_id(body)
    except (Corrupt, KeyError):
        return None
    return identity if _IDENTITY.fullmatch(identity) else None
