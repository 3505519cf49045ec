"""`liandong check`: does every open demand have its accountable holder and its timer; exit code 1 if not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.remote import Remote, address, key

KINDS: dict[str, str] = {
    "no_holder": "没有责任节点 · nobody is accountable",
    "holder_unavailable": "责任节点不在岗 · its holder is not available",
    "no_moment": "没有下一时点 · waits for no moment",
    "not_armed": "定时器未设 · its timer is not set",
    "timer_lost": "定时器丢失 · its timer is lost",
    "overdue": "到时未处理 · its moment passed and nothing was done",
    "not_routed": "未派单 · waits for routing",
    "parked": "被搁置 · set aside, cannot be handled",
    "no_row": "未登记 · nothing waits for it",
    "row_differs": "登记与事件流不符 · its row differs from the stream",
    "merge_unknown": "合并未送达 · merged into a demand that does not know it",
}

Full = Annotated[bool, typer.Option("--full", help="从事件流逐条重算，较慢 · fold the streams afresh; slower")]
Router = Annotated[str | None, typer.Option("--router", help="流转派单服务地址 · address of the router")]
KeyFile = Annotated[Path | None, typer.Option("--key-file", help="密钥文件 · file with the key to act with")]


def check(full: Full = False, router: Router = None, key_file: KeyFile = None) -> None:
    """着落核查：每个未结诉求都有责任节点和定时器 · Check that no open demand is orphaned; exit 1 if one is.

    Asks the router with the operator's key of this machine, unless told otherwise. Of several routers any one answers for all: it fails as
    well when nobody has checked a partition lately.
    """
    remote = Remote(address("router", router), key("operator", key_file))
    found = remote.get(f"/v1/check?full={str(full).lower()}") or {}
    _print(found)
    if not found.get("ok"):
        raise typer.Exit(1)


def _print(found: dict[str, Any]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    for one in found["violations"]:  # a line each and never folded, so that it can be searched and copied
        console.print(f"{one['demand']}  {KINDS.get(one['kind'], one['kind'])}  {one['since']}", markup=False)
    where = f"{found['checked']} 件诉求、{found['partitions']} 个分区 · {found['checked']} demands, {found['partitions']} partitions"
    if not found["complete"]:
        console.print("✗ 未能全部核查：未结诉求过多 · not all could be checked: too many are open")
    if unchecked := found.get("unchecked"):
        parts = " ".join(map(str, unchecked))
        console.print(f"✗ {len(unchecked)} 个分区近期无人核查 · {len(unchecked)} partitions not checked lately: {parts}")
    if found["ok"]:
        console.print(f"✓ 件件有着落 · every open demand has landed ({where})")
    else:
        console.print(f"✗ 发现 {found['found']} 个问题 · {found['found']} found ({where})")
