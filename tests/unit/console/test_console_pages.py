"""Every page from fixtures: structure, rights, both languages, hostile text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx2
import pytest

from libs.events import DemandSubmitted
from services.tracker.console.wording import TEXTS
from tests.unit.console.browsing import Element, stranger, tree, visitor
from tests.unit.console.enterprise_link import Story
from tests.unit.console.situations import NOW, TRAIL, WINDOW, Office, office, submitted

LIST = "/console/demands"
ONE = f"{LIST}/{TRAIL}"
ATTACK = f"{LIST}/ningbo-26a-0d0000000000000f"
EVERY = (
    LIST,
    f"{LIST}?status=resolved",
    f"{LIST}?q=%E6%B2%A1%E6%9C%89",
    ONE,
    *(f"{LIST}/ningbo-26a-0d0000000000000{letter}" for letter in "abcdef"),
    "/console/nowhere",
    "/console/enter",
    "/console/enter?over=1",
)


@pytest.fixture
def place() -> Office:
    return office()


@pytest.fixture
async def hub(place: Office) -> AsyncIterator[httpx2.AsyncClient]:
    async with visitor(place, "hub") as client:
        yield client


@pytest.fixture
async def clerk(place: Office) -> AsyncIterator[httpx2.AsyncClient]:
    async with visitor(place, "clerk") as client:
        yield client


def titles(page: Element) -> list[str]:
    return [link.text for link in page.find("a", class_="row-open")]


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", ["hub", "clerk", "partner", "auditor"])
async def test_every_page_is_sound_for_everybody_in_both_languages(place: Office, name: str, lang: str) -> None:
    async with visitor(place, name, lang) as client:
        for address in EVERY:
            answer = await client.get(address)
            assert answer.status_code in (200, 404)
            page = tree(answer)
            assert page.find("html")[0].attributes["lang"] == ("zh-CN" if lang == "zh" else "en")
            assert len(page.find("main")) == 1
            assert len(page.find("h1")) + len(page.find(class_="problem")) >= 1
            ids = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
            assert len(ids) == len(set(ids)), address
            for element in page.all():
                assert "style" not in element.attributes
                assert not any(attribute.startswith("on") for attribute in element.attributes)
                assert element.tag != "style"
                assert element.tag != "script" or ("src" in element.attributes and not element.text)
                assert element.tag != "a" or element.attributes.get("href", "").startswith(("/console/", "#main"))


@pytest.mark.parametrize("address", [LIST, ONE, "/console/enter", "/console/nowhere"])
async def test_an_english_page_holds_no_chinese_of_ours(place: Office, address: str) -> None:
    ours = {zh for key, (zh, _) in TEXTS.items() if "{" not in zh and len(zh) > 1 and key != "other_language"}
    async with visitor(place, "hub", "en") as client:
        text = tree(await client.get(address)).text
    assert not {zh for zh in ours if re.search(rf"(^| ){re.escape(zh)}( |$)", text)} - {"样例", "企业"}


async def test_hostile_text_is_shown_and_never_run(clerk: httpx2.AsyncClient) -> None:
    for address in (LIST, ATTACK):
        answer = await clerk.get(address)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
        assert "<script>alert" not in answer.text
        assert "<img" not in answer.text
    assert "<script>alert(1)</script>" in titles(tree(await clerk.get(LIST)))


async def test_what_waits_for_the_caller_s_node_stands_on_top_and_only_there(clerk: httpx2.AsyncClient) -> None:
    page = tree(await clerk.get(LIST))
    ours = page.find("section", class_="ours")[0]
    assert len(titles(ours)) == 3
    assert all("待签收" in row.text or "办理中" in row.text for row in ours.find("li", class_="row"))
    assert len(titles(page)) == len(set(titles(page))) == 5
    assert ours.find("h2")[0].text == "轮到您的 3"
    assert not tree(await clerk.get(f"{LIST}?status=resolved")).find("section", class_="ours")


async def test_the_most_pressing_of_ours_comes_first_and_all_of_them_are_counted(place: Office) -> None:
    for number, days in enumerate((5, 1, 3, *range(6, 20))):
        story = Story(place, demand=f"ningbo-26a-0f{number:014x}").submitted().assigned()
        story.promise(resolve=timedelta(days=days))
    async with visitor(place, "clerk") as client:
        ours = tree(await client.get(LIST)).find("section", class_="ours")[0]
    assert [row.attributes["id"][-1] for row in ours.find("li", class_="row")[:4]] == ["1", "2", "0", "3"]
    assert len(ours.find("li", class_="row")) == 12
    assert ours.find("h2")[0].text == "轮到您的 20"
    link = ours.find("a", class_="button")[0]
    assert (link.text, link.attributes["href"]) == ("看全部 20 件", f"{LIST}?holder=ours")


async def test_the_list_narrows_by_status_category_holder_and_text(hub: httpx2.AsyncClient) -> None:
    assert titles(tree(await hub.get(f"{LIST}?status=withdrawn"))) == ["想参加模具行业技能培训"]
    assert titles(tree(await hub.get(f"{LIST}?category=quality"))) == ["设备停产，急需振动检测"]
    assert titles(tree(await hub.get(f"{LIST}?q=%E7%A8%B3%E5%B2%97"))) == ["稳岗补贴怎么申报"]
    assert titles(tree(await hub.get(f"{LIST}?q={TRAIL}"))) == ["注塑车间数字化改造：找技术服务机构，问补助政策"]
    assert len(titles(tree(await hub.get(f"{LIST}?holder=ours")))) == 2


async def test_tabs_count_each_status_and_keep_the_other_conditions(hub: httpx2.AsyncClient) -> None:
    page = tree(await hub.get(f"{LIST}?status=assigned&category=digital"))
    tabs = {tab.text: tab.attributes["href"] for tab in page.find("nav", class_="tabs")[0].find("a")}
    assert tabs["全部 2"] == f"{LIST}?category=digital"
    assert tabs["待签收 1"] == f"{LIST}?status=assigned&category=digital"
    assert page.find("a", aria_current="true")[0].text == "待签收 1"


async def test_an_empty_list_says_what_to_do_next() -> None:
    async with visitor(office(filled=False), "clerk") as client:
        assert "还没有诉求" in tree(await client.get(LIST)).find(class_="empty")[0].text
    async with visitor(office(), "clerk") as client:
        place = tree(await client.get(f"{LIST}?q=xyz")).find(class_="empty")[0]
    assert "没有符合条件的诉求" in place.text
    assert place.find("a", href=LIST)


async def test_a_long_list_is_paged_by_cursor(place: Office) -> None:
    for number in range(60):
        submitted(place.source, f"ningbo-26a-{number:016d}", NOW - timedelta(days=30, minutes=number), f"第 {number} 件")
    async with visitor(place, "hub") as client:
        first = tree(await client.get(f"{LIST}?status=submitted"))
        following = next(link.attributes["href"] for link in first.find("a", class_="button") if link.text == "更早的诉求")
        second = tree(await client.get(following))
    assert len(titles(first)) == 50
    assert len(titles(second)) == 11
    assert not set(titles(first)) & set(titles(second))
    assert any(link.text == "回到最新" for link in second.find("a", class_="button"))


async def test_a_broken_cursor_is_told_as_a_problem(hub: httpx2.AsyncClient) -> None:
    answer = await hub.get(f"{LIST}?after=broken")
    assert answer.status_code == 400
    assert "bad_cursor" in tree(answer).find(class_="problem")[0].text


async def test_a_demand_s_page_answers_whose_turn_it_is_first(clerk: httpx2.AsyncClient) -> None:
    page = tree(await clerk.get(ONE))
    head = page.find("section", class_="head")[0]
    assert "样例北仑家电小微企业园窗口平台 正在办理，已 1 天 5 小时" in head.text
    assert "办理中" in head.find(class_="chip")[0].text
    assert "4 天 6 小时" in head.text
    assert "其中退回 1 次" in head.text


async def test_the_waterfall_tells_itself_in_a_sentence(clerk: httpx2.AsyncClient) -> None:
    figure = tree(await clerk.get(ONE)).find("figure")[0]
    assert figure.attributes["aria-label"] == (
        "4 段持有：宁波市8718中小企业公共服务平台 1 秒后派出；北仑区中小企业公共服务枢纽平台 7 小时 55 分钟后退回；"
        "宁波市8718中小企业公共服务平台 1 秒后派出；样例北仑家电小微企业园窗口平台 3 天 22 小时，至今。"
    )
    tracks = figure.find("svg", role="img")
    assert len(tracks) == 3
    assert all(track.attributes["aria-label"] for track in tracks)


async def test_the_trail_tells_every_step_with_time_and_record(clerk: httpx2.AsyncClient) -> None:
    steps = tree(await clerk.get(ONE)).find("li", class_="entry")
    assert [step.attributes["id"] for step in steps] == [f"v{version}" for version in range(8, 0, -1)]
    for step in steps:
        moment = step.find("time")[0]
        assert moment.attributes["datetime"].endswith("+08:00")
        assert "北京时间" in moment.attributes["title"]
        assert step.find("details", class_="proof")[0].find(class_="code")[-1].text
    assert "不属服务类别（ out_of_category ）" in steps[4].text
    assert "sha256:" in steps[0].find("details", class_="proof")[0].text


async def test_the_explanation_shows_the_chosen_node_first_with_its_meter(clerk: httpx2.AsyncClient) -> None:
    why = tree(await clerk.get(ONE)).find("details", class_="why")[0]
    assert "open" in why.attributes
    rows = why.find("tr")
    assert rows[1].attributes["class"] == "chosen"
    assert "选中" in rows[1].text
    assert "86.4" in rows[1].text
    assert rows[1].find("svg", role="img")[0].attributes["aria-label"] == "86.4 分，满分 100"
    assert "不管这个地区 118" in why.text
    assert f"http://127.0.0.1:8102/v1/demands/{TRAIL}/assignments/a2/why?node=" in why.text


async def test_without_the_routing_interface_nothing_points_to_it() -> None:
    async with visitor(office(router=None), "clerk") as client:
        assert not tree(await client.get(ONE)).find("details", class_="why-any")


async def test_a_rule_s_category_is_told_with_its_points(clerk: httpx2.AsyncClient) -> None:
    text = tree(await clerk.get(f"{LIST}/ningbo-26a-0d0000000000000d")).text
    assert "归入信息咨询" in text
    assert "信息咨询 17 分" in text
    assert "已解释答复" in text


async def test_sealed_text_is_shown_only_to_those_with_the_right(place: Office) -> None:
    async with visitor(place, "clerk") as client:
        text = tree(await client.get(ONE)).text
        assert "样例精密部件有限公司" in text
        assert "0574-0000-0000" in text
        assert "已约两家机构" in text
    async with visitor(place, "auditor") as client:
        answer = await client.get(ONE)
        listed = await client.get(LIST)
    for secret in ("样例精密部件有限公司", "0574-0000-0000", "已约两家机构", "注塑车间", "91330206SAMPLE0006"):
        assert secret not in answer.text
        assert secret not in listed.text
    assert "正文已加密保存，您的身份不能查看" in tree(answer).text


async def test_contact_is_behind_a_disclosure(clerk: httpx2.AsyncClient) -> None:
    contact = tree(await clerk.get(ONE)).find("details", class_="contact")[0]
    assert "open" not in contact.attributes
    assert contact.find("summary")[0].text == "查看联系方式"
    assert "0574-0000-0000" in contact.text


@pytest.mark.parametrize("demand", ["ningbo-26a-0d0000000000000a", "ningbo-26a-zzzzzzzzzzzzzzzz", "%3Cscript%3E"])
async def test_a_demand_one_may_not_see_is_like_one_that_does_not_exist(clerk: httpx2.AsyncClient, demand: str) -> None:
    answer = await clerk.get(f"{LIST}/{demand}")
    assert answer.status_code == 404
    box = tree(answer).find(class_="problem")[0]
    assert "找不到这件诉求" in box.text
    assert "demand_not_found" in box.text


async def test_samples_are_marked_in_list_and_head(hub: httpx2.AsyncClient) -> None:
    assert all("样例" in row.find(class_="tag")[0].text for row in tree(await hub.get(LIST)).find("li", class_="row"))
    assert tree(await hub.get(ONE)).find("section", class_="head")[0].find(class_="tag")


async def test_a_live_page_knows_where_it_stands(hub: httpx2.AsyncClient) -> None:
    page = tree(await hub.get(ONE))
    position = await office().source.position()
    line = next(element for element in page.all() if "hx-sse:connect" in element.attributes)
    assert line.attributes["hx-sse:connect"] == f"/console/live?demand={TRAIL}&after={position}"
    assert page.find("main")[0].attributes["hx-get"] == ONE


async def test_static_files_are_served_by_digest_for_ever(place: Office) -> None:
    async with stranger(place) as client:
        page = tree(await client.get("/console/enter"))
        addresses = [link.attributes["href"] for link in page.find("link")] + [script.attributes["src"] for script in page.find("script")]
        for address in addresses:
            answer = await client.get(address)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        assert (await client.get("/console/assets/000000000000/console.css")).status_code == 404
        assert (await client.get("/console/assets/000000000000/..%2Fpages.py")).status_code == 404
    assert any("console.css" in address for address in addresses)


async def test_every_submission_member_that_is_sealed_stays_out_of_the_trail_s_quotes(clerk: httpx2.AsyncClient) -> None:
    """The submission's own text stands in the head and the facts, once; never a second time in the trail."""
    first = tree(await clerk.get(ONE)).find("li", class_="entry")[-1]
    assert not first.find("blockquote")
    assert {"title", "description", "requester"} <= DemandSubmitted.model_fields.keys()
    assert WINDOW not in first.text
