"""JPEG and PNG: walked from the first marker to the last, so that nothing hides behind the picture. Pure; no pixel is decoded."""

from __future__ import annotations

import re
import struct
import zlib
from typing import Final

from libs.events.errors import Refused
from services.router.evidence.facts import PADDING

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
MOST_PIECES: Final = 50_000
MOST_PIXELS: Final = 250_000_000

_JPEG_MARKER: Final = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_END_OF_SCAN: Final = re.compile(rb"\xff(?=[^\x00\xff\xd0-\xd7])", re.DOTALL)
_PADDING: Final = re.compile(rb"[" + PADDING + rb"]*")
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH: Final = frozenset({0x01, 0xD8, *range(0xD0, 0xD8)})
_SCAN, _END, _COMMENT = 0xDA, 0xD9, 0xFE
_SCRIPT: Final = re.compile(rb"<\?php|<script", re.IGNORECASE)
_PNG_TYPE: Final = re.compile(rb"[A-Za-z]{2}[A-Z][A-Za-z]")
_PNG_KNOWN: Final = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_PNG_DEPTHS: Final = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}


def inspect_jpeg(content: bytes) -> None:
    """Walk the markers of ISO/IEC 10918-1 annex B from SOI to EOI. Raises Refused.

    Cameras append further whole pictures (CIPA DC-007); anything else behind the end is refused.
    """
    position, pieces = 0, 0
    while True:
        position, pieces = _walk_jpeg(content, position, pieces)
        padded = _PADDING.match(content, position)
        rest = padded.end() if padded else position
        if rest == len(content):
            return
        if not content.startswith(b"\xff\xd8\xff", rest):
            raise Refused("file_active_content")
        position = rest


def _walk_jpeg(content: bytes, position: int, pieces: int) -> tuple[int, int]:
    """Where the picture that starts at `position` ends, and how many markers were passed so far."""
    framed = scanned = False
    position += 2
    while True:
        pieces += 1
        found = _JPEG_MARKER.match(content, position)
        if found is None or pieces > MOST_PIECES:
            raise Refused("file_damaged")
        marker, position = found[1][0], found.end()
        if marker == _END:
            if not scanned:
                raise Refused("file_damaged")
            return position, pieces
        segment = _jpeg_segment(content, marker, position)
        position += 2 + len(segment)
        if marker in _FRAMES:
            framed = True
            _check_frame(segment)
        elif marker == _SCAN:
            scanned = framed
            end = _END_OF_SCAN.search(content, position)
            if end is None:
                raise Refused("file_damaged")
            position = end.start()
        elif marker == _COMMENT or 0xE0 <= marker <= 0xEF:
            _check_metadata(segment)


def _jpeg_segment(content: bytes, marker: int, position: int) -> bytes:
    length = int.from_bytes(content[position : position + 2], "big")
    segment = content[position + 2 : position + length]
    if marker in _WITHOUT_LENGTH or length < 2 or len(segment) != length - 2:
        raise Refused("file_damaged")
    return segment


def _check_frame(segment: bytes) -> None:
    if len(segment) < 6:
        raise Refused("file_damaged")
    _, height, width = struct.unpack_from(">BHH", segment)
    # Height 0 is legal: it follows the first scan. Width 0 is not.
    if width == 0:
        raise Refused("file_damaged")
    if width * height > MOST_PIXELS:
        raise Refused("file_too_large")


def inspect_png(content: bytes) -> None:
    """Walk the chunks (ISO/IEC 15948, clause 5), each with its CRC, from IHDR to IEND. Raises Refused."""
    position, pixels = len(PNG_SIGNATURE), False
    for number in range(MOST_PIECES):
        kind, data, position = _png_chunk(content, position)
        if (kind == b"IHDR") != (number == 0):
            raise Refused("file_damaged")
        if kind == b"IHDR":
            _check_header(data)
        elif kind == b"IDAT":
            pixels = True
        elif kind == b"IEND":
            if data or not pixels:
                raise Refused("file_damaged")
            if content[position:].strip(PADDING):
                raise Refused("file_active_content")
            return
        else:
            _check_metadata(data)
    raise Refused("file_damaged")


def _png_chunk(content: bytes, position: int) -> tuple[bytes, bytes, int]:
    head = content[position : position + 8]
    if len(head) != 8:
        raise Refused("file_damaged")
    length, kind = int.from_bytes(head[:4], "big"), head[4:]
    data = content[position + 8 : position + 8 + length]
    end = position + 12 + length
    known = kind in _PNG_KNOWN or (_PNG_TYPE.fullmatch(kind) is not None and kind[:1].islower())
    if not known or end > len(content) or zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(content[end - 4 : end], "big"):
        raise Refused("file_damaged")
    return kind, data, end


def _check_header(data: bytes) -> None:
    if len(data) != 13:
        raise Refused("file_damaged")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", data)
    legal = depth in _PNG_DEPTHS.get(colour, ()) and (compression, filtering) == (0, 0) and interlace in (0, 1)
    if not legal or not width or not height:
        raise Refused("file_damaged")
    if width * height > MOST_PIXELS:
        raise Refused("file_too_large")


def _check_metadata(data: bytes) -> None:
    """A picture's remarks are where scripts travel that somebody else is to run."""
    if _SCRIPT.search(data):
        raise Refused("file_active_content")
