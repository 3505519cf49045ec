"""Evidence: pictures that hold together are taken; what follows them or hides in their remarks is refused."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from tests.unit.router import sample_files as files
from tests.unit.router.evidence.verdicts import SAMPLES, refusal, taken
from tests.unit.router.sample_files import chunk, jpeg, png, segment


class TestPictures:
    def test_a_picture_may_be_followed_by_padding_or_by_further_pictures(self) -> None:
        assert taken(jpeg() + bytes(7) + b"\r\n") == "image/jpeg"
        assert taken(jpeg() + bytes(16) + jpeg() + jpeg()) == "image/jpeg"
        assert taken(png() + b"\n") == "image/png"

    @pytest.mark.parametrize("picture", [jpeg(), png()], ids=["jpeg", "png"])
    @pytest.mark.parametrize(
        "tail", [b"MZ\x90\x00", b"\x7fELF\x02", b"#!/bin/sh\nid", b"<?php system(0);", files.archive({"a.exe": b"MZ"}), b"x"]
    )
    def test_nothing_else_may_follow_a_picture(self, picture: bytes, tail: bytes) -> None:
        assert refusal(picture + tail) == "file_active_content"
        assert refusal(picture + bytes(9) + tail) == "file_active_content"

    @pytest.mark.parametrize("made", [lambda data: jpeg(segment(0xFE, data)), lambda data: png(chunk(b"tEXt", data))], ids=["jpeg", "png"])
    @pytest.mark.parametrize("remark", [b"x<?PHP eval", b"<SCRIPT>alert(1)", b"%PDF-1.4 /JavaScript"])
    def test_remarks_hold_no_scripts(self, made: Callable[[bytes], bytes], remark: bytes) -> None:
        assert taken(made(b"Exif, a camera")) in SAMPLES
        assert refusal(made(remark)) == "file_active_content"

    def test_a_zip_whose_comment_ends_a_picture_is_seen(self) -> None:
        zipped = files.archive({"a.exe": b"MZ"})
        inside = segment(0xFE, b"x" + zipped[:-2] + struct.pack("<H", len(jpeg()) - 20))
        content = b"\xff\xd8" + inside + jpeg()[20:]
        assert zipfile.is_zipfile(io.BytesIO(content))
        assert refusal(content) == "file_active_content"

    @pytest.mark.parametrize("place", [257, 0x8001])
    def test_disks_and_archives_with_a_late_signature_are_seen(self, place: int) -> None:
        mark = {257: b"ustar", 0x8001: b"CD001"}[place]
        content = png(chunk(b"prVt", bytes(place - 41) + mark + bytes(9)))
        assert content.index(mark) == place
        assert refusal(content) == "file_active_content"

    @pytest.mark.parametrize(
        "broken",
        [
            png(head=chunk(b"tEXt", b"x")),
            png(head=files.header(0)),
            png(head=files.header(depth=3)),
            png(head=files.header(colour=5)),
            png(files.header()),
            png(chunk(b"ABCD", b"")),
            png()[:-12].replace(b"IDAT", b"IDAt"),
            b"\x89PNG\r\n\x1a\n" + files.header() + chunk(b"IEND", b""),
            jpeg().replace(b"\xff\xda", b"\xff\xe5"),
            jpeg().replace(b"\xff\xff\xc0", b"\xff\xff\xe1"),
            jpeg(b"\xff\x01\x00\x02"),
            jpeg(*[segment(0xE0, b"")] * 50_001),
            jpeg(width=0),
            b"\xff\xd8\xff\xd9",
            b"\xff\xd8\xff\xd8" + jpeg(),
            jpeg(b"junk"),
        ],
    )
    def test_pictures_that_do_not_hold_together_are_damaged(self, broken: bytes) -> None:
        assert refusal(broken) == "file_damaged"

    def test_a_picture_that_would_fill_the_memory_of_its_viewer_is_too_large(self) -> None:
        assert refusal(png(head=files.header(60_000, 60_000))) == "file_too_large"
        assert refusal(jpeg(width=60_000, height=60_000)) == "file_too_large"

    def test_a_changed_byte_in_a_chunk_is_found_by_its_checksum(self) -> None:
        content = bytearray(png(chunk(b"tEXt", b"remark")))
        content[content.index(b"remark")] ^= 1
        assert refusal(bytes(content)) == "file_damaged"
