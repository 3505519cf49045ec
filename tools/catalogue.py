"""Writes the documents that are made from the code: event catalogue, problem catalogue, OpenAPI and AsyncAPI.

`python -m tools.catalogue` writes them all; a test compares each with what is committed. Opens no server and no database.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib import import_module
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from fastapi import FastAPI
from pydantic import BaseModel, SecretStr

from libs.chassis.app import API_VERSION
from libs.chassis.catalogue import CATALOGUE, ProblemKind
from libs.chassis.settings import ServiceSettings
from libs.events import Actor, DemandEvent, Event, RegistryEvent, Sealed
from tools.asyncapi import asyncapi
from tools.lifecycle import lifecycle_page

ROOT: Final = Path(__file__).resolve().parent.parent
DOCS: Final = ROOT / "docs"
SERVICES: Final = ("intake", "router", "tracker", "registry")
_MADE: Final = "<!-- 由 `make docs` 生成，请勿手改。 Made by `make docs`; change the code, not this file. -->\n"

_STAGES: Final = {
    **dict.fromkeys(("补充", "更正", "撤回", "不予受理"), "提出"),
    **dict.fromkeys(("签收", "退回", "收回", "逾期未签收", "转办", "提请裁定", "裁定"), "派单"),
    "办理进展": "办理",
}
"""Terms of event docstrings that belong to another term's stage; every other term is a stage itself."""


@dataclass(frozen=True, slots=True)
class Document:
    """One generated file: its path under docs/ and how to make its text."""

    path: str
    make: Callable[[], str]


def documents() -> tuple[Document, ...]:
    """Everything that is generated."""
    return (
        Document("events.md", events_page),
        Document("problems.md", problems_page),
        Document("lifecycle.md", lifecycle_page),
        Document("asyncapi.json", lambda: _json(asyncapi(API_VERSION))),
        *(Document(f"openapi/{service}.json", partial(_openapi, service)) for service in SERVICES),
    )


def events_page() -> str:
    """The event catalogue: per event its meaning, sentences, schema and members."""
    parts = [
        "# 事件目录 · Event catalogue\n",
        _MADE,
        "\n每个事件是一个已经发生的事实；一次提交含一个或多个事件。信封和演进规则见 [architecture.md](architecture.md)，"
        "机器可读的形式见 [asyncapi.json](asyncapi.json)。\n",
        "\nEach event is a fact; one commit holds one or more. Envelope and evolution: [architecture.md](architecture.md); "
        "for machines: [asyncapi.json](asyncapi.json). `?` marks members that may be absent; null is never written. "
        "`Sealed` members are ciphertext under the demand's own key.\n",
    ]
    demand, registry = get_args(DemandEvent), get_args(RegistryEvent)
    parts += ["\n## 一览 · Overview\n", "\n| 阶段 stage | 事件 event | 版本 schema | 说法 sentence |\n|---|---|---|---|\n"]
    parts += [
        f"| {stage_of(cls)} | [{cls.name()}](#{cls.name().lower()}) | {cls.schema_version} | {cls.zh} |\n" for cls in (*demand, *registry)
    ]
    parts += ["\n## 诉求 · Demand\n", *map(_event_section, demand)]
    parts += ["\n## 名录 · Registry\n", *map(_event_section, registry)]
    parts += ["\n## 组成部分 · Parts\n", *map(_part_section, _parts((*demand, *registry)))]
    return "".join(parts)


def stage_of(cls: type[Event]) -> str:
    """The stage of a demand an event belongs to, from the Chinese term in its docstring; registry events: 名录."""
    if cls in get_args(RegistryEvent):
        return "名录"
    found = re.search(r"[（(]([一-鿿]+)[，)）]", cls.__doc__ or "")
    term = found[1] if found is not None else ""
    return _STAGES.get(term, term)


def problems_page() -> str:
    """The problem catalogue: every stable code, its status, what it says and what to do."""
    parts = [
        "# 问题代码 · Problem codes\n",
        _MADE,
        "\n错误以 RFC 9457 `application/problem+json` 返回，`code` 稳定不变，绝不回显所提交的内容。"
        "同样的内容可在任一服务的 `GET /problems/{code}` 查到。\n",
        "\nErrors are RFC 9457 documents. `code` is stable; what was sent is never echoed. "
        "Every service answers `GET /problems/{code}` with the same words.\n",
        "\n| HTTP | code | 含义 meaning | 怎么办 what to do | Retry-After |\n|---|---|---|---|---|\n",
    ]
    parts += map(_problem_row, sorted(CATALOGUE.values(), key=lambda kind: (kind.status, kind.code)))
    return "".join(parts)


