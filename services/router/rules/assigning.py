"""Classifying and assigning 研判、派单: the system's RouteDemand, and what people may do about category and assignment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from libs.demand import HELD, DemandState, Standing, Timing, require_allowed
from libs.demand.deadlines import on_assignment
from libs.demand.draft import Draft, Events
from libs.demand.state import Assignment
from libs.events import (
    ActTakenBack,
    AssignmentAccepted,
    AssignmentRecalled,
    AssignmentReturned,
    Classification,
    DemandAssigned,
    DemandClassified,
    DemandForwarded,
    DemandRefused,
    Explanation,
    HandlerNamed,
    NotFound,
    Refused,
    Sealed,
)
from libs.events.demand import ForwardReason, RefusalReason, ReturnReason
from services.router.rules.arbitrating import opened, parties_of
from services.router.rules.holding import held, require_fit


@dataclass(frozen=True, slots=True)
class ClassifyDemand:
    """Put the demand into the category the rules found (研判)."""

    classification: Classification


@dataclass(frozen=True, slots=True)
class AssignDemand:
    """Assign the demand to the node the explanation chose (派单)."""

    explanation: Explanation
    timing: Timing


@dataclass(frozen=True, slots=True)
class RouteDemand:
    """Classify if need be, and assign, in one commit."""

    explanation: Explanation
    timing: Timing


@dataclass(frozen=True, slots=True)
class ReclassifyDemand:
    """A hub above the holder, or the hub itself, puts the demand into a category; a change routes it again, unless an arbiter gave it."""

    category: str
    by: Standing
    timing: Timing


@dataclass(frozen=True, slots=True)
class RefuseDemand:
    """The hub that holds the demand, or a supervisor of its holder, does not take it on (不予受理)."""

    reason: RefusalReason
    next_step: Sealed
    by: Standing
    timing: Timing


@dataclass(frozen=True, slots=True)
class ReleaseHolder:
    """The holder's node is suspended, closed or out of force: the system takes the assignment back and routes again."""

    assignment: str
    timing: Timing


@dataclass(frozen=True, slots=True)
class AcceptAssignment:
    """Accept an assignment (签收)."""

    assignment: str
    by: Standing
    timing: Timing


@dataclass(frozen=True, slots=True)
class ReturnAssignment:
    """Return an assignment with a coded reason (退回); `clause` names the rule it rests on."""

    assignment: str
    by: Standing
    timing: Timing
    reason: ReturnReason | None
    clause: str | None = None
    note: Sealed | None = None


@dataclass(frozen=True, slots=True)
class ForwardAssignment:
    """Hand the demand to another node (转办). To a node that had it before: that is a loop, and goes to arbitration.

    What a node hands on that it never accepted counts like a return; past the budget of returns it goes to arbitration too.
    """

    assignment: str
    to: str
    reason: ForwardReason
    by: Standing
    timing: Timing
    note: Sealed | None = None


@dataclass(frozen=True, slots=True)
class NameHandler:
    """Name who handles it inside the node, and who stands in."""

    assignment: str
    handler: str
    by: Standing
    stand_in: str | None = None
    absent_until: date | None = None


@dataclass(frozen=True, slots=True)
class TakeBackAct:
    """Take the node's own accept, return or resolve back within minutes, nobody having acted on it."""

    assignment: str
    by: Standing
    timing: Timing


def classify(state: DemandState, classification: Classification) -> Events:
    """Nothing if the rules are not sure, or a category is there already."""
    require_allowed(state, "ClassifyDemand")
    if classification.category is None or state.category is not None:
        return ()
    return (DemandClassified(category=classification.category, by="rule", classification=classification),)


def assign(state: DemandState, command: AssignDemand | RouteDemand) -> Events:
    """The assignment with its promises. A demand under arbitration is not routed."""
    require_allowed(state, "AssignDemand")
    if state.arbitration is not None:
        raise Refused("illegal_transition")
    explanation = command.explanation
    assigned = DemandAssigned(assignment=state.next_assignment, node=explanation.chosen, policy=explanation.policy, explanation=explanation)
    promised = on_assignment(state, command.timing, category=explanation.inputs.category, at_desk=explanation.path == "desk")
    return (assigned, promised)


def route(state: DemandState, command: RouteDemand) -> Events:
    """Classification and assignment together."""
    found = command.explanation.classification
    classified = classify(state, found) if found is not None else ()
    return (*classified, *assign(state, command))


def reclassify(state: DemandState, command: ReclassifyDemand) -> Events:
    """A person's category. Deadlines to answer and resolve stay as promised: a change of category is no way to gain time.

    Nor to be rid of it: what an arbiter gave stays where it is, in whatever category.
    """
    require_allowed(state, "ReclassifyDemand")
    assert state.holder is not None
    by = command.by
    if not (by.supervises(state.holder.node) or (by.role == "coordinator" and _hub_itself(by, state.holder.node))):
        raise Refused("wrong_actor")
    category = by.network.category(command.category)
    if category is None:
        raise Refused("unknown_category", field="category")
    if category.code == state.category:
        raise Refused("nothing_to_correct", field="category")
    draft = Draft(state, command.timing).add(DemandClassified(category=category.code, by="person"))
    if state.current is not None and state.current.binding:
        return draft.done()
    draft.resume("holder_changed")
    current = draft.state.current
    if current is not None:
        draft.add(AssignmentRecalled(assignment=current.id, node=current.node, reason="classified"))
    return draft.done()


