"""What the console tells around a demand: deadlines, kin with reasons, assistance, ratings, complaints; the alarm; precedents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.events import (
    ArbitrationOpened,
    AssignmentArbitrated,
    AssistanceAccepted,
    AssistanceRequested,
    ComplaintRaised,
    ComplaintVerified,
    Deadline,
    DeadlineMissed,
    DeadlinesSet,
    DeadlineWarned,
    DemandEscalated,
    DemandMerged,
    DemandRated,
    DemandSplit,
    DemandSuspended,
    DuplicateSuggested,
    Event,
    FollowUpOrdered,
    FollowUpRecorded,
    MergeReceived,
    PartCompleted,
    PersonalDataErased,
    SupervisionOpened,
)
from libs.events.assisting import Likeness, SplitPart
from services.tracker.console.alarm import FRESH, Alarm, RouterWatch
from services.tracker.console.deadlines import mark_of
from services.tracker.console.testing import SEALED
from tests.unit.console.browsing import Element, tree, visitor
from tests.unit.console.enterprise_link import DEMAND, Story
from tests.unit.console.situations import COUNTY, DESK, HUB, NOW, ROUTER, TRAIL, WINDOW, Office, office

LIST = "/console/demands"
OTHER, PART = "ningbo-26a-0e0000000000000b", "ningbo-26a-0e0000000000000c"


@pytest.fixture
def place() -> Office:
    return office()


async def shown(place: Office, *, name: str = "hub", lang: str = "zh", demand: str = DEMAND) -> Element:
    async with visitor(place, name, lang) as client:
        return tree(await client.get(f"{LIST}/{demand}"))


def happened(story: Story, *events: Event) -> Story:
    return story.then("Test", ROUTER, *((event, {}) for event in events))


# Deadlines


@given(st.integers(1, 10**7), st.integers(0, 2 * 10**7))
def test_a_deadline_is_late_once_it_passed_soon_in_its_last_fifth_and_scales_with_its_span(span: int, gone: int) -> None:
    start = datetime(2026, 11, 24, tzinfo=UTC)
    end, now = start + timedelta(seconds=span), start + timedelta(seconds=gone)
    mark = mark_of(end, start, now)
    assert (mark == "late") == (gone >= span)
    assert (mark == "soon") == (gone < span and (span - gone) * 5 < span)
    assert mark_of(end, start, now, paused=True) == ("late" if gone >= span else "paused")


async def test_a_demand_tells_its_deadline_how_near_it_is_and_what_comes_next(place: Office) -> None:
    Story(place).submitted().accepted()
    head = (await shown(place)).find("section", class_="head")[0]
    assert "办结时限 11月27日（周五）15:02" in head.text
    assert head.find(class_="due-mark")[0].text == "剩 3 天"
    assert "时限按工作时间推算" in head.text
    assert "下一步：节点办理" in head.text
    place.now = NOW + timedelta(days=3, hours=5)
    late = (await shown(place)).find(class_="due-late")[0]
    assert late.text == "已超时 5 小时"
    assert late.find("svg")


async def test_the_next_step_tells_until_when_where_that_is_sooner_than_the_promise(place: Office) -> None:
    story = Story(place).submitted().assigned()
    assert "签收时限" not in (await shown(place)).find(class_="next-step")[0].text
    happened(story, DeadlinesSet(clocks="x", deadlines={"accept": Deadline(at=NOW + timedelta(days=1))}))
    step = (await shown(place)).find(class_="next-step")[0]
    assert step.text.startswith("下一步：节点签收 签收时限 明天 15:02")
    assert step.find(class_="due-mark")
    assert "acceptance tomorrow 15:02" in (await shown(place, lang="en")).find(class_="next-step")[0].text


async def test_a_suspended_demand_shows_that_its_deadline_will_move_even_after_the_old_one_passed(place: Office) -> None:
    story = Story(place).submitted().accepted()
    happened(story, DemandSuspended(assignment="a1", node=WINDOW, by=HUB, reason="third_party", until=NOW + timedelta(days=9), note=SEALED))
    for now in (NOW, NOW + timedelta(days=5)):
        place.now = now
        head = (await shown(place)).find("section", class_="head")[0]
        assert "恢复后顺延" in head.text
        assert "原定" in head.text
        assert not head.find(class_="due-late")
    assert "计时暂停" in (await shown(place)).find("section", class_="held")[0].text
    place.now = NOW
    async with visitor(place, "hub") as client:
        row = next(row for row in tree(await client.get(LIST)).find("li", class_="row") if row.attributes["id"] == f"d-{DEMAND}")
    assert row.find(class_="row-due")[0].text == "计时暂停"


async def test_an_erased_demand_says_so_instead_of_blaming_the_reader(place: Office) -> None:
    erased = PersonalDataErased(requested_by="bureau", approved_by=HUB, key="k")
    happened(Story(place).submitted().withdrawn(), erased)
    page = await shown(place)
    assert page.find("h1")[0].text == "（内容已删除）"
    assert "您的身份不能查看" not in page.text
    assert "正文已删除，不能恢复。" in page.find("section", class_="story")[0].text
    async with visitor(place, "auditor") as client:
        unread = tree(await client.get(f"{LIST}/{TRAIL}"))
    assert unread.find("h1")[0].text == "（标题已加密，您的身份不能查看）"


async def test_long_runs_of_reminders_are_folded_and_nothing_else_is(place: Office) -> None:
    story = Story(place).submitted().accepted()
    before = len((await shown(place)).find("li", class_="entry"))
    for _ in range(5):
        happened(story, DeadlineWarned(limit="resolve", node=WINDOW, due=NOW))
    page = (await shown(place)).find("section", class_="story")[0]
    folded = page.find("details", id=f"repeats-{before + 1}")[0]
    assert folded.find("summary")[0].text.startswith("此前还有 3 次系统提醒或超时记录，从今天")
    assert [entry.attributes["id"] for entry in folded.find("li", class_="entry")] == [f"v{before + n}" for n in (3, 2, 1)]
    assert len([entry for entry in page.find("li", class_="entry") if "id" in entry.attributes]) == before + 5


async def test_a_missed_promise_stays_visible_until_it_is_kept(place: Office) -> None:
    story = Story(place).submitted().accepted()
    happened(
        story,
        DeadlineMissed(limit="resolve", node=WINDOW, due=NOW - timedelta(hours=2)),
        DemandEscalated(rule="resolve", level=1, to=COUNTY),
    )
    page = await shown(place)
    assert page.find("section", class_="head")[0].find(class_="due-late")[0].text == "已超时 2 小时"
    assert "已升级至第 1 级" in page.find("section", class_="voice")[0].text


async def test_lists_mark_what_is_late_and_narrow_to_it(place: Office) -> None:
    Story(place).submitted().accepted()
    async with visitor(place, "hub") as client:
        assert not tree(await client.get(f"{LIST}?overdue=1")).find("li", class_="row")
    place.now = NOW + timedelta(days=4)
    async with visitor(place, "hub") as client:
        page = tree(await client.get(f"{LIST}?overdue=1"))
    rows = page.find("li", class_="row")
    assert [row.attributes["id"] for row in rows] == [f"d-{DEMAND}"]
    assert rows[0].find(class_="due-late")[0].text == "已超时 1 天"
    assert "checked" in page.find("input", name="overdue")[0].attributes
    tabs = page.find("nav", class_="tabs")[0].find("a")
    assert all("overdue=1" in tab.attributes["href"] for tab in tabs)
    assert tabs[0].text == "全部 1"


# Kin


async def test_a_likely_duplicate_is_shown_with_its_reason_and_a_person_decides(place: Office) -> None:
    story = Story(place).submitted().accepted()
    like = Likeness(demand=TRAIL, score=97, reasons=("same_enterprise", "other_partner", "same_category", "text_87"))
    happened(
        story,
        DuplicateSuggested(suggestions=(Likeness(demand=OTHER, score=60, reasons=("same_enterprise", "text_60", "new_reason")), like)),
    )
    kin = (await shown(place)).find("section", class_="kin")[0]
    links = kin.find("a")
    assert [link.attributes["href"] for link in links] == [f"{LIST}/{TRAIL}", f"{LIST}/{OTHER}"]
    assert [link.text for link in links] == ["注塑车间数字化改造：找技术服务机构，问补助政策", OTHER]
    assert "可能重复：同一企业，经其他平台提出，同一类别，内容相似 87%" in kin.text
    assert "new_reason" in kin.text
    assert "由人判断" in kin.text
    english = (await shown(place, lang="en")).find("section", class_="kin")[0]
    assert "may be the same: same enterprise, through another platform, same category, text 87 % alike" in english.text


async def test_what_was_merged_or_split_is_linked_both_ways(place: Office) -> None:
    story = Story(place).submitted().accepted()
    happened(story, MergeReceived(demand=OTHER))
    part = SplitPart(part="1", demand=PART, region="330206", title=SEALED, description=SEALED)
    happened(story, DemandSplit(assignment="a1", node=WINDOW, join="all", parts=(part,)))
    kin = (await shown(place)).find("section", class_="kin")[0]
    assert "并入了本件" in kin.text
    assert "第 1 项" in kin.text
    assert "各项都结束后才能办结" in kin.text
    happened(story, PartCompleted(part="1", demand=PART, status="closed"))
    assert "第 1 项，已结案" in (await shown(place)).find("section", class_="kin")[0].text
    happened(Story(place, OTHER).submitted(), DemandMerged(into=DEMAND, by=HUB))
    merged = (await shown(place, demand=OTHER)).find("section", class_="kin")[0]
    assert merged.find("a")[0].attributes["href"] == f"{LIST}/{DEMAND}"
    assert "已并入这件" in merged.text


async def test_nothing_is_shown_where_there_is_nothing(place: Office) -> None:
    page = await shown(place, demand=TRAIL)
    for name in ("kin", "help", "voice"):
        assert not page.find("section", class_=name)


# Assistance, and the voice of the enterprise


async def test_assistance_is_shown_with_its_deadline_and_late_ones_by_word_too(place: Office) -> None:
    story = Story(place).submitted().accepted()
    due = NOW + timedelta(days=1)
    happened(story, AssistanceRequested(assistance="s1", assignment="a1", node=WINDOW, assistant=COUNTY, due=due, note=SEALED))
    assert "等待答复，明天 15:02 前" in (await shown(place)).find("section", class_="help")[0].text
    happened(story, AssistanceAccepted(assistance="s1", assistant=COUNTY))
    helping = (await shown(place)).find("section", class_="help")[0]
    assert "正在协办" in helping.text
    assert not helping.find(class_="due-late")
    place.now = NOW + timedelta(days=2)
    assert "已超时" in (await shown(place)).find("section", class_="help")[0].find(class_="due-late")[0].text


async def test_ratings_complaints_call_backs_and_supervision_are_told(place: Office) -> None:
    story = Story(place).submitted().closed()
    happened(story, DemandRated(grade="unsatisfied", resolution=1, node=WINDOW))
    happened(story, ComplaintRaised(complaint="c1", node=WINDOW, note=SEALED), FollowUpOrdered(reason="sampled", node=WINDOW))
    voice = (await shown(place)).find("section", class_="voice")[0].text
    assert "评价：不满意" in voice
    assert "待核查" in voice
    assert "已列入回访" in voice
    happened(story, ComplaintVerified(complaint="c1", node=WINDOW, by=COUNTY, note=SEALED))
    happened(story, FollowUpRecorded(by=HUB, outcome="disputed", mismatch=True), SupervisionOpened(supervision="v1", by=HUB, note=SEALED))
    voice = (await shown(place)).find("section", class_="voice")[0].text
    assert "属实" in voice
    assert "已回访：企业不认可 · 与办理单位所报不符" in voice
    assert "督办中" in voice
    assert "已列入回访" not in voice


# The alarm


class Says:
    """A watch that says what it is told to."""

    def __init__(self, alarm: Alarm) -> None:
        self.alarm = alarm
        self.asked = 0

    async def look(self) -> Alarm:
        self.asked += 1
        return self.alarm


def told(place: Office, alarm: Alarm) -> Says:
    watch = Says(alarm)
    place.app.state.console = replace(place.app.state.console, watch=watch)
    return watch


@pytest.mark.parametrize("address", [LIST, f"{LIST}/{TRAIL}"])
async def test_hub_staff_are_told_of_demands_nobody_is_accountable_for(place: Office, address: str) -> None:
    told(place, Alarm(3, NOW))
    async with visitor(place, "hub") as client:
        main = tree(await client.get(address)).find("main")[0]
    banner = main.find(id="alarm")[0]
    assert banner.attributes["role"] == "status"
    assert "有 3 件诉求无人负责，正在处理。" in banner.text
    assert banner.find("a")[0].attributes["href"].startswith(LIST)


@pytest.mark.parametrize(("alarm", "words"), [(Alarm(0, NOW), None), (Alarm(None), "检查暂不可用"), (Alarm(1, NOW), "有 1 件诉求无人负责")])
async def test_nothing_is_said_while_all_is_well_and_little_when_it_cannot_be_told(place: Office, alarm: Alarm, words: str | None) -> None:
    told(place, alarm)
    async with visitor(place, "hub") as client:
        found = tree(await client.get(LIST)).find(id="alarm")
    assert bool(found) == (words is not None)
    assert words is None or words in found[0].text


@pytest.mark.parametrize("name", ["clerk", "coordinator", "partner", "auditor"])
async def test_others_are_not_alarmed_and_cause_no_question(place: Office, name: str) -> None:
    watch = told(place, Alarm(3, NOW))
    async with visitor(place, name) as client:
        assert not tree(await client.get(LIST)).find(id="alarm")
    assert watch.asked == 0


class Router:
    """A router's summary over a fake transport, and a clock."""

    def __init__(self, answer: Callable[[], httpx2.Response]) -> None:
        self.answer = answer
        self.asked = 0
        self.now = 100.0

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        assert request.url.path == "/v1/check/summary"
        assert "authorization" not in request.headers
        self.asked += 1
        return self.answer()

    def watch(self) -> RouterWatch:
        return RouterWatch(lambda: "http://router.test", clock=lambda: self.now, transport=httpx2.MockTransport(self._handle))


