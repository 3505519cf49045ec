"""`liandong run`: everything on this machine until Ctrl-C."""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.machine.folder import DEFAULT_FOLDER, Folder
from cli.machine.services import console_url, summary
from cli.machine.start import LocalMachine, Options, Step
from cli.machine.trouble import Trouble, from_os_error

PortOption = Annotated[int | None, typer.Option(min=1024, max=65535, show_default=False)]


def run(
    *,
    samples: Annotated[bool, typer.Option(help="示例诉求 Feed sample demands.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="就绪后输出一行 JSON. Print one line of JSON when ready.")] = False,
    folder: Annotated[Path, typer.Option(help="数据目录 Where everything lies.")] = DEFAULT_FOLDER,
    intake_port: PortOption = None,
    router_port: PortOption = None,
    tracker_port: PortOption = None,
    registry_port: PortOption = None,
    any_ports: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """在本机运行全部服务，直到 Ctrl-C。Run everything on this machine until Ctrl-C."""
    wishes = {"intake": intake_port, "router": router_port, "tracker": tracker_port, "registry": registry_port}
    ports = {name: port for name, port in wishes.items() if port is not None}
    options = Options(samples=samples, any_ports=any_ports, ports=ports)
    place = Folder(folder.resolve())
    try:
        place.create()
        with place.run_lock() as lock:
            asyncio.run(_until_stopped(place, options, lock, as_json=as_json))
    except OSError as error:
        trouble = from_os_error(error, place.root)
        if trouble is None:
            raise
        raise trouble from error


async def _until_stopped(folder: Folder, options: Options, lock: int, *, as_json: bool) -> None:
    screen = Console(stderr=True) if as_json else Console()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(name, stop.set)
    machine = LocalMachine(folder, options, _steps(screen), lock)
    try:
        if await _started(machine, stop):
            _announce(machine, screen, as_json=as_json)
            await stop.wait()
    finally:
        begun = time.monotonic()
        screen.print("正在停止 Stopping …", highlight=False)
        await machine.stop()
        screen.print(f"已停止，数据保留在 Stopped, data kept in {folder.root} ({time.monotonic() - begun:.1f} s)", highlight=False)


async def _started(machine: LocalMachine, stop: asyncio.Event) -> bool:
    """Start the machine unless it is asked to stop meanwhile; tells whether it runs."""
    starting = asyncio.create_task(machine.start())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        stopped.cancel()
        await starting
        return True
    starting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await starting
    return False


def _steps(screen: Console) -> Step:
    @contextlib.contextmanager
    def step(zh: str, en: str) -> Iterator[None]:
        begun = time.monotonic()
        waiting: AbstractContextManager[object] = screen.status(f"{zh} {en} …") if screen.is_terminal else contextlib.nullcontext()
        with waiting:
            yield
        screen.print(f"[green]✓[/green] {zh} {en} ({time.monotonic() - begun:.1f} s)", highlight=False)

    return step


def _announce(machine: LocalMachine, screen: Console, *, as_json: bool) -> None:
    if as_json:
        print(summary(machine.endpoints, machine.keys), flush=True)
        return
    addresses = Table("服务 Service", "地址 Address", title="联动 Liandong", title_justify="left")
    for name, url in machine.endpoints.items():
        addresses.add_row(name, url)
    screen.print(addresses, highlight=False)
    screen.print("\n开发密钥（仅限本机）Development keys, this machine only", style="italic", highlight=False)
    for label, key in machine.keys.items():  # a line each and never folded, so that a key can be copied whole
        screen.print(f"  {label:<15} {key}", highlight=False, soft_wrap=True)
    screen.print(f"\n控制台 Console: [bold]{console_url(machine.endpoints)}[/bold]", highlight=False)
    screen.print("停止：Ctrl-C。Stop with Ctrl-C.", highlight=False)


def tell(trouble: Trouble) -> None:
    """Print a trouble as its two sentences."""
    print(f"✗ {trouble.zh}\n  {trouble.en}", file=sys.stderr, flush=True)
