"""QR codes as geometry: the path of all dark modules in a square, for templates to draw. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Final

import segno

_QUIET: Final = 4
"""Light modules around a code, as ISO/IEC 18004 asks for."""


@dataclass(frozen=True, slots=True)
class QrCode:
    """A square of `size` modules, the quiet zone included; `path` are horizontal strokes one module thick."""

    size: int
    path: str


def qr_code(text: str) -> QrCode:
    """Encode a text; a quarter of the code may be stained or folded (level Q)."""
    rows = [list(row) for row in segno.make_qr(text, error="q").matrix]
    strokes: list[str] = []
    for y, row in enumerate(rows):
        x = 0
        for dark, run in groupby(row):
            length = len(list(run))
            if dark:
                strokes.append(f"M{x + _QUIET} {y + _QUIET}.5h{length}")
            x += length
    return QrCode(len(rows) + 2 * _QUIET, "".join(strokes))
