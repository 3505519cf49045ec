"""The one question the upload asks: what is this, and may it be stored? Pure."""

from __future__ import annotations

import io
import zipfile
from typing import Final

import puremagic

from libs.events.algorithms import digest
from libs.events.errors import Refused
from services.router.evidence.facts import FileFacts, MediaType
from services.router.evidence.images import PNG_SIGNATURE, inspect_jpeg, inspect_png
from services.router.evidence.office import inspect_office
from services.router.evidence.pdf import inspect_pdf

LARGEST: Final = 10 * 1024 * 1024
_HEAD: Final = 4096
_PDF_HEAD: Final = 1024 + 8
_UNDECLARED: Final = frozenset({"", "application/octet-stream"})
_ALIASES: Final = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "application/x-pdf": "application/pdf",
}
_BEGINNINGS: Final = (
    (b"%PDF-", MediaType.PDF),
    (b"\xff\xd8\xff", MediaType.JPEG),
    (PNG_SIGNATURE, MediaType.PNG),
    (b"PK\x03\x04", MediaType.DOCX),
)
_OFFICE: Final = (MediaType.DOCX, MediaType.XLSX)
# Archives and disks that are recognised by bytes far behind their beginning, which may be anything.
_LATE_SIGNATURES: Final = ((257, b"ustar"), (0x8001, b"CD001"))


def inspect_file(content: bytes, declared_type: str | None) -> FileFacts:
    """Tell what a file is by its bytes, and that it is allowed, whole and does nothing by itself.

    `declared_type` is the request's Content-Type; none, or `application/octet-stream`, claims nothing (RFC 9110, 8.3).
    A hostile file of 10 MiB may take some seconds of processor time: call it in a thread.
    Raises Refused: file_empty, file_too_large, file_type_not_allowed, file_type_mismatch, file_active_content, file_encrypted,
    file_damaged.
    """
    if not content:
        raise Refused("file_empty")
    if len(content) > LARGEST:
        raise Refused("file_too_large")
    family = _family(content)
    declared = (declared_type or "").partition(";")[0].strip().lower()
    declared = _ALIASES.get(declared, declared)
    possible = _OFFICE if family is MediaType.DOCX else (family,)
    if declared not in _UNDECLARED and declared not in possible:
        raise Refused("file_type_mismatch")
    _check_single(content, family)
    media_type = _inspect(content, family)
    if declared not in _UNDECLARED and declared != media_type:
        raise Refused("file_type_mismatch")
    return FileFacts(media_type, len(content), digest(content))


def _family(content: bytes) -> MediaType:
    """What the first bytes promise; DOCX stands for both Office types here."""
    family = next((media_type for beginning, media_type in _BEGINNINGS if content.startswith(beginning)), None)
    if family is None:
        raise Refused("file_type_not_allowed")
    try:
        known = {match.mime_type for match in puremagic.magic_string(content[:_HEAD])}
    except (puremagic.PureError, ValueError):
        known = set()
    if family not in known:
        raise Refused("file_type_not_allowed")
    return family


def _check_single(content: bytes, family: MediaType) -> None:
    """One file, one type: what another program would open as something else is refused."""
    zipped = family is not MediaType.DOCX and zipfile.is_zipfile(io.BytesIO(content))
    printed = family is not MediaType.PDF and b"%PDF-" in content[:_PDF_HEAD]
    if zipped or printed or any(content.startswith(signature, place) for place, signature in _LATE_SIGNATURES):
        raise Refused("file_active_content")


def _inspect(content: bytes, family: MediaType) -> MediaType:
    match family:
        case MediaType.PDF:
            inspect_pdf(content)
        case MediaType.JPEG:
            inspect_jpeg(content)
        case MediaType.PNG:
            inspect_png(content)
        case _:
            return inspect_office(content)
    return family
