"""Golden files: what was once released is read, and written, the same for ever.

A new event type or schema: add it to golden_commits.py and run `pytest tests/contract --write-golden` once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from libs.events import Sealed
from libs.events.algorithms import place, unseal
from libs.events.codec import TYPES, decode, encode
from tests.contract.golden_commits import DEMAND, KEYS
from tests.contract.golden_commits import GOLDEN as COMMITS

GOLDEN = Path(__file__).parent / "golden"
WRITTEN = [name for name in COMMITS if not any(other.startswith(f"{name}.") for other in COMMITS)]
"""Golden files of what this release writes."""


@pytest.fixture(autouse=True, scope="module")
def _write(pytestconfig: pytest.Config) -> None:
    if not pytestconfig.getoption("write_golden", default=False):
        return
    for name, commit in COMMITS.items():
        file = GOLDEN / f"{name}.json"
        if not file.exists():
            file.write_bytes(encode(commit))


def golden(name: str) -> bytes:
    """The bytes of a golden file."""
    return (GOLDEN / f"{name}.json").read_bytes()


def test_every_event_type_has_a_golden_file_of_every_schema() -> None:
    due = {f"{name}.v{schema}.json" for name, event in TYPES.items() for schema in range(1, event.schema_version + 1)}
    assert {file.name for file in GOLDEN.iterdir()} == due | {f"{name}.json" for name in COMMITS}


@pytest.mark.parametrize("name", COMMITS)
def test_a_golden_commit_decodes_to_what_was_meant(name: str) -> None:
    assert decode(golden(name)) == COMMITS[name]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_golden_commit_encodes_to_the_same_bytes(name: str) -> None:
    assert encode(decode(golden(name))) == golden(name)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_golden_commit_leaves_no_member_of_its_event_unsaid(name: str) -> None:
    [item] = json.loads(golden(name))["events"]
    assert set(item) == {"type", "schema", "data"}
    assert set(item["data"]) == set(TYPES[item["type"]].model_fields)


def sealed_in(value: Any, path: str = "") -> Iterator[tuple[str, Sealed]]:
    """Every ciphertext of an event with its place: `note`, `parts.p1.title`, `steps.0.note`."""
    if isinstance(value, Sealed):
        yield path, value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from sealed_in(getattr(value, name), f"{path}.{name}" if path else name)
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from sealed_in(item, f"{path}.{getattr(item, 'part', index)}")


def test_the_ciphertexts_of_golden_commits_still_open() -> None:
    opened = set()
    for name in COMMITS:
        commit = decode(golden(name))
        for event in commit.events:
            for field, value in sealed_in(event):
                assert unseal(value, key=KEYS[value.a], aad=place(DEMAND, commit.command_id, field)).decode()
                opened.add(value.a)
    assert opened == set(KEYS)
