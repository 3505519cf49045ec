"""The ping-pong breaker 裁定: who arbitrates between nodes that pass a demand on, and what the arbiter decides.

The arbiter is the lowest supervisor common to all parties and none of them; silent or fallen away, the next one up takes over. A
decision binds: the assignment it makes can be neither returned nor lapse. It is kept as a precedent for whoever edits the routing policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from libs.demand import AssignmentStatus, DemandState, Standing, Timing, require_allowed
from libs.demand.deadlines import on_assignment
from libs.demand.draft import Events
from libs.directory import Network
from libs.events import ArbitrationOpened, AssignmentArbitrated, DeadlinesSet, Refused, Sealed
from libs.events.demand import ArbitrationCause
from services.router.availability import is_available
from services.router.rules.holding import require_fit


@dataclass(frozen=True, slots=True)
class OpenArbitration:
    """One return more than the budget allows: the system hands the demand to the arbiter instead of routing it again."""

    network: Network
    timing: Timing


@dataclass(frozen=True, slots=True)
class ReplaceArbiter:
    """The arbiter's node is suspended, closed or out of force: the next one up that is there decides, at last the network's hub."""

    network: Network
    timing: Timing


@dataclass(frozen=True, slots=True)
class ArbitrateAssignment:
    """The arbiter names the node that handles the demand."""

    node: str
    note: Sealed
    by: Standing
    timing: Timing


def lowest_arbiter(network: Network, parties: Sequence[str]) -> str:
    """The lowest active node that supervises every party and is none; the network's hub if there is none (then the bureau decides)."""
    known = [party for party in parties if network.has(party)]
    if not known:
        return network.hub.id
    paths = [network.path_up(party)[1:] for party in known]
    common = [node for node in paths[0] if all(node in path for path in paths[1:]) and node.id not in known]
    return next((node.id for node in common if node.status == "active"), network.hub.id)


def next_arbiter(network: Network, arbiter: str, parties: Sequence[str]) -> str | None:
    """The next supervisor above a silent arbiter; None if there is nobody further up."""
    if not network.has(arbiter):
        return network.hub.id
    above = (node for node in network.path_up(arbiter)[1:] if node.id not in parties)
    return next((node.id for node in above if node.status == "active" or node.id == network.hub.id), None)


def parties_of(state: DemandState, *also: str) -> tuple[str, ...]:
    """The nodes that returned the demand or handed it on, once each. Not a hub that had it because nobody else did."""
    passed = (
        a.node
        for a in state.assignments
        if a.status is AssignmentStatus.RETURNED or (a.status is AssignmentStatus.FORWARDED and not a.last_resort)
    )
    return tuple(dict.fromkeys((*passed, *also)))


def opened(state: DemandState, network: Network, timing: Timing, parties: tuple[str, ...], cause: ArbitrationCause) -> Events:
    """Hand over to the arbiter between these parties, to decide the same working day."""
    case = ArbitrationOpened(arbiter=lowest_arbiter(network, parties), parties=parties, cause=cause)
    return (case, timing.set({"arbitrate": timing.after(timing.at(state), timing.clocks.rules.arbitration)}))


def open_arbitration(state: DemandState, command: OpenArbitration) -> Events:
    """Hand over to the arbiter; once."""
    require_allowed(state, "AssignDemand")
    if state.arbitration is not None:
        raise Refused("illegal_transition")
    return opened(state, command.network, command.timing, parties_of(state), "return_budget")


def replace_arbiter(state: DemandState, command: ReplaceArbiter) -> Events:
    """Nothing if the arbiter is there, or its time is up: keeping time moves it then. The time to decide runs on as promised."""
    case, due, network, timing = state.arbitration, state.deadlines.get("arbitrate"), command.network, command.timing
    if case is None or due is None or timing.at(state) >= due.at or is_available(network, case.arbiter, timing.now):
        return ()
    above = next_arbiter(network, case.arbiter, case.parties)
    while above is not None and above != network.hub.id and not is_available(network, above, timing.now):
        above = next_arbiter(network, above, case.parties)
    if above is None:
        return ()
    moved = ArbitrationOpened(arbiter=above, parties=case.parties, cause="arbiter_unavailable")
    return (moved, DeadlinesSet(clocks=state.clocks or timing.clocks.label, deadlines={"arbitrate": due}))


def arbitrate(state: DemandState, command: ArbitrateAssignment) -> Events:
    """The decision. A party never arbitrates; where the hub itself is a party, only the bureau does."""
    require_allowed(state, "ArbitrateAssignment")
    open_case, by = state.arbitration, command.by
    if open_case is None:
        raise Refused("illegal_transition")
    if by.role != "bureau" and by.node in open_case.parties:
        raise Refused("party_cannot_arbitrate")
    at_hub = open_case.arbiter == by.network.hub.id
    if not (by.acts_for(open_case.arbiter) and by.role == "coordinator") and not (at_hub and by.role == "bureau"):
        raise Refused("wrong_actor")
    require_fit(by, command.node, command.timing)
    decided = AssignmentArbitrated(
        assignment=state.next_assignment,
        node=command.node,
        arbiter=open_case.arbiter,
        parties=open_case.parties,
        category=state.category,
        region=state.region,
        carrier=state.carrier,
        industry=state.industry,
        note=command.note,
    )
    return (decided, on_assignment(state, command.timing, category=state.category, at_desk=False))
