"""One data key per demand, wrapped by a key-encryption key (KEK) that PostgreSQL never sees. Destroying the row erases the text.

Table `keyring.data_key(key_id text primary key, wrapped bytea, kek text, created_at timestamptz)`; `wrapped` is nonce + AES-256-GCM
ciphertext with the key id as additional data. Intake leases keys ahead of use: a key is committed before anything is sealed with it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.chassis.database import copy_rows, reading, transaction
from libs.events.algorithms import NONCE_BYTES, Sealed, place, seal, unseal
from libs.events.errors import Corrupt, NotFound, Unavailable
from libs.events.names import crockford
from libs.events.tasks import end

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 10
BATCH: Final = 250
_SHORTEST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 2.0
_COLUMNS: Final = ("key_id", "wrapped", "kek", "created_at")
_SELECT: Final = text("select key_id, wrapped, kek from keyring.data_key where key_id = any(:ids)").bindparams(
    bindparam("ids", type_=ARRAY(TEXT))
)
_log = structlog.get_logger("keyring")


class KeyPoolEmpty(Unavailable):
    """No leased key is left; the next batch is not durable yet."""

    code = "key_pool_empty"


@dataclass(frozen=True, slots=True)
class DataKey:
    """A demand's own key: 32 bytes, and the id under which its wrapped form is stored."""

    key_id: str
    key: bytes

    def __repr__(self) -> str:
        """The id only."""
        return f"DataKey({self.key_id!r})"


class Kek:
    """A key-encryption key; its id is the start of its SHA-256."""

    def __init__(self, key: bytes) -> None:
        self.kek_id = hashlib.sha256(key).hexdigest()[:8]
        self._cipher = AESGCM(key)

    def wrap(self, data_key: DataKey, nonce: bytes) -> bytes:
        """Encrypt a data key (NIST SP 800-38D): nonce of 12 bytes, ciphertext, tag."""
        return nonce + self._cipher.encrypt(nonce, data_key.key, data_key.key_id.encode())

    def unwrap(self, key_id: str, wrapped: bytes) -> DataKey:
        """Decrypt a data key. Raises Corrupt for another KEK, another key id or a changed byte."""
        try:
            return DataKey(key_id, self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id.encode()))
        except (InvalidTag, ValueError) as error:
            raise Corrupt(f"data key {key_id} does not unwrap") from error


class KeyPool:
    """Leased keys, made durable in batches ahead of use and refilled in the background below `low`."""

    def __init__(
        self,
        engine: AsyncEngine,
        kek: Kek,
        *,
        size: int = 2000,
        low: int = 1000,
        random_bytes: Callable[[int], bytes],
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._kek = kek
        self._size = size
        self._low = low
        self._random = random_bytes
        self._now = now
        self._keys: deque[DataKey] = deque()
        self._thirsty = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._keys)

    async def start(self) -> None:
        """Lease the first batch, then fill up in the background. Raises Unavailable."""
        await self._lease(min(BATCH, self._size))
        self._thirsty.set()
        self._task = asyncio.create_task(self._refill())

    def take(self) -> DataKey:
        """Take a durable key; it is never given out again. Raises KeyPoolEmpty."""
        if len(self._keys) <= self._low:
            self._thirsty.set()
        if not self._keys:
            raise KeyPoolEmpty("no leased key is left")
        return self._keys.popleft()

    async def stop(self) -> None:
        """Stop refilling; leased keys are forgotten, their rows do no harm."""
        task, self._task = self._task, None
        if task is not None:
            await end([task])
        self._keys.clear()

    async def _refill(self) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            await self._thirsty.wait()
            try:
                while len(self._keys) < self._size:
                    await self._lease(min(BATCH, self._size - len(self._keys)))
                self._thirsty.clear()
                pause = _SHORTEST_PAUSE
            except Exception as error:  # noqa: BLE001 whatever the database says, the pool must come back by itself
                _log.warning("key_lease_failed", left=len(self._keys), error=type(error).__name__)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    async def _lease(self, count: int) -> None:
        fresh = [DataKey(crockford(self._random(KEY_ID_BYTES)), self._random(KEY_BYTES)) for _ in range(count)]
        now = self._now()
        rows = [(key.key_id, self._kek.wrap(key, self._random(NONCE_BYTES)), self._kek.kek_id, now) for key in fresh]
        async with transaction(self._engine) as connection:
            await copy_rows(connection, "keyring", "data_key", _COLUMNS, rows)
        self._keys.extend(fresh)  # only now: a key must outlive whatever is sealed with it


class KeyRing:
    """Reads data keys by id; the last `cache` of them stay in memory."""

    def __init__(self, engine: AsyncEngine, kek: Kek, cache: int = 100_000) -> None:
        self._engine = engine
        self._kek = kek
        self._most = cache
        self._cache: OrderedDict[str, DataKey] = OrderedDict()

    async def get(self, key_id: str) -> DataKey:
        """The data key of this id. Raises NotFound key_not_found (destroyed or never there), Corrupt, Unavailable."""
        found = (await self.get_many((key_id,))).get(key_id)
        if found is None:
            raise NotFound("key_not_found")
        return found

    async def get_many(self, key_ids: Iterable[str]) -> dict[str, DataKey]:
        """The data keys that exist, in one query for those not in memory. Raises Corrupt, Unavailable."""
        found: dict[str, DataKey] = {}
        missing = []
        for key_id in dict.fromkeys(key_ids):
            cached = self._cache.get(key_id)
            if cached is None:
                missing.append(key_id)
            else:
                self._cache.move_to_end(key_id)
                found[key_id] = cached
        if missing:
            found.update(await self._read(missing))
        return found

    def forget(self, key_id: str) -> None:
        """Drop a key that was destroyed."""
        self._cache.pop(key_id, None)

    def remember(self, key: DataKey) -> None:
        """Keep a key that is known to be stored, so that reading back one's own demand costs no query."""
        self._cache[key.key_id] = key
        if len(self._cache) > self._most:
            self._cache.popitem(last=False)

    async def _read(self, key_ids: list[str]) -> dict[str, DataKey]:
        async with reading(self._engine) as connection:
            rows = (await connection.execute(_SELECT, {"ids": key_ids})).all()
        read = {}
        for key_id, wrapped, kek_id in rows:
            if kek_id != self._kek.kek_id:
                raise Corrupt(f"data key {key_id} is wrapped by another key-encryption key")
            read[key_id] = self._kek.unwrap(key_id, bytes(wrapped))
            self.remember(read[key_id])
        return read


def seal_text(plain: str, key: DataKey, *, demand: str, command_id: str, field: str, random_bytes: Callable[[int], bytes]) -> Sealed:
    """Encrypt a text under a demand's key, tied to its demand, commit and field."""
    aad = place(demand, command_id, field)
    return seal(plain.encode(), key=key.key, key_id=key.key_id, nonce=random_bytes(NONCE_BYTES), aad=aad)


def open_text(sealed: Sealed, key: DataKey, *, demand: str, command_id: str, field: str) -> str:
    """Decrypt a text. Raises Corrupt when key, demand, commit or field is another."""
    return unseal(sealed, key=key.key, aad=place(demand, command_id, field)).decode()
