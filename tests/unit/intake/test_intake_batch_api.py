"""The edge of batches: how many fit into the process at a time, and what the API document says of them."""

from __future__ import annotations

import json

import pytest

from libs.chassis.edge import BODY_LIMIT
from services.intake.batch import BYTES, FORMATS, BadFile
from services.intake.batch_api import AT_ONCE, PATH, UPLOAD, BatchBusy, BatchHall
from services.intake.shapes import HistoryStep, ImportedDemand
from tests.unit.intake.batch_files import ZONE, as_csv, cells
from tools.catalogue import app_of


def test_as_many_batches_as_fit_into_memory_and_the_next_is_sent_away() -> None:
    hall = BatchHall()
    leaving = [hall.enter() for _ in range(AT_ONCE)]
    with pytest.raises(BatchBusy):
        hall.enter()
    leaving[0]()
    hall.enter()


async def test_a_file_is_read_in_its_format_and_its_mistakes_come_through_the_thread() -> None:
    hall = BatchHall()
    assert (await hall.read(as_csv([cells()]), "csv", ZONE)).format == "csv"
    with pytest.raises(BadFile, match="batch_unreadable"):
        await hall.read(as_csv([cells()]), "xlsx", ZONE)
    with pytest.raises(BadFile, match="batch_empty"):
        await hall.read(b"", "ndjson", ZONE)


def test_only_the_path_of_batches_takes_files() -> None:
    assert UPLOAD.path.fullmatch(PATH)
    assert not UPLOAD.path.fullmatch("/v1/demands")
    assert UPLOAD.limit == BYTES > BODY_LIMIT


def test_the_api_document_shows_all_formats_and_every_member_of_a_row() -> None:
    operation = app_of("intake").openapi()["paths"][PATH]["post"]
    content = operation["requestBody"]["content"]
    assert set(content) == set(FORMATS)
    schema = content["application/x-ndjson"]["schema"]
    assert set(schema["properties"]) == set(ImportedDemand.model_fields)
    assert set(schema["properties"]["history"]["items"]["properties"]) == set(HistoryStep.model_fields)
    assert "$defs" not in json.dumps(operation)
    assert set(operation["responses"]["200"]["content"]) == {"application/x-ndjson"}
    assert {parameter["name"] for parameter in operation["parameters"]} == {"dry_run", "source", "Idempotency-Key"}
