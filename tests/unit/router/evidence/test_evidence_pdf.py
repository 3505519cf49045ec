"""Evidence: PDF documents are taken unless they do something by themselves, hide it, or are broken."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib

import pytest

from tests.unit.router import sample_files as files
from tests.unit.router.evidence.verdicts import refusal, taken
from tests.unit.router.sample_files import jpeg, object_stream, pdf, stream

ACTION = b"<< /S /JavaScript /JS (app.alert\\(1\\)) >>"


class TestPdf:
    @pytest.mark.parametrize(
        "content",
        [
            pdf(catalog=b"/OpenAction [3 0 R /Fit]"),
            pdf(b"<< /Type /Annot /Subtype /Link /A << /S /URI /URI (https://example.org) >> >>"),
            pdf(object_stream(b"<< /Type /Font >>")),
            pdf(stream(b"/Filter /DCTDecode", jpeg())),
            pdf(stream(b"/Filter /DCTDecode", b"\xff\xd8 /JS (by chance) ")),
            pdf(trailer=b"/Encrypt << /Filter /Standard >>"),
            pdf() + b"\r\n",
        ],
    )
    def test_ordinary_documents_are_taken(self, content: bytes) -> None:
        assert taken(content) == "application/pdf"

    @pytest.mark.parametrize(
        "content",
        [
            pdf(ACTION),
            pdf(catalog=b"/OpenAction " + ACTION),
            pdf(b"<< /S /#4aava#53cript >>"),
            pdf(b"<< /JS 9 0 R >>"),
            pdf(b"<< /S /Launch /F (cmd.exe) >>"),
            pdf(catalog=b"/Names << /EmbeddedFiles 9 0 R >>"),
            pdf(stream(b"/Type /EmbeddedFile", b"MZ")),
            pdf(b"<< /Subtype/RichMedia>>"),
            pdf(catalog=b"/AcroForm << /XFA 9 0 R >>"),
            pdf(b"<< /S /GoToE >>"),
        ],
    )
    def test_documents_that_do_something_by_themselves_are_refused(self, content: bytes) -> None:
        assert refusal(content) == "file_active_content"

    @pytest.mark.parametrize(
        "hidden",
        [
            object_stream(ACTION),
            object_stream(b"<< /S /J#61vaScript >>"),
            object_stream(ACTION, dictionary=b"/Type /Obj#53tm /Filter /FlateDecode"),
            object_stream(ACTION, dictionary=b"/N 1 /First 5 /Filter /Fl"),
            object_stream(ACTION, dictionary=b"/Filter /FlateDecode"),
            object_stream(b"<< >> " * 200_000 + ACTION),
            stream(b"/Type /ObjStm /Filter [/ASCIIHexDecode /FlateDecode]", zlib.compress(files.objects(ACTION)).hex().encode()),
            stream(b"/Type /ObjStm /Filter [/FlateDecode /FlateDecode]", zlib.compress(zlib.compress(files.objects(ACTION)))),
            stream(b"/Type /ObjStm /Filter 9 0 R", zlib.compress(zlib.compress(files.objects(ACTION)))),
            stream(b"/Filter /FlateDecode", zlib.compress(files.objects(ACTION))[:-4] + b"\x00\x00\x00\x00"),
        ],
    )
    def test_compressed_objects_hide_nothing(self, hidden: bytes) -> None:
        assert b"JavaScript" not in hidden
        assert refusal(pdf(hidden)) == "file_active_content"

    def test_object_streams_that_cannot_be_read_are_refused(self) -> None:
        assert refusal(pdf(stream(b"/Type /ObjStm /Filter /FlateDecode", b"not zlib"))) == "file_damaged"
        locked = pdf(object_stream(b"<< >>"), trailer=b"/Encrypt 9 0 R")
        assert refusal(locked) == "file_encrypted"

    def test_an_object_stream_that_unpacks_without_end_is_too_large(self) -> None:
        assert refusal(pdf(object_stream(bytes(70 * 1024 * 1024)))) == "file_too_large"

    def test_a_document_of_more_streams_than_pages_ever_need_is_too_large(self) -> None:
        assert taken(pdf(b"stream\n" * 40_000)) == "application/pdf"
        assert refusal(pdf(b"stream\n" * 50_001)) == "file_too_large"

    @pytest.mark.parametrize("tail", [b"MZ", b"\nPK\x03\x04", b"<script>"])
    def test_nothing_may_follow_the_end(self, tail: bytes) -> None:
        assert refusal(pdf() + tail) == "file_active_content"

    def test_a_document_that_is_an_archive_too_is_refused(self) -> None:
        zipped = files.archive({"a.exe": b"MZ"})
        both = pdf(stream(b"", zipped[:-2] + struct.pack("<H", 0xFFFF)))
        behind = len(both) - both.index(zipped[-22:-2]) - 22
        both = both.replace(zipped[-22:-2] + b"\xff\xff", zipped[-22:-2] + struct.pack("<H", behind))
        assert zipfile.is_zipfile(io.BytesIO(both))
        assert refusal(both) == "file_active_content"

    @pytest.mark.parametrize(
        "broken",
        [
            b"%PDF-1.7\n",
            b"%PDF-9.9" + pdf()[8:],
            pdf().replace(b"startxref", b"startxxxx"),
            pdf().replace(b"/Root", b"/Toor"),
            re.sub(rb"startxref\n\d+", b"startxref\n160", pdf()),
            re.sub(rb"startxref\n\d+", b"startxref\n999999", pdf()),
        ],
    )
    def test_documents_that_do_not_hold_together_are_damaged(self, broken: bytes) -> None:
        assert refusal(broken) == "file_damaged"
