"""The console without a tracker: a source that holds demands in memory. Made of commits, like the real one; shipped and typed like it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from libs.chassis.auth import Caller, require_link
from libs.directory import Directory
from libs.events import (
    Actor,
    AssignmentArbitrated,
    Commit,
    DemandCorrected,
    DemandSubmitted,
    Event,
    NotFound,
    PersonalDataErased,
    Refused,
    Sealed,
)
from libs.events.algorithms import digest
from services.tracker.console.affair import linked_of
from services.tracker.console.source import Contact, DemandFacts, DemandFilter, DemandLine, DemandPage, Heard, Linked
from services.tracker.precedents import PrecedentPage, precedent_of
from services.tracker.project import DemandRow, project
from services.tracker.rights import scope_of
from services.tracker.trail import Trail, TrailCommit, TrailEvent
from services.tracker.waterfall import segments

SEALED: Final = Sealed(k="sample", a="AES-256-GCM", n="AAAAAAAAAAAAAAAA", c="AAAAAAAAAAAAAAAAAAAAAA")
"""Stands for any ciphertext; its plain text is told beside it."""


@dataclass
class Held:
    """One demand in memory: its commits with the plain text of their sealed members, and its row."""

    commits: list[TrailCommit] = field(default_factory=list)
    row: DemandRow | None = None
    texts: dict[str, str] = field(default_factory=dict)


class MemorySource:
    """A ConsoleSource over commits that a test appends. Rights are the tracker's own."""

    def __init__(self, directory: Callable[[], Directory], clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._directory = directory
        self._clock = clock
        self._held: dict[str, Held] = {}
        self._log: list[str] = []
        self._moved = asyncio.Event()

    def append(self, demand: str, command: str, at: datetime, actor: Actor, *facts: tuple[Event, Mapping[str, str]]) -> None:
        """Append one commit: events with the plain text of their sealed members."""
        held = self._held.setdefault(demand, Held())
        version = len(held.commits) + 1
        prev = held.commits[-1].hash if held.commits else None
        commit = Commit(demand, version, prev, command, f"{version:032x}", None, at, actor, [event for event, _ in facts])
        events = tuple(TrailEvent(event, texts) for event, texts in facts)
        named = digest(f"{demand}\x00{version}\x00{prev}\x00{command}".encode())
        held.commits.append(TrailCommit(version, len(self._log) + 1, at, named, commit, events))
        held.row = project(held.row, commit, cell="26a", seq=len(self._log) + 1)
        for event, texts in facts:
            if isinstance(event, DemandSubmitted | DemandCorrected):
                held.texts.update(texts)
            if isinstance(event, PersonalDataErased):
                held.texts.clear()
                held.commits = [replace(step, events=tuple(TrailEvent(item.event, {}) for item in step.events)) for step in held.commits]
        self._log.append(demand)
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def commits(self, demand: str) -> list[TrailCommit]:
        """Every commit of a demand, oldest first."""
        return list(self._held[demand].commits) if demand in self._held else []

    async def demands(self, caller: Caller, wanted: DemandFilter) -> DemandPage:
        """A stretch of the list; the cursor is the number of rows before it."""
        if wanted.after is not None and not wanted.after.isdecimal():
            raise Refused("bad_cursor")
        rows = [row for row in self._visible(caller) if self._fits(row, wanted) and self._mentions(caller, row, wanted.text)]
        rows.sort(key=lambda row: row.submitted_at, reverse=True)
        start = int(wanted.after or 0)
        end = start + wanted.limit
        return DemandPage([self._line(caller, row) for row in rows[start:end]], str(end) if end < len(rows) else None)

    async def counts(self, caller: Caller, wanted: DemandFilter) -> Mapping[str, int]:
        """Demands per status."""
        counts: dict[str, int] = {}
        for row in self._visible(caller):
            if self._fits(row, wanted, status=False) and self._mentions(caller, row, wanted.text):
                counts[row.status] = counts.get(row.status, 0) + 1
        return counts

    async def demand(self, caller: Caller, demand: str) -> DemandFacts:
        """One demand."""
        row = self._one(caller, demand)
        reads_text = self._reads_text(caller)
        texts = self._held[demand].texts if reads_text else {}
        requester = json.loads(texts.get("requester", "{}"))
        return DemandFacts(
            line=self._line(caller, row),
            reads_text=reads_text,
            network=row.network,
            industry=row.industry,
            channel=row.channel,
            partner_ref=row.partner_ref,
            description=texts.get("description"),
            uscc=requester.get("uscc"),
            contact=Contact(**requester["contact"]) if "contact" in requester else None,
        )

    async def titles(self, caller: Caller, demands: Sequence[str]) -> Mapping[str, str]:
        """Titles of other demands."""
        lines = [self._line(caller, row) for row in self._visible(caller) if row.id in demands]
        return {line.id: line.title for line in lines if line.title}

    async def trail(self, caller: Caller, demand: str) -> Trail:
        """Its history."""
        self._one(caller, demand)
        commits: Sequence[TrailCommit] = self._held[demand].commits
        if not self._reads_text(caller):
            commits = [replace(step, events=[TrailEvent(item.event) for item in step.events]) for step in commits]
        return Trail(list(commits), segments(step.commit for step in commits if step.commit is not None))

    async def linked(self, caller: Caller, *, version: int, part: str = "") -> Linked:
        """The history of a demand and its parts. There is nothing to wait for: a commit is there at once or never."""
        assert caller.link is not None
        whole = self._history(caller, caller.link.demand)
        if part:
            demand = next((one.demand for one in whole.state.parts if one.part == part), "")
            return replace(self._history(caller, demand), whole=whole)
        there = {one.part: self._history(caller, one.demand) for one in whole.state.parts if one.demand in self._held}
        return replace(whole, parts=there)

    def _history(self, caller: Caller, demand: str) -> Linked:
        held = self._held.get(demand)
        if held is None:
            raise NotFound("demand_not_found")
        trail = Trail(list(held.commits), segments(step.commit for step in held.commits if step.commit is not None))
        found = linked_of(demand, trail)
        require_link(caller, found.demand, found.state)
        return found

    async def precedents(self, caller: Caller, *, after: str | None) -> PrecedentPage:
        """Every arbitration, newest first, on one page."""
        found = [
            precedent_of(row.id, step.commit.at, item.event)
            for row in self._visible(caller)
            for step in self._held[row.id].commits
            if step.commit is not None
            for item in step.events
            if isinstance(item.event, AssignmentArbitrated)
        ]
        return PrecedentPage(sorted(found, key=lambda one: one.at, reverse=True), None)

    async def position(self) -> str:
        """How many commits there are."""
        return str(len(self._log))

    async def wait_change(self, caller: Caller, *, after: str, demand: str | None, seconds: float) -> Heard:
        """Wait for a commit past `after`."""
        if not after.isdecimal():
            raise Refused("bad_cursor")
        moved = self._moved
        if len(self._log) == int(after):
            with suppress(TimeoutError):
                await asyncio.wait_for(moved.wait(), seconds)
        visible = {row.id for row in self._visible(caller)}
        fresh = [changed for changed in self._log[int(after) :] if changed in visible]
        return Heard(str(len(self._log)), matters=demand in fresh if demand is not None else bool(fresh))

    def _visible(self, caller: Caller) -> list[DemandRow]:
        scope = scope_of(caller, self._directory())
        rows = [held.row for held in self._held.values() if held.row is not None and held.row.network == scope.network]
        if scope.party is not None:
            rows = [row for row in rows if row.party == scope.party]
        return rows if scope.nodes is None else [row for row in rows if not scope.nodes.isdisjoint(row.nodes)]

    def _one(self, caller: Caller, demand: str) -> DemandRow:
        found = next((row for row in self._visible(caller) if row.id == demand), None)
        if found is None:
            raise NotFound("demand_not_found")
        return found

    def _reads_text(self, caller: Caller) -> bool:
        return scope_of(caller, self._directory()).reads_text

    def _mentions(self, caller: Caller, row: DemandRow, text: str) -> bool:
        line = self._line(caller, row)
        return not text or text in row.id or text in (line.title or "") or text in (line.enterprise or "")

    def _line(self, caller: Caller, row: DemandRow) -> DemandLine:
        texts = self._held[row.id].texts if self._reads_text(caller) else {}
        return DemandLine(
            id=row.id,
            version=row.version,
            status=row.status,
            category=row.category,
            region=row.region,
            carrier=row.carrier,
            urgency=row.urgency,
            title=texts.get("title"),
            enterprise=json.loads(texts.get("requester", "{}")).get("name"),
            holder=row.holder_node,
            holder_since=row.holder_since,
            submitted_at=row.submitted_at,
            updated_at=row.updated_at,
            assignments=row.assignments,
            sample=row.sample,
            due=row.promised if row.is_open else None,
            next_step=row.next_step,
            erased=row.erased,
        )

    def _fits(self, row: DemandRow, wanted: DemandFilter, *, status: bool = True) -> bool:
        pairs = [(wanted.category, row.category), (wanted.holder, row.holder_node), (wanted.status if status else None, row.status)]
        on_time = not wanted.overdue or row.is_overdue(self._clock())
        return on_time and all(asked is None or asked == found for asked, found in pairs)