def summary(count: int) -> httpx2.Response:
    return httpx2.Response(200, content=json.dumps({"ok": count == 0, "count": count, "at": "2026-11-24T07:00:00Z"}))


async def settled(watch: RouterWatch) -> Alarm:
    """What is known once the question in the background is answered."""
    await watch.look()
    while (asking := watch._asking) is not None:
        await asking
    return await watch.look()


async def test_an_answer_is_kept_for_a_while_and_renewed_behind_the_pages() -> None:
    router = Router(lambda: summary(router.asked - 1))
    watch = router.watch()
    assert [await watch.look() for _ in range(5)] == [Alarm(0, datetime(2026, 11, 24, 7, tzinfo=UTC))] * 5
    assert router.asked == 1
    router.now += FRESH
    assert (await watch.look()).count == 0
    assert (await settled(watch)).count == 1
    assert router.asked == 2


async def test_many_pages_at_once_ask_once() -> None:
    router = Router(lambda: summary(2))
    watch = router.watch()
    assert {alarm.count for alarm in await asyncio.gather(*(watch.look() for _ in range(20)))} == {2}
    assert router.asked == 1


@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx2.Response(404, content=b"{}"),
        lambda: httpx2.Response(200, content=b"<html>"),
        lambda: httpx2.Response(200, content=b'{"ok": true}'),
    ],
)
async def test_an_answer_that_says_nothing_is_told_as_unknown(answer: Callable[[], httpx2.Response]) -> None:
    assert await Router(answer).watch().look() == Alarm(None)


