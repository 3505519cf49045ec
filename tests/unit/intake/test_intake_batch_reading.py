"""Files of demands are read as people and Excel save them; what cannot be taken is told by its place, before any row is taken."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.chassis.catalogue import CATALOGUE
from services.intake import batch, batch_sheet
from services.intake.batch import BadFile, BatchFile, Mistake, decode_text, read_csv, read_lines
from services.intake.batch_columns import COLUMNS, local_moment, nested
from services.intake.batch_sheet import read_workbook
from tests.unit.intake.batch_files import ZONE, as_csv, as_lines, as_workbook, body, cells

# What a sheet cannot hold: control characters, half surrogates, lone carriage returns, and the escape that openpyxl itself undoes.
_SPOKEN = st.text(st.characters(exclude_categories=("Cc", "Cs", "Co", "Cn"), exclude_characters="\ufffe\uffff"), min_size=1, max_size=30)
TEXTS = _SPOKEN.map(str.strip).filter(lambda text: text and "_x" not in text)
REQUIRED = [column.name for column in COLUMNS if column.required]
OPTIONAL = ["category", "carrier", "industry", "urgency", "channel", "partner_ref", "former_status"]
ROWS = st.lists(st.fixed_dictionaries(dict.fromkeys(REQUIRED, TEXTS), optional=dict.fromkeys(OPTIONAL, TEXTS)), min_size=1, max_size=8)


def contents(file: BatchFile) -> list[Mapping[str, object]]:
    assert all(row.mistake is None for row in file.rows)
    return [row.content for row in file.rows if isinstance(row.content, Mapping)]


@given(ROWS, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]), st.sampled_from(",;\t"))
@settings(max_examples=60, deadline=None)
def test_a_csv_file_gives_back_the_rows_it_was_made_of(table: list[dict[str, str]], chinese: bool, encoding: str, delimiter: str) -> None:
    read = read_csv(as_csv(table, chinese=chinese, encoding=encoding, delimiter=delimiter), ZONE)
    assert contents(read) == [nested(row, ZONE) for row in table]
    assert [row.number for row in read.rows] == list(range(2, len(table) + 2))


@given(ROWS, st.booleans())
@settings(max_examples=25, deadline=None)
def test_a_workbook_gives_back_the_rows_it_was_made_of(table: list[dict[str, str]], chinese: bool) -> None:
    sound = [{name: text if not text.startswith("=") else "-" for name, text in row.items()} for row in table]
    read = read_workbook(as_workbook(sound, chinese=chinese), ZONE)
    assert contents(read) == [nested(row, ZONE) for row in sound]
    assert [row.number for row in read.rows] == list(range(2, len(table) + 2))


@given(st.lists(st.dictionaries(TEXTS, TEXTS, max_size=4).map(lambda more: body(**{"x": more})), min_size=1, max_size=8))
def test_lines_are_kept_byte_for_byte_each_under_its_number(bodies: list[dict[str, object]]) -> None:
    read = read_lines(as_lines(bodies))
    assert [as_lines([one]).strip() for one in bodies] == [row.content for row in read.rows]
    assert [row.number for row in read.rows] == list(range(1, len(bodies) + 1))


def test_what_excel_saves_in_china_is_read_and_named() -> None:
    table = [cells(title="样例：办理㐂字号的诉求")]
    for encoding, told in [("gb18030", "gb18030"), ("utf-8", "utf-8"), ("utf-8-sig", "utf-8")]:
        read = read_csv(as_csv(table, chinese=True, encoding=encoding), ZONE)
        assert (read.encoding, contents(read)[0]["title"]) == (told, "样例：办理㐂字号的诉求")


@pytest.mark.parametrize("data", ["标题".encode("utf-16"), "\ufeff标题".encode("utf-16-be"), b"\x81\x20\xff\xff"])
def test_another_encoding_is_refused_rather_than_guessed(data: bytes) -> None:
    with pytest.raises(BadFile, match="batch_encoding"):
        decode_text(data)
    with pytest.raises(BadFile, match="batch_encoding"):
        read_lines(b'{"title": "\xff"}')


def test_empty_lines_are_skipped_and_counted() -> None:
    lines = as_lines([body()]) + b"\n  \r\n" + as_lines([body()])
    assert [row.number for row in read_lines(b"\xef\xbb\xbf" + lines).rows] == [1, 4]
    table = as_csv([cells(), {}, cells()])
    assert [row.number for row in read_csv(table, ZONE).rows] == [2, 4]
    assert [row.number for row in read_workbook(as_workbook([cells(), {}, cells()]), ZONE).rows] == [2, 4]


def test_a_cell_may_hold_commas_quotes_and_lines() -> None:
    text = '第一行，"引号"\n第二行, 逗号'
    assert contents(read_csv(as_csv([cells(description=text)]), ZONE))[0]["description"] == text
    assert contents(read_workbook(as_workbook([cells(description=text)]), ZONE))[0]["description"] == text


def test_numbers_in_a_sheet_become_the_digits_a_person_sees() -> None:
    row: dict[str, object] = {**cells(), "region": 330206, "contact_phone": 13800000000.0, "partner_ref": 12.5, "sample": True}
    read = contents(read_workbook(as_workbook([row]), ZONE))[0]
    assert read["region"] == "330206"
    assert read["requester"] == {**nested(cells(), ZONE)["requester"], "contact": {"name": "样例联系人", "phone": "13800000000"}}  # type: ignore[dict-item]
    assert (read["partner_ref"], read["sample"]) == ("12.5", "true")


@pytest.mark.parametrize("formula", ["=1+1", '=HYPERLINK("http://x")', "#N/A"])
def test_a_formula_or_error_spoils_its_row_and_no_other(formula: str) -> None:
    rows = read_workbook(as_workbook([cells(), cells(uscc=formula), cells()]), ZONE).rows
    assert [row.mistake for row in rows] == [None, Mistake("requester.uscc", "batch_formula"), None]
    assert rows[1].content == {}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01 09:30", "2026-03-01T09:30:00+08:00"),
        ("2026/3/1 9:30:15", "2026-03-01T09:30:15+08:00"),
        ("2026年3月1日", "2026-03-01T00:00:00+08:00"),
        ("2026.03.01", "2026-03-01T00:00:00+08:00"),
        ("2026-03-01T09:30:00", "2026-03-01T09:30:00+08:00"),
        ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00Z"),
        ("2026-02-30", "2026-02-30"),
        ("昨天", "昨天"),
    ],
)
def test_times_without_a_zone_are_those_of_the_network(text: str, moment: str) -> None:
    assert local_moment(text, ZONE) == moment


def test_a_date_cell_is_a_time_of_the_network() -> None:
    row: dict[str, object] = {**cells(partner_ref="A-1"), "received_at": datetime(2026, 3, 1, 9, 30)}  # noqa: DTZ001 Excel knows no zones
    assert contents(read_workbook(as_workbook([row]), ZONE))[0]["received_at"] == "2026-03-01T09:30:00+08:00"


@pytest.mark.parametrize(
    ("change", "mistakes"),
    [
        (("标题", "题目"), {Mistake("columns.1", "batch_column_unknown"), Mistake("title", "batch_column_missing")}),
        (("标题,内容", "标题,标题"), {Mistake("title", "batch_column_repeated"), Mistake("description", "batch_column_missing")}),
        (("地区", ""), {Mistake("region", "batch_column_missing")}),
    ],
)
def test_a_wrong_header_is_told_by_column_never_by_what_stands_there(change: tuple[str, str], mistakes: set[Mistake]) -> None:
    table = as_csv([cells()], chinese=True).decode().replace(*change, 1).encode()
    with pytest.raises(BadFile, match="batch_columns") as bad:
        read_csv(table, ZONE)
    assert set(bad.value.mistakes) == mistakes
    assert "题目" not in repr(bad.value.mistakes)


def test_a_header_may_mark_required_columns_and_be_spaced() -> None:
    table = as_csv([cells()], chinese=True).decode().replace("标题", " 标 题 *").replace("地区", "地区＊").encode()
    assert len(read_csv(table, ZONE).rows) == 1


def test_a_cell_beyond_the_header_spoils_its_row() -> None:
    table = as_csv([cells(), cells()]).replace(b"true\r\n", b"true,13800000000\r\n", 1)
    assert [row.mistake for row in read_csv(table, ZONE).rows] == [Mistake("columns.9", "batch_column_unknown"), None]


def test_more_rows_than_allowed_are_refused_in_every_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "ROWS", 3)
    for read, made in [(read_lines, as_lines([body()] * 4)), (lambda data: read_csv(data, ZONE), as_csv([cells()] * 4))]:
        with pytest.raises(BadFile, match="batch_too_many_rows"):
            read(made)
    with pytest.raises(BadFile, match="batch_too_many_rows"):
        read_workbook(as_workbook([cells()] * 4), ZONE)
    assert len(read_lines(as_lines([body()] * 3)).rows) == 3


@pytest.mark.parametrize(
    "read",
    [read_lines, lambda data: read_csv(data, ZONE), lambda data: read_workbook(as_workbook([]), ZONE)],
    ids=["ndjson", "csv", "xlsx"],
)
def test_a_file_without_rows_is_refused(read: Callable[[bytes], BatchFile]) -> None:
    with pytest.raises(BadFile, match="batch_empty"):
        read(b"\n\n")


def test_a_line_larger_than_a_single_demand_may_be_is_refused_alone() -> None:
    rows = read_lines(as_lines([body(), body(description="长" * 30_000), body()])).rows
    assert [row.mistake for row in rows] == [None, Mistake("", "body_too_large"), None]
    assert rows[1].content == b""


def test_the_second_sheet_gives_each_case_its_history() -> None:
    steps: list[dict[str, object]] = [
        {"partner_ref": "A-1", "at": "2026-03-01 09:30", "step": "受理"},
        {"partner_ref": "A-1", "at": datetime(2026, 3, 2), "step": "派单", "node": "hs-01", "note": "样例说明"},  # noqa: DTZ001
    ]
    read = contents(read_workbook(as_workbook([cells(partner_ref="A-1"), cells(partner_ref="A-2")], chinese=True, history=steps), ZONE))
    assert read[0]["history"] == [
        {"at": "2026-03-01T09:30:00+08:00", "step": "受理"},
        {"at": "2026-03-02T00:00:00+08:00", "step": "派单", "node": "hs-01", "note": "样例说明"},
    ]
    assert "history" not in read[1]


def test_history_without_a_demand_is_not_dropped_silently() -> None:
    steps = [{"partner_ref": ref, "at": "2026-03-01", "step": "受理"} for ref in ("A-1", "A-9", None)]
    with pytest.raises(BadFile, match="batch_history_orphan") as bad:
        read_workbook(as_workbook([cells(partner_ref="A-1")], history=steps), ZONE)
    assert [mistake.field for mistake in bad.value.mistakes] == ["history.3", "history.4"]


def zipped(**parts: bytes) -> bytes:
    """A workbook in which some parts are replaced."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(as_workbook([cells()]))) as sound, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sound.namelist():
            archive.writestr(name, parts.get(name.rpartition("/")[2].partition(".")[0], sound.read(name)))
    return written.getvalue()


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%b</sheetData></worksheet>'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 no workbook",
        as_csv([cells()]),
        as_workbook([cells()])[:-200],
        zipped(sheet1=b"<a><b></a>"),
        zipped(sheet1=SHEET % (b" " * 40_000_000)),
        zipped(sheet1=SHEET % (b"<row>" + b"<c/>" * 1_100_000 + b"</row>")),
        zipped(styles=b" " * 5_000_000),
        zipped(sheet1=b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + SHEET % b'<row r="1"><c t="str"><v>&b;</v></c></row>'),
        zipped(workbook=b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><x>&a;</x>'),
    ],
    ids=["empty", "not_zip", "csv", "cut", "broken_xml", "bomb", "tags", "styles", "entities", "external"],
)
def test_a_damaged_or_hostile_workbook_is_refused_before_it_is_unpacked(data: bytes) -> None:
    with pytest.raises(BadFile, match="batch_unreadable"):
        read_workbook(data, ZONE)


