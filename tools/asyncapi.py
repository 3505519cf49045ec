"""The AsyncAPI 3.0 document of the event streams, made from the event classes themselves; `tools/catalogue.py` writes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from libs.events import Actor, DemandEvent, Event, RegistryEvent
from libs.events.commit import ENVELOPE

Schema = dict[str, Any]

_REFERENCE: Final = "#/components/schemas/{model}"
_DIGEST: Final = r"^(sha256|sm3):[0-9a-f]{64}$"
_DEMAND_ID: Final = r"^[a-z][a-z0-9]{1,31}-[a-z0-9]{1,8}-[0-9a-hjkmnp-tv-z]{16}$"
_PARAMETERS: Final[dict[str, Schema]] = {
    "cell": {"description": "分区 · the cell, an opaque token that a registry fact opened", "examples": ["26a"]},
    "network": {"description": "网络 · the network", "examples": ["ningbo"]},
    "part": {"description": "crc32(id) mod 64, two digits, fixed for ever", "examples": ["07"]},
    "id": {"description": "诉求号 · demand id `<network>-<cell>-<16 Crockford base32 characters>`"},
    "entity": {
        "description": "`<network>.graph`, `<network>.revision.<revision>`, `system.credential.<key_id>` or `system.cell.<cell>`",
        "examples": ["ningbo.graph"],
    },
}
_HEADERS: Final[Schema] = {
    "type": "object",
    "required": ["Nats-Msg-Id"],
    "properties": {
        "Nats-Msg-Id": {"type": "string", "description": "commit id = command_id"},
        "Nats-Expected-Last-Subject-Sequence": {"type": "string", "description": "optimistic concurrency on the literal subject"},
        "traceparent": {"type": "string", "description": "W3C Trace Context"},
        "tracestate": {"type": "string", "description": "W3C Trace Context"},
    },
}
_OPERATIONS: Final = (
    ("intake", "send", "demand", "提出、补充、更正、撤回 · submit, supplement, correct, withdraw"),
    ("router", "send", "demand", "研判、派单、签收、退回、进展、办结 · classify, assign, accept, return, progress, resolve"),
    ("router", "receive", "demand", "派单与工作清单 · routing and worklists"),
    ("tracker", "receive", "demand", "存档、视图、全程 · archive, views, trail"),
    ("registry", "send", "registry", "网络、密钥、分区 · networks, keys, cells"),
    ("intake", "receive", "registry", "名录 · the directory"),
    ("router", "receive", "registry", "名录 · the directory"),
    ("tracker", "receive", "registry", "名录 · the directory"),
    ("registry", "receive", "registry", "名录 · the directory"),
)


def asyncapi(version: str) -> Schema:
    """Return the whole document: two channels, who sends and receives on them, commits with every event they may hold."""
    demand, registry = get_args(DemandEvent), get_args(RegistryEvent)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "联动 事件流 / Liandong event streams",
            "version": version,
            "description": (
                "每条消息是一次提交：一个命令的结果，含一个或多个事件，以摘要与前一次相连。缺省即没有，不写 null。\n\n"
                "One message is one commit: one command's outcome, one or more events, chained to its predecessor by digest. "
                "What is absent is not there; null is never written."
            ),
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            "demand": _channel("demand.{cell}.{network}.{part}.{id}", "一件诉求的全部提交 · all commits of one demand", "DemandCommit"),
            "registry": _channel("registry.{entity}", "名录中一个对象的全部提交 · all commits of one registry entity", "RegistryCommit"),
        },
        "operations": {
            f"{service}_{'appends' if action == 'send' else 'reads'}_{channel}": {
                "action": action,
                "channel": {"$ref": f"#/channels/{channel}"},
                "summary": summary,
                "messages": [{"$ref": f"#/channels/{channel}/messages/commit"}],
            }
            for service, action, channel, summary in _OPERATIONS
        },
        "components": {
            "messages": {
                "DemandCommit": _message("诉求的一次提交 · one commit of a demand", "DemandCommit"),
                "RegistryCommit": _message("名录的一次提交 · one commit of a registry entity", "RegistryCommit"),
            },
            "schemas": {
                **_event_schemas((*demand, *registry)),
                "DemandCommit": _commit({"demand": {"type": "string", "pattern": _DEMAND_ID}}, demand),
                "RegistryCommit": _commit({"entity": {"type": "string", "description": _PARAMETERS["entity"]["description"]}}, registry),
            },
        },
    }


def _channel(address: str, title: str, message: str) -> Schema:
    return {
        "address": address,
        "title": title,
        "parameters": {name: value for name, value in _PARAMETERS.items() if "{" + name + "}" in address},
        "messages": {"commit": {"$ref": f"#/components/messages/{message}"}},
    }


def _message(title: str, schema: str) -> Schema:
    return {
        "name": schema,
        "title": title,
        "contentType": "application/json",
        "headers": _HEADERS,
        "payload": {"$ref": f"#/components/schemas/{schema}"},
    }


def _commit(entity: dict[str, Schema], events: Sequence[type[Event]]) -> Schema:
    """The envelope; `libs.events.codec` writes it."""
    return {
        "type": "object",
        "required": ["v", *entity, "ver", "command", "command_id", "at", "actor", "events"],
        "properties": {
            "v": {"const": ENVELOPE, "description": "envelope version"},
            **entity,
            "ver": {"type": "integer", "minimum": 1, "description": "contiguous from 1"},
            "prev": {
                "type": "string",
                "pattern": _DIGEST,
                "description": "named digest of the previous commit's exact bytes; not in the first",
            },
            "command": {"type": "string", "examples": ["SubmitDemand"]},
            "command_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
            "request": {"type": "string", "description": "keyed digest of the HTTP request under the demand's own key"},
            "at": {"type": "string", "format": "date-time"},
            "actor": {"$ref": _REFERENCE.format(model="Actor")},
            "events": {"type": "array", "minItems": 1, "items": {"oneOf": [_envelope(cls) for cls in events]}},
        },
    }


def _envelope(cls: type[Event]) -> Schema:
    return {
        "type": "object",
        "title": cls.name(),
        "required": ["type", "schema", "data"],
        "properties": {
            "type": {"const": cls.name()},
            "schema": {"const": cls.schema_version},
            "data": {"$ref": _REFERENCE.format(model=cls.name())},
        },
    }


def _event_schemas(events: Sequence[type[Event]]) -> dict[str, Schema]:
    models: list[type[BaseModel]] = [*events, Actor]
    _, found = models_json_schema([(model, "serialization") for model in models], ref_template=_REFERENCE)
    schemas: dict[str, Schema] = without_null(found["$defs"])
    return schemas


def without_null(schema: Any) -> Any:
    """Take the null branches and null defaults out of a JSON schema: absent members are not written."""
    if isinstance(schema, list):
        return [without_null(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: without_null(value) for name, value in schema.items() if not (name == "default" and value is None)}
    branches = [branch for branch in kept.get("anyOf", []) if branch != {"type": "null"}]
    if "anyOf" not in kept or len(branches) == len(kept["anyOf"]):
        return kept
    del kept["anyOf"]
    if len(branches) > 1:
        return {**kept, "anyOf": branches}
    return {**branches[0], **kept}
