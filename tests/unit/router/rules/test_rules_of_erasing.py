"""Erasing a whole and its parts, which share one key: history, command, events."""

from __future__ import annotations

import pytest

from libs.demand import DemandState, Standing
from libs.events import DemandClosed, DemandWithdrawn, Event, PartCompleted, PartReopened, PersonalDataErased
from libs.events.testing import Decided, sealed
from services.intake import domain as intake
from services.router import domain as router
from tests.unit.demand import situations as s
from tests.unit.proof.town import SECOND_AT_HUB
from tests.unit.router.rules import entangled as e

SECOND = SECOND_AT_HUB.standing(s.NETWORK)
REOPENED = PartReopened(part="p2", demand="part-2")
WITH_THE_WHOLE = router.EraseWithWhole("person-1", "person-2")
ERASED = PersonalDataErased(requested_by="person-1", approved_by="person-2", key="key-sample")


def when(given: e.Situation, command: router.Command) -> Decided[DemandState]:
    return given.when(lambda state: router.decide(state, command))


def a_closed_part(*later: Event) -> e.Situation:
    resolved = (s.resolved(), s.promise(confirm=s.march(9, 17, 30)))
    closed = (DemandClosed(outcome="unconfirmed"), s.promise(reopen=s.march(16, 17, 30)))
    return s.DEMAND.given(s.submitted(parent="whole"), (s.assigned(), s.ON_ASSIGNMENT), s.accepted(), resolved, closed, *later)


def test_a_whole_is_erased_once_every_part_has_ended() -> None:
    assert when(e.erasure_of_the_whole_asked(), router.ApproveErasure(SECOND)).state.erased


def test_a_whole_is_not_erased_while_a_part_runs_again() -> None:
    when(e.erasure_of_the_whole_asked(REOPENED), router.ApproveErasure(SECOND)).then_refused("parts_not_ended")
    over = PartCompleted(part="p2", demand="part-2", status="closed")
    assert when(e.erasure_of_the_whole_asked(REOPENED, over), router.ApproveErasure(SECOND)).state.erased


def test_a_whole_is_not_erased_while_a_part_is_found_running_that_it_has_not_heard_of_yet() -> None:
    when(e.erasure_of_the_whole_asked(), router.ApproveErasure(SECOND, ("part-1",))).then_refused("parts_not_ended")


def test_an_ended_part_is_erased_with_its_whole_by_the_order_of_the_whole_and_once() -> None:
    decided = when(a_closed_part(), WITH_THE_WHOLE).then(ERASED)
    assert decided.state.erased
    when(a_closed_part(ERASED), WITH_THE_WHOLE).then_nothing()
    when(e.a_part_withdrawn(), WITH_THE_WHOLE).then(ERASED)


def test_a_part_that_runs_keeps_what_it_says_until_it_has_ended() -> None:
    when(e.a_part(), WITH_THE_WHOLE).then_refused("illegal_transition")


@pytest.mark.parametrize("by", [s.PARTNER, s.ENTERPRISE])
def test_a_part_of_an_erased_whole_is_not_reopened(by: Standing) -> None:
    reopen = intake.RequestReopening(by, s.NOW, sealed())
    assert a_closed_part().when(lambda state: intake.decide(reopen, state)).error is None
    a_closed_part(ERASED).when(lambda state: intake.decide(reopen, state)).then_refused("personal_data_erased")
    withdrawn = s.DEMAND.given(s.submitted(parent="whole"), DemandWithdrawn(), ERASED)
    withdrawn.when(lambda state: intake.decide(reopen, state)).then_refused("personal_data_erased")
