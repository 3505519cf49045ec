"""What happens when time passes 时限: warn before a deadline, lapse and route again on silence, miss and escalate, chase, close.

One command, KeepTime, looks at everything that is due at once, so that a timer that comes late, twice or after the sweep changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from libs.demand import DemandState, Status, Timing
from libs.demand.deadlines import REQUIRED, on_assignment, resolution, unpromised
from libs.demand.draft import Draft, Events
from libs.demand.overdue import (
    chase_again,
    end_pause,
    escalate,
    holder_or_desk,
    miss,
    miss_answer,
    miss_resolution,
    miss_supervision,
    past,
)
from libs.demand.state import ASSISTING
from libs.directory import Network
from libs.events import (
    ArbitrationOpened,
    AssignmentLapsed,
    DeadlineMissed,
    DeadlineWarned,
    DemandClosed,
)
from services.router.rules.arbitrating import next_arbiter

STATUSES: Final = frozenset(Status) - {Status.WITHDRAWN, Status.REFUSED, Status.MERGED}


@dataclass(frozen=True, slots=True)
class KeepTime:
    """Do what is due now. Nothing is due: nothing happens."""

    network: Network
    timing: Timing


def keep_time(state: DemandState, command: KeepTime) -> Events:
    """Everything that is due, in the order in which it matters: who is accountable first, then promises to the enterprise."""
    if state.status not in STATUSES or state.erased:
        return ()
    draft = Draft(state, command.timing)
    if unpromised(state):
        _promise(draft)
    draft.promise_again()
    first = (_accept, _arbitrate, end_pause, miss_answer, _warn, miss_resolution, _chase, _assist, miss_supervision)
    for due in (*first, _follow_up, _dispute, _confirm):
        due(draft, command.network)
    return draft.done()


def _promise(draft: Draft) -> None:
    """Histories from before there were clocks, and whatever else lacks a promise, get one from now on."""
    state, timing, rules = draft.state, draft.timing, draft.timing.clocks.rules
    missing = [group for group in REQUIRED.get(state.status or Status.CLOSED, ()) if group.isdisjoint(state.deadlines)]
    if state.arbitration is not None:
        draft.add(timing.set({"arbitrate": timing.after(draft.at, rules.arbitration)}))
        return
    if any("accept" in group for group in missing):
        draft.add(on_assignment(state, timing, category=state.category, at_desk=False))
        return
    spans = {"complete": rules.completion, "resume": rules.completion, "confirm": rules.confirm, "dispute": rules.dispute}
    for group in missing:
        if "resolve" in group:
            draft.add(timing.set(resolution(state, timing, draft.at, state.category)))
        for limit in sorted(group & spans.keys()):
            draft.add(timing.set({limit: timing.after(draft.at, spans[limit])}))


def _accept(draft: Draft, network: Network) -> None:
    """Silence: the next candidate gets it. What cannot go elsewhere stays, and its supervisors are told."""
    due, current = past(draft, "accept"), draft.state.current
    if due is None or current is None:
        return
    if current.binding or current.node == draft.state.desk:
        miss(draft, network, "accept", due, current.node)
        draft.add(draft.timing.set({"accept": draft.timing.after(draft.at, draft.timing.clocks.rules.chase_every)}))
    else:
        draft.add(AssignmentLapsed(assignment=current.id, node=current.node))


def _arbitrate(draft: Draft, network: Network) -> None:
    """A silent arbiter: one hub up takes over; the hub itself is chased."""
    due, case = past(draft, "arbitrate"), draft.state.arbitration
    if due is None or case is None:
        return
    timing = draft.timing
    above = next_arbiter(network, case.arbiter, case.parties)
    if above is None:
        miss(draft, network, "arbitrate", due, case.arbiter)
        draft.add(timing.set({"arbitrate": timing.after(draft.at, timing.clocks.rules.chase_every)}))
        return
    draft.add(DeadlineMissed(limit="arbitrate", node=case.arbiter, due=due.at))
    draft.add(ArbitrationOpened(arbiter=above, parties=case.parties, cause="silence"))
    draft.add(timing.set({"arbitrate": timing.after(draft.at, timing.clocks.rules.arbitration)}))


def _warn(draft: Draft, network: Network) -> None:
    due, resolve = past(draft, "warn"), draft.state.deadlines.get("resolve")
    if due is not None:
        draft.add(DeadlineWarned(limit="resolve", node=holder_or_desk(draft), due=(resolve or due).at))


def _chase(draft: Draft, network: Network) -> None:
    due = past(draft, "chase")
    if due is not None:
        draft.add(DeadlineWarned(limit="resolve", node=holder_or_desk(draft), due=due.at, chase=True))
        escalate(draft, network, "resolve", holder_or_desk(draft))
        chase_again(draft)


def _assist(draft: Draft, network: Network) -> None:
    for assistance in draft.state.assistances:
        if assistance.status in ASSISTING and not assistance.missed and draft.at >= assistance.due:
            draft.add(DeadlineMissed(limit="assist", node=assistance.node, due=assistance.due, assistance=assistance.id))


def _follow_up(draft: Draft, network: Network) -> None:
    """A call-back nobody made is the supervisor's miss."""
    due = past(draft, "follow_up")
    if due is not None:
        draft.add(DeadlineMissed(limit="follow_up", node=_above_resolver(draft, network), due=due.at))


def _dispute(draft: Draft, network: Network) -> None:
    """A dispute nobody decided is decided for the enterprise."""
    due = past(draft, "dispute")
    if due is not None and draft.state.status is Status.DISPUTED:
        draft.add(DeadlineMissed(limit="dispute", node=_above_resolver(draft, network), due=due.at))
        draft.reopen("dispute_unanswered", same_node=True)


def _confirm(draft: Draft, network: Network) -> None:
    """Silence closes, but never as satisfied."""
    if past(draft, "confirm") is not None and draft.state.status is Status.RESOLVED:
        draft.add(DemandClosed(outcome="unconfirmed"))
        draft.open_reopening_term()


def _above_resolver(draft: Draft, network: Network) -> str:
    """The supervisor of the node that resolved the demand; the desk where there is none."""
    node = draft.state.resolved_by
    above = network.path_up(node)[1:2] if node is not None and network.has(node) else ()
    return above[0].id if above else draft.state.desk
