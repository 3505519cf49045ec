"""NATS permissions as values: what no configuration may ever contain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.machine.acl import KEEPER, SERVICES, USERS, accounts, inbox_prefix, may_publish

CELLS = st.lists(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), max_size=5, unique=True)
DESTRUCTIVE = ("UPDATE", "DELETE", "PURGE", "RESTORE", "SNAPSHOT", "MSG.DELETE", "PEER.REMOVE", "LEADER.STEPDOWN")


def matches(pattern: str, subject: str) -> bool:
    """NATS' own rule: `*` is one whole token, `>` the rest."""
    wanted, given_ = pattern.split("."), subject.split(".")
    for index, token in enumerate(wanted):
        if token == ">":
            return len(given_) > index
        if index >= len(given_) or token not in ("*", given_[index]):
            return False
    return len(wanted) == len(given_)


def may(user: str, subject: str, cells: list[str]) -> bool:
    return any(matches(pattern, subject) for pattern in may_publish(user, cells))


@given(cells=CELLS, user=st.sampled_from(USERS), verb=st.sampled_from(DESTRUCTIVE))
def test_nobody_may_change_or_empty_any_stream(cells: list[str], user: str, verb: str) -> None:
    for stream in ["REGISTRY", "TIMERS", *(f"DEMANDS_{cell}" for cell in cells)]:
        assert not may(user, f"$JS.API.STREAM.{verb}.{stream}", cells)


@given(cells=CELLS)
def test_only_the_keeper_may_create_streams_and_only_those_of_its_cells(cells: list[str]) -> None:
    for user in SERVICES:
        assert not may(user, "$JS.API.STREAM.CREATE.REGISTRY", cells)
    assert may(KEEPER, "$JS.API.STREAM.CREATE.REGISTRY", cells)
    assert all(may(KEEPER, f"$JS.API.STREAM.CREATE.DEMANDS_{cell}", cells) for cell in cells)
    assert not may(KEEPER, "$JS.API.STREAM.CREATE.OTHER", cells)


@given(cells=CELLS)
def test_a_wildcard_is_a_whole_token(cells: list[str]) -> None:
    for user in USERS:
        for pattern in may_publish(user, cells):
            assert all(token in ("*", ">") or not set(token) & {"*", ">"} for token in pattern.split("."))


@pytest.mark.parametrize(
    ("subject", "allowed"),
    [
        ("demand.c1.ningbo.07.x", {"intake", "router"}),
        ("registry.ningbo.graph", {"registry"}),
        ("$JS.API.CONSUMER.CREATE.DEMANDS_c1.x.demand.c1.>", {"router", "tracker"}),
        ("$JS.API.CONSUMER.CREATE.REGISTRY.x", set(SERVICES)),
        ("$JS.API.DIRECT.GET.DEMANDS_c1.demand.c1.ningbo.07.x", {"intake", "router", "tracker"}),
        ("$JS.API.STREAM.MSG.GET.DEMANDS_c1", {"intake", "router", "tracker"}),
        ("$JS.API.STREAM.INFO.REGISTRY", set(USERS)),
        ("$JS.API.DIRECT.GET.DEMANDS_c2", set()),
        ("timer.at.ningbo.07.x", {"router"}),
        ("timer.due.ningbo.07.x", set()),
        ("$JS.API.STREAM.CREATE.TIMERS", {KEEPER}),
        ("$JS.API.STREAM.MSG.GET.TIMERS", set()),
        ("$JS.API.CONSUMER.MSG.NEXT.TIMERS.router_timers", {"router"}),
        ("$JS.API.CONSUMER.CREATE.TIMERS.router_timers.timer.due.>", {"router"}),
        ("$JS.API.CONSUMER.CREATE.TIMERS.router_timers", set()),
        ("$JS.ACK.TIMERS.router_timers.1.1.1.1.0", {"router"}),
        ("$SYS.REQ.SERVER.PING", set()),
    ],
)
def test_each_subject_is_open_to_exactly_those_whose_work_needs_it(subject: str, allowed: set[str]) -> None:
    assert {user for user in USERS if may(user, subject, ["c1"])} == allowed


def test_every_user_listens_to_its_own_inbox_only() -> None:
    built = accounts(dict.fromkeys((*USERS, "sys"), "x"), ["c1"])
    app = built["APP"]
    assert isinstance(app, dict)
    for entry in app["users"]:
        assert entry["permissions"]["subscribe"]["allow"] == [f"{inbox_prefix(entry['user'])}.>"]
