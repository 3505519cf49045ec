"""A sample file for evidence: a tiny picture made by code, so that nothing binary lies in the repository."""

from __future__ import annotations

import struct
import zlib


def sample_png(side: int = 16) -> bytes:
    """A grey square as PNG (ISO/IEC 15948)."""
    rows = b"".join(b"\x00" + bytes([200]) * side for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows)) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
