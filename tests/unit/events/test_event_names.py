"""Names on the wire: fixed for ever, hence golden."""

from __future__ import annotations

import base64
import hashlib
import hmac
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.events import NotFound
from libs.events.names import (
    PARTITIONS,
    command_id,
    crockford,
    demand_id,
    demand_of,
    demand_stream,
    demand_subject,
    enterprise_id,
    parse_demand_id,
    partition,
    registry_entity,
    registry_subject,
    stream_of,
)

SALT = bytes(range(32))
networks = st.from_regex(r"[a-z][a-z0-9]{1,31}", fullmatch=True)
cells = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
GOLDEN = "ningbo-t1-hpf2x6p9p5cdz6gb"


class TestCrockford:
    @pytest.mark.parametrize(
        ("data", "due"),
        [(b"", ""), (bytes(10), "0" * 16), (b"\xff" * 10, "z" * 16), (b"\x00", "00"), (b"\xff", "zw"), (b"foobar", "csqpyrk1e8")],
    )
    def test_known_spellings(self, data: bytes, due: str) -> None:
        assert crockford(data) == due

    @given(st.binary(max_size=40))
    def test_it_is_rfc_4648_base32_in_another_alphabet(self, data: bytes) -> None:
        table = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789abcdefghjkmnpqrstvwxyz")
        assert crockford(data) == base64.b32encode(data).decode().rstrip("=").translate(table)


class TestDemandIds:
    def test_the_golden_id_stays_what_it_is(self) -> None:
        assert demand_id("ningbo", "t1", salt=SALT, party="party-sample", key="key-1") == GOLDEN

    def test_the_id_is_eighty_bits_of_the_keyed_digest(self) -> None:
        token = hmac.new(SALT, b"ningbo\x00p\x00k", hashlib.sha256).digest()[:10]
        assert demand_id("ningbo", "t1", salt=SALT, party="p", key="k").rpartition("-")[2] == crockford(token)

    @given(networks, cells, st.binary(min_size=32, max_size=32), st.text(), st.text())
    def test_every_id_parses_back_and_has_a_subject_in_its_stream(self, network: str, cell: str, salt: bytes, party: str, key: str) -> None:
        demand = demand_id(network, cell, salt=salt, party=party, key=key)
        assert parse_demand_id(demand) == (network, cell)
        subject = demand_subject(demand)
        assert subject == f"demand.{cell}.{network}.{zlib.crc32(demand.encode()) % 64:02d}.{demand}"
        assert (demand_of(subject), stream_of(subject)) == (demand, demand_stream(cell))

    @given(st.text(max_size=8), st.text(max_size=8), st.text(max_size=8), st.text(max_size=8))
    def test_who_asks_and_the_key_name_the_demand(self, party: str, key: str, other_party: str, other_key: str) -> None:
        one = demand_id("ningbo", "t1", salt=SALT, party=party, key=key)
        two = demand_id("ningbo", "t1", salt=SALT, party=other_party, key=other_key)
        if "\x00" not in party + key + other_party + other_key:
            assert (one == two) == ((party, key) == (other_party, other_key))
        assert demand_id("ningbo", "t1", salt=bytes(32), party=party, key=key) != one
        assert demand_id("ningbo", "t2", salt=SALT, party=party, key=key) != one

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "ningbo",
            "ningbo-t1-0123456789abcde",
            "ningbo-t1-0123456789abcdef0",
            "ningbo-t1-0123456789ABCDEF",
            "ningbo-t1-0123456789abcdei",
            "ningbo-t1-0123456789abcdel",
            "ningbo-t1-0123456789abcdeo",
            "ningbo-t1-0123456789abcdeu",
            "Ningbo-t1-0123456789abcdef",
            "ningbo-123456789-0123456789abcdef",
            "ningbo-t.1-0123456789abcdef",
            "ningbo-*-0123456789abcdef",
            " ningbo-t1-0123456789abcdef",
            "宁波-t1-0123456789abcdef",
            "ningbo-t１-0123456789abcdef",
            "ningbo-t1-0123456789abcdef\n",
        ],
    )
    def test_what_is_not_an_id_is_not_found(self, text: str) -> None:
        for read in (parse_demand_id, demand_subject):
            with pytest.raises(NotFound, match="demand_not_found"):
                read(text)

    @given(st.text())
    def test_no_text_makes_a_subject_of_more_or_fewer_than_five_tokens(self, text: str) -> None:
        try:
            subject = demand_subject(text)
        except NotFound:
            return
        assert len(subject.split(".")) == 5

    def test_partitions_are_golden_and_all_used(self) -> None:
        assert partition("123456789") == 0xCBF43926 % 64 == 38
        assert {partition(f"ningbo-t1-{number:016}") for number in range(2_000)} == set(range(PARTITIONS))


class TestOtherNames:
    def test_pseudonyms_are_golden_and_differ_by_network_and_salt(self) -> None:
        one = enterprise_id("ningbo", salt=SALT, uscc="91330200MA00000000")
        assert one == "ent-dvvn097xq3bdnhc2"
        assert enterprise_id("other", salt=SALT, uscc="91330200MA00000000") != one
        assert enterprise_id("ningbo", salt=bytes(32), uscc="91330200MA00000000") != one

    def test_command_ids_are_golden_and_tell_apart_what_they_are_made_of(self) -> None:
        one = command_id("ningbo-t1-0123456789abcdef", "AcceptAssignment", "party", "key")
        assert one == hashlib.sha256(b"ningbo-t1-0123456789abcdef\x00AcceptAssignment\x00party\x00key").hexdigest()[:32]
        assert one == "bd5b14525ef24804f7c0a97dc68ff55a"
        assert command_id("a", "b", "c", "d") != command_id("a", "b", "d", "c")

    @pytest.mark.parametrize("entity", ["ningbo.graph", "ningbo.revision.r1", "ningbo.credential.k-1", "system.cell.t1"])
    def test_registry_entities_come_back_from_their_subject(self, entity: str) -> None:
        assert registry_entity(registry_subject(entity)) == entity
        assert stream_of(registry_subject(entity)) == "REGISTRY"

    @pytest.mark.parametrize("subject", ["", "other.x", "$JS.API.INFO", "demands.t1.x"])
    def test_a_foreign_subject_has_no_stream(self, subject: str) -> None:
        with pytest.raises(NotFound, match="unknown_subject"):
            stream_of(subject)
