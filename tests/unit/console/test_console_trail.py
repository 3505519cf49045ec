"""The trail tells every event there is in words, whoever did it and whatever the history was."""

from __future__ import annotations

import re
from random import Random
from typing import get_args

import pytest

from libs.events import (
    Actor,
    Commit,
    Deadline,
    DeadlinesSet,
    DemandAssigned,
    DemandEvent,
    DemandResolved,
    DemandSplit,
    DuplicateSuggested,
    Event,
    EvidenceAttached,
    HistoryImported,
)
from libs.events.assisting import ImportedStep, Likeness, SplitPart
from libs.events.testing import sealed
from services.tracker.archive import enter
from services.tracker.console.names import DirectoryNames
from services.tracker.console.picture import picture
from services.tracker.console.speech import Speech
from services.tracker.console.trail import Entry, entries, sentence
from services.tracker.console.wording import Say
from services.tracker.trail import Trail, TrailCommit, TrailEvent, read_trail
from tests.unit.console.situations import COUNTY, HUB, NOW, TRAIL, WINDOW, at, explanation, office
from tests.unit.tracker.random_lives import whole_life
from tests.unit.tracker.sample_events import sample
from tests.unit.tracker.test_trail import Keys

SYSTEM = Actor(kind="system", id="router")


def speech(lang: str = "zh") -> Speech:
    return Speech(Say(lang), DirectoryNames(office(filled=False).follower), "ningbo", NOW)  # type: ignore[arg-type]


def told(*events: Event, actor: Actor = SYSTEM, command: str = "SystemCommand") -> Entry:
    commit = Commit(TRAIL, 1, None, command, "c1", None, at("20T09:00:00"), actor, events)
    step = TrailCommit(1, 1, commit.at, "sha256:0", commit, tuple(TrailEvent(event) for event in events))
    (entry,) = entries(Trail([step], []), speech(), demand=TRAIL, router=None, reads_text=True)
    return entry


def bare(text: str) -> str:
    """A text without its node titles and the codes that stand beside words."""
    return re.sub(r"<b>.*?</b>|<(span|a) class=\"code\".*?</\1>", "", text)


@pytest.mark.parametrize("event", get_args(DemandEvent), ids=lambda cls: cls.__name__)
def test_every_event_reads_without_codes(event: type[Event]) -> None:
    fact = sample(event)
    if isinstance(fact, DemandAssigned):
        fact = DemandAssigned(assignment="a1", node=WINDOW, policy="1", explanation=explanation(WINDOW))
    assert not re.search("[a-z_]{4,}", bare(str(sentence(fact, speech()))))
    assert not re.search("[一-鿿]", bare(str(sentence(fact, speech("en")))))
    entry = told(fact)
    assert entry.sentences
    assert not [part for part in entry.details if re.search("[a-z_]{4,}", bare(str(part)))]


def test_what_a_sentence_leaves_out_stands_below_it() -> None:
    due = at("25T17:30:00")
    promised = told(DeadlinesSet(clocks="x", deadlines={"resolve": Deadline(at=due), "warn": Deadline(at=due)}))
    assert str(promised.details[0]).startswith("办结时限 明天")
    assert str(promised.details[0]).endswith("17:30")
    assert len(promised.details) == 2
    resolved = DemandResolved(assignment="a1", node=WINDOW, result="solved", note=sealed(), evidence=("f1", "f2"))
    assert "附材料 2 份" in [str(part) for part in told(resolved).details]
    file = EvidenceAttached(file="f1", digest="sha256:0", media_type="application/pdf", size=3 * 1_048_576, side="node")
    assert "PDF，3.0 MB" in [str(part) for part in told(file).details]
    like = Likeness(demand="ningbo-26a-x", score=87, reasons=("same_enterprise", "text_87"))
    alike = DuplicateSuggested(suggestions=(Likeness(demand="ningbo-26a-w", score=60, reasons=()), like))
    link = '<a class="code" href="/console/demands/ningbo-26a-x">ningbo-26a-x</a>'
    assert {f"{link}（同一企业，内容相似 87%）", "另有 1 件"} <= {str(part) for part in told(alike).details}
    former = HistoryImported(source="旧平台", steps=(ImportedStep(at=at("20T08:00:00"), step="accepted"),))
    assert "周五 8:00 原系统签收" in [str(part) for part in told(former).details]
    part = SplitPart(part="p1", demand="ningbo-26a-y", region="330206", title=sealed(), description=sealed())
    split = told(DemandSplit(assignment="a1", node=WINDOW, join="all", parts=(part,)))
    assert any('href="/console/demands/ningbo-26a-y"' in str(detail) for detail in split.details)


def test_a_promise_along_the_way_is_told_by_its_moment_alone() -> None:
    resolved = DemandResolved(assignment="a1", node=WINDOW, result="solved", note=sealed())
    promise = DeadlinesSet(clocks="x", deadlines={"confirm": Deadline(at=at("27T17:30:00"))})
    entry = told(resolved, promise)
    assert len(entry.sentences) == 1
    assert "确认时限 11月27日（周五）17:30" in [str(part) for part in entry.details]
    assert len(told(promise).sentences) == 1


def test_promises_made_along_the_way_do_not_colour_the_step() -> None:
    resolved = DemandResolved(assignment="a1", node=WINDOW, result="solved", note=sealed())
    promise = DeadlinesSet(clocks="x", deadlines={})
    assert (told(resolved, promise).dot, told(promise).dot) == ("done", "system")


def test_the_bureau_and_the_enterprise_are_told_by_name_and_unknown_nodes_by_their_id() -> None:
    assert [speech().node(name).title for name in ("bureau", "enterprise", "former_system", "nb-gone")] == [
        "市主管部门",
        "企业",
        "原系统",
        "nb-gone",
    ]
    by_enterprise = told(sample(DemandResolved), actor=Actor(kind="partner", id="link", role="enterprise"), command="RateDemand")
    assert "企业 · 用企业自己的链接" in [str(part) for part in by_enterprise.details]


@pytest.mark.parametrize("seed", range(12))
async def test_any_history_can_be_told_and_drawn(seed: int) -> None:
    history = whole_life(seed, Random(seed), 40)
    trail = await read_trail(enter("t1", history.recorded(), {}), Keys(history), reads_text=True)
    for lang in ("zh", "en"):
        found = entries(trail, speech(lang), demand=history.demand, router=None, reads_text=True)
        assert len(found) == len(history.commits)
        assert all(entry.sentences for entry in found)
    drawn = picture(trail, history.commits[-1].at, "zh")
    assert drawn is not None
    bars = [bar for lane in drawn.lanes for bar in lane.bars]
    assert all(0 <= bar.waiting <= bar.width + 0.001 and bar.x + bar.width <= 100.001 for bar in bars)
    assert all(bar.x <= x and x + width <= bar.x + bar.width + 0.002 for bar in bars for x, width in bar.pauses)
    assert {COUNTY, HUB}.isdisjoint(lane.node for lane in drawn.lanes)
