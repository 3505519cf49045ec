"""What an enterprise does on its page, handed on to intake and the router under its own link. The console decides nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

import httpx2

from libs.chassis.commands import trace_headers

Endpoint = Callable[[str], str | None]
"""Address of another service by its name, None while it is not known."""

_PATIENCE: Final = 20.0
"""Seconds a command may take; afterwards nobody knows whether it was taken, and the same form may be sent again."""

NOT_SURE: Final = "not_sure"
_TITLE: Final = 120


@dataclass(frozen=True, slots=True)
class File:
    """One file as a browser sends it."""

    name: str
    media_type: str
    content: bytes


class NotTaken(Exception):
    """Another service refused, by its stable code; `not_sure` if no answer came, so that nobody knows."""

    def __init__(self, code: str, status: int) -> None:
        super().__init__(code)
        self.code = code
        self.status = status


class Outward(Protocol):
    """Where the enterprise's acts go."""

    async def tell(self, token: str, demand: str, path: str, body: Mapping[str, Any], key: str) -> int:
        """Give a command to intake; return the demand's version after it. Raises NotTaken."""
        ...

    async def hand_over(self, token: str, demand: str, file: File, key: str) -> str:
        """Give a file to the router; return its id. Raises NotTaken."""
        ...


class HttpOutward:
    """The other services over HTTP. `transport` is for tests."""

    def __init__(self, endpoint: Endpoint, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        self._endpoint = endpoint
        self._transport = transport

    async def tell(self, token: str, demand: str, path: str, body: Mapping[str, Any], key: str) -> int:
        """Give a command to intake."""
        answer = await self._post("intake", token, f"/v1/demands/{demand}/{path}", key, json=dict(body))
        try:
            return int(answer.json()["version"])
        except (ValueError, KeyError, TypeError) as error:
            raise NotTaken(NOT_SURE, 503) from error

    async def hand_over(self, token: str, demand: str, file: File, key: str) -> str:
        """Give a file to the router; its id is the end of its address."""
        headers = {"Content-Type": file.media_type, "X-File-Title": quote(file.name[:_TITLE])}
        answer = await self._post("router", token, f"/v1/demands/{demand}/files", key, content=file.content, headers=headers)
        found = answer.headers.get("location", "").rpartition("/")[2]
        if not found.startswith("f-"):
            raise NotTaken(NOT_SURE, 503)
        return found

    async def _post(self, service: str, token: str, path: str, key: str, **sent: Any) -> httpx2.Response:
        address = self._endpoint(service)
        if address is None:
            raise NotTaken(NOT_SURE, 503)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": key, **trace_headers(), **sent.pop("headers", {})}
        try:
            async with httpx2.AsyncClient(timeout=_PATIENCE, trust_env=False, transport=self._transport) as client:
                answer = await client.post(address + path, headers=headers, **sent)
        except httpx2.HTTPError as error:
            raise NotTaken(NOT_SURE, 503) from error
        if answer.status_code < 400:
            return answer
        # A limit of ours or a trouble of theirs: the same form may be sent again, and nothing happens twice.
        raise NotTaken(NOT_SURE if answer.status_code >= 500 else _code(answer), answer.status_code)


def _code(answer: httpx2.Response) -> str:
    try:
        return str(answer.json()["code"])
    except (ValueError, KeyError, TypeError):
        return "bad_request"
