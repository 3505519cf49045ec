"""Read a batch of demands (批量导入) from NDJSON, CSV or XLSX into rows. Pure; tells every mistake by its place, never by a value.

A file that cannot be taken as a whole is a BadFile. A row that cannot be read carries its own mistake and stays in its place, so that
there is one result for every row. Row numbers are those a spreadsheet shows; in NDJSON those of the lines.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final, Literal

from libs.events.errors import Refused
from services.intake.batch_columns import COLUMNS, HISTORY, Column, nested, step_of

BYTES: Final = 10 * 1024 * 1024
ROWS: Final = 5_000
ROW_BYTES: Final = 64 * 1024
SCANNED: Final = 20_000
"""Sheet rows looked at, empty ones counted: a sheet formatted down to its last row ends here."""
Format = Literal["ndjson", "csv", "xlsx"]
FORMATS: Final[Mapping[str, Format]] = {
    "application/x-ndjson": "ndjson",
    "text/csv": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
_DELIMITERS: Final = ",;\t"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong where: a member (`requester.uscc`), a column (`columns.3`) or a row of the history sheet (`history.7`)."""

    field: str
    code: str


class BadFile(Refused):
    """The file as a whole cannot be taken; no row of it was."""

    def __init__(self, code: str, *mistakes: Mistake) -> None:
        super().__init__(code, field=mistakes[0].field if mistakes else None)
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Row:
    """One row: JSON bytes or plain members of the body of a demand, or the mistake that keeps it from being read."""

    number: int
    content: bytes | Mapping[str, object]
    mistake: Mistake | None = None


@dataclass(frozen=True, slots=True)
class BatchFile:
    """A file as it was read; `encoding` is what its text was taken for."""

    format: Format
    encoding: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Cells:
    """One row of a table before its columns are known. `spoilt` are the positions of cells without a value of their own."""

    number: int
    texts: tuple[str, ...]
    spoilt: frozenset[int] = frozenset()


