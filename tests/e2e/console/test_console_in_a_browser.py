"""The console as a person meets it: entering, keys, live changes without jumping, a lost line, narrow, dark, printed."""

from __future__ import annotations

from datetime import timedelta

import pytest
from playwright.async_api import Browser, Page, expect

from libs.events import DuplicateSuggested, ProgressReported
from libs.events.assisting import Likeness
from services.tracker.console.testing import SEALED
from tests.e2e.console.conftest import Server, enter
from tests.unit.console.enterprise_link import DEMAND, Story
from tests.unit.console.situations import CLERK, NOW, ROUTER, TRAIL, WINDOW, assigned, step, submitted

pytestmark = pytest.mark.browser

SMALL_TEXT = """() => [...document.querySelectorAll("body *")]
  .filter(e => [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) && parseFloat(getComputedStyle(e).fontSize) < 16)
  .map(e => e.tagName + "." + e.className)"""
OVERFLOW = "() => document.documentElement.scrollWidth - window.innerWidth"
LISTENING = "() => document.querySelector('[hx-sse\\\\:connect]')?._htmx?.sse?.reader != null"


def progress(served: Server, note: str) -> None:
    event = ProgressReported(assignment="a2", node=WINDOW, note=SEALED)
    served.do(lambda: step(served.place.source, TRAIL, "ReportProgress", NOW, CLERK, event, note=note))


def newcomer(served: Server, number: int, title: str) -> None:
    def act() -> None:
        demand = f"ningbo-26a-{number:016d}"
        submitted(served.place.source, demand, NOW, title)
        assigned(served.place.source, demand, NOW, WINDOW)

    served.do(act)


async def test_a_clerk_enters_finds_a_demand_with_the_keyboard_and_leaves(page: Page, served: Server, troubles: list[str]) -> None:
    await enter(page, served)
    await page.keyboard.press("/")
    await page.keyboard.type("注塑")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("搜索“注塑”的结果。")).to_be_visible()
    await page.keyboard.press("j")
    await expect(page.get_by_role("link", name="注塑车间数字化改造")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text("注塑车间数字化改造：找技术服务机构，问补助政策")
    await expect(page.get_by_text("0574-0000-0000")).to_be_hidden()
    await page.get_by_text("查看联系方式").click()
    await expect(page.get_by_text("0574-0000-0000")).to_be_visible()
    await page.get_by_role("button", name="退出").click()
    await expect(page.get_by_label("密钥", exact=True)).to_be_focused()
    await page.goto(f"{served.url}/console/demands/{TRAIL}")
    await expect(page.get_by_label("密钥", exact=True)).to_be_visible()
    assert troubles == []


async def test_j_and_k_walk_through_the_list(page: Page, served: Server) -> None:
    await enter(page, served)
    links = page.locator(".row-open")
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1), ("k", 0), ("k", 0)):
        await page.keyboard.press(key)
        await expect(links.nth(place)).to_be_focused()


async def test_a_new_step_appears_by_itself_and_disturbs_nothing(page: Page, served: Server, troubles: list[str]) -> None:
    await enter(page, served)
    await page.goto(f"{served.url}/console/demands/{TRAIL}")
    await page.wait_for_function(LISTENING)
    await page.get_by_text("查看联系方式").click()
    await page.locator("#proof-3 > summary").click()
    await page.locator("#search").fill("写到一半")
    await page.evaluate("document.querySelector('#v1').scrollIntoView({block: 'end'})")
    before = await page.locator("#v2").evaluate("e => e.getBoundingClientRect().top")
    progress(served, "机构已到现场，周五前给出方案。")
    await expect(page.locator("#v9")).to_contain_text("机构已到现场")
    await expect(page.locator("#v9")).to_have_attribute("data-fresh", "")
    after = await page.locator("#v2").evaluate("e => e.getBoundingClientRect().top")
    assert abs(after - before) <= 1
    await expect(page.get_by_text("0574-0000-0000")).to_be_visible()
    await expect(page.locator("#proof-3")).to_have_attribute("open", "")
    await expect(page.locator("#search")).to_have_value("写到一半")
    assert troubles == []


async def test_new_demands_come_into_the_list_above_the_row_one_points_at(page: Page, served: Server) -> None:
    await page.set_viewport_size({"width": 1280, "height": 500})
    await enter(page, served)
    await page.wait_for_function(LISTENING)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    focused = page.locator(".row-open:focus")
    title = await focused.text_content()
    before = await focused.evaluate("e => e.getBoundingClientRect().top")
    newcomer(served, 1, "刚提出的诉求")
    await expect(page.get_by_role("link", name="刚提出的诉求")).to_be_attached()
    await expect(focused).to_have_text(title or "")
    assert abs(await focused.evaluate("e => e.getBoundingClientRect().top") - before) <= 1


