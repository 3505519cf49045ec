"""The enterprise's own page: what its link shows and offers at each step, what a tap does, and what opening it never does."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
import segno

from libs.directory import Network
from libs.events import DemandResolved
from services.tracker.console.affair import COMMANDS, linked_of, possible
from services.tracker.console.deadlines import due_of
from services.tracker.console.outward import NOT_SURE, NotTaken
from services.tracker.console.testing import SEALED
from services.tracker.trail import Trail
from tests.unit.console.browsing import ORIGIN, Element, stranger, tree
from tests.unit.console.enterprise_link import ASKED, DEMAND, DONE, TITLE, IntakeBeside, Story, beside, page_of, token_of
from tests.unit.console.situations import CLERK, COUNTY_MAN, NOW, TRAIL, WINDOW, Office, office

SITUATIONS: dict[str, Callable[[Story], Story]] = {
    "submitted": lambda story: story.submitted(),
    "assigned": lambda story: story.submitted().assigned(),
    "in_progress": lambda story: story.submitted().accepted(),
    "awaiting_enterprise": lambda story: story.submitted().incomplete(),
    "suspended": lambda story: story.submitted().suspended(),
    "resolved": lambda story: story.submitted().resolved(),
    "closed": lambda story: story.submitted().closed(),
    "refused": lambda story: story.submitted().refused(),
    "withdrawn": lambda story: story.submitted().withdrawn(),
}
NOTES = {
    "rating": {"grade": "satisfied"},
    "confirmation": {},
    **{act: {"note": "样例：企业的话。"} for act in ("completion", "dispute", "reopening", "supplement", "complaint")},
}


@pytest.fixture
def place() -> Office:
    return office()


@pytest.fixture
def intake(place: Office) -> IntakeBeside:
    return beside(place)


@pytest.fixture
async def phone(place: Office, intake: IntakeBeside) -> AsyncIterator[httpx2.AsyncClient]:
    async with stranger(place) as client:
        yield client


def commits(place: Office, demand: str = DEMAND) -> int:
    return len(place.source.commits(demand))


def form_of(page: Element, act: str) -> dict[str, str]:
    form = next(form for form in page.find("form") if f"/{act}" in form.attributes["action"])
    return {"form": form.find("input", name="form")[0].attributes["value"]}


async def tap(phone: httpx2.AsyncClient, act: str, *, address: str = page_of(), **fields: Any) -> httpx2.Response:
    """Open the page, fill a form in and send it, as a person does."""
    form = form_of(tree(await phone.get(address)), act)
    return await phone.post(f"{address}/{act}", data=form | NOTES[act] | fields)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", SITUATIONS)
async def test_the_page_is_sound_at_every_step_in_both_languages(phone: httpx2.AsyncClient, place: Office, name: str, lang: str) -> None:
    SITUATIONS[name](Story(place))
    answer = await phone.get(page_of() + ("?lang=en" if lang == "en" else ""))
    assert answer.status_code == 200
    page = tree(answer)
    assert page.find("html")[0].attributes["lang"] == ("zh-CN" if lang == "zh" else "en")
    assert [heading.text for heading in page.find("h1")] == [TITLE]
    ids = [element.attributes["id"] for element in page.all() if "id" in element.attributes]
    assert len(ids) == len(set(ids))
    for field in [*page.find("textarea"), *page.find("select"), *page.find("input", type="file")]:
        assert page.find("label", **{"for": field.attributes["id"]})
    for element in page.all():
        assert "style" not in element.attributes
        assert element.tag not in ("script", "style")
        described = element.attributes.get("aria-describedby")
        assert described is None or described in ids
        if element.tag == "form":
            assert element.attributes["action"].endswith("?lang=en") == (lang == "en")
    if lang == "en":
        told = page.text.replace(TITLE, "").replace(ASKED, "").replace(DONE, "").replace("中文", "")
        assert not re.search(r"[\u4e00-\u9fff]", told.partition("样例：请向")[0].replace("样例", ""))


async def test_the_address_is_kept_from_search_engines_caches_and_other_sites(phone: httpx2.AsyncClient, place: Office) -> None:
    Story(place).submitted()
    for address in (page_of(), f"/slip/{token_of()}", page_of() + "x"):
        headers = (await phone.get(address)).headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
        assert "noindex" in headers["x-robots-tag"]
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "set-cookie" not in headers


async def test_every_link_that_is_not_the_demand_s_own_ends_at_the_same_page(phone: httpx2.AsyncClient, place: Office) -> None:
    Story(place).submitted()
    own, other = token_of(), token_of("ningbo-26a-0e0000000000000b")
    wrong = (
        own[:-1] + ("0" if own[-1] != "0" else "1"),
        other,
        token_of(TRAIL),  # It came without a link.
        f"lde_{DEMAND}_{other.rpartition('_')[2]}",
        "lde_" + "x" * 200,
        "lde_nowhere_" + "0" * 26,
        "x",
        "%00",
    )
    texts = set()
    for token in wrong:
        for address in (f"/e/{token}", f"/slip/{token}"):
            answer = await phone.get(address)
            assert answer.status_code == 404
            texts.add(tree(answer).find("main")[0].text)
        assert (await phone.post(f"/e/{token}/supplement", data={"form": "0" * 32, "note": "样例"})).status_code == 404
    assert len(texts) == 1
    assert "这个链接打不开" in texts.pop()
    assert commits(place) == 1


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize("submitter", [None, WINDOW], ids=["by a partner", "by the office that handles it"])
async def test_the_page_offers_exactly_what_intake_accepts(
    phone: httpx2.AsyncClient, place: Office, intake: IntakeBeside, name: str, submitter: str | None
) -> None:
    offered = set()
    accepted = set()
    for number, act in enumerate(COMMANDS):
        story = SITUATIONS[name](Story(place, f"ningbo-26a-0e000000000000f{number}", submitter))
        address = page_of(story.demand)
        page = tree(await phone.get(address))
        if page.find("details", id=f"act-{act}"):
            offered.add(act)
        answer = await phone.post(f"{address}/{act}", data={"form": "a" * 32} | NOTES[act])
        if answer.status_code == 303:
            accepted.add(act)
    assert offered == accepted


@pytest.mark.parametrize("name", SITUATIONS)
async def test_opening_changes_nothing_however_often_and_by_whom(
    phone: httpx2.AsyncClient, place: Office, intake: IntakeBeside, name: str
) -> None:
    SITUATIONS[name](Story(place))
    before = commits(place)
    for _ in range(3):
        for act in COMMANDS:
            assert (await phone.get(f"{page_of()}/{act}")).status_code == 303
        for address in (page_of(), f"{page_of()}?said=confirmation&v=1", f"/slip/{token_of()}"):
            assert (await phone.get(address, headers={"user-agent": "preview", "sec-fetch-site": "cross-site"})).status_code == 200
            assert (await phone.head(address)).status_code == 200
    assert commits(place) == before
    assert intake.sent == []


@pytest.mark.parametrize(
    ("name", "act", "event"),
    [
        ("in_progress", "supplement", "DemandSupplemented"),
        ("awaiting_enterprise", "completion", "CompletionProvided"),
        ("resolved", "confirmation", "DemandClosed"),
        ("resolved", "dispute", "ResolutionDisputed"),
        ("closed", "reopening", "DemandReopened"),
        ("closed", "rating", "DemandRated"),
        ("in_progress", "complaint", "ComplaintRaised"),
    ],
)
async def test_each_act_is_done_said_and_seen_at_once(phone: httpx2.AsyncClient, place: Office, name: str, act: str, event: str) -> None:
    SITUATIONS[name](Story(place))
    answer = await tap(phone, act)
    assert answer.status_code == 303
    done = place.source.commits(DEMAND)[-1]
    assert event in {type(item.event).__name__ for item in done.events}
    shown = tree(await phone.get(answer.headers["location"]))
    assert shown.find(role="status")[0].text.startswith("✓")
    assert not shown.find(class_="said-behind")


async def test_the_whole_story_on_the_phone(phone: httpx2.AsyncClient, place: Office) -> None:
    Story(place).submitted().incomplete()
    asked = tree(await phone.get(page_of()))
    assert ASKED in asked.find("section", class_="own-now")[0].text
    await tap(phone, "completion")
    assert "办理中" in tree(await phone.get(page_of())).find(class_="chip")[0].text
    story = Story(place)
    story.at = NOW
    story.then("ResolveDemand", CLERK, (DemandResolved(assignment="a1", node=WINDOW, result="solved", note=SEALED), {"note": DONE}))
    story.promise(confirm=timedelta(days=5))
    resolved = tree(await phone.get(page_of()))
    assert "问题解决了吗" in resolved.text
    assert "11月29日（周日）15:02" in resolved.text
    await tap(phone, "confirmation")
    closed = tree(await phone.get(page_of()))
    assert "已结案，结果已确认" in closed.text
    assert not closed.find("details", id="act-confirmation")
    await tap(phone, "rating", grade="fairly_satisfied")
    assert "您的评价：基本满意" in tree(await phone.get(page_of())).text


async def test_a_double_tap_is_one_act_and_another_text_from_the_same_page_another(
    phone: httpx2.AsyncClient, place: Office, intake: IntakeBeside
) -> None:
    Story(place).submitted().accepted()
    form = form_of(tree(await phone.get(page_of())), "supplement")
    before = commits(place)
    for _ in range(2):
        answer = await phone.post(f"{page_of()}/supplement", data=form | {"note": "样例：一"})
        assert answer.status_code == 303
    assert commits(place) == before + 1
    assert (await phone.post(f"{page_of()}/supplement", data=form | {"note": "样例：二"})).status_code == 303
    assert commits(place) == before + 2
    again = form_of(tree(await phone.get(page_of())), "supplement")
    assert again != form
    assert (await phone.post(f"{page_of()}/supplement", data=again | {"note": "样例：一"})).status_code == 303
    assert commits(place) == before + 3
    assert {body["note"] for _, _, body in intake.sent} == {"样例：一", "样例：二"}


async def test_when_the_line_breaks_after_the_act_sending_the_same_form_again_does_it_once(
    phone: httpx2.AsyncClient, place: Office, intake: IntakeBeside
) -> None:
    Story(place).submitted().accepted()
    before = commits(place)
    intake.trouble, intake.late = NotTaken(NOT_SURE, 503), True
    answer = await tap(phone, "supplement", note="样例：只算一次")
    page = tree(answer)
    assert answer.status_code == 503
    assert "请再点一次“提交补充”" in page.find(role="alert")[0].text
    assert page.find("textarea", id="supplement-note")[0].text == "样例：只算一次"
    form = form_of(page, "supplement")
    assert (await phone.post(f"{page_of()}/supplement", data=form | {"note": "样例：只算一次"})).status_code == 303
    assert commits(place) == before + 1


async def test_what_was_typed_is_not_lost_when_things_moved_on(phone: httpx2.AsyncClient, place: Office) -> None:
    Story(place).submitted().resolved()
    form = form_of(tree(await phone.get(page_of())), "dispute")
    await tap(phone, "confirmation")
    answer = await phone.post(f"{page_of()}/dispute", data=form | {"note": "样例：机器还是不通"})
    page = tree(answer)
    assert answer.status_code == 409
    assert "情况已经变化" in page.find(role="alert")[0].text
    assert "样例：机器还是不通" in page.find("blockquote")[0].text
    assert not page.find("details", id="act-dispute")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("rated_already", "已经评价过"),
        ("reopening_too_late", "已过申请重办的期限"),
        ("self_confirmation", "回访"),
        ("file_active_content", "宏"),
        ("rate_limited", "等一分钟"),
        ("something_new", "没有做成"),
    ],
)
async def test_refusals_are_told_in_words_with_what_to_do(
    phone: httpx2.AsyncClient, place: Office, intake: IntakeBeside, code: str, words: str
) -> None:
    Story(place).submitted().accepted()
    intake.trouble = NotTaken(code, 409)
    answer = await tap(phone, "supplement")
    assert answer.status_code == 409
    assert words in tree(answer).find(role="alert")[0].text


@pytest.mark.parametrize(
    ("name", "act", "fields", "words"),
    [
        ("in_progress", "supplement", {"note": " \r\n "}, "还没有填写"),
        ("in_progress", "supplement", {"note": "长" * 5001}, "太长"),
        ("closed", "rating", {"grade": ""}, "还没有选择"),
        ("closed", "rating", {"grade": "wonderful"}, "还没有选择"),
    ],
)
async def test_what_cannot_be_sent_is_told_before_anything_is_sent(
    phone: httpx2.AsyncClient, place: Office, intake: IntakeBeside, name: str, act: str, fields: dict[str, str], words: str
) -> None:
    SITUATIONS[name](Story(place))
    answer = await tap(phone, act, **fields)
    assert answer.status_code == 422
    assert words in tree(answer).find(role="alert")[0].text
    assert intake.sent == []


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"origin": ORIGIN}, True),
        ({"origin": "null"}, True),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "null", "sec-fetch-site": "cross-site"}, False),
        ({"origin": "null", "sec-fetch-site": "same-site"}, False),
        ({"origin": "https://evil.test"}, False),
    ],
)
async def test_forms_come_from_the_page_itself(
    phone: httpx2.AsyncClient, place: Office, intake: IntakeBeside, headers: dict[str, str], passes: bool
) -> None:
    Story(place).submitted().accepted()
    form = form_of(tree(await phone.get(page_of())), "supplement")
    answer = await phone.post(f"{page_of()}/supplement", data=form | NOTES["supplement"], headers=headers)
    assert answer.status_code == (303 if passes else 403)
    assert bool(intake.sent) == passes


async def test_a_form_without_its_own_id_is_not_carried_out(phone: httpx2.AsyncClient, place: Office, intake: IntakeBeside) -> None:
    Story(place).submitted().accepted()
    answer = await phone.post(f"{page_of()}/supplement", data={"note": "样例：写好的话"})
    assert answer.status_code == 403
    assert tree(answer).find("textarea", id="supplement-note")[0].text == "样例：写好的话"
    assert (await phone.post(f"{page_of()}/nothing", data={"form": "a" * 32})).status_code == 404
    assert intake.sent == []


async def test_files_go_to_the_router_as_what_their_names_say(phone: httpx2.AsyncClient, place: Office, intake: IntakeBeside) -> None:
    Story(place).submitted().incomplete()
    form = form_of(tree(await phone.get(page_of())), "completion")
    files = [
        ("files", ("设备清单.docx", b"PK", "application/octet-stream")),
        ("files", ("车间.JPG", b"\xff\xd8", "image/jpeg")),
        ("files", ("", b"", "application/octet-stream")),
    ]
    answer = await phone.post(f"{page_of()}/completion", data=form | {"note": "样例：已补"}, files=files)
    assert answer.status_code == 303
    assert [file.name for file in intake.files] == ["设备清单.docx", "车间.JPG"]
    assert intake.files[0].media_type.endswith("wordprocessingml.document")
    path, _, body = intake.sent[-1]
    assert path == "completion"
    assert len(body["files"]) == 2


@pytest.mark.parametrize(("count", "size"), [(4, 10), (6, 10), (1, 10 * 1024 * 1024 + 1)])
async def test_too_many_or_too_large_files_are_refused_with_words(
    phone: httpx2.AsyncClient, place: Office, intake: IntakeBeside, count: int, size: int
) -> None:
    Story(place).submitted().incomplete()
    form = form_of(tree(await phone.get(page_of())), "completion")
    files = [("files", (f"{number}.pdf", b"%" * size, "application/pdf")) for number in range(count)]
    answer = await phone.post(f"{page_of()}/completion", data=form | {"note": "样例：已补"}, files=files)
    assert answer.status_code == 413
    assert "最多 3 份" in tree(answer).find(role="alert")[0].text
    assert intake.files == []


async def test_the_page_names_offices_and_no_persons_and_keeps_what_offices_tell_each_other(
    phone: httpx2.AsyncClient, place: Office
) -> None:
    Story(place).submitted().suspended()
    text = (await phone.get(page_of())).text
    assert "内部说明" not in text
    for person in (CLERK, COUNTY_MAN):
        assert person.id not in text
    assert "等待第三方" in text
    assert "11月26日（周四）15:02" in text


async def test_where_who_submitted_is_who_handled_a_call_back_is_announced(phone: httpx2.AsyncClient, place: Office) -> None:
    Story(place, submitter=WINDOW).submitted().resolved()
    page = tree(await phone.get(page_of()))
    assert "由枢纽打电话回访您" in page.text
    assert not page.find("details", id="act-confirmation")
    assert page.find("details", id="act-dispute")


async def test_a_refused_demand_says_what_to_do_next_and_until_when_it_may_be_taken_up_again(
    phone: httpx2.AsyncClient, place: Office
) -> None:
    Story(place).submitted().refused()
    page = tree(await phone.get(page_of()))
    assert "请向北仑区人社局咨询" in page.find("section", class_="own-now")[0].text
    assert "12月4日（周五）15:02 前可以申请" in page.find("details", id="act-reopening")[0].text
    place.now = NOW + timedelta(days=11)
    assert not tree(await phone.get(page_of())).find("details", id="act-reopening")


async def test_a_broken_promise_is_said_by_word_and_shape_not_by_colour_alone(phone: httpx2.AsyncClient, place: Office) -> None:
    Story(place).submitted().accepted()
    assert "还有 3 天" in tree(await phone.get(page_of())).find(class_="due-left")[0].text
    place.now = NOW + timedelta(days=2, hours=22)
    soon = tree(await phone.get(page_of())).find(class_="due-soon")[0]
    assert soon.text == "还有 2 小时"
    place.now = NOW + timedelta(days=3, hours=2)
    late = tree(await phone.get(page_of())).find(class_="due-late")[0]
    assert late.text.startswith("已超过 2 小时")
    assert [path.attributes["d"] for path in late.find("path")] != [path.attributes["d"] for path in soon.find("path")]


async def test_a_page_that_has_not_caught_up_says_so(phone: httpx2.AsyncClient, place: Office) -> None:
    Story(place).submitted()
    page = tree(await phone.get(f"{page_of()}?said=supplement&v=99"))
    assert page.find(class_="said-behind")
    assert not tree(await phone.get(f"{page_of()}?said=<script>&v=1")).find(role="status")


async def test_the_slip_draws_the_code_of_the_page(phone: httpx2.AsyncClient, place: Office) -> None:
    Story(place).submitted()
    slip = tree(await phone.get(f"/slip/{token_of()}"))
    assert DEMAND in slip.text
    assert "扫码" in slip.text
    assert drawn(slip) == expected(f"{ORIGIN}{page_of()}")
    assert token_of() not in slip.text


def drawn(slip: Element) -> set[tuple[int, int]]:
    path = slip.find("svg", class_="slip-code")[0].find("path")[0].attributes["d"]
    strokes = re.findall(r"M(\d+) (\d+)\.5h(\d+)", path)
    return {(int(x) + step, int(y)) for x, y, length in strokes for step in range(int(length))}


def expected(text: str) -> set[tuple[int, int]]:
    matrix = segno.make_qr(text, error="q").matrix
    return {(x + 4, y + 4) for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark}


def test_nothing_is_offered_once_the_personal_data_is_erased(place: Office) -> None:
    Story(place).submitted().closed()
    state = linked_of(DEMAND, Trail(place.source.commits(DEMAND), ())).state
    network: Network = place.follower.directory.networks["ningbo"]
    assert possible(state, network, NOW)
    assert possible(replace(state, erased=True), network, NOW) == ()
    assert due_of(state, place.source.commits(DEMAND), NOW) is None
