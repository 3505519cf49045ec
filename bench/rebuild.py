"""(d) Rebuilding all views from the archive, compared row by row with the running ones."""

from __future__ import annotations

import time

from sqlalchemy.ext.asyncio import create_async_engine

from bench.results import Figure
from bench.surroundings import caught_up, database_of
from cli.machine.testing import Machine
from libs.chassis.keyring import Kek, KeyRing
from libs.chassis.settings import read_secret
from services.tracker.rebuild import rebuild


async def measure(machine: Machine) -> list[Figure]:
    """Rebuild without switching while nothing else runs."""
    await caught_up(machine)
    database = await database_of(machine, "ld_tracker")
    commits = await database.fetchval("select count(*) from archive.entry")
    demands = await database.fetchval("select count(*) from archive.entry where ver = 1")
    await database.close()
    address = machine.endpoints["postgres"].removeprefix("postgresql://")
    password = machine.folder.secret("postgres_ld_tracker")
    engine = create_async_engine(f"postgresql+asyncpg://ld_tracker:{password}@{address}", connect_args={"ssl": False})
    keys = KeyRing(engine, Kek(read_secret(machine.folder.secret_file("kek"))))
    start = time.perf_counter()
    verdict = await rebuild(engine, keys, progress=lambda done, total: None, compare_only=True)
    seconds = time.perf_counter() - start
    await engine.dispose()
    assert verdict.equal, verdict
    return [
        Figure(
            "rebuild",
            commits / seconds,
            "commits/s",
            None,
            f"{commits} commits of {demands} demands, all views, decrypting titles, compared equal",
        )
    ]
