"""docs/partners.md says what is: its tables are the code's, its examples are real requests with real answers."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any, get_args

from libs.demand import Status
from libs.events import (
    AssignmentAccepted,
    AssistanceRequested,
    Deadline,
    DeadlinesSet,
    DemandClassified,
    DemandClosed,
    DemandRated,
    ResolutionConfirmed,
)
from services.tracker.console.codewords import CODES
from services.tracker.demand_row import NEXT_STEPS, DemandRow, NextStep, due_of
from services.tracker.measuring import NodeFiguresOut
from services.tracker.project import project
from services.tracker.waterfall import Kind
from tests.integration.tracker.running import Running
from tests.unit.house.sources import ROOT
from tests.unit.tracker.histories import HUB, SPECIALIST, START, WINDOW, History, demand_of, full_life

PAGE = (ROOT / "docs" / "partners.md").read_text("utf-8")
EXAMPLE = re.compile(r"```http\nGET (\S+)\n```\n\n```json\n(.*?)\n```", re.S)
DUE = START + timedelta(days=7, minutes=30)


def table(first: str) -> list[list[str]]:
    """Cells of the table whose first heading this is, without its head."""
    _, _, rest = PAGE.partition(f"\n| {first} |")
    rows = []
    for line in rest.splitlines()[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def test_every_status_is_listed_with_its_words_its_due_and_its_next_step() -> None:
    rows = table("status")
    assert [row[0].strip("`") for row in rows] == [status.value for status in Status]
    names = {"due_resolve": "resolve", "due_complete": "complete", "due_confirm": "confirm", "due_dispute": "dispute"}
    plain = project(None, History(demand_of(1)).submitted().commits[0], cell="t1", seq=1)
    for status, (code, zh, en, due, step) in zip(Status, rows, strict=True):
        assert (zh, en) == CODES["status"][status], code
        assert step.strip("`") == NEXT_STEPS[status], code
        shown = [name for member, name in names.items() if due_of(_due(plain, status, member)) is not None]
        assert due == (f"{CODES['limit'][shown[0]][0]} {shown[0]}" if shown else "—"), code


def _due(row: DemandRow, status: Status, member: str) -> DemandRow:
    return row.but(status=status.value, **{member: DUE})


def test_every_next_step_kind_of_segment_and_figure_is_listed() -> None:
    assert [row[0].strip("`") for row in table("next_step")] == list(get_args(NextStep))
    assert [row[0].strip("`") for row in table("kind")] == list(get_args(Kind))
    assert [row[0].strip("`") for row in table("figure")] == [name for name in NodeFiguresOut.model_fields if name != "node"]
    assert CODES["next_step"].keys() == set(get_args(NextStep))


def closed_demand() -> History:
    history = full_life(1)
    history.then(DemandRated(grade="satisfied", resolution=1, node=SPECIALIST))
    reopen = DeadlinesSet(clocks="testnet/clocks/1", deadlines={"reopen": Deadline(at=START + timedelta(days=21, minutes=30))})
    confirmed = (ResolutionConfirmed(by="enterprise"), DemandClosed(outcome="confirmed"), reopen)
    return history.then(*confirmed, at=START + timedelta(minutes=70))


def working_demand() -> History:
    history = History(demand_of(2)).submitted()
    history.assigned(WINDOW)
    promise = DeadlinesSet(clocks="testnet/clocks/1", deadlines={"resolve": Deadline(at=DUE)})
    history.then(DemandClassified(category="digital", by="person"), AssignmentAccepted(assignment="a1", node=WINDOW), promise)
    note = history.sealed("请派人检测", "note")
    asked = AssistanceRequested(assistance="s1", assignment="a1", node=WINDOW, assistant=SPECIALIST, due=DUE, note=note)
    return history.then(asked)


def shows(answer: Any, example: Any) -> bool:
    """Whether an answer holds everything the example shows."""
    if isinstance(example, dict):
        return isinstance(answer, dict) and all(name in answer and shows(answer[name], value) for name, value in example.items())
    if isinstance(example, list):
        return isinstance(answer, list) and len(answer) == len(example) and all(map(shows, answer, example))
    return bool(answer == example)


async def test_every_example_is_a_real_request_with_its_real_answer(tracker: Running) -> None:
    closed, working = closed_demand(), working_demand()
    await tracker.place.know([closed, working])
    await tracker.projected(await tracker.append([closed, working]))
    ids = {"{closed}": closed.demand, "{working}": working.demand}
    examples = EXAMPLE.findall(PAGE)
    assert len(examples) == PAGE.count("```http") >= 5
    async with tracker.client(await tracker.key("coordinator", at=HUB)) as client:
        for request, expected in examples:
            path, text = request, expected
            for place, identity in ids.items():
                path, text = path.replace(place, identity), text.replace(place, identity)
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
            told = answer.json()
            assert shows(told, json.loads(text)), f"GET {request}\n{json.dumps(told, ensure_ascii=False, indent=1)}"
