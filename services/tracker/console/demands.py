"""What the two pages show: the list, and one demand with its waterfall and trail. Gathers values; templates set them out."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

from markupsafe import Markup

from libs.chassis.auth import Caller
from libs.demand import OPEN, PAUSED, WORKING
from libs.events import AssignmentAccepted, DemandResolved
from services.tracker.console import times
from services.tracker.console.affair import fold
from services.tracker.console.codewords import CODES
from services.tracker.console.deadlines import Due, due_of, is_paused, mark_of, next_due_of
from services.tracker.console.matters import matters
from services.tracker.console.picture import Lane, Picture, picture
from services.tracker.console.source import DemandFilter, DemandLine
from services.tracker.console.speech import Speech
from services.tracker.console.trail import entries, runs
from services.tracker.console.visit import Visit
from services.tracker.trail import Trail

_TURN_LIMIT = 12
_HANDLING = ("in_progress", "awaiting_enterprise", "suspended")
_LANES = {"triage": "lane_desk", "confirmation": "lane_confirmation", "arbitration": "lane_arbitration", "dispute": "lane_dispute"}


async def demand_list(visit: Visit, caller: Caller, wanted: DemandFilter) -> dict[str, Any]:
    """Gather the list: the rows that wait for the caller's node on top of the first, unfiltered page, then all others."""
    source, position = visit.console.source, await visit.console.source.position()
    plain = wanted == DemandFilter()
    page, counts, (ours, waiting) = await asyncio.gather(
        source.demands(caller, wanted),
        source.counts(caller, wanted),
        _ours(visit, caller) if plain else _nothing(),
    )
    on_top = {line.id for line in ours}
    return {
        "page": page,
        "ours": ours,
        "waiting": waiting,
        "lines": [line for line in page.lines if line.id not in on_top],
        "counts": counts,
        "total": sum(counts.values()),
        "statuses": CODES["status"],
        "categories": CODES["category"],
        "position": position,
        "plain": plain,
        "line_due": lambda line: line_due(line, visit.now),
        "due_words": lambda at: times.due(at, visit.now, visit.speech.say.lang),
    }


async def _ours(visit: Visit, caller: Caller) -> tuple[list[DemandLine], int]:
    """What waits for the caller's node, the most pressing first, and how many there are in all; what rests comes last."""
    if caller.node is None:
        return [], 0
    source, ours = visit.console.source, DemandFilter(holder=caller.node, limit=_TURN_LIMIT * 4)
    late, newest, counts = await asyncio.gather(
        source.demands(caller, replace(ours, overdue=True)), source.demands(caller, ours), source.counts(caller, ours)
    )
    found = {line.id: line for line in (*late.lines, *newest.lines) if line.status in WORKING}
    first = sorted(found.values(), key=lambda line: (line.status in PAUSED, line.due is None, line.due or line.submitted_at))
    return first[:_TURN_LIMIT], sum(count for status, count in counts.items() if status in WORKING)


async def _nothing() -> tuple[list[DemandLine], int]:
    return [], 0


async def one_demand(visit: Visit, caller: Caller, demand: str) -> dict[str, Any]:
    """Gather one demand's page. Raises NotFound."""
    source, speech = visit.console.source, visit.speech
    position = await source.position()
    facts, trail = await asyncio.gather(source.demand(caller, demand), source.trail(caller, demand))
    state = None if any(step.commit is None for step in trail.commits) else fold(trail.commits)
    due = due_of(state, trail.commits, visit.now) if state is not None else line_due(facts.line, visit.now)
    drawn = picture(trail, visit.now, speech.say.lang, due=due.at if due is not None and due.mark != "paused" else None)
    around = matters(state, trail, speech) if state is not None else None
    return {
        "facts": facts,
        "line": facts.line,
        "is_open": facts.line.status in OPEN,
        "turn": turn(facts.line, trail, speech),
        "due": due,
        "next_due": next_due_of(state, facts.line.next_step, trail.commits, visit.now) if state is not None else None,
        "due_words": lambda at: times.due(at, visit.now, speech.say.lang),
        "matters": around,
        "titles": await source.titles(caller, [one.demand for one in around.kin]) if around is not None else {},
        "picture": drawn,
        "picture_words": picture_words(drawn, speech) if drawn is not None else "",
        "lane_words": lambda lane: lane_words(lane, speech),
        "bar_words": lambda lane, bar: bar_words(lane, bar, speech),
        "steps": len(trail.commits),
        "runs": runs(entries(trail, speech, demand=demand, router=visit.console.router(), reads_text=facts.reads_text)),
        "returned": sum(1 for part in trail.segments if part.reason == "returned"),
        "lapsed": sum(1 for part in trail.segments if part.reason == "lapsed"),
        "head": trail.commits[-1].hash if trail.commits else "",
        "position": position,
    }


