"""The NATS connection of a service on a real server."""

from __future__ import annotations

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from cli.machine.testing import RunningNats
from libs.chassis.nats import connect
from libs.chassis.settings import ServiceSettings
from libs.events.errors import Unavailable
from tests.unit.chassis.sample_app import sample_settings

pytestmark = pytest.mark.servers


def settings_for(server: RunningNats, user: str) -> ServiceSettings:
    access = server.settings(user)
    return sample_settings(nats_url=server.url, nats_user=access["user"], nats_password=access["password"])


async def test_a_service_asks_and_is_answered_on_its_own_inbox(running_nats: RunningNats) -> None:
    client = await connect(settings_for(running_nats, "intake"), "intake")
    info = await client.jetstream().account_info()

    assert info.limits is not None
    assert client._inbox_prefix == bytearray(b"_INBOX_intake")  # the only inbox this user may listen on
    await client.close()


async def test_the_connection_outlives_the_server(running_nats: RunningNats) -> None:
    client = await connect(settings_for(running_nats, "intake"), "intake")
    with capture_logs() as logged:
        running_nats.process.kill()
        async with asyncio.timeout(10):
            while client.is_connected:  # noqa: ASYNC110 the client notices by itself
                await asyncio.sleep(0.01)
        running_nats.restart()  # in this thread: the server dies with the thread that started it
        async with asyncio.timeout(20):
            while not client.is_connected:  # noqa: ASYNC110 the client comes back by itself
                await asyncio.sleep(0.01)
        assert (await client.jetstream().account_info()).limits is not None
        await client.close()

    told = [record["event"] for record in logged]
    assert "nats_reconnected" in told
    assert told.count("nats_error") <= 4


@pytest.mark.parametrize("trouble", ["nobody listens", "wrong password"])
async def test_a_server_that_does_not_let_us_in_is_told_in_time_and_without_the_password(running_nats: RunningNats, trouble: str) -> None:
    if trouble == "nobody listens":
        settings = sample_settings(nats_url="nats://127.0.0.1:1")
    else:
        settings = sample_settings(nats_url=running_nats.url, nats_user="intake", nats_password="x7markerx7")
    began = time.monotonic()
    with capture_logs() as logged, pytest.raises(Unavailable, match=r"NATS at 127.0.0.1:\d+ does not let us in") as told:
        await connect(settings, "intake", within=1)

    assert time.monotonic() - began < 4
    assert "x7markerx7" not in str(told.value) + str(logged)
    assert len(logged) <= 5
