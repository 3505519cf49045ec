"""A browser without a screen: an HTTP client that entered, and pages read as trees."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx2

from tests.unit.console.situations import Office

ORIGIN = "http://console.test:8103"
VOID = frozenset({"meta", "link", "input", "br", "img", "hr", "path", "circle", "rect", "line"})


@dataclass
class Element:
    """One element with its attributes and its content: text and elements in order."""

    tag: str
    attributes: dict[str, str]
    content: list[Element | str] = field(default_factory=list)

    def all(self) -> Iterator[Element]:
        yield self
        for child in self.content:
            if isinstance(child, Element):
                yield from child.all()

    def find(self, tag: str = "", **wanted: str) -> list[Element]:
        """Elements by tag and attributes; `class_` asks for one class among others."""
        name = wanted.pop("class_", None)
        return [
            element
            for element in self.all()
            if (not tag or element.tag == tag)
            and (name is None or name in element.attributes.get("class", "").split())
            and all(element.attributes.get(key.replace("_", "-")) == value for key, value in wanted.items())
        ]

    @property
    def text(self) -> str:
        """Everything readable inside, blanks folded."""
        return " ".join(" ".join(self._texts()).split())

    def _texts(self) -> Iterator[str]:
        for piece in self.content:
            yield from [piece] if isinstance(piece, str) else piece._texts()


class Tree(HTMLParser):
    """Parses a page and insists on balanced elements."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = Element("root", {})
        self._open = [self.root]
        self.feed(html)
        self.close()
        assert [element.tag for element in self._open] == ["root"], "elements left open"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].content.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].content.append(Element(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open[-1].tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].content.append(data)


def tree(response: httpx2.Response) -> Element:
    return Tree(response.text).root


@asynccontextmanager
async def stranger(place: Office, origin: str = ORIGIN) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that has not entered."""
    transport = httpx2.ASGITransport(app=place.app)
    async with httpx2.AsyncClient(transport=transport, base_url=origin, headers={"origin": origin}) as client:
        yield client


@asynccontextmanager
async def visitor(place: Office, name: str, lang: str = "zh") -> AsyncIterator[httpx2.AsyncClient]:
    """A client that entered with a key."""
    async with stranger(place) as client:
        answer = await client.post("/console/enter", data={"key": place.keys[name]})
        assert answer.status_code == 303
        await client.post("/console/language", data={"to": lang})
        yield client
