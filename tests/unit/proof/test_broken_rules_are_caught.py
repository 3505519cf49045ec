"""The proof of the proof: each of these rules, deliberately broken, is found. A search that never fails proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from libs.demand import DemandState, Timing, deadlines, evolve, overdue
from libs.demand.changing import changed
from libs.demand.deadlines import resolution
from libs.demand.draft import Draft, Events
from libs.events import DeadlinesSet, DemandEvent
from services.intake import domain as intake
from services.router import domain as router
from services.router.rules import arbitrating, assigning, closing, merging, timekeeping
from tests.unit.proof.life_in_town import LifeInTown

SEARCH = settings(
    max_examples=1000,  # most are found among the first dozens; the search ends there
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)
Break = Callable[[pytest.MonkeyPatch], None]
folding: Any = __import__("importlib").import_module("libs.demand.evolve")


def a_return_leaves_no_holder(patch: pytest.MonkeyPatch) -> None:
    to_desk = folding.to_desk
    patch.setattr(folding, "to_desk", lambda state, at: changed(to_desk(state, at), holder=None))


def silence_is_overlooked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(timekeeping, "_accept", lambda draft, network: None)


def disputes_wait_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(timekeeping, "_dispute", lambda draft, network: None)


def the_older_merges_into_the_younger(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(merging, "is_older", lambda *of: True)


def a_suspended_node_keeps_what_it_has(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(assigning, "release", lambda state, command: ())


def what_is_released_is_not_routed_again(patch: pytest.MonkeyPatch) -> None:
    react = router.react

    def forgets(state: DemandState, return_budget: int | None = None) -> router.NextStep | None:
        return None if state.assignments else react(state, return_budget)

    patch.setattr(router, "react", forgets)


def taking_back_leaves_two_holders(patch: pytest.MonkeyPatch) -> None:
    def restore(state: DemandState) -> DemandState:
        if state.own_act is None:
            return state
        before = state.own_act.before
        return changed(before, assignments=(*before.assignments, *state.assignments[len(before.assignments) :]))

    patch.setattr(folding, "taken_back", restore)


def assignments_come_without_a_deadline(patch: pytest.MonkeyPatch) -> None:
    promise = deadlines.on_assignment

    def forgets(state: DemandState, timing: Timing, *, category: str | None, at_desk: bool) -> DeadlinesSet:
        made = promise(state, timing, category=category, at_desk=at_desk)
        return timing.set({limit: due for limit, due in made.deadlines.items() if limit != "accept"})

    for module in (assigning, arbitrating, timekeeping):
        patch.setattr(module, "on_assignment", forgets)


def everybody_judges_its_own_work(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(intake, "own_work", lambda network, state: False)
    patch.setattr(closing, "same_hands", lambda network, one, other: False)


def what_one_person_did_it_judges(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(closing, "_require_independent", lambda state, by: by.require_supervises(state.resolved_by or state.desk))


def a_party_arbitrates(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(arbitrating, "lowest_arbiter", lambda network, parties: parties[0])


def a_merge_outlives_the_older_demand(patch: pytest.MonkeyPatch) -> None:
    unmerge = merging.unmerge

    def forgets(state: DemandState, command: merging.UnmergeDemand) -> Events:
        return () if command.by is None else unmerge(state, command)

    patch.setattr(merging, "unmerge", forgets)


def ended_parts_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(merging, "complete_part", lambda state, command: ())


def reopened_parts_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(merging, "reopen_part", lambda state, command: ())


def a_new_category_gains_time(patch: pytest.MonkeyPatch) -> None:
    reclassify = assigning.reclassify

    def generous(state: DemandState, command: assigning.ReclassifyDemand) -> Events:
        events: Sequence[DemandEvent] = reclassify(state, command)
        timing = command.timing
        return (*events, timing.set(resolution(state, timing, timing.at(state), command.category)))

    patch.setattr(assigning, "reclassify", generous)


def correcting_the_urgency_gains_time(patch: pytest.MonkeyPatch) -> None:
    def anew(state: DemandState, timing: Timing, before: str) -> DeadlinesSet | None:
        promised = {
            limit: due for limit, due in resolution(state, timing, timing.at(state), state.category).items() if limit in state.deadlines
        }
        return timing.set(promised) if promised else None

    patch.setattr(intake, "brought_forward", anew)


def whoever_returned_it_gets_it_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(DemandState, "passed_over", property(lambda state: ()))


def keeping_time_never_ends(patch: pytest.MonkeyPatch) -> None:
    for module in (overdue, timekeeping):
        patch.setattr(module, "chase_again", lambda draft: None)


def an_act_that_comes_late_hides_its_miss(patch: pytest.MonkeyPatch) -> None:
    for module in (intake, router):
        patch.setattr(module, "caught_up", lambda state, timing, network: Draft(state, timing))


BROKEN: dict[Break, str] = {
    a_return_leaves_no_holder: "exactly one holder",
    silence_is_overlooked: "still somebody has to look at once",
    disputes_wait_for_ever: "still somebody has to look at once",
    the_older_merges_into_the_younger: "the younger is merged into the older",
    a_suspended_node_keeps_what_it_has: "a suspended node holds nothing",
    what_is_released_is_not_routed_again: "nothing lies about",
    taking_back_leaves_two_holders: "exactly the current assignment is held",
    assignments_come_without_a_deadline: "keeping time twice|look at once",
    everybody_judges_its_own_work: "nobody (confirms|rates|calls back on) its own work",
    what_one_person_did_it_judges: "nobody (judges|calls back on|confirms) its own work",
    a_party_arbitrates: "a party never arbitrates",
    a_merge_outlives_the_older_demand: "what ended without an answer|busy for ever",
    ended_parts_are_forgotten: "which parts have ended",
    reopened_parts_are_forgotten: "which parts run again",
    a_new_category_gains_time: "the promise to resolve moves",
    correcting_the_urgency_gains_time: "nobody gains time by correcting|the promise to resolve moves",
    whoever_returned_it_gets_it_again: "routing passes over",
    an_act_that_comes_late_hides_its_miss: "a promise kept after its moment has its miss",
    keeping_time_never_ends: "keeping time twice|look at once",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_a_broken_rule_is_found(broken: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch)
    with pytest.raises(AssertionError, match=BROKEN[broken]):
        run_state_machine_as_test(LifeInTown, settings=SEARCH)


def test_the_rules_as_they_are_pass_the_same_search() -> None:
    assert evolve is folding.evolve
    run_state_machine_as_test(LifeInTown, settings=settings(SEARCH, max_examples=20))
