"""Trails and their sentences, without a database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import get_args

import pytest

from libs.chassis.keyring import DataKey
from libs.directory import Network
from libs.events import (
    AssignmentRecalled,
    AssignmentReturned,
    DemandCorrected,
    DemandEvent,
    DemandResolved,
    DemandSplit,
    Event,
    ExtensionRequested,
    FollowUpRecorded,
    HistoryImported,
    PersonalDataErased,
)
from libs.events.assisting import ImportedStep, SplitPart
from libs.events.testing import sealed
from services.tracker.archive import enter
from services.tracker.sentences import sentence, span_words
from services.tracker.shapes import trail_out
from services.tracker.trail import Details, read_details, read_trail
from tests.unit.directory.random_networks import content_of, node
from tests.unit.tracker.histories import HUB, START, WINDOW, History, demand_of, full_life, key_of, requester
from tests.unit.tracker.sample_events import sample


class Keys:
    """Every demand's key, except those that were destroyed."""

    def __init__(self, *histories: History) -> None:
        self._known = {key.key_id: key for key in (key_of(history.demand) for history in histories)}

    async def get_many(self, key_ids: Iterable[str]) -> Mapping[str, DataKey]:
        return {key_id: self._known[key_id] for key_id in key_ids if key_id in self._known}

    def forget(self, key_id: str) -> None:
        self._known.pop(key_id, None)


def network() -> Network:
    return Network(content_of([node(HUB, "root", title_zh="市枢纽", title_en="City hub"), node(WINDOW, "window", HUB, title_zh="甲窗口")]))


async def test_texts_are_opened_only_for_who_may_read_them() -> None:
    history = full_life()
    entries = enter("t1", history.recorded(), {})
    open_trail = await read_trail(entries, Keys(history), reads_text=True)
    closed = await read_trail(entries, Keys(history), reads_text=False)
    assert open_trail.commits[0].events[0].texts["title"] == "注塑车间数字化改造"
    assert open_trail.commits[7].events[0].texts == {"note": "已对接。"}
    assert all(not event.texts for commit in closed.commits for event in commit.events)
    assert "ciphertext" not in trail_out("x", closed, None).model_dump_json()
    for trail in (open_trail, closed):
        shown = trail_out(history.demand, trail, network()).model_dump(mode="json", by_alias=True)
        assert not any(
            isinstance(value, dict) and "c" in value
            for commit in shown["commits"]
            for e in commit["events"]
            for value in e["data"].values()
        )


async def test_after_erasure_the_trail_stands_without_texts() -> None:
    history = full_life()
    trail = await read_trail(enter("t1", history.recorded(), {}), Keys(), reads_text=True)
    assert len(trail.commits) == 8
    assert all(not event.texts for commit in trail.commits for event in commit.events)
    assert (await read_details(enter("t1", history.recorded(), {}), Keys())).description is None


async def test_a_text_moved_to_another_commit_does_not_open() -> None:
    history = History(demand_of(1)).submitted()
    stolen = history.sealed("only here", "note")
    history.then(DemandCorrected(fields=("title",), title=stolen))
    trail = await read_trail(enter("t1", history.recorded(), {}), Keys(history), reads_text=True)
    assert trail.commits[1].events[0].texts == {}


async def test_details_are_those_of_the_last_correction() -> None:
    history = History(demand_of(1)).submitted()
    sealed = history.sealed(requester("新名称公司"), "requester")
    history.then(DemandCorrected(fields=("requester",), requester=sealed))
    details = await read_details(enter("t1", history.recorded(), {}), Keys(history))
    assert details.requester is not None
    assert details.requester["name"] == "新名称公司"
    assert details.description == "样例诉求：请推荐服务机构。"


async def test_a_commit_this_release_cannot_read_is_told_as_such() -> None:
    history = full_life()
    history.bodies[3] = b"nonsense"
    trail = await read_trail(enter("t1", history.recorded(), {}), Keys(history), reads_text=True)
    shown = trail_out(history.demand, trail, None)
    # What comes after it cannot be proved to follow it, so nothing is claimed about it either.
    assert [commit.unreadable for commit in shown.commits] == [None] * 3 + [True] * 2 + [None] * 3


