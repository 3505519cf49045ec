"""Where evidence lies: files sealed with their demand's key, behind a port. PostgreSQL here; an object store is another adapter.

A sealed file is one line that says how it was made, `liandong-file/1 <algorithm> <key id> <nonce, base64url>`, and the ciphertext with tag.
Stores see ciphertext only; destroying the demand's key makes every copy unreadable, also those in backups.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, Protocol

from sqlalchemy import Column, DateTime, Integer, LargeBinary, Table, Text, any_, bindparam, delete, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.database import transaction
from libs.chassis.keyring import DataKey
from libs.events.algorithms import CipherName, seal_bytes, unseal_bytes
from libs.events.errors import Corrupt, NotFound
from services.router.views import METADATA

ALGORITHM: Final[CipherName] = "AES-256-GCM"
# A nonce of 12 bytes is 16 characters.
_HEADER: Final = re.compile(rb"liandong-file/1 (AES-256-GCM) ([0-9a-zA-Z_-]{1,64}) ([0-9A-Za-z_-]{16})\n")

FILE: Final = Table(
    "file",
    METADATA,
    Column("demand", Text, primary_key=True),
    Column("file_id", Text, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("stored_at", DateTime(timezone=True), nullable=False),
)
_DELETE: Final = delete(FILE).where(FILE.c.demand == any_(bindparam("demands", type_=ARRAY(Text))))


class FileStore(Protocol):
    """Sealed files by demand and id. Ids are content addresses, so a stored file never changes."""

    async def put(self, demand: str, file_id: str, sealed: bytes) -> None:
        """Store a sealed file; the first one stays when it is there already. Raises Corrupt for a file of another size, Unavailable."""

    async def get(self, demand: str, file_id: str) -> bytes:
        """The sealed file. Raises NotFound file_not_found, Unavailable."""

    async def delete_all(self, demands: Collection[str]) -> None:
        """Remove every file of these demands, for good; none is no error. Raises Unavailable."""


class PostgresFileStore:
    """Files in table `router.file`; one transaction per call."""

    def __init__(self, engine: AsyncEngine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    async def put(self, demand: str, file_id: str, sealed: bytes) -> None:
        row = {"demand": demand, "file_id": file_id, "sealed": sealed, "size": len(sealed), "stored_at": self._now()}
        async with transaction(self._engine) as connection:
            stored = await connection.execute(insert(FILE).on_conflict_do_nothing().values(row))
            if not stored.rowcount:
                size = await connection.scalar(select(FILE.c.size).where(FILE.c.demand == demand, FILE.c.file_id == file_id))
                _check_same(file_id, size, len(sealed))

    async def get(self, demand: str, file_id: str) -> bytes:
        async with transaction(self._engine) as connection:
            sealed = await connection.scalar(select(FILE.c.sealed).where(FILE.c.demand == demand, FILE.c.file_id == file_id))
        if sealed is None:
            raise NotFound("file_not_found")
        return bytes(sealed)

    async def delete_all(self, demands: Collection[str]) -> None:
        async with transaction(self._engine) as connection:
            await connection.execute(_DELETE, {"demands": list(demands)})


class MemoryFileStore:
    """Files in memory, for tests; keeps the same promises."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], bytes] = {}

    async def put(self, demand: str, file_id: str, sealed: bytes) -> None:
        stored = self._files.setdefault((demand, file_id), sealed)
        _check_same(file_id, len(stored), len(sealed))

    async def get(self, demand: str, file_id: str) -> bytes:
        sealed = self._files.get((demand, file_id))
        if sealed is None:
            raise NotFound("file_not_found")
        return sealed

    async def delete_all(self, demands: Collection[str]) -> None:
        self._files = {place: sealed for place, sealed in self._files.items() if place[0] not in demands}


def seal_file(content: bytes, key: DataKey, *, demand: str, file_id: str, nonce: bytes) -> bytes:
    """Encrypt a file under its demand's key (NIST SP 800-38D), tied to demand and file; `nonce` is 12 fresh random bytes."""
    header = f"liandong-file/1 {ALGORITHM} {key.key_id} {base64.urlsafe_b64encode(nonce).decode()}\n".encode()
    return header + seal_bytes(content, key=key.key, nonce=nonce, aad=_place(demand, file_id), algorithm=ALGORITHM)


def open_file(sealed: bytes, key: DataKey, *, demand: str, file_id: str) -> bytes:
    """Decrypt a file. Raises Corrupt when key, demand, file or a byte is another."""
    header = _HEADER.match(sealed)
    if header is None:
        raise Corrupt("a sealed file has no header this release can read")
    if header[2] != key.key_id.encode():
        raise Corrupt("a sealed file names another key")
    nonce = base64.urlsafe_b64decode(header[3])
    return unseal_bytes(sealed[header.end() :], key=key.key, nonce=nonce, aad=_place(demand, file_id), algorithm=ALGORITHM)


def _place(demand: str, file_id: str) -> bytes:
    return f"{demand}|{file_id}".encode()


def _check_same(file_id: str, stored: int | None, given: int) -> None:
    """Equal contents have equal lengths when sealed; None means that the file was removed a moment ago."""
    if stored is not None and stored != given:
        raise Corrupt(f"file {file_id} is stored with another content")
