"""What the pages need to know, as values and one port. `reads.py` answers it from the tracker's views, tests from fixtures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from libs.chassis.auth import Caller
from libs.demand import DemandState
from services.tracker.precedents import PrecedentPage
from services.tracker.trail import Trail


@dataclass(frozen=True, slots=True)
class DemandFilter:
    """What a list is narrowed to; None and empty mean everything. `after` is an opaque cursor."""

    status: str | None = None
    category: str | None = None
    holder: str | None = None
    overdue: bool = False
    text: str = ""
    after: str | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class DemandLine:
    """One demand in a list. `title` and `enterprise` are None for a caller without the right to read them, or after erasure.

    `due`: what the outside is promised now, or what was and is still owed; None for one that has ended.
    """

    id: str
    version: int
    status: str
    category: str | None
    region: str
    carrier: str | None
    urgency: str
    title: str | None
    enterprise: str | None
    holder: str | None
    holder_since: datetime | None
    submitted_at: datetime
    updated_at: datetime
    assignments: int
    sample: bool
    due: datetime | None = None
    next_step: str = "none"
    erased: bool = False


@dataclass(frozen=True, slots=True)
class DemandPage:
    """A stretch of the list and the cursor of the next one, if there is one."""

    lines: Sequence[DemandLine]
    next: str | None


@dataclass(frozen=True, slots=True)
class Contact:
    """The contact person. Present only for callers who may read it."""

    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class DemandFacts:
    """One demand in full. Text members are None without the right to read them (`reads_text`), or after erasure."""

    line: DemandLine
    reads_text: bool
    network: str
    industry: str | None
    channel: str
    partner_ref: str | None
    description: str | None
    uscc: str | None
    contact: Contact | None


@dataclass(frozen=True, slots=True)
class Linked:
    """What an enterprise's own link opens: its demand's whole history with every text in it. `title` None: erased.

    `parts`: what it was split into, as far as that has come into being, by name. Of a part, `whole` is the demand it comes from.
    """

    demand: str
    version: int
    title: str | None
    state: DemandState
    trail: Trail
    parts: Mapping[str, Linked] = field(default_factory=dict)
    whole: Linked | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """How far the changes were read, and whether one of them matters to the page."""

    cursor: str
    matters: bool


class ConsoleSource(Protocol):
    """The console's window on the tracker. Every answer is already cut to what the caller may see."""

    async def demands(self, caller: Caller, wanted: DemandFilter) -> DemandPage:
        """Return a stretch of the list, newest first. Raises Refused(bad_cursor)."""
        ...

    async def counts(self, caller: Caller, wanted: DemandFilter) -> Mapping[str, int]:
        """Count the caller's demands per status under the filter; its status and cursor are left out of account."""
        ...

    async def demand(self, caller: Caller, demand: str) -> DemandFacts:
        """Return one demand. Raises NotFound, also for one the caller may not see."""
        ...

    async def titles(self, caller: Caller, demands: Sequence[str]) -> Mapping[str, str]:
        """Return the titles of those demands the caller may see and read."""
        ...

    async def trail(self, caller: Caller, demand: str) -> Trail:
        """Return its history. Raises NotFound like `demand`."""
        ...

    async def linked(self, caller: Caller, *, version: int, part: str = "") -> Linked:
        """Return what an enterprise's own link opens, or the part of it named, waiting a few seconds for `version`.

        Raises NotFound for a link that is not the demand's own and for a part it does not have, Corrupt.
        """
        ...

    async def precedents(self, caller: Caller, *, after: str | None) -> PrecedentPage:
        """Return arbitrations of demands the caller sees, newest first. Raises Refused(bad_cursor)."""
        ...

    async def position(self) -> str:
        """Return the cursor of the newest change, so that a page can tell the stream where it stands."""
        ...

    async def wait_change(self, caller: Caller, *, after: str, demand: str | None, seconds: float) -> Heard:
        """Wait until something the caller may see (or the one demand) changed past `after`, or until the time is over.

        Raises Refused(bad_cursor).
        """
        ...


@dataclass(frozen=True, slots=True)
class NodeCard:
    """A node as people know it."""

    id: str
    title: str
    kind: str
    above: str | None
    sample: bool


class Names(Protocol):
    """Titles of the network's data in a language (`zh` or `en`); None where the directory has no such code."""

    def node(self, network: str, node: str, lang: str) -> NodeCard | None:
        """Describe a node."""
        ...

    def title(self, network: str, kind: str, code: str, lang: str) -> str | None:
        """Title of a code. `kind`: category, region, carrier, industry, channel, network."""
        ...
