"""A trail as entries people can read: sentences, what was said, who did it, how long it took. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from markupsafe import Markup, escape

from libs.events import (
    AssignmentAccepted,
    AssignmentRecalled,
    AssignmentReturned,
    Commit,
    DemandAssigned,
    DemandClassified,
    DemandResolved,
    DemandSubmitted,
    DemandWithdrawn,
    Event,
    Sealed,
)
from services.tracker.console.speech import Speech
from services.tracker.console.why import Why, explain
from services.tracker.trail import Trail, TrailCommit, TrailEvent

Dot = Literal["asked", "system", "node", "returned", "done", "stopped"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One step. `quotes` are decrypted texts; `unreadable` says why there is text but none to read."""

    version: int
    at: datetime
    dot: Dot
    sentences: tuple[Markup, ...]
    quotes: tuple[str, ...]
    unreadable: Markup | None
    details: tuple[Markup, ...]
    why: Why | None
    command: str | None
    hash: str
    prev: str | None


def entries(trail: Trail, speech: Speech, *, demand: str, router: str | None, reads_text: bool) -> tuple[Entry, ...]:
    """Tell a trail, newest first. `router` is the address of the routing interface, if known."""
    history = _Times()
    told = [_entry(step, history, speech, demand, router, reads_text) for step in trail.commits]
    return tuple(reversed(told))


def sentence(event: Event, speech: Speech) -> Markup:
    """The event's own sentence with nodes, codes and lists put into words."""
    template = event.zh if speech.say.lang == "zh" else event.en
    places = {name: _place(event, name, getattr(event, name), speech) for name in type(event).model_fields}
    return Markup(template).format(**places)  # noqa: S704 - templates are constants of the event classes


class _Times:
    """When the turning points so far happened, to tell how long a step took."""

    def __init__(self) -> None:
        self.waiting_since: datetime | None = None
        self.again = False
        self.assigned: dict[str, datetime] = {}
        self.accepted: dict[str, datetime] = {}

    def took(self, event: Event, at: datetime, speech: Speech) -> Markup | None:
        """Note the event and tell the time since the step it answers."""
        match event:
            case DemandSubmitted():
                self.waiting_since = at
            case DemandAssigned():
                self.assigned[event.assignment] = at
                return _after("took_again" if self.again else "took_assign", self.waiting_since, at, speech)
            case AssignmentAccepted():
                self.accepted[event.assignment] = at
                return _after("took_accept", self.assigned.get(event.assignment), at, speech)
            case AssignmentReturned():
                self.waiting_since, self.again = at, True
                return _after("took_return", self.assigned.get(event.assignment), at, speech)
            case AssignmentRecalled():
                self.waiting_since, self.again = at, False
            case DemandResolved():
                return _after("took_resolve", self.accepted.get(event.assignment), at, speech)
            case _:
                pass
        return None


def _after(key: str, start: datetime | None, at: datetime, speech: Speech) -> Markup | None:
    return None if start is None else speech.text(key, d=speech.duration(at - start))


def _entry(step: TrailCommit, history: _Times, speech: Speech, demand: str, router: str | None, reads_text: bool) -> Entry:
    commit = step.commit
    if commit is None:
        unread = (speech.text("step_unread"),)
        return Entry(step.version, step.recorded_at, "system", unread, (), None, (), None, None, step.hash, None)
    events = [item.event for item in step.events]
    took = [history.took(event, commit.at, speech) for event in events]
    assigned = next((event for event in events if isinstance(event, DemandAssigned)), None)
    hidden = any(_is_hidden(item) for item in step.events)
    return Entry(
        version=step.version,
        at=commit.at,
        dot=_dot(events),
        sentences=tuple(sentence(event, speech) for event in events),
        quotes=tuple(text for item in step.events for text in _quotes(item)),
        unreadable=speech.text("said_erased" if reads_text else "said_hidden") if hidden else None,
        details=(*_who(commit, events, speech), *(part for part in took if part is not None)),
        why=explain(assigned, speech, demand=demand, router=router) if assigned is not None else None,
        command=commit.command,
        hash=step.hash,
        prev=commit.prev,
    )


def _place(event: Event, name: str, value: object, speech: Speech) -> Markup:
    match name:
        case "node" | "desk":
            return speech.strong(str(value))
        case "reason" if isinstance(event, AssignmentReturned):
            return speech.coded("return_reason", str(value))
        case "reason" if isinstance(event, AssignmentRecalled):
            return speech.coded("recall_reason", str(value))
        case "result":
            return speech.coded("result", str(value))
        case "category" if value is not None:
            return escape(speech.title("category", str(value)))
        case "fields" if isinstance(value, tuple):
            words = [speech.code("field", str(item)) for item in value]
            return escape(("、" if speech.say.lang == "zh" else ", ").join(words))
        case _:
            return escape("" if value is None else str(value))


def _dot(events: Sequence[Event]) -> Dot:
    last = events[-1]
    match last:
        case DemandSubmitted():
            return "asked"
        case DemandAssigned() | DemandClassified() | AssignmentRecalled():
            return "system"
        case AssignmentReturned():
            return "returned"
        case DemandResolved():
            return "done"
        case DemandWithdrawn():
            return "stopped"
        case _:
            return "node"


def _quotes(item: TrailEvent) -> Iterable[str]:
    """Notes and reasons as they were said; the head of the page already shows title, text and requester of the submission."""
    if isinstance(item.event, DemandSubmitted):
        return ()
    return (text for name, text in item.texts.items() if name != "requester" and text)


def _is_hidden(item: TrailEvent) -> bool:
    sealed = (name for name in type(item.event).model_fields if isinstance(getattr(item.event, name), Sealed))
    return any(name not in item.texts and name != "requester" for name in sealed)


def _who(commit: Commit, events: Sequence[Event], speech: Speech) -> Iterable[Markup]:
    actor = commit.actor
    for event in events:
        if isinstance(event, DemandSubmitted):
            yield speech.text("channel_line", channel=speech.title("channel", event.channel))
            if event.partner_ref:
                yield speech.text("channel_ref", ref=event.partner_ref)
        if isinstance(event, DemandAssigned) and actor.kind == "system":
            yield speech.text("by_rule", policy=event.policy)
        if isinstance(event, AssignmentReturned) and event.clause:
            yield speech.text("clause", clause=event.clause)
    named = {getattr(event, "node", None) for event in events}
    if actor.node is not None and actor.node not in named:
        yield escape(speech.node(actor.node).title)
    if actor.kind == "system":
        if not any(isinstance(event, DemandAssigned) for event in events):
            yield speech.text("by_system")
    else:
        role = speech.code("role", actor.role) if actor.role else ""
        yield Markup('{} <span class="code">{}</span>').format(role, actor.id)
