"""PDF: has it a head, a body and an end, and does it do anything by itself? Pure; no page is rendered.

Names are looked for everywhere, in every spelling, because a scanner that follows the structure can be led astray by it.
Object streams, where names are compressed, are inflated; what claims to be one and cannot be inflated is refused.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

from libs.events.errors import Refused
from services.router.evidence.facts import PADDING, Allowance
from services.router.evidence.pdf_actions import Actions, ObjectStream

MOST_UNPACKED: Final = 64 * 1024 * 1024
MOST_STREAMS: Final = 50_000
_STEP: Final = 64 * 1024
_OUTPUT: Final = 1024 * 1024
_TAIL: Final = 1024
_DICTIONARY: Final = 64 * 1024
_SLACK: Final = 32

_HEADER: Final = re.compile(rb"%PDF-[12]\.\d")
_LAST_LINES: Final = re.compile(rb"startxref[\x00\t\n\f\r ]+(\d{1,10})[\x00\t\n\f\r ]+\Z")
_CROSS_REFERENCE: Final = re.compile(rb"xref|\d\s+\d+\s+obj")
_STREAM: Final = re.compile(rb"(?<!end)stream[ \t]*(?:\r\n|\n|\r)")
_PAIRS: Final = re.compile(rb"\s*\d+\s+\d+\s")


def _names(*names: str) -> re.Pattern[bytes]:
    """Any of these names, whole; each character as it is or as `#` and two hexadecimal digits (ISO 32000-1, 7.3.5)."""
    spelled = ("".join(f"(?:{letter}|#(?i:{ord(letter):02x}))" for letter in name) for name in names)
    return re.compile(rb"/(?:" + "|".join(spelled).encode() + rb")(?=[\x00\t\n\f\r ()<>\[\]{}/%]|\Z)")


# ISO 32000-1: actions that run or fetch something (12.6.4), files within the file (7.11.4), media players (13), scripted forms (12.7.8).
_ACTIVE: Final = _names(
    "JavaScript", "Launch", "EmbeddedFile", "EmbeddedFiles", "RichMedia", "XFA", "GoToE", "ImportData", "SubmitForm", "Rendition"
)  # fmt: skip
_SHORT: Final = _names("JS")
_OBJECTS: Final = _names("ObjStm", "First")
_FIRST: Final = re.compile(_names("First").pattern + rb"[\x00\t\n\f\r ]*(\d{1,10})")
_ON_OPENING: Final = _names("OpenAction")
_ON_EVENTS: Final = _names("AA")
_ENCRYPTED: Final = _names("Encrypt")
_ROOT: Final = _names("Root")
_FLATE: Final = _names("FlateDecode", "Fl")
_OTHER_FILTERS: Final = _names(
    "ASCIIHexDecode", "AHx", "ASCII85Decode", "A85", "LZWDecode", "LZW", "RunLengthDecode", "RL", "CCITTFaxDecode", "CCF",
    "DCTDecode", "DCT", "JBIG2Decode", "JPXDecode", "Crypt", "Predictor"
)  # fmt: skip
_FILTER_ELSEWHERE: Final = re.compile(rb"/(?:Filter|F)\s+\d")


def inspect_pdf(content: bytes) -> None:
    """Check structure and harmlessness (ISO 32000-1, 7.5 and 12.6). Raises Refused."""
    _check_frame(content)
    if not _ROOT.search(content):
        raise Refused("file_damaged")
    plain = _outside_streams(content)
    if _ACTIVE.search(content) or _SHORT.search(plain):
        raise Refused("file_active_content")
    encrypted = _ENCRYPTED.search(content) is not None
    allowance = Allowance(MOST_UNPACKED)
    objects: list[ObjectStream] = []
    for number, (dictionary, start) in enumerate(_streams(content)):
        if number >= MOST_STREAMS:
            raise Refused("file_too_large")
        data = _objects_in(content, dictionary, start, encrypted, allowance)
        if data:
            first = _FIRST.search(dictionary)
            objects.append(ObjectStream(data, int(first[1]) if first is not None else None))
    _check_actions(content, plain, objects)


def _check_actions(content: bytes, plain: bytes, objects: list[ObjectStream]) -> None:
    """What happens by itself, on opening or on an event, stays within the document: looked for wherever a dictionary may stand."""
    actions = Actions(content, objects)
    for text in (plain, *(stream.data for stream in objects)):
        for names, several in ((_ON_OPENING, False), (_ON_EVENTS, True)):
            if any(actions.leaves(text, found.end(), several=several) for found in names.finditer(text)):
                raise Refused("file_active_content")


def _check_frame(content: bytes) -> None:
    end = content.rfind(b"%%EOF")
    if not _HEADER.match(content) or end < 0:
        raise Refused("file_damaged")
    if content[end + 5 :].strip(PADDING):
        raise Refused("file_active_content")
    last = _LAST_LINES.search(content[max(0, end - _TAIL) : end])
    if last is None:
        raise Refused("file_damaged")
    place = int(last[1])
    # Producers miss the table by a few bytes; readers forgive it.
    if place >= end or not _CROSS_REFERENCE.search(content[max(0, place - _SLACK) : place + _SLACK]):
        raise Refused("file_damaged")


def _objects_in(content: bytes, dictionary: bytes, start: int, encrypted: bool, allowance: Allowance) -> bytes:
    """Inflate what is, or looks like, a stream of objects, and look for names in it; nothing for other streams."""
    if _OBJECTS.search(dictionary):
        if encrypted:
            raise Refused("file_encrypted")
        if _OTHER_FILTERS.search(dictionary) or _FILTER_ELSEWHERE.search(dictionary) or len(_FLATE.findall(dictionary)) > 1:
            raise Refused("file_active_content")
        if not _FLATE.search(dictionary):
            return content[start : content.find(b"endstream", start)]  # Its names stood in the file as they are.
    elif not _PAIRS.match(_beginning(content, start)):
        return b""
    try:
        unpacked = b"".join(_inflated(content, start, allowance))
    except zlib.error:
        raise Refused("file_damaged") from None
    if _ACTIVE.search(unpacked) or _SHORT.search(unpacked):
        raise Refused("file_active_content")
    return unpacked


def _streams(content: bytes) -> Iterator[tuple[bytes, int]]:
    """The dictionary in front of every stream, and where the stream's bytes start."""
    behind = 0
    for found in _STREAM.finditer(content):
        low = max(behind, found.start() - _DICTIONARY)
        opened = max(content.rfind(b"obj", low, found.start()), low)
        yield content[opened : found.start()], found.end()
        behind = found.end()


