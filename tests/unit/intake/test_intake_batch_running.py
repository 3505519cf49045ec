"""Batches against a store in memory: a result for every row in its order, and one demand per row however often a file is sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from random import Random
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from libs.chassis.auth import Caller
from libs.chassis.commands import CommandDesk
from libs.chassis.field_errors import FieldError
from libs.chassis.keyring import DataKey, KeyPoolEmpty
from libs.demand import INITIAL, DemandState, evolve
from libs.directory import Directory, Network, load_network
from libs.events import Actor, DemandWithdrawn, Event, EventStore, HistoryImported, NotFound, PersonalDataErased
from libs.events.codec import decode
from libs.events.execute import Order, execute
from libs.events.memory import MemoryEventStore
from libs.events.names import demand_subject
from libs.events.testing import AppendFault, FlakyStore, LoadFault
from services.intake import batch_run
from services.intake.batch import BatchFile, Mistake, Row, read_csv, read_lines
from services.intake.batch_run import Batch, BatchRun, RowResult, in_order, row_key
from services.intake.rooms import Rooms
from services.intake.shapes import ImportedDemand
from tests.unit.house.sources import ROOT
from tests.unit.intake.batch_files import ZONE, as_csv, as_lines, body, cells

NOW = datetime(2026, 3, 10, tzinfo=UTC)
SALT = bytes(32)
CALLER = Caller("k", "party-1", "partner", "ningbo", None, "sample")
Line = dict[str, Any]


@lru_cache(maxsize=1)
def directory() -> Directory:
    return Directory(networks={"ningbo": Network(load_network(ROOT / "networks" / "ningbo"))}, cells={"t1": "open"})


@dataclass
class Following:
    """A follower that knows the network and is always fresh."""

    directory: Directory = field(default_factory=directory)

    def check_fresh(self) -> None:
        return None


@dataclass
class Keys:
    """Data keys in memory: those taken are those found again. `droughts`: how often the pool is empty first."""

    droughts: int = 0
    taken: dict[str, DataKey] = field(default_factory=dict)

    def take(self) -> DataKey:
        if self.droughts:
            self.droughts -= 1
            raise KeyPoolEmpty("empty")
        number = len(self.taken)
        key = DataKey(f"k{number:09d}", number.to_bytes(32, "big"))
        self.taken[key.key_id] = key
        return key

    async def get(self, key_id: str) -> DataKey:
        if key_id not in self.taken:
            raise NotFound("key_not_found")
        return self.taken[key_id]

    def forget(self, key_id: str) -> None:
        """Nothing is kept."""

    def remember(self, key: DataKey) -> None:
        self.taken[key.key_id] = key


class Place:
    """An intake without walls: what batches need, and what they left in the store."""

    def __init__(self, *, droughts: int = 0) -> None:
        self.memory = MemoryEventStore(lambda: NOW)
        self.keys = Keys(droughts)
        self._chance = Random(1)

    def run(
        self,
        file: BatchFile,
        *,
        key: str = "b1",
        dry_run: bool = False,
        appends: Sequence[AppendFault] = (),
        loads: Sequence[LoadFault] = (),
    ) -> BatchRun:
        store = cast(EventStore, FlakyStore(self.memory, appends=appends, loads=loads))
        desk = CommandDesk(store, self.keys, lambda: NOW, self._chance.randbytes)
        rooms = Rooms(desk, self.keys, Following(), SALT, "http://tracker.test")  # type: ignore[arg-type]
        return BatchRun(rooms, Batch(key, "old", dry_run, CALLER, Actor(kind="partner", id="party-1"), {}), file, errors_of)

    async def send(self, file: BatchFile, **more: Any) -> tuple[list[Line], Line]:
        """Run a batch to its end: the rows' lines, and the line of totals."""
        lines = [json.loads(line) for chunk in [chunk async for chunk in self.run(file, **more).lines()] for line in chunk.splitlines()]
        return lines[:-1], lines[-1]

    async def append(self, demand: str, *events: Event) -> None:
        """What others did to a demand."""
        actor = Actor(kind="person", id="person-1")
        order: Order[DemandState] = Order(demand_subject(demand), demand, "Test", "later", actor, lambda _: events)
        await execute(self.memory, order, initial=INITIAL, evolve=evolve, now=lambda: NOW)

    async def demands(self) -> list[str]:
        """Every demand in the store, once per commit."""
        found: list[str] = []
        if await self.memory.position("DEMANDS_t1"):
            async with aclosing(self.memory.read("DEMANDS_t1")) as batches:
                async for recorded in batches:
                    found += [decode(one.body).entity for one in recorded]
                    if len(found) == await self.memory.position("DEMANDS_t1"):
                        break
        return found


