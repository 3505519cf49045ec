"""(a) Durable intake through REST, one process, against a bare route that only publishes; at 0, 1 and 5 % replays."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import nats
from nats.js.api import StreamConfig

from bench.load import Report, blast, post_bytes
from bench.results import Figure
from bench.surroundings import ENCODED, paused, submissions
from cli.machine.testing import Machine

CONNECTIONS = 64
REQUESTS = 2_000
ROUNDS = 3
REPLAYS = (0.0, 0.01, 0.05)


async def prepare(url: str) -> None:
    """The reference's stream, with the settings of a demand stream."""
    connection = await nats.connect(url)
    await connection.jetstream().add_stream(
        StreamConfig(name="BARE", subjects=["bare.>"], allow_direct=True, deny_delete=True, deny_purge=True)
    )
    await connection.close()


async def measure(machine: Machine, reference: str) -> list[Figure]:
    """Alternate reference and ours, so that both see the same machine; medians of the rounds."""
    url = f"{reference}/raw"
    bare: list[Report] = []
    ours: dict[float, list[Report]] = {share: [] for share in REPLAYS}
    await blast(url, _raw(url, 500), connections=CONNECTIONS)
    await blast(machine.endpoints["intake"], submissions(machine, 500), connections=CONNECTIONS)
    with paused(machine, "router", "tracker"):  # intake is what is measured here; the whole path has its own figure
        await _rounds(machine, url, bare, ours)
    base = statistics.median(report.rate for report in bare)
    figures = [
        Figure(
            "intake" if share == 0 else f"intake_replays_{share:.0%}".rstrip("%"),
            statistics.median(report.rate for report in reports),
            "demands/s",
            base,
            f"bare route that only publishes; p99 ours {statistics.median(r.percentile(0.99) for r in reports):.0f} ms,"
            f" bare {statistics.median(r.percentile(0.99) for r in bare):.0f} ms",
        )
        for share, reports in ours.items()
    ]
    return figures


async def _rounds(machine: Machine, url: str, bare: list[Report], ours: dict[float, list[Report]]) -> None:
    for _ in range(ROUNDS):
        bare.append(await blast(url, _raw(url, REQUESTS), connections=CONNECTIONS))
        for share in REPLAYS:
            report = await blast(machine.endpoints["intake"], submissions(machine, REQUESTS, replays=share), connections=CONNECTIONS)
            assert set(report.statuses) <= {200, 201}, report.statuses
            ours[share].append(report)


def _raw(url: str, count: int) -> Iterator[bytes]:
    request = post_bytes(url, ENCODED, {})
    for _ in range(count):
        yield request
