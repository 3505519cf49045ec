"""Random bytes by the page: each byte once, in any sizes."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.randomness import PAGE, Randomness


@given(st.lists(st.integers(0, PAGE + 3), max_size=30))
def test_no_byte_is_handed_out_twice(sizes: list[int]) -> None:
    numbers = itertools.count()

    def source(count: int) -> bytes:
        page = next(numbers)
        return b"".join((page * 100_000 + place).to_bytes(8, "big") for place in range(count))

    # The source above hands out eight-byte words; draw in whole words, so that words can be compared.
    drawn: list[bytes] = []
    randomness = Randomness(lambda count: source(count // 8 + 1)[:count])
    for size in sizes:
        piece = randomness.draw(size // 8 * 8)
        drawn += [piece[at : at + 8] for at in range(0, len(piece), 8)]
    assert len(set(drawn)) == len(drawn)


@given(st.integers(0, 2 * PAGE))
def test_as_many_as_asked_for(size: int) -> None:
    assert len(Randomness(bytes).draw(size)) == size
