"""Files of fictitious demands as people and systems make them: NDJSON, CSV and XLSX from the same rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import openpyxl

from services.intake.batch_columns import COLUMNS, HISTORY

ZONE = ZoneInfo("Asia/Shanghai")
USCC = "91330200MA2AEXAM17"
Table = Sequence[Mapping[str, object]]
CELLS: Mapping[str, str] = {
    "title": "样例：找技术服务机构",
    "description": "样例诉求：车间想上数据采集。",
    "region": "330206",
    "name": "样例精密部件有限公司",
    "uscc": USCC,
    "contact_name": "样例联系人",
    "contact_phone": "0574-00000000",
    "sample": "true",
}


def cells(**changes: str | None) -> dict[str, str]:
    """The cells of one sound row by column name; None leaves a cell empty."""
    return {name: value for name, value in {**CELLS, **changes}.items() if value is not None}


def header(names: Sequence[str], *, chinese: bool = False) -> list[str]:
    zh = {column.name: column.zh for column in (*COLUMNS, *HISTORY)}
    return [zh[name] if chinese else name for name in names]


def names_of(table: Table) -> list[str]:
    """All columns that any row fills, the required ones always."""
    filled = {name for row in table for name in row}
    return [column.name for column in COLUMNS if column.required or column.name in filled]


def as_csv(table: Table, *, chinese: bool = False, encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    names, written = names_of(table), io.StringIO(newline="")
    writer = csv.writer(written, delimiter=delimiter)
    writer.writerow(header(names, chinese=chinese))
    writer.writerows([row.get(name, "") for name in names] for row in table)
    return written.getvalue().encode(encoding)


def as_workbook(table: Table, *, chinese: bool = False, history: Table = ()) -> bytes:
    names, book = names_of(table), openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(header(names, chinese=chinese))
    for row in table:
        sheet.append([row.get(name) for name in names])
    if history:
        steps = book.create_sheet("办理历史" if chinese else "history")
        columns = [column.name for column in HISTORY]
        steps.append(header(columns, chinese=chinese))
        for step in history:
            steps.append([step.get(name) for name in columns])
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def as_lines(bodies: Sequence[Mapping[str, object]]) -> bytes:
    return b"".join(json.dumps(body, ensure_ascii=False).encode() + b"\n" for body in bodies)


def body(**changes: object) -> dict[str, object]:
    """The JSON body of one sound demand."""
    plain: dict[str, object] = {
        **{"channel": "partner", "title": CELLS["title"], "description": CELLS["description"], "region": "330206", "sample": True},
        "requester": {
            **{"name": CELLS["name"], "uscc": USCC},
            "contact": {"name": CELLS["contact_name"], "phone": CELLS["contact_phone"]},
        },
    }
    return {**plain, **changes}
