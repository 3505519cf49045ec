"""The codec: exact bytes out, tolerant reading in, and a chain that notices every change."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.events import Actor, Corrupt, Event, NetworkRevisionStaged, Refused, UnknownEvent
from libs.events.algorithms import DigestName
from libs.events.codec import TYPES, chain, decode, decode_envelope, encode, follows, peek_command_id
from libs.events.testing import commits as chained
from tests.unit.events.counter import ENTITY, Counted
from tests.unit.events.language_strategies import commits, events

NAMES = sorted(TYPES)
ENVELOPE: dict[str, Any] = json.loads(chained(ENTITY, Counted(by=1), Counted(by=2))[1][1])


def altered(**members: Any) -> bytes:
    """The sample commit with members replaced; `...` takes one out."""
    return json.dumps({name: value for name, value in (ENVELOPE | members).items() if value is not ...}).encode()


def items_of(value: Any) -> list[Any]:
    """Every value inside a JSON value, itself included."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [value, *(item for child in inside for item in items_of(child))]


def with_strangers(value: Any) -> Any:
    """Every object of the language gets a member nobody knows; free-form members are left alone."""
    if isinstance(value, list):
        return [with_strangers(item) for item in value]
    if not isinstance(value, dict):
        return value
    free = {"scores", "excluded", "load", "items", "deadlines"}
    return {name: member if name in free else with_strangers(member) for name, member in value.items()} | {"陌生": {"x": [1]}}


class TestRoundTrip:
    @pytest.mark.parametrize("name", NAMES)
    @settings(max_examples=25, deadline=None)
    @given(data=st.data())
    def test_every_event_comes_back_equal_and_as_the_same_bytes(self, name: str, data: st.DataObject) -> None:
        commit = data.draw(commits(events(name)))
        body = encode(commit)
        assert decode(body) == commit
        assert encode(decode(body)) == body

    @given(commits())
    def test_null_is_never_written(self, commit: Any) -> None:
        assert None not in items_of(json.loads(encode(commit)))

    def test_null_inside_free_form_members_is_refused_by_the_writer(self) -> None:
        staged = NetworkRevisionStaged(
            network="ningbo",
            revision="r1",
            part=1,
            parts=1,
            section="nodes",
            items=({"id": "x", "note": "null"}, {"deep": [{"parent": None}]}),
        )
        with pytest.raises(Refused, match="invalid_field") as caught:
            chained("ningbo.graph", staged)
        assert caught.value.field == "items"
        fine = staged.model_copy(update={"items": staged.items[:1]})
        assert decode(chained("ningbo.graph", fine)[0][1]).events == (fine,)

    def test_text_that_is_no_unicode_is_refused_by_the_writer(self) -> None:
        staged = NetworkRevisionStaged(network="ningbo", revision="r1", part=1, parts=1, section="nodes", items=({"name": "\ud800"},))
        with pytest.raises(Refused, match="invalid_field"):
            chained("ningbo.graph", staged)

    @given(commits())
    def test_members_nobody_knows_are_ignored_at_every_level(self, commit: Any) -> None:
        body = json.dumps(with_strangers(json.loads(encode(commit)))).encode()
        assert decode(body) == commit

    @given(commits())
    def test_the_command_id_is_seen_without_decoding(self, commit: Any) -> None:
        assert peek_command_id(encode(commit)) == commit.command_id

    def test_demands_and_registry_entities_have_their_own_member(self) -> None:
        assert decode_envelope(chained("ningbo-t1-0123456789abcdef", Counted(by=1))[0][1])["demand"] == "ningbo-t1-0123456789abcdef"
        assert decode_envelope(chained("ningbo.graph", Counted(by=1))[0][1])["entity"] == "ningbo.graph"

    def test_the_envelope_is_written_in_a_fixed_order(self) -> None:
        assert list(ENVELOPE) == ["v", "demand", "ver", "prev", "command", "command_id", "at", "actor", "events"]


