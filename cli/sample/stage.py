"""Where sample actors play: reads sample demands over HTTP, asks each one's plan what to do, and does it with the actor's own key."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx2

from cli.sample.picture import sample_png
from cli.sample.plans import is_over, next_act, plan_of
from cli.sample.view import Act, View

OPEN: Final = ("triage", "assigned", "in_progress", "awaiting_enterprise", "resolved", "disputed", "closed", "withdrawn", "merged")
"""Statuses in which a plan may have something to do."""
PAGE: Final = "100"
RETRY: Final = 1.0
QUIET: Final = 2.0
"""Seconds a demand is left alone after anything happened to it: people are not that quick."""
AGAIN: Final = 10.0
"""Seconds until an act is tried again that did not move the demand, and twice as long each time it did not."""


@dataclass(slots=True)
class _Known:
    """A demand as it was read last, so that only what has moved is read again. `over`: it has played its part."""

    version: int
    parent: str | None
    events: tuple[Mapping[str, Any], ...]
    happened: Counter[str]
    over: bool = False
    tries: int = 0
    again: float = float("-inf")


class Stage:
    """One client, five kinds of actors. `links` holds the enterprises' own links of this run; nobody else knows them."""

    def __init__(self, client: httpx2.AsyncClient, endpoints: Mapping[str, str], keys: Mapping[str, str]) -> None:
        self._client = client
        self._endpoints = endpoints
        self._keys = {who: keys[f"sample_{who}"] for who in ("hub", "second", "bureau", "partner")}
        self._links: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        self._hub = ""
        self._known: dict[str, _Known] = {}

    async def open(self, *, quiet: str) -> list[tuple[str, str | None]]:
        """Learn the places demands may come from, and the tree of nodes; waits until the registry has a network."""
        towns = [item["code"] for item in await self._codes("regions") if len(item["code"]) == 9]
        places: list[tuple[str, str | None]] = [(town, None) for town in towns]
        carriers = [item["code"] for item in await self._codes("carriers") if item["code"] != quiet]
        # Any township will do: the carrier itself decides who is nearest.
        places += [(towns[sum(carrier.encode()) % len(towns)], carrier) for carrier in carriers]
        await self._tree()
        return places

    async def submit(self, plan: str, body: Mapping[str, Any], key: str, number: int) -> None:
        """Submit a demand for a plan and keep the enterprise's link. Raises httpx2.HTTPError."""
        answer = await self._client.post(
            f"{self._endpoints['intake']}/v1/demands",
            json={**body, "partner_ref": f"sample/{plan}/{number}"},
            headers=_bearer(self._keys["partner"]) | {"Idempotency-Key": key},
        )
        _require_answered(answer)
        if answer.status_code in (200, 201):
            receipt = answer.json()
            self._links[receipt["id"]] = receipt["links"]["enterprise"].rpartition("/")[2]

    async def bring(self, rows: Sequence[tuple[str, Mapping[str, Any]]], key: str) -> None:
        """Import a batch, a plan and a body a row, and keep the enterprises' links. Raises httpx2.HTTPError."""
        lines = [json.dumps({**body, "partner_ref": f"sample/{plan}/{number}"}) for number, (plan, body) in enumerate(rows)]
        answer = await self._client.post(
            f"{self._endpoints['intake']}/v1/demands/batch?source=sample",
            content="\n".join(lines),
            headers=_bearer(self._keys["partner"]) | {"Idempotency-Key": key, "Content-Type": "application/x-ndjson"},
        )
        _require_answered(answer)
        if answer.status_code == 200:
            results = [json.loads(line) for line in answer.text.splitlines()]
            self._links |= {row["id"]: row["link"].rpartition("/")[2] for row in results if "link" in row}
            if any(row.get("result") == "not_done" for row in results):
                raise httpx2.HTTPError("the store went away in the middle of the batch")

    async def play(self) -> None:
        """Look at every sample demand once and do what its plan says. Raises httpx2.HTTPError."""
        listed = set()
        for status in OPEN:
            for demand in await self._demands(status):
                listed.add(demand["id"])
                await self._turn(demand)
        self._known = {demand: known for demand, known in self._known.items() if demand in listed}

    async def _turn(self, demand: Mapping[str, Any]) -> None:
        now = datetime.now(UTC)
        quiet = now - datetime.fromisoformat(demand["updated_at"])
        known = await self._read(demand) if quiet.total_seconds() >= QUIET else None
        if known is None or known.over or time.monotonic() < known.again:
            return
        view = View({**demand, "parent": known.parent}, known.happened, known.events, quiet, now, self._parents, self._hub)
        known.over = is_over(view)
        act = next_act(view)
        if act is not None:
            await self._do(act, view.demand)
            known.again = time.monotonic() + AGAIN * 2**known.tries
            known.tries += 1

    async def _demands(self, status: str) -> list[dict[str, Any]]:
        answer = await self._client.get(
            f"{self._endpoints['tracker']}/v1/demands",
            params={"sample": "true", "status": status, "limit": PAGE},
            headers=_bearer(self._keys["hub"]),
        )
        items: list[dict[str, Any]] = answer.json().get("items", []) if answer.status_code == 200 else []
        return items

    async def _read(self, demand: Mapping[str, Any]) -> _Known | None:
        known = self._known.get(demand["id"])
        if known is not None and known.version == demand["version"]:
            return known
        address, headers = f"{self._endpoints['tracker']}/v1/demands/{demand['id']}", _bearer(self._keys["hub"])
        parent = known.parent if known is not None else None
        if known is None and plan_of(demand) is None:  # lists do not tell of what a demand is a part
            answer = await self._client.get(address, headers=headers)
            if answer.status_code != 200:
                return None
            parent = answer.json().get("parent")
        answer = await self._client.get(f"{address}/trail", headers=headers)
        commits = answer.json()["commits"] if answer.status_code == 200 else []
        if not commits:
            return None
        events = tuple(event for commit in commits for event in commit["events"])
        found = _Known(commits[-1]["version"], parent, events, Counter(event["type"] for event in events))
        self._known[demand["id"]] = found
        return found

    async def _do(self, act: Act, demand: Mapping[str, Any]) -> None:
        # The link of a whole is that of its parts.
        own = self._links.get(demand["id"]) or self._links.get(demand.get("parent") or "")
        token = own if act.who == "enterprise" else self._keys[act.who]
        if token is None:
            return  # submitted in an earlier run: the enterprise stays silent
        headers = _bearer(token) | {"Idempotency-Key": f"sample-{demand['id']}-{demand['version']}"}
        address = f"{self._endpoints[act.service]}/v1/demands/{demand['id']}{act.path}"
        if act.file:
            await self._client.post(address, content=sample_png(), headers=headers | {"Content-Type": "image/png"})
        else:
            await self._client.post(address, json=act.body, headers=headers)

    async def _codes(self, name: str) -> list[dict[str, Any]]:
        while True:
            try:
                answer = await self._client.get(f"{self._endpoints['registry']}/v1/codes/{name}", headers=_bearer(self._keys["hub"]))
                items: list[dict[str, Any]] = answer.json()["items"]
                return items
            except (httpx2.HTTPError, KeyError):
                await asyncio.sleep(RETRY)

    async def _tree(self) -> None:
        after: str | None = None
        while True:
            params = {"network": "ningbo", "limit": "200"} | ({"after": after} if after is not None else {})
            answer = await self._client.get(f"{self._endpoints['registry']}/v1/nodes", params=params, headers=_bearer(self._keys["hub"]))
            page = answer.json()
            for node in page["items"]:
                if node.get("parent"):
                    self._parents[node["id"]] = node["parent"]
                else:
                    self._hub = node["id"]
            after = page.get("next")
            if after is None:
                return


def _require_answered(answer: httpx2.Response) -> None:
    """Raise httpx2.HTTPError where the same request may well do later."""
    if answer.status_code >= 500 or answer.status_code == 429:
        answer.raise_for_status()


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
