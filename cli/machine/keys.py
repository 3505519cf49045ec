"""Development keys: one for every role a newcomer wants to try, issued by the registry, kept in keys.json on this machine only."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

import httpx2

from cli.machine.folder import Folder, read_json, write_json
from cli.machine.trouble import Trouble

NETWORK = "ningbo"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A development key: its name in keys.json, its role, and the node of a node's staff."""

    label: str
    role: str
    node: str | None = None


# The nodes of the README's example demand: the window it lands on, the county hub above it, the city hub above all.
WINDOW = "nb-w-park-beilun-3"
COUNTY_HUB = "nb-beilun"
CITY_HUB = "nb-hub"
WANTED = (
    Wanted("partner", "partner"),
    Wanted("clerk", "clerk", WINDOW),
    Wanted("coordinator", "coordinator", COUNTY_HUB),
    Wanted("hub", "coordinator", CITY_HUB),
    Wanted("bureau", "bureau"),
    Wanted("operator", "operator"),
    Wanted("auditor", "auditor"),
    Wanted("security", "security_admin"),
    # The sample traffic's own keys: its actors touch nothing but sample demands.
    Wanted("sample_partner", "partner"),
    Wanted("sample_hub", "coordinator", CITY_HUB),
    Wanted("sample_second", "coordinator", CITY_HUB),
    Wanted("sample_bureau", "bureau"),
)
SYSTEM = Wanted("system", "system_admin")
"""Puts the network in force; needed before any node exists."""
SECOND = Wanted("system2", "system_admin")
"""The second person, who releases what `system` proposes: rules in force change by two persons only."""
WAITS_FOR_SECOND_PERSON = 3
"""Exit code of `liandong network apply` when it proposed what the second person must release."""


async def issue(folder: Folder, registry: str, bootstrap: str, wanted_keys: Sequence[Wanted] = WANTED) -> dict[str, str]:
    """Issue the keys that keys.json lacks and write it; `bootstrap` is the first security administrator's key.

    Keys are shown once, when issued: those in keys.json are kept. Raises Trouble when the registry refuses.
    """
    keys = read_json(folder.keys_file)
    missing = [wanted for wanted in wanted_keys if wanted.label not in keys]
    async with httpx2.AsyncClient(base_url=registry, timeout=10, trust_env=False) as client:
        for wanted in missing:
            keys[wanted.label] = await _issue_one(client, bootstrap, wanted)
            write_json(folder.keys_file, keys, mode=0o600)
    return keys


async def _issue_one(client: httpx2.AsyncClient, bootstrap: str, wanted: Wanted) -> str:
    body = {
        "label": f"development {wanted.label}",
        "role": wanted.role,
        "network": NETWORK if wanted not in (SYSTEM, SECOND) else None,
        "node": wanted.node,
        "party": f"dev-{wanted.label.replace('_', '-')}",
    }
    response = await client.post(
        "/v1/credentials",
        json={name: value for name, value in body.items() if value is not None},
        headers={"Authorization": f"Bearer {bootstrap}", "Idempotency-Key": f"development-{wanted.label}-{uuid4().hex}"},
    )
    if response.status_code != 201:
        detail = response.text[:300]
        raise Trouble(
            f"无法签发开发密钥 {wanted.label}：{response.status_code} {detail}",
            f"The development key {wanted.label} could not be issued: {response.status_code} {detail}",
        )
    return str(response.json()["key"])
