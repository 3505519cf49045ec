"""`liandong key`: issue and revoke machine keys."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.remote import Remote, address
from cli.remote import key as acting_key

key = typer.Typer(name="key", no_args_is_help=True, help="密钥 · Machine keys.")
KeyFile = Annotated[
    Path | None, typer.Option(help="安全管理员密钥文件 · file with the security administrator's key (default: keys.json, `security`)")
]
Registry = Annotated[str | None, typer.Option(help="名录服务地址 · address of the registry")]


@key.command("issue")
def issue(
    role: Annotated[str, typer.Argument(help="partner clerk coordinator bureau county_bureau centre operator auditor system_admin …")],
    label: Annotated[str, typer.Option(help="用途，不写人名 · what it is for; never a person's name")],
    party: Annotated[str, typer.Option(help="持有者代号 · pseudonym of its holder")],
    network: Annotated[str | None, typer.Option(help="网络 · network")] = None,
    node: Annotated[str | None, typer.Option(help="节点 · node of a node's staff")] = None,
    key_file: KeyFile = None,
    registry: Registry = None,
) -> None:
    """签发 · Issue a key to one person or system. It is shown once."""
    body: dict[str, Any] = {"role": role, "label": label, "party": party, "network": network, "node": node}
    remote = Remote(address("registry", registry), acting_key("security", key_file))
    made = remote.post("/v1/credentials", {name: value for name, value in body.items() if value is not None})
    Console().print(f"{made['key_id']}\n{made['key']}", highlight=False, markup=False)


@key.command("revoke")
def revoke(
    key_id: str,
    reason: Annotated[str, typer.Option(help="lost left replaced misused other")] = "other",
    key_file: KeyFile = None,
    registry: Registry = None,
) -> None:
    """吊销 · Make a key invalid everywhere."""
    remote = Remote(address("registry", registry), acting_key("security", key_file))
    remote.post(f"/v1/credentials/{key_id}/revocation", {"reason": reason})
    Console().print(f"{key_id} 已吊销。 Revoked.", highlight=False, markup=False)


@key.command("list")
def listed(key_file: KeyFile = None, registry: Registry = None) -> None:
    """列出 · List keys without the keys themselves."""
    remote = Remote(address("registry", registry), acting_key("security", key_file))
    for item in (remote.get("/v1/credentials") or {})["items"]:
        state = "吊销 revoked" if item["revoked"] else "有效 valid"
        Console().print(
            f"{item['key_id']}  {item['role']:<14} {item.get('node', ''):<24} {item['label']}  {state}", highlight=False, markup=False
        )
