"""Sample actors play only with sample demands, and every plan can be played."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from cli.sample.demands import FOR_HUBS, UNCLEAR, bodies, former_system
from cli.sample.plans import IMPORTED, PART, PLANS, is_over, next_act, plan_of
from cli.sample.view import View
from libs.events import DemandEvent
from services.intake.former import former_case
from services.intake.shapes import ImportedDemand

NOW = datetime(2026, 3, 2, 1, tzinfo=UTC)
BESIDES = {
    "DemandSubmitted": "smooth",
    "DemandClassified": "smooth",
    "DemandAssigned": "smooth",
    "DeadlinesSet": "smooth",
    "DeadlineWarned": "overdue",
    "DeadlineMissed": "overdue",
    "ArbitrationOpened": "ping_pong",
    "PartCompleted": "split",
    "PartReopened": "split",
}
"""What no step waits for, and the plan it comes with by itself."""


def view(quiet: float = 60.0, happened: Mapping[str, int] | None = None, age: float = 60.0, **demand: Any) -> View:
    facts = {"id": "ningbo-26a-0123456789abcdef", "status": "assigned", "holder": {"node": "nb-w", "assignment": "a1"}, "version": 2}
    facts["submitted_at"] = (NOW - timedelta(seconds=age)).isoformat()
    return View(facts | demand, Counter(happened or {}), (), timedelta(seconds=quiet), NOW, {"nb-w": "nb-beilun"}, "nb-hub")


def test_a_demand_of_a_person_is_never_touched_whatever_its_reference_says() -> None:
    assert next_act(view(sample=False, partner_ref="sample/smooth/1")) is None
    assert next_act(view(partner_ref="sample/smooth/1")) is None


@pytest.mark.parametrize("reference", [None, "", "YL-8812", "sample/unheard_of/1", "sample/smooth/1/x"])
def test_a_sample_without_a_plan_is_left_to_people(reference: str | None) -> None:
    assert next_act(view(sample=True, partner_ref=reference)) is None


def test_a_plan_waits_until_the_demand_has_been_quiet_and_goes_on_where_it_was() -> None:
    assert next_act(view(quiet=1, sample=True, partner_ref="sample/smooth/1")) is None
    first = next_act(view(sample=True, partner_ref="sample/smooth/1"))
    assert first is not None
    assert (first.service, first.path) == ("router", "/assignments/a1/acceptance")
    later = next_act(view(sample=True, partner_ref="sample/smooth/1", status="in_progress", happened={"AssignmentAccepted": 1}))
    assert later is not None
    assert later.path == "/assignments/a1/progress"


def test_a_part_of_a_split_sample_plays_the_part_of_a_part() -> None:
    assert plan_of({"sample": True, "parent": "ningbo-26a-0123456789abcdef"}) == "part"
    assert plan_of({"sample": False, "parent": "ningbo-26a-0123456789abcdef"}) is None


def test_a_demand_is_over_once_all_its_steps_have_happened_or_it_is_nobodys_sample() -> None:
    steps = PLANS["smooth"]
    assert not is_over(view(sample=True, partner_ref="sample/smooth/1"))
    assert not is_over(view(sample=True, partner_ref="sample/smooth/1", happened={step.event: 1 for step in steps[:-1]}))
    assert is_over(view(sample=True, partner_ref="sample/smooth/1", status="closed", happened={step.event: 1 for step in steps}))
    assert is_over(view(sample=True, partner_ref="YL-8812"))


def test_a_call_back_that_was_ordered_is_made_after_the_plan_too() -> None:
    happened = {step.event: 1 for step in PLANS["smooth"]} | {"FollowUpOrdered": 1}
    act = next_act(view(sample=True, partner_ref="sample/smooth/1", status="closed", happened=happened))
    assert act is not None
    assert act.path == "/follow-up"
    happened["FollowUpRecorded"] = 1
    assert is_over(view(sample=True, partner_ref="sample/smooth/1", status="closed", happened=happened))


@pytest.mark.parametrize("plan", PLANS)
def test_an_old_sample_is_ended_from_wherever_it_is_whatever_its_plan_waits_for(plan: str) -> None:
    """Hazard: what can never happen is waited for, and stuck samples fill the machine of who leaves it running overnight."""
    happened: Counter[str] = Counter()
    paths = []
    for status in ("assigned", "in_progress", "in_progress"):
        act = next_act(view(age=3600, sample=True, partner_ref=f"sample/{plan}/1", status=status, happened=happened))
        assert act is not None
        paths.append(act.path.rpartition("/")[2])
        happened["ServiceRecorded"] += act.path.endswith("services")
    assert paths == ["acceptance", "services", "resolution"]
    assert is_over(view(age=3600, sample=True, partner_ref=f"sample/{plan}/1", status="closed", happened=happened))


def test_an_old_demand_of_a_person_is_not_ended_by_sample_actors() -> None:
    assert next_act(view(age=3600, partner_ref="sample/smooth/1")) is None
    assert next_act(view(age=3600, sample=True, partner_ref="YL-8812")) is None


def test_every_event_there_is_shows_in_some_plan_and_no_other() -> None:
    """Hazard: a new event is in no plan, and nobody sees it in `make run`; `python -m bench.samples` proves that all do show."""
    known = {cls.__name__ for cls in get_args(DemandEvent)}
    played = {step.event for steps in PLANS.values() for step in steps}
    assert played <= known
    assert set(BESIDES) == known - played
    assert set(BESIDES.values()) <= set(PLANS)


def test_one_round_of_traffic_plays_every_plan_and_asks_twice_as_one_enterprise() -> None:
    wanted = bodies([("330206003", "park-beilun-1")], seed=1)
    played = dict(next(wanted) for _ in range(len(PLANS) - 2))
    assert set(played) == set(PLANS) - {PART, IMPORTED}
    assert all(body["sample"] and "样例" in body["requester"]["name"] for body in played.values())
    assert played["twin"]["requester"] == played["repeated"]["requester"]


def test_only_plans_that_the_city_hub_can_play_ask_what_nobody_can_classify() -> None:
    """Hazard: the hub above all can neither pass a demand up nor be escalated, so that such a plan would never show."""
    wanted = bodies([("330206003", None)], seed=1)
    unclear = {plan for plan, body in (next(wanted) for _ in range(1000)) if body["title"] == UNCLEAR[0]}
    assert unclear == FOR_HUBS


@pytest.mark.parametrize("seed", range(20))
def test_the_batch_from_a_former_system_is_an_open_case_with_its_history_and_a_new_demand(seed: int) -> None:
    rows = former_system([("330206003", None), ("330206003", "park-beilun-1")], seed, NOW)
    read = [ImportedDemand.model_validate_json(json.dumps({**body, "partner_ref": f"sample/{plan}/0"})) for plan, body in rows]
    assert all(body.sample and "样例" in body.requester.name for body in read)
    case, new = (former_case(body, "sample", NOW) for body in read)
    assert case is not None
    assert [step.step for step in case.steps] == ["submitted", "assigned", "accepted", "progress"]
    assert new is None
    assert {plan for plan, _ in rows} <= set(PLANS)


JUDGMENTS = {"FollowUpRecorded", "DemandReopened", "ExtensionGranted", "ExtensionRefused", "ComplaintVerified", "ComplaintDismissed"}
JUDGING = ("follow-up", "dispute/decision", "extension/decision", "finding")


def test_what_one_person_of_the_hub_resolves_or_asks_for_another_one_judges() -> None:
    """Hazard: the network refuses who judges its own work, and such a plan would never go on."""
    judged = set()
    for step in (step for steps in PLANS.values() for step in steps if step.make is not None and step.event in JUDGMENTS):
        assert step.make is not None
        act = step.make(view(sample=True, status="closed"))
        if act.path.endswith(JUDGING):
            judged.add(step.event)
            assert act.who == "second", step
        elif act.service == "router":
            assert act.who != "second", step
    assert judged == JUDGMENTS
