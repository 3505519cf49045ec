"""Real servers for tests and benchmarks, each in a folder of its own, on free ports, gone with the test process.

All are plain context managers, so that they fit session fixtures, async code and benchmarks alike, and any number of test processes.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cli.machine.acl import USERS
from cli.machine.database import DATABASE, ROLES, create_database, prepare
from cli.machine.folder import CHECKOUT, Folder, read_json
from cli.machine.nats import Nats
from cli.machine.ports import Ports
from cli.machine.postgres import Postgres, way_for
from cli.machine.programs import Account, Program, die_with_parent, open_log
from cli.machine.trouble import Trouble, did_not_start, tail
from cli.machine.waiting import until_blocking

T = TypeVar("T")


class RunningProgram:
    """A program under a test's control: kill it, start it again on the same port."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def start(self) -> None:
        """Start it; does not wait until it is ready."""
        program = self.program
        account = Account.of(program.user)
        with open_log(program.log) as log:
            self._process = subprocess.Popen(
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=program.directory,
                env={**os.environ, **program.environment},
                start_new_session=True,
                preexec_fn=die_with_parent(program.death_signal),
                user=account.user,
                group=account.group,
                extra_groups=account.groups,
            )

    def kill(self) -> None:
        """Kill -9 and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """Stop it as the machine does."""
        if self._process is None:
            return
        self._process.send_signal(self.program.stop_signal)
        try:
            self._process.wait(self.program.stop_within)
        except subprocess.TimeoutExpired:
            self.kill()


@dataclass(frozen=True, slots=True)
class RunningNats:
    """A NATS server with the real permissions. `server.settings("router")` is what `nats.connect(**…)` needs."""

    server: Nats
    process: RunningProgram

    @property
    def url(self) -> str:
        """The address of clients."""
        return self.server.url

    @property
    def monitor_url(self) -> str:
        """The address of the monitoring endpoint."""
        return self.server.monitor_url

    def settings(self, user: str) -> dict[str, Any]:
        """Return the arguments of `nats.connect` for a user of `cli.machine.acl.USERS`."""
        return self.server.settings(user)

    def restart(self) -> None:
        """Start it again after `process.kill()` and wait until it is ready."""
        self.process.start()
        until_blocking(self.server.is_ready, 20, lambda: did_not_start("nats", self.process.program.log))


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database with addresses for the roles."""

    server: Postgres
    name: str
    passwords: dict[str, str]

    def url(self, role: str) -> str:
        """Return the address for `ld_owner`, `ld_intake`, `ld_router` or `ld_tracker`."""
        return self.server.url(role, self.passwords[role], self.name)

    def admin_url(self) -> str:
        """Return the superuser's address."""
        return self.server.admin_url(self.name)


@dataclass(frozen=True, slots=True)
class RunningPostgres:
    """A PostgreSQL server with the four roles; `fresh_database()` gives each test its own database in some 50 ms."""

    server: Postgres
    process: RunningProgram
    passwords: dict[str, str]

    def fresh_database(self) -> Database:
        """Copy the migrated database; nobody else uses the copy."""
        name = f"test_{secrets.token_hex(6)}"
        run_blocking(create_database(self.server.admin_url(), name, DATABASE))
        return Database(self.server, name, self.passwords)

    def restart(self) -> None:
        """Start it again after `process.kill()` and wait until it is ready."""

        def ready() -> bool:
            if self.process.pid is None:  # The backends of a killed server hold its memory for a moment.
                self.process.start()
            return self.server.is_ready(self.process.pid)

        until_blocking(ready, 20, lambda: did_not_start("postgres", self.process.program.log))


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything running: what `liandong run` printed. `pid(name)` is the present process of a service, of `nats` or `postgres`."""

    folder: Folder
    endpoints: dict[str, str]
    keys: dict[str, str]
    process: subprocess.Popen[str]

    def pid(self, name: str) -> int | None:
        """Return the process id of a program now, None while it is down."""
        pid = read_json(self.folder.processes_file).get(name)
        return int(pid) if pid else None

    def kill(self, name: str) -> None:
        """Kill -9 a program; the machine starts it again."""
        pid = self.pid(name)
        if pid is None:
            raise LookupError(f"{name} does not run")
        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def nats_server(folder: Path, *, cells: Sequence[str] = ("t1",)) -> Iterator[RunningNats]:
    """Run a NATS server with the permissions of the real one for these cells; streams are the caller's to create (as `keeper`)."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Ports()) as ports:
        passwords = {user: secrets.token_hex(8) for user in (*USERS, "sys")}
        server = Nats(folder, ports.claim(), ports.claim(), passwords, tuple(cells))
        running = RunningNats(server, RunningProgram(server.program(folder / "nats.log")))
        try:
            running.restart()
            yield running
        finally:
            running.process.stop()


@contextlib.contextmanager
def postgres_server(folder: Path) -> Iterator[RunningPostgres]:
    """Run a PostgreSQL server with the four roles and the migrated database `liandong`, which `fresh_database()` copies."""
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(Ports()) as ports:
        passwords = {role: secrets.token_hex(8) for role in ROLES}
        server = Postgres(folder, ports.claim(), secrets.token_hex(8), way_for(folder))
        server.create()
        running = RunningPostgres(server, RunningProgram(server.program(folder / "postgres.log")), passwords)
        try:
            running.restart()
            run_blocking(prepare(server.admin_url(), passwords))
            yield running
        finally:
            running.process.stop()


@contextlib.contextmanager
def machine(folder: Path, *, samples: bool = False, arguments: Sequence[str] = (), patience: float = 90.0) -> Iterator[Machine]:
    """Run `liandong run` in a folder on free ports until the block ends; raises Trouble when it is not ready after `patience` seconds."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "cli.main", "run", "--json", "--any-ports", "--folder", str(folder), *arguments]
    log = folder / "run.log"
    with log.open("ab") as errors:
        process = subprocess.Popen(
            command if samples else [*command, "--no-samples"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=CHECKOUT,
            start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGTERM),
        )
    # A reader blocked on a machine that never gets ready is freed by the end of that machine.
    alarm = threading.Timer(patience, process.terminate)
    alarm.start()
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        alarm.cancel()
        if not line:
            process.wait(20)
            last = " ".join(tail(log)[-3:])
            raise Trouble(f"机器没有启动：{last}", f"The machine did not start: {last}")
        ready = json.loads(line)
        yield Machine(Folder(folder), ready["endpoints"], ready["keys"], process)
    finally:
        alarm.cancel()
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def run_blocking(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end, even while this thread's own event loop runs."""
    results: list[T] = []
    failures: list[BaseException] = []

    def body() -> None:
        try:
            results.append(asyncio.run(work))
        except BaseException as error:  # noqa: BLE001 - handed to the caller below
            failures.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]
