"""Evidence: office documents are taken unless something in the package runs, fetches, hides, or is broken."""

from __future__ import annotations

import io
import random
import re
import zipfile

import pytest

from services.router.evidence import LARGEST
from tests.unit.router import sample_files as files
from tests.unit.router.evidence.verdicts import refusal, taken
from tests.unit.router.sample_files import DOCX, chunk, docx, png, relationship, xlsx


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
