"""`liandong import`: send a file of demands, show what became of each row; running it again takes up where it ended."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

import httpx2
import typer
from pydantic_core import from_json
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from cli.machine.trouble import Trouble
from cli.remote import address, key

MEDIA_TYPES: Final = {
    ".ndjson": "application/x-ndjson",
    ".jsonl": "application/x-ndjson",
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
LARGEST: Final = 10 * 1024 * 1024
PATIENCE: Final = httpx2.Timeout(30, read=120)
ATTEMPTS: Final = 5
_BATCH: Final = re.compile(r"[A-Za-z0-9._~:/+=-]{1,128}")
WORDS: Final = {
    "created": "已受理 created",
    "exists": "先前已受理 exists",
    "would_create": "可受理 would be created",
    "refused": "未受理 refused",
    "not_done": "未处理 not done",
}


@dataclass(slots=True)
class Outcome:
    """What the service told: rows that did not go in, and the line of totals that ends a complete answer."""

    left: list[dict[str, Any]] = field(default_factory=list)
    totals: dict[str, Any] | None = None


def import_file(
    file: Annotated[Path, typer.Argument(help="诉求文件 · file of demands: .csv .xlsx .ndjson")],
    batch: Annotated[str, typer.Option(help="批次号；再次运行时用同一个即续传 · name of the batch; the same one resumes it")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只检查，不受理 · check only, take nothing")] = False,
    source: Annotated[str, typer.Option(help="原系统代号 · code of the former system")] = "former",
    key_name: Annotated[str, typer.Option("--key", help="keys.json 中的密钥 · name of a key in keys.json")] = "partner",
    key_file: Annotated[Path | None, typer.Option(help="密钥文件 · file with the key to act with, instead of --key")] = None,
    intake: Annotated[str | None, typer.Option(help="受理入口地址 · address of intake")] = None,
) -> None:
    """批量导入诉求 · Import a batch of demands or open cases. Exit code 1 if any row did not go in."""
    if _BATCH.fullmatch(batch) is None:
        raise Trouble(
            "批次号只用 A-Z a-z 0-9 . _ ~ : / + = -，至多 128 个字符。", "A batch name is 1-128 characters of A-Z a-z 0-9 . _ ~ : / + = -."
        )
    kind, content = _read(file)
    headers = {"Authorization": f"Bearer {key(key_name, key_file)}", "Idempotency-Key": batch, "Content-Type": kind}
    query = {"dry_run": str(dry_run).lower(), "source": source}
    with httpx2.Client(base_url=address("intake", intake), timeout=PATIENCE, trust_env=False, headers=headers) as client:
        outcome = _send(client, content, query)
    _show(Console(), outcome)
    if outcome.left:
        raise typer.Exit(1)


def _read(file: Path) -> tuple[str, bytes]:
    kind = MEDIA_TYPES.get(file.suffix.lower())
    if kind is None:
        raise Trouble(f"不支持的文件 {file.name}，请用 .csv、.xlsx 或 .ndjson。", f"{file.name} is no .csv, .xlsx or .ndjson file.")
    try:
        content = file.read_bytes()
    except OSError as error:
        raise Trouble(f"读不到文件 {file}。", f"The file {file} cannot be read.") from error
    if len(content) > LARGEST:
        raise Trouble(f"文件 {file.name} 超过 10 MB，请分成几个。", f"{file.name} is larger than 10 MB; split it.")
    return kind, content


def _send(client: httpx2.Client, content: bytes, query: dict[str, str]) -> Outcome:
    """Upload the file and follow the answer. Raises Trouble; what went in stays in, and the same batch resumes."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with client.stream("POST", "/v1/demands/batch", params=query, content=content) as response:
                if response.status_code == 503 and attempt < ATTEMPTS:
                    response.read()
                    time.sleep(min(float(response.headers.get("Retry-After", "1")), 10))
                    continue
                if response.status_code != 200:
                    raise _refusal(response)
                return _follow(response)
        except httpx2.HTTPError as error:
            raise Trouble(
                "连接中断，已受理的行不受影响；请用同一批次号再运行一次。",
                "The connection broke. What was taken stays; run it again with the same --batch.",
            ) from error
    raise AssertionError("the last attempt returns or raises")


def _follow(response: httpx2.Response) -> Outcome:
    outcome = Outcome()
    rows = int(response.headers.get("Batch-Rows", "0"))
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("导入 · importing", total=rows or None)
        for line in _lines(response):
            if "totals" in line:
                outcome.totals = line
            else:
                progress.advance(task)
                if line["result"] in ("refused", "not_done"):
                    outcome.left.append(line)
    if outcome.totals is None:
        raise Trouble("回答不完整；请用同一批次号再运行一次。", "The answer is not complete; run it again with the same --batch.")
    return outcome


def _lines(response: httpx2.Response) -> Iterator[dict[str, Any]]:
    for line in response.iter_lines():
        if line:
            yield from_json(line)


def _refusal(response: httpx2.Response) -> Trouble:
    response.read()
    try:
        problem: dict[str, Any] = from_json(response.content)
    except ValueError:
        problem = {}
    code = problem.get("code", response.status_code)
    places = [f"  {error['field']}: {error['code']}" for error in problem.get("errors", ())]
    return Trouble(
        f"{problem.get('title', '请求被拒绝')}（{code}）。{problem.get('detail', '')}",
        "\n".join([f"{problem.get('title_en', 'Refused')} ({code}). {problem.get('detail_en', '')}", *places]),
    )


def _show(console: Console, outcome: Outcome) -> None:
    assert outcome.totals is not None
    if outcome.left:
        table = Table("行 row", "外部编号 reference", "原因 reason", "字段 field", "代码 code")
        for line in outcome.left:
            problem = line["problem"]
            reason = f"{problem['title']} {problem['title_en']}"
            table.add_row(str(line["row"]), line.get("partner_ref", ""), reason, problem.get("field", ""), problem["code"])
        console.print(table)
    counts = outcome.totals["totals"]
    told = " · ".join(f"{words} {counts[name]}" for name, words in WORDS.items() if name in counts)
    console.print(f"{counts['rows']} 行 rows（{outcome.totals['encoding']}）：{told}", highlight=False, markup=False, soft_wrap=True)
    if "problem" in outcome.totals:
        again = "存储中断，请稍后用同一批次号再运行一次。 The store went away: run it again soon with the same --batch."
        console.print(again, highlight=False, markup=False, soft_wrap=True)
