"""Demands in memory under both deciders: executes commands as the store would, keeps the system's work as messages.

What the router's shell does between two commands stands here in its shortest form: a message per reaction, with a command id that is the
same whenever it is derived, delivered late, twice or out of order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from libs.demand import ENDED, INITIAL, DemandState, FollowUp, Status, Timing, evolve, next_due
from libs.directory import Network
from libs.events import Basis, Classification, DemandEvent, DemandSplit, DemandSubmitted, HistoryImported, Likeness, NotFound, Refused
from libs.events.testing import sealed
from services.intake import domain as intake
from services.router import domain as router
from services.router.policy import decide_route
from tests.unit.proof import promises
from tests.unit.proof.town import HUB, START, Person, town

Decide = Callable[[DemandState], Sequence[DemandEvent]]


@dataclass(frozen=True, slots=True)
class Commit:
    """What one command came to."""

    id: str
    command: str
    at: datetime
    by: Person | None
    events: tuple[DemandEvent, ...]


@dataclass(slots=True)
class Life:
    """One demand: its commits and the state after each; `states[0]` is before the first."""

    commits: list[Commit] = field(default_factory=list)
    states: list[DemandState] = field(default_factory=lambda: [INITIAL])

    @property
    def state(self) -> DemandState:
        return self.states[-1]


@dataclass(frozen=True, slots=True)
class Message:
    """Work of the system, as a queue or a timer delivers it: the command is built from what holds on delivery."""

    demand: str
    command: str
    id: str
    decide: Callable[[World], Decide]


@dataclass(frozen=True, slots=True)
class Executed:
    """A person's command that may be sent once more."""

    demand: str
    id: str
    decide: Decide


