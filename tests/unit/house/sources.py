"""The project's own files as the house rules see them: parsed modules, and everything that is or will be tracked."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("intake", "router", "tracker", "registry")
CODE = ("libs", "services", "cli")
EVERYTHING = (*CODE, "tools", "bench", "networks", "deploy", "tests")
NOT_OURS = frozenset({".git", ".venv", ".liandong", "node_modules", "__pycache__", "test-output"})


@dataclass(frozen=True, slots=True)
class Module:
    """One Python file: its path from the root, its dotted name, its text and syntax tree."""

    path: str
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def stem(self) -> str:
        return Path(self.path).stem

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @property
    def docstring(self) -> str:
        return ast.get_docstring(self.tree) or ""

    def at(self, node: ast.AST, sentence: str) -> str:
        """A finding as editors understand it."""
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {sentence}"


def module(path: str, text: str) -> Module:
    """A module from its text, so that rules can be shown broken code."""
    return Module(path, text, ast.parse(text))


@lru_cache(maxsize=1)
def _all_modules() -> tuple[Module, ...]:
    paths = [path.relative_to(ROOT) for top in EVERYTHING for path in sorted((ROOT / top).rglob("*.py"))]
    return tuple(module(path.as_posix(), (ROOT / path).read_text("utf-8")) for path in paths if NOT_OURS.isdisjoint(path.parts))


def modules(*tops: str) -> list[Module]:
    """All modules under these folders or with these very paths, in order."""
    return [one for one in _all_modules() if any(one.path == top or one.path.startswith(f"{top}/") for top in tops)]


@lru_cache(maxsize=1)
def project_files() -> tuple[Path, ...]:
    """Every file that git tracks or would track; without git, everything that is not installed or made by a run."""
    asked = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if asked.returncode == 0 and asked.stdout:
        named: Iterator[Path] = (ROOT / name for name in asked.stdout.split("\0") if name)
    else:
        named = (path for path in ROOT.rglob("*") if NOT_OURS.isdisjoint(path.relative_to(ROOT).parts))
    return tuple(sorted(path for path in named if path.is_file()))


def text_files() -> list[tuple[str, str]]:
    """Path and text of every project file that is text."""
    found = []
    for path in project_files():
        try:
            found.append((path.relative_to(ROOT).as_posix(), path.read_text("utf-8")))
        except UnicodeDecodeError:
            continue
    return found
