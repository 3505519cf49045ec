"""One order of checks for every command: a demand whose personal data was erased is refused by its state, whatever a process remembers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from pydantic import BaseModel

from libs.chassis.commands import CommandCall, CommandDesk, Seal, run_command
from libs.chassis.keyring import DataKey
from libs.demand import DemandState
from libs.events import DemandSupplemented, DemandWithdrawn, Event, NotFound, PersonalDataErased, Refused
from libs.events.memory import MemoryEventStore
from libs.events.names import demand_subject
from libs.events.store import Append
from libs.events.testing import PARTNER, at, commits
from tests.unit.demand.situations import submitted

DEMAND = "testnet-t1-0123456789abcdef"
ERASED = PersonalDataErased(requested_by="person-1", approved_by="person-2", key="key-sample")


class Body(BaseModel):
    note: str


class Keys:
    """The keys a process remembers; the demand is erased as soon as a key is asked for, if `meanwhile` says so."""

    def __init__(self, store: MemoryEventStore, known: Sequence[str], meanwhile: Sequence[Append] = ()) -> None:
        self._store = store
        self.known = {key_id: DataKey(key_id, bytes(32)) for key_id in known}
        self._meanwhile = meanwhile

    async def get(self, key_id: str) -> DataKey:
        await self._store.append_many(self._meanwhile)
        if key_id not in self.known:
            raise NotFound("key_not_found")
        return self.known[key_id]

    def remember(self, key: DataKey) -> None:
        self.known[key.key_id] = key

    def forget(self, key_id: str) -> None:
        self.known.pop(key_id, None)


def appends(*steps: Event) -> list[Append]:
    made = commits(DEMAND, *steps)
    return [Append(demand_subject(DEMAND), number, f"c{number}", body) for number, (_, body) in enumerate(made)]


async def supplement(store: MemoryEventStore, keys: Keys, if_match: int | None = None) -> None:
    desk = CommandDesk(store, keys, lambda: at(60), bytes)
    call = CommandCall(DEMAND, "SupplementDemand", "party-sample", PARTNER, "k1", Body(note="样例"), if_match)

    def decide(_state: DemandState, seal: Seal) -> Sequence[Event]:
        return [DemandSupplemented(note=seal("note", "样例"))]

    await run_command(desk, call, authorise=lambda _state: None, decide=decide)


@pytest.mark.parametrize("known", [(), ("key-sample",)], ids=["key_gone", "key_remembered"])
@pytest.mark.parametrize("if_match", [None, 1], ids=["unguarded", "stale"])
async def test_an_erased_demand_is_refused_by_its_state_whatever_is_remembered(known: Sequence[str], if_match: int | None) -> None:
    store = MemoryEventStore()
    await store.append_many(appends(submitted(), DemandWithdrawn(), ERASED))
    keys = Keys(store, known)
    with pytest.raises(Refused, match="personal_data_erased"):
        await supplement(store, keys, if_match)
    assert keys.known == {}


async def test_what_is_erased_while_a_command_reads_its_key_is_refused_by_its_state_too() -> None:
    store = MemoryEventStore()
    history = appends(submitted(), DemandWithdrawn(), ERASED)
    await store.append_many(history[:2])
    with pytest.raises(Refused, match="personal_data_erased"):
        await supplement(store, Keys(store, (), meanwhile=history[2:]))


async def test_a_key_that_is_missing_without_an_erasure_is_told_as_such() -> None:
    store = MemoryEventStore()
    await store.append_many(appends(submitted()))
    with pytest.raises(NotFound, match="key_not_found"):
        await supplement(store, Keys(store, ()))
