"""What surrounds an intake: streams, the published network, keys; and an intake process that can be killed and started again."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import nats
from nats.aio.client import Client

from cli.machine.folder import CHECKOUT
from cli.machine.ports import Ports
from cli.machine.testing import Database, RunningNats
from libs.chassis.auth import new_key
from libs.directory import digest, load_network, to_sections
from libs.events import Actor, CellOpened, Commit, CredentialIssued, Event, NetworkRevisionPublished, NetworkRevisionStaged, Role
from libs.events.codec import decode
from libs.events.execute import Order, execute
from libs.events.jetstream import JetStreamEventStore
from libs.events.names import demand_subject, registry_subject
from libs.events.streams import ensure_streams

NETWORK = "ningbo"
PATIENCE = 30.0
Line = dict[str, Any]


class Parish:
    """Founded once per test; `key` belongs to a partner."""

    registry: JetStreamEventStore
    reader: JetStreamEventStore
    key: str

    def __init__(self, server: RunningNats, database: Database, folder: Path) -> None:
        self.server = server
        self.database = database
        self.folder = folder
        self._stack = AsyncExitStack()
        self._ports = Ports()
        self.port = self._ports.claim()
        self.url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None

    async def found(self) -> None:
        """Create streams, cell, network, a partner's key, and start intake."""
        for secret in ("kek", "salt"):
            (self.folder / secret).write_text(secrets.token_hex(32))
        await ensure_streams(await self._connect("keeper"), ["t1"])
        self.registry, self.reader = await self._store("registry"), await self._store("tracker")
        await self.register("system.cell.t1", CellOpened(cell="t1"))
        await self.publish()
        self.key = await self.issue("partner")
        await self.start()

    async def close(self) -> None:
        self.stop()
        self._ports.close()
        await self._stack.aclose()

    async def _connect(self, user: str) -> Client:
        connection = await nats.connect(**self.server.settings(user))
        self._stack.push_async_callback(connection.close)
        return connection

    async def _store(self, user: str) -> JetStreamEventStore:
        store = JetStreamEventStore(await self._connect(user))
        self._stack.push_async_callback(store.close)
        return store

    # The registry.

    async def register(self, entity: str, *events: Event) -> None:
        """Append registry facts."""
        order: Order[None] = Order(
            subject=registry_subject(entity),
            entity=entity,
            command="Test",
            command_id=secrets.token_hex(16),
            actor=Actor(kind="system", id="test"),
            decide=lambda _: events,
        )
        await execute(self.registry, order, initial=None, evolve=lambda state, event, *, version, at: None, now=lambda: datetime.now(UTC))

    async def publish(self) -> None:
        """Put the real network into force."""
        network = load_network(CHECKOUT / "networks" / NETWORK)
        sections = to_sections(network)
        for part, section in enumerate(sections, start=1):
            staged = NetworkRevisionStaged(
                network=NETWORK, revision="r1", part=part, parts=len(sections), section=section.name, items=section.items
            )
            await self.register(f"{NETWORK}.revision.r1", staged)
        published = NetworkRevisionPublished(
            network=NETWORK,
            revision="r1",
            digest=digest(network),
            parts=len(sections),
            in_force_from=network.network.in_force_from,
            nodes=len(network.nodes),
        )
        await self.register(f"{NETWORK}.graph", published)

    async def issue(self, role: Role, node: str | None = None) -> str:
        """Issue a key."""
        key = new_key(secrets.token_bytes)
        issued = CredentialIssued(
            key_id=key.key_id, digest=key.digest, party=f"party-{key.key_id}", role=role, network=NETWORK, node=node, label="sample"
        )
        await self.register(f"{NETWORK}.credential.{key.key_id}", issued)
        return key.key

    # The process.

    def environment(self) -> dict[str, str]:
        return {
            "INTAKE_PORT": str(self.port),
            "INTAKE_NATS_URL": self.server.url,
            "INTAKE_NATS_USER": "intake",
            "INTAKE_NATS_PASSWORD": self.server.settings("intake")["password"],
            "INTAKE_NATS_MONITOR_URL": self.server.monitor_url,
            "INTAKE_DATABASE_URL": self.database.url("ld_intake"),
            "INTAKE_KEK_FILE": str(self.folder / "kek"),
            "INTAKE_SALT_FILE": str(self.folder / "salt"),
            "INTAKE_CELL": "t1",
            "INTAKE_TRACKER_URL": "http://tracker.test",
        }

    async def start(self) -> None:
        """Start intake and wait until it is ready."""
        self._launch()
        async with httpx2.AsyncClient(trust_env=False) as client:
            await self._until_ready(client)

    def _launch(self) -> None:
        with (self.folder / "intake.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.intake"], cwd=CHECKOUT, env={**os.environ, **self.environment()}, stdout=log, stderr=log
            )

    async def _until_ready(self, client: httpx2.AsyncClient) -> None:
        told = "no answer"
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    try:
                        ready = await client.get(f"{self.url}/readyz")
                        if ready.status_code == 200:
                            return
                        told = ready.text
                    except httpx2.HTTPError:
                        assert self._process is not None
                        assert self._process.poll() is None, (self.folder / "intake.log").read_text()[-2000:]
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"{told}\n{(self.folder / 'intake.log').read_text()[-2000:]}") from None

    def kill(self) -> None:
        """Kill -9 and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Ask it to stop; kill it when it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self.kill()

    def client(self, key: str | None = None) -> httpx2.AsyncClient:
        """An HTTP client with the partner's key, or another."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=60, trust_env=False)

    async def send(self, content: bytes, kind: str = "application/x-ndjson", batch: str = "b1", **query: str) -> tuple[list[Line], Line]:
        """Send a batch and read the answer to its end: the rows' lines and the totals."""
        async with self.client() as client:
            answer = await client.post(
                "/v1/demands/batch", params=query, content=content, headers={"Content-Type": kind, "Idempotency-Key": batch}
            )
        assert answer.status_code == 200, answer.text
        lines = [json.loads(line) for line in answer.text.splitlines()]
        return lines[:-1], lines[-1]

    # The store.

    async def commits(self) -> list[Commit]:
        """Every commit of every demand."""
        last = await self.reader.position("DEMANDS_t1")
        found: list[Commit] = []
        if last:
            async with aclosing(self.reader.read("DEMANDS_t1")) as batches:
                async for recorded in batches:
                    found += [decode(one.body) for one in recorded]
                    if recorded and recorded[-1].seq >= last:
                        break
        return found

    async def first_commit(self, demand: str) -> Commit:
        return decode((await self.reader.load(demand_subject(demand)))[0].body)


def results(lines: Sequence[Line]) -> list[str]:
    return [line["result"] for line in lines]