def errors_of(error: ValidationError) -> list[FieldError]:
    return [FieldError(".".join(str(part) for part in item["loc"]), "invalid_field") for item in error.errors()]


def file_of(*bodies: Mapping[str, object]) -> BatchFile:
    return read_lines(as_lines(bodies))


def numbered(count: int) -> BatchFile:
    return file_of(*(body(partner_ref=f"A-{number}") for number in range(count)))


def results(lines: Sequence[Line]) -> list[str]:
    return [line["result"] for line in lines]


async def test_rows_are_created_once_and_found_again() -> None:
    place = Place()
    first, totals = await place.send(numbered(50))
    assert results(first) == ["created"] * 50
    assert [line["row"] for line in first] == list(range(1, 51))
    assert totals == {"totals": {"rows": 50, "created": 50}, "format": "ndjson", "encoding": "utf-8", "dry_run": False}
    second, _ = await place.send(numbered(50))
    assert results(second) == ["exists"] * 50
    assert [line["id"] for line in second] == [line["id"] for line in first]
    assert sorted(await place.demands()) == sorted(line["id"] for line in first)


async def test_the_same_row_is_the_same_demand_in_whatever_format_and_order_it_comes() -> None:
    place = Place()
    table = [cells(title=f"样例 {number}") for number in range(5)]
    await place.send(read_csv(as_csv(table), ZONE))
    again, _ = await place.send(read_csv(as_csv(table[::-1], chinese=True, encoding="gb18030", delimiter="\t"), ZONE))
    assert results(again) == ["exists"] * 5
    lines, _ = await place.send(file_of(*(body(title=f"样例 {number}") for number in range(5))))
    assert results(lines) == ["exists"] * 5


async def test_another_batch_key_is_another_batch() -> None:
    place = Place()
    await place.send(numbered(3))
    lines, _ = await place.send(numbered(3), key="b2")
    assert results(lines) == ["created"] * 3
    assert len(await place.demands()) == 6


async def test_a_corrected_file_takes_up_what_was_refused_and_leaves_what_was_taken() -> None:
    place = Place()
    wrong = body(partner_ref="A-2", region="110101")
    lines, totals = await place.send(file_of(body(partner_ref="A-1"), wrong, body(partner_ref="A-3")))
    assert results(lines) == ["created", "refused", "created"]
    assert (lines[1]["problem"]["code"], lines[1]["problem"]["field"], lines[1]["partner_ref"]) == ("unknown_region", "region", "A-2")
    assert totals["totals"] == {"rows": 3, "created": 2, "refused": 1}
    lines, _ = await place.send(file_of(body(partner_ref="A-1"), body(partner_ref="A-2"), body(partner_ref="A-3", title="改了")))
    assert results(lines) == ["exists", "created", "refused"]
    assert lines[2]["problem"]["code"] == "batch_row_changed"
    assert len(await place.demands()) == 3


async def test_a_repeated_row_is_refused_always_the_later_one() -> None:
    place = Place()
    lines, _ = await place.send(file_of(body(partner_ref="A"), body(), body(partner_ref="A", title="另一件"), body()))
    assert results(lines) == ["created", "created", "refused", "refused"]
    assert {line["problem"]["code"] for line in lines[2:]} == {"batch_row_repeated"}


