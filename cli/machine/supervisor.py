"""Keeps programs running: a dead one comes back on its port at once, and all of them end in order, in time.

```
start ─▶ running ──dies──▶ pause(quick deaths) ─▶ running …
            └─stop()─▶ stop_signal ─(stop_within)─▶ SIGKILL ─▶ ended
```
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cli.machine.folder import write_json
from cli.machine.logs import cut
from cli.machine.programs import Account, Program, die_with_parent, open_log

QUICK = 3.0
"""Seconds; a program that lived shorter died quickly."""
PATIENCE = 5
"""Quick deaths in a row before pauses grow."""


def pause(quick_deaths: int) -> float:
    """Seconds to wait before the next start after so many quick deaths in a row."""
    if quick_deaths == 0:
        return 0.0
    if quick_deaths <= PATIENCE:
        return 0.1
    return float(min(30.0, 0.5 * 2.0 ** min(quick_deaths - PATIENCE, 16)))


@dataclass(slots=True)
class _Child:
    program: Program
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    process: asyncio.subprocess.Process | None = None
    quick_deaths: int = 0
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Runs programs as children of this process; one instance a machine.

    Children live in sessions of their own, so that Ctrl-C in a terminal reaches the supervisor alone and the order of stopping holds.
    """

    def __init__(self, processes_file: Path, own_log: Path) -> None:
        self._processes_file = processes_file
        self._own_log = own_log
        self._children: dict[str, _Child] = {}
        self._cutter: asyncio.Task[None] | None = None

    async def start(self, program: Program) -> None:
        """Start a program and keep it running; returns once its process exists. Raises OSError when it cannot be executed."""
        if self._cutter is None:
            self._cutter = asyncio.create_task(self._cut_logs())
        child = _Child(program)
        self._children[program.name] = child
        child.task = asyncio.create_task(self._keep(child), name=f"keep {program.name}")
        started = asyncio.create_task(child.started.wait())
        done, _ = await asyncio.wait({child.task, started}, return_when=asyncio.FIRST_COMPLETED)
        if started not in done:
            started.cancel()
            await child.task

    def pid(self, name: str) -> int | None:
        """Return the process id of a running program, None while it is down."""
        child = self._children.get(name)
        if child is None or child.process is None or child.process.returncode is not None:
            return None
        return child.process.pid

    def is_failing(self, name: str) -> bool:
        """Tell whether a program keeps dying right after its start."""
        return self._children[name].quick_deaths >= PATIENCE

    async def stop(self, names: Iterable[str]) -> None:
        """Stop these programs at the same time; unknown and ended ones count as stopped."""
        children = [child for name in names if (child := self._children.get(name)) is not None]
        for child in children:
            child.stop.set()
        tasks = [child.task for child in children if child.task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)
        for child in children:
            self._children.pop(child.program.name, None)
        self._record()

    async def close(self) -> None:
        """Stop whatever still runs, and the log cutter."""
        await self.stop(list(self._children))
        if self._cutter is not None:
            self._cutter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._cutter
            self._cutter = None

    async def _keep(self, child: _Child) -> None:
        while not child.stop.is_set():
            begun = time.monotonic()
            child.process = await _spawn(child.program)
            self._record()
            child.started.set()
            status = await self._attend(child, child.process)
            if child.stop.is_set():
                return
            child.quick_deaths = child.quick_deaths + 1 if time.monotonic() - begun < QUICK else 0
            seconds = pause(child.quick_deaths)
            self._note(f"{child.program.name} ended with {status}, starting again in {seconds:.1f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.stop.wait(), seconds)

    async def _attend(self, child: _Child, process: asyncio.subprocess.Process) -> int:
        """Wait for a process' end, its own or the one asked for; returns its exit status."""
        ended = asyncio.create_task(process.wait())
        asked = asyncio.create_task(child.stop.wait())
        try:
            await asyncio.wait({ended, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(child.program.stop_signal)
                await asyncio.wait({ended}, timeout=child.program.stop_within)
            return await ended if ended.done() else await self._kill(child, process, ended)
        finally:
            asked.cancel()

    async def _kill(self, child: _Child, process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> int:
        self._note(f"{child.program.name} did not stop within {child.program.stop_within:.0f} s and was killed")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        return await ended

    def _record(self) -> None:
        running = {name: pid for name in self._children if (pid := self.pid(name)) is not None}
        with contextlib.suppress(OSError):  # A full disk must not take the supervisor down with it.
            write_json(self._processes_file, running)

    def _note(self, text: str) -> None:
        with contextlib.suppress(OSError), self._own_log.open("a") as log:
            log.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {text}\n")

    async def _cut_logs(self) -> None:
        while True:
            await asyncio.sleep(10)
            for child in list(self._children.values()):
                with contextlib.suppress(OSError):
                    await asyncio.to_thread(cut, child.program.log)


async def _spawn(program: Program) -> asyncio.subprocess.Process:
    with open_log(program.log) as log:
        account = Account.of(program.user)
        return await asyncio.create_subprocess_exec(
            *program.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=program.directory,
            env={**os.environ, **program.environment},
            start_new_session=True,
            pass_fds=program.inherit,
            preexec_fn=die_with_parent(program.death_signal),
            user=account.user,
            group=account.group,
            extra_groups=account.groups,
        )
