"""Just enough Markdown to check documents: links, headings and fenced blocks."""

from __future__ import annotations

import re
from pathlib import Path

from tests.unit.house.sources import ROOT, project_files

_FENCE = re.compile(r"^```.*?^```", flags=re.M | re.S)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def pages() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".md"]


def links(path: Path) -> list[str]:
    """Targets of all inline links outside fenced blocks."""
    return _LINK.findall(_FENCE.sub("", path.read_text("utf-8")))


def anchors(path: Path) -> set[str]:
    """Anchors of all headings, as forges make them: lower case, words joined by hyphens, punctuation dropped."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", path.read_text("utf-8")), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


def readme() -> str:
    return (ROOT / "README.md").read_text("utf-8")
