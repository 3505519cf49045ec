"""The console's static files: own style and script, and htmx from `node_modules`. Addresses carry a digest and never expire."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OWN: Final = Path(__file__).parent / "assets"
NODE_MODULES: Final = Path(__file__).parents[3] / "node_modules"
_TYPES: Final = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_FROM_NODE: Final = {"htmx.min.js": "htmx.org/dist/htmx.min.js", "hx-sse.min.js": "htmx.org/dist/ext/hx-sse.min.js"}
FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file, read once."""

    name: str
    content: bytes
    media_type: str
    digest: str

    @property
    def address(self) -> str:
        """Where it is served; a new content has a new address."""
        return f"/console/assets/{self.digest}/{self.name}"


def load(node_modules: Path = NODE_MODULES) -> Mapping[str, StaticFile]:
    """Read the files. Without `node_modules` the pages work, but are not live."""
    paths = {path.name: path for path in sorted(_OWN.iterdir())}
    paths |= {name: node_modules / path for name, path in _FROM_NODE.items() if (node_modules / path).is_file()}
    return {name: _read(name, path) for name, path in paths.items()}


def _read(name: str, path: Path) -> StaticFile:
    content = path.read_bytes()
    return StaticFile(name, content, _TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:12])
