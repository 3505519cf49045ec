"""The parts of a split 拆分 come into being: each a demand of its own, under the id its parent names and under the parent's key.

See docs/adr/0011-parts-share-the-parents-key.md. The texts are opened from where the parent keeps them and sealed anew for the part,
because a ciphertext is tied to its demand, commit and field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from libs.chassis.commands import DataKeys
from libs.chassis.keyring import DataKey, open_text, seal_text
from libs.demand import INITIAL, DemandState, evolve
from libs.events import DemandCorrected, DemandSplit, DemandSubmitted, Event, EventStore, NotFound, Recorded, Sealed, SplitPart
from libs.events.execute import Done, execute_many, read_commit
from libs.events.names import command_id, demand_subject
from services.router.cases import Case, SealedText
from services.router.orders import PARTY, system_order

COMMAND: Final = "SubmitPart"


@dataclass(slots=True)
class _Whole:
    """What the parts take over from the demand they come from."""

    submitted: DemandSubmitted
    requester: SealedText
    split: DemandSplit
    split_id: str


class Parts:
    """One per process. `random_bytes` is `secrets.token_bytes` outside tests."""

    def __init__(self, store: EventStore, keys: DataKeys, now: Callable[[], datetime], random_bytes: Callable[[int], bytes]) -> None:
        self._store = store
        self._keys = keys
        self._now = now
        self._random = random_bytes

    async def create(self, case: Case) -> None:
        """Create the parts of a split demand that do not exist yet. Raises Unavailable, Corrupt, NotFound(key_not_found)."""
        state = case.fold.state
        missing = [part.demand for part in state.parts if await self._store.last(demand_subject(part.demand)) is None]
        if not missing:
            return
        whole = _whole(await self._store.load(case.subject, at_least=case.fold.seq))
        key = await self._keys.get(state.key_id)
        orders = [
            system_order(part.demand, COMMAND, f"of:{case.demand}", _once(self._submission(case.demand, state, whole, part, key)))
            for part in whole.split.parts
            if part.demand in missing
        ]
        for result in await execute_many(self._store, orders, initial=INITIAL, evolve=evolve, now=self._now):
            if not isinstance(result, Done):
                raise result

    def _submission(self, parent: str, state: DemandState, whole: _Whole, part: SplitPart, key: DataKey) -> DemandSubmitted:
        identity = command_id(part.demand, COMMAND, PARTY, f"of:{parent}")

        def anew(text: Sealed, commit: str, source: str, field: str) -> Sealed:
            plain = open_text(text, key, demand=parent, command_id=commit, field=source)
            return seal_text(plain, key, demand=part.demand, command_id=identity, field=field, random_bytes=self._random)

        return DemandSubmitted(
            network=state.network,
            channel=whole.submitted.channel,
            category=part.category,
            region=part.region,
            carrier=part.carrier,
            industry=part.industry,
            urgency=state.urgency,
            party=state.party,
            enterprise=state.enterprise,
            desk=state.desk,
            sample=state.sample,
            title=anew(part.title, whole.split_id, f"parts.{part.part}.title", "title"),
            description=anew(part.description, whole.split_id, f"parts.{part.part}.description", "description"),
            requester=anew(whole.requester.sealed, whole.requester.command_id, "requester", "requester"),
            submitter_node=state.submitter_node,
            link=state.link,
            parent=parent,
        )


def _whole(recorded: Iterable[Recorded]) -> _Whole:
    submitted: DemandSubmitted | None = None
    requester: SealedText | None = None
    split: tuple[DemandSplit, str] | None = None
    for item in recorded:
        commit = read_commit(item)
        for event in commit.events:
            if isinstance(event, DemandSubmitted):
                submitted, requester = event, SealedText(event.requester, commit.command_id)
            elif isinstance(event, DemandCorrected) and event.requester is not None:
                requester = SealedText(event.requester, commit.command_id)
            elif isinstance(event, DemandSplit):
                split = event, commit.command_id
    if submitted is None or requester is None or split is None:
        raise NotFound("demand_not_found")
    return _Whole(submitted, requester, *split)


def _once(event: Event) -> Callable[[DemandState], tuple[Event, ...]]:
    return lambda state: (event,) if state.status is None else ()
