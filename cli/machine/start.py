"""The start sequence of the machine, in order, and its end in reverse.

servers ─▶ database ─▶ streams ─▶ services ─▶ network ─▶ keys ─▶ sample traffic
"""

import asyncio
import contextlib
import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

import nats as nats_client

from cli.machine.acl import SERVICES, USERS
from cli.machine.database import DATABASE, ROLES, prepare
from cli.machine.folder import CHECKOUT, Folder, read_json, write_json
from cli.machine.keys import NETWORK, SECOND, SYSTEM, WAITS_FOR_SECOND_PERSON, issue
from cli.machine.nats import Nats
from cli.machine.ports import PREFERRED, Ports, listening
from cli.machine.postgres import Postgres, way_for
from cli.machine.programs import Program, open_log
from cli.machine.services import FIRST_CELL, Surroundings, bootstrap_key, common_environment
from cli.machine.supervisor import Supervisor
from cli.machine.trouble import Trouble, did_not_start, tail
from cli.machine.waiting import answers, until

Step = Callable[[str, str], AbstractContextManager[None]]
"""Shows a step while it lasts: its name in Chinese and English."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the person asked for. `ports` are exact wishes; `any_ports` leaves the well-known ones alone (tests)."""

    samples: bool = True
    any_ports: bool = False
    ports: Mapping[str, int] = field(default_factory=dict)
    network: Path = CHECKOUT / "networks" / NETWORK