async def test_a_lost_line_is_said_quietly_and_heals_by_itself(page: Page, served: Server) -> None:
    await enter(page, served)
    await page.goto(f"{served.url}/console/demands/{TRAIL}")
    await page.wait_for_function(LISTENING)
    served.stop()
    await expect(page.locator("#link-lost")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    served.start()
    progress(served, "断线时发生的事。")
    await expect(page.locator("#link-lost")).to_be_hidden()
    await expect(page.locator("#v9")).to_contain_text("断线时发生的事")


async def test_while_the_registry_is_out_of_reach_the_page_keeps_what_it_shows(page: Page, served: Server) -> None:
    await enter(page, served)
    await page.goto(f"{served.url}/console/demands/{TRAIL}")
    await page.wait_for_function(LISTENING)
    served.place.follower.stale = True
    progress(served, "名录失联时发生的事。")
    await expect(page.locator("#link-lost")).to_be_visible()
    await expect(page.locator("#v8")).to_be_visible()
    served.place.follower.stale = False
    await expect(page.locator("#v9")).to_contain_text("名录失联时发生的事")
    await expect(page.locator("#link-lost")).to_be_hidden()


async def test_a_revoked_key_sends_the_open_page_to_the_entrance(page: Page, served: Server) -> None:
    await enter(page, served)
    await page.wait_for_function(LISTENING)
    served.do(lambda: served.place.follower.revoke(served.place.key_id("clerk")))
    await page.wait_for_url("**/console/enter?over=1")
    await expect(page.get_by_role("alert")).to_contain_text("请重新进入")


async def test_choosing_a_category_is_enough_and_the_language_switches_in_place(page: Page, served: Server) -> None:
    await enter(page, served, "hub")
    await page.get_by_label("服务类别").select_option("quality")
    await page.wait_for_url("**/console/demands?category=quality*")
    await expect(page.locator(".row")).to_have_count(1)
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Demands")
    assert "category=quality" in page.url
    await expect(page.locator("html")).to_have_attribute("lang", "en")


def due_soon(served: Server) -> None:
    """A demand with everything a head can hold: two deadlines and a kin."""
    story = Story(served.place).submitted().assigned()
    like = Likeness(demand=TRAIL, score=97, reasons=("same_enterprise", "text_87"))
    story.promise(accept=timedelta(minutes=5)).then("SuggestDuplicates", ROUTER, (DuplicateSuggested(suggestions=(like,)), {}))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (800, "light"), (390, "dark"), (320, "light")])
async def test_pages_fit_every_width_with_text_of_sixteen_pixels(browser: Browser, served: Server, width: int, scheme: str) -> None:
    served.do(lambda: due_soon(served))
    context = await browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)  # type: ignore[arg-type]
    page = await context.new_page()
    for lang in ("中文", "English"):
        await page.goto(f"{served.url}/console/enter")
        if lang == "English":
            await page.get_by_role("button", name="English").click()
            await expect(page.locator("html")).to_have_attribute("lang", "en")
        assert await page.evaluate(OVERFLOW) <= 0
        assert await page.evaluate(SMALL_TEXT) == []
    await page.locator("#key").fill(served.place.keys["hub"])
    await page.locator("button.main").click()
    await page.wait_for_url("**/console/demands")
    for lang in ("en", "zh-CN"):
        await expect(page.locator("html")).to_have_attribute("lang", lang)
        shown = (f"/{demand}" for demand in (TRAIL, DEMAND, "ningbo-26a-0d0000000000000d"))
        for address in ("/console/x", "/console/demands", *(f"/console/demands{one}" for one in shown)):
            await page.goto(served.url + address)
            assert await page.evaluate(OVERFLOW) <= 0, address
            assert await page.evaluate(SMALL_TEXT) == [], address
        await page.locator("button[lang]").click()
    await context.close()


async def test_the_entrance_works_without_scripts(browser: Browser, served: Server) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await enter(page, served)
    await page.get_by_role("button", name="筛选").click()
    await page.get_by_role("link", name="注塑车间数字化改造").click()
    await expect(page.locator("#v8")).to_be_visible()
    await context.close()


async def test_a_printed_trail_keeps_what_matters_and_drops_what_does_not(page: Page, served: Server) -> None:
    await enter(page, served)
    await page.goto(f"{served.url}/console/demands/{TRAIL}")
    await page.emulate_media(media="print")
    await expect(page.locator("header.bar")).to_be_hidden()
    await expect(page.locator("#v1")).to_be_visible()
    await expect(page.locator("#proof-1 dd").first).to_be_visible()
    await expect(page.locator(".tone-hand .bar-hand").first).to_be_visible()
    await expect(page.locator(".print-only")).to_be_visible()
    await expect(page.get_by_text("0574-0000-0000")).to_be_hidden()
    assert len(await page.pdf()) > 10_000
