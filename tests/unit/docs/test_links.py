"""Documents point to what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.docs.markdown import anchors, links, pages
from tests.unit.house.sources import ROOT


@pytest.mark.parametrize("page", pages(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and path.suffix == ".md" and anchor not in anchors(path)):
            broken.append(link)
    assert not broken


def test_links_are_seen_at_all() -> None:
    assert len(links(ROOT / "README.md")) >= 8
    assert "demandsubmitted" in anchors(ROOT / "docs" / "events.md")


def test_every_decision_is_listed_numbered_and_complete() -> None:
    folder = ROOT / "docs" / "adr"
    written = sorted(path.name for path in folder.glob("0*.md"))
    assert [name[:4] for name in written] == [f"{number:04d}" for number in range(len(written))]
    listed = set(links(folder / "README.md"))
    for name in written:
        text = (folder / name).read_text("utf-8")
        assert name in listed
        assert text.startswith(f"# {name[:4]} · ")
        assert re.search(r"^> \S", text, flags=re.M), f"{name} has no quotable sentence"
        for part in ("## Why", "## Consequences", "## Alternatives"):
            assert part in text, f"{name} lacks {part}"
        assert len(text.splitlines()) <= 60, f"{name} is longer than a page"


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "adr").glob("0*.md")), ids=lambda path: path.name)
def test_decisions_name_files_that_exist(page: Path) -> None:
    named = re.findall(r"`((?:libs|services|cli|tests|networks|tools)/[\w./]+)`", page.read_text("utf-8"))
    assert [path for path in named if not (ROOT / path).exists()] == []
