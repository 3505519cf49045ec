"""Each NATS user tries what it must not do, against a real server with the real configuration."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import nats as client
import pytest
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import APIError

from cli.machine.acl import SERVICES, USERS
from cli.machine.testing import RunningNats

pytestmark = pytest.mark.servers

SUBJECT = "demand.t1.ningbo.07.ningbo-t1-0123456789abcdef"


class Person:
    """A connected user and the refusals it got."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.refusals: list[str] = []
        self._news = asyncio.Event()
        self._canaries = 0
        self.client: Client = Client()

    async def refused(self, error: Exception) -> None:
        self.refusals.append(str(error))
        self._news.set()

    async def is_refused(self, subject: str) -> bool:
        """Tell whether publishing is refused."""
        await self.client.publish(subject, b"{}")
        return await self._was_refused(subject)

    async def is_deaf_to(self, subject: str) -> bool:
        """Tell whether subscribing is refused."""
        await self.client.subscribe(subject)
        return await self._was_refused(subject)

    async def _was_refused(self, subject: str) -> bool:
        # Success is silent. Refusals come in order, so one that is certain to come marks the end of waiting.
        self._canaries += 1
        canary = f"canary.{self._canaries}"
        await self.client.publish(canary, b"")
        deadline = time.monotonic() + 10
        while not any(f'"{canary}"' in refusal for refusal in self.refusals):
            assert time.monotonic() < deadline, "the server refused not even the canary"
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), 1)
        return any(f'"{subject.lower()}"' in refusal for refusal in self.refusals)


@contextlib.asynccontextmanager
async def connected(server: RunningNats, *names: str) -> AsyncIterator[list[Person]]:
    people = [Person(name) for name in names]
    try:
        for person in people:
            person.client = await client.connect(**server.settings(person.name), error_cb=person.refused)
        yield people
    finally:
        for person in people:
            if person.client.is_connected:
                await person.client.close()


@contextlib.asynccontextmanager
async def with_streams(server: RunningNats, *names: str) -> AsyncIterator[list[Person]]:
    async with connected(server, "keeper", *names) as (keeper, *people):
        jetstream = keeper.client.jetstream()
        await jetstream.add_stream(name="DEMANDS_t1", subjects=["demand.t1.>"], allow_direct=True)
        await jetstream.add_stream(name="REGISTRY", subjects=["registry.>"], allow_direct=True)
        yield people


async def talk(port: int, words: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(words)
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_the_server_syncs_every_message_before_it_answers(nats: RunningNats) -> None:
    answer = (await talk(nats.server.monitor_port, b"GET /jsz?config=1 HTTP/1.0\r\n\r\n")).partition(b"\r\n\r\n")[2]

    assert json.loads(answer)["config"]["sync_always"] is True


async def test_nobody_gets_in_without_a_password(nats: RunningNats) -> None:
    # By hand: the client library leaves its socket open when it is turned away.
    answer = await talk(nats.server.port, b'CONNECT {"verbose":false}\r\nPING\r\n')

    assert b"Authorization Violation" in answer


@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "PURGE", "RESTORE", "SNAPSHOT", "MSG.DELETE"])
async def test_nobody_may_change_purge_or_delete_a_stream(nats: RunningNats, verb: str) -> None:
    async with with_streams(nats, *USERS) as people:
        for person in people:
            assert await person.is_refused(f"$JS.API.STREAM.{verb}.DEMANDS_t1"), person.name
            assert await person.is_refused(f"$JS.API.STREAM.{verb}.REGISTRY"), person.name


async def test_only_the_keeper_creates_streams_and_cannot_change_them_by_creating_again(nats: RunningNats) -> None:
    async with with_streams(nats, "keeper", *SERVICES) as (keeper, *services):
        for person in services:
            assert await person.is_refused("$JS.API.STREAM.CREATE.DEMANDS_t1"), person.name
        with pytest.raises(APIError, match="different configuration"):
            await keeper.client.jetstream().add_stream(name="DEMANDS_t1", subjects=["demand.t1.>"], max_age=1)


async def test_intake_and_router_append_demands_tracker_and_registry_cannot(nats: RunningNats) -> None:
    async with with_streams(nats, "intake", "router", "tracker", "registry") as (intake, router, tracker, registry):
        assert (await intake.client.jetstream().publish(SUBJECT, b"1")).seq == 1
        assert (await router.client.jetstream().publish(SUBJECT, b"2")).seq == 2
        assert await tracker.is_refused(SUBJECT)
        assert await registry.is_refused(SUBJECT)


async def test_only_the_registry_appends_registry_facts(nats: RunningNats) -> None:
    async with with_streams(nats, *SERVICES) as people:
        for person in people:
            assert await person.is_refused("registry.ningbo.graph") == (person.name != "registry"), person.name


async def test_the_registry_cannot_read_demands_and_intake_cannot_consume_them(nats: RunningNats) -> None:
    async with with_streams(nats, "registry", "intake") as (registry, intake):
        assert await registry.is_refused("$JS.API.DIRECT.GET.DEMANDS_t1")
        assert await registry.is_refused("$JS.API.CONSUMER.CREATE.DEMANDS_t1.x")
        assert await intake.is_refused("$JS.API.CONSUMER.CREATE.DEMANDS_t1.x")


@pytest.mark.parametrize("name", ["router", "tracker"])
async def test_router_and_tracker_follow_a_stream_with_an_unacknowledged_pull_consumer(nats: RunningNats, name: str) -> None:
    async with with_streams(nats, "intake", name) as (intake, person):
        await intake.client.jetstream().publish(SUBJECT, b"1")
        config = ConsumerConfig(ack_policy=AckPolicy.NONE, inactive_threshold=30)
        subscription = await person.client.jetstream().pull_subscribe("", stream="DEMANDS_t1", config=config)
        messages = await subscription.fetch(1, timeout=5)

        assert [message.data for message in messages] == [b"1"]
        assert person.refusals == []


async def test_all_services_read_the_registry(nats: RunningNats) -> None:
    async with with_streams(nats, *SERVICES) as people:
        await people[-1].client.jetstream().publish("registry.ningbo.graph", b"fact")
        for person in people:
            jetstream = person.client.jetstream()
            direct = await jetstream.get_last_msg("REGISTRY", "registry.ningbo.graph", direct=True)
            assert direct.data == b"fact", person.name
            assert (await jetstream.get_msg("REGISTRY", 1)).data == b"fact", person.name
            assert (await jetstream.stream_info("REGISTRY")).state.messages == 1, person.name


async def test_nobody_listens_to_another_ones_answers_or_to_the_subjects_themselves(nats: RunningNats) -> None:
    async with with_streams(nats, *USERS) as people:
        for person in people:
            others = [f"_INBOX_{other}.>" for other in USERS if other != person.name]
            for subject in [*others, "_INBOX.>", "demand.>", "registry.>", "$JS.API.>", ">"]:
                assert await person.is_deaf_to(subject), (person.name, subject)


async def test_data_survive_a_killed_server(nats: RunningNats) -> None:
    async with with_streams(nats, "intake") as (intake,):
        await intake.client.jetstream().publish(SUBJECT, b"kept")
    nats.process.kill()
    nats.restart()
    async with connected(nats, "intake") as (intake,):
        assert (await intake.client.jetstream().get_msg("DEMANDS_t1", 1)).data == b"kept"
