"""The check of the whole, put together from what every router found in its own partitions. Pure."""

from __future__ import annotations

from datetime import timedelta

from libs.events.names import PARTITIONS, partition
from services.router.check import Violation
from services.router.coverage import EVERY, PartCheck, Whole, by_partition, together
from tests.unit.demand.situations import march

NOW = march(2)
RECENT = timedelta(seconds=45)
DEMAND = "testnet-t1-0123456789abcdef"
PART = partition(DEMAND)
LOST = Violation(DEMAND, "testnet", "no_row", NOW)


def checked(age: int = 0, *violations: Violation) -> dict[int, PartCheck]:
    """Every partition looked at so many seconds ago."""
    return by_partition(EVERY, NOW - timedelta(seconds=age), {(PART, "testnet"): 3, (0, "other"): 1}, violations)


def whole(parts: dict[int, PartCheck], *, complete: bool = True) -> Whole:
    return Whole(NOW, parts, RECENT, complete=complete)


def test_all_is_well_when_every_partition_was_checked_lately_and_nothing_was_found() -> None:
    found = whole(checked(45))
    assert found.is_well(NOW)
    assert (found.demands("testnet"), found.demands("other"), found.demands("none")) == (3, 1, 0)
    assert found.unchecked(NOW) == ()


def test_what_was_found_counts_for_its_network_and_for_the_summary() -> None:
    found = whole(checked(0, LOST))
    assert (found.is_well(NOW, "testnet"), found.is_well(NOW, "other"), found.is_well(NOW)) == (False, True, False)
    assert found.violations("testnet") == [LOST] == found.violations()


def test_partitions_nobody_looked_at_lately_are_named_however_well_they_were() -> None:
    parts = checked(46)
    assert whole(parts).unchecked(NOW) == tuple(range(PARTITIONS))
    mixed = whole(together({PART: checked()[PART]}, parts, {}))
    assert mixed.unchecked(NOW) == tuple(part for part in range(PARTITIONS) if part != PART)
    assert not mixed.is_well(NOW)
    never = whole(together({}, {}, {}))
    assert never.unchecked(NOW) == tuple(range(PARTITIONS))


def test_an_answer_grows_old_while_nobody_checks_again() -> None:
    found = whole(checked())
    assert found.is_well(NOW + RECENT)
    assert not found.is_well(NOW + RECENT + timedelta(seconds=1))


def test_what_left_demands_out_is_not_well() -> None:
    assert not whole(checked(), complete=False).is_well(NOW)


def test_ones_own_check_counts_and_what_was_seen_of_the_others_comes_on_top_of_theirs() -> None:
    """A full check sees all partitions; what their owners found in the rows stands beside it, each thing once."""
    late = Violation(DEMAND, "testnet", "overdue", NOW)
    told = checked(10, late)
    seen = by_partition(EVERY, None, {(PART, "testnet"): 5}, [LOST, late])
    found = whole(together({}, told, seen))
    assert sorted(one.kind for one in found.violations()) == ["no_row", "overdue"]
    assert found.demands("testnet") == 5
    own = whole(together(checked(), told, seen))
    assert own.violations() == []
