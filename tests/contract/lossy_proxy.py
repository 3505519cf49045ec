"""A TCP proxy that counts what clients send and can lose the server's answer: the cable is cut at a chosen word of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

CHUNK = 65536


class LossyProxy:
    """Stands between a client and 127.0.0.1:`target`."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._cut_at: bytes | None = None
        self._links: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.sent = bytearray()
        self.cuts = 0

    def lose_answer(self, word: bytes) -> None:
        """Cut the connection instead of delivering the next answer that contains `word`; the server has done its work by then."""
        self._cut_at = word

    def requests(self, word: bytes) -> int:
        """How often the clients have sent `word` so far."""
        return self.sent.count(word)

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Cut every connection and accept no more."""
        assert self._server is not None
        self._server.close()
        for link in list(self._links):
            link.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)
        await self._server.wait_closed()

    async def _connected(self, near: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._links.add(task)
        far_out: asyncio.StreamWriter | None = None
        try:
            far, far_out = await asyncio.open_connection("127.0.0.1", self._target)
            there, back = asyncio.create_task(self._there(near, far_out)), asyncio.create_task(self._back(far, near_out))
            try:
                await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                there.cancel()
                back.cancel()
                await asyncio.gather(there, back, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            for writer in (near_out, far_out):
                if writer is not None:
                    with suppress(RuntimeError):
                        writer.transport.abort()
            self._links.discard(task)

    async def _there(self, near: asyncio.StreamReader, far_out: asyncio.StreamWriter) -> None:
        while data := await near.read(CHUNK):
            self.sent += data
            far_out.write(data)
            await far_out.drain()

    async def _back(self, far: asyncio.StreamReader, near_out: asyncio.StreamWriter) -> None:
        while data := await far.read(CHUNK):
            if self._cut_at is not None and self._cut_at in data:
                self._cut_at = None
                self.cuts += 1
                return
            near_out.write(data)
            await near_out.drain()


@asynccontextmanager
async def lossy_proxy(target: int) -> AsyncIterator[LossyProxy]:
    """Run a proxy for the length of the block."""
    proxy = LossyProxy(target)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