async def test_a_dry_run_tells_what_would_happen_and_writes_nothing() -> None:
    place = Place()
    await place.send(file_of(body(partner_ref="A-1")))
    rows = [body(partner_ref="A-1"), body(partner_ref="A-2"), body(region="110101"), body(partner_ref="A-3", former_status="已办结")]
    lines, totals = await place.send(file_of(*rows), dry_run=True)
    assert results(lines) == ["exists", "would_create", "refused", "refused"]
    assert totals["totals"] == {"rows": 4, "exists": 1, "would_create": 1, "refused": 2}
    assert totals["dry_run"] is True
    assert len(await place.demands()) == 1
    changed, _ = await place.send(file_of(body(partner_ref="A-1", title="改了")), dry_run=True)
    assert changed[0]["problem"]["code"] == "batch_row_changed"


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_row_whose_demand_was_erased_is_refused_as_such_whatever_keys_are_remembered(remembered: bool, dry_run: bool) -> None:
    place = Place()
    ((line,), _) = await place.send(numbered(1))
    erased = PersonalDataErased(requested_by="person-1", approved_by="person-2", key="k000000000")
    await place.append(line["id"], DemandWithdrawn(), erased)
    if not remembered:
        place.keys.taken = {"another": DataKey("another", bytes(32))}
    ((again,), _) = await place.send(numbered(1), dry_run=dry_run)
    assert (again["result"], again["problem"]["code"]) == ("refused", "personal_data_erased")


async def test_a_history_stands_in_the_first_commit_and_starts_the_clock() -> None:
    place = Place()
    former = body(
        partner_ref="A-1",
        received_at="2026-03-01T09:00:00+08:00",
        history=[{"at": "2026-03-02T09:00:00+08:00", "step": "派单", "note": "样例"}],
    )
    lines, _ = await place.send(file_of(former))
    assert results(lines) == ["created"]
    stored = await place.memory.load(f"demand.t1.ningbo.{_part(lines[0]['id'])}.{lines[0]['id']}")
    submitted, imported = decode(stored[0].body).events
    assert submitted.received_at == datetime(2026, 3, 1, 1, tzinfo=UTC)  # type: ignore[attr-defined]
    assert isinstance(imported, HistoryImported)
    assert [(step.step, step.at) for step in imported.steps] == [("assigned", datetime(2026, 3, 2, 1, tzinfo=UTC))]
    assert "样例" not in stored[0].body.decode()
    assert results((await place.send(file_of(former)))[0]) == ["exists"]


def _part(demand: str) -> str:
    from libs.events.names import partition

    return f"{partition(demand):02d}"


async def test_people_may_write_urgency_and_channel_in_words() -> None:
    place = Place()
    lines, _ = await place.send(read_csv(as_csv([cells(urgency="紧急", channel="走访上门"), cells(urgency="马上")]), ZONE))
    assert results(lines) == ["created", "refused"]
    assert lines[1]["problem"]["code"] == "unknown_urgency"


async def test_what_a_row_said_is_nowhere_in_the_answer() -> None:
    place = Place()
    secret = "样例机密13800000000"
    rows = [body(title=secret * 20), body(region=secret), body(**{secret: 1}), body(partner_ref=secret), body(history=secret)]
    lines, totals = await place.send(read_lines(as_lines(rows) + secret.encode() + b"\n"))
    assert results(lines) == ["refused"] * 6
    assert "13800000000" not in json.dumps([{**line, "problem": line["problem"]["code"]} for line in lines] + [totals])


async def test_when_the_store_goes_away_the_rest_is_told_as_not_done_at_once() -> None:
    place = Place()
    faults: list[AppendFault] = [*["ok"] * 40, "lost_ack", *["lost_request"] * 1000]  # type: ignore[list-item]
    lines, totals = await place.send(numbered(300), appends=faults)
    assert results(lines)[:40] == ["created"] * 40
    assert set(results(lines)[40:]) == {"not_done"}
    assert lines[-1]["problem"]["code"] == "store_unavailable"
    assert totals["problem"]["code"] == "store_unavailable"
    assert totals["totals"] == {"rows": 300, "created": 40, "not_done": 260}
    again, _ = await place.send(numbered(300))
    assert results(again) == ["exists"] * 41 + ["created"] * 259
    assert len(set(await place.demands())) == len(await place.demands()) == 300


async def test_a_store_that_is_away_is_not_asked_again_for_every_row() -> None:
    place = Place()
    run = place.run(numbered(500), appends=["lost_request"] * 1000)
    assert [chunk async for chunk in run.lines()]
    assert len(cast(FlakyStore, run._rooms.desk.store).attempts) <= batch_run.AT_ONCE


async def test_a_dry_pool_is_waited_for() -> None:
    lines, _ = await Place(droughts=20).send(numbered(30))
    assert results(lines) == ["created"] * 30