@lru_cache(maxsize=len(SERVICES))
def app_of(service: str) -> FastAPI:
    """Build a service's application with settings that lead nowhere; nothing is opened."""
    with tempfile.TemporaryDirectory() as folder:
        secret = Path(folder) / "secret"
        secret.write_text("0" * 64, "ascii")
        settings_module = import_module(f"services.{service}.settings")
        settings_class: type[ServiceSettings] = getattr(settings_module, f"{service.capitalize()}Settings")
        values: dict[str, Any] = {
            "nats_url": "nats://127.0.0.1:1",
            "nats_user": service,
            "nats_password": SecretStr("unused"),
            "nats_monitor_url": "http://127.0.0.1:1",
            "database_url": "postgresql://nobody@127.0.0.1:1/nothing",
            "kek_file": secret,
            "salt_file": secret,
        }
        create_app: Callable[[ServiceSettings], FastAPI] = import_module(f"services.{service}.main").create_app
        return create_app(settings_class(**values))


def write(folder: Path = DOCS) -> list[str]:
    """Write every document; returns the paths of those that changed."""
    changed = []
    for document in documents():
        path, text = folder / document.path, document.make()
        if not path.is_file() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            changed.append(document.path)
    return changed


def _openapi(service: str) -> str:
    return _json(app_of(service).openapi())


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _event_section(cls: type[Event]) -> str:
    return (
        f"\n### {cls.name()}\n\n{_meaning(cls)}\n\n"
        f"阶段 stage **{stage_of(cls)}** · 版本 schema **{cls.schema_version}**  \n中文：{cls.zh}  \nEnglish: {cls.en}\n\n{_members(cls)}"
    )


def _part_section(cls: type[BaseModel]) -> str:
    return f"\n### {cls.__name__}\n\n{_meaning(cls)}\n\n{_members(cls)}"


def _meaning(cls: type[BaseModel]) -> str:
    return " ".join((cls.__doc__ or "").split())


def _members(cls: type[BaseModel]) -> str:
    rows = [
        f"| `{name}`{'' if field.is_required() else ' ?'} | {_type_name(field.annotation)} |\n" for name, field in cls.model_fields.items()
    ]
    return "| 成员 member | 类型 type |\n|---|---|\n" + "".join(rows)


def _parts(events: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    """Models that events are made of, in order of first use, and the actor of the envelope."""
    found: dict[str, type[BaseModel]] = {}

    def visit(annotation: Any) -> None:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation.__name__ not in found:
                found[annotation.__name__] = annotation
                for field in annotation.model_fields.values():
                    visit(field.annotation)
            return
        for inner in get_args(annotation):
            visit(inner)

    for cls in events:
        for field in cls.model_fields.values():
            visit(field.annotation)
    first: list[type[BaseModel]] = [Sealed, Actor]
    return [*first, *(part for part in found.values() if part not in first)]


def _type_name(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type_name(inner[0])
    if origin in (Union, UnionType):
        return " or ".join(_type_name(one) for one in inner if one is not NoneType)
    if origin is Literal:
        return " ".join(f"`{value}`" for value in inner)
    if origin is tuple:
        return f"list of {_type_name(inner[0])}"
    if origin is dict:
        return f"map from {_type_name(inner[0])} to {_type_name(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})"
    return {"str": "string", "int": "integer", "bool": "boolean", "Any": "any"}.get(
        getattr(annotation, "__name__", ""), str(annotation.__name__)
    )


def _problem_row(kind: ProblemKind) -> str:
    wait = f"{kind.retry_after} s" if kind.retry_after is not None else ""
    return f"| {kind.status} | `{kind.code}` | {kind.zh} · {kind.en} | {kind.do_zh} {kind.do_en} | {wait} |\n"


def main() -> None:
    """Write what changed and say so."""
    changed = write()
    print("\n".join(f"docs/{path}" for path in changed) if changed else "docs: nothing changed")


if __name__ == "__main__":
    main()
