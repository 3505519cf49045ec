"""The console's adapter on a real PostgreSQL: views, sealed texts, sessions and the live line, without processes or a browser."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from cli.machine.testing import RunningPostgres
from libs.chassis.auth import digest_of, enterprise_token, new_key
from libs.directory import Credential, Directory, Network
from libs.events import (
    ArbitrationOpened,
    AssignmentAccepted,
    AssignmentArbitrated,
    CompletionRequested,
    Deadline,
    DeadlinesSet,
    DemandSplit,
    DemandSupplemented,
    Refused,
    SplitPart,
)
from services.tracker.console.outward import HttpOutward
from services.tracker.console.reads import TrackerSource, open_console
from services.tracker.console.sessions import LIFETIME, DatabaseSessions
from services.tracker.console.visit import caller_by_key
from services.tracker.precedents import read_precedents
from services.tracker.rights import Scope
from services.tracker.rooms import Rooms
from tests.integration.tracker.place import Place
from tests.integration.tracker.running import small_network
from tests.unit.console.browsing import stranger, tree, visitor
from tests.unit.console.situations import Office, OfficeFollower, console_app
from tests.unit.tracker.histories import HUB, PARK, WINDOW, History, demand_of, full_life

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC)


def rooms_of(place: Place) -> tuple[Rooms, OfficeFollower, dict[str, str]]:
    keys, credentials = dict[str, str](), dict[str, Credential]()
    for number, (name, role, node, party) in enumerate(
        (("hub", "coordinator", HUB, "pty-hub"), ("partner", "partner", None, "partner-1"), ("auditor", "auditor", None, "pty-a")), 1
    ):
        made = new_key(lambda size, number=number: bytes([number]) * size)
        keys[name] = made.key
        credentials[made.key_id] = Credential(made.key_id, made.digest, party, role, "testnet", node, name)  # type: ignore[arg-type]
    follower = OfficeFollower(Directory(seq=9, networks={"testnet": Network(small_network(), seq=9)}, credentials=credentials))
    unused: Any = None
    return Rooms(place.engine, place.store, follower, place.keys, place.views, place.bell, unused), follower, keys  # type: ignore[arg-type]


def office_of(place: Place, endpoints: Path | None = None) -> tuple[Office, TrackerSource]:
    rooms, follower, keys = rooms_of(place)
    app = console_app()
    console = open_console(rooms, endpoints)
    app.state.follower, app.state.console = follower, console
    assert isinstance(console.source, TrackerSource)
    unused: Any = None
    return Office(app, unused, follower, keys), console.source


async def lived(place: Place, *histories: History) -> None:
    await place.know(histories)
    writer = place.writer()
    await writer.position()
    recorded, first = [], 1
    for history in histories:
        recorded += history.recorded(first)
        first += len(history.bodies)
    await place.feed(writer, recorded)
    await writer.close()


async def test_pages_show_what_the_views_and_the_archive_hold(place: Place, tmp_path: Path) -> None:
    endpoints = tmp_path / "endpoints.json"
    endpoints.write_text('{"router": "http://127.0.0.1:8102"}')
    history = full_life(1)
    await lived(place, history, History(demand_of(2)).submitted(title="第二件"))
    office, _ = office_of(place, endpoints)
    async with visitor(office, "hub") as client:
        listed = tree(await client.get("/console/demands"))
        assert {link.text for link in listed.find("a", class_="row-open")} == {"注塑车间数字化改造", "第二件"}
        found = tree(await client.get("/console/demands?q=%E6%B3%A8%E5%A1%91"))
        assert [link.text for link in found.find("a", class_="row-open")] == ["注塑车间数字化改造"]
        page = tree(await client.get(f"/console/demands/{history.demand}"))
    assert "丙平台 已办结：已解决" in page.find("section", class_="head")[0].text
    assert "样例精密部件有限公司" in page.text
    assert "已对接。" in page.text
    assert "0574-00000000" in page.text
    assert "http://127.0.0.1:8102/v1/demands/" in page.text
    assert len(page.find("li", class_="entry")) == len(history.bodies)


async def test_an_auditor_s_page_holds_no_plain_text(place: Place) -> None:
    history = full_life(1)
    await lived(place, history)
    office, _ = office_of(place)
    async with visitor(office, "auditor") as client:
        answer = await client.get(f"/console/demands/{history.demand}")
    assert answer.status_code == 200
    for secret in ("注塑", "样例精密", "0574", "已对接", "91330200MA2AEXAM19"):
        assert secret not in answer.text
    assert "why?node=" not in answer.text


async def test_a_stranger_s_demand_is_not_found(place: Place) -> None:
    history = History(demand_of(3), party="partner-2").submitted()
    await lived(place, history)
    office, _ = office_of(place)
    async with visitor(office, "partner") as client:
        assert (await client.get(f"/console/demands/{history.demand}")).status_code == 404


async def test_titles_of_kin_are_told_to_those_who_may_see_and_read_them(place: Place) -> None:
    own, foreign = History(demand_of(2)).submitted(title="第二件"), History(demand_of(3), party="partner-2").submitted(title="他人")
    await lived(place, own, foreign)
    office, source = office_of(place)
    both = [own.demand, foreign.demand, demand_of(9)]

    async def told(name: str) -> dict[str, str]:
        return dict(await source.titles(caller_by_key(office.follower, office.keys[name], NOW), both))

    assert await told("hub") == {own.demand: "第二件", foreign.demand: "他人"}
    assert await told("partner") == {own.demand: "第二件"}
    assert await told("auditor") == {}


async def test_sessions_outlive_the_process_and_end_in_time(engine: AsyncEngine) -> None:
    token = await DatabaseSessions(engine).open("k1", NOW)
    again = DatabaseSessions(engine)
    assert await again.find(token, NOW + LIFETIME - timedelta(seconds=1)) == "k1"
    assert await again.find(token, NOW + LIFETIME) is None
    assert await again.find("x" + token, NOW) is None
    await again.close(token)
    assert await again.find(token, NOW) is None


async def test_entering_sweeps_out_what_is_over(engine: AsyncEngine) -> None:
    sessions = DatabaseSessions(engine)
    old = await sessions.open("k1", NOW - LIFETIME - timedelta(hours=1))
    await sessions.open("k2", NOW)
    assert await sessions.find(old, NOW - LIFETIME) is None


async def test_a_change_wakes_the_page_it_concerns_and_no_other(place: Place) -> None:
    office, source = office_of(place)
    caller = caller_by_key(office.follower, office.keys["hub"], NOW)
    start = await source.position()
    concerned = asyncio.create_task(source.wait_change(caller, after=start, demand=demand_of(1), seconds=20))
    other = asyncio.create_task(source.wait_change(caller, after=start, demand=demand_of(2), seconds=1.5))
    await lived(place, full_life(1))
    heard = await concerned
    assert heard.matters
    assert heard.cursor == await source.position()
    assert not (await other).matters


async def test_a_database_that_is_away_is_told_as_a_page(place: Place, postgres: RunningPostgres) -> None:
    office, _ = office_of(place)
    postgres.process.kill()
    try:
        async with stranger(office) as client:
            answer = await client.post("/console/enter", data={"key": office.keys["hub"]})
    finally:
        postgres.restart()
    assert answer.status_code == 503
    assert "store_unavailable" in tree(answer).find(class_="problem")[0].text


# The enterprise's link


def linked_life(number: int) -> tuple[History, str]:
    """A demand with a link, and the token of that link."""
    demand = demand_of(number)
    token = enterprise_token(demand, salt=b"s" * 32)
    return History(demand).submitted(title="样例：有链接的诉求", link=digest_of(token)), token


async def test_a_link_opens_its_demand_from_the_archive_and_no_other(place: Place) -> None:
    (history, token), (_, other) = linked_life(1), linked_life(2)
    await lived(place, history.assigned(), History(demand_of(3)).submitted())
    office, _ = office_of(place)
    async with stranger(office) as client:
        page = tree(await client.get(f"/e/{token}"))
        assert [heading.text for heading in page.find("h1")] == ["样例：有链接的诉求"]
        assert "甲窗口" in page.find("section", class_="own-now")[0].text
        for wrong in (other, token[:-1] + ("0" if token[-1] != "0" else "1"), enterprise_token(demand_of(3), salt=b"s" * 32)):
            assert (await client.get(f"/e/{wrong}")).status_code == 404


async def test_the_link_of_a_whole_opens_its_parts_from_the_archive(place: Place) -> None:
    (whole, token), (stranger_s, _) = linked_life(1), linked_life(2)
    text = {name: whole.sealed("样例：分项", f"parts.{name}.title") for name in ("p1", "p2", "p3")}
    parts = tuple(
        SplitPart(part=name, demand=demand_of(number), region="330206", title=text[name], description=text[name])
        for name, number in (("p1", 3), ("p2", 4), ("p3", 2))
    )
    whole.assigned().then(AssignmentAccepted(assignment="a1", node=WINDOW))
    whole.then(DemandSplit(assignment="a1", node=WINDOW, join="all", parts=parts))
    part = History(demand_of(3)).submitted(title="样例：检测", link=digest_of(token), parent=whole.demand)
    await lived(place, whole, part, stranger_s)
    office, _ = office_of(place)
    async with stranger(office) as client:
        page = tree(await client.get(f"/e/{token}"))
        assert [link.text for link in page.find("section", class_="own-parts")[0].find("a")] == ["样例：检测"]
        opened = tree(await client.get(f"/e/{token}?part=p1"))
        assert [heading.text for heading in opened.find("h1")] == ["样例：检测"]
        for name in ("p2", "p3", "p4"):  # not there yet; another's demand; none of its parts
            assert (await client.get(f"/e/{token}?part={name}")).status_code == 404


async def test_the_page_waits_for_the_act_that_was_just_done(place: Place) -> None:
    history, token = linked_life(1)
    await place.know([history])
    writer = place.writer()
    await writer.position()
    await place.feed(writer, history.recorded())
    office, _ = office_of(place)
    async with stranger(office) as client:
        waiting = asyncio.create_task(client.get(f"/e/{token}?said=supplement&v=2"))
        history.then(DemandSupplemented(note=history.sealed("样例：补充。", "note")))
        await place.feed(writer, history.recorded()[1:])
        page = tree(await waiting)
    await writer.close()
    assert "样例：补充。" in page.find("section", class_="own-steps")[0].text
    assert not page.find(class_="said-behind")


async def test_acts_reach_intake_and_the_router_under_the_link_itself(place: Place) -> None:
    history, token = linked_life(1)
    history.assigned().then(AssignmentAccepted(assignment="a1", node=WINDOW))
    await lived(place, history.then(CompletionRequested(assignment="a1", node=WINDOW, note=history.sealed("样例：请补清单。", "note"))))
    office, _ = office_of(place)
    received: list[httpx2.Request] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        received.append(request)
        where = {"Location": f"/v1/demands/{history.demand}/files/f-0123456789abcdefghjk"} if request.url.path.endswith("/files") else {}
        return httpx2.Response(201, headers=where, json={"id": history.demand, "version": 4, "status": "in_progress"})

    outward = HttpOutward(lambda service: f"http://{service}.test", httpx2.MockTransport(answer))
    office.app.state.console = replace(office.app.state.console, outward=outward)
    async with stranger(office) as client:
        form = tree(await client.get(f"/e/{token}")).find("input", name="form")[0].attributes["value"]
        sent = {"form": form, "note": "样例：已补。"}
        files = {"files": ("清单.pdf", b"%PDF-1.7", "application/pdf")}
        assert (await client.post(f"/e/{token}/completion", data=sent, files=files)).status_code == 303
    upload, completion = received
    assert (upload.url.host, completion.url.host) == ("router.test", "intake.test")
    assert completion.url.path == f"/v1/demands/{history.demand}/completion"
    assert json.loads(completion.content) == {"note": "样例：已补。", "files": ["f-0123456789abcdefghjk"]}
    assert (upload.headers["content-type"], upload.content) == ("application/pdf", b"%PDF-1.7")
    for request in received:
        assert request.headers["authorization"] == f"Bearer {token}"
        assert form in request.headers["idempotency-key"]


# Precedents and deadlines


def arbitrated(number: int, category: str) -> History:
    """A demand two nodes argued about and the hub settled."""
    history = History(demand_of(number)).submitted()
    history.then(ArbitrationOpened(arbiter=HUB, parties=(WINDOW, PARK), cause="loop"))
    note = history.sealed("样例：裁定理由。", "note")
    event = AssignmentArbitrated(
        assignment="a1", node=PARK, arbiter=HUB, parties=(WINDOW, PARK), category=category, region="330203", note=note
    )
    return history.then(event)


async def test_precedents_come_from_the_archive_newest_first_and_page_by_page(place: Place) -> None:
    await lived(place, *(arbitrated(number, f"c{number}") for number in range(1, 6)), full_life(9))
    scope = Scope("testnet", None, None, reads_text=True)
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await read_precedents(place.engine, scope, limit=2, after=after)
        seen += [precedent.demand for precedent in page.precedents]
        if (after := page.next) is None:
            break
    assert sorted(seen) == sorted(demand_of(number) for number in range(1, 6))
    assert len(seen) == 5
    nobody = Scope("testnet", None, frozenset({"elsewhere"}), reads_text=True)
    assert (await read_precedents(place.engine, nobody, limit=2)).precedents == []
    with pytest.raises(Refused, match="bad_cursor"):
        await read_precedents(place.engine, scope, limit=2, after="x")
    office, _ = office_of(place)
    async with visitor(office, "hub") as client:
        page_of_them = tree(await client.get("/console/precedents"))
    assert len(page_of_them.find("tbody")[0].find("tr")) == 5
    assert "裁定理由" not in page_of_them.text


async def test_the_precedents_have_an_index_of_their_own(place: Place) -> None:
    found = await place.rows("select indexdef from pg_indexes where schemaname = '{v}' and indexname = 'change_arbitrated'")
    assert "AssignmentArbitrated" in found[0][0]


async def test_the_list_narrows_to_broken_promises(place: Place) -> None:
    late, calm = History(demand_of(1)).submitted(title="迟了"), History(demand_of(2)).submitted(title="不急")
    for history, span in ((late, -timedelta(hours=2)), (calm, timedelta(days=9))):
        history.assigned().then(DeadlinesSet(clocks="test/clocks/1", deadlines={"resolve": Deadline(at=datetime.now(UTC) + span)}))
    await lived(place, late, calm)
    office, _ = office_of(place)
    async with visitor(office, "hub") as client:
        rows = tree(await client.get("/console/demands?overdue=1")).find("li", class_="row")
        assert [row.find("a")[0].text for row in rows] == ["迟了"]
        assert rows[0].find(class_="due-late")[0].text == "已超时 2 小时"
        assert len(tree(await client.get("/console/demands")).find("li", class_="row")) == 2