def _outside_streams(content: bytes) -> bytes:
    """The file without its streams: in megabytes of compressed data every short name turns up by chance."""
    kept, position = [], 0
    for found in _STREAM.finditer(content):
        if found.start() < position:
            continue
        end = content.find(b"endstream", found.end())
        if end < 0:
            break
        kept.append(content[position : found.start()])
        position = end
    kept.append(content[position:])
    return b"\n".join(kept)


def _has_header(content: bytes, start: int) -> bool:
    """RFC 1950: method 8, and a header that is a multiple of 31."""
    head = content[start : start + 2]
    return len(head) == 2 and head[0] & 15 == 8 and int.from_bytes(head, "big") % 31 == 0


def _beginning(content: bytes, start: int) -> bytes:
    """The first bytes of a compressed stream; none where it is not compressed or does not inflate."""
    if not _has_header(content, start):
        return b""
    try:
        return zlib.decompressobj(-15).decompress(content[start + 2 : start + 2 + 1024], 64)
    except zlib.error:
        return b""


def _inflated(content: bytes, start: int, allowance: Allowance) -> Iterator[bytes]:
    """Inflate without looking at the checksum, as readers do. Raises zlib.error."""
    if not _has_header(content, start):
        raise zlib.error("no zlib header")
    machine = zlib.decompressobj(-15)
    for position in range(start + 2, len(content), _STEP):
        piece = content[position : position + _STEP]
        while piece and not machine.eof:
            unpacked = machine.decompress(piece, _OUTPUT)
            allowance.take(len(unpacked))
            yield unpacked
            piece = machine.unconsumed_tail
        if machine.eof:
            return
