"""The steps of a demand as its enterprise is told them: what was done and by which office, never by whom. Pure.

Left out: who inside an office, why offices passed it on, what they told each other, warnings and internal deadlines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from markupsafe import Markup

from libs.events import (
    ActTakenBack,
    ArbitrationOpened,
    AssignmentAccepted,
    AssignmentArbitrated,
    AssignmentLapsed,
    AssignmentReturned,
    ComplaintDismissed,
    ComplaintRaised,
    ComplaintVerified,
    CompletionProvided,
    CompletionRequested,
    DemandAssigned,
    DemandClosed,
    DemandCorrected,
    DemandEscalated,
    DemandForwarded,
    DemandMerged,
    DemandRated,
    DemandRefused,
    DemandReopened,
    DemandResolved,
    DemandResumed,
    DemandSplit,
    DemandSubmitted,
    DemandSupplemented,
    DemandSuspended,
    DemandUnmerged,
    DemandWithdrawn,
    Event,
    ExtensionGranted,
    FollowUpRecorded,
    HistoryImported,
    PersonalDataErased,
    ProgressReported,
    ResolutionConfirmed,
    ResolutionDisputed,
    ServiceRecorded,
    SupervisionOpened,
)
from services.tracker.console.phrases import phrase
from services.tracker.console.speech import Speech
from services.tracker.trail import TrailCommit

Dot = Literal["asked", "yours", "office", "system", "done", "stopped"]

_KINDS: Final[dict[type[Event], tuple[str, Dot]]] = {
    DemandSubmitted: ("step_submitted", "asked"),
    HistoryImported: ("step_imported", "system"),
    DemandAssigned: ("step_assigned", "system"),
    DemandForwarded: ("step_assigned", "system"),
    AssignmentAccepted: ("step_accepted", "office"),
    AssignmentReturned: ("step_rerouted", "system"),
    AssignmentLapsed: ("step_rerouted", "system"),
    ArbitrationOpened: ("step_rerouted", "system"),
    AssignmentArbitrated: ("step_arbitrated", "system"),
    ProgressReported: ("step_progress", "office"),
    ServiceRecorded: ("step_service", "office"),
    CompletionRequested: ("step_completion_requested", "office"),
    CompletionProvided: ("step_completed", "yours"),
    DemandSupplemented: ("step_supplemented", "yours"),
    DemandCorrected: ("step_corrected", "yours"),
    DemandSuspended: ("step_suspended", "stopped"),
    DemandResumed: ("step_resumed", "system"),
    ExtensionGranted: ("step_extended", "system"),
    DemandEscalated: ("step_escalated", "system"),
    SupervisionOpened: ("step_supervised", "system"),
    DemandResolved: ("step_resolved", "done"),
    ActTakenBack: ("step_taken_back", "system"),
    ResolutionConfirmed: ("step_confirmed", "yours"),
    ResolutionDisputed: ("step_disputed", "yours"),
    DemandReopened: ("step_reopened", "system"),
    DemandRefused: ("step_refused", "stopped"),
    DemandWithdrawn: ("step_withdrawn", "stopped"),
    DemandMerged: ("step_merged", "system"),
    DemandUnmerged: ("step_unmerged", "system"),
    DemandSplit: ("step_split", "system"),
    DemandClosed: ("step_closed", "done"),
    FollowUpRecorded: ("step_called", "system"),
    DemandRated: ("step_rated", "yours"),
    ComplaintRaised: ("step_complained", "yours"),
    ComplaintVerified: ("step_complaint_verified", "system"),
    ComplaintDismissed: ("step_complaint_dismissed", "system"),
    PersonalDataErased: ("step_erased", "stopped"),
}
"""What is told of which event. Whatever is not named here stays inside the network."""

_QUOTED: Final[dict[type[Event], str]] = {
    ProgressReported: "note",
    CompletionRequested: "note",
    CompletionProvided: "note",
    DemandSupplemented: "note",
    DemandResolved: "note",
    DemandRefused: "next_step",
    DemandClosed: "note",
    ResolutionDisputed: "note",
    DemandRated: "note",
    ComplaintRaised: "note",
    ComplaintVerified: "note",
    ComplaintDismissed: "note",
}
"""Texts meant for the enterprise, or its own."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `quote` is what was written, if it is meant for the enterprise."""

    at: datetime
    dot: Dot
    told: Markup
    quote: str | None


def steps(commits: Sequence[TrailCommit], speech: Speech) -> tuple[Step, ...]:
    """Tell the steps, newest first. The same thing said twice in one commit is told once."""
    found: list[Step] = []
    for commit in commits:
        if commit.commit is None:
            continue
        told: list[Step] = []
        for item in commit.events:
            kind = _KINDS.get(type(item.event))
            if kind is None:
                continue
            key, dot = kind
            member = _QUOTED.get(type(item.event))
            words = phrase(speech.say.lang, key, **_places(item.event, speech))
            told.append(Step(commit.commit.at, dot, words, item.texts.get(member) if member is not None else None))
        found += [step for number, step in enumerate(told) if step.told not in {other.told for other in told[:number]}]
    return tuple(reversed(found))


def _places(event: Event, speech: Speech) -> dict[str, object]:
    match event:
        case DemandForwarded():
            return {"node": speech.strong(event.to)}
        case DemandSuspended():
            return {"reason": speech.code("suspension_reason", event.reason)}
        case DemandRefused():
            return {"reason": speech.code("refusal_reason", event.reason)}
        case DemandResolved():
            return {"node": speech.strong(event.node), "result": speech.code("result", event.result)}
        case DemandRated():
            return {"grade": speech.code("grade", event.grade)}
        case _:
            node = getattr(event, "node", None)
            return {"node": speech.strong(node)} if isinstance(node, str) else {}