def read_lines(data: bytes) -> BatchFile:
    """Read NDJSON: one JSON body of `POST /v1/demands` a line, empty lines skipped. Raises BadFile."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    try:
        data.decode()
    except UnicodeDecodeError as error:
        raise BadFile("batch_encoding") from error
    rows = []
    for number, line in enumerate(io.BytesIO(data), 1):
        content = line.strip()
        if content:
            too_large = len(content) > ROW_BYTES
            rows.append(Row(number, b"" if too_large else content, Mistake("", "body_too_large") if too_large else None))
        _limit(rows, ROWS)
    return BatchFile("ndjson", "utf-8", _some(rows))


def read_csv(data: bytes, zone: tzinfo) -> BatchFile:
    """Read CSV in UTF-8 or GB18030, separated by comma, semicolon or tab. Times without a zone are in `zone`. Raises BadFile."""
    text, encoding = decode_text(data)
    head = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    return BatchFile("csv", encoding, table_rows(_records(text, delimiter), zone))


def _records(text: str, delimiter: str) -> Iterator[Cells]:
    """The records of a CSV. A quote that does not close would swallow the rows behind it: then no row is taken. Raises BadFile."""
    reader, number = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), 1
    try:
        for record in reader:
            yield Cells(number, tuple(record))
            number += 1
    except csv.Error as error:
        raise BadFile("batch_quotes", Mistake(f"rows.{number}", "batch_quotes")) from error


def decode_text(data: bytes) -> tuple[str, str]:
    """Decode a text file and say how: UTF-8 if it can be that, else GB18030, as Excel saves in China. Raises BadFile."""
    for encoding in ("utf-8", "gb18030"):
        try:
            text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" in text:
            raise BadFile("batch_unreadable")
        return text, encoding
    raise BadFile("batch_encoding")


def table_rows(
    table: Iterable[Cells], zone: tzinfo, history: Mapping[str, Sequence[Mapping[str, object]]] | None = None
) -> tuple[Row, ...]:
    """Turn a table with its header into rows; `history` holds the steps by partner_ref. Raises BadFile."""
    filled = _filled(table)
    columns = _columns(next(filled, None), COLUMNS)
    rows: list[Row] = []
    for cells in filled:
        rows.append(_row(cells, columns, zone, history or {}))
        _limit(rows, ROWS)
    return _some(rows)


def history_steps(table: Iterable[Cells], zone: tzinfo) -> dict[str, list[tuple[int, Mapping[str, object]]]]:
    """Read the sheet of former steps: by partner_ref, the row number and the step. Raises BadFile."""
    filled = _filled(table)
    header = next(filled, None)
    if header is None:
        return {}
    columns = _columns(header, HISTORY)
    steps: dict[str, list[tuple[int, Mapping[str, object]]]] = {}
    for cells in filled:
        mistake = _spoilt(cells, columns)
        if mistake is not None:
            raise BadFile("batch_formula", Mistake(f"history.{cells.number}", "batch_formula"))
        values = _values(cells, columns)
        steps.setdefault(values.pop("partner_ref", ""), []).append((cells.number, step_of(values, zone)))
    return steps


def _filled(table: Iterable[Cells]) -> Iterator[Cells]:
    for cells in table:
        if cells.number > SCANNED:
            raise BadFile("batch_too_many_rows")
        if any(text.strip() for text in cells.texts) or cells.spoilt:
            yield cells


def _columns(header: Cells | None, known: Sequence[Column]) -> list[Column | None]:
    """The column each position holds; None where the header is empty."""
    if header is None:
        raise BadFile("batch_empty")
    names = {name: column for column in known for name in column.names}
    found: list[Column | None] = []
    mistakes = []
    for position, text in enumerate(header.texts, 1):
        name = "".join(text.split()).strip("*\ufeff＊").casefold()
        column = names.get(name)
        if column is None and name:
            mistakes.append(Mistake(f"columns.{position}", "batch_column_unknown"))
        elif column is not None and column in found:
            mistakes.append(Mistake(column.name, "batch_column_repeated"))
        found.append(column)
    mistakes += [Mistake(column.name, "batch_column_missing") for column in known if column.required and column not in found]
    if mistakes:
        raise BadFile("batch_columns", *mistakes)
    return found


def _row(cells: Cells, columns: Sequence[Column | None], zone: tzinfo, history: Mapping[str, Sequence[Mapping[str, object]]]) -> Row:
    mistake = _spoilt(cells, columns)
    if mistake is not None:
        return Row(cells.number, {}, mistake)
    values = _values(cells, columns)
    steps = history.get(values.get("partner_ref", ""), ())
    return Row(cells.number, nested(values, zone) | ({"history": list(steps)} if steps else {}))


def _spoilt(cells: Cells, columns: Sequence[Column | None]) -> Mistake | None:
    for position in sorted(cells.spoilt):
        column = columns[position] if position < len(columns) else None
        if column is not None:
            return Mistake(column.member, "batch_formula")
    beyond = [at for at, text in enumerate(cells.texts) if text.strip() and (at >= len(columns) or columns[at] is None)]
    return Mistake(f"columns.{beyond[0] + 1}", "batch_column_unknown") if beyond else None


def _values(cells: Cells, columns: Sequence[Column | None]) -> dict[str, str]:
    """What stands in known columns, by column name; empty cells are absent."""
    pairs = zip(columns, cells.texts, strict=False)
    return {column.name: stripped for column, text in pairs if column is not None and (stripped := text.strip())}


def _limit(rows: Sequence[Row], most: int) -> None:
    if len(rows) > most:
        raise BadFile("batch_too_many_rows")


def _some(rows: Sequence[Row]) -> tuple[Row, ...]:
    if not rows:
        raise BadFile("batch_empty")
    return tuple(rows)
