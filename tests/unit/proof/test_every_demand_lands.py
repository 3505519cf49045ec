"""件件着落: whatever anybody does, in whatever order, no demand is ever lost between two desks."""

from __future__ import annotations

import os
from typing import get_args

from hypothesis import HealthCheck, settings

from libs.demand import Status
from libs.events import DemandEvent
from tests.unit.proof.life_in_town import LifeInTown, a_life

LIVES = int(os.environ.get("LIANDONG_PROOF_LIVES", "0"))
"""`make test` walks a fixed set of lives; who wants a longer search sets a number, and new lives are drawn each time."""

LifeInTown.TestCase.settings = settings(
    max_examples=LIVES or 150,
    stateful_step_count=40,
    deadline=None,
    derandomize=not LIVES,
    suppress_health_check=list(HealthCheck),
)
TestLifeInTown = LifeInTown.TestCase


def test_the_proof_reaches_every_event_and_every_status() -> None:
    events = {cls.__name__ for cls in get_args(DemandEvent)}
    statuses: set[Status | None] = set(Status)
    for seed in range(200):
        for one in a_life(seed).lives.values():
            events -= {event.name() for commit in one.commits for event in commit.events}
            statuses -= {state.status for state in one.states[1:]}
        if not events and not statuses:
            break
    assert not events, "events that no life reached"
    assert not statuses, "statuses that no life reached"
