"""HTTP conventions every endpoint shares: Idempotency-Key, If-Match and ETag, opaque cursors, page size, uploads."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from fastapi import Header, HTTPException, Query, Request
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError, from_json, to_json

from libs.events.errors import Refused

DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
UPLOAD_WITHIN: Final = 120.0
"""Seconds a sender may take for a file."""

_MAX_CURSOR: Final = 1024
_LARGEST: Final = 2**63 - 1

IDEMPOTENCY_KEY: Final[dict[str, Any]] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "重复发送同一请求时使用同一个值，系统只受理一次。 / Repeat a request with the same value and it takes effect once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9._~:/+=-]{1,128}$"},
    "example": "b6b1e7f0-3a52-4e0e-9c37-0d6f3f3f0a11",
}
"""OpenAPI parameter of every POST command (draft-ietf-httpapi-idempotency-key-header); read by `libs.chassis.caller.CommandKey`."""


def _version(value: Any) -> Any:
    if value is None or value == "*":
        return None
    digits = value[1:-1] if isinstance(value, str) and len(value) > 2 and value[0] == value[-1] == '"' else ""
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 9):
        raise PydanticCustomError("if_match_invalid", "not an entity tag")
    return int(digits)


IfMatch = Annotated[
    int | None,
    BeforeValidator(_version),
    WithJsonSchema({"type": "string", "pattern": '^"[0-9]{1,9}"$', "examples": ['"3"']}),
    Header(
        alias="If-Match",
        description='只在诉求仍是该版本时执行，如 "3"。 / Act only if the demand still has this version, e.g. "3".',
    ),
]
"""Expected demand version, None when absent or `*` (RFC 9110 13.1.1). Use as `if_match: IfMatch = None`. Problem if_match_invalid."""

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="每页条数。 / Entries per page.")]
"""Page size 1..200. Use as `limit: Limit = DEFAULT_LIMIT`."""


async def read_upload(request: Request) -> bytes:
    """Read the bytes of a file that is the body (path declared as an `Upload`). Raises HTTPException 504 for a sender that is too slow."""
    try:
        async with asyncio.timeout(UPLOAD_WITHIN):
            return await request.body()
    except TimeoutError as error:
        raise HTTPException(504) from error


def etag(version: int) -> str:
    """The strong entity tag of a version: `"3"`."""
    return f'"{version}"'


def encode_cursor(place: Mapping[str, str | int]) -> str:
    """Spell a place in a list as an opaque, URL-safe token."""
    return base64.urlsafe_b64encode(to_json(dict(place))).decode().rstrip("=")


def decode_cursor(cursor: str, shape: Mapping[str, type[str] | type[int]] | None = None) -> dict[str, Any]:
    """Read a cursor back to strings and 64-bit integers. Raises Refused bad_cursor.

    `shape` names the members it must have, and their types; anything else is refused.
    """
    place = _parse(cursor)
    if place is None or not all(_storable(value) for value in place.values()):
        raise Refused("bad_cursor", field="cursor")
    if shape is not None and {name: type(value) for name, value in place.items()} != dict(shape):
        raise Refused("bad_cursor", field="cursor")
    return place


def cursor_moment(text: str) -> datetime:
    """Read a moment that a cursor holds, in UTC. Raises Refused bad_cursor for anything else, or beyond the calendar."""
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused("bad_cursor", field="cursor") from error
    raise Refused("bad_cursor", field="cursor")


def _parse(cursor: str) -> dict[str, Any] | None:
    if not cursor.isascii() or len(cursor) > _MAX_CURSOR:
        return None
    try:
        place = from_json(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    return place if isinstance(place, dict) else None


def _storable(value: object) -> bool:
    """PostgreSQL takes no NUL in a text and no integer beyond 64 bits."""
    if isinstance(value, str):
        return "\x00" not in value
    return type(value) is int and -_LARGEST <= value <= _LARGEST
