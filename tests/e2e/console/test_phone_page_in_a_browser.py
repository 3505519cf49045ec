"""The enterprise's page as a thumb meets it: 360 px wide, no scripts, double taps, the back button, a keyboard, English."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, expect

from libs.events import DemandResolved
from services.tracker.console.testing import SEALED
from tests.e2e.console.conftest import Server
from tests.e2e.console.test_console_in_a_browser import OVERFLOW, SMALL_TEXT
from tests.unit.console.enterprise_link import DEMAND, DONE, IntakeBeside, Story, beside, page_of, token_of
from tests.unit.console.situations import CLERK, WINDOW

pytestmark = pytest.mark.browser

SMALL_TARGETS = """() => [...document.querySelectorAll(
    "a, button, summary, input:not([type=hidden]):not([type=radio]), select, textarea, .grade")]
  .filter(e => e.checkVisibility() && !e.classList.contains("skip"))
  .map(e => [e.tagName, e.textContent.trim().slice(0, 12), Math.round(e.getBoundingClientRect().height)]).filter(found => found[2] < 44)"""
UNNAMED = """() => [...document.querySelectorAll("input:not([type=hidden]), select, textarea")]
  .filter(e => !e.labels?.length).map(e => e.outerHTML)"""


@pytest.fixture
def intake(served: Server) -> IntakeBeside:
    return beside(served.place)


@pytest.fixture
async def phone(browser: Browser, troubles: list[str]) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(
        viewport={"width": 360, "height": 740}, java_script_enabled=False, has_touch=True, is_mobile=True, locale="zh-CN"
    )
    context.set_default_timeout(20_000)
    context.on("console", lambda message: troubles.append(message.text) if message.type in ("error", "warning") else None)
    yield context
    await context.close()


def commits(served: Server) -> int:
    return len(served.place.source.commits(DEMAND))


async def opened(phone: BrowserContext, served: Server, **query: str) -> Page:
    page = await phone.new_page()
    await page.goto(served.url + page_of() + "".join(f"?{name}={value}" for name, value in query.items()))
    return page


async def test_a_demand_from_completion_to_rating_with_one_thumb(
    phone: BrowserContext, served: Server, intake: IntakeBeside, troubles: list[str]
) -> None:
    Story(served.place).submitted().incomplete()
    page = await opened(phone, served)
    await page.get_by_label("说明").fill("样例：设备清单已上传。")
    listing = FilePayload(name="清单.pdf", mimeType="application/pdf", buffer=b"%PDF-1.7 sample")
    await page.get_by_label("上传材料（可不传）").set_input_files(listing)
    await page.get_by_role("button", name="提交补正").tap()
    await expect(page.get_by_role("status")).to_contain_text("已收到您的补正")
    assert [file.media_type for file in intake.files] == ["application/pdf"]

    story = Story(served.place)
    story.at = served.place.now

    def resolve() -> None:
        resolved = DemandResolved(assignment="a1", node=WINDOW, result="solved", note=SEALED)
        story.then("ResolveDemand", CLERK, (resolved, {"note": DONE})).promise(confirm=timedelta(days=5))

    served.do(resolve)
    await page.get_by_role("link", name="刷新，看最新进展").tap()
    await expect(page.locator(".own-now")).to_contain_text("问题解决了吗")
    await expect(page.locator(".own-now")).to_contain_text(DONE)
    await page.locator("summary", has_text="还没解决").tap()
    await page.get_by_label("哪里没有解决").fill("样例：机器还是不通。")
    await page.get_by_role("button", name="提出异议").tap()
    await expect(page.get_by_role("status")).to_contain_text("已收到您的异议")
    await expect(page.locator(".own-turn")).to_have_text("您对结果有异议，上级单位正在核查")
    served.do(resolve)
    await page.reload()
    await page.get_by_role("button", name="确认解决").tap()
    await expect(page.get_by_role("status")).to_contain_text("谢谢，已按您的确认结案。")
    await page.get_by_text("基本满意", exact=True).tap()
    await page.get_by_role("button", name="提交评价").tap()
    await expect(page.get_by_role("status")).to_contain_text("谢谢您的评价。")
    await page.locator("summary", has_text="投诉").tap()
    await page.get_by_label("发生了什么").fill("样例：多次联系没有回应。")
    await page.get_by_role("button", name="提交投诉").tap()
    await expect(page.get_by_role("status")).to_contain_text("已收到您的投诉")
    assert [path for path, _, _ in intake.sent] == ["completion", "dispute", "confirmation", "rating", "complaints"]
    assert troubles == []


async def test_a_double_tap_is_one_act(phone: BrowserContext, served: Server, intake: IntakeBeside) -> None:
    Story(served.place).submitted().resolved()
    before = commits(served)
    page = await opened(phone, served)
    await page.get_by_role("button", name="确认解决").dblclick(no_wait_after=True)
    await expect(page.get_by_role("status")).to_be_visible()
    assert commits(served) == before + 1


async def test_going_back_reloading_and_previews_do_nothing(phone: BrowserContext, served: Server, intake: IntakeBeside) -> None:
    Story(served.place).submitted().accepted()
    page = await opened(phone, served)
    await page.locator("summary", has_text="补充情况").tap()
    await page.get_by_label("补充什么").fill("样例：另有两台老设备。")
    await page.get_by_role("button", name="提交补充").tap()
    await expect(page.get_by_role("status")).to_be_visible()
    done = commits(served)
    await page.reload()
    await page.go_back()
    await expect(page.locator(".own-steps")).to_contain_text("样例：另有两台老设备。")
    await page.go_forward()
    for _ in range(3):
        assert (await phone.request.head(served.url + page_of())).status == 200
        assert (await phone.request.get(served.url + page_of())).status == 200
        assert (await phone.request.get(f"{served.url}{page_of()}/confirmation")).status == 200
    assert commits(served) == done
    assert len(intake.sent) == 1


async def test_another_site_cannot_send_a_form_even_with_the_link(browser: Browser, served: Server, intake: IntakeBeside) -> None:
    Story(served.place).submitted().resolved()
    context = await browser.new_context()
    page = await context.new_page()
    form = (
        f'<form method="post" action="{served.url}{page_of()}/confirmation"><input name="form" value="{"a" * 32}"><button>x</button></form>'
    )
    await page.route("http://evil.test/", lambda route: route.fulfill(body=form, content_type="text/html"))
    await page.goto("http://evil.test/")
    await page.get_by_role("button").click()
    await expect(page.get_by_role("alert")).to_contain_text("请从这个页面提交")
    assert intake.sent == []
    await context.close()


@pytest.mark.parametrize("name", ["submitted", "incomplete", "resolved", "closed", "refused", "suspended"])
async def test_it_fits_phones_and_desks_with_targets_for_thumbs_and_text_of_sixteen_pixels(
    browser: Browser, served: Server, intake: IntakeBeside, name: str
) -> None:
    story = Story(served.place).submitted()
    if name != "submitted":
        getattr(story, name)()
    for width, scheme in ((320, "dark"), (360, "light"), (1100, "light")):
        context = await browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme)  # type: ignore[arg-type]
        page = await context.new_page()
        for lang in ("zh", "en"):
            await page.goto(f"{served.url}{page_of()}?lang={lang}")
            await page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
            assert await page.evaluate(OVERFLOW) <= 0, (width, lang)
            assert await page.evaluate(SMALL_TEXT) == [], (width, lang)
            assert await page.evaluate(SMALL_TARGETS) == [], (width, lang)
            assert await page.evaluate(UNNAMED) == []
        await context.close()


async def test_the_keyboard_reaches_every_control_in_the_order_of_reading(browser: Browser, served: Server, intake: IntakeBeside) -> None:
    Story(served.place).submitted().resolved()
    context = await browser.new_context(viewport={"width": 360, "height": 740})
    page = await context.new_page()
    await page.goto(served.url + page_of())
    seen: list[str] = []
    tops: list[float] = []
    for _ in range(9):
        await page.keyboard.press("Tab")
        seen.append(await page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id"))
        tops.append(await page.evaluate("document.activeElement.getBoundingClientRect().top + scrollY"))
    assert seen[:6] == ["跳到正文", "English", "问题解决了", "确认解决", "还没解决", "评价这次服务"]
    assert tops[1:] == sorted(tops[1:])
    assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    await context.close()


async def test_english_is_one_tap_away_and_stays_after_an_act(phone: BrowserContext, served: Server, intake: IntakeBeside) -> None:
    Story(served.place).submitted().resolved()
    page = await opened(phone, served)
    await page.get_by_role("link", name="English").tap()
    await expect(page.get_by_role("button", name="Yes, it is solved")).to_be_visible()
    await page.get_by_role("button", name="Yes, it is solved").tap()
    await expect(page.get_by_role("status")).to_contain_text("Thank you")
    await expect(page.locator("html")).to_have_attribute("lang", "en")


async def test_the_slip_prints_on_one_small_page_with_nothing_but_itself(
    page: Page, served: Server, intake: IntakeBeside, troubles: list[str]
) -> None:
    Story(served.place).submitted()
    await page.goto(f"{served.url}/slip/{token_of()}")
    await expect(page.get_by_role("img", name="二维码：打开您的诉求页面")).to_be_visible()
    await expect(page.get_by_role("button", name="打印")).to_be_visible()
    printed = await page.pdf(prefer_css_page_size=True)
    assert printed.count(b"/Type /Page\n") == 1
    assert b"[0 0 298" in printed
    await page.emulate_media(media="print")
    await expect(page.get_by_role("button", name="打印")).to_be_hidden()
    await expect(page.get_by_role("link", name="English")).to_be_hidden()
    assert troubles == []
