"""`make bench`: all figures in one run; prints a table and writes `.liandong/bench.json`."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import tempfile
from pathlib import Path

from rich.console import Console

from bench import decide, intake, lives, rebuild, replay, results, routing, samples, timers, whole_path
from bench.skeleton import measure as skeleton
from bench.surroundings import plain_nats, served
from cli.machine.folder import CHECKOUT
from cli.machine.testing import machine, postgres_server


async def run(folder: Path) -> list[results.Figure]:
    """Measure everything. Servers of references and ours stand side by side; only one of them works at a time."""
    say = Console(stderr=True).print
    say(f"{platform.platform()}, Python {platform.python_version()}")
    os.environ["INTAKE_RATE"] = os.environ["ROUTER_RATE"] = "10000000/minute"  # the rate limit is not what is measured
    figures = []
    say("routing …")
    figures += routing.measure()
    say("deciding …")
    figures += decide.measure()
    say("samples …")
    figures += samples.measure(folder / "samples")
    with plain_nats(folder / "plain") as plain:
        say("skeleton …")
        with postgres_server(folder / "postgres") as postgres:
            limit = await skeleton.measure(folder, plain, postgres.fresh_database())
            say("replay …")
            figures += await replay.measure(postgres.fresh_database())
        say("timers …")
        figures += await timers.measure(plain)
        with machine(folder / "machine") as ours:
            say("whole path …")
            figures += await whole_path.measure(ours, limit, plain)
            say("lives …")
            figures.append(results.Figure("acts", await lives.live(ours), "acts/s", None, "accept, progress, resolve over REST"))
            say("rebuild …")
            figures += await rebuild.measure(ours)
            await intake.prepare(plain)
            with served("bench.bare_route:app", folder, {"BENCH_NATS_URL": plain}) as bare:
                say("intake …")
                figures += await intake.measure(ours, bare)
    return figures


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=CHECKOUT / ".liandong" / "bench.json")
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory(prefix="liandong-bench-") as folder:
        figures = asyncio.run(run(Path(folder)))
    results.show(figures)
    results.write(figures, out)


if __name__ == "__main__":
    main()