class TestRefusals:
    @given(st.integers(0, 10_000))
    def test_truncated_bytes_are_corrupt(self, length: int) -> None:
        body = altered()
        with pytest.raises(Corrupt):
            decode(body[: length % len(body)])

    @pytest.mark.parametrize("body", [b"", b"null", b"[]", b'"x"', b"7", b"\xff\xfe", b"{", b"[" * 100_000])
    def test_what_is_not_a_json_object_is_corrupt(self, body: bytes) -> None:
        for read in (decode, decode_envelope, peek_command_id):
            with pytest.raises(Corrupt) as caught:
                read(body)
            assert not isinstance(caught.value, UnknownEvent)

    @pytest.mark.parametrize("version", [..., 0, 2, "1", None, [1]])
    def test_another_envelope_version_is_unknown(self, version: object) -> None:
        for read in (decode, decode_envelope, peek_command_id):
            with pytest.raises(UnknownEvent):
                read(altered(v=version))

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("demand", ...),
            ("ver", ...),
            ("ver", "3"),
            ("ver", 0),
            ("ver", 1.5),
            ("ver", True),
            ("command", ...),
            ("command_id", ...),
            ("command_id", 7),
            ("prev", 7),
            ("at", ...),
            ("at", "yesterday"),
            ("at", "2026-03-02T01:00:00.000"),
            ("at", 7),
            ("actor", ...),
            ("actor", "me"),
            ("actor", {"kind": "stranger", "id": "x"}),
            ("events", ...),
            ("events", []),
            ("events", {}),
            ("events", [7]),
            ("events", ["x"]),
            ("events", [{"type": "Counted", "schema": 1}]),
            ("events", [{"type": "Counted", "schema": "1", "data": {"by": 1}}]),
            ("events", [{"type": "Counted", "schema": 0, "data": {"by": 1}}]),
            ("events", [{"type": ["Counted"], "schema": 1, "data": {"by": 1}}]),
            ("events", [{"type": "Counted", "schema": 1, "data": {"by": "many"}}]),
            ("events", [{"type": "Counted", "schema": 1, "data": {}}]),
            ("events", [{"type": "Counted", "schema": 1, "data": None}]),
        ],
    )
    def test_a_broken_envelope_or_event_is_corrupt_and_not_unknown(self, member: str, value: object) -> None:
        with pytest.raises(Corrupt) as caught:
            decode(altered(**{member: value}))
        assert not isinstance(caught.value, UnknownEvent)

    def test_a_body_without_a_command_id_is_corrupt(self) -> None:
        with pytest.raises(Corrupt):
            peek_command_id(altered(command_id=...))

    @pytest.mark.parametrize(("name", "schema"), [("DemandTeleported", 1), ("Counted", 2), ("CellOpened", 99)])
    def test_a_type_or_schema_of_the_future_is_unknown(self, name: str, schema: int) -> None:
        with pytest.raises(UnknownEvent):
            decode(altered(events=[{"type": name, "schema": schema, "data": {}}]))

    @given(st.binary(max_size=200))
    def test_no_bytes_at_all_make_the_reader_raise_anything_else(self, body: bytes) -> None:
        with pytest.raises(Corrupt):
            decode(body)

    def test_errors_quote_nothing_of_what_was_stored(self) -> None:
        with pytest.raises(Corrupt) as caught:
            decode(altered(events=[{"type": "Counted", "schema": 1, "data": {"by": "secret"}}]))
        assert "secret" not in str(caught.value)


class Moved(Event):
    """A fictitious event in its third schema: first `x`, then `left`, then `left` and `unit`."""

    schema_version: ClassVar[int] = 3
    zh: ClassVar[str] = "移动 {left}{unit}"
    en: ClassVar[str] = "Moved {left} {unit}"

    left: int
    unit: str


UPCASTERS = {
    ("Moved", 1): lambda data: {**{name: value for name, value in data.items() if name != "x"}, "left": -data["x"]},
    ("Moved", 2): lambda data: {**data, "unit": "m"},
}