def line_due(line: DemandLine, now: datetime) -> Due | None:
    """A row's deadline and how near it is, as far as a list knows."""
    if line.due is None:
        return None
    return Due(line.due, mark_of(line.due, line.submitted_at, now, paused=is_paused(line.status)))


def turn(line: DemandLine, trail: Trail, speech: Speech) -> Markup:
    """Whose turn it is, in one sentence."""
    last = trail.segments[-1] if trail.segments else None
    holder = line.holder or (last.node if last is not None else None)
    node = speech.strong(holder) if holder is not None else Markup("")
    since = _turn_since(line, trail)
    match line.status:
        case "submitted" | "triage" | "assigned" | "in_progress" | "awaiting_enterprise" | "suspended":
            return speech.text(f"turn_{line.status}", node=node, d=speech.since(since))
        case "resolved":
            results = [item.event.result for commit in trail.commits for item in commit.events if isinstance(item.event, DemandResolved)]
            return speech.text("turn_resolved", node=node, result=speech.code("result", results[-1]) if results else "")
        case "withdrawn" | "disputed" | "refused" | "merged" | "closed":
            return speech.text(f"turn_{line.status}", node=node)
        case _:
            return speech.text("turn_other", node=node)


def _turn_since(line: DemandLine, trail: Trail) -> datetime:
    """When the present state of affairs began: the acceptance for a demand in progress, else the holder's start."""
    if line.status in _HANDLING:
        for step in reversed(trail.commits):
            if step.commit is not None and any(isinstance(event, AssignmentAccepted) for event in step.commit.events):
                return step.commit.at
    return line.holder_since or line.submitted_at


def picture_words(drawn: Picture, speech: Speech) -> str:
    """The waterfall in one sentence, for those who hear the page."""
    bars = sorted((bar for lane in drawn.lanes for bar in lane.bars), key=lambda bar: (bar.segment.start, bar.length))
    parts = [
        speech.text(
            "held_part",
            node=speech.node(bar.segment.node).title,
            d=speech.duration(bar.length),
            how=speech.text(f"how_{bar.segment.reason or 'open'}"),
        )
        for bar in bars
    ]
    between = speech.text("between_parts")
    return str(speech.text("held_sentence", n=len(parts), parts=between.join(parts)))


def lane_words(lane: Lane, speech: Speech) -> Markup:
    """How a holder's last stretch stands or ended."""
    if lane.ended == "returned" and lane.reason is not None:
        return speech.text("lane_returned", reason=speech.code("return_reason", lane.reason))
    if lane.ended is not None:
        return speech.text(f"lane_{lane.ended}", reason="")
    if lane.kind in _LANES:
        return speech.text(_LANES[lane.kind])
    if lane.bars[-1].segment.pauses and lane.bars[-1].segment.pauses[-1].end is None:
        return speech.text("lane_paused")
    return speech.text("lane_open" if lane.accepted else "lane_waiting")


def bar_words(lane: Lane, bar: Any, speech: Speech) -> Markup:
    """One bar in words."""
    return speech.text(
        "held_bar",
        node=speech.node(lane.node).title,
        start=speech.spoken(bar.segment.start),
        d=speech.duration(bar.length),
        how=speech.text(f"how_{bar.segment.reason or 'open'}"),
    )
