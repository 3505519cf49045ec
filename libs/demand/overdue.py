"""What is past due (逾期), and what of it is told: by the timer, or before it by whoever acts on the demand first. Pure."""

from __future__ import annotations

from libs.demand.deadlines import NET, Timing
from libs.demand.draft import Draft
from libs.demand.state import PAUSED, DemandState
from libs.directory import Network
from libs.events import Deadline, DeadlineMissed, DemandEscalated
from libs.events.timekeeping import Limit


def caught_up(state: DemandState, timing: Timing, network: Network) -> Draft:
    """The demand as a timer that fires this very moment would leave its promises to enterprise and supervisor.

    A person's act that ends or pauses a promise, or hands it on, begins from there: otherwise a promise broken some moments ago would
    never have been, or would be the next one's miss.
    """
    draft = Draft(state, timing).promise_again()
    end_pause(draft, network)
    miss_answer(draft, network)
    miss_resolution(draft, network)
    miss_supervision(draft, network)
    return draft


def past(draft: Draft, limit: Limit) -> Deadline | None:
    """The deadline if it has passed and its clock runs."""
    state = draft.state
    deadline = state.deadlines.get(limit)
    if deadline is None or draft.at < deadline.at or (limit in NET and state.status in PAUSED):
        return None
    return deadline


def end_pause(draft: Draft, network: Network) -> None:
    """The pause is over: the net clock runs again."""
    if past(draft, "complete") is not None or past(draft, "resume") is not None:
        draft.resume("expired")


def miss_answer(draft: Draft, network: Network) -> None:
    """Nobody has answered the enterprise."""
    due = past(draft, "answer")
    if due is not None:
        miss(draft, network, "answer", due)


def miss_resolution(draft: Draft, network: Network) -> None:
    """The promise to the enterprise is broken: up the supervisory path, and from now on the holder is chased."""
    due = past(draft, "resolve")
    if due is not None:
        miss(draft, network, "resolve", due)
        chase_again(draft)


def miss_supervision(draft: Draft, network: Network) -> None:
    """Nobody has answered a supervision."""
    due = past(draft, "supervise")
    if due is not None:
        miss(draft, network, "supervise", due)


def miss(draft: Draft, network: Network, limit: Limit, due: Deadline, node: str | None = None) -> None:
    """Tell a miss, of the holder unless another node is named, to who stands above it."""
    missed = node or holder_or_desk(draft)
    draft.add(DeadlineMissed(limit=limit, node=missed, due=due.at))
    escalate(draft, network, limit, missed)


def escalate(draft: Draft, network: Network, rule: Limit, node: str) -> None:
    """Tell the next one up; each level once. At the top there is nobody further to tell."""
    above = [node.id for node in network.path_up(node)[1:]] if network.has(node) else [network.hub.id]
    level = draft.state.escalation
    if level < len(above):
        draft.add(DemandEscalated(rule=rule, level=level + 1, to=above[level]))


def chase_again(draft: Draft) -> None:
    """Promise when the holder is reminded next."""
    draft.add(draft.timing.set({"chase": draft.timing.after(draft.at, draft.timing.clocks.rules.chase_every)}))


def holder_or_desk(draft: Draft) -> str:
    """The node that is accountable; the desk where there is none."""
    holder = draft.state.holder
    return holder.node if holder is not None else draft.state.desk
