"""(g) What one decision and one fold cost, without any I/O: µs per decide and per evolve along an ordinary life.

The reference is measured in the same run: `dataclasses.replace` on the very same state, which is what evolving cost per change before
states were copied at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from bench.results import Figure
from cli.machine.folder import CHECKOUT
from libs.demand import INITIAL, DemandState, Standing, Timing, evolve
from libs.directory import Network, load_network
from libs.events import Basis, DemandEvent, DemandSubmitted, Sealed
from services.intake import domain as intake
from services.router import domain as router
from services.router.policy import decide_route

ROUNDS: Final = 2_000
BEST_OF: Final = 5
START: Final = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
_SEALED: Final = Sealed(k="key", a="AES-256-GCM", n="AAAAAAAAAAAAAAAA", c="AAAAAAAAAAAAAAAAAAAAAAAA")
Decide = Callable[[DemandState], Sequence[DemandEvent]]


def measure() -> list[Figure]:
    """Live one life, command by command, and time each decision and each fold on the state it met."""
    deciding: list[float] = []
    folding: list[float] = []
    state, now = INITIAL, START
    network = Network(load_network(CHECKOUT / "networks" / "ningbo"), revision="bench", seq=1)
    for decide in life(network):
        now += timedelta(minutes=1)
        timing = Timing(now, network.clocks())
        before, step = state, decide(state, timing)
        events = tuple(step(before))
        deciding.append(micros(lambda step=step, before=before: step(before)))  # type: ignore[misc] # defaults bind the loop's values
        folding.append(micros(lambda before=before, events=events, now=now: fold(before, events, now)) / len(events))  # type: ignore[misc]
        state = fold(before, events, now)
    copying = micros(lambda: replace(state, at=now))
    note = f"mean of {len(deciding)} commands of an ordinary life"
    return [
        Figure("decide", sum(deciding) / len(deciding), "µs", copying, f"{note}; reference: one dataclasses.replace of the state"),
        Figure("evolve", sum(folding) / len(folding), "µs", copying, "mean per event of that life; the same reference"),
        Figure("keep_time", micros(lambda: router.decide(state, router.KeepTime(network, Timing(now, network.clocks())))), "µs", copying),
    ]


def life(network: Network) -> list[Callable[[DemandState, Timing], Decide]]:
    """Submitted, routed, accepted, served, resolved, rated, confirmed: one step per command, made for the state it meets."""
    node = next(one for one in network.content.nodes if one.kind == "window_township")
    by, enterprise = Standing("clerk", "person", network, node.id), Standing("enterprise", "link", network)
    event = DemandSubmitted(
        network=network.name,
        channel="partner",
        category=node.categories[0],
        region=node.regions[0],
        urgency="normal",
        party="partner",
        enterprise="enterprise",
        desk=network.hub.id,
        title=_SEALED,
        description=_SEALED,
        requester=_SEALED,
    )

    def routed(state: DemandState, timing: Timing) -> Decide:
        why = decide_route(
            network, network.content.routing, router.routing_inputs(state), {}, Basis(registry_seq=1, figures_date="2026-03-02")
        )
        chosen = why.model_copy(update={"chosen": node.id, "path": "candidate"})
        return lambda state: router.decide(state, router.RouteDemand(chosen, timing))

    def asked(command: Callable[[Timing], intake.Command]) -> Callable[[DemandState, Timing], Decide]:
        return lambda state, timing: lambda state: intake.decide(command(timing), state)

    def done(command: Callable[[Timing], router.Command]) -> Callable[[DemandState, Timing], Decide]:
        return lambda state, timing: lambda state: router.decide(state, command(timing))

    return [
        asked(lambda timing: intake.SubmitDemand(event)),
        routed,
        done(lambda timing: router.AcceptAssignment("a1", by, timing)),
        done(lambda timing: router.ReportProgress("a1", by, timing, _SEALED)),
        done(lambda timing: router.RequestCompletion("a1", by, timing, _SEALED)),
        asked(lambda timing: intake.ProvideCompletion(enterprise, timing, _SEALED)),
        done(lambda timing: router.RecordService("a1", by, timing, "online", "welfare")),
        done(lambda timing: router.ResolveDemand("a1", by, timing, "solved", _SEALED)),
        asked(lambda timing: intake.RateDemand(enterprise, "satisfied")),
        asked(lambda timing: intake.ConfirmResolution(enterprise, timing)),
    ]


def fold(state: DemandState, events: Sequence[DemandEvent], now: datetime) -> DemandState:
    """The state after one commit."""
    for event in events:
        state = evolve(state, event, version=1, at=now)
    return state


def micros(work: Callable[[], object]) -> float:
    """The best of some rounds: other processes only ever add to it."""
    best = float("inf")
    for _ in range(BEST_OF):
        start = time.perf_counter()
        for _ in range(ROUNDS):
            work()
        best = min(best, time.perf_counter() - start)
    return best / ROUNDS * 1e6
