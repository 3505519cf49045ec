"""The waterfall: lanes and bars that add up, and explanations and sentences in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from libs.events import DemandAssigned, DemandCorrected
from services.tracker.console.names import DirectoryNames
from services.tracker.console.picture import Picture, picture
from services.tracker.console.speech import Speech
from services.tracker.console.trail import entries, sentence
from services.tracker.console.visit import caller_by_key
from services.tracker.console.why import explain, reason_words
from services.tracker.console.wording import Say
from services.tracker.trail import Trail
from services.tracker.waterfall import Segment, life
from tests.unit.console.situations import COUNTY, HUB, NOW, TRAIL, WINDOW, at, explanation, office


def speech(lang: str = "zh") -> Speech:
    return Speech(Say(lang), DirectoryNames(office(filled=False).follower), "ningbo", NOW)  # type: ignore[arg-type]


async def told() -> Trail:
    place = office()
    return await place.source.trail(caller_by_key(place.follower, place.keys["hub"], NOW), TRAIL)


def drawn(trail: Trail) -> Picture:
    found = picture(trail, NOW, "zh")
    assert found is not None
    return found


async def test_each_holder_has_a_lane_in_order_of_first_holding() -> None:
    lanes = drawn(await told()).lanes
    assert [lane.node for lane in lanes] == [HUB, COUNTY, WINDOW]
    hub, county, window = lanes
    assert len(hub.bars) == 2
    assert hub.total == timedelta(seconds=2)
    assert (county.ended, county.reason) == ("returned", "out_of_category")
    assert window.ended is None
    assert window.accepted


async def test_a_bar_shows_waiting_apart_from_work_and_marks_reports() -> None:
    bar = drawn(await told()).lanes[2].bars[0]
    assert bar.tone == "hand"
    assert 0 < bar.waiting < bar.width
    assert len(bar.marks) == 1
    assert bar.x + bar.waiting < bar.marks[0] < bar.x + bar.width


async def test_the_legend_explains_what_is_drawn_and_nothing_else() -> None:
    assert drawn(await told()).keys == ("desk", "waiting", "hand", "returned")


async def test_lanes_add_up_to_the_demand_s_life() -> None:
    trail = await told()
    found = drawn(trail)
    assert sum((lane.total for lane in found.lanes), timedelta()) == found.total == life(tuple(trail.segments), NOW)


async def test_weekends_are_shaded_and_the_present_is_marked() -> None:
    found = drawn(await told())
    assert len(found.weekends) == 1
    assert found.now is not None
    assert 90 < found.now < 100
    assert all(not tick.label for tick in found.ticks if tick.x > 86)


async def test_a_deadline_is_drawn_unless_it_lies_too_far_ahead() -> None:
    trail = await told()
    late, soon, far = (picture(trail, NOW, "zh", due=NOW + timedelta(days=days)) for days in (-1, 1, 30))
    assert late is not None
    assert soon is not None
    assert late.due is not None
    assert late.now is not None
    assert late.due < late.now
    assert soon.now is not None
    assert soon.due is not None
    assert soon.now < soon.due < 100
    assert far == drawn(trail)


@given(
    st.lists(st.integers(min_value=0, max_value=400_000), min_size=1, max_size=12),
    st.booleans(),
    st.none() | st.integers(-4_000_000, 4_000_000),
)
def test_bars_stay_inside_and_in_order_whatever_the_history(lengths: Sequence[int], is_open: bool, due_in: int | None) -> None:
    parts, start = list[Segment](), at("01T00:00:00")
    for number, length in enumerate(lengths):
        end = start + timedelta(seconds=length)
        last = number == len(lengths) - 1
        desk = number % 2 == 0
        reason = "resolved" if last and not is_open else "assigned" if desk else "returned"
        node, assignment = (HUB, None) if desk else (f"n{number % 5}", f"a{number}")
        parts.append(Segment(node, assignment, start, None if last and is_open else end, None if last and is_open else reason))  # type: ignore[arg-type]
        start = end
    now = max(start, NOW) if is_open else NOW
    found = picture(Trail([], parts), now, "en", due=None if due_in is None else now + timedelta(seconds=due_in))
    assert found is not None
    assert found.due is None or (is_open and 0 <= found.due <= 100)
    bars = sorted((bar for lane in found.lanes for bar in lane.bars), key=lambda bar: (bar.segment.start, bar.width))
    assert all(bar.x >= 0 and bar.width >= 0 and bar.x + bar.width <= 100.001 for bar in bars)
    assert all(one.x + one.width <= other.x + 0.002 for one, other in pairwise(bars))
    assert len(found.ticks) <= 8
    assert all(0 <= tick.x <= 100 for tick in found.ticks)
    assert all(x >= 0 and x + width <= 100.001 for x, width in found.weekends)


def test_the_chosen_node_comes_first_and_the_others_by_score() -> None:
    event = DemandAssigned(assignment="a2", node=WINDOW, policy="1", explanation=explanation(WINDOW, returned_by=(COUNTY,)))
    why = explain(event, speech(), demand=TRAIL, router="http://127.0.0.1:8102")
    assert why.rows[0].chosen
    scores = [row.score for row in (*why.rows[1:], *why.more)]
    assert scores == sorted(scores, key=lambda score: -1.0 if score is None else score, reverse=True)
    assert scores[-1] is None
    assert (*why.rows, *why.more)[-1].reasons == ("本件已退回，不再派",)
    assert why.rest[0] == ("不直接接单的服务机构", 903)
    assert why.rest_total == 1046
    assert why.ask == f"http://127.0.0.1:8102/v1/demands/{TRAIL}/assignments/a2/why?node="


def test_a_chosen_hub_comes_first_even_with_the_lowest_score() -> None:
    event = DemandAssigned(assignment="a1", node=HUB, policy="1", explanation=explanation(HUB))
    assert explain(event, speech(), demand=TRAIL, router=None).rows[0].node == HUB
    assert explain(event, speech(), demand=TRAIL, router=None).ask is None


def test_reasons_are_words_and_unknown_ones_stay_codes() -> None:
    assert reason_words("load:4/36", speech()) == "在办 4 件，可承接 36 件"
    assert reason_words("load:not_recorded", speech()) == "在办数没有记录"
    assert reason_words("near:carrier", speech("en")) == "in the enterprise’s own park"
    assert reason_words("moon:full", speech()) == "moon:full"
    assert reason_words("load:1/2/3", speech()) == "load:1/2/3"


async def test_every_step_becomes_an_entry_newest_first() -> None:
    told_entries = entries(await told(), speech(), demand=TRAIL, router=None, reads_text=True)
    assert [entry.version for entry in told_entries] == list(range(8, 0, -1))
    returned = next(entry for entry in told_entries if entry.dot == "returned")
    assert str(returned.sentences[0]).startswith("<b>北仑区中小企业公共服务枢纽平台</b>退回：不属服务类别")
    assert returned.quotes == ("企业在小微企业园内，园区窗口有同类服务，建议由窗口主办，区枢纽配合。",)
    assert "派出后 7 小时 55 分钟退回" in [str(part) for part in returned.details]


def test_corrected_members_are_named() -> None:
    assert str(sentence(DemandCorrected(fields=("title", "region")), speech())) == "企业更正了诉求（标题、地区）"
    assert str(sentence(DemandCorrected(fields=("title", "region")), speech("en"))) == "The enterprise corrected the demand (title, region)"
