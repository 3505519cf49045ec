"""Files as an office and a phone make them, and as an attacker does, built by code. All contents are fictitious."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping
from functools import lru_cache

import openpyxl

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
WORD_MAIN = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"

# PNG


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header(width: int = 3, height: int = 2, depth: int = 8, colour: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))


def png(*extra: bytes, head: bytes | None = None) -> bytes:
    rows = b"".join(b"\x00" + bytes(range(9)) for _ in range(2))
    pieces = (head or header(), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(pieces)


# JPEG


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def jpeg(*extra: bytes, width: int = 8, height: int = 8) -> bytes:
    """A grey square of 8 by 8 with the smallest tables, a stuffed FF, fill bytes and a restart marker in its scan."""
    app0 = segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00")
    table = segment(0xDB, b"\x00" + bytes([16] * 64))
    frame = segment(0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00")
    codes = segment(0xC4, b"\x00" + bytes([1] + [0] * 15) + b"\x00") + segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\x00")
    scan = segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x2a\xff\x00\x2a\xff\xd0\x2a"
    return b"\xff\xd8" + app0 + b"".join(extra) + table + b"\xff\xff" + frame[1:] + codes + scan + b"\xff\xd9"


# PDF


def stream(dictionary: bytes, data: bytes) -> bytes:
    return b"<< " + dictionary + b" /Length %d >>\nstream\n" % len(data) + data + b"\nendstream"


def objects(*bodies: bytes) -> bytes:
    """The inside of an object stream (ISO 32000-1, 7.5.7), not compressed."""
    offsets, position = [], 0
    for number, body in enumerate(bodies, start=10):
        offsets.append(b"%d %d" % (number, position))
        position += len(body) + 1
    return b" ".join(offsets) + b"\n" + b"\n".join(bodies)


def object_stream(*bodies: bytes, dictionary: bytes = b"/Type /ObjStm /N 1 /First 5 /Filter /FlateDecode") -> bytes:
    return stream(dictionary, zlib.compress(objects(*bodies)))


def pdf(*extra: bytes, catalog: bytes = b"", trailer: bytes = b"") -> bytes:
    """One empty page; `extra` are further objects, `catalog` and `trailer` further entries of these dictionaries."""
    page = stream(b"/Filter /FlateDecode", zlib.compress(b"1 0 0 1 72 720 cm BT /F1 12 Tf (quotation, fictitious) Tj ET"))
    bodies = (
        b"<< /Type /Catalog /Pages 2 0 R " + catalog + b" >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R >>",
        page,
        *extra,
    )
    out, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1) + b"".join(b"%010d 00000 n \n" % place for place in places)
    ending = b"trailer\n<< /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF" % (len(places) + 1, trailer, len(out))
    return out + table + ending


# Office


def archive(parts: Mapping[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as package:
        for name, data in parts.items():
            package.writestr(zipfile.ZipInfo(name), data, compression)
    return out.getvalue()


def relationship(kind: str, target: str, mode: str = "") -> str:
    number = abs(hash((kind, target, mode)))
    external = f' TargetMode="{mode}"' if mode else ""
    return f'<Relationship Id="r{number}" Type="{_OFFICE}/{kind}" Target="{target}"{external}/>'


def relationships(*entries: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="{_PACKAGE}relationships">{"".join(entries)}</Relationships>'


def types(*entries: str, main: str = WORD_MAIN) -> str:
    start = f'<Types xmlns="{_PACKAGE}content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.x+xml"/>'
    return f'{start}<Override PartName="/word/document.xml" ContentType="{main}"/>{"".join(entries)}</Types>'


def word_parts(*links: str, text: str = "<w:r><w:t>报价单（虚构）</w:t></w:r>") -> dict[str, bytes | str]:
    return {
        "[Content_Types].xml": types(),
        "_rels/.rels": relationships(relationship("officeDocument", "word/document.xml")),
        "word/document.xml": f'<w:document xmlns:w="{_WORD}"><w:body><w:p>{text}</w:p></w:body></w:document>',
        "word/_rels/document.xml.rels": relationships(*links),
    }


def docx(*links: str, **parts: bytes | str) -> bytes:
    """A document; `parts` are further parts or other contents of known ones."""
    return archive({**word_parts(*links), **parts})


@lru_cache
def xlsx() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in range(40):
        sheet.append([f"样例公司 {row}（虚构）", row, row * 1.5])
    sheet["A1"].hyperlink = "https://example.org/"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