async def test_a_pool_that_stays_dry_ends_the_batch_and_not_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_run, "POOL_PATIENCE", 0.0)
    lines, totals = await Place(droughts=10_000).send(numbered(100))
    assert set(results(lines)) == {"not_done"}
    assert totals["problem"]["code"] == "key_pool_empty"


async def test_who_hangs_up_in_the_middle_tears_no_submission() -> None:
    place = Place()
    lines = place.run(numbered(200)).lines()
    first = await anext(lines)
    await lines.aclose()
    taken = len(await place.demands())
    assert len(first.splitlines()) <= taken < 200
    again, _ = await place.send(numbered(200))
    assert results(again).count("exists") == taken
    assert len(set(await place.demands())) == len(await place.demands()) == 200


SAMPLES: list[Mapping[str, object]] = [
    *(body(), body(partner_ref="A"), body(partner_ref="B"), body(title="另一件"), body(region="110101"), body(former_status="办理中")),
    {"x": 1},
]
ROWS = st.lists(
    st.one_of(
        st.sampled_from(SAMPLES).map(lambda one: as_lines([one]).strip()),
        st.sampled_from([b"{", b"[]", b'"\xc3\xa4"', b"null"]),
        st.just(b"?"),
    ),
    max_size=60,
)


@given(ROWS, st.lists(st.sampled_from(["ok", "ok", "ok", "lost_ack", "lost_request"]), max_size=80), st.booleans())
@settings(max_examples=60, deadline=None)
async def test_every_row_has_one_result_in_its_place_and_every_demand_one_row(
    contents: list[bytes], appends: list[AppendFault], dry_run: bool
) -> None:
    place = Place()
    file = BatchFile(
        "ndjson", "utf-8", tuple(Row(n, c, Mistake("", "malformed_json") if c == b"?" else None) for n, c in enumerate(contents, 1))
    )
    lines, totals = await place.send(file, dry_run=dry_run, appends=appends)
    assert [line["row"] for line in lines] == [row.number for row in file.rows]
    assert totals["totals"]["rows"] == len(lines) == sum(count for name, count in totals["totals"].items() if name != "rows")
    again, _ = await place.send(file)
    assert "not_done" not in results(again)
    demands = await place.demands()
    assert len(demands) == len(set(demands)) == len({line["id"] for line in again if "id" in line})
    created = {line["id"] for line in lines if line["result"] == "created"}
    assert created <= {line["id"] for line in again if line["result"] == "exists"}


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
async def test_results_come_in_order_and_never_more_at_once_than_allowed(pauses: list[int], at_once: int) -> None:
    working, most = 0, 0

    async def work(row: Row) -> RowResult:
        nonlocal working, most
        working += 1
        most = max(most, working)
        for _ in range(pauses[row.number]):
            await asyncio.sleep(0)
        working -= 1
        return RowResult(row.number, "created")

    rows = [Row(number, b"") for number in range(len(pauses))]
    found = [result.row async for ready in in_order(rows, work, at_once) for result in ready]
    assert found == list(range(len(pauses)))
    assert most <= at_once


async def test_leaving_waits_for_what_is_at_the_store_and_begins_nothing_more() -> None:
    begun, ended = [], []

    async def work(row: Row) -> RowResult:
        begun.append(row.number)
        for _ in range(row.number * 3):
            await asyncio.sleep(0)
        ended.append(row.number)
        return RowResult(row.number, "created")

    ready = in_order([Row(number, b"") for number in range(50)], work, 8)
    await anext(ready)
    await ready.aclose()
    assert sorted(begun) == sorted(ended)
    assert 8 <= len(begun) < 50


def test_a_row_s_key_tells_nothing_without_the_salt_and_fits_the_header() -> None:
    demand = ImportedDemand.model_validate(body(partner_ref="A-1"))
    key = row_key(SALT, "b1", demand)
    assert key != row_key(bytes([1]) * 32, "b1", demand)
    assert key != row_key(SALT, "b2", demand)
    assert key == row_key(SALT, "b1", demand.model_copy(update={"title": "另一个标题"}))
    assert row_key(SALT, "b", ImportedDemand.model_validate(body())) != row_key(SALT, "b", ImportedDemand.model_validate(body(title="x")))
    assert len(key) <= 128
    assert key.startswith("batch:")