def refuse(state: DemandState, command: RefuseDemand) -> Events:
    """Never a node's word alone: the hub at whose desk it lies, or a supervisor of the holder."""
    require_allowed(state, "RefuseDemand")
    assert state.holder is not None
    holder, by = state.holder.node, command.by
    if not (by.supervises(holder) or _hub_itself(by, holder)):
        raise Refused("wrong_actor")
    draft = Draft(state, command.timing)
    current = state.current
    if current is not None:
        draft.add(AssignmentRecalled(assignment=current.id, node=current.node, reason="refused"))
    draft.add(DemandRefused(reason=command.reason, next_step=command.next_step))
    return draft.open_reopening_term().done()


def release(state: DemandState, command: ReleaseHolder) -> Events:
    """Nothing if the assignment has ended meanwhile. The clocks are not touched: only who is accountable changes.

    Nor if the desk has it because nobody else fits: routing would give it to the desk again, for ever.
    """
    current = state.current
    if current is None or current.id != command.assignment or current.status not in HELD:
        return ()
    if current.last_resort and current.node == state.desk:
        return ()
    require_allowed(state, "ReleaseHolder")
    draft = Draft(state, command.timing).resume("holder_changed")
    return draft.add(AssignmentRecalled(assignment=current.id, node=current.node, reason="holder_unavailable")).done()


def accept(state: DemandState, command: AcceptAssignment) -> Events:
    """From now on the node handles it; until `return` it may still give it back."""
    found = held(state, command.assignment, command.by, "AcceptAssignment")
    timing = command.timing
    promised = timing.set({"return": timing.after(timing.at(state), timing.clocks.rules.return_)})
    return (AssignmentAccepted(assignment=found.id, node=found.node), promised)


def give_back(state: DemandState, command: ReturnAssignment) -> Events:
    """Return with a reason, in time, and not what arbitration or the last resort gave."""
    found = held(state, command.assignment, command.by, "ReturnAssignment")
    _require_may_leave(state, found, command.timing)
    if found.last_resort and found.node == state.desk:
        raise Refused("last_resort_cannot_return")
    if command.reason is None:
        raise Refused("return_reason_missing", field="reason")
    return (AssignmentReturned(assignment=found.id, node=found.node, reason=command.reason, clause=command.clause, note=command.note),)


def forward(state: DemandState, command: ForwardAssignment) -> Events:
    """Hand over to a node that can take it. Passing it round, or on once more than the budget of returns allows, is arbitrated at once."""
    found = held(state, command.assignment, command.by, "ForwardAssignment")
    _require_may_leave(state, found, command.timing)
    network, to, timing = command.by.network, command.to, command.timing
    require_fit(command.by, to, timing)
    if to == found.node:
        raise Refused("forward_to_itself", field="to")
    if to in state.held_by:
        return opened(state, network, timing, tuple(sorted({found.node, to})), "loop")
    if found.unwanted and state.returns >= network.content.routing.return_budget:
        return opened(state, network, timing, parties_of(state, found.node), "return_budget")
    forwarded = DemandForwarded(
        assignment=found.id, node=found.node, to=to, next=state.next_assignment, reason=command.reason, note=command.note
    )
    return (forwarded, on_assignment(state, timing, category=state.category, at_desk=False))


def name_handler(state: DemandState, command: NameHandler) -> Events:
    """Who inside the node handles it; a stand-in must be somebody else."""
    found = held(state, command.assignment, command.by, "NameHandler")
    if command.stand_in == command.handler:
        raise Refused("stand_in_is_handler", field="stand_in")
    return (
        HandlerNamed(
            assignment=found.id,
            node=found.node,
            handler=command.handler,
            stand_in=command.stand_in,
            absent_until=command.absent_until,
        ),
    )


def take_back(state: DemandState, command: TakeBackAct) -> Events:
    """Only the very last act, only one's own, only within the span of the clock pack."""
    require_allowed(state, "TakeBackAct")
    if state.assignment(command.assignment) is None:
        raise NotFound("assignment_not_found")
    own = state.own_act
    assigned = state.assignment(command.assignment)
    assert assigned is not None
    command.by.require_acts_for(assigned.node)
    if own is None or own.assignment != command.assignment:
        raise Refused("nothing_to_take_back")
    timing = command.timing
    if timing.at(state) > timing.clocks.calendar.after(own.at, timing.clocks.rules.take_back):
        raise Refused("take_back_too_late")
    return (ActTakenBack(act=own.act, assignment=own.assignment, node=own.node),)


def _require_may_leave(state: DemandState, found: Assignment, timing: Timing) -> None:
    if found.binding:
        raise Refused("binding_assignment")
    until = state.deadlines.get("return")
    if until is not None and timing.at(state) > until.at:
        raise Refused("return_too_late")


def _hub_itself(by: Standing, holder: str) -> bool:
    """Tell whether a hub holds the demand and this actor acts for it: no other node judges what it was given."""
    return by.network.has(holder) and by.network.kind(by.network.node(holder)).hub and by.acts_for(holder)
