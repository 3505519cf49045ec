"""The reference of `intake`: a bare FastAPI route that only publishes to JetStream, each request a durable append of its own."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import nats
from fastapi import FastAPI, Request
from pydantic import BaseModel


class Contact(BaseModel):
    name: str
    phone: str


class Requester(BaseModel):
    name: str
    uscc: str
    contact: Contact


class Demand(BaseModel):
    channel: str
    title: str
    description: str
    region: str
    urgency: str
    category: str
    requester: Requester


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None, None]:
    connection = await nats.connect(os.environ["BENCH_NATS_URL"])
    app.state.jetstream = connection.jetstream(timeout=10)
    yield
    await connection.close()


app = FastAPI(lifespan=lifespan)


@app.post("/raw", status_code=201)
async def raw(request: Request, body: Demand) -> dict[str, int]:
    """Publish and wait for the acknowledgement."""
    ack = await request.app.state.jetstream.publish(
        f"bare.{uuid.uuid4().hex}", body.model_dump_json().encode(), headers={"Nats-Expected-Last-Subject-Sequence": "0"}
    )
    return {"seq": ack.seq}
