"""The page on batch import is so: its columns, commands and results exist, and its samples go in."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import lru_cache

import pytest
from typer.main import get_command

from cli.importing import MEDIA_TYPES
from cli.main import app
from libs.chassis.catalogue import CATALOGUE
from libs.directory import Network, load_network
from services.intake.batch import BYTES, FORMATS, ROWS, BatchFile, read_csv, read_lines
from services.intake.batch_columns import COLUMNS, HISTORY
from services.intake.batch_run import OUTCOMES
from services.intake.codes import check_codes
from services.intake.former import former_case
from services.intake.shapes import STEP_WORDS, ImportedDemand
from tests.unit.house.sources import ROOT
from tests.unit.intake.batch_files import ZONE

PAGE = (ROOT / "docs" / "import.md").read_text("utf-8")
SAMPLES = sorted((ROOT / "docs" / "samples").iterdir())


@lru_cache(maxsize=1)
def ningbo() -> Network:
    return Network(load_network(ROOT / "networks" / "ningbo"))


def read(name: str) -> BatchFile:
    data = (ROOT / "docs" / "samples" / name).read_bytes()
    return read_lines(data) if name.endswith(".ndjson") else read_csv(data, ZONE)


def demands(name: str) -> list[ImportedDemand]:
    rows = read(name).rows
    assert all(row.mistake is None for row in rows)
    urgency = {entry.title_zh: entry.code for entry in ningbo().codes("urgency")}
    found = []
    for row in rows:
        if isinstance(row.content, bytes):
            found.append(ImportedDemand.model_validate_json(row.content))
        else:
            given = dict(row.content)
            given |= {"urgency": urgency.get(str(given["urgency"]), given["urgency"])} if "urgency" in given else {}
            found.append(ImportedDemand.model_validate(given))
    return found


@pytest.mark.parametrize("name", [path.name for path in SAMPLES])
def test_every_sample_goes_in_and_says_that_it_is_one(name: str) -> None:
    found = demands(name)
    assert len(found) >= 2
    for demand in found:
        check_codes(ningbo(), demand)
        former = former_case(demand, "old", datetime(2025, 12, 1, tzinfo=UTC))
        assert (former is not None) == name.startswith("open-cases")
        assert demand.sample
        assert all("样例" in text for text in (demand.title, demand.description, demand.requester.name, demand.requester.contact.name))


def test_the_tables_have_every_column_and_no_other() -> None:
    for columns, title in [(COLUMNS, "| 列 | column |"), (HISTORY, "| 办理历史的列 | column |")]:
        table = PAGE.partition(title)[2].partition("\n\n")[0]
        rows = [tuple(cell.strip() for cell in line.split("|")[1:4]) for line in table.splitlines()[2:]]
        assert rows == [(column.zh, column.name, "✓" if column.required else "") for column in columns]
    members = dict(re.findall(r"\| (\w+) \| ✓? ?\| `([\w.]+)` \|", PAGE))
    assert members == {column.name: column.member for column in COLUMNS}


def test_every_result_step_and_limit_is_told() -> None:
    assert all(f"| `{outcome}` |" in PAGE for outcome in OUTCOMES)
    assert all(f"`{code}`" in PAGE for code in STEP_WORDS.values())
    assert all(kind in PAGE for kind in FORMATS)
    assert f"{BYTES // 1024 // 1024} MB, {ROWS:,} rows" in PAGE
    assert set(re.findall(r"`(batch_\w+|unknown_\w+)`", PAGE)) <= set(CATALOGUE)


def test_every_line_of_the_example_answer_is_json_with_a_known_result() -> None:
    example = PAGE.partition("```json\n")[2].partition("```")[0]
    lines = [json.loads(line) for line in example.splitlines()]
    assert {line["result"] for line in lines[:-1]} <= set(OUTCOMES)
    assert lines[-1]["totals"]["rows"] == len(lines) - 1


def test_the_commands_exist_and_name_files_that_exist() -> None:
    command = get_command(app).commands["import"]  # type: ignore[attr-defined]
    options = {name for parameter in command.params for name in parameter.opts}
    named = re.findall(r"^liandong import (\S+)(.*?)(?: +#.*)?$", PAGE, flags=re.M)
    assert len(named) == 3
    for path, arguments in named:
        assert (ROOT / path).is_file()
        assert (ROOT / path).suffix in MEDIA_TYPES
        assert set(re.findall(r"--[\w-]+", arguments)) <= options
    assert set(re.findall(r"`(--[\w-]+)`", PAGE)) <= options
