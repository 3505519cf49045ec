"""The enterprise's page in front of the whole running system: what is done with a thumb stands in the demand's own stream."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, expect

from tests.e2e.conftest import Outside

pytestmark = [pytest.mark.browser, pytest.mark.servers]

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 200]>>endobj\nxref\n0 4\n0000000000 65535 f \n0000000009 00000 n \n"
    b"0000000052 00000 n \n0000000101 00000 n \ntrailer<</Size 4/Root 1 0 R>>\nstartxref\n164\n%%EOF\n"
)
REPORT = PDF.replace(b"%PDF-1.4", b"%PDF-1.5")


class Window:
    """The clerk's side of a demand, over HTTP."""

    def __init__(self, outside: Outside, demand: str) -> None:
        self.outside = outside
        self.demand = demand

    def read(self, version: int) -> dict[str, Any]:
        answer = self.outside.get("tracker", f"/v1/demands/{self.demand}", "hub", min_version=version)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def act(self, path: str, body: dict[str, Any]) -> int:
        found = self.outside.post("router", f"/v1/demands/{self.demand}/assignments/a1/{path}", body, "clerk")
        assert found.status_code == 201, found.text
        return int(found.json()["version"])

    def resolve(self) -> int:
        """Finish with a report as evidence."""
        url = f"{self.outside.system.endpoints['router']}/v1/demands/{self.demand}/files"
        headers = {"Authorization": f"Bearer {self.outside.system.keys['clerk']}", "Content-Type": "application/pdf"}
        sent = httpx2.post(url, content=REPORT, headers=headers | {"Idempotency-Key": f"report-{self.demand}"}, trust_env=False)
        assert sent.status_code in (200, 201), sent.text
        file = sent.headers["location"].rpartition("/")[2]
        return self.act("resolution", {"result": "solved", "note": "样例：方案已交企业。", "evidence": [file]})

    def told(self) -> list[str]:
        trail = self.outside.get("tracker", f"/v1/demands/{self.demand}/trail", "hub").json()
        return [event["type"] for commit in trail["commits"] for event in commit["events"]]


async def phone_of(browser: Browser) -> tuple[BrowserContext, Page]:
    context = await browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=False, has_touch=True, is_mobile=True)
    page = await context.new_page()
    page.set_default_timeout(20_000)
    return context, page


async def test_an_enterprise_completes_disputes_and_complains_by_its_printed_code(
    browser: Browser, outside: Outside, demand: dict[str, Any]
) -> None:
    receipt = outside.post("intake", "/v1/demands", demand).json()
    window = Window(outside, receipt["id"])
    window.read(2)
    window.act("acceptance", {})
    asked = window.act("completion-request", {"note": "样例：请补设备清单。"})
    window.read(asked)

    context, page = await phone_of(browser)
    await page.goto(receipt["links"]["enterprise"].replace("/e/", "/slip/"))
    await expect(page.get_by_role("img")).to_be_visible()
    await page.goto(receipt["links"]["enterprise"])
    await expect(page.locator(".own-now")).to_contain_text("样例：请补设备清单。")
    await page.get_by_label("说明").fill("样例：清单见附件。")
    await page.get_by_label("上传材料（可不传）").set_input_files(FilePayload(name="清单.pdf", mimeType="application/pdf", buffer=PDF))
    await page.get_by_role("button", name="提交补正").tap()
    await expect(page.get_by_role("status")).to_contain_text("已收到您的补正")
    await expect(page.locator(".own-steps")).to_contain_text("样例：清单见附件。")

    window.read(window.resolve())
    await page.get_by_role("link", name="刷新，看最新进展").tap()
    await expect(page.locator(".own-now")).to_contain_text("样例：方案已交企业。")
    await page.locator("summary", has_text="还没解决").tap()
    await page.get_by_label("哪里没有解决").fill("样例：还是不通。")
    await page.get_by_role("button", name="提出异议").tap()
    await expect(page.locator(".own-turn")).to_have_text("您对结果有异议，上级单位正在核查")
    await page.locator("summary", has_text="投诉").tap()
    await page.get_by_label("发生了什么").fill("样例：多次联系没有回应。")
    await page.get_by_role("button", name="提交投诉").tap()
    await expect(page.get_by_role("status")).to_contain_text("已收到您的投诉")
    for event in ("EvidenceAttached", "CompletionProvided", "DemandResumed", "ResolutionDisputed", "ComplaintRaised"):
        assert event in window.told()
    await context.close()


async def test_an_enterprise_supplements_confirms_and_rates_and_a_double_tap_counts_once(
    browser: Browser, outside: Outside, demand: dict[str, Any]
) -> None:
    receipt = outside.post("intake", "/v1/demands", demand).json()
    window = Window(outside, receipt["id"])
    window.read(2)
    window.read(window.act("acceptance", {}))
    context, page = await phone_of(browser)
    await page.goto(receipt["links"]["enterprise"])
    await page.locator("summary", has_text="补充情况").tap()
    await page.get_by_label("补充什么").fill("样例：另有两台老设备。")
    await page.get_by_role("button", name="提交补充").dblclick(no_wait_after=True)
    await expect(page.get_by_role("status")).to_contain_text("已收到您的补充")
    window.read(window.resolve())
    await page.reload()
    await page.get_by_role("button", name="确认解决").tap()
    await expect(page.locator(".own-turn")).to_have_text("已结案，结果已确认")
    await page.get_by_text("非常满意", exact=True).tap()
    await page.get_by_role("button", name="提交评价").tap()
    await expect(page.locator(".own-steps")).to_contain_text("您的评价：非常满意")
    told = window.told()
    for event in ("DemandSupplemented", "ResolutionConfirmed", "DemandClosed", "DemandRated"):
        assert told.count(event) == 1, event
    await context.close()
