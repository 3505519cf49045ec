"""A trail as entries people can read: sentences, what was said, who did it, how long it took. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, Literal

from markupsafe import Markup, escape

from libs.events import (
    ActTakenBack,
    AssignmentAccepted,
    AssignmentArbitrated,
    AssignmentLapsed,
    AssignmentRecalled,
    AssignmentReturned,
    Commit,
    ComplaintRaised,
    DeadlineMissed,
    DeadlinesSet,
    DeadlineWarned,
    DemandAssigned,
    DemandClassified,
    DemandClosed,
    DemandEscalated,
    DemandForwarded,
    DemandMerged,
    DemandRefused,
    DemandReopened,
    DemandResolved,
    DemandSplit,
    DemandSubmitted,
    DemandWithdrawn,
    DuplicateSuggested,
    Event,
    EvidenceAttached,
    HistoryImported,
    PersonalDataErased,
    ResolutionConfirmed,
    ResolutionDisputed,
    SupervisionOpened,
)
from services.tracker.console.coded import NODE_MEMBERS, OFFERED_BESIDE, word_kind
from services.tracker.console.matters import part_number, reason_words
from services.tracker.console.speech import Speech
from services.tracker.console.why import Why, explain
from services.tracker.sentences import files_of
from services.tracker.trail import Trail, TrailCommit, TrailEvent, sealed_members

Dot = Literal["asked", "system", "node", "returned", "done", "stopped"]

_ASKED: Final = (DemandSubmitted, DemandReopened)
_SYSTEM: Final = (DemandAssigned, DemandClassified, AssignmentRecalled, DeadlinesSet, DeadlineWarned, DuplicateSuggested)
_WRONG: Final = (
    AssignmentReturned,
    AssignmentLapsed,
    ActTakenBack,
    DeadlineMissed,
    DemandEscalated,
    ResolutionDisputed,
    ComplaintRaised,
    SupervisionOpened,
)
_DONE: Final = (DemandResolved, ResolutionConfirmed, DemandClosed)
_STOPPED: Final = (DemandWithdrawn, DemandRefused, DemandMerged, PersonalDataErased)
_DOTS: Final[tuple[tuple[tuple[type[Event], ...], Dot], ...]] = (
    (_ASKED, "asked"),
    (_SYSTEM, "system"),
    (_WRONG, "returned"),
    (_DONE, "done"),
    (_STOPPED, "stopped"),
)
_DEMAND_MEMBERS: Final = frozenset({"into", "demand"})
_REPEATED: Final = (DeadlineWarned, DeadlineMissed)
_LONG_RUN: Final = 4
_SHOWN_OF_RUN: Final = 2
_INNER: Final = frozenset({"warn", "chase", "return"})
"""Moments of the router's own, and bounds: not told among the promises."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One step. `quotes` are decrypted texts; `unreadable` says why there is text but none to read.

    `repeated`: nothing but a reminder or a missed deadline.
    """

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
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the trail: the steps shown, and the repetitions folded behind them."""

    shown: tuple[Entry, ...]
    folded: tuple[Entry, ...]


def entries(trail: Trail, speech: Speech, *, demand: str, router: str | None, reads_text: bool) -> tuple[Entry, ...]:
    """Tell a trail, newest first. `router` is the address of the routing interface, if known."""
    history = _Times()
    erased = any(isinstance(item.event, PersonalDataErased) for step in trail.commits for item in step.events)
    hidden = speech.text("said_gone" if erased else "said_erased" if reads_text else "said_hidden")
    told = [_entry(step, history, speech, demand, router, hidden) for step in trail.commits]
    return tuple(reversed(told))


def runs(told: Sequence[Entry]) -> tuple[Run, ...]:
    """Fold what the clock alone did over and over: of four or more reminders and misses in a row the newest two are shown."""
    found = list[Run]()
    for repeated, group in groupby(told, key=lambda entry: entry.repeated):
        steps = tuple(group)
        kept = _SHOWN_OF_RUN if repeated and len(steps) >= _LONG_RUN else len(steps)
        found.append(Run(steps[:kept], steps[kept:]))
    return tuple(found)


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
            case DemandForwarded():
                self.assigned[event.next] = at
            case AssignmentArbitrated():
                self.assigned[event.assignment] = at
            case AssignmentLapsed():
                self.waiting_since, self.again = at, True
            case AssignmentReturned():
                self.waiting_since, self.again = at, True
                return _after("took_return", self.assigned.get(event.assignment), at, speech)
            case AssignmentRecalled() | DemandReopened():
                self.waiting_since, self.again = at, False
            case DemandResolved():
                return _after("took_resolve", self.accepted.get(event.assignment), at, speech)
            case _:
                pass
        return None


def _after(key: str, start: datetime | None, at: datetime, speech: Speech) -> Markup | None:
    return None if start is None else speech.text(key, d=speech.duration(at - start))


