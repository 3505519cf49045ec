"""Documents made from the code are fresh, and the AsyncAPI document is sound in itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from jsonschema_rs import Draft202012Validator, meta

from libs.chassis.catalogue import CATALOGUE
from libs.events import DemandEvent, RegistryEvent
from libs.events.codec import TYPES
from libs.events.testing import commits
from tests.unit.demand.situations import ONE_OF_EACH
from tests.unit.registry.test_registry_domain import ONE_OF_EACH as REGISTRY_EVENTS
from tools.asyncapi import asyncapi, without_null
from tools.catalogue import DOCS, Document, documents, events_page, problems_page, stage_of

DOCUMENT = asyncapi("0")


@pytest.mark.parametrize("document", documents(), ids=lambda document: document.path)
def test_the_committed_document_is_what_the_code_makes(document: Document) -> None:
    """Run `make docs` and commit what it wrote."""
    path = DOCS / document.path
    assert path.is_file(), f"docs/{document.path} is missing: run `make docs`"
    assert path.read_text("utf-8") == document.make(), f"docs/{document.path} is stale: run `make docs`"


def test_nothing_lies_about_that_is_no_longer_made() -> None:
    made = {document.path for document in documents()}
    found = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.json")}
    assert found <= made


def test_every_event_is_in_the_catalogue_with_its_stage_and_members() -> None:
    page = events_page()
    for name, cls in TYPES.items():
        assert f"### {name}\n" in page
        assert stage_of(cls)
        section = page.partition(f"### {name}\n")[2].partition("\n### ")[0]
        assert all(f"| `{member}`" in section for member in cls.model_fields)
        assert cls.zh in section
        assert cls.en in section


def test_every_problem_code_is_documented_with_what_to_do() -> None:
    page = problems_page()
    for code, kind in CATALOGUE.items():
        row = next(line for line in page.splitlines() if f"| `{code}` |" in line)
        assert all(text in row for text in (str(kind.status), kind.zh, kind.en, kind.do_zh, kind.do_en))


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def resolve(document: Any, reference: str) -> Any:
    node = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_every_reference_of_the_asyncapi_document_resolves() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 20
    assert all(resolve(DOCUMENT, reference) for reference in found)


def test_the_asyncapi_document_has_the_shape_of_version_3() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    for channel in DOCUMENT["channels"].values():
        assert set(re.findall(r"{(\w+)}", channel["address"])) == set(channel["parameters"])
        assert channel["messages"]
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        channel = resolve(DOCUMENT, operation["channel"]["$ref"])
        own = [f"{operation['channel']['$ref']}/messages/{name}" for name in channel["messages"]]
        assert [message["$ref"] for message in operation["messages"]] == own
    for message in DOCUMENT["components"]["messages"].values():
        assert {"name", "title", "contentType", "headers", "payload"} <= set(message)
    for schema in DOCUMENT["components"]["schemas"].values():
        meta.validate(schema)


def test_every_event_may_stand_in_exactly_one_kind_of_commit() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    for commit, union in (("DemandCommit", DemandEvent), ("RegistryCommit", RegistryEvent)):
        allowed = [item["title"] for item in schemas[commit]["properties"]["events"]["items"]["oneOf"]]
        assert allowed == [cls.__name__ for cls in get_args(union)]
        assert set(allowed) <= set(schemas)


def validator(schema: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{schema}", "components": DOCUMENT["components"]})


@pytest.mark.parametrize(
    ("schema", "entity", "events"),
    [("DemandCommit", "ningbo-26a-0123456789abcdef", ONE_OF_EACH), ("RegistryCommit", "ningbo.graph", REGISTRY_EVENTS)],
)
def test_the_exact_bytes_of_commits_follow_the_document(schema: str, entity: str, events: Any) -> None:
    for _, body in commits(entity, *events):
        stored = json.loads(body) | {"command_id": "0" * 32}
        validator(schema).validate(stored)
        assert "null" not in body.decode()
        unchained = stored | {"prev": "md5:0"}
        assert not validator(schema).is_valid(unchained)
        assert not validator(schema).is_valid(stored | {"events": []})
        assert not validator(schema).is_valid(stored | {"events": [stored["events"][0] | {"type": "Unknown"}]})


def test_absent_members_are_not_documented_as_null() -> None:
    assert '"null"' not in json.dumps(DOCUMENT)
    assert without_null({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}) == {"type": "string"}
    assert without_null({"anyOf": [{"type": "string"}, {"type": "integer"}]}) == {"anyOf": [{"type": "string"}, {"type": "integer"}]}
