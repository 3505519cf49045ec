"""Evidence: five types are taken, told by their bytes; what runs, hides or is broken is refused with a code that says so."""

from __future__ import annotations

import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events import Refused
from libs.events.algorithms import digest, matches
from services.router.evidence import LARGEST, FileFacts, MediaType, file_id, inspect_file
from services.router.evidence.facts import Allowance
from tests.unit.router import sample_files as files
from tests.unit.router.sample_files import DOCX, XLSX, chunk, docx, jpeg, object_stream, pdf, png, relationship, segment, stream, xlsx

SAMPLES: dict[str, bytes] = {"application/pdf": pdf(), "image/jpeg": jpeg(), "image/png": png(), DOCX: docx(), XLSX: xlsx()}
every_sample = pytest.mark.parametrize("media_type", sorted(SAMPLES))


def refusal(content: bytes, declared: str | None = None) -> str:
    with pytest.raises(Refused) as caught:
        inspect_file(content, declared)
    return caught.value.code


def taken(content: bytes, declared: str | None = None) -> str:
    return inspect_file(content, declared).media_type.value


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


def instruction(*pieces: str) -> str:
    return "".join(f'<w:r><w:instrText xml:space="preserve">{piece}</w:instrText></w:r>' for piece in pieces)


class TestOffice:
    @pytest.mark.parametrize(
        "content",
        [
            docx(relationship("hyperlink", "https://example.org/a?b", "External")),
            docx(relationship("hyperlink", "mailto:nobody@example.org", "External")),
            docx(relationship("hyperlink", "file:///C:/tables/a.xlsx", "External")),
            docx(relationship("image", "media/a.png"), **{"word/media/a.png": png()}),
            docx(relationship("package", "embeddings/a.xlsx"), **{"word/embeddings/a.xlsx": xlsx()}),
            docx(**{"word/document.xml": files.word_parts(text=instruction("PAGE", " \\* MERGEFORMAT"))["word/document.xml"]}),
            docx(**{"xl/printerSettings1.bin": "M\x00Z\x00"}),
            docx(**{"xl/printerSettings1.bin": bytes(1024 * 1024)}),
            docx(**{"[Content_Types].xml": files.types('<Default Extension="bin" ContentType="application/vnd.ms-office.activeX"/>')}),
            files.archive(files.word_parts(), zipfile.ZIP_STORED),
        ],
    )
    def test_ordinary_documents_are_taken(self, content: bytes) -> None:
        assert taken(content) == DOCX

    @pytest.mark.parametrize(
        "content",
        [
            docx(**{"[Content_Types].xml": files.types(main="application/vnd.ms-word.document.macroEnabled.main+xml")}),
            docx(**{"[Content_Types].xml": files.types('<Override PartName="/a" ContentType="application/vnd.ms-office.vbaProject"/>')}),
            docx(
                **{
                    "[Content_Types].xml": files.types('<Default Extension="bin" ContentType="application/vnd.ms-office.activeX"/>'),
                    "a.bin": "x",
                }
            ),
            docx(**{"word/vbaProject.bin": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"}),
            docx(**{"word/media/picture.png": b"MZ\x90\x00"}),
            docx(**{"word/media/picture.png": b"\x7fELF\x02"}),
            docx(**{"run.vbs": "x"}),
            docx(**{"word/embeddings/a.xlsx": files.archive({"a": "b"})}),
            docx(**{"word/embeddings/a.docx": docx(**{"word/vbaProject.bin": b"\xd0\xcf\x11\xe0"})}),
            docx(**{"word/embeddings/a.docx": docx(**{"word/embeddings/b.docx": docx()})}),
            docx(relationship("attachedTemplate", "https://example.org/a.dotm", "External")),
            docx(relationship("oleObject", "embeddings/a.bin")),
            docx(relationship("control", "activeX/a.xml")),
            docx(relationship("aFChunk", "a.html")),
            docx(relationship("image", "https://example.org/a.png", "External")),
            docx(relationship("image", "//server/share/a.png", "External")),
            docx(relationship("hyperlink", "file://server/share/a.exe", "External")),
            docx(relationship("hyperlink", "\\\\server\\share\\a.exe", "External")),
            docx(relationship("hyperlink", "javascript:alert(1)", "External")),
            docx(relationship("hyperlink", "search-ms:query=a", "EXTERNAL")),
            docx(relationship("hyperlink", "java&#10;script:alert(1)", "External")),
            docx(relationship("image", "file:///C:/a.png", "External")),
            docx(relationship("externalLinkPath", "https://example.org/a.xlsx", "External")),
            docx(**{"word/document.xml": files.word_parts(text=instruction("DD", "EAUTO c:\\\\cmd.exe"))["word/document.xml"]}),
            docx(**{"word/document.xml": files.word_parts(text=instruction("PAGE", "DDE cmd"))["word/document.xml"]}),
            docx(**{"word/footer1.xml": '<w:f xmlns:w="w"><w:fldSimple w:instr="&#68;DE cmd"/></w:f>'}),
            docx(**{"xl/externalLinks/externalLink1.xml": '<externalLink><ddeLink ddeService="cmd"/></externalLink>'}),
            docx(**{"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}),
            docx(**{"word/document.xml": '<!DOCTYPE a SYSTEM "https://example.org/a.dtd"><a/>'}),
            docx(**{"customXml/a.rels": '<!DOCTYPE a SYSTEM "https://example.org/a.dtd"><a/>'}),
            docx(**{"word/_rels/document.xml.rels": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}),
        ],
    )
    def test_what_runs_or_fetches_or_hides_is_refused(self, content: bytes) -> None:
        assert refusal(content) == "file_active_content"

    @pytest.mark.parametrize(
        "content",
        [
            docx() + b"MZ",
            b"PK\x03\x04" + docx(),
            files.archive({"first.txt": "x"}) + docx(),
            docx(**{"../outside.xml": "<a/>"}),
            docx(**{"a\\b.xml": "<a/>"}),
            docx(**{"WORD/document.xml": "<a/>"}),
            docx().replace(b"word/document.xml", b"word/d0cument.xml", 1),
        ],
    )
    def test_packages_with_more_than_their_parts_are_refused(self, content: bytes) -> None:
        assert refusal(content) == "file_active_content"

    @pytest.mark.parametrize("flags", [0, 8])
    def test_bytes_between_parts_are_seen(self, flags: int) -> None:
        content = docx()
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
            for number, part in enumerate(old.infolist()):
                if number == 1:
                    assert new.fp is not None
                    new.fp.write(b"hidden")
                    new.start_dir += len(b"hidden")
                new.writestr(part, old.read(part))
        out.seek(6)
        out.write(bytes([flags]))
        with zipfile.ZipFile(out) as readable:
            assert readable.testzip() is None
        assert refusal(out.getvalue()) == "file_active_content"

    def test_a_package_written_to_a_pipe_is_taken(self) -> None:
        class Pipe(io.BytesIO):
            def tell(self) -> int:
                raise OSError

        pipe = Pipe()
        with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as package:
            for name, data in files.word_parts().items():
                package.writestr(name, data)
        assert zipfile.ZipFile(io.BytesIO(pipe.getvalue())).infolist()[0].flag_bits & 8
        assert taken(pipe.getvalue()) == DOCX

    def test_an_archive_comment_is_refused(self) -> None:
        assert refusal(docx()[:-2] + b"\x05\x00hello") == "file_active_content"

    @pytest.mark.parametrize(("zeros", "noise", "parts"), [(11, 0, 1), (151, 2, 1), (0, 0, 5001)], ids=["spread", "total", "parts"])
    def test_a_package_that_unpacks_without_measure_is_too_large(self, zeros: int, noise: int, parts: int) -> None:
        mebibyte = 1024 * 1024
        content = {"noise.bin": random.Random(1).randbytes(noise * mebibyte)}
        content |= {f"{number}.bin": bytes(mebibyte) for number in range(zeros)}
        content |= {f"part{number}": b"" for number in range(parts)}
        bomb = docx(**content)
        assert len(bomb) < LARGEST
        assert refusal(bomb) == "file_too_large"

    def test_a_large_sheet_that_packs_well_is_taken(self) -> None:
        rows = b"".join(b"<row>%d</row>" % number for number in range(800_000))
        assert len(rows) > 10 * 1024 * 1024
        assert taken(docx(**{"customXml/item1.xml": b"<sheet>" + rows + b"</sheet>"})) == DOCX

    def test_more_relationships_than_are_read_are_too_large(self) -> None:
        links = [relationship("hyperlink", f"https://example.org/{number}", "External") for number in range(25_000)]
        assert taken(docx(*links[:10_000])) == DOCX
        assert refusal(docx(*links)) == "file_too_large"

    def test_a_package_of_many_packages_is_too_large(self) -> None:
        heavy = docx(**{"a.bin": random.Random(1).randbytes(300_000) + bytes(9_000_000)})
        content = docx(**{f"word/embeddings/{number}.docx": heavy for number in range(20)})
        assert len(content) < LARGEST
        assert refusal(content) == "file_too_large"

    def test_a_locked_package_is_refused(self) -> None:
        content = bytearray(docx())
        for found in re.finditer(rb"PK\x03\x04|PK\x01\x02", bytes(content)):
            content[found.start() + (6 if found[0] == b"PK\x03\x04" else 8)] |= 1
        assert refusal(bytes(content)) == "file_encrypted"

    @pytest.mark.parametrize(
        "content",
        [
            b"PK\x03\x04" + bytes(200),
            docx(**{"_rels/.rels": files.relationships()}),
            docx(**{"_rels/.rels": files.relationships(relationship("officeDocument", "word/absent.xml"))}),
            docx(**{"_rels/.rels": files.relationships(*[relationship("officeDocument", "word/document.xml")] * 2)}),
            docx(**{"word/document.xml": "not XML"}),
            docx(**{"word/document.xml": ""}),
            docx(**{"customXml/item1.xml": "<!--" + " " * 100_000 + "--><a/>"}),
            docx(**{"[Content_Types].xml": "<Types>"}),
            docx(**{"[Content_Types].xml": '<?xml version="1.0" encoding="no-such"?><a/>'}),
            files.archive(files.word_parts(), zipfile.ZIP_BZIP2),
        ],
    )
    def test_packages_that_do_not_hold_together_are_damaged(self, content: bytes) -> None:
        assert refusal(content) == "file_damaged"

    def test_a_changed_byte_in_a_part_is_found_by_its_checksum(self) -> None:
        picture = png(chunk(b"prVt", bytes(300_000)))
        content = files.archive({**files.word_parts(), "word/media/a.png": picture}, zipfile.ZIP_STORED)
        assert taken(content) == DOCX
        for mark in (b"prVt", b"IDAT"):
            place = content.index(mark)
            assert refusal(content[:place] + b"X" + content[place + 1 :]) == "file_damaged"


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
