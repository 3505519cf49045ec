"""A small service on the real chassis, with a registry in memory and one key per role."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Annotated, Any

import httpx2
from fastapi import APIRouter, FastAPI, Path, Query, Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from libs.chassis.app import build_app
from libs.chassis.auth import Caller, NewKey, new_key, require_role
from libs.chassis.caller import CallerDep, IncomingDep
from libs.chassis.follower import DirectoryFollower
from libs.chassis.http import DEFAULT_LIMIT, IfMatch, Limit, decode_cursor, encode_cursor, etag
from libs.chassis.settings import ServiceSettings
from libs.chassis.tracing import Tracing
from libs.events.codec import encode
from libs.events.commit import Actor, Commit
from libs.events.errors import ClockAhead, Conflict, Corrupt, Fenced, GapDetected, NotFound, Refused, Unavailable, UnknownEvent
from libs.events.language import Event
from libs.events.memory import MemoryEventStore
from libs.events.names import registry_subject
from libs.events.registry import CredentialIssued, CredentialRevoked, Role
from libs.events.store import Append

ERRORS: Mapping[str, Exception] = {
    "refused": Refused("illegal_transition"),
    "forbidden": Refused("forbidden"),
    "not_found": NotFound(),
    "conflict": Conflict("demand.x", 1, 2),
    "unavailable": Unavailable("z9inside"),
    "clock": ClockAhead("z9inside"),
    "gap": GapDetected("S", 1, 3),
    "fenced": Fenced("z9inside"),
    "corrupt": Corrupt("z9inside"),
    "unknown_event": UnknownEvent("Future 9"),
    "bug": RuntimeError("secret-of-somebody"),
    "uncatalogued": Refused("nobody_wrote_this_down"),
}


def _known(category: str) -> str:
    if category != "quality":
        raise PydanticCustomError("unknown_category", "no such category")
    return category


class Contact(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=2, max_length=20)]
    phone: Annotated[str, Field(pattern=r"^\+?[0-9-]{5,20}$")]


class Wish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=40)]
    count: Annotated[int, Field(ge=0, le=9)] = 0
    category: Annotated[str, AfterValidator(_known)] | None = None
    contacts: list[Contact] = []
    marks: dict[str, int] = {}


class WishShown(BaseModel):
    id: str
    version: int
    by: str


class Next(BaseModel):
    next: str


def sample_settings(**more: Any) -> ServiceSettings:
    """Settings that point nowhere."""
    return ServiceSettings(
        **{
            "port": 0,
            "nats_url": "nats://127.0.0.1:1",
            "nats_user": "intake",
            "nats_password": "nats-secret",
            "nats_monitor_url": "http://127.0.0.1:1",
            **more,
        }
    )


def sample_key(seed: int) -> NewKey:
    """A key from fixed random bytes."""
    return new_key(Random(seed).randbytes)


class Registry:
    """A registry stream in memory to which a test appends."""

    def __init__(self) -> None:
        self.store = MemoryEventStore()

    async def record(self, entity: str, *events: Event, body: bytes | None = None) -> int:
        """Append one commit; returns its sequence."""
        subject = registry_subject(entity)
        chain = await self.store.load(subject)
        actor = Actor(kind="system", id="test")
        commit = Commit(
            entity, len(chain) + 1, None, "test", f"{entity}-{len(chain)}", None, datetime.now(UTC).replace(microsecond=0), actor, events
        )
        expected = chain[-1].seq if chain else 0
        return (await self.store.append(Append(subject, expected, commit.command_id, body or encode(commit)))).seq

    async def issue(self, key: NewKey, role: Role, node: str | None = None, expires: datetime | None = None) -> int:
        """Issue a key of network `ningbo`."""
        issued = CredentialIssued(
            key_id=key.key_id,
            digest=key.digest,
            party=f"party-{role}",
            role=role,
            network="ningbo",
            node=node,
            label="sample",
            expires=expires,
        )
        return await self.record(f"ningbo.credential.{key.key_id}", issued)

    async def revoke(self, key: NewKey) -> int:
        """Revoke a key."""
        return await self.record(f"ningbo.credential.{key.key_id}", CredentialRevoked(key_id=key.key_id, reason="lost"))


def wish_routes() -> APIRouter:
    """Every kind of endpoint and trouble."""
    routes = APIRouter(prefix="/v1", tags=["wishes"])

    @routes.post("/wishes", status_code=201)
    async def make_wish(wish: Wish, incoming: IncomingDep, response: Response) -> WishShown:
        caller = incoming.caller
        require_role(caller, "partner")
        response.headers["ETag"] = etag(1)
        return WishShown(id="w1", version=1, by=caller.party)

    @routes.put("/wishes/{wish}")
    async def change_wish(
        wish: Annotated[str, Path(pattern="^[a-z0-9]{1,8}$")], body: Wish, caller: CallerDep, if_match: IfMatch = None
    ) -> WishShown:
        if if_match is not None and if_match != 1:
            raise Refused("stale_version")
        return WishShown(id=wish, version=if_match or 1, by=caller.party)

    @routes.get("/wishes")
    async def list_wishes(
        caller: CallerDep, limit: Limit = DEFAULT_LIMIT, cursor: Annotated[str | None, Query(max_length=1024)] = None
    ) -> Next:
        after = decode_cursor(cursor, {"after": int})["after"] if cursor is not None else 0
        return Next(next=encode_cursor({"after": after + limit}))

    @routes.get("/errors/{name}", include_in_schema=False)
    async def fail(name: str) -> Response:
        raise ERRORS[name]

    @routes.post("/form", include_in_schema=False)
    async def form() -> Response:
        return Response("ok")

    return routes


@asynccontextmanager
async def running(registry: Registry, *, max_age: timedelta = timedelta(seconds=30), **more: Any) -> AsyncIterator[FastAPI]:
    """The app between the start and the end of its lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
        follower = DirectoryFollower(registry.store, now=lambda: datetime.now(UTC), max_age=max_age)
        await follower.start()
        app.state.follower = follower
        yield
        await follower.stop()

    async def readiness(app: FastAPI) -> dict[str, bool]:
        return {"registry": app.state.follower.ready}

    app = build_app(
        **{
            "name": "sample",
            "title_zh": "示例",
            "title_en": "Sample",
            "settings": sample_settings(),
            "lifespan": lifespan,
            "routes": [wish_routes()],
            "readiness": readiness,
            "form_paths": frozenset({"/v1/form"}),
            "tracing": Tracing("sample", environ={}),
            **more,
        }
    )
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: FastAPI, key: NewKey | None = None) -> httpx2.AsyncClient:
    """An HTTP client that talks to the app in this process."""
    headers = {"Authorization": f"Bearer {key.key}"} if key is not None else {}
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx2.AsyncClient(transport=transport, base_url="http://sample.test", headers=headers)


def caller(role: Role, node: str | None = None, *, party: str = "p", network: str | None = "testnet") -> Caller:
    """A caller of the test network."""
    return Caller("k", party, role, network, node, "sample")
