"""The directory follower: reads up to now, keeps following, and knows when it no longer knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from libs.chassis.follower import DirectoryFollower, RegistryStale
from libs.directory import Directory
from libs.events.errors import GapDetected, Unavailable
from libs.events.memory import MemoryEventStore
from libs.events.names import REGISTRY_STREAM
from libs.events.registry import CellOpened
from libs.events.store import Recorded
from tests.unit.chassis.sample_app import Registry, sample_key


class Clock:
    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now


class Troubled(MemoryEventStore):
    """A store whose faults a test switches on."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Exception | None = None
        self.life = "first"
        self.asked = 0

    async def read(self, stream: str, after: int = 0, *, batch: int = 500) -> AsyncGenerator[list[Recorded], None]:
        if self.fault is not None:
            raise self.fault
        async for found in super().read(stream, after, batch=batch):
            if self.fault is not None:
                raise self.fault
            yield found

    async def position(self, stream: str) -> int:
        self.asked += 1
        if isinstance(self.fault, Unavailable):
            raise self.fault
        return await super().position(stream)

    async def created(self, stream: str) -> str:
        if self.fault is not None:
            raise self.fault
        return self.life

    def begin_again(self) -> None:
        """Lose everything, as after a restore from nothing."""
        self.life = "second"
        self._streams.clear()
        self._subjects.clear()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 conditions are about another object's state
            await asyncio.sleep(0.005)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.store = Troubled()
    return registry


@pytest.fixture
def store(registry: Registry) -> Troubled:
    assert isinstance(registry.store, Troubled)
    return registry.store


@pytest.fixture
async def follower(store: Troubled, clock: Clock) -> AsyncIterator[DirectoryFollower]:
    follower = DirectoryFollower(store, now=clock, confirm_every=timedelta(milliseconds=10))
    yield follower
    await follower.stop()


async def test_after_start_everything_known_by_then_is_in_the_directory(registry: Registry, follower: DirectoryFollower) -> None:
    for seed in range(700):
        await registry.issue(sample_key(seed), "clerk")
    await follower.start()

    assert follower.position == 700
    assert len(follower.directory.credentials) == 700
    follower.check_fresh()


async def test_what_comes_later_is_followed_and_told(registry: Registry, follower: DirectoryFollower) -> None:
    told: list[Directory] = []
    follower.on_change(told.append)
    await follower.start()
    seq = await registry.record("system.cell.26a", CellOpened(cell="26a"))
    await follower.reached(seq, 5)

    assert "26a" in follower.directory.cells
    assert told[-1] is follower.directory


async def test_a_position_that_never_comes_is_given_up(follower: DirectoryFollower) -> None:
    await follower.start()

    with pytest.raises(RegistryStale):
        await follower.reached(1, 0.01)


async def test_before_its_start_it_refuses(follower: DirectoryFollower) -> None:
    with pytest.raises(RegistryStale) as stale:
        follower.check_fresh()
    assert stale.value.code == "registry_stale"


async def test_a_quiet_registry_stays_fresh_as_long_as_the_store_confirms_it(
    follower: DirectoryFollower, store: Troubled, clock: Clock
) -> None:
    await follower.start()
    clock.now += timedelta(minutes=5)
    assert not follower.ready
    await until(lambda: follower.ready)

    store.fault = Unavailable("away")
    clock.now += timedelta(seconds=29)
    follower.check_fresh()
    clock.now += timedelta(seconds=2)
    with pytest.raises(RegistryStale):
        follower.check_fresh()


@pytest.mark.parametrize("fault", [Unavailable("away"), GapDetected(REGISTRY_STREAM, 1, 3)])
async def test_an_interruption_is_ridden_out(
    registry: Registry, follower: DirectoryFollower, store: Troubled, fault: Exception, logged: list[structlog.typing.EventDict]
) -> None:
    await registry.issue(sample_key(1), "clerk")
    await follower.start()
    store.fault = fault
    await registry.issue(sample_key(2), "clerk")
    await until(lambda: "registry_reading_interrupted" in [record["event"] for record in logged])
    store.fault = None
    await follower.reached(await registry.issue(sample_key(3), "clerk"), 10)

    assert len(follower.directory.credentials) == 3


async def test_a_store_that_is_away_at_start_is_told(follower: DirectoryFollower, store: Troubled) -> None:
    store.fault = Unavailable("away")

    with pytest.raises(Unavailable):
        await follower.start()


async def test_an_unreadable_commit_closes_the_gate_but_later_revocations_still_count(
    registry: Registry, follower: DirectoryFollower, logged: list[structlog.typing.EventDict]
) -> None:
    key = sample_key(1)
    await registry.issue(key, "clerk")
    await follower.start()
    await registry.record("system.cell.x", body=b'{"v":1,"command_id":"x","events":[{"type":"FromTheFuture"}]}')
    await follower.reached(await registry.revoke(key), 5)

    assert follower.undecodable == 1
    assert follower.directory.credentials[key.key_id].revoked
    with pytest.raises(RegistryStale):
        follower.check_fresh()
    assert [record["event"] for record in logged] == ["registry_commit_unreadable"]


async def test_another_registry_in_its_place_is_read_from_the_beginning(
    registry: Registry, follower: DirectoryFollower, store: Troubled
) -> None:
    for seed in range(3):
        await registry.issue(sample_key(seed), "clerk")
    await follower.start()
    store.begin_again()
    await registry.issue(sample_key(9), "auditor")
    await until(lambda: set(follower.directory.credentials) == {sample_key(9).key_id} and follower.ready)

    assert follower.position == 1


async def test_a_callback_that_fails_does_not_leave_a_dead_follower_looking_fresh(
    registry: Registry, follower: DirectoryFollower, logged: list[structlog.typing.EventDict]
) -> None:
    def fail_once(_: Directory) -> None:
        if not failed:
            failed.append(True)
            raise RuntimeError("bug")

    failed: list[bool] = []
    await follower.start()
    follower.on_change(fail_once)
    await registry.issue(sample_key(1), "clerk")
    await until(lambda: bool(failed))
    await registry.issue(sample_key(2), "clerk")
    await until(lambda: len(follower.directory.credentials) == 2 and follower.ready)

    assert "registry_follower_failed" in [record["event"] for record in logged]


async def test_stopping_twice_does_no_harm(follower: DirectoryFollower, store: Troubled) -> None:
    await follower.start()
    await follower.stop()
    await follower.stop()
    asked = store.asked
    await asyncio.sleep(0)

    assert store.asked == asked
