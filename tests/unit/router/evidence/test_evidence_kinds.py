"""Evidence: five types are taken, told by their bytes; whatever else comes is refused with a code that says so."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events import Refused
from libs.events.algorithms import digest, matches
from services.router.evidence import LARGEST, FileFacts, MediaType, file_id, inspect_file
from services.router.evidence.facts import Allowance
from tests.unit.router import sample_files as files
from tests.unit.router.evidence.verdicts import SAMPLES, every_sample, refusal, taken
from tests.unit.router.sample_files import docx, jpeg, pdf, png


class TestWhatIsTaken:
    @every_sample
    def test_the_five_types_are_told_by_their_bytes(self, media_type: str) -> None:
        content = SAMPLES[media_type]
        assert inspect_file(content, media_type) == FileFacts(MediaType(media_type), len(content), digest(content))
        assert taken(content, None) == taken(content, "application/octet-stream") == media_type

    @every_sample
    def test_the_declared_type_must_agree_with_the_bytes(self, media_type: str) -> None:
        for declared in {*SAMPLES, "text/html", "application/zip"} - {media_type}:
            assert refusal(SAMPLES[media_type], declared) == "file_type_mismatch"
        assert taken(SAMPLES[media_type], f" {media_type.upper()} ; charset=binary") == media_type

    def test_the_old_names_of_jpeg_are_understood(self) -> None:
        assert taken(jpeg(), "image/jpg") == taken(jpeg(), "image/pjpeg") == "image/jpeg"

    @pytest.mark.parametrize(
        "content",
        [
            b"plain text",
            b"<html><script>alert(1)</script></html>",
            b"GIF89a" + bytes(20),
            b"MZ" + bytes(100),
            b"\x7fELF" + bytes(100),
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
            b"\n" + pdf(),
            b"\x00" + jpeg(),
            files.archive({"a.txt": "text"}),
            docx(**{"[Content_Types].xml": files.types(main="application/x-template+xml")}),
        ],
    )
    def test_other_types_are_not_taken(self, content: bytes) -> None:
        assert refusal(content) == "file_type_not_allowed"

    def test_an_empty_file_and_one_byte_too_many_are_refused(self) -> None:
        assert refusal(b"") == "file_empty"
        padding = png() + bytes(LARGEST - len(png()))
        assert taken(padding) == "image/png"
        assert refusal(padding + b"\x00") == "file_too_large"


class TestTheNameOfAFile:
    def test_the_same_bytes_of_one_demand_have_one_name(self) -> None:
        named = file_id("ningbo-t1-0123456789abcdef", digest(b"x"))
        assert named == file_id("ningbo-t1-0123456789abcdef", digest(b"x"))
        assert re.fullmatch(r"f-[0-9a-hjkmnp-tv-z]{20}", named)

    @given(st.lists(st.tuples(st.sampled_from(["d1", "d2"]), st.binary(max_size=4)), min_size=2, max_size=2, unique=True))
    def test_other_bytes_or_another_demand_give_another_name(self, pair: list[tuple[str, bytes]]) -> None:
        one, other = (file_id(demand, digest(content)) for demand, content in pair)
        assert one != other


class TestWhateverComes:
    @every_sample
    def test_a_file_cut_off_is_never_taken(self, media_type: str) -> None:
        content = SAMPLES[media_type]
        places = range(len(content)) if len(content) < 2000 else random.Random(7).sample(range(len(content)), 800)
        for place in places:
            assert refusal(content[:place]) in ("file_empty", "file_damaged", "file_type_not_allowed")

    @settings(deadline=None, max_examples=300)
    @given(
        start=st.sampled_from([b"", b"%PDF-1.7\n", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"PK\x03\x04"]),
        middle=st.binary(max_size=400),
        end=st.sampled_from([b"", b"startxref\n9\n%%EOF", b"\xff\xd9", b"\x00\x00\x00\x00IEND\xaeB`\x82", docx()[-300:], docx()[-22:]]),
        declared=st.none() | st.sampled_from(sorted(SAMPLES)) | st.text(max_size=20),
    )
    def test_random_bytes_are_refused_and_raise_nothing_else(self, start: bytes, middle: bytes, end: bytes, declared: str | None) -> None:
        try:
            facts = inspect_file(start + middle + end, declared)
        except Refused:
            return
        assert matches(start + middle + end, facts.digest)

    @every_sample
    @settings(deadline=None, max_examples=150)
    @given(changes=st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=6), st.integers(0, 6)), min_size=1, max_size=4))
    def test_changed_files_are_taken_or_refused_and_raise_nothing_else(
        self, media_type: str, changes: list[tuple[int, bytes, int]]
    ) -> None:
        content = SAMPLES[media_type]
        for place, new, removed in changes:
            place %= len(content)
            content = content[:place] + new + content[place + removed :]
        try:
            facts = inspect_file(content, None)
        except Refused:
            return
        assert (facts.media_type, facts.size) == (media_type, len(content))

    def test_an_allowance_ends_past_its_last_byte(self) -> None:
        allowance = Allowance(3)
        allowance.take(3)
        with pytest.raises(Refused):
            allowance.take(1)
