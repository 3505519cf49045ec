"""`liandong policy`: try a routing policy on past demands before it is put in force (policy laboratory)."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from cli.machine.trouble import Trouble
from cli.remote import Remote, address, key
from libs.directory.files import shape_findings
from libs.directory.marks import Marked, read_yaml
from libs.directory.policy import RoutingPolicy
from libs.directory.problems import Finding

policy = typer.Typer(name="policy", no_args_is_help=True, help="派单策略 · Routing policy.")
SHOWN = 20


@policy.callback()
def laboratory() -> None:
    """派单策略 · Routing policy."""


@policy.command("replay")
def replay(
    file: Annotated[Path | None, typer.Argument(help="候选 routing.yaml · candidate; default: the policy of the time")] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="第一天，默认 30 天前 · first day")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="最后一天，默认今天 · last day")] = None,
    revision: Annotated[str | None, typer.Option(help="用某一版本的策略 · the policy of a published revision")] = None,
    category: Annotated[list[str] | None, typer.Option(help="只看这些服务类别 · these categories only")] = None,
    sample: Annotated[bool | None, typer.Option("--samples/--no-samples", help="只看或不看样例 · samples only, or none")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON · print the report as JSON")] = False,
    key_file: Annotated[Path | None, typer.Option(help="密钥文件 · the hub's or the bureau's key (default: keys.json, `hub`)")] = None,
    router: Annotated[str | None, typer.Option(help="派单服务地址 · address of the router")] = None,
) -> None:
    """用候选策略重新决定过去的派单，看谁会得到什么 · Decide past assignments again and see who would get what. Changes nothing."""
    today = (datetime.now(UTC) + timedelta(hours=14)).date()  # nowhere is it later
    body: dict[str, Any] = {
        "policy": _read(file).model_dump(mode="json", exclude_none=True) if file is not None else None,
        "revision": revision,
        "from": (first.date() if first is not None else today - timedelta(days=30)).isoformat(),
        "to": (last.date() if last is not None else today).isoformat(),
        "categories": category,
        "sample": sample,
    }
    remote = Remote(address("router", router), key("hub", key_file))
    report = _follow(remote, {name: value for name, value in body.items() if value is not None})
    if as_json:
        typer.echo(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        show(Console(), report)


def _read(file: Path) -> RoutingPolicy:
    """Read a routing.yaml. Raises Trouble with every mistake and its line."""
    try:
        marked = read_yaml(file.read_text("utf-8-sig"), "routing")
    except (OSError, UnicodeDecodeError) as error:
        raise Trouble(f"读不到策略文件 {file}。", f"The policy file {file} cannot be read.") from error
    if marked.findings:
        raise _broken(file, marked, marked.findings)
    try:
        return RoutingPolicy.model_validate(marked.value)
    except ValidationError as error:
        raise _broken(file, marked, shape_findings(error, "routing", ())) from error


def _broken(file: Path, marked: Marked, findings: tuple[Finding, ...]) -> Trouble:
    listed = "\n".join(
        f"  {file.name}:{marked.line(finding.path)}: {finding.rule}: {finding.message_zh} / {finding.message_en}" for finding in findings
    )
    return Trouble(f"策略文件有 {len(findings)} 处错误：\n{listed}", "The policy file is broken.")


def _follow(remote: Remote, body: dict[str, Any]) -> dict[str, Any]:
    """Show progress until the report comes. Raises Trouble when it does not."""
    columns = (TextColumn("回放 replaying"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        for line in remote.lines("/v1/policies/replay", body):
            if "problem" in line:
                problem = line["problem"]
                raise Trouble(f"{problem['title']}（{problem['code']}）。", f"{problem['title_en']} ({problem['code']}).")
            progress.update(task, completed=line["done"], total=line["of"])
            if "report" in line:
                report: dict[str, Any] = line["report"]
                return report
    raise Trouble("回放中断，没有结果。", "The replay broke off without a report.")


def show(console: Console, report: dict[str, Any]) -> None:
    """Print a report as tables."""
    _overview(console, report)
    _changes(console, report["nodes"])
    _categories(console, report["categories"])
    _precedents(console, report["precedents"])


def _overview(console: Console, report: dict[str, Any]) -> None:
    hub, returned, lapsed = report["hub_only"], report["returned"], report["lapsed"]
    rows = (
        ("派单决定 decisions", f"{report['decisions']:,}（诉求 demands {report['demands']:,}）"),
        ("相同 same", f"{report['same']:,}"),
        ("不同 different", f"{report['different']:,}"),
        ("只有枢纽可接 only a hub would take", f"{hub['recorded']:,} → {hub['replayed']:,}"),
        ("曾被退回，会派给别人 returned, would go elsewhere", f"{returned['elsewhere']:,} / {returned['recorded']:,}"),
        ("曾逾期未签收，会派给别人 lapsed, would go elsewhere", f"{lapsed['elsewhere']:,} / {lapsed['recorded']:,}"),
        ("在办量未记录，按零计 load not recorded, taken as none", f"{report['load_unknown']:,}"),
        ("依据未知，未回放 basis unknown, left out", f"{report['excluded']:,}"),
    )
    table = Table(show_header=False, title="回放 Replay", title_justify="left")
    for row in rows:
        table.add_row(*row)
    console.print(table, highlight=False)


def _changes(console: Console, nodes: list[dict[str, Any]]) -> None:
    moved = [node for node in nodes if node["gained"] or node["lost"]]
    if not moved:
        return
    table = Table(title="节点 Nodes", title_justify="left")
    for name in ("节点 node", "得 gained", "失 lost", "派单 total", "最忙一天 busiest day"):
        table.add_column(name, justify="left" if name.startswith("节点") else "right", overflow="fold")
    for node in moved[:SHOWN]:
        before, after = node["recorded"], node["replayed"]
        table.add_row(
            node["node"],
            f"+{node['gained']:,}",
            f"-{node['lost']:,}",
            f"{before['total']:,} → {after['total']:,}",
            f"{before['peak']:,} → {after['peak']:,}",
        )
    console.print(table, highlight=False)
    if len(moved) > SHOWN:
        console.print(f"… 另有 {len(moved) - SHOWN} 个节点，见 --json · {len(moved) - SHOWN} more, see --json", highlight=False)


def _categories(console: Console, categories: list[dict[str, Any]]) -> None:
    table = Table(title="服务类别 Categories", title_justify="left")
    for name in ("类别 category", "决定 decisions", "不同 different", "只有枢纽 hub only"):
        table.add_column(name, justify="left" if name.startswith("类别") else "right")
    for item in categories:
        hubs = f"{item['hub_only_recorded']:,} → {item['hub_only_replayed']:,}"
        table.add_row(item["category"], f"{item['decisions']:,}", f"{item['different']:,}", hubs)
    console.print(table, highlight=False)


def _precedents(console: Console, precedents: list[dict[str, Any]]) -> None:
    against = [item for item in precedents if item["disagrees"]]
    if not against:
        return
    table = Table(title="与裁定先例不一致 Against precedents", title_justify="left")
    for name in ("类别 category", "区域 region", "裁定 decided for", "诉求 demand", "不一致 disagrees"):
        table.add_column(name, justify="right" if name.startswith("不一致") else "left", overflow="fold")
    for item in against[:SHOWN]:
        disagrees = f"{item['disagrees']:,} / {item['decisions']:,}"
        table.add_row(item.get("category", "-"), item["region"], item["node"], item["demand"], disagrees)
    console.print(table, highlight=False)
