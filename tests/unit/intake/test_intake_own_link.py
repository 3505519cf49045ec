"""The enterprise's own link in receipts: one link for the whole and its parts, and never one that does not open."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from libs.chassis.auth import Caller, EnterpriseLink, digest_of, enterprise_caller, enterprise_token, require_link
from libs.demand import DemandState, Status
from libs.events import Actor, Commit, NotFound
from libs.events.execute import Done, Fold
from services.intake.commanding import receipt
from tests.unit.demand import situations as s

SALT = b"s" * 32
WHOLE, PART, OTHER = (f"testnet-t1-000000000000000{letter}" for letter in "abc")
LINK = digest_of(enterprise_token(WHOLE, salt=SALT))


def whole(link: str | None = LINK) -> DemandState:
    return s.DEMAND.given(s.submitted().model_copy(update={"link": link})).state


def part(parent: str = WHOLE) -> DemandState:
    return s.DEMAND.given(s.submitted(parent=parent).model_copy(update={"link": LINK})).state


def links_of(demand: str, state: DemandState) -> dict[str, Any]:
    actor = Actor(kind="partner", id="sample", role="partner")
    commit = Commit(demand, 1, None, "SupplementDemand", "0" * 32, None, s.march(2), actor, ())
    rooms: Any = SimpleNamespace(tracker_url="http://tracker.test", salt=SALT)
    body = json.loads(bytes(receipt(rooms, Done(Fold(state, 1), commit, 1, replayed=False)).body))
    assert Status(body["status"]) is Status.SUBMITTED
    links: dict[str, Any] = body["links"]
    return links


def bearer(token: str) -> Caller:
    caller = enterprise_caller(f"Bearer {token}")
    assert caller is not None
    return caller


@pytest.mark.parametrize(("demand", "state"), [(WHOLE, whole()), (PART, part())], ids=["whole", "part"])
def test_the_receipt_of_a_whole_and_of_its_part_show_the_link_of_the_whole(demand: str, state: DemandState) -> None:
    address = links_of(demand, state)["enterprise"]
    assert address == f"http://tracker.test/e/{enterprise_token(WHOLE, salt=SALT)}"
    require_link(bearer(address.rpartition("/")[2]), demand, state)


def test_no_receipt_shows_a_link_that_does_not_open() -> None:
    assert "enterprise" not in links_of(WHOLE, whole(None))
    assert "enterprise" not in links_of(WHOLE, whole(digest_of(enterprise_token(WHOLE, salt=b"another salt"))))
    assert "enterprise" not in links_of(PART, part(OTHER))


def test_the_link_of_the_whole_opens_its_parts_and_nothing_else() -> None:
    caller = bearer(enterprise_token(WHOLE, salt=SALT))
    require_link(caller, WHOLE, whole())
    require_link(caller, PART, part())
    guessed = replace(caller, link=EnterpriseLink(WHOLE, digest_of(enterprise_token(OTHER, salt=SALT))))
    stranger = bearer(enterprise_token(OTHER, salt=SALT))
    of_the_part = bearer(enterprise_token(PART, salt=SALT))
    for wrong, demand, state in (
        (guessed, WHOLE, whole()),
        (guessed, PART, part()),
        (stranger, PART, part()),
        (of_the_part, PART, part()),
        (caller, OTHER, replace(whole())),
        (caller, PART, part(OTHER)),
    ):
        with pytest.raises(NotFound, match="demand_not_found"):
            require_link(wrong, demand, state)
