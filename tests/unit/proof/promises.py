"""What must hold whatever anybody does (件件着落): after every commit, after time was kept, and once the system has come to rest."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from libs.demand import HELD, OPEN, PAUSED, AssignmentStatus, DemandState, Status, next_due, own_work, same_hands
from libs.demand.deadlines import NET
from libs.demand.lifecycle import HANDLING
from libs.demand.state import ASSISTING
from libs.directory import Network
from libs.events import (
    ComplaintDismissed,
    ComplaintVerified,
    DeadlineMissed,
    DeadlinesSet,
    DemandAssigned,
    DemandClosed,
    DemandCorrected,
    DemandEvent,
    DemandRated,
    DemandReopened,
    DemandResolved,
    DemandResumed,
    ExtensionGranted,
    ExtensionRefused,
    ExtensionRequested,
    FollowUpRecorded,
    ResolutionConfirmed,
)
from libs.events.timekeeping import Limit
from tests.unit.proof.town import Person

if TYPE_CHECKING:
    from tests.unit.proof.world import World

MOVES = (ExtensionGranted, DemandResumed, DemandReopened)
"""The only events beside which the promise to resolve may move to a later moment."""

CORRECTED: Final[frozenset[Limit]] = frozenset({"accept", "answer", "resolve"})
"""What a correction of the urgency may bring forward."""


PROMISED: Final[tuple[Limit, ...]] = ("answer", "resolve")
"""What is owed to the enterprise."""

SKEW: Final = timedelta(seconds=20)
"""How far behind a server's clock may be, by which a person's command is decided."""


def of_state(network: Network, state: DemandState) -> None:
    """What one demand may look like."""
    assert (state.holder is None) == (state.status not in OPEN), "an open demand has exactly one holder, an ended one none"
    if state.holder is not None:
        assert network.has(state.holder.node), "the holder is a node of the network"
        accountable = state.current.node if state.current is not None else state.arbitration.arbiter if state.arbitration else state.desk
        assert state.holder.node == accountable, "the accountable node is the assignment's, the arbiter or the desk"
    held = [assignment for assignment in state.assignments if assignment.status in HELD]
    assert held == ([state.current] if state.status in HANDLING else []), "exactly the current assignment is held"
    if state.status in HANDLING:
        wanted = AssignmentStatus.OPEN if state.status is Status.ASSIGNED else AssignmentStatus.ACCEPTED
        assert state.current is not None, "what is handled is held by an assignment"
        assert state.current.status is wanted, "an assignment is accepted exactly once handling has begun"
    for letter, ids in (
        ("a", [one.id for one in state.assignments]),
        ("s", [one.id for one in state.assistances]),
        ("c", [one.id for one in state.complaints]),
        ("v", [one.id for one in state.supervisions]),
    ):
        assert ids == [f"{letter}{number}" for number in range(1, len(ids) + 1)], "ids count on without gaps"
    due = next_due(state)
    assert due is not None or state.status not in OPEN, "somebody looks at every open demand again"
    assert due is None or state.status in OPEN | {Status.CLOSED}, "nobody looks at what has ended, but for a call-back"
    assert (state.paused_since is not None) == (state.status in PAUSED), "the net clock stands still exactly in a pause"
    running = [assistance for assistance in state.assistances if assistance.status in ASSISTING]
    assert not running or state.status in HANDLING, "assistance ends with the assignment it was asked for"
    assert state.returns <= network.content.routing.return_budget + 1, "what is handed on too often is arbitrated"
    if state.arbitration is not None:
        assert state.status is Status.TRIAGE, "what is arbitrated is nobody else's"
        hub_of_last_resort = state.arbitration.arbiter == network.hub.id
        assert state.arbitration.arbiter not in state.arbitration.parties or hub_of_last_resort, "a party never arbitrates"
    assert (state.merged_into is not None) == (state.status is Status.MERGED), "merged means merged into another"
    assert not (state.erased and state.is_open), "whatever somebody has to handle can be read"
    assert state.rated <= state.resolutions, "only a resolution is rated"


def of_commit(network: Network, before: DemandState, events: Sequence[DemandEvent], by: Person | None, after: DemandState) -> None:
    """What one step may change."""
    assert before.at is None or (after.at is not None and after.at >= before.at), "time never runs backwards in a history"
    assert before.status is None or after.submitted_at == before.submitted_at, "the demand clock never starts again"
    promised, now_promised = before.deadlines.get("resolve"), after.deadlines.get("resolve")
    if promised is not None and now_promised is not None and now_promised.at > promised.at:
        assert any(isinstance(event, MOVES) for event in events), "the promise to resolve moves by pause, extension or reopening only"
    if any(isinstance(event, DemandCorrected) for event in events):
        later = [limit for limit, due in after.deadlines.items() if limit in CORRECTED and due.at > before.deadlines.get(limit, due).at]
        assert not later, "nobody gains time by correcting"
    _misses(before, events, after)
    answer = before.deadlines.get("supervise")
    assert answer is None or after.deadlines.get("supervise", answer).at <= answer.at, "the answer to a supervision is never put off"
    if after.status is Status.MERGED and promised is not None:
        assert now_promised is not None or "resolve" in after.missed, "what was promised before a merge stands again when it is undone"
    for event in events:
        if isinstance(event, DemandAssigned):
            gone = (AssignmentStatus.RETURNED, AssignmentStatus.LAPSED, AssignmentStatus.RESOLVED)
            over = {assignment.node for assignment in before.assignments if assignment.status in gone}
            fresh = event.node not in over or event.node == network.hub.id
            assert fresh, "routing passes over who returned it, was silent or was overruled"
        if isinstance(event, DemandRated):
            assert event.resolution > before.rated, "one rating per resolution"
            assert not own_work(network, before), "nobody rates its own work"
        if isinstance(event, ResolutionConfirmed):
            _independent(network, before, event, by)
        _two_persons(before, event, by)
        if isinstance(event, FollowUpRecorded):
            assert by is not None, "a person calls back"
            assert not same_hands(network, by.node, before.resolved_by), "nobody calls back on its own work"
        if isinstance(event, DeadlinesSet):
            at = after.at
            assert at is not None
            fresh_promises = {limit: due for limit, due in event.deadlines.items() if limit not in NET}
            assert all(due.at >= at for due in fresh_promises.values()), "nothing but what runs from submission is promised for the past"


def _misses(before: DemandState, events: Sequence[DemandEvent], after: DemandState) -> None:
    """Whoever ends, moves or forgets a promise that is past tells that it was broken."""
    at, told = after.at, {event.limit for event in events if isinstance(event, DeadlineMissed)}
    assert at is not None
    for limit in PROMISED:
        promised, now_promised = before.deadlines.get(limit), after.deadlines.get(limit)
        if promised is None or before.status in PAUSED or at - promised.at < SKEW:
            continue
        stands = now_promised is not None and now_promised.at <= promised.at
        assert stands or limit in told, "a promise kept after its moment has its miss"


def _independent(network: Network, before: DemandState, event: ResolutionConfirmed, by: Person | None) -> None:
    assert by is not None, "a person confirms"
    if event.by == "enterprise":
        assert by.role == "enterprise", "the enterprise confirms through its own link"
        assert not own_work(network, before), "nobody confirms its own work"
    else:
        assert by.node != before.resolved_by, "a call-back comes from above"
        assert not same_hands(network, by.node, before.resolved_by), "nobody confirms its own work"


def _two_persons(before: DemandState, event: DemandEvent, by: Person | None) -> None:
    """Who did or asked for something is known by name, and judges nothing of it."""
    party = by.party if by is not None else None
    match event:
        case DemandResolved() | ExtensionRequested():
            assert event.person == party, "who did it is written down"
        case ExtensionGranted() | ExtensionRefused():
            assert before.extension.person != party, "nobody decides what it asked for itself"
        case FollowUpRecorded():
            assert before.resolved_person != party, "nobody calls back on its own work"
        case DemandClosed(outcome="dispute_rejected") | DemandReopened(cause="dispute_upheld"):
            assert before.resolved_person != party, "nobody judges its own work"
        case ComplaintVerified() | ComplaintDismissed():
            assert (event.node, party) not in before.hands, "nobody judges its own work"
        case _:
            pass


def of_time(state: DemandState, at: datetime, again: Sequence[DemandEvent]) -> None:
    """Once time was kept, it is kept."""
    assert not again, "keeping time twice at one moment does nothing"
    due = next_due(state)
    assert due is None or due > at or state.waits_for_routing, "time was kept, and still somebody has to look at once"


def of_quiet(world: World) -> None:
    """Nothing is under way: every open demand has landed."""
    for demand, life in world.lives.items():
        state = life.state
        if state.status in (Status.SUBMITTED, Status.TRIAGE):
            assert state.arbitration is not None, "nothing lies about that is neither assigned nor arbitrated"
        held = state.current
        if held is not None and held.status in HELD and held.node in world.suspended:
            assert held.node == state.desk and held.last_resort, "a suspended node holds nothing but what nobody else can take"  # noqa: PT018
        case = state.arbitration
        if case is not None and case.arbiter in world.suspended:
            assert case.arbiter == world.network.hub.id, "a suspended hub decides nothing but what nobody above it can"
        if state.is_open:
            due = next_due(state)
            assert due is not None
            assert due > world.now, "whatever was due has been done"
        _merges(world, demand, state)
        _parts(world, demand, state)


def _merges(world: World, demand: str, state: DemandState) -> None:
    if state.merged_into is None:
        return
    older = world.state(state.merged_into)
    assert older.submitted_at is not None
    assert state.submitted_at is not None
    assert (older.submitted_at, state.merged_into) < (state.submitted_at, demand), "the younger is merged into the older"
    if state.erased:
        return  # Nobody can read what it asked: it stays where it is.
    assert older.status not in (Status.WITHDRAWN, Status.REFUSED), "nothing is merged into what ended without an answer"
    assert demand in older.received, "the older knows what was merged into it"
    assert older.enterprise == state.enterprise or "DemandCorrected" in _names(world, demand) | _names(world, state.merged_into), (
        "only demands of one enterprise are merged"
    )


def _parts(world: World, demand: str, state: DemandState) -> None:
    for part in state.parts:
        child = world.state(part.demand)
        assert child.parent == demand, "every part is a demand of its own, and knows its whole"
        if child.status is not None and not child.is_open:
            assert part.ended is not None, "the whole knows which parts have ended"
        if child.is_open:
            assert part.ended is None, "the whole knows which parts run again"
        elif state.erased:
            assert child.erased, "what was erased as a whole is erased in each of its parts"
    if state.parent is not None:
        assert any(part.demand == demand for part in world.state(state.parent).parts), "a part belongs to its whole"


def _names(world: World, demand: str) -> set[str]:
    return {event.name() for commit in world.lives[demand].commits for event in commit.events}