async def test_texts_inside_parts_are_opened_at_their_places_and_never_shown_sealed() -> None:
    history = History(demand_of(1)).submitted()
    steps = (ImportedStep(at=START, step="accepted", note=history.sealed("旧平台已受理", "steps.0.note")),)
    history.then(HistoryImported(source="旧平台", steps=steps))
    part = SplitPart(
        part="p2",
        demand=demand_of(2),
        region="330203",
        title=history.sealed("第二件", "parts.p2.title"),
        description=history.sealed("情况", "parts.p2.description"),
    )
    history.then(DemandSplit(assignment="a1", node=WINDOW, join="all", parts=(part,)))
    entries = enter("t1", history.recorded(), {})
    shown = trail_out(history.demand, await read_trail(entries, Keys(history), reads_text=True), network())
    data = [event.data for commit in shown.commits for event in commit.events]
    assert data[1]["steps"] == [{"at": "2026-03-02T09:00:00Z", "step": "accepted", "note": "旧平台已受理"}]
    assert (data[2]["parts"][0]["title"], data[2]["parts"][0]["description"]) == ("第二件", "情况")
    closed = trail_out(history.demand, await read_trail(entries, Keys(history), reads_text=False), network()).model_dump_json()
    assert '"k":' not in closed
    assert '"title"' not in closed


async def test_erased_texts_stay_closed_even_for_who_still_has_the_key() -> None:
    history = full_life().then(PersonalDataErased(requested_by="a", approved_by="b", key="k"))
    entries = enter("t1", history.recorded(), {})
    trail = await read_trail(entries, Keys(history), reads_text=True)
    assert all(not event.texts for commit in trail.commits for event in commit.events)
    assert await read_details(entries, Keys(history)) == Details()


@pytest.mark.parametrize("event", get_args(DemandEvent), ids=lambda cls: cls.__name__)
def test_every_event_has_a_sentence_in_both_languages(event: type[Event]) -> None:
    for language, foreign in (("zh", "[a-z_]{4,}"), ("en", "[一-鿿]")):
        told = sentence(sample(event), network(), language)  # type: ignore[arg-type]
        assert told
        assert "{" not in told
        assert "ciphertext" not in told
        assert not re.search(foreign, told.replace("甲窗口", "")), told


def test_sentences_speak_of_nodes_and_reasons_by_their_titles() -> None:
    returned = AssignmentReturned(assignment="a1", node=WINDOW, reason="other")
    assert sentence(returned, network(), "zh") == "甲窗口退回：其他原因"
    assert sentence(returned, None, "zh") == "window-a退回：其他原因"
    recalled = AssignmentRecalled(assignment="a1", node="gone", reason="corrected")
    assert sentence(recalled, network(), "zh") == "从gone收回派单：诉求内容更正"
    corrected = DemandCorrected(fields=("region", "title"), region="330206")
    assert sentence(corrected, network(), "zh") == "企业更正了诉求（地区、标题）"
    span = ExtensionRequested(assignment="a1", node=WINDOW, span="1wd", note=sealed())
    assert (sentence(span, network(), "zh"), span_words("1wd", "en"), span_words("24h", "en")) == (
        "甲窗口申请延期1 个工作日",
        "1 working day",
        "24 hours",
    )
    resolved = DemandResolved(assignment="a1", node=WINDOW, result="solved", note=sealed(), evidence=("f1", "f2"))
    assert sentence(resolved, network(), "zh") == "甲窗口办结：已解决（附材料 2 份）"
    assert sentence(resolved, network(), "en").endswith("solved (2 files attached)")
    called = FollowUpRecorded(by="bureau", outcome="disputed", mismatch=True)
    assert sentence(called, network(), "zh") == "市主管部门回访：企业不认可"
