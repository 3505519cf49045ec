"""What surrounds a router: streams, a published network, keys, enterprises that ask; and routers in the test's own hands."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TypeVar

import httpx2
import nats
from fastapi import FastAPI
from nats.aio.client import Client
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from cli.machine.database import sqlalchemy_url
from cli.machine.folder import CHECKOUT
from cli.machine.testing import Database, RunningNats
from libs.chassis.auth import new_key
from libs.chassis.keyring import DataKey, Kek, KeyPool, seal_text
from libs.demand import INITIAL, DemandState, evolve
from libs.directory import NetworkContent, Node, check_content, digest, load_network, to_sections
from libs.directory.clocks import ClockRules
from libs.directory.model import Bounds
from libs.events import (
    Actor,
    CellOpened,
    Commit,
    CredentialIssued,
    DemandAssigned,
    DemandSubmitted,
    Event,
    NetworkRevisionPublished,
    NetworkRevisionStaged,
    Role,
)
from libs.events.codec import decode
from libs.events.execute import Order, execute, fold_all
from libs.events.jetstream import JetStreamEventStore
from libs.events.names import command_id, demand_id, demand_subject, registry_subject
from libs.events.streams import ensure_streams
from services.router.main import create_app
from services.router.settings import RouterSettings

T = TypeVar("T")
KEK = bytes(range(32))
NETWORK = "ningbo"
TOWNSHIP = "330203001"
PATIENCE = 30.0


def now() -> datetime:
    return datetime.now(UTC)


def node(id: str, kind: str = "window_township", parent: str | None = "hub-haishu", **more: object) -> Node:
    plain: dict[str, object] = {
        **{"id": id, "kind": kind, "title_zh": id, "title_en": id, "parent": parent, "regions": (TOWNSHIP,), "categories": ("quality",)},
        **{"capacity": 1000, "fee": "welfare", "in_force_from": date(2020, 1, 1), "status": "active", "sample": True},
    }
    return Node.model_validate({**plain, **more})


NODES = (
    node("nb-hub", "city_hub", None, regions=("330200",), categories=("market",)),
    node("hub-haishu", "county_hub", "nb-hub", regions=("330203",), categories=("market",)),
    node("win-one"),
    node("win-two", fee="market"),
    node("win-digital", categories=("digital",)),
)


def content(nodes: tuple[Node, ...] = NODES) -> NetworkContent:
    """The real frame with a handful of nodes."""
    frame = load_network(CHECKOUT / "networks" / "ningbo")
    kinds = tuple(kind.model_copy(update={"count": Bounds()}) for kind in frame.node_kinds)
    small = frame.model_copy(update={"node_kinds": kinds, "nodes": tuple(sorted(nodes, key=lambda one: one.id))})
    assert not check_content(small)
    return small


def hurried(plain: NetworkContent, **spans: str) -> NetworkContent:
    """The same network with other demo limits, such as `accept="1s"`: sample demands go by them. The others stay."""
    demo = plain.clocks.demo
    assert demo is not None
    rules = demo.rules.model_dump(mode="json", by_alias=True)
    for name, span in spans.items():
        rules[name] = dict.fromkeys(rules[name], span) if isinstance(rules[name], dict) else span
    hasty = demo.model_copy(update={"rules": ClockRules.model_validate(rules)})
    return plain.model_copy(update={"clocks": plain.clocks.model_copy(update={"demo": hasty})})


class Town:
    """Everything a router meets, and the hands to move it."""

    def __init__(self, server: RunningNats, database: Database, folder: Path) -> None:
        self.server = server
        self.database = database
        self._folder = folder
        self._stack = AsyncExitStack()
        self._numbers = 0

    @classmethod
    async def found(cls, server: RunningNats, database: Database, folder: Path) -> Town:
        """Create streams, cell and network."""
        town = cls(server, database, folder)
        (folder / "kek").write_text(KEK.hex())
        keeper = await town.connect("keeper")
        await ensure_streams(keeper, ["t1"])
        town.registry = JetStreamEventStore(await town.connect("registry"))
        town.intake = JetStreamEventStore(await town.connect("intake"))
        town.engine = town._engine("ld_router")
        town.pool = KeyPool(town._engine("ld_intake"), Kek(KEK), size=400, low=100, random_bytes=secrets.token_bytes, now=now)
        await town.pool.start()
        town._stack.push_async_callback(town.pool.stop)
        await town.register("system.cell.t1", CellOpened(cell="t1"))
        return town

    registry: JetStreamEventStore
    intake: JetStreamEventStore
    engine: AsyncEngine
    pool: KeyPool

    async def close(self) -> None:
        await self.registry.close()
        await self.intake.close()
        await self._stack.aclose()

    async def connect(self, user: str) -> Client:
        connection = await nats.connect(**self.server.settings(user))
        self._stack.push_async_callback(connection.close)
        return connection

    def _engine(self, role: str) -> AsyncEngine:
        engine = create_async_engine(sqlalchemy_url(self.database.url(role)), connect_args={"ssl": False})
        self._stack.push_async_callback(engine.dispose)
        return engine

    async def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Keep something open until the town closes."""
        return await self._stack.enter_async_context(context)

    def number(self) -> int:
        """A number nobody had before."""
        self._numbers += 1
        return self._numbers

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
        await execute(self.registry, order, initial=None, evolve=lambda state, event, *, version, at: None, now=now)

    async def publish(self, network: NetworkContent, revision: str = "r1") -> None:
        """Put a network into force."""
        name, sections = network.network.name, to_sections(network)
        for part, section in enumerate(sections, start=1):
            staged = NetworkRevisionStaged(
                network=name, revision=revision, part=part, parts=len(sections), section=section.name, items=section.items
            )
            await self.register(f"{name}.revision.{revision}", staged)
        published = NetworkRevisionPublished(
            network=name,
            revision=revision,
            digest=digest(network),
            parts=len(sections),
            in_force_from=network.network.in_force_from,
            nodes=len(network.nodes),
        )
        await self.register(f"{name}.graph", published)

    async def issue(self, role: Role, node: str | None = None, party: str | None = None) -> dict[str, str]:
        """Issue a key; returns the header that uses it."""
        key = new_key(secrets.token_bytes)
        issued = CredentialIssued(
            key_id=key.key_id,
            digest=key.digest,
            party=party or f"party-{self.number()}",
            role=role,
            network=NETWORK,
            node=node,
            label="sample",
        )
        await self.register(f"{NETWORK}.credential.{key.key_id}", issued)
        return {"Authorization": f"Bearer {key.key}"}

    # The enterprises.

    async def submit(
        self,
        category: str | None = "quality",
        *,
        title: str = "样例诉求",
        description: str = "样例描述",
        network: str = NETWORK,
        headers: Mapping[str, str] | None = None,
        key: DataKey | None = None,
        **more: object,
    ) -> str:
        """Submit a fictitious demand as intake would; returns its id."""
        nonce = f"key-{self.number()}"
        demand, data_key = demand_id(network, "t1", salt=KEK, party="partner-1", key=nonce), key or self.pool.take()
        identity = command_id(demand, "SubmitDemand", "partner-1", nonce)

        def seal(field: str, plain: str) -> object:
            return seal_text(plain, data_key, demand=demand, command_id=identity, field=field, random_bytes=secrets.token_bytes)

        event = DemandSubmitted.model_validate(
            {
                **{"network": network, "channel": "partner", "category": category, "region": TOWNSHIP, "urgency": "normal"},
                **{"party": "partner-1", "enterprise": "ent-sample", "desk": "nb-hub", "sample": True},
                **{"title": seal("title", title), "description": seal("description", description), "requester": seal("requester", "{}")},
                **more,
            }
        )
        await self.append(demand, "SubmitDemand", identity, event, headers=headers)
        return demand

    async def append(self, demand: str, command: str, identity: str, *events: Event, headers: Mapping[str, str] | None = None) -> None:
        """Append any commit to a demand."""
        order: Order[DemandState] = Order(
            subject=demand_subject(demand),
            entity=demand,
            command=command,
            command_id=identity,
            actor=Actor(kind="partner", id="partner-1"),
            decide=lambda _: events,
            headers=dict(headers or {}),
        )
        await execute(self.intake, order, initial=INITIAL, evolve=evolve, now=now)

    # Reading.

    async def commits(self, demand: str) -> list[Commit]:
        return [decode(recorded.body) for recorded in await self.intake.load(demand_subject(demand))]

    async def state(self, demand: str) -> DemandState:
        """The demand's folded history; raises Corrupt if its chain is broken."""
        return fold_all(INITIAL, await self.intake.load(demand_subject(demand)), evolve).state

    async def assignments(self, demand: str) -> list[DemandAssigned]:
        return [event for commit in await self.commits(demand) for event in commit.events if isinstance(event, DemandAssigned)]

    async def names(self, demand: str) -> list[str]:
        """The names of all its events, in order."""
        return [type(event).__name__ for commit in await self.commits(demand) for event in commit.events]

    async def happens(self, demand: str, name: str, number: int = 1) -> None:
        """Wait until an event of this name has happened so many times."""

        async def there() -> bool:
            return (await self.names(demand)).count(name) >= number

        await eventually(there)

    async def assigned(self, demand: str, number: int = 1) -> DemandAssigned:
        """Wait until the demand has its assignment of this number."""

        async def there() -> bool:
            return len(await self.assignments(demand)) >= number

        await eventually(there)
        return (await self.assignments(demand))[number - 1]

    async def rows(self, query: str) -> list[tuple[object, ...]]:
        async with self.engine.begin() as connection:
            return [tuple(row) for row in (await connection.execute(text(query))).all()]

    async def change(self, statement: str) -> None:
        """Meddle with the router's tables."""
        async with self.engine.begin() as connection:
            await connection.execute(text(statement))

    # Routers.

    def settings(self) -> RouterSettings:
        """Settings of a router of this town."""
        values = {name.removeprefix("ROUTER_").lower(): value for name, value in self.environment().items()}
        return RouterSettings.model_validate(values)

    def environment(self) -> dict[str, str]:
        """The same for a process of its own."""
        return {
            "ROUTER_PORT": "0",
            "ROUTER_NATS_URL": self.server.url,
            "ROUTER_NATS_USER": "router",
            "ROUTER_NATS_PASSWORD": self.server.settings("router")["password"],
            "ROUTER_NATS_MONITOR_URL": self.server.monitor_url,
            "ROUTER_DATABASE_URL": self.database.url("ld_router"),
            "ROUTER_KEK_FILE": str(self._folder / "kek"),
            "ROUTER_CELL": "t1",
            "ROUTER_BALANCE_SECONDS": "0.1",
            "ROUTER_SWEEP_SECONDS": "0.5",
            "ROUTER_GRACE_SECONDS": "2",
            "ROUTER_RELEASE_SECONDS": "1",
            "ROUTER_CHECK_SECONDS": "1",
        }

    @asynccontextmanager
    async def router(self) -> AsyncIterator[FastAPI]:
        """A router in this process."""
        app = create_app(self.settings())
        async with app.router.lifespan_context(app):
            yield app

    def process(self) -> subprocess.Popen[bytes]:
        """A router in a process of its own; the caller ends it."""
        log = (self._folder / "router.log").open("ab")
        with log:
            return subprocess.Popen(
                [sys.executable, "-m", "services.router"], cwd=CHECKOUT, env={**os.environ, **self.environment()}, stdout=log, stderr=log
            )


@asynccontextmanager
async def client_of(app: FastAPI, headers: Mapping[str, str]) -> AsyncIterator[httpx2.AsyncClient]:
    """An HTTP client of a router in this process."""
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://router", headers=dict(headers), timeout=20) as client:
        yield client


async def eventually(condition: Callable[[], Awaitable[bool]], patience: float = PATIENCE) -> None:
    """Wait for a condition; fails after `patience` seconds."""
    async with asyncio.timeout(patience):
        while not await condition():  # noqa: ASYNC110 another process changes what is looked at
            await asyncio.sleep(0.02)
