"""`liandong rebuild`: build the tracker's views anew from the archive, prove them equal to the running ones, and switch."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy.ext.asyncio import create_async_engine

from cli.machine.database import DATABASE, sqlalchemy_url, with_login
from cli.machine.folder import Folder, read_json
from cli.machine.trouble import Trouble
from cli.remote import folder as machine_folder
from libs.chassis.database import database_errors
from libs.chassis.keyring import Kek, KeyRing
from libs.chassis.settings import BadSetting, read_secret
from libs.events import Corrupt, Unavailable
from services.tracker.rebuild import RebuildRunning, Verdict
from services.tracker.rebuild import rebuild as run_rebuild

ROLE: Final = "ld_tracker"
CompareOnly = Annotated[bool, typer.Option("--compare-only", help="只比较，不切换 · compare, do not switch")]


def rebuild(compare_only: CompareOnly = False) -> None:
    """从存档重建视图并证明一致 · Rebuild the views from the archive; exit 1 if the running ones differ.

    Works on DATABASE_URL (of ld_tracker) and KEK_FILE if they are set, otherwise on the machine of this checkout.
    """
    url, kek_file = _place(Folder(machine_folder()))
    try:
        verdict = asyncio.run(_run(url, Kek(read_secret(kek_file)), compare_only))
    except RebuildRunning as error:
        raise Trouble("另一个重建正在进行。", "Another rebuild is at work.") from error
    except Unavailable as error:
        raise Trouble("数据库无法连接，请先运行 make run。", "The database cannot be reached; is the machine running?") from error
    except BadSetting as error:
        raise Trouble("密钥文件无法读取。", str(error)) from error
    except Corrupt as error:
        raise Trouble(f"存档已损坏：{error}", f"The archive is damaged: {error}") from error
    _print(verdict)
    if not verdict.equal:
        raise typer.Exit(1)


async def _run(url: str, kek: Kek, compare_only: bool) -> Verdict:
    engine = create_async_engine(sqlalchemy_url(url), connect_args={"ssl": False} if "127.0.0.1" in url else {})
    columns = (TextColumn("[bold]重建视图 · rebuilding"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=Console(stderr=True)) as bar, database_errors():
            task = bar.add_task("rebuild", total=None)
            return await run_rebuild(
                engine,
                KeyRing(engine, kek),
                progress=lambda done, total: bar.update(task, completed=done, total=total),
                compare_only=compare_only,
            )
    finally:
        await engine.dispose()


def _place(folder: Folder) -> tuple[str, Path]:
    """Address of the database for the tracker's role, and the file of the key-encryption key."""
    kek = Path(os.environ.get("KEK_FILE") or folder.secrets / "kek")
    if url := os.environ.get("DATABASE_URL"):
        return url, kek
    known = read_json(folder.endpoints_file).get("postgres")
    password = folder.secrets / f"postgres_{ROLE}"
    if not known or not password.exists():
        raise Trouble("没有找到数据库地址，请先运行 make run。", "No database is known: run `make run` first or set DATABASE_URL.")
    return with_login(known, ROLE, password.read_text("ascii").strip(), DATABASE), kek


def _print(verdict: Verdict) -> None:
    table = Table("表 · table", "运行中 · running", "重建 · rebuilt", "一致 · equal")
    for found in verdict.tables:
        different = ", ".join(found.different)
        table.add_row(found.table, str(found.running), str(found.rebuilt), "✓" if found.equal else f"✗ {different}")
    console = Console()
    console.print(table)
    place = ", ".join(f"{cell}: {seq}" for cell, seq in verdict.positions.items())
    if verdict.equal:
        console.print(f"✓ 视图与存档一致 · the views are what the archive says (at {place})")
    else:
        console.print(f"✗ 视图与存档不一致 · the running views differ from the archive (at {place})")
    if verdict.switched_to is not None:
        console.print(f"已切换 · now shown: tracker_v{verdict.switched_to}")
