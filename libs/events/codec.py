"""JSON codec of commits: exact bytes out, typed events in, schema numbers and upcasters in between.

Writers are strict (one schema, no nulls), readers tolerant (unknown members are ignored, old schemas upcast).
Unknown event types raise UnknownEvent: views skip them, deciders answer 503 for that demand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final, get_args

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from libs.events.algorithms import DigestName, digest, digest_name
from libs.events.commit import ENVELOPE, Actor, Commit
from libs.events.demand import DemandEvent
from libs.events.errors import Corrupt, Refused, UnknownEvent
from libs.events.language import Event
from libs.events.registry import RegistryEvent

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]

TYPES: Final[Mapping[str, type[Event]]] = {cls.__name__: cls for cls in (*get_args(DemandEvent), *get_args(RegistryEvent))}

# (type, schema) -> pure function to the next schema. Add one line when an event's schema number grows; never edit one.
UPCASTERS: Final[dict[tuple[str, int], Upcaster]] = {}


def encode(commit: Commit) -> bytes:
    """Serialise a commit to the exact bytes that are stored, hashed and archived. Raises Refused for nulls in free-form members."""
    head: dict[str, Any] = {"v": ENVELOPE, _entity_member(commit.entity): commit.entity, "ver": commit.version}
    if commit.prev is not None:
        head["prev"] = commit.prev
    head["command"] = commit.command
    head["command_id"] = commit.command_id
    if commit.request is not None:
        head["request"] = commit.request
    head["at"] = commit.at.isoformat(timespec="milliseconds")
    head["actor"] = commit.actor
    events = b",".join(
        b'{"type":"%s","schema":%d,"data":%s}' % (type(event).__name__.encode(), event.schema_version, _data(event))
        for event in commit.events
    )
    return to_json(head, exclude_none=True)[:-1] + b',"events":[' + events + b"]}"


def decode(body: bytes, upcasters: Mapping[tuple[str, int], Upcaster] = UPCASTERS) -> Commit:
    """Read a commit back. Raises UnknownEvent for a type or schema of the future, Corrupt for anything else unreadable."""
    envelope = decode_envelope(body)
    try:
        return Commit(
            entity=_text(envelope["demand"] if "demand" in envelope else envelope["entity"]),
            version=_version(envelope["ver"]),
            prev=_text(envelope["prev"]) if "prev" in envelope else None,
            command=_text(envelope["command"]),
            command_id=_text(envelope["command_id"]),
            request=_text(envelope["request"]) if "request" in envelope else None,
            at=_moment(envelope["at"]),
            actor=Actor.model_validate(envelope["actor"]),
            events=_events(envelope["events"], upcasters),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"commit does not decode: {type(error).__name__}") from error


def decode_envelope(body: bytes) -> dict[str, Any]:
    """Parse a commit to plain JSON without looking at its events. Raises Corrupt."""
    try:
        envelope = from_json(body)
    except ValueError as error:
        raise Corrupt("commit is not JSON") from error
    if not isinstance(envelope, dict):
        raise Corrupt("commit is not an object")
    if envelope.get("v") != ENVELOPE:
        raise UnknownEvent("unknown envelope version")
    return envelope


def peek_command_id(body: bytes) -> str:
    """The command id of stored bytes: what tells a replay from a stranger. Raises Corrupt."""
    try:
        return _text(decode_envelope(body)["command_id"])
    except (KeyError, TypeError) as error:
        raise Corrupt("commit has no command id") from error


def chain(body: bytes, name: DigestName = "sha256") -> str:
    """The value the next commit carries as `prev`: a named digest over the exact bytes."""
    return digest(body, name)


def follows(body: bytes, commit: Commit, *, previous: bytes | None, previous_version: int) -> bool:
    """Tell whether a commit is the contiguous, hash-linked successor of `previous` (None: the first)."""
    if commit.version != previous_version + 1:
        return False
    if previous is None:
        return commit.prev is None
    return commit.prev is not None and commit.prev == chain(previous, digest_name(commit.prev))


def _entity_member(entity: str) -> str:
    return "entity" if "." in entity else "demand"


def _data(event: Event) -> bytes:
    try:
        data = to_json(event, exclude_none=True)
    except ValueError as error:  # Half a surrogate pair, which only a free-form member can hold.
        raise Refused("invalid_field") from error
    # `exclude_none` does not reach into free-form members; parsing again is only for texts that contain the word.
    if b"null" in data:
        for field, value in from_json(data).items():
            if _has_null(value):
                raise Refused("invalid_field", field=field)
    return data


def _has_null(value: Any) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return value is None or any(_has_null(item) for item in inside)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _version(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise TypeError("not a version")
    return value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("time without zone")
    return moment


def _events(items: Any, upcasters: Mapping[tuple[str, int], Upcaster]) -> tuple[Event, ...]:
    if not isinstance(items, list) or not items:
        raise TypeError("not a list of events")
    return tuple(_event(item, upcasters) for item in items)


def _event(item: dict[str, Any], upcasters: Mapping[tuple[str, int], Upcaster]) -> Event:
    name, schema, data = item["type"], item["schema"], item["data"]
    cls = TYPES.get(name)
    if cls is None or schema > cls.schema_version:
        raise UnknownEvent(f"{name} schema {schema}")
    while schema < cls.schema_version:
        data = upcasters[name, schema](data)
        schema += 1
    try:
        return cls.model_validate(data)
    except ValidationError as error:
        raise Corrupt(f"{name} does not decode") from error
