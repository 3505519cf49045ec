"""Where sample actors play: reads sample demands over HTTP, asks each one's plan what to do, and does it with the actor's own key."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import httpx2

from cli.sample.picture import sample_png
from cli.sample.plans import Act, View, next_act, plan_of

OPEN: Final = ("triage", "assigned", "in_progress", "awaiting_enterprise", "resolved", "disputed", "closed", "withdrawn", "merged")
"""Statuses in which a plan may have something to do."""
PAGE: Final = "100"
RETRY: Final = 1.0
OLDEST: Final = 900.0
"""Seconds after which a demand that has ended is left alone."""


class Stage:
    """One client, four kinds of actors. `links` holds the enterprises' own links of this run; nobody else knows them."""

    def __init__(self, client: httpx2.AsyncClient, endpoints: Mapping[str, str], keys: Mapping[str, str]) -> None:
        self._client = client
        self._endpoints = endpoints
        self._keys = {"hub": keys["sample_hub"], "bureau": keys["sample_bureau"], "partner": keys["sample_partner"]}
        self._links: dict[str, str] = {}
        self._parents: dict[str, str] = {}
        self._hub = ""
        self._done: set[str] = set()

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
        if answer.status_code in (200, 201):
            receipt = answer.json()
            self._links[receipt["id"]] = receipt["links"]["enterprise"].rpartition("/")[2]

    async def play(self) -> None:
        """Look at every sample demand once and do what its plan says. Raises httpx2.HTTPError."""
        for status in OPEN:
            for demand in await self._demands(status):
                view = await self._view(demand)
                act = next_act(view) if view is not None else None
                if act is not None:
                    await self._do(act, demand)

    async def _demands(self, status: str) -> list[dict[str, Any]]:
        answer = await self._client.get(
            f"{self._endpoints['tracker']}/v1/demands",
            params={"sample": "true", "status": status, "limit": PAGE},
            headers=_bearer(self._keys["hub"]),
        )
        items: list[dict[str, Any]] = answer.json().get("items", []) if answer.status_code == 200 else []
        return items

    async def _view(self, demand: dict[str, Any]) -> View | None:
        now = datetime.now(UTC)
        quiet = now - datetime.fromisoformat(demand["updated_at"])
        if demand["status"] in ("closed", "withdrawn", "merged") and (demand["id"] in self._done or quiet.total_seconds() > OLDEST):
            self._done.add(demand["id"])
            return None
        if plan_of(demand) is None or quiet.total_seconds() < 2:
            return None
        answer = await self._client.get(f"{self._endpoints['tracker']}/v1/demands/{demand['id']}/trail", headers=_bearer(self._keys["hub"]))
        if answer.status_code != 200:
            return None
        events = tuple(event for commit in answer.json()["commits"] for event in commit["events"])
        happened = Counter(event["type"] for event in events)
        return View(demand, happened, events, quiet, now, self._parents, self._hub)

    async def _do(self, act: Act, demand: Mapping[str, Any]) -> None:
        token = self._links.get(demand["id"]) if act.who == "enterprise" else self._keys[act.who]
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


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
