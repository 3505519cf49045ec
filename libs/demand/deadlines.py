"""What is promised when, and when somebody has to look at a demand next (时限). Pure.

A deadline is a fact in an event: promised once under the clock pack of that day, moved only by what the pack itself provides for
(pause, extension, reopening). The demand clock starts at submission; neither assignment nor category nor holder moves it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from libs.demand.state import ASSISTING, PAUSED, DemandState, Status
from libs.directory import NetworkClocks, Span
from libs.events import Deadline, DeadlinesSet
from libs.events.timekeeping import Limit

ROUTING_PATIENCE: Final = timedelta(seconds=60)
"""A demand that waits for the router is looked at again after this, whatever happened to the router."""

BOUNDS: Final[frozenset[Limit]] = frozenset({"return", "reopen"})
"""Deadlines that only bound what may still be asked: nothing happens when they pass."""

PAUSES: Final[tuple[Limit, ...]] = ("complete", "resume")
"""Deadlines at which a pause ends."""

NET: Final[frozenset[Limit]] = frozenset({"answer", "resolve", "warn", "chase"})
"""Deadlines on the net clock: they stand still while it does."""

REQUIRED: Final[dict[Status, tuple[frozenset[Limit], ...]]] = {
    Status.ASSIGNED: (frozenset({"accept"}), frozenset({"resolve", "chase"})),
    Status.IN_PROGRESS: (frozenset({"resolve", "chase"}),),
    Status.AWAITING_ENTERPRISE: (frozenset({"complete"}),),
    Status.SUSPENDED: (frozenset({"resume"}),),
    Status.RESOLVED: (frozenset({"confirm"}),),
    Status.DISPUTED: (frozenset({"dispute"}),),
}
"""Per status, groups of deadlines of which one must be promised."""


@dataclass(frozen=True, slots=True)
class Timing:
    """The time of a command and the clocks it counts by."""

    now: datetime
    clocks: NetworkClocks

    def at(self, state: DemandState) -> datetime:
        """The time of the commit this decision leads to: never before the commit before it."""
        return self.now if state.at is None or self.now >= state.at else state.at

    def after(self, start: datetime, span: Span) -> Deadline:
        """Promise the end of a span that begins at `start`."""
        moment = self.clocks.calendar.after(start, span)
        working = span.unit == "wd"
        return Deadline(
            at=moment, counting="working" if working else "elapsed", provisional=working and self.clocks.calendar.is_provisional(moment)
        )

    def set(self, deadlines: Mapping[Limit, Deadline]) -> DeadlinesSet:
        """Promise these deadlines under this clock pack."""
        return DeadlinesSet(clocks=self.clocks.label, deadlines=dict(deadlines))


def next_due(state: DemandState) -> datetime | None:
    """Tell when somebody has to look at the demand next; None if never again. An open demand always has such a moment."""
    if state.status is None or state.at is None:
        return None
    if not state.is_open:
        follow_up = state.deadlines.get("follow_up")
        return follow_up.at if follow_up is not None else None
    if state.waits_for_routing:
        return state.at + ROUTING_PATIENCE
    paused = state.status in PAUSED
    moments = [deadline.at for limit, deadline in state.deadlines.items() if limit not in BOUNDS and not (paused and limit in NET)]
    moments += [assistance.due for assistance in state.assistances if assistance.status in ASSISTING and not assistance.missed]
    if not moments or unpromised(state):
        return state.at
    return min(moments)


def unpromised(state: DemandState) -> bool:
    """Tell whether an open demand lacks a deadline its status needs: histories from before there were clocks."""
    if state.arbitration is not None:
        return "arbitrate" not in state.deadlines
    groups = REQUIRED.get(state.status, ()) if state.status is not None else ()
    return any(group.isdisjoint(state.deadlines) for group in groups)


def public_due(state: DemandState) -> datetime | None:
    """The deadline the outside sees: until when the next thing is owed to the enterprise, or by it. None once the demand has ended."""
    match state.status:
        case Status.AWAITING_ENTERPRISE:
            wanted: Limit = "complete"
        case Status.RESOLVED:
            wanted = "confirm"
        case Status.DISPUTED:
            wanted = "dispute"
        case _:
            wanted = "resolve"
    deadline = state.deadlines.get(wanted)
    return deadline.at if deadline is not None and state.is_open else None


def on_assignment(state: DemandState, timing: Timing, *, category: str | None, at_desk: bool) -> DeadlinesSet:
    """Promise what a new assignment needs; answer and resolution are promised once, from submission, and stay."""
    at, rules = timing.at(state), timing.clocks.rules
    start = state.submitted_at or at
    accept = rules.triage if at_desk else rules.accept.of(state.urgency)
    found: dict[Limit, Deadline] = {"accept": timing.after(at, accept)}
    if "answer" not in state.deadlines and "answer" not in state.missed and not any(a.answered for a in state.assignments):
        found["answer"] = timing.after(start, rules.first_answer.of(state.urgency))
    if state.deadlines.keys().isdisjoint(("resolve", "chase")):
        found |= resolution(state, timing, start, category)
    return timing.set(found)


def promised_again(state: DemandState, timing: Timing) -> DeadlinesSet | None:
    """What a clock pack that applies to open demands (`applies_to: open`) promises instead of the pack before; None: nothing changes.

    Counted from where the earlier promises were: acceptance from the assignment, answer and resolution from submission, plus the working
    time of pauses. A granted extension stands, and what was missed stays missed. A demand that pauses is promised again once it goes on.
    """

    def net(deadline: Deadline) -> Deadline:
        return deadline.model_copy(update={"at": clocks.calendar.add_working(deadline.at, state.paused_seconds)})

    clocks, current = timing.clocks, state.current
    if clocks.applies_to != "open" or state.clocks in (None, clocks.label):
        return None
    if state.status not in (Status.ASSIGNED, Status.IN_PROGRESS) or current is None:
        return None
    rules, start = clocks.rules, state.submitted_at or timing.at(state)
    found: dict[Limit, Deadline] = {}
    if "accept" in state.deadlines:
        found["accept"] = timing.after(current.since, rules.accept.of(state.urgency))
    if "answer" in state.deadlines:
        found["answer"] = net(timing.after(start, rules.first_answer.of(state.urgency)))
    if "resolve" in state.deadlines and not state.extension.granted:
        found |= _moved(state, timing, net(resolution(state, timing, start, state.category)["resolve"]))
    return timing.set(found) if any(state.deadlines.get(limit) != deadline for limit, deadline in found.items()) else None


def brought_forward(state: DemandState, timing: Timing, before: str) -> DeadlinesSet | None:
    """What correcting the urgency moves, `before` being the former class; None: nothing. `state` has the new class.

    A promise that is still open comes forward to the limit of the new class counted from now, if that class is the more urgent one. Never
    back: nobody gains time by correcting.
    """
    at, rules, urgency = timing.at(state), timing.clocks.rules, state.urgency
    is_complex = state.category in rules.complex_categories
    spans: dict[Limit, tuple[Span, Span]] = {
        "accept": (rules.accept.of(before), rules.accept.of(urgency)),
        "answer": (rules.first_answer.of(before), rules.first_answer.of(urgency)),
        "resolve": (rules.resolve.of(before, is_complex), rules.resolve.of(urgency, is_complex)),
    }
    found: dict[Limit, Deadline] = {}
    for limit, (former, wanted) in spans.items():
        promised, sooner = state.deadlines.get(limit), timing.after(at, wanted)
        if promised is not None and sooner.at < min(promised.at, timing.after(at, former).at):
            found[limit] = sooner
    if "resolve" in found:
        found |= _moved(state, timing, found["resolve"])
    return timing.set(found) if found else None


def _moved(state: DemandState, timing: Timing, resolve: Deadline) -> dict[Limit, Deadline]:
    """Another promise to resolve in place of one. A warning that was to come and would be late for it comes now."""
    at = timing.at(state)
    found = with_warning(timing, resolve, at)
    if "warn" not in found and "warn" in state.deadlines:
        found["warn"] = resolve.model_copy(update={"at": at})
    return found


def resolution(state: DemandState, timing: Timing, start: datetime, category: str | None) -> dict[Limit, Deadline]:
    """The promise to resolve, counted from `start`, and the warning before it."""
    rules = timing.clocks.rules
    return with_warning(
        timing, timing.after(start, rules.resolve.of(state.urgency, category in rules.complex_categories)), timing.at(state)
    )


def with_warning(timing: Timing, resolve: Deadline, at: datetime) -> dict[Limit, Deadline]:
    """A promise to resolve with the warning before it, unless that moment has passed."""
    warn = timing.clocks.calendar.before(resolve.at, timing.clocks.rules.warn_before)
    found: dict[Limit, Deadline] = {"resolve": resolve}
    if warn > at:
        found["warn"] = resolve.model_copy(update={"at": warn})
    return found


def pause_over(state: DemandState, at: datetime) -> datetime:
    """The moment at which a pause ended that somebody notices now: the one that was set for its end, or now if that is to come."""
    since = state.paused_since or at
    for limit in PAUSES:
        if limit in state.deadlines:
            at = max(min(at, state.deadlines[limit].at), since)
    return at


def elapsed_in_pause(state: DemandState, at: datetime) -> int:
    """How many seconds on the wall the pause took that ends now."""
    since = state.paused_since
    return max(int((pause_over(state, at) - since).total_seconds()), 0) if since is not None else 0


def after_pause(state: DemandState, timing: Timing) -> tuple[int, dict[Limit, Deadline]]:
    """How much working time the pause took, and the net deadlines moved by exactly what was left of them when it began.

    A pause is over at the moment that was set for its end, however late somebody notices.
    """
    since, calendar = state.paused_since, timing.clocks.calendar
    if since is None:
        return 0, {}
    at = pause_over(state, timing.at(state))
    moved: dict[Limit, Deadline] = {}
    for limit, deadline in state.deadlines.items():
        if limit in NET and deadline.at > since:
            if deadline.counting == "working":
                then = calendar.add_working(at, calendar.working_seconds(since, deadline.at))
            else:
                then = at + (deadline.at - since)
            moved[limit] = deadline.model_copy(update={"at": max(then, deadline.at)})
    return calendar.working_seconds(since, at), moved


def pause_end(state: DemandState, timing: Timing, wanted: datetime) -> datetime | None:
    """The end of a pause that begins now: as wanted, but never past the total the pack allows. None if nothing of it is left.

    Pauses count in the time in which the promise to resolve counts: one in elapsed time is put off by a night as well.
    """
    at, calendar = timing.at(state), timing.clocks.calendar
    whole = calendar.after(at, timing.clocks.rules.suspension_most)
    promised = state.deadlines.get("resolve")
    if promised is not None and promised.counting == "elapsed":
        remaining = whole - at - timedelta(seconds=state.paused_elapsed)
        return min(wanted, at + remaining) if remaining > timedelta() else None
    left = calendar.working_seconds(at, whole) - state.paused_seconds
    if left <= 0:
        return None
    return min(wanted, max(calendar.add_working(at, left), at))
