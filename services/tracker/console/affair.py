"""What an enterprise sees of its own demand: where it stands, what comes next, until when, and what it may do now. Pure.

Folds the same state intake decides with, so that the page offers what intake would accept; intake still decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from markupsafe import Markup

from libs.demand import ALLOWED, INITIAL, DemandState, Status, evolve, own_work
from libs.directory import Network
from libs.events import (
    CompletionRequested,
    Corrupt,
    DemandCorrected,
    DemandRefused,
    DemandResolved,
    DemandSubmitted,
    DemandSuspended,
)
from libs.events.timekeeping import Limit
from services.tracker.console import times
from services.tracker.console.deadlines import LIMITS, Due, due_of
from services.tracker.console.phrases import phrase
from services.tracker.console.source import Linked
from services.tracker.console.speech import Speech
from services.tracker.trail import Trail, TrailCommit, TrailEvent

Act = Literal["completion", "confirmation", "dispute", "rating", "reopening", "supplement", "complaint"]

COMMANDS: Final[dict[Act, str]] = {
    "completion": "ProvideCompletion",
    "confirmation": "ConfirmResolution",
    "dispute": "DisputeResolution",
    "rating": "RateDemand",
    "reopening": "RequestReopening",
    "supplement": "SupplementDemand",
    "complaint": "RaiseComplaint",
}
"""What the enterprise may do, in the order the page offers it, and the command behind it."""

_DUE_WORDS: Final[dict[Limit, str]] = {"complete": "due_complete", "confirm": "due_confirm", "dispute": "due_dispute"}


@dataclass(frozen=True, slots=True)
class Affair:
    """The page's head. `quote` is what the office wrote and the enterprise must read now (asked for, result, next step)."""

    now: Markup
    next: Markup
    quote: str | None
    quote_lead: str | None
    due: Due | None
    due_word: str


def fold(commits: Iterable[TrailCommit]) -> DemandState:
    """Fold a demand's history. Raises Corrupt if this release cannot read a commit of it."""
    state = INITIAL
    for step in commits:
        if step.commit is None:
            raise Corrupt(f"commit {step.version} cannot be read")
        for event in step.commit.events:
            state = evolve(state, event, version=step.version, at=step.commit.at)
    return state


def linked_of(demand: str, trail: Trail) -> Linked:
    """What a proved link opens. The title is as last submitted or corrected; None once it was erased. Raises Corrupt."""
    told = (item.texts.get("title") for step in reversed(trail.commits) for item in reversed(step.events) if _has_title(item))
    title = next((title for title in told if title), None)
    return Linked(demand, trail.commits[-1].version, title, fold(trail.commits), trail)


def _has_title(item: TrailEvent) -> bool:
    return isinstance(item.event, DemandSubmitted | DemandCorrected)


def possible(state: DemandState, network: Network | None, now: datetime) -> tuple[Act, ...]:
    """What the enterprise may do now, in the page's order; the rules are intake's own."""
    if state.status is None or state.erased:
        return ()
    return tuple(act for act, command in COMMANDS.items() if state.status in ALLOWED[command] and _holds(act, state, network, now))


def _holds(act: Act, state: DemandState, network: Network | None, now: datetime) -> bool:
    match act:
        case "confirmation":
            return not called_back(state, network)
        case "rating":
            unrated = state.resolved_by is not None and state.rated < state.resolutions
            return unrated and not called_back(state, network)
        case "reopening":
            until = state.deadlines.get("reopen")
            return until is not None and now <= until.at
        case _:
            return True


def called_back(state: DemandState, network: Network | None) -> bool:
    """Tell whether only a call-back confirms: who submitted is who handled."""
    if network is None:
        return state.submitter_node is not None and state.submitter_node == state.resolved_by
    return own_work(network, state)


def named_nodes(state: DemandState) -> tuple[str, ...]:
    """Nodes the enterprise may complain about, the present or last one first."""
    first = state.holder.node if state.holder is not None else state.resolved_by or state.desk
    others = (*reversed(state.held_by), *(assistance.node for assistance in state.assistances), state.desk)
    return tuple(dict.fromkeys((first, *others)))


def affair(state: DemandState, commits: Sequence[TrailCommit], speech: Speech, network: Network | None) -> Affair:
    """Tell where a demand stands. `commits` oldest first, with the texts the enterprise may read."""
    lang, now = speech.say.lang, speech.now
    status = state.status or Status.SUBMITTED
    node = speech.strong(state.holder.node if state.holder is not None else state.resolved_by or state.desk)
    place = _Last(commits)
    quote = lead = None
    key, ahead, places = f"now_{status}", f"next_{status}", dict[str, object]()
    match status:
        case Status.SUBMITTED | Status.TRIAGE:
            key, ahead = ("now_arbitration" if state.arbitration is not None else "now_submitted"), "next_submitted"
        case Status.AWAITING_ENTERPRISE:
            quote, lead = place.text(CompletionRequested, "note"), str(phrase(lang, "asked"))
        case Status.SUSPENDED:
            event = place.event(DemandSuspended)
            places = {
                "reason": speech.code("suspension_reason", event.reason) if isinstance(event, DemandSuspended) else "",
                "at": times.due(event.until, now, lang) if isinstance(event, DemandSuspended) else "",
            }
        case Status.RESOLVED:
            quote, lead = place.text(DemandResolved, "note"), str(phrase(lang, "result_words"))
            if called_back(state, network):
                ahead = "next_resolved_called"
        case Status.CLOSED:
            key, ahead = f"now_closed_{state.outcome or 'unconfirmed'}", "next_closed"
            until = state.deadlines.get("reopen")
            if until is not None and now <= until.at:
                ahead, places = "next_closed_reopen", {"until": times.due(until.at, now, lang)}
        case Status.REFUSED:
            event = place.event(DemandRefused)
            quote = place.text(DemandRefused, "next_step")
            ahead = ahead if quote else "next_refused_plain"
            places = {"reason": speech.code("refusal_reason", event.reason) if isinstance(event, DemandRefused) else ""}
        case Status.MERGED:
            places = {"demand": state.merged_into or ""}
        case _:
            pass
    resolved = place.event(DemandResolved)
    if isinstance(resolved, DemandResolved):
        places["result"] = speech.code("result", resolved.result)
    return Affair(
        now=phrase(lang, key, **{"node": node, "result": "", "reason": ""} | places),
        next=phrase(lang, ahead, **places),
        quote=quote,
        quote_lead=lead,
        due=due_of(state, commits, now),
        due_word=_DUE_WORDS.get(LIMITS.get(status, "resolve"), "due_promise"),
    )


class _Last:
    """The latest event of a type, and its texts."""

    def __init__(self, commits: Sequence[TrailCommit]) -> None:
        self._items = [item for step in reversed(commits) for item in reversed(step.events)]

    def event(self, kind: type) -> object | None:
        return next((item.event for item in self._items if isinstance(item.event, kind)), None)

    def text(self, kind: type, member: str) -> str | None:
        return next((item.texts.get(member) for item in self._items if isinstance(item.event, kind)), None)
