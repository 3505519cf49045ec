"""How commands reach a running system: addresses and keys from `.liandong` unless told otherwise, problems as sentences."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2

from cli.machine.folder import CHECKOUT, read_json
from cli.machine.trouble import Trouble


def folder() -> Path:
    """The `.liandong` folder of this checkout, or LIANDONG_FOLDER."""
    return Path(os.environ.get("LIANDONG_FOLDER", CHECKOUT / ".liandong"))


def address(service: str, given: str | None) -> str:
    """Base address of a service. Raises Trouble when nothing runs here."""
    found = given or read_json(folder() / "endpoints.json").get(service)
    if not found:
        raise Trouble(
            f"找不到服务 {service} 的地址；请先运行 make run。", f"No address of {service} is known; start the system with `make run`."
        )
    return found.rstrip("/")


def key(name: str, key_file: Path | None) -> str:
    """The key to act with: from `--key-file`, LIANDONG_KEY, or `keys.json` by name. Raises Trouble."""
    if key_file is not None:
        try:
            return key_file.read_text("utf-8").strip()
        except OSError as error:
            raise Trouble(f"读不到密钥文件 {key_file}。", f"The key file {key_file} cannot be read.") from error
    found = os.environ.get("LIANDONG_KEY") or read_json(folder() / "keys.json").get(name)
    if not found:
        raise Trouble(
            f"没有密钥 {name}；用 --key-file 或 LIANDONG_KEY 指定。", f"There is no key {name}; give one with --key-file or LIANDONG_KEY."
        )
    return found


class Refusal(Trouble):
    """A problem a service answered with; `code` is its stable code."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(zh, en)
        self.code = code


class Remote:
    """A service reached with a key; every refusal becomes a Refusal with the problem's own words."""

    def __init__(self, base: str, bearer: str) -> None:
        self._client = httpx2.Client(base_url=base, timeout=30, trust_env=False, headers={"Authorization": f"Bearer {bearer}"})

    def get(self, path: str, *, missing_ok: bool = False) -> dict[str, Any] | None:
        """GET a JSON document; None for 404 when `missing_ok`."""
        response = self._send("GET", path, None)
        if missing_ok and response.status_code == 404:
            return None
        return self._document(response)

    def put(self, path: str, body: Any) -> dict[str, Any]:
        """PUT a JSON document."""
        return self._document(self._send("PUT", path, body))

    def post(self, path: str, body: Any, idempotency: str | None = None) -> dict[str, Any]:
        """POST a command under an Idempotency-Key."""
        return self._document(self._send("POST", path, body, {"Idempotency-Key": idempotency or uuid4().hex}))

    def lines(self, path: str, body: Any) -> Iterator[dict[str, Any]]:
        """POST a question that is answered in lines of JSON; yields them as they come, however long that takes."""
        headers = {"Idempotency-Key": uuid4().hex}
        patient = httpx2.Timeout(30, read=None)
        try:
            with self._client.stream("POST", path, json=body, headers=headers, timeout=patient) as response:
                if response.status_code >= 400:
                    response.read()
                    self._document(response)
                for line in response.iter_lines():
                    yield json.loads(line)
        except httpx2.HTTPError as error:
            raise Trouble(f"与 {self._client.base_url} 的连接中断。", f"The connection to {self._client.base_url} broke.") from error

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx2.Response:
        try:
            return self._client.request(method, path, json=body, headers=headers)
        except httpx2.HTTPError as error:
            raise Trouble(f"连不上 {self._client.base_url}。", f"{self._client.base_url} cannot be reached.") from error

    def _document(self, response: httpx2.Response) -> dict[str, Any]:
        document: dict[str, Any] = response.json() if response.content else {}
        if response.status_code >= 400:
            code = document.get("code", response.status_code)
            place = f"{document['field']}：" if "field" in document else ""
            raise Refusal(
                str(code),
                f"{document.get('title', '请求被拒绝')}（{code}）。{place}{document.get('detail', '')}",
                f"{document.get('title_en', 'Refused')} ({code}). {document.get('detail_en', '')}",
            )
        return document
