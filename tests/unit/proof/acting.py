"""Every command a person may give, with plausible arguments now and then wrong ones; and who would plausibly give it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from libs.demand import ALLOWED, DemandState, Standing, Status, Timing
from libs.directory import Span
from libs.events import SplitPart
from libs.events.testing import sealed
from services.intake import domain as intake
from services.router import domain as router
from tests.unit.proof.dice import Dice
from tests.unit.proof.town import (
    BUREAU,
    CATEGORIES,
    CLERKS,
    COORDINATORS,
    ENTERPRISE,
    EVERYBODY,
    HUB,
    NODES,
    PARTNERS,
    REGIONS,
    SECOND_AT_HUB,
    WINDOWS,
    Person,
)
from tests.unit.proof.world import Decide, World

Command = intake.Command | router.Command

ENTERPRISE_SIDE: Final = {
    "SupplementDemand": 1,
    "CorrectDemand": 2,
    "WithdrawDemand": 1,
    "ProvideCompletion": 3,
    "ConfirmResolution": 3,
    "DisputeResolution": 4,
    "RequestReopening": 3,
    "RateDemand": 3,
    "RaiseComplaint": 1,
}
NODE_SIDE: Final = {
    "AcceptAssignment": 20,
    "ReturnAssignment": 5,
    "ForwardAssignment": 4,
    "NameHandler": 1,
    "TakeBackAct": 4,
    "ReportProgress": 1,
    "RecordService": 12,
    "RequestCompletion": 4,
    "RequestExtension": 5,
    "RequestAssistance": 4,
    "AcceptAssistance": 3,
    "DeclineAssistance": 1,
    "DeliverAssistance": 1,
    "AttachEvidence": 2,
    "SplitDemand": 3,
    "ResolveDemand": 20,
    "MergeDemand": 6,
    "UnmergeDemand": 2,
}
ABOVE: Final = {
    "ReclassifyDemand": 2,
    "RefuseDemand": 1,
    "ArbitrateAssignment": 9,
    "SuspendDemand": 4,
    "ResumeDemand": 2,
    "DecideExtension": 12,
    "OpenSupervision": 1,
    "CloseSupervision": 1,
    "DecideDispute": 4,
    "RecordFollowUp": 3,
    "DecideComplaint": 1,
    "RequestErasure": 1,
    "ApproveErasure": 1,
}
WEIGHTS: Final = {**ENTERPRISE_SIDE, **NODE_SIDE, **ABOVE}
POSSIBLE: Final = {
    status: tuple(name for name, weight in WEIGHTS.items() for _ in range(weight) if status in ALLOWED[name]) for status in Status
}


def act(world: World, demand: str, dice: Dice) -> str:
    """Somebody does something to a demand: mostly what is possible, by whom it becomes."""
    state = world.state(demand)
    assert state.status is not None
    wild = dice.one_in(12)
    command = dice.pick(tuple(WEIGHTS) if wild else POSSIBLE[state.status] or tuple(WEIGHTS))
    person = dice.pick(EVERYBODY if dice.one_in(8) else plausible(world, state, command))
    standing, timing = person.standing(world.network), world.timing(skew=dice.pick((0, 0, 0, 20)))
    return world.act(demand, command, decision(command, world, demand, standing, timing, dice), person)


def plausible(world: World, state: DemandState, command: str) -> Sequence[Person]:
    """Who would give such a command."""
    if command in ENTERPRISE_SIDE:
        own = [person for person in (*PARTNERS, *CLERKS.values()) if person.party == state.party]
        return [ENTERPRISE, *own]
    if command.endswith("Assistance") and command != "RequestAssistance" and state.assistances:
        return [CLERKS[state.assistances[-1].node]]
    node = state.holder.node if state.holder is not None else state.resolved_by or state.desk
    if command == "TakeBackAct" and state.own_act is not None:
        return [CLERKS[state.own_act.node]]
    if command in ("RequestExtension", "ResolveDemand"):
        return [CLERKS[node], COORDINATORS[node], COORDINATORS[HUB]]
    above = [COORDINATORS[one.id] for one in world.network.path_up(node)[1:]]
    if command == "MergeDemand":
        return [CLERKS[node], COORDINATORS[node], *above]
    if command in NODE_SIDE:
        return [CLERKS[node], COORDINATORS[node]]
    if command in ("RequestErasure", "ApproveErasure"):
        return [COORDINATORS[HUB], SECOND_AT_HUB, BUREAU]
    return [*above, BUREAU, COORDINATORS[node]]


def decision(command: str, world: World, demand: str, by: Standing, timing: Timing, dice: Dice) -> Decide:
    """The command as the shell would build it, ready to be decided on whatever state it finds."""
    built = BUILD[command](world, demand, by, timing, dice)
    if isinstance(built, intake.Command):
        return lambda state: intake.decide(built, state)
    return lambda state: router.decide(state, built)


Build = Callable[[World, str, Standing, Timing, Dice], Command]


def assignment(world: World, demand: str, dice: Dice) -> str:
    """The current assignment, now and then an older one."""
    state = world.state(demand)
    if state.current is not None and not dice.one_in(15):
        return state.current.id
    return dice.pick([one.id for one in state.assignments] or ["a1"])


def files(world: World, demand: str, dice: Dice) -> tuple[str, ...]:
    """What is attached, now and then something else."""
    return ("unknown",) if dice.one_in(15) else tuple(world.state(demand).files)


def _correct(world: World, demand: str, by: Standing, timing: Timing, dice: Dice) -> Command:
    match dice.pick(("category", "region", "urgency", "title")):
        case "category":
            return intake.CorrectDemand(by, timing, category=dice.pick(CATEGORIES))
        case "region":
            return intake.CorrectDemand(by, timing, region=dice.pick(REGIONS))
        case "urgency":
            return intake.CorrectDemand(by, timing, urgency=dice.pick(("normal", "urgent", "critical")))
        case _:
            return intake.CorrectDemand(by, timing, title=sealed("better"))


def _merge(world: World, demand: str, by: Standing, timing: Timing, dice: Dice) -> Command:
    """Mostly into another demand of the same enterprise, as it stood when somebody looked: perhaps some commits ago."""
    others = [other for other in world.lives if world.state(other).enterprise == world.state(demand).enterprise]
    into = dice.pick(others if not dice.one_in(8) else list(world.lives))
    states = world.lives[into].states[1:]
    seen = states[max(len(states) - 1 - dice.pick((0, 0, 0, 1, 2)), 0)]
    return router.MergeDemand(demand, into, seen, by, timing)


def _split(world: World, demand: str, by: Standing, timing: Timing, dice: Dice) -> Command:
    parts = tuple(
        SplitPart(
            part=f"p{number}",
            demand=f"{demand}.{number}",
            category=dice.pick((None, *CATEGORIES)),
            region=dice.pick(REGIONS),
            title=sealed(),
            description=sealed(),
        )
        for number in range(1, dice.pick((2, 2, 3, 1)) + 1)
    )
    return router.SplitDemand(assignment(world, demand, dice), by, dice.pick(("all", "lead")), parts)


def _attach(world: World, demand: str, by: Standing, timing: Timing, dice: Dice) -> Command:
    return router.AttachEvidence(f"f{dice.pick((1, 2, 3))}", "sha256:" + "0" * 64, "application/pdf", 100, by)


def _take_back(world: World, demand: str, by: Standing, timing: Timing, dice: Dice) -> Command:
    own = world.state(demand).own_act
    return router.TakeBackAct(own.assignment if own is not None and not dice.one_in(5) else assignment(world, demand, dice), by, timing)


def _suspend(world: World, demand: str, by: Standing, timing: Timing, dice: Dice) -> Command:
    until = timing.now + timedelta(days=dice.pick((1, 3, 12, 0, 40)))
    return router.SuspendDemand("third_party", until, by, timing, sealed())


def _assistance(world: World, demand: str, dice: Dice) -> str:
    return dice.pick([one.id for one in reversed(world.state(demand).assistances)] or ["s1"])


BUILD: Final[dict[str, Build]] = {
    "SupplementDemand": lambda w, d, by, t, dice: intake.SupplementDemand(by, sealed()),
    "CorrectDemand": _correct,
    "WithdrawDemand": lambda w, d, by, t, dice: intake.WithdrawDemand(by, t),
    "ProvideCompletion": lambda w, d, by, t, dice: intake.ProvideCompletion(by, t, sealed(), files(w, d, dice)),
    "ConfirmResolution": lambda w, d, by, t, dice: intake.ConfirmResolution(by, t),
    "DisputeResolution": lambda w, d, by, t, dice: intake.DisputeResolution(by, t, sealed()),
    "RequestReopening": lambda w, d, by, t, dice: intake.RequestReopening(by, t, sealed()),
    "RateDemand": lambda w, d, by, t, dice: intake.RateDemand(by, dice.pick(("satisfied", "very_unsatisfied"))),
    "RaiseComplaint": lambda w, d, by, t, dice: intake.RaiseComplaint(by, sealed(), dice.pick((None, None, *WINDOWS))),
    "AcceptAssignment": lambda w, d, by, t, dice: router.AcceptAssignment(assignment(w, d, dice), by, t),
    "ReturnAssignment": lambda w, d, by, t, dice: router.ReturnAssignment(
        assignment(w, d, dice), by, t, None if dice.one_in(12) else "no_capacity"
    ),
    "ForwardAssignment": lambda w, d, by, t, dice: router.ForwardAssignment(
        assignment(w, d, dice), dice.pick(NODES), "better_placed", by, t
    ),
    "NameHandler": lambda w, d, by, t, dice: router.NameHandler(assignment(w, d, dice), "p1", by, dice.pick(("p2", "p1"))),
    "TakeBackAct": _take_back,
    "ReportProgress": lambda w, d, by, t, dice: router.ReportProgress(assignment(w, d, dice), by, t, sealed()),
    "RecordService": lambda w, d, by, t, dice: router.RecordService(assignment(w, d, dice), by, t, "online", "welfare"),
    "RequestCompletion": lambda w, d, by, t, dice: router.RequestCompletion(assignment(w, d, dice), by, t, sealed()),
    "RequestExtension": lambda w, d, by, t, dice: router.RequestExtension(
        assignment(w, d, dice), Span.parse(dice.pick(("5wd", "10wd", "11wd"))), by, t, sealed()
    ),
    "RequestAssistance": lambda w, d, by, t, dice: router.RequestAssistance(assignment(w, d, dice), dice.pick(WINDOWS), by, t, sealed()),
    "AcceptAssistance": lambda w, d, by, t, dice: router.AcceptAssistance(_assistance(w, d, dice), by),
    "DeclineAssistance": lambda w, d, by, t, dice: router.DeclineAssistance(_assistance(w, d, dice), by, "no_capacity"),
    "DeliverAssistance": lambda w, d, by, t, dice: router.DeliverAssistance(_assistance(w, d, dice), by, sealed(), files(w, d, dice)),
    "AttachEvidence": _attach,
    "SplitDemand": _split,
    "ResolveDemand": lambda w, d, by, t, dice: router.ResolveDemand(assignment(w, d, dice), by, t, "solved", sealed(), files(w, d, dice)),
    "MergeDemand": _merge,
    "UnmergeDemand": lambda w, d, by, t, dice: router.UnmergeDemand("by_person", by),
    "ReclassifyDemand": lambda w, d, by, t, dice: router.ReclassifyDemand(dice.pick((*CATEGORIES, "别名digital", "none")), by, t),
    "RefuseDemand": lambda w, d, by, t, dice: router.RefuseDemand("out_of_scope", sealed(), by, t),
    "ArbitrateAssignment": lambda w, d, by, t, dice: router.ArbitrateAssignment(dice.pick(NODES), sealed(), by, t),
    "SuspendDemand": _suspend,
    "ResumeDemand": lambda w, d, by, t, dice: router.ResumeDemand(by, t),
    "DecideExtension": lambda w, d, by, t, dice: router.DecideExtension(dice.pick((True, False)), by, t, dice.pick((sealed(), None))),
    "OpenSupervision": lambda w, d, by, t, dice: router.OpenSupervision(by, t, sealed()),
    "CloseSupervision": lambda w, d, by, t, dice: router.CloseSupervision(f"v{max(len(w.state(d).supervisions), 1)}", by, sealed()),
    "DecideDispute": lambda w, d, by, t, dice: router.DecideDispute(
        dice.pick((True, True, False)), dice.pick((True, False)), by, t, sealed()
    ),
    "RecordFollowUp": lambda w, d, by, t, dice: router.RecordFollowUp(
        dice.pick(("confirmed", "disputed", "unreachable")), by, t, dice.pick((sealed(), None))
    ),
    "DecideComplaint": lambda w, d, by, t, dice: router.DecideComplaint(
        f"c{max(len(w.state(d).complaints), 1)}", dice.pick((True, False)), by, sealed()
    ),
    "RequestErasure": lambda w, d, by, t, dice: router.RequestErasure("subject_asked", by),
    "ApproveErasure": lambda w, d, by, t, dice: router.ApproveErasure(
        by, tuple(part.demand for part in w.state(d).parts if w.state(part.demand).is_open and not dice.one_in(3))
    ),
}