async def test_a_check_that_found_nothing_but_did_not_look_everywhere_is_told_as_unknown() -> None:
    part = {"ok": False, "count": 0, "at": "2026-11-24T07:00:00Z", "unchecked": 32}
    router = Router(lambda: httpx2.Response(200, content=json.dumps(part)))
    assert (await router.watch().look()).count is None


async def test_a_router_that_is_away_is_told_as_unknown_and_asked_again() -> None:
    def away() -> httpx2.Response:
        raise httpx2.ConnectError("away")

    router = Router(away)
    watch = router.watch()
    assert await watch.look() == Alarm(None)
    router.answer = lambda: summary(0)
    router.now += FRESH
    assert await settled(watch) == Alarm(0, datetime(2026, 11, 24, 7, tzinfo=UTC))


# Precedents


def arbitrated(place: Office) -> None:
    story = happened(Story(place).submitted().assigned(), ArbitrationOpened(arbiter=HUB, parties=(COUNTY, WINDOW), cause="loop"))
    event = AssignmentArbitrated(
        assignment="a2",
        node=WINDOW,
        arbiter=HUB,
        parties=(COUNTY, WINDOW),
        category="digital",
        region="330206",
        carrier="park-beilun-3",
        note=SEALED,
    )
    story.then("ArbitrateAssignment", DESK, (event, {"note": "样例：裁定理由。"}))


