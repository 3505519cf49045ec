"""Sample traffic on a machine of its own: until when every event type has shown, and whether any demand was without a holder meanwhile.

`python -m bench.samples` does it alone and lists when each type showed first.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, get_args

import httpx2
from rich.console import Console

from bench.results import Figure
from cli.machine.testing import Machine, machine
from libs.events import DemandEvent

WITHIN: Final = 180.0
"""Seconds after the console's address was printed; more would be more than a visitor waits."""
LOOK: Final = 5.0
TYPES: Final = frozenset(kind.__name__ for kind in get_args(DemandEvent))


@dataclass(slots=True)
class Seen:
    """What showed: seconds until each event type was in the feed of changes, and every check that was not fine."""

    first: dict[str, float] = field(default_factory=dict)
    checks: int = 0
    amiss: list[str] = field(default_factory=list)

    @property
    def missing(self) -> list[str]:
        """Event types that did not show."""
        return sorted(TYPES - set(self.first))


def watch(machine: Machine, within: float = WITHIN) -> Seen:
    """Follow the changes and the check of a machine with sample traffic until every type has shown, at most `within` seconds."""
    seen, began, after = Seen(), time.monotonic(), None
    while seen.missing and time.monotonic() - began < within:
        time.sleep(LOOK)
        after = _follow(machine, seen, after, began)
        checked = _get(machine, "router", "/v1/check", {})
        seen.checks += 1
        if not checked.get("ok"):
            seen.amiss.append(f"{time.monotonic() - began:.0f} s: {checked}")
    return seen


def measure(folder: Path) -> list[Figure]:
    """Run a machine with sample traffic and watch it."""
    with machine(folder, samples=True) as running:
        seen = watch(running)
    never = f"never shown: {', '.join(seen.missing)}" if seen.missing else f"all {len(TYPES)} event types shown"
    note = f"{never}; {seen.checks - len(seen.amiss)} of {seen.checks} checks found every demand landed"
    return [Figure("samples", max(seen.first.values(), default=0.0), "s", None, note)]


def _follow(machine: Machine, seen: Seen, after: str | None, began: float) -> str | None:
    while True:
        page = _get(machine, "tracker", "/v1/changes", {"limit": "200"} | ({"after": after} if after is not None else {}))
        for change in page.get("items", ()):
            for kind in change["types"]:
                seen.first.setdefault(kind, time.monotonic() - began)
        after = page.get("next") or after
        if not page.get("more"):
            return after


def _get(machine: Machine, service: str, path: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {machine.keys['hub']}"}
    answer = httpx2.get(f"{machine.endpoints[service]}{path}", params=parameters, headers=headers, timeout=30, trust_env=False)
    document: dict[str, Any] = answer.json()
    return document


def main() -> None:
    """Watch, tell, and exit 1 if something did not show or was amiss."""
    say = Console(highlight=False, soft_wrap=True).print
    with tempfile.TemporaryDirectory(prefix="liandong-samples-") as folder, machine(Path(folder), samples=True) as running:
        seen = watch(running)
    for kind, seconds in sorted(seen.first.items(), key=lambda found: found[1]):
        say(f"{seconds:6.0f} s  {kind}")
    for kind in seen.missing:
        say(f"   never  {kind}")
    for line in seen.amiss:
        say(line)
    say(f"{len(seen.first)} of {len(TYPES)} event types, {seen.checks} checks, {len(seen.amiss)} amiss")
    sys.exit(1 if seen.missing or seen.amiss else 0)


if __name__ == "__main__":
    main()
