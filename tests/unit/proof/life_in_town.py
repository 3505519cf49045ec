"""The state machine: anybody does anything to any demand, time passes, nodes are suspended, messages come late, twice or never."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from libs.demand import next_due
from libs.events import HistoryImported
from tests.unit.proof.acting import act
from tests.unit.proof.dice import Dice
from tests.unit.proof.town import CATEGORIES, NODES, REGIONS, WINDOWS
from tests.unit.proof.world import World, submitted

NUMBERS: Final = st.integers(0, 2**32)
MOST_DEMANDS: Final = 6
JUMPS: Final = [timedelta(minutes=1), timedelta(minutes=40), timedelta(hours=3), timedelta(days=1), timedelta(days=3), timedelta(days=9)]


def submit(world: World, dice: Dice) -> None:
    serial = len(world.lives)
    node = dice.pick((None, None, *WINDOWS))
    event = submitted(serial // 2, dice.pick((*CATEGORIES, None)), dice.pick(REGIONS), dice.pick(("normal", "urgent", "critical")), node)
    history = None
    if dice.one_in(6):
        event = event.model_copy(update={"received_at": world.now - timedelta(days=dice.pick((1, 5, 20)))})
        history = HistoryImported(source="former-system")
    world.submit(f"demand-{serial}", event, history)


def deliver_all(world: World) -> None:
    while world.messages:
        world.deliver(world.messages.pop(0))


def an_enterprise_asks(world: World, dice: Dice) -> None:
    if len(world.lives) < MOST_DEMANDS:
        submit(world, dice)


def people_act_and_the_router_follows(world: World, dice: Dice) -> None:
    demand = dice.pick(list(world.lives))
    for _ in range(dice.pick((1, 3, 9))):
        act(world, demand, dice)
        deliver_all(world)


def people_act_while_time_passes(world: World, dice: Dice) -> None:
    demand = dice.pick(list(world.lives))
    for _ in range(dice.pick((1, 3, 9))):
        world.now += dice.pick(JUMPS[:4])
        act(world, demand, dice)
        deliver_all(world)


def people_act_on_what_was_split_off(world: World, dice: Dice) -> None:
    parts = [demand for demand, life in world.lives.items() if life.state.parent is not None]
    if parts:
        demand = dice.pick(parts)
        for _ in range(9):
            act(world, demand, dice)
            deliver_all(world)


def people_act_before_anybody_hears_of_it(world: World, dice: Dice) -> None:
    for _ in range(dice.pick((1, 2, 4))):
        act(world, dice.pick(list(world.lives)), dice)


def a_message_arrives_in_any_order_perhaps_again_later(world: World, dice: Dice) -> None:
    if world.messages:
        message = dice.pick(world.messages)
        if dice.one_in(2):
            world.messages.remove(message)
        world.deliver(message)


def somebody_sends_a_command_again(world: World, dice: Dice) -> None:
    if world.executed:
        sent = dice.pick(world.executed)
        before = world.state(sent.demand)
        assert world.execute(sent.demand, "Again", sent.id, sent.decide) == "replayed", "a command sent again is answered as before"
        assert world.state(sent.demand) is before, "a command sent again does nothing"


def a_timer_fires_at_any_moment(world: World, dice: Dice) -> None:
    world.keep_time(dice.pick(list(world.lives)))


def a_timer_fires_in_time(world: World, dice: Dice) -> None:
    demand = dice.pick(list(world.lives))
    due = next_due(world.state(demand))
    if due is not None:
        world.now = max(world.now, due)
        world.keep_time(demand)


def time_passes(world: World, dice: Dice) -> None:
    world.now += dice.pick(JUMPS)


def a_node_is_suspended_or_comes_back(world: World, dice: Dice) -> None:
    back = sorted(world.suspended)
    world.suspended ^= {dice.pick(back) if back and dice.one_in(2) else dice.pick(NODES)}


def the_sample_picks_a_demand(world: World, dice: Dice) -> None:
    demand = dice.pick(list(world.lives))
    if world.state(demand).status in ("resolved", "closed"):
        world.follow_up(demand)


def the_router_finds_a_likeness(world: World, dice: Dice) -> None:
    demand = dice.pick(list(world.lives))
    if world.state(demand).is_open:
        world.suggest(demand, dice.pick(list(world.lives)))


def the_system_comes_to_rest(world: World, dice: Dice) -> None:
    world.settle()


def nobody_does_anything(world: World, dice: Dice) -> None:
    for _ in range(dice.pick((1, 3))):
        world.settle()
        due = [moment for life in world.lives.values() if (moment := next_due(life.state)) is not None]
        if due:
            world.now = max(world.now, min(due))
    world.settle()


HAPPENINGS: Final[tuple[Callable[[World, Dice], None], ...]] = (
    an_enterprise_asks,
    *(people_act_and_the_router_follows,) * 3,
    *(people_act_while_time_passes,) * 2,
    people_act_on_what_was_split_off,
    *(people_act_before_anybody_hears_of_it,) * 2,
    a_message_arrives_in_any_order_perhaps_again_later,
    somebody_sends_a_command_again,
    a_timer_fires_at_any_moment,
    a_timer_fires_in_time,
    time_passes,
    a_node_is_suspended_or_comes_back,
    the_sample_picks_a_demand,
    the_router_finds_a_likeness,
    the_system_comes_to_rest,
    nobody_does_anything,
)


class LifeInTown(RuleBasedStateMachine):
    """One number per step says what happens; the world looks at itself after every commit.

    A rule per happening would read better, but Hypothesis leaves rules out of most lives (swarm testing) and repeats small numbers:
    it then needs ten times as many lives to find the same broken rule.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.steps = 0

    @initialize(number=NUMBERS)
    def the_first_enterprises_ask(self, number: int) -> None:
        dice = Dice(f"{number}/first")
        submit(self.world, dice)
        submit(self.world, dice)
        deliver_all(self.world)

    @rule(number=NUMBERS)
    def something_happens(self, number: int) -> None:
        self.steps += 1
        dice = Dice(f"{number}/{self.steps}")
        dice.pick(HAPPENINGS)(self.world, dice)

    def teardown(self) -> None:
        if self.world.lives:
            self.world.settle()


def a_life(seed: int, steps: int = 60) -> World:
    """One life of the town without a search."""
    random, life = Random(seed), LifeInTown()
    life.the_first_enterprises_ask(seed)
    for _ in range(steps):
        life.something_happens(random.randrange(2**32))
    life.teardown()
    return life.world