class World:
    """All demands, the time, the suspended nodes, and the messages under way."""

    def __init__(self) -> None:
        self.lives: dict[str, Life] = {}
        self.now = START
        self.suspended: frozenset[str] = frozenset()
        self.messages: list[Message] = []
        self.executed: list[Executed] = []
        self.refusals: set[str] = set()
        self.serial = 0

    @property
    def network(self) -> Network:
        return town(self.suspended)

    def timing(self, skew: int = 0) -> Timing:
        """The clocks as one server sees them; its own may be some seconds behind."""
        return Timing(self.now - timedelta(seconds=skew), self.network.clocks())

    def state(self, demand: str) -> DemandState:
        life = self.lives.get(demand)
        return life.state if life is not None else INITIAL

    # Commands.

    def execute(self, demand: str, command: str, id: str, decide: Decide, by: Person | None = None) -> str:
        """Replay, decide, append, fold and look. Returns what it came to: a refusal's code, or replayed, nothing, committed."""
        life = self.lives.get(demand) or Life()
        if any(commit.id == id for commit in life.commits):
            return "replayed"
        before = life.state
        try:
            events = tuple(decide(before))
        except (Refused, NotFound) as error:
            self.refusals.add(error.code)
            return error.code
        if not events:
            return "nothing"
        at = max(self.now, before.at) if before.at is not None else self.now
        after = before
        for event in events:
            after = evolve(after, event, version=len(life.commits) + 1, at=at)
        life.commits.append(Commit(id, command, at, by, events))
        life.states.append(after)
        self.lives[demand] = life
        promises.of_commit(self.network, before, life.commits[-1].events, by, after)
        promises.of_state(self.network, after)
        self.messages += self._reactions(demand)
        return "committed"

    def act(self, demand: str, command: str, decide: Decide, by: Person) -> str:
        """A person's command, under a fresh id."""
        self.serial += 1
        id = f"person/{self.serial}"
        outcome = self.execute(demand, command, id, decide, by)
        if outcome == "committed":
            self.executed.append(Executed(demand, id, decide))
        return outcome

    def submit(self, demand: str, event: DemandSubmitted, history: HistoryImported | None = None) -> str:
        command = intake.SubmitDemand(event, history)
        return self.execute(demand, "SubmitDemand", f"submit/{demand}", lambda state: intake.decide(command, state))

    def keep_time(self, demand: str) -> None:
        """The timer fires, or the sweep finds it; afterwards nothing of it is left to do now."""
        timing = self.timing()
        command = router.KeepTime(self.network, timing)
        self.serial += 1
        self.execute(demand, "KeepTime", f"time/{self.serial}", lambda state: router.decide(state, command))
        promises.of_time(self.state(demand), timing.at(self.state(demand)), router.decide(self.state(demand), command))

    def deliver(self, message: Message) -> str:
        """A message arrives. Nobody hears the younger demand of an older one that has ended: the merge is undone."""
        outcome = self.execute(message.demand, message.command, message.id, message.decide(self))
        if message.command == "ReceiveMerge" and outcome not in ("committed", "nothing", "replayed"):
            younger = message.id.split("/")[1]
            self.messages.append(self._unmerge(younger, message.demand))
        return outcome

    # What the system owes.

    def owed(self) -> Iterator[Message]:
        """Everything the states themselves say has to be done, whatever messages were lost."""
        for demand in list(self.lives):
            yield from self._reactions(demand)
            current = self.state(demand).current
            if current is not None and current.node in self.suspended:
                yield self._release(demand, current.id)
            case = self.state(demand).arbitration
            if case is not None and case.arbiter in self.suspended:
                yield self._replace_arbiter(demand)

    def settle(self) -> None:
        """Deliver everything, last things first, until nothing is left to do now."""
        for _ in range(400):
            while self.messages:
                self.deliver(self.messages.pop())
            busy = False
            for message in list(self.owed()):
                busy |= self.deliver(message) == "committed"
            for demand, life in self.lives.items():
                due = next_due(life.state)
                if due is not None and due <= self.now and not life.state.waits_for_routing:
                    self.keep_time(demand)
                    busy = True
            if not busy and not self.messages:
                promises.of_quiet(self)
                return
        raise AssertionError("busy for ever: the system never comes to rest")

    def _reactions(self, demand: str) -> Iterator[Message]:
        life = self.lives[demand]
        state, version = life.state, len(life.commits)
        step = router.react(state, self.network.content.routing.return_budget)
        if step is not None:
            yield self._route(demand, version, step)
        if state.status is Status.MERGED and state.merged_into is not None:
            yield from self._merged(demand, version, state.merged_into)
        if state.status in (Status.WITHDRAWN, Status.REFUSED):
            yield from (self._unmerge(younger, demand) for younger in state.received)
        yield from (self._part(demand, part.demand) for part in state.parts if part.demand not in self.lives)
        if state.parent is not None and state.status is not None:
            yield self._tell_whole(demand, version, state.parent, state.status)
            if self.state(state.parent).erased and not state.is_open:
                yield self._erase(demand)
        if state.erased:
            yield from (self._erase(part.demand) for part in state.parts)

    def _route(self, demand: str, version: int, step: router.NextStep) -> Message:
        """A decision counts for the state it was made on, no other."""
        on = self.state(demand)

        def decide(world: World) -> Decide:
            network, timing = world.network, world.timing()
            if step.kind == "arbitrate":
                opened = router.decide(on, router.OpenArbitration(network, timing))
                return lambda state: opened if state == on else ()
            found = Classification(category="quality", taxonomy="1", scores={}, evidence=()) if step.classify and version % 2 else None
            basis = Basis(registry_seq=7, figures_date=timing.clocks.calendar.local_day(timing.now).isoformat())
            why = decide_route(network, network.content.routing, router.routing_inputs(on, found), {}, basis, found)
            routed = router.decide(on, router.RouteDemand(why, timing))
            return lambda state: routed if state == on else ()

        return Message(demand, "RouteDemand", f"route/{demand}/{version}", decide)

    def _merged(self, younger: str, version: int, older: str) -> Iterator[Message]:
        state = self.state(older)
        if state.status in (Status.WITHDRAWN, Status.REFUSED):
            yield self._unmerge(younger, older)
        elif younger not in state.received:
            command = router.ReceiveMerge(younger)
            yield Message(older, "ReceiveMerge", f"merge/{younger}/{version}", lambda world: lambda state: router.decide(state, command))

    def _unmerge(self, younger: str, older: str) -> Message:
        command = router.UnmergeDemand("target_ended", None, older)
        id = f"unmerge/{younger}/{len(self.lives[younger].commits) if younger in self.lives else 0}"
        return Message(younger, "UnmergeDemand", id, lambda world: lambda state: router.decide(state, command))

    def _part(self, whole: str, part: str) -> Message:
        event = part_of(self.state(whole), whole, self.lives[whole], part)
        submit = intake.SubmitDemand(event)

        def once(state: DemandState) -> Sequence[DemandEvent]:
            return intake.decide(submit, state) if state.status is None else ()

        return Message(part, "SubmitDemand", f"submit/{part}", lambda world: once)

    def _tell_whole(self, part: str, version: int, whole: str, status: Status) -> Message:
        ended = status in ENDED
        command = router.CompletePart(part, status.value) if ended else router.ReopenPart(part)  # type: ignore[arg-type] # one it ends in
        id = f"part/{part}/{version}/{len(self.lives[whole].commits)}"
        return Message(whole, type(command).__name__, id, lambda world: lambda state: router.decide(state, command))

    def _erase(self, part: str) -> Message:
        command = router.EraseWithWhole("one", "other")
        return Message(part, "EraseWithWhole", f"erase/{part}", lambda world: lambda state: router.decide(state, command))

    def _release(self, demand: str, assignment: str) -> Message:
        id = f"release/{demand}/{len(self.lives[demand].commits)}"

        def decide(world: World) -> Decide:
            command = router.ReleaseHolder(assignment, world.timing())
            return lambda state: router.decide(state, command)

        return Message(demand, "ReleaseHolder", id, decide)

    def _replace_arbiter(self, demand: str) -> Message:
        id = f"arbiter/{demand}/{len(self.lives[demand].commits)}"

        def decide(world: World) -> Decide:
            command = router.ReplaceArbiter(world.network, world.timing())
            return lambda state: router.decide(state, command)

        return Message(demand, "ReplaceArbiter", id, decide)

    def follow_up(self, demand: str) -> None:
        """The sample picks a demand; twice changes nothing."""
        command = router.OrderFollowUp("sampled", self.timing())
        self.serial += 1
        self.execute(demand, "OrderFollowUp", f"follow-up/{self.serial}", lambda state: router.decide(state, command))
        if self.state(demand).follow_up is not FollowUp.NONE:
            assert not router.decide(self.state(demand), command)

    def suggest(self, demand: str, like: str) -> None:
        """The router finds that two demands look alike; twice changes nothing."""
        command = router.SuggestDuplicates((Likeness(demand=like, score=80, reasons=("text",)),))
        self.serial += 1
        self.execute(demand, "SuggestDuplicates", f"like/{self.serial}", lambda state: router.decide(state, command))
        assert not router.decide(self.state(demand), command)


def submitted(number: int, category: str | None, region: str, urgency: str, node: str | None = None) -> DemandSubmitted:
    """A demand of one of two enterprises, by one of two partners or at a node's counter."""
    return DemandSubmitted(
        network="testnet",
        channel="counter" if node is not None else "partner",
        category=category,
        region=region,
        urgency=urgency,
        party=f"clerk-of-{node}" if node is not None else f"partner-{number % 2}",
        enterprise=f"ent-{number // 2 % 2}",
        desk=HUB,
        title=sealed("title"),
        description=sealed("description"),
        requester=sealed("requester"),
        submitter_node=node,
        link="sha256:" + "0" * 64,
    )


def part_of(state: DemandState, whole: str, life: Life, part: str) -> DemandSubmitted:
    """The demand a part of a split becomes."""
    split = next(event for commit in life.commits for event in commit.events if isinstance(event, DemandSplit))
    asked = next(one for one in split.parts if one.demand == part)
    first = life.commits[0].events[0]
    assert isinstance(first, DemandSubmitted)
    return first.model_copy(
        update={
            "category": asked.category,
            "region": asked.region,
            "urgency": state.urgency,
            "parent": whole,
            "enterprise": state.enterprise,
        }
    )
