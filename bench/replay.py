"""(e) The policy laboratory: a candidate policy over a million past decisions of the real Ningbo network, in two processes.

`python -m bench.replay [decisions]` measures this alone.
"""

from __future__ import annotations

import asyncio
import random
import resource
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from contextlib import aclosing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
from pydantic_core import to_json
from rich.console import Console
from sqlalchemy.ext.asyncio import create_async_engine

from bench.results import Figure
from cli.machine.database import sqlalchemy_url
from cli.machine.folder import CHECKOUT
from cli.machine.testing import Database, postgres_server
from libs.directory import Network, digest, load_network
from libs.directory.policy import RoutingPolicy
from libs.events import Basis, Classification, DemandAssigned, RoutingInputs
from libs.events.names import demand_id, partition
from services.router.decisions import DECISION, Selection, count_decisions, decision_row
from services.router.policy import decide_route
from services.router.replay_report import Tally, report_of
from services.router.workbench import plan, run

DECISIONS: Final = 1_000_000
PATTERNS: Final = 20_000
"""Decisions really made, under a load that comes and goes; the others repeat them for other demands on other days."""
FIRST: Final = date(2026, 1, 1)
DAYS: Final = 300
OPEN: Final = 4_000
RETURNED: Final = 0.08
LAPSED: Final = 0.02
CLASSIFIED: Final = 0.5
_COLUMNS: Final = [column.name for column in DECISION.columns]
_ASSIGNMENT: Final = ["demand", "assignment", "network", "node", "status", "region", "urgency", "since", "version", "sample"]


async def measure(database: Database, decisions: int = DECISIONS) -> list[Figure]:
    """Fill the database, then replay a policy with other weights, and the one in force."""
    network = _network()
    await _fill(database, network, decisions)
    candidate = _candidate(network.content.routing)
    other, seconds = await _replay(database, network, candidate)
    same, _ = await _replay(database, network, None)
    assert (other.decisions, same.decisions, same.same) == (decisions, decisions, decisions)
    per_million = seconds * 1_000_000 / decisions
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [
        Figure("replay", per_million, "s/million", None, f"{decisions} past decisions, another policy, two processes; goal ≤ 60 s"),
        Figure("replay_memory", memory, "MB", None, "largest child process so far: no replay worker was larger"),
    ]


def _network() -> Network:
    content = load_network(CHECKOUT / "networks" / "ningbo")
    return Network(content, revision="bench", seq=1, digest=digest(content))


def _candidate(policy: RoutingPolicy) -> RoutingPolicy:
    parts = policy.score
    nearness, load = parts.nearness.model_copy(update={"weight": 25}), parts.load.model_copy(update={"weight": 40})
    return policy.model_copy(update={"version": 2, "score": parts.model_copy(update={"nearness": nearness, "load": load})})


async def _replay(database: Database, network: Network, policy: RoutingPolicy | None) -> tuple[Tally, float]:
    """Replay as the laboratory does, counting included; returns the tally and seconds."""
    url = database.url("ld_router")
    selection = Selection("ningbo", FIRST, FIRST + timedelta(days=DAYS))
    engine = create_async_engine(sqlalchemy_url(url), connect_args={"ssl": False})
    started, found = time.perf_counter(), None
    async with engine.begin() as connection:
        _, demands, least, greatest = await count_decisions(connection, selection)
    async with aclosing(run(plan(url, selection, policy, [network], (least, greatest)))) as steps:
        async for step in steps:
            if isinstance(step, Tally):
                found = step
    assert found is not None
    report_of(found, demands)
    seconds = time.perf_counter() - started
    await engine.dispose()
    return found, seconds


async def _fill(database: Database, network: Network, decisions: int) -> None:
    driver = await asyncpg.connect(database.url("ld_router"), ssl=False)
    patterns = list(_patterns(network, min(PATTERNS, decisions)))
    records = (tuple(row[name] for name in _COLUMNS) for row in _rows(patterns, decisions))
    await driver.copy_records_to_table("decision", schema_name="router", columns=_COLUMNS, records=records)
    since = datetime(2026, 1, 1, tzinfo=UTC)
    endings = (
        (row["demand"], "a1", "ningbo", row["chosen"], _ending(number), row["region"], "normal", since, 1, True)
        for number, row in enumerate(_rows(patterns, decisions))
    )
    await driver.copy_records_to_table("assignment", schema_name="router", columns=_ASSIGNMENT, records=endings)
    await driver.execute("analyze router.decision")
    await driver.execute("analyze router.assignment")
    await driver.close()


def _rows(patterns: list[dict[str, Any]], decisions: int) -> Iterator[dict[str, Any]]:
    for number in range(decisions):
        demand = demand_id("ningbo", "26a", salt=b"bench", party="bench", key=str(number))
        day = FIRST + timedelta(days=number * DAYS // decisions)
        changed = {"demand": demand, "part": partition(demand), "day": day, "figures_date": day}
        yield patterns[number % len(patterns)] | changed


def _ending(number: int) -> str:
    share = number * 7919 % 1000 / 1000
    return "returned" if share < RETURNED else "lapsed" if share < RETURNED + LAPSED else "resolved"


def _patterns(network: Network, number: int) -> Iterator[dict[str, Any]]:
    chance, content, load = random.Random(7), network.content, dict[str, int]()
    regions = [region.code for region in content.regions if region.kind != "city"]
    categories = [category.code for category in content.taxonomy.categories]
    carriers = [carrier.id for carrier in content.carriers]
    industries = [entry.code for codes in content.codes if codes.name == "industries" for entry in codes.entries]
    open_nodes: deque[str] = deque()
    for _ in range(number + OPEN):
        inputs = RoutingInputs(
            category=chance.choice(categories) if chance.random() > 0.03 else None,
            region=chance.choice(regions),
            carrier=chance.choice(carriers) if chance.random() < 0.3 else None,
            industry=chance.choice(industries) if chance.random() < 0.7 else None,
            urgency="normal",
        )
        basis = Basis(registry_seq=1, figures_date=FIRST.isoformat())
        found = Classification(category=inputs.category, taxonomy="1", scores={categories[0]: 4, categories[-1]: 2}, evidence=())
        read = found if chance.random() < CLASSIFIED else None
        explanation = decide_route(network, content.routing, inputs, load, basis, read)
        if chance.random() < RETURNED:
            again = inputs.model_copy(update={"returned_by": (explanation.chosen,)})
            explanation = decide_route(network, content.routing, again, load, basis)
        load[explanation.chosen] = load.get(explanation.chosen, 0) + 1
        open_nodes.append(explanation.chosen)
        if len(open_nodes) > OPEN:
            load[open_nodes.popleft()] -= 1
            event = DemandAssigned(assignment="a1", node=explanation.chosen, policy=explanation.policy, explanation=explanation)
            row = decision_row("ningbo-26a-0000000000000000", datetime(2026, 1, 1, tzinfo=UTC), event, sample=True)
            scores = to_json(row["scores"]).decode() if row["scores"] is not None else None
            yield row | {"load": to_json(row["load"]).decode(), "scores": scores}


async def _alone(decisions: int) -> None:
    with tempfile.TemporaryDirectory(prefix="liandong-replay-") as folder, postgres_server(Path(folder)) as postgres:
        for figure in await measure(postgres.fresh_database(), decisions):
            Console().print(f"{figure.name}: {figure.value:,.1f} {figure.unit} ({figure.note})")


if __name__ == "__main__":
    asyncio.run(_alone(int(sys.argv[1]) if len(sys.argv) > 1 else DECISIONS))
