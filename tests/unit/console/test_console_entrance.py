"""The entrance: sessions, cookies, revoked keys, foreign pages, administrators."""

from __future__ import annotations

from datetime import timedelta

import pytest

from libs.chassis.auth import Caller
from services.tracker.console.sessions import LIFETIME, MemorySessions, digest
from services.tracker.console.source import DemandFilter, DemandPage
from services.tracker.console.visit import SECURITY, safe_back
from tests.unit.console.browsing import ORIGIN, stranger, tree, visitor
from tests.unit.console.situations import NOW, TRAIL, office

LIST = "/console/demands"


async def test_a_key_opens_a_session_in_a_strict_cookie() -> None:
    place = office()
    async with stranger(place) as client:
        answer = await client.post("/console/enter", data={"key": f"  {place.keys['clerk']}\n", "back": f"{LIST}/{TRAIL}"})
        assert answer.headers["location"] == f"{LIST}/{TRAIL}"
        name, _, rest = answer.headers["set-cookie"].partition("=")
        assert name == "liandong_session_8103"
        assert {"HttpOnly", "SameSite=strict", "Path=/console", "Max-Age=43200"} <= set(rest.split("; "))
        assert "Secure" not in rest
        assert place.keys["clerk"] not in answer.headers["set-cookie"]
        assert (await client.get(LIST)).status_code == 200


async def test_over_https_the_cookie_is_secure() -> None:
    place = office()
    async with stranger(place, "https://console.test") as client:
        answer = await client.post("/console/enter", data={"key": place.keys["clerk"]})
    assert "Secure" in answer.headers["set-cookie"].split("; ")


@pytest.mark.parametrize("key", ["", "ld_x", "ld_248h248h248h_" + "0" * 52, "密钥"])
async def test_a_wrong_key_is_told_kindly_and_not_echoed(key: str) -> None:
    async with stranger(office()) as client:
        answer = await client.post("/console/enter", data={"key": key})
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert "这把密钥不能进入" in tree(answer).text
    assert not key or f'"{key}"' not in answer.text


async def test_a_stranger_is_sent_to_the_entrance_and_back() -> None:
    async with stranger(office()) as client:
        answer = await client.get(f"{LIST}/{TRAIL}?x=1")
        assert answer.status_code == 303
        entrance = tree(await client.get(answer.headers["location"]))
    assert entrance.find("main")[0].find("input", name="back")[0].attributes["value"] == f"{LIST}/{TRAIL}?x=1"
    assert not entrance.find("nav")


async def test_a_revoked_key_ends_its_sessions_with_the_next_request() -> None:
    place = office()
    async with visitor(place, "clerk") as client:
        assert (await client.get(LIST)).status_code == 200
        place.follower.revoke(place.key_id("clerk"))
        answer = await client.get(LIST)
        assert answer.status_code == 303
        assert "over=1" in answer.headers["location"]
        assert (await client.get(f"/console/live?after=0&demand={TRAIL}")).status_code == 303
        assert (await client.post("/console/enter", data={"key": place.keys["clerk"]})).status_code == 401


async def test_a_session_ends_after_its_time() -> None:
    place = office()
    async with visitor(place, "clerk") as client:
        place.now = NOW + LIFETIME - timedelta(seconds=1)
        assert (await client.get(LIST)).status_code == 200
        place.now = NOW + LIFETIME
        assert (await client.get(LIST)).status_code == 303


async def test_leaving_ends_the_session_on_the_server_too() -> None:
    place = office()
    async with visitor(place, "clerk") as client:
        token = client.cookies["liandong_session_8103"]
        await client.post("/console/leave")
        client.cookies.set("liandong_session_8103", token, domain="console.test", path="/console")
        assert (await client.get(LIST)).status_code == 303


async def test_entering_again_replaces_the_session() -> None:
    place = office()
    async with visitor(place, "clerk") as client:
        old = client.cookies["liandong_session_8103"]
        await client.post("/console/enter", data={"key": place.keys["hub"]})
        assert client.cookies["liandong_session_8103"] != old
        sessions = place.app.state.console.sessions
    assert await sessions.find(old, NOW) is None


