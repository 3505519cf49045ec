"""The console's adapter on a real PostgreSQL: views, sealed texts, sessions and the live line, without processes or a browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from cli.machine.database import sqlalchemy_url
from cli.machine.testing import Database, RunningPostgres, postgres_server
from libs.chassis.auth import new_key
from libs.directory import Credential, Directory, Network
from services.tracker import generations
from services.tracker.console.reads import TrackerSource, open_console
from services.tracker.console.sessions import LIFETIME, DatabaseSessions
from services.tracker.console.visit import caller_by_key
from services.tracker.rooms import Rooms
from tests.integration.tracker.place import KEK, Place
from tests.integration.tracker.running import small_network
from tests.unit.console.browsing import stranger, tree, visitor
from tests.unit.console.situations import Office, OfficeFollower, console_app
from tests.unit.tracker.histories import HUB, History, demand_of, full_life

pytestmark = pytest.mark.servers

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPostgres]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def database(postgres: RunningPostgres) -> Database:
    return postgres.fresh_database()


@pytest.fixture
async def engine(database: Database) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(sqlalchemy_url(database.url("ld_tracker")), connect_args={"ssl": False}, pool_size=10, max_overflow=0)
    yield engine
    await engine.dispose()


@pytest.fixture
async def place(engine: AsyncEngine, database: Database) -> AsyncIterator[Place]:
    await generations.ensure(engine)
    place = Place(engine, database, KEK)
    yield place
    await place.close()


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
