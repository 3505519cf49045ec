"""From validation errors to field paths and stable codes, without a word of what was sent.

A path may hold only names of our own vocabulary (members and parameters of the OpenAPI document) and list positions: the name of an
unknown member, or a key of a map, is the sender's text and could be anybody's telephone number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI

from libs.chassis.catalogue import CATALOGUE

MOST_ERRORS: Final = 20
_HEADERS: Final = {
    "idempotency-key": ("idempotency_key_missing", "idempotency_key_invalid"),
    "if-match": ("if_match_invalid", "if_match_invalid"),
}
_VOCABULARY: Final = "field_vocabulary"


@dataclass(frozen=True, slots=True)
class FieldError:
    """One rejected field: dotted path (empty: the whole body) and stable code."""

    field: str
    code: str


def field_errors(errors: Sequence[Mapping[str, Any]], app: FastAPI) -> list[FieldError]:
    """Turn pydantic's errors into ours, at most twenty, in their order. Custom error types that are catalogue codes keep them."""
    known = vocabulary(app)
    found = [_field_error(str(error["type"]), tuple(error["loc"]), known) for error in errors]
    return list(dict.fromkeys(found))[:MOST_ERRORS]


def _field_error(kind: str, place: tuple[int | str, ...], known: frozenset[str]) -> FieldError:
    source, path = (str(place[0]), place[1:]) if place else ("body", ())
    if kind == "json_invalid":
        return FieldError("", "malformed_json")
    if source == "header":
        name = str(path[0]) if path else ""
        missing, invalid = _HEADERS.get(name.lower(), ("invalid_parameter", "invalid_parameter"))
        return FieldError(name if name in known else "", missing if kind == "missing" else invalid)
    field = ".".join(str(part) for part in path if isinstance(part, int) or part in known)
    if kind in CATALOGUE:
        return FieldError(field, kind)
    if source != "body":
        return FieldError(field, "invalid_parameter")
    if kind == "missing":
        return FieldError(field, "missing_field")
    if kind == "extra_forbidden":
        return FieldError(".".join(str(part) for part in path[:-1] if isinstance(part, int) or part in known), "unknown_field")
    return FieldError(field, "invalid_field")


def vocabulary(app: FastAPI) -> frozenset[str]:
    """Every member and parameter name the app's OpenAPI document has; worked out once."""
    known = getattr(app.state, _VOCABULARY, None)
    if known is None:
        known = frozenset(_names(app.openapi()))
        setattr(app.state, _VOCABULARY, known)
    return frozenset(known)


def _names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        properties = node.get("properties")
        if isinstance(properties, dict):
            yield from properties
        if "in" in node and isinstance(node.get("name"), str):
            yield node["name"]
        for value in node.values():
            yield from _names(value)
    elif isinstance(node, list):
        for value in node:
            yield from _names(value)
