"""What must be true after any number of crashes, read from the stores themselves and not from the services."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import nats
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from cli.machine.acl import inbox_prefix
from cli.machine.services import FIRST_CELL
from cli.machine.testing import Machine
from libs.chassis.keyring import Kek, KeyRing, open_text
from libs.chassis.settings import read_secret
from libs.demand import INITIAL, evolve
from libs.events import DemandSubmitted
from libs.events.codec import chain, decode
from libs.events.execute import fold_all
from libs.events.jetstream import JetStreamEventStore
from libs.events.names import demand_stream
from libs.events.store import Recorded
from services.tracker.rebuild import rebuild


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that was stored: the stream as it is, the archive's rows, keys to open texts."""

    stream: list[Recorded]
    archive: list[tuple[int, str, int, bytes]]
    engine: AsyncEngine
    keys: KeyRing


async def read_stores(machine: Machine) -> Stores:
    """Read the demand stream from NATS and the archive from PostgreSQL, with the tracker's rights."""
    async with demand_store(machine) as store:
        stream = await read_stream(store)
    address = machine.endpoints["postgres"].removeprefix("postgresql://")
    password = machine.folder.secret("postgres_ld_tracker")
    database = await asyncpg.connect(f"postgresql://ld_tracker:{password}@{address}", ssl=False)
    rows = await database.fetch("select seq, demand, ver, body from archive.entry order by seq")
    await database.close()
    engine = create_async_engine(f"postgresql+asyncpg://ld_tracker:{password}@{address}", connect_args={"ssl": False})
    kek = Kek(read_secret(Path(machine.folder.secret_file("kek"))))
    return Stores(stream, [(row["seq"], row["demand"], row["ver"], row["body"]) for row in rows], engine, KeyRing(engine, kek))


@asynccontextmanager
async def demand_store(machine: Machine) -> AsyncIterator[JetStreamEventStore]:
    """The event store with the tracker's rights, through restarts of the server."""

    async def quiet(_error: Exception) -> None:
        """Lost connections are the point of these tests."""

    connection = await nats.connect(
        machine.endpoints["nats"],
        user="tracker",
        password=machine.folder.secret("nats_tracker"),
        inbox_prefix=inbox_prefix("tracker"),
        reconnect_time_wait=0.05,
        max_reconnect_attempts=-1,
        error_cb=quiet,
    )
    try:
        yield JetStreamEventStore(connection)
    finally:
        await connection.close()


async def read_stream(store: JetStreamEventStore, after: int = 0) -> list[Recorded]:
    """Read the demand stream from a sequence to its present end. Raises Unavailable, GapDetected."""
    stream, last = list[Recorded](), await store.position(demand_stream(FIRST_CELL))
    if last <= after:
        return stream
    async with aclosing(store.read(demand_stream(FIRST_CELL), after)) as batches:
        async for batch in batches:
            stream += batch
            if stream and stream[-1].seq >= last:
                break
    return stream


async def prove(stores: Stores, promised: Mapping[str, str]) -> None:
    """Assert every promise of the crash test; the messages say which one broke."""
    sequences = [recorded.seq for recorded in stores.stream]
    assert sequences == list(range(1, len(sequences) + 1)), "stream sequences are contiguous"
    assert [(seq, body) for seq, _, _, body in stores.archive] == [(item.seq, item.body) for item in stores.stream], (
        "the archive is the stream, byte for byte"
    )
    firsts = Counter(demand for _, demand, ver, _ in stores.archive if ver == 1)
    assert not {demand for demand in promised if firsts[demand] != 1}, "every acknowledged demand is in the archive exactly once"
    by_demand: defaultdict[str, list[Recorded]] = defaultdict(list)
    for item in stores.stream:
        by_demand[item.subject].append(item)
    commands: Counter[str] = Counter()
    for items in by_demand.values():
        previous = None
        for version, item in enumerate(items, 1):
            commit = decode(item.body)
            assert commit.version == version, "versions are contiguous"
            assert commit.prev == (chain(previous.body) if previous is not None else None), "the chain is unbroken"
            commands[commit.command_id] += 1
            previous = item
        state = fold_all(INITIAL, items, evolve).state
        assert not state.is_open or state.holder is not None, "every open demand has a holder"
        assert not state.waits_for_routing, "every open demand was routed"
        await _contact_opens(stores, items[0], promised)
    assert set(commands.values()) == {1}, "no command was carried out twice"
    verdict = await rebuild(stores.engine, stores.keys, progress=lambda done, total: None, compare_only=True)
    assert verdict.equal, f"views equal a rebuild: {verdict}"


async def _contact_opens(stores: Stores, first: Recorded, promised: Mapping[str, str]) -> None:
    commit = decode(first.body)
    submitted = commit.events[0]
    assert isinstance(submitted, DemandSubmitted)
    key = await stores.keys.get(submitted.requester.k)
    plain = open_text(submitted.requester, key, demand=commit.entity, command_id=commit.command_id, field="requester")
    if commit.entity in promised:
        assert json.loads(plain)["contact"]["phone"] == promised[commit.entity], "the contact decrypts to what was submitted"