def test_a_row_far_below_and_a_column_far_to_the_right_do_not_cost_what_they_claim() -> None:
    far = b'<row r="1"><c r="XFD1" t="str"><v>x</v></c></row><row r="1048576"><c r="A1048576" t="str"><v>x</v></c></row>'
    with pytest.raises(BadFile, match="batch_"):
        read_workbook(zipped(sheet1=SHEET % far), ZONE)


def test_a_sheet_that_declares_fewer_rows_than_it_has_is_read_whole() -> None:
    with zipfile.ZipFile(io.BytesIO(as_workbook([cells(), cells()]))) as sound:
        sheet = sound.read("xl/worksheets/sheet1.xml").replace(b'ref="A1:H3"', b'ref="A1:A1"')
    assert b'ref="A1:A1"' in sheet
    assert len(read_workbook(zipped(sheet1=sheet), ZONE).rows) == 2


def test_a_csv_with_binary_in_it_is_refused() -> None:
    with pytest.raises(BadFile, match="batch_unreadable"):
        read_csv(as_csv([cells(title="a\x00b")]), ZONE)


@pytest.mark.parametrize("column", ["title", "contact_phone"])
@pytest.mark.parametrize(
    ("cell", "row"),
    [('"never closed', 4), ('"closed" too early', 4), ('"' + "a" * 140_000 + '"', 4), ('"a","b" c', 4)],
    ids=["open", "early", "long", "behind"],
)
def test_a_quote_that_is_not_right_loses_no_row_silently(column: str, cell: str, row: int) -> None:
    table = [cells(title=f"样例：第 {number} 件", contact_phone="0574-00000000") for number in range(1, 7)]
    lines = as_csv(table).decode().splitlines(keepends=True)
    lines[row - 1] = lines[row - 1].replace(table[row - 2][column], cell)
    with pytest.raises(BadFile) as refused:
        read_csv("".join(lines).encode(), ZONE)
    assert (refused.value.code, refused.value.mistakes) == ("batch_quotes", (Mistake(f"rows.{row}", "batch_quotes"),))


def test_quotes_as_people_and_excel_write_them_are_read() -> None:
    said = ['他说"可以"', "两行\n文字", "一，二,三", 'inch 5"', '"']
    table = [cells(title=f"样例{text}样例") for text in said]
    assert [content["title"] for content in contents(read_csv(as_csv(table), ZONE))] == [cell["title"] for cell in table]
    plain = as_csv([cells(title="样例 5 寸屏")]).replace("5 寸".encode(), '5" 寸'.encode())
    assert contents(read_csv(plain, ZONE))[0]["title"] == '样例 5" 寸屏'


def test_the_reader_of_workbooks_is_the_hardened_one() -> None:
    assert openpyxl.DEFUSEDXML
    assert batch_sheet.TAGS < 2_000_000


def test_every_mistake_a_file_can_have_is_in_the_catalogue() -> None:
    codes = {
        f"batch_{name}"
        for name in ("media_type", "unreadable", "encoding", "quotes", "columns", "too_many_rows", "empty", "history_orphan")
    }
    codes |= {f"batch_{name}" for name in ("column_missing", "column_unknown", "column_repeated", "formula", "row_changed", "row_repeated")}
    assert codes <= set(CATALOGUE)
