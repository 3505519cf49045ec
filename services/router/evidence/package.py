"""The ZIP package of an Office file: every byte of it accounted for, before anything in it is believed. Pure.

Readers disagree about archives with gaps, overlaps, doubled names or two directories; files are hidden and bombs are built in these.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from itertools import pairwise
from typing import Final

from libs.events.errors import Refused
from services.router.evidence.facts import Allowance

MOST_PARTS: Final = 5_000
MOST_SPREAD: Final = 100
AMPLE: Final = 10 * 1024 * 1024
TROUBLE: Final = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    ValueError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
    KeyError,
    IndexError,
    OverflowError,
)
"""What the standard library raises on archives that are not."""

_LOCAL: Final = struct.Struct("<4s5H3L2H")
_DIRECTORY_ENTRY: Final = 46
_END: Final = 22
_END_64: Final = 56 + 20
_ENCRYPTED, _DESCRIBED_BEHIND, _UTF_8 = 0x1, 0x8, 0x800
_DESCRIPTORS: Final = frozenset({12, 16, 20, 24})
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


def open_package(content: bytes, allowance: Allowance) -> zipfile.ZipFile:
    """Open a package whose parts lie one behind the other, each named once. Raises Refused."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        _check_layout(content, archive)
    except TROUBLE as error:
        raise Refused("file_damaged") from error
    parts = archive.infolist()
    if not parts or any(part.compress_type not in _METHODS for part in parts):
        raise Refused("file_damaged")
    if any(part.flag_bits & _ENCRYPTED for part in parts):
        raise Refused("file_encrypted")
    names = [part.filename.casefold() for part in parts]
    if len(set(names)) != len(names) or any(_leaves(name) for name in names):
        raise Refused("file_active_content")
    unpacked = sum(part.file_size for part in parts)
    if len(parts) > MOST_PARTS or (unpacked > AMPLE and unpacked > MOST_SPREAD * len(content)):
        raise Refused("file_too_large")
    allowance.take(unpacked)
    return archive


def _check_layout(content: bytes, archive: zipfile.ZipFile) -> None:
    """APPNOTE 4.3.6: local headers and data without a gap, the directory, its end, nothing else."""
    parts = sorted(archive.infolist(), key=lambda part: part.header_offset)
    starts = [part.header_offset for part in parts]
    if not parts or starts[0] != 0:
        raise Refused("file_active_content")
    for part, (start, following) in zip(parts, pairwise((*starts, archive.start_dir)), strict=True):
        signature, _, flags, method, _, _, _, _, _, name_length, extra_length = _LOCAL.unpack_from(content, start)
        name_start = start + _LOCAL.size
        gap = following - (name_start + name_length + extra_length + part.compress_size)
        told_behind = bool(flags & _DESCRIBED_BEHIND) and gap in _DESCRIPTORS
        same = content[name_start : name_start + name_length] == _raw_name(part) and method == part.compress_type
        if signature != b"PK\x03\x04" or not same or (gap and not told_behind):
            raise Refused("file_active_content")
    directory = sum(_DIRECTORY_ENTRY + len(_raw_name(part)) + len(part.extra) + len(part.comment) for part in parts)
    if len(content) - _END - archive.start_dir - directory not in (0, _END_64):
        raise Refused("file_active_content")


def _raw_name(part: zipfile.ZipInfo) -> bytes:
    return part.orig_filename.encode("utf-8" if part.flag_bits & _UTF_8 else "cp437")


def _leaves(name: str) -> bool:
    """Tell whether a part's name points out of the package, or means another thing elsewhere."""
    return name.startswith("/") or "\\" in name or ":" in name or "\x00" in name or ".." in name.split("/")
