"""The supervisor with small stand-in programs: it brings them back, stops them in time, and takes them with it when it dies."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cli.machine.folder import CHECKOUT
from cli.machine.ports import Ports
from cli.machine.programs import Program
from cli.machine.supervisor import Supervisor

ANSWER = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *args): pass
print("listening", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"
NOTES_ITS_END = """
import signal, sys, time
def end(*_):
    with open(sys.argv[1], "a") as file:
        file.write(sys.argv[2] + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("up", flush=True)
time.sleep(600)
"""


def program(tmp_path: Path, name: str, code: str, *arguments: str, stop_within: float = 5.0) -> Program:
    return Program(
        name=name,
        command=(sys.executable, "-c", code, *arguments),
        log=tmp_path / f"{name}.log",
        directory=tmp_path,
        stop_within=stop_within,
    )


@contextlib.asynccontextmanager
async def supervising(tmp_path: Path) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(tmp_path / "processes.json", tmp_path / "supervisor.log")
    try:
        yield supervisor
    finally:
        await supervisor.close()


async def until(condition: Callable[[], bool], seconds: float = 10) -> float:
    begun = time.monotonic()
    while not condition():
        assert time.monotonic() - begun < seconds, "waited too long"
        await asyncio.sleep(0.01)
    return time.monotonic() - begun


async def answering(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def until_answering(port: int, seconds: float = 10) -> float:
    begun = time.monotonic()
    while not await answering(port):
        assert time.monotonic() - begun < seconds, "did not answer in time"
        await asyncio.sleep(0.01)
    return time.monotonic() - begun


def said(tmp_path: Path, name: str, word: str) -> Callable[[], bool]:
    return lambda: word in (tmp_path / f"{name}.log").read_text()


async def test_a_killed_program_answers_on_its_port_again_within_two_seconds_every_time(tmp_path: Path) -> None:
    with contextlib.closing(Ports()) as ports:
        port = ports.claim()
        async with supervising(tmp_path) as supervisor:
            await supervisor.start(program(tmp_path, "intake", ANSWER, str(port)))
            for _ in range(4):
                await until_answering(port)
                pid = supervisor.pid("intake")
                assert pid is not None
                os.kill(pid, signal.SIGKILL)
                await until(lambda pid=pid: supervisor.pid("intake") not in (pid, None))  # type: ignore[misc]
                assert await until_answering(port) < 2


async def test_the_process_file_names_what_runs_now(tmp_path: Path) -> None:
    async with supervising(tmp_path) as supervisor:
        await supervisor.start(program(tmp_path, "one", STUBBORN, stop_within=0.1))
        await supervisor.start(program(tmp_path, "two", STUBBORN, stop_within=0.1))
        assert json.loads((tmp_path / "processes.json").read_text()) == {"one": supervisor.pid("one"), "two": supervisor.pid("two")}
        await supervisor.stop(["one"])
        assert json.loads((tmp_path / "processes.json").read_text()) == {"two": supervisor.pid("two")}


async def test_programs_stop_together_and_a_deaf_one_is_killed_after_its_time(tmp_path: Path) -> None:
    async with supervising(tmp_path) as supervisor:
        for name in ("a", "b", "c"):
            await supervisor.start(program(tmp_path, name, STUBBORN, stop_within=0.5))
            await until(said(tmp_path, name, "deaf"))
        pids = [supervisor.pid(name) for name in ("a", "b", "c")]
        begun = time.monotonic()

        await supervisor.stop(["a", "b", "c"])

        assert 0.5 <= time.monotonic() - begun < 1.2
        assert not any(is_alive(pid) for pid in pids if pid is not None)


async def test_a_program_is_asked_before_it_is_killed_and_groups_stop_in_order(tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    async with supervising(tmp_path) as supervisor:
        for name in ("nats", "intake"):
            await supervisor.start(program(tmp_path, name, NOTES_ITS_END, str(ends), name))
            await until(said(tmp_path, name, "up"))

        await supervisor.stop(["intake", "unknown"])
        await supervisor.stop(["nats"])

    assert ends.read_text() == "intake\nnats\n"


async def test_a_program_that_keeps_dying_is_started_ever_more_slowly_and_still_stops_at_once(tmp_path: Path) -> None:
    async with supervising(tmp_path) as supervisor:
        await supervisor.start(program(tmp_path, "broken", "print('no', flush=True); raise SystemExit(3)"))
        assert not supervisor.is_failing("broken")
        await until(lambda: supervisor.is_failing("broken"), 20)
        await until(lambda: "starting again in 1.0 s" in (tmp_path / "supervisor.log").read_text(), 20)
        begun = time.monotonic()
        await supervisor.stop(["broken"])
        assert time.monotonic() - begun < 0.9


async def test_a_program_that_cannot_be_executed_is_reported_at_once(tmp_path: Path) -> None:
    missing = Program("missing", (str(tmp_path / "none"),), tmp_path / "missing.log", tmp_path)
    async with supervising(tmp_path) as supervisor:
        with pytest.raises(FileNotFoundError):
            await supervisor.start(missing)


async def test_programs_do_not_get_ctrl_c_of_the_terminal(tmp_path: Path) -> None:
    async with supervising(tmp_path) as supervisor:
        await supervisor.start(program(tmp_path, "one", STUBBORN, stop_within=0.1))
        pid = supervisor.pid("one")
        assert pid is not None
        assert os.getsid(pid) == pid != os.getsid(0)


async def test_programs_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    code = f"""
import asyncio, sys
from pathlib import Path
from cli.machine.programs import Program
from cli.machine.supervisor import Supervisor
async def main():
    folder = Path({str(tmp_path)!r})
    supervisor = Supervisor(folder / "processes.json", folder / "supervisor.log")
    await supervisor.start(Program("deaf", (sys.executable, "-c", {STUBBORN!r}), folder / "deaf.log", folder))
    await asyncio.sleep(600)
asyncio.run(main())
"""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=CHECKOUT)
    log, processes = tmp_path / "deaf.log", tmp_path / "processes.json"
    try:
        await until(lambda: log.exists() and "deaf" in log.read_text() and processes.exists())
        pid = json.loads(processes.read_text())["deaf"]
    finally:
        parent.kill()
        await parent.wait()
    await until(lambda: not is_alive(pid))


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
