"""Open cases of a former system: what may come, in which order, and what the event says of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import ValidationError

from libs.events import Refused, Sealed
from libs.events.testing import sealed
from services.intake.domain import SubmitDemand, decide
from services.intake.former import NOTES, FormerCase, Step, former_case, history_imported
from services.intake.shapes import ImportedDemand
from tests.unit.demand import situations as s
from tests.unit.intake.batch_files import body

NOW = datetime(2026, 3, 10, tzinfo=UTC)


def row(**changes: object) -> ImportedDemand:
    return ImportedDemand.model_validate(body(partner_ref="A-1") | changes)


def step(day: int, code: str = "progress", **more: object) -> dict[str, object]:
    return {"at": f"2026-03-{day:02d}T09:00:00+08:00", "step": code, **more}


def day(number: int) -> datetime:
    return datetime(2026, 3, number, 1, tzinfo=UTC)


def test_a_new_demand_has_no_former_case() -> None:
    assert former_case(row(), "old", NOW) is None
    assert former_case(row(partner_ref=None), "old", NOW) is None


def test_a_case_brings_its_receipt_its_steps_and_its_status() -> None:
    case = former_case(
        row(received_at="2026-03-01T09:00:00+08:00", history=[step(2, "派单", node="hs-01", note="样例")], former_status="办理中"),
        "old",
        NOW,
    )
    assert case == FormerCase("old", "A-1", day(1), (Step(day(2), "assigned", "hs-01", "样例"), Step(NOW, "progress")))


def test_without_a_receipt_the_clock_starts_at_the_first_step() -> None:
    case = former_case(row(history=[step(2), step(2), step(4)]), "old", NOW)
    assert case is not None
    assert case.received_at == day(2)


def test_a_status_in_words_without_a_code_is_kept_as_a_note() -> None:
    case = former_case(row(former_status="等领导批示"), "old", NOW)
    assert case is not None
    assert case.steps == (Step(NOW, "other", None, "等领导批示"),)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"partner_ref": None, "former_status": "办理中"}, "batch_ref_missing", "partner_ref"),
        ({"former_status": "已办结"}, "batch_case_closed", "former_status"),
        ({"former_status": "Closed"}, "batch_case_closed", "former_status"),
        ({"received_at": "2026-03-10T08:00:01+08:00"}, "batch_time_in_future", "received_at"),
        ({"history": [step(1), step(11)]}, "batch_time_in_future", "history.1.at"),
        ({"history": [step(3), step(2)]}, "batch_history_order", "history.1.at"),
        ({"received_at": "2026-03-02T00:00:00Z", "history": [step(1)]}, "batch_history_order", "history.0.at"),
        ({"history": [step(1, note="长" * 1000)] * 21}, "batch_history_too_long", "history"),
    ],
)
def test_what_may_not_be_imported_is_refused_by_field(changes: dict[str, object], code: str, field: str) -> None:
    with pytest.raises(Refused) as refused:
        former_case(row(**changes), "old", NOW)
    assert (refused.value.code, refused.value.field) == (code, field)


@pytest.mark.parametrize(
    "changes",
    [
        {"received_at": "2026-03-01T09:00:00"},
        {"received_at": 1_700_000_000},
        {"received_at": "20260301"},
        {"received_at": "1970-01-01T00:00:00Z"},
        {"history": [step(1, "Derived!")]},
        {"history": [step(1, node="样例人名")]},
        {"history": [{"step": "progress"}]},
        {"history": [step(1)] * 201},
        {"unknown": 1},
    ],
)
def test_times_need_a_zone_and_steps_a_code(changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        row(**changes)


def test_notes_are_sealed_each_in_its_place_and_times_are_as_stored() -> None:
    places: list[tuple[str, str]] = []

    def seal(field: str, text: str) -> Sealed:
        places.append((field, text))
        return sealed(text)

    moment = datetime(2026, 3, 1, 9, 0, 0, 123_456, timezone(timedelta(hours=8)))
    case = former_case(row(history=[step(1), {"at": moment.isoformat(), "step": "other", "note": "样例"}]), "old", NOW)
    assert case is not None
    event = history_imported(case, seal)
    assert places == [("steps.1.note", "样例")]
    assert (event.source, event.former_id, event.steps[0].note) == ("old", "A-1", None)
    assert event.steps[1].at == datetime(2026, 3, 1, 1, 0, 0, 123_000, tzinfo=UTC)
    assert "样例" not in event.model_dump_json()


def test_the_history_stands_in_the_commit_of_the_submission() -> None:
    case = former_case(row(history=[step(1)]), "old", NOW)
    assert case is not None
    imported = history_imported(case, lambda field, text: sealed(text))
    decided = s.DEMAND.given().when(lambda state: decide(SubmitDemand(s.submitted(), imported), state))
    decided.then(s.submitted(), imported)


def test_the_notes_of_a_case_fit_into_one_message() -> None:
    assert NOTES * 3 * 4 / 3 + 200 * 300 < 200 * 1024
