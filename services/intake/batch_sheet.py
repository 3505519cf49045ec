"""Read a batch from an XLSX workbook, row by row, in bounded memory. Pure; formulas are not evaluated.

A workbook is a ZIP of XML: its declared sizes are summed before anything is unpacked (zipfile reads no more than declared), entities are
refused by defusedxml, its tags are counted before any becomes an object, and rows and columns far outside end the reading.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, tzinfo
from typing import Any, Final

import openpyxl
from openpyxl import DEFUSEDXML

from services.intake.batch import BadFile, BatchFile, Cells, Mistake, Row, history_steps, table_rows

UNPACKED: Final = 32 * 1024 * 1024
SMALL_UNPACKED: Final = 4 * 1024 * 1024
PARTS: Final = 300
TAGS: Final = 1_000_000
"""5,000 rows of sixteen columns have half as many; an empty cell of four bytes would become a hundred in memory."""
COLUMNS_READ: Final = 64
HISTORY_SHEETS: Final = frozenset({"办理历史", "history"})
DEMAND_SHEETS: Final = frozenset({"诉求", "demands"})
_LARGE_PARTS: Final = ("xl/worksheets/", "xl/sharedStrings")
_ENCRYPTED: Final = 0x1
_CHUNK: Final = 64 * 1024

if not DEFUSEDXML:  # OPENPYXL_DEFUSEDXML=False or a missing library would silently expand entities.
    raise ImportError("openpyxl must use defusedxml")


def read_workbook(data: bytes, zone: tzinfo) -> BatchFile:
    """Read the sheet 诉求 (or demands, or the first) and, where there is one, 办理历史 (history). Raises BadFile."""
    _weigh(data)
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=False, keep_links=False)
        try:
            return BatchFile("xlsx", "utf-8", _read(book.worksheets, zone))
        finally:
            book.close()
    except BadFile:
        raise
    except Exception as error:  # whatever openpyxl stumbles over in a damaged workbook: nothing of it was taken
        raise BadFile("batch_unreadable") from error


def _weigh(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if not _light(archive.infolist()) or _tags(archive) > TAGS:
                raise BadFile("batch_unreadable")
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError, RuntimeError) as error:
        raise BadFile("batch_unreadable") from error


def _light(parts: Sequence[zipfile.ZipInfo]) -> bool:
    small = sum(part.file_size for part in parts if not part.filename.startswith(_LARGE_PARTS))
    encrypted = any(part.flag_bits & _ENCRYPTED for part in parts)
    return len(parts) <= PARTS and not encrypted and small <= SMALL_UNPACKED and sum(part.file_size for part in parts) <= UNPACKED


def _tags(archive: zipfile.ZipFile) -> int:
    count = 0
    for part in archive.infolist():
        with archive.open(part) as stream:
            while chunk := stream.read(_CHUNK):
                count += chunk.count(b"<")
    return count


def _read(sheets: Sequence[Any], zone: tzinfo) -> tuple[Row, ...]:
    named = {sheet.title.strip().casefold(): sheet for sheet in sheets}
    former = next((named[name] for name in named if name in HISTORY_SHEETS), None)
    demands = next((named[name] for name in named if name in DEMAND_SHEETS), None)
    if demands is None:
        demands = next((sheet for sheet in sheets if sheet is not former), None)
    if demands is None:
        raise BadFile("batch_empty")
    if former is None:
        return table_rows(_cells(demands), zone)
    steps = history_steps(_cells(former), zone)
    rows = table_rows(_cells(demands), zone, {ref: [step for _, step in found] for ref, found in steps.items() if ref})
    _require_owners(steps, {str(row.content.get("partner_ref", "")) for row in rows if isinstance(row.content, Mapping)})
    return rows


def _require_owners(steps: Mapping[str, Sequence[tuple[int, object]]], references: set[str]) -> None:
    lost = sorted(number for ref, found in steps.items() if not ref or ref not in references for number, _ in found)
    if lost:
        raise BadFile("batch_history_orphan", *(Mistake(f"history.{number}", "batch_history_orphan") for number in lost[:20]))


def _cells(sheet: Any) -> Iterator[Cells]:
    sheet.reset_dimensions()  # A sheet may declare fewer rows than it has.
    for number, row in enumerate(sheet.iter_rows(max_col=COLUMNS_READ), 1):
        spoilt = frozenset(at for at, cell in enumerate(row) if cell.value is not None and cell.data_type in ("f", "e"))
        yield Cells(number, tuple("" if at in spoilt else _text(cell.value) for at, cell in enumerate(row)), spoilt)


def _text(value: object) -> str:
    """What a person sees in a cell: whole numbers without `.0`, dates as ISO 8601."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case datetime():
            return value.replace(microsecond=0, tzinfo=None).isoformat()
        case date():
            return value.isoformat()
        case _:
            return str(value)