@pytest.mark.parametrize("address", ["/console/enter", "/console/leave", "/console/language"])
@pytest.mark.parametrize("origin", ["https://evil.test", "null", "", f"{ORIGIN}.evil.test", "http://console.test:8104"])
async def test_a_post_from_elsewhere_does_nothing(address: str, origin: str) -> None:
    place = office()
    async with visitor(place, "clerk") as client:
        answer = await client.post(address, data={"key": place.keys["hub"], "to": "en"}, headers={"origin": origin})
        assert answer.status_code == 403
        assert "foreign_origin" in tree(answer).text
        assert "set-cookie" not in answer.headers
        assert (await client.get(LIST)).status_code == 200


async def test_a_browser_that_hides_its_origin_may_vouch_for_the_same_site() -> None:
    place = office()
    async with stranger(place) as client:
        headers = {"origin": "null", "sec-fetch-site": "same-origin"}
        assert (await client.post("/console/enter", data={"key": place.keys["hub"]}, headers=headers)).status_code == 303
        headers = {"origin": "null", "sec-fetch-site": "cross-site"}
        assert (await client.post("/console/enter", data={"key": place.keys["hub"]}, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    "back", ["//evil.test", "https://evil.test", "/console//evil.test", "/console/\\evil", "/v1/demands", "javascript:x"]
)
def test_the_way_back_never_leaves_the_console(back: str) -> None:
    assert safe_back(back) == LIST


async def test_a_link_from_elsewhere_asks_once_more_so_that_the_strict_cookie_travels() -> None:
    async with stranger(office()) as client:
        answer = await client.get(f"{LIST}/{TRAIL}", headers={"sec-fetch-site": "cross-site"})
        assert f'content="0; url={LIST}/{TRAIL}"' in answer.text
        assert (await client.get(f"{LIST}/{TRAIL}", headers={"sec-fetch-site": "same-origin"})).status_code == 303


async def test_a_page_that_refreshes_itself_is_led_to_the_entrance() -> None:
    async with stranger(office()) as client:
        answer = await client.get(LIST, headers={"hx-request": "true"})
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/console/enter"


async def test_when_the_registry_is_not_known_the_console_says_so_and_lets_nobody_in() -> None:
    place = office()
    async with visitor(place, "clerk") as client:
        place.follower.stale = True
        answer = await client.get(LIST)
    assert answer.status_code == 503
    assert tree(answer).find(class_="problem")


async def test_administrators_see_no_demands() -> None:
    async with visitor(office(), "admin") as client:
        for address in (LIST, f"{LIST}/{TRAIL}"):
            answer = await client.get(address)
            assert answer.status_code == 403
            assert "您的身份不看诉求" in tree(answer).text


async def test_every_answer_carries_the_strict_policy() -> None:
    async with stranger(office()) as client:
        for address in ("/", "/console", "/console/enter", LIST, "/console/nowhere"):
            headers = (await client.get(address)).headers
            assert headers["content-security-policy"] == SECURITY["Content-Security-Policy"]
    assert "unsafe" not in SECURITY["Content-Security-Policy"]
    assert SECURITY["Content-Security-Policy"].startswith("default-src 'self';")


async def test_tokens_are_stored_as_digests_only() -> None:
    sessions = MemorySessions()
    token = await sessions.open("k1", NOW)
    assert token not in repr(vars(sessions))
    assert repr(digest(token)) in repr(vars(sessions))
    assert await sessions.find(token + "x", NOW) is None


async def test_a_store_that_is_away_is_told_as_a_page_that_says_nothing_is_lost() -> None:
    place = office()
    source = place.source

    async def away(caller: Caller, wanted: DemandFilter) -> DemandPage:
        place.follower.stale = True
        place.follower.check_fresh()
        raise AssertionError

    source.demands = away  # type: ignore[method-assign]
    async with visitor(place, "clerk") as client:
        answer = await client.get(LIST)
    assert answer.status_code == 503
    assert "store_unavailable" in tree(answer).text
