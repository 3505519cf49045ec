"""A whole tracker: real NATS with the real permissions, real PostgreSQL, real HTTP on a free port, in this process."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx2
import nats as nats_client
import uvicorn
from fastapi import FastAPI

from cli.machine.testing import Database, RunningNats
from libs.chassis.auth import new_key
from libs.chassis.serve import listen
from libs.directory import NetworkContent, digest, to_sections
from libs.events import (
    Actor,
    Append,
    CellOpened,
    Commit,
    CredentialIssued,
    CredentialRevoked,
    Event,
    NetworkRevisionPublished,
    NetworkRevisionStaged,
    Stored,
)
from libs.events.codec import encode
from libs.events.jetstream import JetStreamEventStore
from libs.events.names import demand_subject, registry_subject
from libs.events.streams import ensure_streams
from services.tracker.feed import heard
from services.tracker.main import create_app
from services.tracker.settings import TrackerSettings
from tests.integration.tracker.place import Place
from tests.unit.directory.random_networks import content_of, node
from tests.unit.tracker.histories import HUB, PARK, SPECIALIST, WINDOW, History

NETWORK, COUNTY = "testnet", "county-1"


def small_network() -> NetworkContent:
    """hub-0 over county-1 (with window-a under it), window-b and specialist-c."""
    return content_of(
        [
            node(HUB, "root", regions=["330200"], title_zh="市枢纽", title_en="City hub"),
            node(COUNTY, "county", HUB, regions=["330203"]),
            node(WINDOW, "window", COUNTY, categories=["digital"], regions=["330203"], title_zh="甲窗口", title_en="Window A"),
            node(PARK, "window", HUB, categories=["digital"], regions=["330205"]),
            node(SPECIALIST, "window", HUB, categories=["digital"], regions=["330200"], title_zh="丙平台", title_en="Platform C"),
        ]
    )


class _Server(uvicorn.Server):
    def capture_signals(self) -> Any:
        """Signals are the test runner's."""
        return nullcontext()


class Running:
    """A running tracker and the hands that write what it reads."""

    def __init__(self, base: str, place: Place, demands: JetStreamEventStore, registry: JetStreamEventStore, app: FastAPI) -> None:
        self.base = base
        self.place = place
        self.app = app
        self._demands = demands
        self._registry = registry
        self._versions: dict[str, tuple[int, int]] = {}
        self._keys: dict[str, str] = {}

    async def key(self, role: str, *, party: str = "", at: str | None = None) -> str:
        """Issue a key and wait until the tracker knows it."""
        key = new_key(secrets.token_bytes)
        event = CredentialIssued(
            key_id=key.key_id, digest=key.digest, party=party or f"{role}-1", role=role, network=NETWORK, node=at, label=role
        )
        await self.fact(f"{NETWORK}.credential.{key.key_id}", event)
        return key.key

    async def revoke(self, key: str) -> None:
        """Revoke a key and wait until the tracker knows it."""
        key_id = key.split("_")[1]
        await self.fact(f"{NETWORK}.credential.{key_id}", CredentialRevoked(key_id=key_id, reason="lost"))

    async def fact(self, entity: str, *events: Event) -> None:
        """Append to the registry and wait until the tracker has read it."""
        version, expected = self._versions.get(entity, (0, 0))
        identity = secrets.token_hex(16)
        commit = Commit(entity, version + 1, None, "Fact", identity, None, datetime.now(UTC), Actor(kind="system", id="test"), events)
        stored = await self._registry.append(Append(registry_subject(entity), expected, identity, encode(commit)))
        self._versions[entity] = (version + 1, stored.seq)
        follower = getattr(self.app.state, "follower", None)
        if follower is not None:
            await follower.reached(stored.seq, 10)

    async def append(self, histories: Sequence[History], headers: dict[str, str] | None = None) -> int:
        """Append whole histories, version by version; return the last sequence."""
        last: dict[str, int] = {}
        for version in range(max(len(history.bodies) for history in histories)):
            due = [history for history in histories if version < len(history.bodies)]
            appends = [
                Append(demand_subject(h.demand), last.get(h.demand, 0), h.command_id(version + 1), h.bodies[version], headers or {})
                for h in due
            ]
            for history, outcome in zip(due, await self._demands.append_many(appends), strict=True):
                assert isinstance(outcome, Stored)
                last[history.demand] = outcome.seq
        return max(last.values())

    async def append_after(self, later: History, *, expected: int, version: int) -> None:
        """Append one more commit to a demand whose last sequence is known."""
        await self._demands.append(Append(demand_subject(later.demand), expected, later.command_id(version), later.bodies[0]))

    async def projected(self, seq: int) -> None:
        """Wait until the archive has reached a sequence."""
        async with asyncio.timeout(20):
            while (await self.place.rows("select coalesce(max(seq), 0) from archive.checkpoint"))[0][0] < seq:
                await heard(self.app.state.rooms.bell.listen(), 0.5)

    def client(self, key: str | None) -> httpx2.AsyncClient:
        """An HTTP client with a key."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx2.AsyncClient(base_url=self.base, headers=headers, timeout=15, trust_env=False)


@asynccontextmanager
async def running_tracker(nats: RunningNats, database: Database, place: Place, folder: Path) -> AsyncIterator[Running]:
    """Run a tracker on fresh streams with the small network in force."""
    kek = folder / "kek"
    kek.write_text((b"k" * 32).hex() + "\n", "ascii")
    async with AsyncExitStack() as stack:

        async def connect(user: str) -> Any:
            client = await nats_client.connect(**nats.settings(user))
            stack.push_async_callback(client.close)
            return client

        await ensure_streams(await connect("keeper"), ["t1"])
        demands, registry = JetStreamEventStore(await connect("intake")), JetStreamEventStore(await connect("registry"))
        settings = TrackerSettings(
            port=0,
            nats_url=nats.url,
            nats_user="tracker",
            nats_password=str(nats.settings("tracker")["password"]),
            nats_monitor_url=nats.monitor_url,
            database_url=database.url("ld_tracker"),
            kek_file=kek,
            cell="t1",
        )
        app = create_app(settings)
        listening = listen("127.0.0.1", 0)
        stack.callback(listening.close)
        running = Running(f"http://127.0.0.1:{listening.getsockname()[1]}", place, demands, registry, app)
        await running.fact("system.cell.t1", CellOpened(cell="t1"))
        content = small_network()
        parts = to_sections(content)
        for number, part in enumerate(parts, 1):
            staged = NetworkRevisionStaged(
                network=NETWORK, revision="1", part=number, parts=len(parts), section=part.name, items=part.items
            )
            await running.fact(f"{NETWORK}.revision.1", staged)
        await running.fact(
            f"{NETWORK}.graph",
            NetworkRevisionPublished(
                network=NETWORK,
                revision="1",
                digest=digest(content),
                parts=len(parts),
                in_force_from=date(2020, 1, 1),
                nodes=len(content.nodes),
            ),
        )
        server = _Server(uvicorn.Config(app, lifespan="on", log_config=None, access_log=False, timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        async with asyncio.timeout(20):
            while not server.started:
                assert not serving.done(), serving
                await asyncio.sleep(0.01)
        assert NETWORK in app.state.follower.directory.networks, app.state.follower.directory.faults
        try:
            yield running
        finally:
            server.should_exit = True
            await serving
            for store in (demands, registry):
                await store.close()
