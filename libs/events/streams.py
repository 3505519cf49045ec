"""The streams exactly as they must be, their set-up, and the gate that keeps a service unready while they are not.

`deny_delete` and `deny_purge` do not protect against `max_age` or a deleted stream (measured): the admin API is closed to services by NATS
permissions, and this gate compares the whole configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import httpx2
import nats.errors
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StoreCompression, StreamConfig
from nats.js.errors import APIError, NotFoundError

from libs.events.errors import Unavailable
from libs.events.names import (
    PRIVACY_STREAM,
    PRIVACY_SUBJECTS,
    REGISTRY_STREAM,
    REGISTRY_SUBJECTS,
    TIMERS_STREAM,
    TIMERS_SUBJECTS,
    demand_stream,
)

MAX_MESSAGE: Final = 256 * 1024
DEDUP_WINDOW: Final = 120.0


def expected_config(name: str, subjects: Sequence[str], replicas: int) -> StreamConfig:
    """The one configuration every event stream has: file, limits, discard new, nothing ever deleted, no compression, atomic batches."""
    return StreamConfig(
        name=name,
        subjects=list(subjects),
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        discard=DiscardPolicy.NEW,
        num_replicas=replicas,
        max_age=0,
        max_msgs=-1,
        max_bytes=-1,
        max_msg_size=MAX_MESSAGE,
        max_msgs_per_subject=-1,
        duplicate_window=DEDUP_WINDOW,
        deny_delete=True,
        deny_purge=True,
        allow_direct=True,
        allow_atomic=True,
        allow_rollup_hdrs=False,
        allow_msg_ttl=False,
        allow_msg_schedules=False,
        compression=StoreCompression.NONE,
    )


def timers_config(replicas: int) -> StreamConfig:
    """The configuration of TIMERS: schedules, at most one per demand, and fired timers until somebody has dealt with them.

    A stream of its own, because schedules force `allow_rollup_hdrs` and forbid `deny_purge` and `discard: new` (nats-server 2.15.1). A work
    queue, because a fired timer then goes away with its acknowledgement; kept for a time (TTL) it could go away undone, kept for
    ever it would cost memory for every demand there ever was, and under `interest` the schedules themselves are dropped (measured).
    """
    return StreamConfig(
        name=TIMERS_STREAM,
        subjects=[TIMERS_SUBJECTS],
        retention=RetentionPolicy.WORK_QUEUE,
        storage=StorageType.FILE,
        discard=DiscardPolicy.OLD,
        num_replicas=replicas,
        max_age=0,
        max_msgs=-1,
        max_bytes=-1,
        max_msg_size=MAX_MESSAGE,
        max_msgs_per_subject=1,
        duplicate_window=DEDUP_WINDOW,
        deny_delete=True,
        deny_purge=False,
        allow_direct=True,
        allow_atomic=True,
        allow_rollup_hdrs=True,
        allow_msg_ttl=True,
        allow_msg_schedules=True,
        compression=StoreCompression.NONE,
    )


def expected_streams(cells: Sequence[str], replicas: int) -> list[StreamConfig]:
    """REGISTRY, PRIVACY, TIMERS and one DEMANDS stream per cell."""
    return [
        expected_config(REGISTRY_STREAM, [REGISTRY_SUBJECTS], replicas),
        expected_config(PRIVACY_STREAM, [PRIVACY_SUBJECTS], replicas),
        timers_config(replicas),
        *(expected_config(demand_stream(cell), [f"demand.{cell}.>"], replicas) for cell in cells),
    ]


async def ensure_streams(connection: Client, cells: Sequence[str], replicas: int = 1) -> None:
    """Create the streams that are missing; leave existing ones alone. Raises Unavailable, APIError if one differs."""
    jetstream = connection.jetstream(timeout=10)
    for config in expected_streams(cells, replicas):
        assert config.name is not None
        try:
            await jetstream.stream_info(config.name)
        except NotFoundError:
            await jetstream.add_stream(config)
        except (TimeoutError, nats.errors.Error) as error:
            raise Unavailable("streams cannot be set up now") from error


async def stream_differences(connection: Client, cells: Sequence[str], replicas: int = 1) -> list[str]:
    """Name every member of every stream configuration that is not as expected; empty when all is well. Raises Unavailable."""
    jetstream = connection.jetstream(timeout=5)
    found = []
    for config in expected_streams(cells, replicas):
        assert config.name is not None
        try:
            actual = (await jetstream.stream_info(config.name)).config
        except NotFoundError:
            found.append(f"{config.name}: missing")
            continue
        except (TimeoutError, nats.errors.Error, APIError) as error:
            raise Unavailable("stream info unavailable") from error
        found += [f"{config.name}.{member}" for member in _MEMBERS if _plain(getattr(actual, member)) != _plain(getattr(config, member))]
    return found


async def sync_always(monitor_url: str) -> bool:
    """Tell whether the server fsyncs before it acknowledges (`sync_interval: always`). Raises Unavailable."""
    try:
        async with httpx2.AsyncClient(timeout=3.0, trust_env=False) as client:
            answer = await client.get(f"{monitor_url.rstrip('/')}/jsz")
            report: dict[str, Any] = answer.json()
    except (httpx2.HTTPError, ValueError) as error:
        raise Unavailable("monitoring port unreachable") from error
    return report.get("config", {}).get("sync_always") is True


_MEMBERS: Final = (
    "subjects",
    "retention",
    "storage",
    "discard",
    "num_replicas",
    "max_age",
    "max_msgs",
    "max_bytes",
    "max_msg_size",
    "max_msgs_per_subject",
    "duplicate_window",
    "deny_delete",
    "deny_purge",
    "allow_direct",
    "allow_atomic",
    "allow_rollup_hdrs",
    "allow_msg_ttl",
    "allow_msg_schedules",
    "compression",
)


def _plain(value: object) -> object:
    return value or None
