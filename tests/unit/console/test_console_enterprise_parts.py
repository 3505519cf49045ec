"""A demand handled in parts: the one link of the whole shows, confirms and disputes each of them."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import pytest

from libs.events import DemandSplit, SplitPart
from services.tracker.console.testing import SEALED
from tests.unit.console.browsing import stranger, tree
from tests.unit.console.enterprise_link import DEMAND, TITLE, Story, beside, page_of
from tests.unit.console.situations import CLERK, WINDOW, Office, office
from tests.unit.console.test_console_enterprise import NOTES, commits, form_of


@pytest.fixture
def place() -> Office:
    return office()


@pytest.fixture
async def phone(place: Office) -> AsyncIterator[httpx2.AsyncClient]:
    beside(place)
    async with stranger(place) as client:
        yield client


PARTS = ("ningbo-26a-0e000000000000p1", "ningbo-26a-0e000000000000p2", "ningbo-26a-0e000000000000p3")


def split(place: Office, *created: str) -> None:
    """The demand is split into three; those named have come into being, under the link of the whole."""
    parts = tuple(
        SplitPart(part=f"p{number}", demand=demand, region="330206", title=SEALED, description=SEALED)
        for number, demand in enumerate(PARTS, 1)
    )
    Story(place).submitted().accepted().then("SplitDemand", CLERK, (DemandSplit(assignment="a1", node=WINDOW, join="all", parts=parts), {}))
    for demand in created:
        Story(place, demand, parent=DEMAND).submitted()


async def test_the_whole_lists_its_parts_and_where_each_stands(phone: httpx2.AsyncClient, place: Office) -> None:
    split(place)
    Story(place, PARTS[0], parent=DEMAND).submitted().resolved()
    Story(place, PARTS[1], parent=DEMAND).submitted()
    listed = tree(await phone.get(page_of())).find("section", class_="own-parts")[0]
    told = [item.text for item in listed.find("li")]
    assert len(told) == 2, "the third has not come into being yet"
    assert all(TITLE in text for text in told)
    assert "请您处理" in told[0]
    assert "请您处理" not in told[1]
    addresses = [link.attributes["href"] for link in listed.find("a")]
    assert addresses == [f"{page_of()}?part=p1", f"{page_of()}?part=p2"]
    for address in addresses:
        assert (await phone.get(address)).status_code == 200


async def test_each_part_is_confirmed_disputed_and_rated_by_the_link_of_the_whole(phone: httpx2.AsyncClient, place: Office) -> None:
    split(place)
    for demand in PARTS[:2]:
        Story(place, demand, parent=DEMAND).submitted().resolved()
    before = commits(place)
    for name, act, said in (("p1", "confirmation", "closed"), ("p2", "dispute", "disputed"), ("p1", "rating", "closed")):
        page = tree(await phone.get(f"{page_of()}?part={name}"))
        assert page.find("a", href=page_of()), "the way back to the whole"
        form = next(form for form in page.find("form") if f"/{act}" in form.attributes["action"])
        answer = await phone.post(form.attributes["action"], data=form_of(page, act) | NOTES[act])
        assert answer.status_code == 303
        assert f"part={name}" in answer.headers["location"]
        after = tree(await phone.get(answer.headers["location"]))
        assert after.find(class_=f"state-{said}")
    assert commits(place) == before


async def test_no_part_but_the_whole_s_own_is_opened(phone: httpx2.AsyncClient, place: Office) -> None:
    split(place, PARTS[0])
    Story(place, PARTS[1]).submitted()  # Somebody else's, of that very number.
    assert (await phone.get(f"{page_of()}?part=p1")).status_code == 200
    for name in ("p2", "p3", "p4", "x" * 200, "%00"):
        assert (await phone.get(f"{page_of()}?part={name}")).status_code == 404
        assert (await phone.post(f"{page_of()}/supplement?part={name}", data={"form": "a" * 32, "note": "样例"})).status_code == 404


async def test_a_part_reads_in_english_to_the_end(phone: httpx2.AsyncClient, place: Office) -> None:
    split(place, PARTS[0])
    page = tree(await phone.get(f"{page_of()}?part=p1&lang=en"))
    assert page.find("a", href=f"{page_of()}?lang=en")
    assert page.find("a", class_="own-language")[0].attributes["href"] == f"{page_of()}?part=p1"
    answer = await phone.post(f"{page_of()}/supplement?part=p1&lang=en", data=form_of(page, "supplement") | NOTES["supplement"])
    assert "lang=en" in answer.headers["location"]
    assert commits(place, PARTS[0]) == 2