async def test_precedents_tell_what_was_argued_about_between_whom_and_who_decided(place: Office) -> None:
    arbitrated(place)
    async with visitor(place, "hub") as client:
        page = tree(await client.get("/console/precedents"))
    row = page.find("tbody")[0].find("tr")[0]
    names = place.app.state.console.names
    for node in (COUNTY, WINDOW, HUB):
        assert names.node("ningbo", node, "zh").title in row.text
    assert names.title("ningbo", "category", "digital", "zh") in row.text
    assert "北仑区" in row.text
    assert "今天" in row.text
    assert row.find("a")[0].attributes["href"] == f"{LIST}/{DEMAND}"
    assert "裁定理由" not in page.text
    assert page.find("a", href="/console/precedents")[0].attributes["aria-current"] == "page"


@pytest.mark.parametrize(("name", "sees"), [("hub", True), ("coordinator", True), ("clerk", False), ("partner", False), ("auditor", False)])
async def test_precedents_are_for_those_who_edit_the_policy(place: Office, name: str, sees: bool) -> None:
    arbitrated(place)
    async with visitor(place, name) as client:
        assert (await client.get("/console/precedents")).status_code == (200 if sees else 403)
        assert bool(tree(await client.get(LIST)).find("a", href="/console/precedents")) == sees


async def test_without_precedents_the_page_says_when_there_will_be_some(place: Office) -> None:
    async with visitor(place, "coordinator", "en") as client:
        page = tree(await client.get("/console/precedents"))
    assert "Nothing was arbitrated yet" in page.find(class_="empty")[0].text
