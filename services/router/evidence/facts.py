"""What is said about a file: its facts and its name; and how much may come out of a compressed one. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from libs.events.errors import Refused
from libs.events.names import crockford

FILE_ID_CHARACTERS: Final = 20
PADDING: Final = b"\x00\t\n\r\x0c "
"""What may follow the end of a file without meaning anything."""


class MediaType(StrEnum):
    """The types evidence may have, by their registered names (RFC 6838)."""

    PDF = "application/pdf"
    JPEG = "image/jpeg"
    PNG = "image/png"
    DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
    XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the event says about a file: type by content, bytes, named digest of the plaintext."""

    media_type: MediaType
    size: int
    digest: str


def file_id(demand: str, digest: str) -> str:
    """Name a file by its content within its demand, so that the same bytes sent twice are one file: `f-` and 20 characters (100 bits).

    `digest` is the named digest. The demand is part of the name: equal files of two demands cannot be recognised by their names.
    """
    token = hashlib.sha256(f"{demand}|{digest}".encode()).digest()
    return "f-" + crockford(token)[:FILE_ID_CHARACTERS]


class Allowance:
    """How many bytes may come out of a compressed file in total, so that a small file cannot fill the memory or the day."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self, count: int) -> None:
        """Count unpacked bytes. Raises Refused file_too_large past the bound."""
        self.left -= count
        if self.left < 0:
            raise Refused("file_too_large")
