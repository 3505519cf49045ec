"""What benchmarks run on: a machine of their own without sample traffic, and a bare reference on a server of the same settings."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import asyncpg
import httpx2
import nats
from stdnum.cn import uscc

from bench.load import post_bytes
from cli.machine.acl import inbox_prefix
from cli.machine.folder import CHECKOUT
from cli.machine.ports import Ports
from cli.machine.programs import die_with_parent
from cli.machine.services import FIRST_CELL
from cli.machine.testing import Machine
from cli.machine.waiting import answers, until_blocking
from libs.events.jetstream import JetStreamEventStore
from libs.events.names import demand_stream

BODY: dict[str, Any] = {
    "channel": "partner",
    "title": "样例：注塑车间数字化改造，找技术服务机构",
    "description": "样例诉求：车间有十二台注塑机，想上数据采集和排产系统，请推荐服务机构并告知补助政策。" * 4,
    "region": "330206003",
    "urgency": "normal",
    "category": "digital",
    "requester": {
        "name": "样例精密部件有限公司",
        "uscc": "91330200MA2EXAMP1W",
        "contact": {"name": "样例联系人", "phone": "0574-00000000"},
    },
}
ENTERPRISES = 6_000
ENCODED = json.dumps(BODY, ensure_ascii=False).encode()


def _codes(count: int) -> list[bytes]:
    """Fictitious social credit codes with their check digits: demands come from many enterprises."""
    stems = (f"91330200MA{number:07d}" for number in range(count))
    return [f"{stem}{uscc.calc_check_digit(stem)}".encode() for stem in stems]


def submissions(machine: Machine, count: int, *, replays: float = 0.0, classified: bool = False) -> Iterator[bytes]:
    """Requests that submit `count` demands; every 1/`replays`-th repeats one from before. Prepared before the first is sent."""
    url, run = f"{machine.endpoints['intake']}/v1/demands", uuid4().hex[:8]
    body = ENCODED if not classified else json.dumps({k: v for k, v in BODY.items() if k != "category"}, ensure_ascii=False).encode()
    before, after = body.split(BODY["requester"]["uscc"].encode())
    enterprises = [before + code + after for code in _codes(min(count, ENTERPRISES))]
    step = int(1 / replays) if replays else 0

    def requests() -> Iterator[bytes]:
        for number in range(count):
            place = number - step // 2 if step and number % step == step - 1 else number
            headers = {"Authorization": f"Bearer {machine.keys['partner']}", "Idempotency-Key": f"{run}-{place}"}
            yield post_bytes(url, enterprises[place % len(enterprises)], headers)

    return requests()


@contextlib.contextmanager
def plain_nats(folder: Path) -> Iterator[str]:
    """A NATS server with the durability of ours (sync always, R1) and no permissions: what references write to."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Ports()) as ports:
        port = ports.claim()
        config = folder / "nats.conf"
        config.write_text(f'listen: 127.0.0.1:{port}\njetstream {{ store_dir: "{folder}/js", sync_interval: always }}\n')
        server = Path(sys.executable).with_name("nats-server")
        with child([str(server), "-c", str(config)], folder / "nats.log"):
            yield f"nats://127.0.0.1:{port}"


@contextlib.contextmanager
def child(command: list[str], log: Path, environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, and with this process."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            cwd=CHECKOUT,
            env={**os.environ, **(environment or {})},
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def served(app: str, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """A FastAPI app under the same server settings as a service; yields its address."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Ports()) as ports:
        port = ports.claim()
        command = [sys.executable, "-m", "uvicorn", app, "--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        with child([*command, "--log-level", "warning"], folder / "app.log", environment):
            url = f"http://127.0.0.1:{port}"
            until_blocking(lambda: answers(f"{url}/openapi.json"), 20, lambda: RuntimeError(f"{app} did not start"))  # type: ignore[arg-type,return-value]
            yield url


async def database_of(machine: Machine, role: str) -> asyncpg.Connection[asyncpg.Record]:
    """A connection with a service's role, for counting what it has done."""
    parts = urlsplit(machine.endpoints["postgres"])
    return await asyncpg.connect(
        host=parts.hostname,
        port=parts.port,
        user=role,
        password=machine.folder.secret(f"postgres_{role}"),
        database=parts.path.lstrip("/"),
        ssl=False,
    )


async def caught_up(machine: Machine, patience: float = 300.0) -> None:
    """Wait until every demand is routed and the archive has reached the end of the stream."""
    connection = await nats.connect(
        machine.endpoints["nats"], user="tracker", password=machine.folder.secret("nats_tracker"), inbox_prefix=inbox_prefix("tracker")
    )
    store, database = JetStreamEventStore(connection), await database_of(machine, "ld_tracker")
    try:
        async with asyncio.timeout(patience):
            while True:
                views = f"tracker_v{await database.fetchval('select active from tracker.views')}"
                waiting = await database.fetchval(f"select count(*) from {views}.demand where status in ('submitted', 'triage')")
                archived = await database.fetchval("select coalesce(max(seq), 0) from archive.entry")
                if not waiting and archived == await store.position(demand_stream(FIRST_CELL)):
                    return
                await asyncio.sleep(0.2)
    finally:
        await database.close()
        await connection.close()


async def at_rest(machine: Machine, patience: float = 300.0) -> None:
    """Wait until the router has also done what may wait: timers are set, new demands are compared with others."""
    database = await database_of(machine, "ld_router")
    left = "select (select count(*) from router.open_demand where due is distinct from armed) + (select count(*) from router.comparison)"
    try:
        async with asyncio.timeout(patience):
            while await database.fetchval(left):  # noqa: ASYNC110 another process does it
                await asyncio.sleep(0.2)
    finally:
        await database.close()


@contextlib.contextmanager
def paused(machine: Machine, *names: str) -> Iterator[None]:
    """Stop processes for the length of the block (SIGSTOP), so that they do not share the cores with what is measured."""
    pids = [pid for name in names if (pid := machine.pid(name)) is not None]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def service_seconds(machine: Machine, name: str) -> float:
    """CPU seconds a process has used so far: where the time goes."""
    pid = machine.pid(name)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def get(machine: Machine, service: str, path: str, key: str) -> dict[str, Any]:
    """GET a JSON document of a service."""
    answer = httpx2.get(f"{machine.endpoints[service]}{path}", headers={"Authorization": f"Bearer {machine.keys[key]}"}, trust_env=False)
    document: dict[str, Any] = answer.json()
    return document
