"""A whole and its parts share one key: in whatever order they end, are handled again and are erased, none is erased while it is handled."""

from __future__ import annotations

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from libs.directory import Network
from libs.events import SplitPart
from libs.events.testing import sealed
from services.intake import domain as intake
from services.router import domain as router
from tests.unit.proof.town import CLERKS, COORDINATORS, ENTERPRISE, HUB, SECOND_AT_HUB, Person
from tests.unit.proof.world import World, submitted

WHOLE, ONE, TWO = "d0", "d0.1", "d0.2"
STEPS: Final = (
    *(f"refuse {demand}" for demand in (WHOLE, ONE, TWO)),
    *(f"reopen {demand}" for demand in (WHOLE, ONE, TWO)),
    *("ask", "approve", "approve unaware", "oldest message", "newest message", "rest"),
)


def split() -> World:
    world = World()
    world.submit(WHOLE, submitted(0, "quality", "330203001", "normal"))
    world.settle()
    current = world.state(WHOLE).current
    assert current is not None
    clerk, network = CLERKS[current.node], world.network
    parts = tuple(
        SplitPart(part=f"p{number}", demand=demand, category="quality", region="330203001", title=sealed(), description=sealed())
        for number, demand in enumerate((ONE, TWO), start=1)
    )
    by = clerk.standing(network)
    for command in (
        router.AcceptAssignment(current.id, by, world.timing()),
        router.SplitDemand(current.id, by, "all", parts),
    ):
        assert act(world, WHOLE, command, clerk) == "committed"
    world.settle()
    return world


def act(world: World, demand: str, command: router.Command | intake.RequestReopening, by: Person) -> str:
    if isinstance(command, intake.RequestReopening):
        return world.act(demand, "RequestReopening", lambda state: intake.decide(command, state), by)
    return world.act(demand, type(command).__name__, lambda state: router.decide(state, command), by)


def take(world: World, step: str) -> str:
    """Somebody does something, or a message of the system arrives."""
    network: Network = world.network
    timing, hub, second = world.timing(), COORDINATORS[HUB], SECOND_AT_HUB
    match step.split():
        case ["refuse", demand]:
            return act(world, demand, router.RefuseDemand("out_of_scope", sealed(), hub.standing(network), timing), hub)
        case ["reopen", demand]:
            return act(world, demand, intake.RequestReopening(ENTERPRISE.standing(network), timing, sealed()), ENTERPRISE)
        case ["ask"]:
            return act(world, WHOLE, router.RequestErasure("subject_asked", hub.standing(network)), hub)
        case ["approve", *unaware]:
            running = tuple(part for part in (ONE, TWO) if world.state(part).is_open and not unaware)
            return act(world, WHOLE, router.ApproveErasure(second.standing(network), running), second)
        case [which, "message"] if world.messages:
            return world.deliver(world.messages.pop(0 if which == "oldest" else -1))
        case ["rest"]:
            world.settle()
    return ""


@given(st.lists(st.sampled_from(STEPS), min_size=8, max_size=30))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_in_whatever_order_nothing_open_is_erased_and_nothing_split_off_is_forgotten(steps: list[str]) -> None:
    world = split()
    for step in steps:
        take(world, step)
    world.settle()


def test_a_part_reopened_in_the_moment_of_the_approval_is_handled_to_its_end_and_erased_then() -> None:
    world = split()
    for step in (f"refuse {ONE}", f"refuse {TWO}", "rest", f"refuse {WHOLE}", "ask", f"reopen {ONE}"):
        assert take(world, step) in ("committed", ""), step
    assert take(world, "approve") == "parts_not_ended"
    assert take(world, "approve unaware") == "committed"
    world.settle()
    assert (world.state(ONE).is_open, world.state(TWO).erased) == (True, True)
    assert take(world, f"reopen {TWO}") == "personal_data_erased"
    assert take(world, f"refuse {ONE}") == "committed"
    world.settle()
    assert world.state(ONE).erased
    assert take(world, f"reopen {ONE}") == "personal_data_erased"
