"""What one demand owes another: merges are made known or undone, parts come into being and report their end, call-backs are picked.

Every reaction follows from the state of the demand that caused it, has a derived command id and may be repeated. It is done before the
checkpoint passes the commit that caused it; so after a crash the batch comes again and finishes what was half done. Whatever it appends
comes back through the stream of the demand it was appended to: nothing here moves a case on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

import structlog

from libs.demand import INITIAL, DemandState, FollowUp, Status, Timing, evolve
from libs.directory import Directory
from libs.events import ClockAhead, Conflict, Event, EventStore, LiandongError, NotFound, Refused, Unavailable
from libs.events.execute import Done, Fold, execute_many, load_fold
from libs.events.names import demand_subject
from services.router.cases import Case
from services.router.destroying import Destruction
from services.router.domain import CompletePart, OrderFollowUp, ReceiveMerge, ReopenPart, SystemCommand, UnmergeDemand, decide
from services.router.follow_ups import FollowUps
from services.router.orders import system_order
from services.router.parts import Parts
from services.router.process import DEFECTS
from services.router.views import Parking

AT_ONCE: Final = 16
ROUNDS: Final = 4
GAVE_UP: Final = frozenset({Status.WITHDRAWN, Status.REFUSED})
"""A demand that ended so has answered nothing: what was merged into it stands alone again."""

_log = structlog.get_logger("reactions")


@dataclass(frozen=True, slots=True)
class Owed:
    """One reaction. `about` makes it this very one: done once, a process does not do it again."""

    kind: Literal["merged", "gave_up", "split", "part", "follow_up", "erased"]
    about: str


def owed(state: DemandState) -> list[Owed]:
    """What a demand in this state owes others, or the call-back its closing may need. Pure."""
    found = []
    if state.status is Status.MERGED and state.merged_into is not None:
        found.append(Owed("merged", state.merged_into))
    if state.status in GAVE_UP and state.received:
        found.append(Owed("gave_up", " ".join(state.received)))
    if not state.erased and any(part.ended is None for part in state.parts):
        found.append(Owed("split", " ".join(part.demand for part in state.parts)))
    if state.parent is not None and state.status is not None:
        found.append(Owed("part", "runs" if state.is_open else state.status))
    if state.status in (Status.RESOLVED, Status.CLOSED) and state.follow_up is FollowUp.NONE and state.resolved_by and not state.erased:
        found.append(Owed("follow_up", f"{state.status}:{_resolution(state)}"))
    if state.erased and state.parent is None:
        found.append(Owed("erased", state.key_id))
    return found


class Reactions:
    """One per process."""

    def __init__(
        self,
        store: EventStore,
        directory: Callable[[], Directory],
        parts: Parts,
        follow_ups: FollowUps,
        destruction: Destruction,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._directory = directory
        self._parts = parts
        self._follow_ups = follow_ups
        self._destruction = destruction
        self._now = now

    async def answer(self, cases: Sequence[Case]) -> list[Parking]:
        """Do what these demands owe. Returns those whose reaction cannot be done now, by a defect or bad data. Raises Unavailable."""
        due = []
        for case in cases:
            now = owed(case.fold.state)
            case.settled.intersection_update(now)  # what it comes to owe once more is done once more
            due += [(case, one) for one in now if one not in case.settled]
        if not due:
            return []
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(case: Case, reaction: Owed) -> None:
            async with gate:
                await self._do(case, reaction)
            case.settled.add(reaction)

        results = await asyncio.gather(*(one(case, reaction) for case, reaction in due), return_exceptions=True)
        parked: dict[str, Parking] = {}
        for (case, _), error in zip(due, results, strict=True):
            if error is None:
                continue
            if not isinstance(error, (LiandongError, *DEFECTS)) or (isinstance(error, Unavailable) and not isinstance(error, ClockAhead)):
                raise error
            code = error.code if isinstance(error, Refused | NotFound) else type(error).__name__
            _log.error("reaction_failed", demand=case.demand, version=case.fold.version, code=code, exc_info=error)
            parked[case.demand] = Parking(case.demand, case.fold.seq, code)
        return list(parked.values())

    async def _do(self, case: Case, reaction: Owed) -> None:
        match reaction.kind:
            case "merged":
                await self._merged(case, reaction.about)
            case "gave_up":
                await self._gave_up(case)
            case "split":
                await self._parts.create(case)
            case "part":
                await self._part(case)
            case "follow_up":
                await self._follow_up(case)
            case "erased":
                await self._destruction.carry_out(case.demand)

    async def _merged(self, case: Case, into: str) -> None:
        """The older one gets to know; if it has ended meanwhile, the merge is undone."""
        older = await self._load(into)
        if older.state.is_open and case.demand not in older.state.received:
            await self._run(into, ReceiveMerge(case.demand), f"from:{case.demand}", older)
            older = await self._load(into)
        if case.demand in older.state.received and older.state.status not in GAVE_UP:
            return
        undo = UnmergeDemand("target_ended", None, into)
        await self._run(case.demand, undo, f"after:{case.fold.version}", case.fold)

    async def _gave_up(self, case: Case) -> None:
        """What was merged into it and still is, is routed again."""
        for younger in case.fold.state.received:
            fold = await self._load(younger)
            if fold.state.status is Status.MERGED and fold.state.merged_into == case.demand:
                await self._run(younger, UnmergeDemand("target_ended", None, case.demand), f"after:{fold.version}", fold)

    async def _part(self, case: Case) -> None:
        """The whole knows which of its parts have ended and which run, or run again; should this one move on meanwhile, it is told anew."""
        parent = case.fold.state.parent
        assert parent is not None
        for _ in range(ROUNDS):
            part, whole = await self._load(case.demand), await self._load(parent)
            command = _news(case.demand, part.state)
            if not decide(whole.state, command):
                if whole.state.erased and not part.state.is_open and not part.state.erased:
                    await self._destruction.carry_out(parent)  # it ran when the whole was erased
                return
            await self._run(parent, command, f"from:{case.demand}:after:{whole.version}", whole)
        raise Unavailable(f"{case.demand} changes faster than it is told")

    async def _follow_up(self, case: Case) -> None:
        state, network = case.fold.state, self._directory().networks.get(case.fold.state.network)
        if network is None:
            raise NotFound("network_unknown")
        reason = await self._follow_ups.reason(case.demand, state, network)
        if reason is not None:
            command = OrderFollowUp(reason, Timing(self._now(), network.clocks(state.sample)))
            await self._run(case.demand, command, f"resolution:{_resolution(state)}", case.fold)

    async def _load(self, demand: str) -> Fold[DemandState]:
        return await load_fold(self._store, demand_subject(demand), INITIAL, evolve)

    async def _run(self, demand: str, command: SystemCommand | UnmergeDemand, key: str, known: Fold[DemandState]) -> None:
        """Run one command; what is not possible any more is left, because the demand moved on. Raises Unavailable, Corrupt."""

        def events(state: DemandState) -> Sequence[Event]:
            return decide(state, command)

        order = system_order(demand, type(command).__name__, key, events, known=known)
        result = (await execute_many(self._store, [order], initial=INITIAL, evolve=evolve, now=self._now))[0]
        if isinstance(result, Done):
            return
        if isinstance(result, Refused | NotFound):
            _log.info("reaction_not_possible", demand=demand, command=order.command, code=result.code)
        elif isinstance(result, Conflict):
            raise Unavailable(f"{demand} changes faster than it is told")
        else:
            raise result


def _resolution(state: DemandState) -> str:
    """Which resolution a call-back is about: one taken back and made again is another, though it counts the same."""
    return f"{state.resolutions}:{state.resolved_version}"


def _news(part: str, state: DemandState) -> CompletePart | ReopenPart:
    """What a part's whole is to know."""
    if state.is_open:
        return ReopenPart(part)
    ended: Literal["closed", "withdrawn", "refused", "merged"] = state.status.value  # type: ignore[assignment, union-attr] # it exists
    return CompletePart(part, ended)
