"""`liandong network`: put a network's files in force, after showing what would change.

A change of rules in force (routing, clocks) takes two persons: `apply` proposes it, `release` by another person puts it in force.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from cli.machine.keys import WAITS_FOR_SECOND_PERSON
from cli.machine.trouble import Trouble
from cli.remote import Refusal, Remote, address, key
from libs.directory import (
    ContentDiff,
    NetworkContent,
    NetworkFileError,
    Section,
    diff,
    digest,
    from_sections,
    load_network,
    to_sections,
)

network = typer.Typer(name="network", no_args_is_help=True, help="网络数据 · A network's data.")
SHOWN = 12
KeyFile = Annotated[Path | None, typer.Option(help="密钥文件 · file with the key to act with (default: keys.json, `system`)")]
SecondKeyFile = Annotated[
    Path | None, typer.Option(help="第二人的密钥文件 · file with the second person's key (default: keys.json, `system2`)")
]
Registry = Annotated[str | None, typer.Option(help="名录服务地址 · address of the registry")]


@network.command("check")
def check(folder: Path) -> None:
    """检查网络文件 · Check a network's files and name every mistake with file, line and rule."""
    content = _load(folder)
    Console().print(f"{content.network.title_zh}：{len(content.nodes)} 个节点，没有问题。 {len(content.nodes)} nodes, no mistake found.")


@network.command("apply")
def apply(
    folder: Path,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只看变化 · only show the changes")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 · do not ask")] = False,
    key_file: KeyFile = None,
    registry: Registry = None,
) -> None:
    """先列变化，再一次生效 · Show the changes, then put them in force by one event. Applying the same files again does nothing.

    派单策略或时限有变时只提请，由另一人 release。 A change of routing or clocks is only proposed: another person releases it (exit code 3).
    """
    console = Console()
    content = _load(folder)
    remote = Remote(address("registry", registry), key("system", key_file))
    name, wanted = content.network.name, digest(content)
    before = remote.get(f"/v1/networks/{name}/content", missing_ok=True)
    if before is not None and before["digest"] == wanted:
        console.print(f"网络 {name} 没有变化。 Network {name} is up to date.")
        return
    _show(console, diff(_content(before) if before is not None else None, content))
    if dry_run:
        return
    if not yes and sys.stdin.isatty() and not typer.confirm("生效？ Put this in force?"):
        raise Trouble("没有生效。", "Nothing was changed.")
    proposal = _publish(remote, name, content, wanted)
    if proposal is None:
        console.print(f"网络 {name} 已生效：{len(content.nodes)} 个节点。 Network {name} is in force with {len(content.nodes)} nodes.")
        return
    changed, command = " ".join(proposal["changes"]), f"liandong network release {name} --revision {proposal['revision']}"
    _line(console, f"规则有变（{changed}），已提请，须由另一人核发，请其运行：")
    _line(console, f"Rules change ({changed}): proposed, and waits for a second person, who runs:")
    _line(console, f"  {command}")
    raise typer.Exit(WAITS_FOR_SECOND_PERSON)


@network.command("release")
def release(
    name: Annotated[str | None, typer.Argument(help="网络 · network; default: the only one")] = None,
    revision: Annotated[str | None, typer.Option(help="版本，默认待核发的那个 · revision; default: the one that waits")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="不再询问 · do not ask")] = False,
    key_file: SecondKeyFile = None,
    registry: Registry = None,
) -> None:
    """作为第二人核发 · Put a revision in force that another person proposed, after showing what it changes."""
    console = Console()
    remote = Remote(address("registry", registry), key("system2", key_file))
    name = name or _only_network(remote)
    waiting = (remote.get(f"/v1/networks/{name}/proposals") or {})["items"]
    proposal = next((item for item in waiting if revision in (None, item["revision"])), None)
    if proposal is None:
        console.print(f"网络 {name} 没有待核发的版本。 Nothing waits for release in network {name}.")
        return
    before = remote.get(f"/v1/networks/{name}/content", missing_ok=True)
    after = remote.get(f"/v1/networks/{name}/revisions/{proposal['revision']}/content")
    assert after is not None
    _line(console, f"{proposal['revision']}  {proposal['by']}")
    _show(console, diff(_content(before) if before is not None else None, _content(after)))
    if not yes and sys.stdin.isatty() and not typer.confirm("核发？ Release this?"):
        raise Trouble("没有核发。", "Nothing was released.")
    remote.post(f"/v1/networks/{name}/publication", {member: proposal[member] for member in ("revision", "parts", "digest")})
    console.print(f"网络 {name} 已生效。 Network {name} is in force.")


def _only_network(remote: Remote) -> str:
    names = [item["name"] for item in (remote.get("/v1/networks") or {})["items"]]
    if len(names) != 1:
        raise Trouble("请指明网络。", "Name the network.")
    return str(names[0])


def _publish(remote: Remote, name: str, content: NetworkContent, wanted: str) -> dict[str, Any] | None:
    """Stage and publish; returns the proposal where a second person is needed."""
    sections = to_sections(content)
    revision = wanted.partition(":")[2][:16]
    for part, section in enumerate(track(sections, "暂存 · staging", transient=True), 1):
        body = {"parts": len(sections), "section": section.name, "items": list(section.items)}
        remote.put(f"/v1/networks/{name}/revisions/{revision}/parts/{part}", body)
    whole = {"parts": len(sections), "digest": wanted}
    try:
        remote.post(f"/v1/networks/{name}/publication", {"revision": revision, **whole})
    except Refusal as refusal:
        if refusal.code != "second_person_needed":
            raise
        return remote.post(f"/v1/networks/{name}/revisions/{revision}/proposal", whole)
    return None


def _load(folder: Path) -> NetworkContent:
    try:
        return load_network(folder)
    except NetworkFileError as error:
        listed = "\n".join(f"  {problem}" for problem in error.problems)
        raise Trouble(
            f"网络文件有 {len(error.problems)} 处错误，没有生效：\n{listed}", "The network's files are broken; nothing was changed."
        ) from error


def _content(answer: dict[str, Any]) -> NetworkContent:
    return from_sections(Section(part["section"], tuple(part["items"])) for part in answer["sections"])


def _show(console: Console, changes: ContentDiff) -> None:
    for table in (changes.nodes, *changes.tables):
        if table.empty:
            continue
        _line(console, f"{table.table}: +{len(table.added)} -{len(table.removed)} ~{len(table.changed)}")
        for row in table.changed[:SHOWN]:
            _line(console, f"  ~ {row.key}  " + "; ".join(f"{field.field}: {field.old} → {field.new}" for field in row.fields))
        for added in table.added[:SHOWN]:
            _line(console, f"  + {added}")
        for removed in table.removed[:SHOWN]:
            _line(console, f"  - {removed}")
        hidden = sum(max(0, len(rows) - SHOWN) for rows in (table.changed, table.added, table.removed))
        if hidden:
            _line(console, f"  … 另有 {hidden} 项 · {hidden} more")
    for field in changes.policy:
        _line(console, f"{field.field}: {field.old} → {field.new}")
    _line(console, " · ".join(f"{kind} {count}" for kind, count in changes.counts.items()))


def _line(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