class TestUpcasting:
    @pytest.fixture(autouse=True)
    def _moved(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(TYPES, "Moved", Moved)  # type: ignore[arg-type]

    @pytest.mark.parametrize(
        ("schema", "data", "due"),
        [
            (1, {"x": 4}, Moved(left=-4, unit="m")),
            (2, {"left": 4}, Moved(left=4, unit="m")),
            (3, {"left": 4, "unit": "km"}, Moved(left=4, unit="km")),
        ],
    )
    def test_every_old_schema_is_read_step_by_step_as_the_newest(self, schema: int, data: dict[str, Any], due: Moved) -> None:
        body = altered(events=[{"type": "Moved", "schema": schema, "data": data}])
        assert decode(body, UPCASTERS).events == (due,)

    def test_a_missing_step_is_corrupt(self) -> None:
        body = altered(events=[{"type": "Moved", "schema": 1, "data": {"x": 4}}])
        with pytest.raises(Corrupt):
            decode(body, {("Moved", 1): UPCASTERS["Moved", 1]})

    def test_a_step_that_stumbles_over_its_data_is_corrupt(self) -> None:
        with pytest.raises(Corrupt):
            decode(altered(events=[{"type": "Moved", "schema": 1, "data": {}}]), UPCASTERS)

    def test_writers_write_the_newest_schema_only(self) -> None:
        [(_, body)] = chained(ENTITY, Moved(left=1, unit="m"))
        assert json.loads(body)["events"][0]["schema"] == 3


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
class TestChain:
    def test_the_chain_names_its_algorithm_and_verifies(self, algorithm: DigestName) -> None:
        made = chained(ENTITY, Counted(by=1), [Counted(by=2), Counted(by=3)], Counted(by=4), digest=algorithm)
        previous: bytes | None = None
        for version, (commit, body) in enumerate(made):
            assert decode(body) == commit
            assert follows(body, decode(body), previous=previous, previous_version=version)
            assert previous is None or commit.prev == chain(previous, algorithm)
            assert commit.prev is None or commit.prev.startswith(f"{algorithm}:")
            previous = body

    @given(position=st.integers(0), bit=st.integers(0, 7))
    def test_one_flipped_bit_in_the_predecessor_breaks_the_chain(self, algorithm: DigestName, position: int, bit: int) -> None:
        (_, first), (second, body) = chained(ENTITY, Counted(by=1), Counted(by=2), digest=algorithm)
        flipped = bytearray(first)
        flipped[position % len(first)] ^= 1 << bit
        assert not follows(body, second, previous=bytes(flipped), previous_version=1)

    def test_a_wrong_place_in_the_chain_does_not_follow(self, algorithm: DigestName) -> None:
        (first, one), (second, two), (third, three) = chained(ENTITY, *(Counted(by=1) for _ in range(3)), digest=algorithm)
        assert not follows(three, third, previous=one, previous_version=1)
        assert not follows(three, third, previous=one, previous_version=2)
        assert not follows(two, second, previous=None, previous_version=1)
        assert not follows(two, second, previous=None, previous_version=0)
        assert not follows(one, first, previous=one, previous_version=0)
        assert not follows(one, first, previous=None, previous_version=1)


def test_a_chain_may_change_its_algorithm_on_the_way() -> None:
    (_, first), _ = chained(ENTITY, Counted(by=1), Counted(by=2))
    _, (second, body) = chained(ENTITY, Counted(by=1), Counted(by=2), digest="sm3")
    assert follows(body, second, previous=first, previous_version=1)


def test_a_digest_nobody_knows_is_corrupt() -> None:
    (_, first), (_, body) = chained(ENTITY, Counted(by=1), Counted(by=2))
    stranger = body.replace(b"sha256:", b"sha1:")
    with pytest.raises(Corrupt):
        follows(stranger, decode(stranger), previous=first, previous_version=1)


def test_actors_are_written_without_the_members_they_lack() -> None:
    [(_, body)] = chained(ENTITY, Counted(by=1), actor=Actor(kind="system", id="router"))
    assert json.loads(body)["actor"] == {"kind": "system", "id": "router"}
