"""One sample of each type of evidence, and what the inspection says of a file."""

from __future__ import annotations

import pytest

from libs.events import Refused
from services.router.evidence import inspect_file
from tests.unit.router.sample_files import DOCX, XLSX, docx, jpeg, pdf, png, xlsx

SAMPLES: dict[str, bytes] = {"application/pdf": pdf(), "image/jpeg": jpeg(), "image/png": png(), DOCX: docx(), XLSX: xlsx()}
every_sample = pytest.mark.parametrize("media_type", sorted(SAMPLES))


def refusal(content: bytes, declared: str | None = None) -> str:
    with pytest.raises(Refused) as caught:
        inspect_file(content, declared)
    return caught.value.code


def taken(content: bytes, declared: str | None = None) -> str:
    return inspect_file(content, declared).media_type.value
