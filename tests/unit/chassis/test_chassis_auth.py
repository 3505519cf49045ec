"""Machine keys, and what each role may see and do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.chassis.auth import (
    authenticate,
    digest_of,
    key_id_of,
    may_act_for,
    new_key,
    require_cell,
    require_role,
    sees_demand,
    visible_nodes,
)
from libs.directory import Credential, Directory, Network
from libs.events.errors import NotFound, Refused
from libs.events.registry import Role
from tests.unit.chassis.sample_app import caller, sample_key
from tests.unit.directory.random_networks import content_of, node

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEY = sample_key(7)
ROLES = get_args(Role)
NODES = [
    node("hub-0", "root", regions=["330200"]),
    node("county-1", "county", "hub-0", regions=["330203"]),
    node("county-2", "county", "hub-0", regions=["330205"]),
    node("window-1", "window", "county-1", regions=["330203001"], categories=["quality"]),
    node("window-2", "window", "county-2", regions=["330205001"], categories=["quality"]),
]


@pytest.fixture(scope="module")
def directory() -> Directory:
    network = Network(content_of(NODES))
    return Directory(networks={network.name: network})


def knowing(*, revoked: bool = False, expires: datetime | None = None) -> Directory:
    credential = Credential(KEY.key_id, KEY.digest, "p1", "clerk", "testnet", "window-1", "sample", expires, revoked)
    return Directory(credentials={KEY.key_id: credential})


def refusal(directory: Directory, header: str | None) -> str:
    with pytest.raises(Refused) as refused:
        authenticate(directory, header, NOW)
    return refused.value.code


def test_the_holder_of_an_issued_key_is_who_the_registry_says() -> None:
    found = authenticate(knowing(), f"Bearer {KEY.key}", NOW)

    assert (found.key_id, found.party, found.role, found.network, found.node) == (KEY.key_id, "p1", "clerk", "testnet", "window-1")


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (None, "key_missing"),
        ("", "key_missing"),
        ("Bearer", "key_invalid"),
        (f"Basic {KEY.key}", "key_invalid"),
        (f"Bearer {KEY.key}0", "key_invalid"),
        (f"Bearer {KEY.key.upper()}", "key_invalid"),
        (f"Bearer {sample_key(8).key}", "key_invalid"),
        (f"Bearer ld_{KEY.key_id}_{'0' * 52}", "key_invalid"),
    ],
)
def test_anything_but_an_issued_key_is_refused(header: str | None, code: str) -> None:
    assert refusal(knowing(), header) == code


def test_a_revoked_or_expired_key_is_refused_and_only_its_holder_learns_why() -> None:
    assert refusal(knowing(revoked=True), f"Bearer {KEY.key}") == "key_revoked"
    assert refusal(knowing(revoked=True), f"Bearer ld_{KEY.key_id}_{'0' * 52}") == "key_invalid"
    assert refusal(knowing(expires=NOW), f"Bearer {KEY.key}") == "key_expired"
    assert authenticate(knowing(expires=NOW + timedelta(seconds=1)), f"bearer {KEY.key}", NOW).party == "p1"


@given(st.binary(min_size=40, max_size=40), st.binary(min_size=40, max_size=40))
def test_keys_are_well_formed_and_digests_tell_them_apart(one: bytes, other: bytes) -> None:
    def key(data: bytes) -> str:
        chunks = iter((data[:8], data[8:]))
        return new_key(lambda count: next(chunks)[:count]).key

    assert key_id_of(key(one)) == key(one)[3:15]
    assert len(key(one)) == 3 + 12 + 1 + 52
    assert (digest_of(key(one)) == digest_of(key(other))) == (key(one) == key(other))
    assert key(one) not in digest_of(key(one))


def test_only_the_named_roles_pass() -> None:
    require_role(caller("bureau"), "bureau", "centre")
    with pytest.raises(Refused, match="forbidden"):
        require_role(caller("clerk"), "bureau", "centre")


@pytest.mark.parametrize(
    ("role", "place", "visible"),
    [
        ("partner", None, frozenset()),
        ("clerk", "window-1", frozenset({"window-1"})),
        ("clerk", "county-1", frozenset({"county-1"})),
        ("clerk", "nowhere", frozenset()),
        ("coordinator", "county-1", frozenset({"county-1", "window-1"})),
        ("county_bureau", "county-2", frozenset({"county-2", "window-2"})),
        ("coordinator", "hub-0", None),
        ("county_bureau", None, frozenset()),
        ("bureau", None, None),
        ("centre", None, None),
        ("operator", None, None),
        ("auditor", None, None),
        ("system_admin", None, frozenset()),
        ("security_admin", None, frozenset()),
        ("audit_admin", None, frozenset()),
    ],
)
def test_each_role_sees_its_territory(directory: Directory, role: Role, place: str | None, visible: frozenset[str] | None) -> None:
    assert visible_nodes(caller(role, place), directory) == visible


def test_a_demand_is_seen_by_its_party_and_by_the_territory_of_its_nodes(directory: Directory) -> None:
    def sees(role: Role, place: str | None = None, *, party: str = "p", network: str = "testnet") -> bool:
        who = caller(role, place, party=party)
        return sees_demand(who, directory, network=network, party="p", nodes=frozenset({"window-1"}))

    assert sees("partner")
    assert not sees("partner", party="q")
    assert not sees("partner", network="othernet")
    assert sees("clerk", "window-1", party="q")
    assert not sees("clerk", "window-2")
    assert sees("coordinator", "county-1")
    assert not sees("coordinator", "county-2")
    assert sees("auditor")
    assert not sees("auditor", network="othernet")
    assert not sees("system_admin")


@pytest.mark.parametrize("place", [item["id"] for item in NODES])
@pytest.mark.parametrize("role", ROLES)
def test_nobody_acts_for_a_node_it_does_not_see_and_others_only_look(directory: Directory, role: Role, place: str) -> None:
    who = caller(role, place)
    visible = visible_nodes(who, directory)
    acts = {item["id"] for item in NODES if may_act_for(who, directory, "testnet", item["id"])}

    assert visible is None or acts <= visible
    assert bool(acts) == (role in ("clerk", "coordinator"))
    assert acts <= {"clerk": {place}}.get(role, set(directory.networks["testnet"].subtree(place)))
    assert not may_act_for(who, directory, "othernet", place)


def test_a_coordinator_acts_for_its_whole_subtree_and_for_no_unknown_node(directory: Directory) -> None:
    who = caller("coordinator", "county-1")

    assert may_act_for(who, directory, "testnet", "window-1")
    assert not may_act_for(who, directory, "testnet", "window-2")
    assert not may_act_for(who, directory, "testnet", "nowhere")


@pytest.mark.parametrize(
    "demand",
    ["testnet-zz-0123456789abcdef", "other-t1-0123456789abcdef", "testnet-t1-0123456789abcdeu", "testnet-t1", "", "\x00"],
    ids=ascii,
)
def test_a_demand_of_a_network_or_cell_there_is_not_is_not_found_before_anybody_is_asked(directory: Directory, demand: str) -> None:
    known = replace(directory, cells={"t1": "open"})
    require_cell(known, "testnet-t1-0123456789abcdef")
    with pytest.raises(NotFound, match="demand_not_found"):
        require_cell(known, demand)
