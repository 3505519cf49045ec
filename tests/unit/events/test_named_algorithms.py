"""Digests, keyed digests and ciphertexts say how they were made, and verify only as they were made."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.events import Corrupt, Sealed
from libs.events.algorithms import (
    KEY_BYTES,
    CipherName,
    DigestName,
    digest,
    digest_name,
    mac,
    matches,
    place,
    seal,
    seal_bytes,
    unseal,
    unseal_bytes,
)
from libs.events.testing import sealed

PLACE = place("ningbo-t1-0123456789abcdef", "c1", "note")
ciphers = pytest.mark.parametrize("algorithm", sorted(KEY_BYTES))


def keyed(algorithm: CipherName, fill: int = 1) -> bytes:
    return bytes([fill]) * KEY_BYTES[algorithm]


def sealed_with(algorithm: CipherName, plaintext: bytes = b"secret") -> Sealed:
    return seal(plaintext, key=keyed(algorithm), key_id="k1", nonce=bytes(12), aad=PLACE, algorithm=algorithm)


class TestDigests:
    # GB/T 32905, examples 1 and 2; SHA-256 from FIPS 180-2, example B.1.
    @pytest.mark.parametrize(
        ("name", "data", "due"),
        [
            ("sm3", b"abc", "sm3:66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
            ("sm3", b"abcd" * 16, "sm3:debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
            ("sha256", b"abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ],
    )
    def test_digests_are_those_of_the_standards(self, name: DigestName, data: bytes, due: str) -> None:
        assert digest(data, name) == due

    @pytest.mark.parametrize("name", ["sha256", "sm3"])
    @given(data=st.binary(max_size=64), other=st.binary(max_size=64))
    def test_a_digest_matches_its_bytes_alone(self, name: DigestName, data: bytes, other: bytes) -> None:
        named = digest(data, name)
        assert digest_name(named) == name
        assert matches(other, named) == (data == other)

    @pytest.mark.parametrize("named", ["", "sha256", "md5:00", ":00", "SHA256:00"])
    def test_unknown_algorithms_match_nothing(self, named: str) -> None:
        with pytest.raises(Corrupt):
            digest_name(named + "x" if named == "sha256" else named)

    def test_keyed_digests_are_those_of_rfc_2104(self) -> None:
        assert mac(b"key", b"data") == "hmac-sha256:" + hmac.new(b"key", b"data", hashlib.sha256).hexdigest()
        inner = digest(bytes(byte ^ 0x36 for byte in b"key".ljust(64, b"\0")) + b"data", "sm3").removeprefix("sm3:")
        outer = digest(bytes(byte ^ 0x5C for byte in b"key".ljust(64, b"\0")) + bytes.fromhex(inner), "sm3").removeprefix("sm3:")
        assert mac(b"key", b"data", "sm3") == f"hmac-sm3:{outer}"


class TestCiphers:
    def test_sm4_gcm_is_that_of_rfc_8998(self) -> None:
        # RFC 8998, appendix A.1.
        key = bytes.fromhex("0123456789abcdeffedcba9876543210")
        aad = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
        plaintext = bytes.fromhex("aa" * 8 + "bb" * 8 + "cc" * 8 + "dd" * 8 + "ee" * 8 + "ff" * 8 + "ee" * 8 + "aa" * 8)
        due = (
            "17f399f08c67d5ee19d0dc9969c4bb7d5fd46fd3756489069157b282bb200735"
            "d82710ca5c22f0ccfa7cbf93d496ac15a56834cbcf98c397b4024a2691233b8d"
        )
        tag = "83de3541e4c2b58177e065a9bf7b62ec"
        nonce = bytes.fromhex("00001234567800000000abcd")
        made = seal(plaintext, key=key, key_id="k", nonce=nonce, aad=aad, algorithm="SM4-GCM")
        assert (made.k, made.a, made.n) == ("k", "SM4-GCM", "AAASNFZ4AAAAAKvN")
        assert _bytes(made.c).hex() == due + tag
        assert unseal(made, key=key, aad=aad) == plaintext

    @ciphers
    @given(
        plaintext=st.binary(max_size=300), nonce=st.binary(min_size=12, max_size=12), fill=st.integers(0, 255), aad=st.binary(max_size=40)
    )
    def test_what_was_sealed_opens_again(self, algorithm: CipherName, plaintext: bytes, nonce: bytes, fill: int, aad: bytes) -> None:
        made = seal(plaintext, key=keyed(algorithm, fill), key_id="k1", nonce=nonce, aad=aad, algorithm=algorithm)
        assert unseal(made, key=keyed(algorithm, fill), aad=aad) == plaintext
        assert Sealed.model_validate_json(made.model_dump_json()) == made

    @ciphers
    @given(position=st.integers(0), bit=st.integers(0, 7), member=st.sampled_from(["n", "c"]))
    def test_one_flipped_bit_does_not_open(self, algorithm: CipherName, position: int, bit: int, member: str) -> None:
        made = sealed_with(algorithm)
        flipped = bytearray(_bytes(getattr(made, member)))
        flipped[position % len(flipped)] ^= 1 << bit
        with pytest.raises(Corrupt):
            unseal(made.model_copy(update={member: _text(bytes(flipped))}), key=keyed(algorithm), aad=PLACE)

    @ciphers
    @given(fill=st.integers(0, 255).filter(lambda fill: fill != 1))
    def test_a_wrong_key_does_not_open(self, algorithm: CipherName, fill: int) -> None:
        with pytest.raises(Corrupt):
            unseal(sealed_with(algorithm), key=keyed(algorithm, fill), aad=PLACE)

    @ciphers
    @given(demand=st.text(max_size=5), command=st.text(max_size=5), field=st.text(max_size=5))
    def test_a_ciphertext_moved_to_another_place_does_not_open(self, algorithm: CipherName, demand: str, command: str, field: str) -> None:
        with pytest.raises(Corrupt):
            unseal(sealed_with(algorithm), key=keyed(algorithm), aad=place(demand, command, field))

    @ciphers
    @pytest.mark.parametrize("length", [0, 1, 15, 16, 17])
    def test_a_short_ciphertext_does_not_open(self, algorithm: CipherName, length: int) -> None:
        made = sealed_with(algorithm)
        with pytest.raises(Corrupt):
            unseal(made.model_copy(update={"c": _text(_bytes(made.c)[:length])}), key=keyed(algorithm), aad=PLACE)

    @ciphers
    def test_a_key_of_the_wrong_size_does_not_open(self, algorithm: CipherName) -> None:
        with pytest.raises(Corrupt):
            unseal(sealed_with(algorithm), key=b"short", aad=PLACE)

    @ciphers
    @pytest.mark.parametrize("member", ["n", "c"])
    @pytest.mark.parametrize("value", ["a", "密"])
    def test_members_that_are_not_base64_do_not_open(self, algorithm: CipherName, member: str, value: str) -> None:
        with pytest.raises(Corrupt):
            unseal(sealed_with(algorithm).model_copy(update={member: value}), key=keyed(algorithm), aad=PLACE)

    @ciphers
    @given(plaintext=st.binary(max_size=300), nonce=st.binary(min_size=12, max_size=12))
    def test_bytes_are_sealed_as_fields_are_only_without_base64(self, algorithm: CipherName, plaintext: bytes, nonce: bytes) -> None:
        made = seal_bytes(plaintext, key=keyed(algorithm), nonce=nonce, aad=PLACE, algorithm=algorithm)
        field = seal(plaintext, key=keyed(algorithm), key_id="k1", nonce=nonce, aad=PLACE, algorithm=algorithm)
        assert made == _bytes(field.c)
        assert unseal_bytes(made, key=keyed(algorithm), nonce=nonce, aad=PLACE, algorithm=algorithm) == plaintext

    @ciphers
    @pytest.mark.parametrize("wrong", [{"nonce": b"1" * 12}, {"nonce": b""}, {"aad": b"elsewhere"}, {"key": b"short"}, {"ciphertext": b""}])
    def test_sealed_bytes_open_only_as_they_were_sealed(self, algorithm: CipherName, wrong: dict[str, bytes]) -> None:
        made = seal_bytes(b"secret", key=keyed(algorithm), nonce=bytes(12), aad=PLACE, algorithm=algorithm)
        due = {"ciphertext": made, "key": keyed(algorithm), "nonce": bytes(12), "aad": PLACE, **wrong}
        with pytest.raises(Corrupt):
            unseal_bytes(due.pop("ciphertext"), **due, algorithm=algorithm)

    def test_the_other_algorithm_does_not_open(self) -> None:
        made = sealed_with("SM4-GCM").model_copy(update={"a": "AES-256-GCM"})
        with pytest.raises(Corrupt):
            unseal(made, key=keyed("AES-256-GCM"), aad=PLACE)

    def test_the_dummy_ciphertext_of_tests_opens_with_no_key(self) -> None:
        with pytest.raises(Corrupt):
            unseal(sealed(), key=keyed("AES-256-GCM"), aad=PLACE)
        assert Sealed.model_validate(sealed().model_dump()) == sealed()
        assert sealed("a") != sealed("b")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
