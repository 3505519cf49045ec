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

LEAVING = [
    b"<< /S /GoToR /F (\\\\\\\\host.invalid\\\\share\\\\x.pdf) /D [0 /Fit] >>",
    b"<< /Type /Action /S /URI /URI (http://host.invalid/) >>",
    b"<</S/Movie/T(clip)>>",
    b"<< /D [3 0 R /Fit] /S%\n/U#52I /URI <68> >>",
    b"<< /S /Sound /Sound 9 0 R >>",
    b"<< /S /GoTo /D [3 0 R /Fit] /Next << /S /URI /URI (http://host.invalid/) >> >>",
    b"<< /S /GoTo /D [3 0 R /Fit] /Next [ << /S /Named /N /Print >> ] >>",
    b"<< /S /GoTo /S /URI >>",
]
STAYING = [
    b"[3 0 R /XYZ null null 0]",
    b"<< /Type /Action /S /GoTo /D [3 0 R /Fit] >>",
    b"<< /S /Go#54o /D (chapter \\) \\(1) >>",
    b"(chapter)",
    b"null",
    b"<< /S /GoTo /D <63> /Next << /S /GoTo /D /two >> >>",
]


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

    @pytest.mark.parametrize("value", LEAVING)
    def test_what_leaves_the_document_or_runs_when_it_is_opened_is_refused(self, value: bytes) -> None:
        assert refusal(pdf(catalog=b"/OpenAction " + value)) == "file_active_content"
        assert refusal(pdf(value, catalog=b"/OpenAction 5 0 R")) == "file_active_content"
        assert refusal(pdf(catalog=b"/#4fpen#41ction%" + b"\n" + value)) == "file_active_content"
        assert refusal(pdf(b"<< /Type /Annot /AA << /E " + value + b" >> >>")) == "file_active_content"
        assert refusal(pdf(value, b"<< /PV 5 0 R >>", b"<< /Type /Page /AA 6 0 R >>")) == "file_active_content"

    @pytest.mark.parametrize("value", LEAVING)
    def test_actions_in_object_streams_are_found_too(self, value: bytes) -> None:
        packed = object_stream(value)
        assert refusal(pdf(packed, catalog=b"/OpenAction 10 0 R")) == "file_active_content"
        assert refusal(pdf(object_stream(b"<< /Type /Catalog /OpenAction " + value + b" >>"))) == "file_active_content"
        assert refusal(pdf(object_stream(b"<< /AA << /O " + value + b" >> >>"))) == "file_active_content"
        plain = stream(b"/Type /ObjStm /N 1 /First 5", files.objects(value))
        assert refusal(pdf(plain, catalog=b"/OpenAction 10 0 R")) == "file_active_content"

    @pytest.mark.parametrize("value", STAYING)
    def test_a_document_may_open_at_a_page_of_its_own(self, value: bytes) -> None:
        link = b"<< /Type /Annot /Subtype /Link /A << /S /URI /URI (https://example.org) >> >>"
        assert taken(pdf(link, catalog=b"/OpenAction " + value)) == "application/pdf"
        assert taken(pdf(value, link, catalog=b"/OpenAction 5 0 R")) == "application/pdf"
        assert taken(pdf(object_stream(value), link, catalog=b"/OpenAction 10 0 R")) == "application/pdf"
        assert taken(pdf(link, b"<< /Type /Page /AA << /O " + value + b" >> >>")) == "application/pdf"

    @pytest.mark.parametrize(
        "catalog",
        [
            b"/OpenAction 99 0 R",
            b"/OpenAction << /S /GoTo /D [3 0 R",
            b"/OpenAction (never closed",
            b"/OpenAction " + b"[" * 50,
            b"/OpenAction 5 0 R",
            b"/AA << /O 99 0 R >>",
        ],
    )
    def test_an_action_that_cannot_be_made_out_is_not_taken_for_harmless(self, catalog: bytes) -> None:
        assert refusal(pdf(b"5 0 R", catalog=catalog)) == "file_active_content"

    def test_every_object_of_a_number_is_looked_at_whichever_a_reader_takes(self) -> None:
        harmless, leaving = STAYING[1], LEAVING[0]
        both = pdf(harmless, b"<< >>\nendobj\n5 0 obj\n" + leaving, catalog=b"/OpenAction 5 0 R")
        assert refusal(both) == "file_active_content"

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
