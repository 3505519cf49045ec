"""What a PDF does when it is opened, shown, left or printed (ISO 32000-1, 12.6): it may turn to a page of its own and nothing else.

Reads the few values that matter by the grammar of 7.3 and follows references through all definitions there are, because which of them a
reader takes is the reader's choice. What cannot be read is not taken for harmless. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

_SPACE: Final = rb"(?:[\x00\t\n\f\r ]|%[^\r\n]*(?:[\r\n]|\Z))"
_SKIPPED: Final = re.compile(_SPACE + rb"*")
_WORD: Final = re.compile(rb"[^\x00\t\n\f\r ()<>\[\]{}/%]+")
_REFERENCE: Final = re.compile(rb"(\d{1,10})" + _SPACE + rb"+\d{1,5}" + _SPACE + rb"+R(?![^\x00\t\n\f\r ()<>\[\]{}/%])")
_OBJECT: Final = re.compile(rb"(?<!\d)(\d{1,10})" + _SPACE + rb"+\d{1,5}" + _SPACE + rb"+obj")
_IN_STRING: Final = re.compile(rb"\\.|[()]", re.DOTALL)
_ESCAPED: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_PAIR: Final = re.compile(rb"\s*(\d{1,10})\s+(\d{1,10})")
_DEEPEST: Final = 12
_MOST_VALUES: Final = 5_000
_INSIDE: Final = b"GoTo"


class _Unreadable(Exception):
    """A value this reader cannot make out."""


@dataclass(frozen=True, slots=True)
class _Name:
    text: bytes


@dataclass(frozen=True, slots=True)
class _Reference:
    number: int


@dataclass(frozen=True, slots=True)
class _Members:
    """A dictionary with every value of a key that stands there twice."""

    pairs: tuple[tuple[bytes, _Value], ...]

    def of(self, key: bytes) -> list[_Value]:
        """All values of a key."""
        return [value for name, value in self.pairs if name == key]


_Value = _Name | _Reference | _Members | list["_Value"] | None
"""None: numbers, texts and words, which do nothing."""


@dataclass(frozen=True, slots=True)
class ObjectStream:
    """Objects that were stored together: `first` is where the first of them begins (7.5.7), None if the dictionary does not tell."""

    data: bytes
    first: int | None

    def objects(self) -> Iterator[tuple[int, int]]:
        """Number and place of each object."""
        at = 0
        while self.first is not None and (pair := _PAIR.match(self.data, at, self.first)) is not None:
            yield int(pair[1]), self.first + int(pair[2])
            at = pair.end()


@dataclass(slots=True)
class Actions:
    """Looks into the actions of one file: its bytes, and its object streams unpacked."""

    content: bytes
    streams: Sequence[ObjectStream]
    _places: dict[int, list[tuple[bytes, int]]] = field(default_factory=dict)
    _values: int = 0

    def leaves(self, text: bytes, at: int, *, several: bool) -> bool:
        """Tell whether the value at a place may leave the document or run something.

        `several`: a dictionary of actions by trigger (`AA`); otherwise a destination or one action (`OpenAction`).
        """
        try:
            value, _ = self._read(text, at, 0)
            return any(self._acts(one) for one in self._triggered(value, 0)) if several else self._acts(value)
        except _Unreadable:
            return True

    def _acts(self, value: _Value, depth: int = 0) -> bool:
        """Whether an action is anything but a jump within the document, or one follows it that is."""
        if depth > _DEEPEST:
            raise _Unreadable
        for one in self._resolved(value, depth):
            if isinstance(one, _Members):
                kinds = [kind for said in one.of(b"S") for kind in self._resolved(said, depth)]
                if any(kind != _Name(_INSIDE) for kind in kinds) or any(self._follows(after, depth + 1) for after in one.of(b"Next")):
                    return True
        return False

    def _follows(self, value: _Value, depth: int) -> bool:
        return any(
            any(self._acts(each, depth) for each in one) if isinstance(one, list) else self._acts(one, depth)
            for one in self._resolved(value, depth)
        )

    def _triggered(self, value: _Value, depth: int) -> Iterator[_Value]:
        for one in self._resolved(value, depth):
            if isinstance(one, _Members):
                yield from (action for _, action in one.pairs)

    def _resolved(self, value: _Value, depth: int) -> Iterator[_Value]:
        """The value itself, or every object of its number."""
        if not isinstance(value, _Reference):
            yield value
            return
        if depth > _DEEPEST:
            raise _Unreadable
        places = self._index().get(value.number)
        if places is None:
            raise _Unreadable
        for text, at in places:
            yield from self._resolved(self._read(text, at, 0)[0], depth + 1)

    def _index(self) -> dict[int, list[tuple[bytes, int]]]:
        if not self._places:
            for found in _OBJECT.finditer(self.content):
                self._places.setdefault(int(found[1]), []).append((self.content, found.end()))
            for stream in self.streams:
                for number, at in stream.objects():
                    self._places.setdefault(number, []).append((stream.data, at))
        return self._places

    def _read(self, text: bytes, at: int, depth: int) -> tuple[_Value, int]:
        """Read one value; returns it and where it ends."""
        self._values += 1
        if depth > _DEEPEST or self._values > _MOST_VALUES:
            raise _Unreadable
        at = _skip(text, at)
        match text[at : at + 1]:
            case b"<" if text[at : at + 2] == b"<<":
                return self._members(text, at + 2, depth)
            case b"<":
                return None, _behind(text.find(b">", at))
            case b"(":
                return None, _string_end(text, at)
            case b"[":
                return self._items(text, at + 1, depth)
            case b"/":
                word = _WORD.match(text, at + 1)
                name = word[0] if word is not None else b""
                return _Name(_ESCAPED.sub(lambda code: bytes([int(code[1], 16)]), name)), at + 1 + len(name)
        reference = _REFERENCE.match(text, at)
        if reference is not None:
            return _Reference(int(reference[1])), reference.end()
        word = _WORD.match(text, at)
        if word is None:
            raise _Unreadable
        return None, word.end()

    def _members(self, text: bytes, at: int, depth: int) -> tuple[_Value, int]:
        pairs: list[tuple[bytes, _Value]] = []
        while text[(at := _skip(text, at)) : at + 2] != b">>":
            key, at = self._read(text, at, depth + 1)
            if not isinstance(key, _Name):
                raise _Unreadable
            value, at = self._read(text, at, depth + 1)
            pairs.append((key.text, value))
        return _Members(tuple(pairs)), at + 2

    def _items(self, text: bytes, at: int, depth: int) -> tuple[_Value, int]:
        items: list[_Value] = []
        while text[(at := _skip(text, at)) : at + 1] != b"]":
            value, at = self._read(text, at, depth + 1)
            items.append(value)
        return items, at + 1


def _skip(text: bytes, at: int) -> int:
    found = _SKIPPED.match(text, at)
    return found.end() if found is not None else at


def _behind(at: int) -> int:
    if at < 0:
        raise _Unreadable
    return at + 1


def _string_end(text: bytes, at: int) -> int:
    """Where a literal string ends: its parentheses are balanced unless escaped (7.3.4.2)."""
    open_ones = 0
    for found in _IN_STRING.finditer(text, at):
        open_ones += {b"(": 1, b")": -1}.get(found[0], 0)
        if open_ones == 0:
            return found.end()
    raise _Unreadable
