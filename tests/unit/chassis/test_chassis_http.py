"""Cursors, entity tags and the headers of commands."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.http import cursor_moment, decode_cursor, encode_cursor, etag
from libs.events.errors import Refused

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
places = st.dictionaries(texts, texts | st.integers(-(2**63) + 1, 2**63 - 1), max_size=4)


@given(places)
def test_a_cursor_comes_back_as_it_was(place: dict[str, str | int]) -> None:
    cursor = encode_cursor(place)

    assert decode_cursor(cursor) == place
    assert cursor.replace("-", "").replace("_", "").isalnum()


@given(st.text(max_size=40) | st.binary(max_size=30).map(lambda data: base64.urlsafe_b64encode(data).decode()))
def test_any_other_text_is_read_as_a_place_or_refused(cursor: str) -> None:
    place = None
    with suppress(Refused):
        place = decode_cursor(cursor)

    assert place is None or decode_cursor(encode_cursor(place)) == place


@pytest.mark.parametrize(
    "json", ['{"a":"\\u0000"}', '{"a":9223372036854775808}', '{"a":null}', '{"a":true}', '{"a":1.5}', '{"a":"\\ud800"}', "[]", "1"]
)
def test_a_cursor_holds_only_what_a_database_takes(json: str) -> None:
    with pytest.raises(Refused, match="bad_cursor"):
        decode_cursor(base64.urlsafe_b64encode(json.encode()).decode())


def test_a_cursor_of_another_list_is_refused() -> None:
    cursor = encode_cursor({"after": 3})

    assert decode_cursor(cursor, {"after": int}) == {"after": 3}
    for shape in ({"after": str}, {"at": int}, {"after": int, "id": str}, {}):
        with pytest.raises(Refused, match="bad_cursor"):
            decode_cursor(cursor, shape)


def test_a_moment_in_a_cursor_is_read_in_utc() -> None:
    assert cursor_moment("2026-03-02T09:00:00+08:00") == datetime(2026, 3, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "now", "2026-03-02", "2026-03-02T09:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_what_is_no_moment_or_beyond_the_calendar_is_a_bad_cursor(text: str) -> None:
    with pytest.raises(Refused, match="bad_cursor"):
        cursor_moment(text)


async def test_pages_follow_each_other_by_their_cursor(partner: httpx2.AsyncClient) -> None:
    first = (await partner.get("/v1/wishes?limit=200")).json()["next"]
    second = (await partner.get("/v1/wishes", params={"cursor": first})).json()["next"]

    assert decode_cursor(second) == {"after": 250}


@pytest.mark.parametrize(("sent", "version"), [(etag(1), 1), ("*", 1), (None, 1)])
async def test_if_match_is_a_version_in_quotes_or_absent(partner: httpx2.AsyncClient, sent: str | None, version: int) -> None:
    answer = await partner.put("/v1/wishes/w1", json={"title": "a"}, headers={"If-Match": sent} if sent else {})

    assert answer.json()["version"] == version


async def test_a_command_with_key_and_idempotency_key_is_carried_out(partner: httpx2.AsyncClient) -> None:
    answer = await partner.post("/v1/wishes", json={"title": "改进质检", "category": "quality"}, headers={"Idempotency-Key": "a.Z~9:/+=-"})

    assert (answer.status_code, answer.headers["etag"]) == (201, '"1"')
    assert answer.json() == {"id": "w1", "version": 1, "by": "party-partner"}
