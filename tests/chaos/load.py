"""Load for the chaos test: submitters and node actors that never give up on a command they have begun."""

from __future__ import annotations

import asyncio
import itertools
import random
from dataclasses import dataclass, field
from typing import Any

import httpx2

from cli.machine.testing import Machine

TOWNSHIPS = ("330206003", "330206006", "330212121", "330281001", "330205003")
RETRY = 0.05


@dataclass(slots=True)
class Record:
    """What the outside was promised: phone number per acknowledged demand, and acknowledged commands per demand."""

    submitted: dict[str, str] = field(default_factory=dict)
    acts: list[tuple[str, str]] = field(default_factory=list)
    grown: asyncio.Event = field(default_factory=asyncio.Event)

    def progress(self) -> int:
        """How much has been acknowledged so far."""
        return len(self.submitted) + len(self.acts)

    async def more(self, by: int) -> None:
        """Wait until `by` further commands were acknowledged."""
        target = self.progress() + by
        while self.progress() < target:
            self.grown.clear()
            await self.grown.wait()


class Load:
    """Submits demands and lets nodes accept, return and resolve, through restarts of everything."""

    def __init__(self, machine: Machine, seed: int) -> None:
        self._machine = machine
        self._chance = random.Random(seed)
        self._numbers = itertools.count()
        self.record = Record()
        self.stopping = False

    async def run(self, submitters: int = 6) -> None:
        """Work until `stopping`; commands that were begun are carried through."""
        async with httpx2.AsyncClient(timeout=10, trust_env=False) as client:
            await asyncio.gather(*(self._submit(client) for _ in range(submitters)), self._act(client))

    async def submit(self, demands: int, submitters: int = 6) -> None:
        """Submit so many demands and leave them alone."""

        async def some(number: int) -> None:
            for _ in range(number, demands, submitters):
                await self._submit_one(client)

        async with httpx2.AsyncClient(timeout=10, trust_env=False) as client:
            await asyncio.gather(*(some(number) for number in range(submitters)))

    async def _submit(self, client: httpx2.AsyncClient) -> None:
        while not self.stopping:
            await self._submit_one(client)

    async def _submit_one(self, client: httpx2.AsyncClient) -> None:
        number = next(self._numbers)
        phone = f"0574-{number:08d}"
        body = {
            "channel": "partner",
            "title": f"样例：第 {number} 件，产品质量检测与认证",
            "description": "样例诉求：想做质量检验检测和体系认证。",
            "region": self._chance.choice(TOWNSHIPS),
            "sample": True,
            "requester": {"name": "样例有限公司", "uscc": "91330200MA2EXAMP1W", "contact": {"name": "样例联系人", "phone": phone}},
        }
        answer = await self._carry_through(client, "intake", "/v1/demands", body, f"chaos-{number}", "partner")
        self.record.submitted[answer["id"]] = phone
        self.record.grown.set()

    async def _act(self, client: httpx2.AsyncClient) -> None:
        """Nodes work off whatever the tracker shows as theirs; a refusal because the demand moved on is fine."""
        headers = {"Authorization": f"Bearer {self._machine.keys['hub']}"}
        while not self.stopping:
            for status in ("assigned", "in_progress"):
                try:
                    url = f"{self._machine.endpoints['tracker']}/v1/demands"
                    listed = await client.get(url, params={"status": status, "limit": "20"}, headers=headers)
                    items = listed.json().get("items", []) if listed.status_code == 200 else []
                except httpx2.HTTPError:
                    items = []
                for item in items:
                    await self._one_act(client, item, status)
            await asyncio.sleep(RETRY)

    async def _one_act(self, client: httpx2.AsyncClient, item: dict[str, Any], status: str) -> None:
        base = f"/v1/demands/{item['id']}/assignments/{item['holder']['assignment']}"
        key = f"chaos-{item['id']}-{item['version']}"
        if status == "in_progress":
            served = await self._carry_through(
                client, "router", f"{base}/services", {"mode": "online", "fee": "welfare"}, f"{key}-s", "hub"
            )
            if served:
                self.record.acts.append((item["id"], f"{key}-s"))
            path, body = f"{base}/resolution", {"result": "solved", "note": "样例：已解决。"}
        elif self._chance.random() < 0.3:
            path, body = f"{base}/return", {"reason": "no_capacity", "note": "样例：在办已满。"}
        else:
            path, body = f"{base}/acceptance", {}
        answer = await self._carry_through(client, "router", path, body, key, "hub")
        if answer:
            self.record.acts.append((item["id"], key))
            self.record.grown.set()

    async def _carry_through(
        self, client: httpx2.AsyncClient, service: str, path: str, body: dict[str, Any], key: str, who: str
    ) -> dict[str, Any]:
        """Repeat one command under one key until it is answered for good: 2xx, or a refusal (then empty)."""
        headers = {"Authorization": f"Bearer {self._machine.keys[who]}", "Idempotency-Key": key}
        while True:
            try:
                answer = await client.post(f"{self._machine.endpoints[service]}{path}", json=body, headers=headers)
                if answer.status_code in (200, 201):
                    document: dict[str, Any] = answer.json()
                    return document
                if answer.status_code in (404, 409) and service == "router":
                    return {}
                assert answer.status_code >= 500 or answer.status_code == 429, answer.text
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(RETRY)