class LocalMachine:
    """All programs of one checkout: `start()`, then `stop()`, which is right at any moment."""

    def __init__(self, folder: Folder, options: Options, step: Step, lock: int) -> None:
        self._folder = folder
        self._options = options
        self._step = step
        self._lock = lock
        self._ports = Ports()
        self._sockets: dict[str, socket.socket] = {}
        self._supervisor = Supervisor(folder.processes_file, folder.logs / "supervisor.log")
        self.endpoints: dict[str, str] = {}
        self.keys: dict[str, str] = {}

    async def start(self) -> None:
        """Run the whole sequence; raises Trouble."""
        surroundings = self._surroundings()
        self.endpoints = surroundings.endpoints()
        with self._step("启动 NATS 与 PostgreSQL", "Starting NATS and PostgreSQL"):
            await asyncio.gather(self._start_nats(surroundings.nats), self._start_postgres(surroundings.postgres))
        with self._step("准备数据库", "Preparing the database"):
            await prepare(surroundings.postgres.admin_url(), surroundings.role_passwords, surroundings.database)
        with self._step("准备事件流", "Preparing the event streams"):
            await _ensure_streams(surroundings.nats)
        write_json(self._folder.endpoints_file, self.endpoints)
        with self._step("启动四个服务", "Starting the four services"):
            await self._start_services(surroundings)
        with self._step(f"应用网络 {NETWORK}", f"Applying network {NETWORK}"):
            await issue(self._folder, self.endpoints["registry"], bootstrap_key(self._folder), [SYSTEM, SECOND])
            await self._apply_network()
        with self._step("签发开发密钥", "Issuing development keys"):
            self.keys = await issue(self._folder, self.endpoints["registry"], bootstrap_key(self._folder))
        with self._step("等待全部就绪", "Waiting until everything is ready"):
            await asyncio.gather(*(self._wait(name, f"{self.endpoints[name]}/readyz", 30) for name in SERVICES))
        if self._options.samples and importlib.util.find_spec("cli.sample") is not None:
            with self._step("启动示例诉求", "Starting sample demands"):
                await self._supervisor.start(self._sample())

    async def stop(self) -> None:
        """Stop services and sample traffic, then NATS and PostgreSQL; at most 9 s."""
        await self._supervisor.stop([*SERVICES, "sample"])
        await self._supervisor.stop(["nats", "postgres"])
        await self._supervisor.close()
        for own in self._sockets.values():
            own.close()
        self._ports.close()

    def _surroundings(self) -> Surroundings:
        folder, options = self._folder, self._options
        remembered = read_json(folder.ports_file)
        ports = {name: self._ports.claim_exactly(name, port) for name, port in options.ports.items()}
        for name, preferred in PREFERRED.items():
            if name not in ports:
                ports[name] = self._ports.claim(None if options.any_ports else preferred)
        own = {name: self._ports.claim(_port(remembered.get(name))) for name in ("nats", "nats_monitor", "postgres")}
        write_json(folder.ports_file, {name: str(port) for name, port in own.items()})
        nats_passwords = {user: folder.secret(f"nats_{user}") for user in (*USERS, "sys")}
        nats = Nats(folder.nats, own["nats"], own["nats_monitor"], nats_passwords, (FIRST_CELL,))
        postgres = Postgres(folder.postgres, own["postgres"], folder.secret("postgres"), way_for(folder.postgres))
        passwords = {role: folder.secret(f"postgres_{role}") for role in ROLES}
        self._sockets = {name: listening(port) for name, port in ports.items()}
        sockets = {name: own.fileno() for name, own in self._sockets.items()}
        return Surroundings(folder, nats, postgres, DATABASE, passwords, ports, sockets)

    async def _start_nats(self, server: Nats) -> None:
        program = server.program(self._folder.logs / "nats.log", inherit=(self._lock,))
        await self._supervisor.start(program)
        await until(server.is_ready, 60, lambda: did_not_start("nats", program.log))

    async def _start_postgres(self, server: Postgres) -> None:
        await asyncio.to_thread(server.create)
        program = server.program(self._folder.logs / "postgres.log", inherit=(self._lock,))
        await self._supervisor.start(program)
        await until(lambda: server.is_ready(self._supervisor.pid("postgres")), 60, lambda: did_not_start("postgres", program.log))

    async def _start_services(self, surroundings: Surroundings) -> None:
        for name in SERVICES:
            await self._supervisor.start(surroundings.program(name))
        await asyncio.gather(*(self._wait(name, f"{self.endpoints[name]}/healthz", 40) for name in SERVICES))
        # The network is applied through the registry; the others become ready once it has been.
        await self._wait("registry", f"{self.endpoints['registry']}/readyz", 20)

    async def _wait(self, name: str, url: str, seconds: float) -> None:
        def trouble() -> Trouble:
            return did_not_start(name, self._folder.logs / f"{name}.log")

        def there() -> bool:
            if self._supervisor.is_failing(name):
                raise trouble()
            return answers(url)

        await until(there, seconds, trouble)

    async def _apply_network(self) -> None:
        """Apply the network's files; where they change rules in force, release them as the second person a machine of one's own has."""
        status = await self._network_command("apply", str(self._options.network), "--yes")
        if status == WAITS_FOR_SECOND_PERSON:
            status = await self._network_command("release", NETWORK, "--yes")
        if status != 0:
            last = " ".join(tail(self._folder.logs / "network.log")[-3:])
            raise Trouble(f"无法应用网络 {self._options.network}：{last}", f"Network {self._options.network} could not be applied: {last}")

    async def _network_command(self, *arguments: str) -> int:
        """Run `liandong network …`; returns its exit code."""
        with open_log(self._folder.logs / "network.log") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cli.main", "network", *arguments),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=CHECKOUT,
                env={**os.environ, **common_environment(self._folder)},
            )
        try:
            return await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise

    def _sample(self) -> Program:
        return Program(
            name="sample",
            command=(sys.executable, "-m", "cli.sample"),
            log=self._folder.logs / "sample.log",
            directory=CHECKOUT,
            environment=common_environment(self._folder),
        )


async def _ensure_streams(server: Nats) -> None:
    # Here and not above: the lightest commands and the tests of the servers need no event library.
    from libs.events.streams import ensure_streams

    connection = await nats_client.connect(**server.settings("keeper"))
    try:
        await ensure_streams(connection, [FIRST_CELL], 1)
    finally:
        await connection.close()


def _port(remembered: str | None) -> int | None:
    return int(remembered) if remembered is not None and remembered.isdigit() else None