def _entry(step: TrailCommit, history: _Times, speech: Speech, demand: str, router: str | None, hidden: Markup) -> Entry:
    commit = step.commit
    if commit is None:
        unread = (speech.text("step_unread"),)
        return Entry(step.version, step.recorded_at, "system", unread, (), None, (), None, None, step.hash, None)
    events = [item.event for item in step.events]
    took = [history.took(event, commit.at, speech) for event in events]
    assigned = next((event for event in events if isinstance(event, DemandAssigned)), None)
    return Entry(
        version=step.version,
        at=commit.at,
        dot=_dot(events),
        sentences=tuple(sentence(event, speech) for event in _told(events)),
        quotes=tuple(text for item in step.events for text in _quotes(item)),
        unreadable=hidden if any(_is_hidden(item) for item in step.events) else None,
        details=(*_who(commit, events, speech), *(part for part in took if part is not None)),
        why=explain(assigned, speech, demand=demand, router=router) if assigned is not None else None,
        command=commit.command,
        hash=step.hash,
        prev=commit.prev,
        repeated=all(isinstance(event, _REPEATED) for event in _told(events)),
    )


def _place(event: Event, name: str, value: object, speech: Speech) -> Markup:
    if value is None:
        return Markup("")
    kind = word_kind(event.name(), name)
    if kind is not None:
        return speech.coded(kind, str(value)) if kind in OFFERED_BESIDE else escape(speech.code(kind, str(value)))
    if name in NODE_MEMBERS:
        return speech.strong(str(value))
    if name == "part":
        return escape(part_number(str(value)))
    if name in _DEMAND_MEMBERS:
        return _demand(str(value))
    if name == "category":
        return escape(speech.title("category", str(value)))
    if name == "span":
        return escape(speech.span(str(value)))
    if name == "fields" and isinstance(value, tuple):
        words = [speech.code("field", str(item)) for item in value]
        return escape(("、" if speech.say.lang == "zh" else ", ").join(words))
    return escape(str(value))


def _dot(events: Sequence[Event]) -> Dot:
    """The dot of what mattered last."""
    return next((dot for classes, dot in _DOTS if isinstance(_told(events)[-1], classes)), "node")


def _told(events: Sequence[Event]) -> Sequence[Event]:
    """What happened; that promises were made along the way is told by their moments, unless nothing else happened."""
    return [event for event in events if not isinstance(event, DeadlinesSet)] or events


def _quotes(item: TrailEvent) -> Iterable[str]:
    """Notes and reasons as they were said; the head of the page already shows title, text and requester of the submission."""
    if isinstance(item.event, DemandSubmitted):
        return ()
    return (text for name, text in item.texts.items() if name != "requester" and text)


def _is_hidden(item: TrailEvent) -> bool:
    return any(place not in item.texts and place != "requester" for place, _ in sealed_members(item.event))


def _particulars(event: Event, speech: Speech) -> Iterable[Markup]:
    """What a sentence leaves out: files, promised times, parts, likely duplicates."""
    if files := files_of(event):
        yield speech.text("files_attached", n=files)
    match event:
        case DeadlinesSet():
            for limit, deadline in event.deadlines.items():
                if limit not in _INNER:
                    yield speech.text("promised", limit=speech.code("limit", limit), at=speech.due(deadline.at))
        case DeadlineWarned() | DeadlineMissed():
            yield speech.text("was_due", at=speech.due(event.due))
        case EvidenceAttached():
            yield speech.text("file_kind", kind=event.media_type.rpartition("/")[2].upper()[:12], size=_size(event.size))
        case DemandSplit():
            yield Markup(" ").join(_demand(part.demand) for part in event.parts)
        case DuplicateSuggested() if event.suggestions:
            yield from _likeness(event, speech)
        case HistoryImported():
            for step in event.steps:
                yield speech.text("former_step", step=speech.code("former_step", step.step), at=speech.spoken(step.at))
        case _:
            pass


def _likeness(found: DuplicateSuggested, speech: Speech) -> Iterable[Markup]:
    """The likeliest with the reasons, the others by number."""
    first, *others = sorted(found.suggestions, key=lambda like: -like.score)
    reasons = speech.text("between_reasons").join(reason_words(reason, speech) for reason in first.reasons)
    yield speech.text("in_brackets", words=_demand(first.demand), beside=reasons) if reasons else _demand(first.demand)
    if others:
        yield speech.text("alike_more", n=len(others))


def _demand(demand: str) -> Markup:
    return Markup('<a class="code" href="/console/demands/{}">{}</a>').format(demand, demand)


def _size(size: int) -> str:
    return f"{size / 1_048_576:.1f} MB" if size >= 1_048_576 else f"{max(size // 1024, 1)} KB"


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
        yield from _particulars(event, speech)
    named = {getattr(event, member, None) for event in events for member in NODE_MEMBERS}
    if actor.node is not None and actor.node not in named:
        yield escape(speech.node(actor.node).title)
    if actor.kind == "system":
        if not any(isinstance(event, DemandAssigned) for event in events):
            yield speech.text("by_system")
    elif actor.role == "enterprise":
        yield Markup("{} · {}").format(speech.code("role", "enterprise"), speech.text("by_link"))
    else:
        role = speech.code("role", actor.role) if actor.role else ""
        yield Markup('{} <span class="code">{}</span>').format(role, actor.id)
