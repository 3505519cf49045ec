"""Wrapping data keys and sealing text. The tables are tested in tests/integration/chassis."""

from __future__ import annotations

import secrets
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.keyring import DataKey, Kek, open_text, seal_text
from libs.events.errors import Corrupt

KEK = Kek(b"k" * 32)
KEY = DataKey("0123456789abcdef", b"d" * 32)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(texts, st.integers())
def test_a_sealed_text_opens_only_in_its_place(plain: str, seed: int) -> None:
    sealed = seal_text(plain, KEY, demand="d", command_id="c", field="title", random_bytes=Random(seed).randbytes)

    assert open_text(sealed, KEY, demand="d", command_id="c", field="title") == plain
    assert sealed.k == KEY.key_id
    for place in ({"demand": "e"}, {"command_id": "e"}, {"field": "note"}):
        with pytest.raises(Corrupt):
            open_text(sealed, KEY, **{"demand": "d", "command_id": "c", "field": "title", **place})
    with pytest.raises(Corrupt):
        open_text(sealed, DataKey(KEY.key_id, b"e" * 32), demand="d", command_id="c", field="title")


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_data_key_unwraps_only_under_its_kek_and_id(kek: bytes, key: bytes) -> None:
    data_key = DataKey("0123456789abcdef", key)
    wrapped = Kek(kek).wrap(data_key, secrets.token_bytes(12))

    assert Kek(kek).unwrap(data_key.key_id, wrapped) == data_key
    assert key not in wrapped
    for other in (lambda: Kek(bytes([kek[0] ^ 1]) + kek[1:]).unwrap(data_key.key_id, wrapped), lambda: Kek(kek).unwrap("other", wrapped)):
        with pytest.raises(Corrupt):
            other()
    with pytest.raises(Corrupt):
        Kek(kek).unwrap(data_key.key_id, b"short")


def test_keys_do_not_show_themselves() -> None:
    assert "d" * 8 not in repr(KEY)
    assert len(KEK.kek_id) == 8
