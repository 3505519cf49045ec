"""Choices out of one drawn number, so that a step is a single value, and small numbers choose as widely as large."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Rolls the same for the same seed."""

    def __init__(self, seed: int | str) -> None:
        self._random = Random(seed)

    def pick(self, among: Sequence[T]) -> T:
        """One of several."""
        return among[self._random.randrange(len(among))]

    def one_in(self, n: int) -> bool:
        """True once in n times."""
        return self._random.randrange(n) == 0
