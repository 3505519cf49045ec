"""Situations of a demand, made of events and never of attributes, in the town of tests/unit/proof. Fictitious throughout.

Histories begin on a Monday at nine, one commit a second; deadlines are those the town's clocks give for then.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from libs.demand import INITIAL, DemandState, Standing, Status, Timing, evolve
from libs.events import (
    AssignmentAccepted,
    AssignmentRecalled,
    AssignmentReturned,
    Basis,
    Classification,
    CompletionRequested,
    Deadline,
    DeadlinesSet,
    DemandAssigned,
    DemandClassified,
    DemandClosed,
    DemandCorrected,
    DemandMerged,
    DemandRefused,
    DemandResolved,
    DemandSubmitted,
    DemandSupplemented,
    DemandSuspended,
    DemandWithdrawn,
    Event,
    Explanation,
    ProgressReported,
    ResolutionDisputed,
    RoutingInputs,
    TermMatch,
)
from libs.events.demand import RoutePath
from libs.events.testing import Given, Scenario, Step, at, sealed
from libs.events.timekeeping import Limit
from tests.contract.golden_life import LIFE
from tests.unit.proof import town

PARTY, STRANGER = "party-sample", "party-stranger"
HUB, COUNTY_HUB = town.HUB, town.COUNTY
WINDOW, SECOND, NEIGHBOUR = "window-0", "window-2", "window-1"
"""The holder; a window of another county; a window of the same county, run by the same unit as the holder."""
NETWORK: Final = town.town()
CLOCKS: Final = NETWORK.clocks()
PARTNER: Final = Standing("partner", PARTY, NETWORK)
OTHER_PARTNER: Final = Standing("partner", STRANGER, NETWORK)
ENTERPRISE: Final = town.ENTERPRISE.standing(NETWORK)
BUREAU: Final = town.BUREAU.standing(NETWORK)

DEMAND: Scenario[DemandState] = Scenario(INITIAL, evolve)


def clerk(node: str = WINDOW) -> Standing:
    """A clerk of a node."""
    return town.CLERKS[node].standing(NETWORK)


def coordinator(node: str = COUNTY_HUB) -> Standing:
    """A coordinator of a node."""
    return town.COORDINATORS[node].standing(NETWORK)


def march(day: int, hour: int = 9, minute: int = 0) -> datetime:
    """A moment of March 2026 by the town's clock; the 2nd is the Monday on which everything begins."""
    return datetime(2026, 3, day, hour - 8, minute, tzinfo=UTC)


def timing(now: datetime | None = None) -> Timing:
    """The town's clocks at a moment; without one, soon after every history."""
    return Timing(now or at(60), CLOCKS)


NOW: Final = timing()


def promise(**limits: datetime) -> DeadlinesSet:
    """Deadlines in working time, as the town's clocks promise them."""
    named: dict[str, datetime] = {"return" if limit == "return_" else limit: moment for limit, moment in limits.items()}
    deadlines: dict[Limit, Deadline] = {limit: Deadline(at=moment) for limit, moment in named.items()}  # type: ignore[misc] # limits
    return DeadlinesSet(clocks="testnet/clocks/1", deadlines=deadlines)


ON_ASSIGNMENT: Final = promise(accept=march(3, 17, 30), answer=march(4, 17, 30), resolve=march(9, 17, 30), warn=march(6, 17, 30))
"""What is promised when a demand submitted on Monday at nine is first assigned."""


def submitted(category: str | None = "quality", *, node: str | None = None, parent: str | None = None) -> DemandSubmitted:
    return DemandSubmitted(
        network="testnet",
        channel="partner",
        category=category,
        region="330203001",
        urgency="normal",
        party=PARTY,
        enterprise="ent-sample",
        desk=HUB,
        sample=True,
        title=sealed("title"),
        description=sealed("description"),
        requester=sealed("requester"),
        submitter_node=node,
        parent=parent,
    )


def found(category: str | None = "digital") -> Classification:
    return Classification(category=category, taxonomy="1", scores={"digital": 10}, evidence=(TermMatch(term="digital:0", weight=10),))


def classified() -> DemandClassified:
    return DemandClassified(category="digital", by="rule", classification=found())


def explanation(node: str, path: RoutePath = "candidate", classification: Classification | None = None) -> Explanation:
    inputs = RoutingInputs(category="quality", region="330203001", urgency="normal")
    return Explanation(
        policy="1",
        basis=Basis(registry_seq=7, figures_date="2026-03-02"),
        inputs=inputs,
        path=path,
        chosen=node,
        candidates=(),
        excluded={},
        classification=classification,
    )


def assigned(node: str = WINDOW, number: int = 1, path: RoutePath = "candidate") -> DemandAssigned:
    return DemandAssigned(assignment=f"a{number}", node=node, policy="1", explanation=explanation(node, path))


def accepted(node: str = WINDOW, number: int = 1) -> AssignmentAccepted:
    return AssignmentAccepted(assignment=f"a{number}", node=node)


def returned(node: str = WINDOW, number: int = 1) -> AssignmentReturned:
    return AssignmentReturned(assignment=f"a{number}", node=node, reason="no_capacity")


def recalled(node: str = WINDOW, number: int = 1) -> AssignmentRecalled:
    return AssignmentRecalled(assignment=f"a{number}", node=node, reason="corrected")


def resolved(node: str = WINDOW, number: int = 1) -> DemandResolved:
    return DemandResolved(assignment=f"a{number}", node=node, result="solved", note=sealed("result"))


RETURNED_ONCE: Final[Sequence[Step]] = (submitted(), (assigned(SECOND), ON_ASSIGNMENT), returned(SECOND))
"""window-2 had it first and gave it back, so that everything later is about a2."""
ASSIGNED: Final[Sequence[Step]] = (*RETURNED_ONCE, (assigned(WINDOW, 2), promise(accept=march(3, 17, 30))))
ACCEPTED: Final[Sequence[Step]] = (*ASSIGNED, (accepted(WINDOW, 2), promise(return_=march(4, 17, 30))))
RESOLVED: Final[Sequence[Step]] = (*ACCEPTED, (resolved(WINDOW, 2), promise(confirm=march(9, 17, 30))))
REOPENABLE: Final = promise(reopen=march(23, 17, 30))
HISTORIES: Final[dict[Status, Sequence[Step]]] = {
    Status.SUBMITTED: (submitted(),),
    Status.TRIAGE: RETURNED_ONCE,
    Status.ASSIGNED: ASSIGNED,
    Status.IN_PROGRESS: ACCEPTED,
    Status.AWAITING_ENTERPRISE: (
        *ACCEPTED,
        (CompletionRequested(assignment="a2", node=WINDOW, note=sealed()), promise(complete=march(9, 17, 30))),
    ),
    Status.SUSPENDED: (
        *ACCEPTED,
        (
            DemandSuspended(assignment="a2", node=WINDOW, by=COUNTY_HUB, reason="third_party", until=march(5), note=sealed()),
            promise(resume=march(5)),
        ),
    ),
    Status.RESOLVED: RESOLVED,
    Status.DISPUTED: (*RESOLVED, (ResolutionDisputed(by="enterprise", note=sealed()), promise(dispute=march(3, 17, 30)))),
    Status.REFUSED: (*RETURNED_ONCE, (DemandRefused(reason="out_of_scope", next_step=sealed()), REOPENABLE)),
    Status.WITHDRAWN: (*ASSIGNED, (recalled(WINDOW, 2), DemandWithdrawn())),
    Status.MERGED: (*ASSIGNED, (recalled(WINDOW, 2), DemandMerged(into="older", by="person-sample"))),
    Status.CLOSED: (*RESOLVED, (DemandClosed(outcome="unconfirmed"), REOPENABLE)),
}
"""One history per status."""


def standing(status: Status, *more: Step) -> Given[DemandState]:
    """A demand in a status, and what happened to it then."""
    return DEMAND.given(*HISTORIES[status], *more)


def submitted_demand() -> Given[DemandState]:
    return DEMAND.given(submitted())


def assigned_demand(*more: Step) -> Given[DemandState]:
    return DEMAND.given(submitted(), (assigned(), ON_ASSIGNMENT), *more)


def returned_demand() -> Given[DemandState]:
    """In triage: back on the hub's desk after a return."""
    return assigned_demand(returned())


def accepted_demand(*more: Step) -> Given[DemandState]:
    return assigned_demand((accepted(), promise(return_=march(4, 17, 30))), *more)


def resolved_demand(*more: Step) -> Given[DemandState]:
    return accepted_demand((resolved(), promise(confirm=march(9, 17, 30))), *more)


def closed_demand(*more: Step) -> Given[DemandState]:
    return resolved_demand((DemandClosed(outcome="unconfirmed"), REOPENABLE), *more)


# One event of every type, as it might stand in a demand's history; the properties draw from these and from arbitrary ones.
ONE_OF_EACH: tuple[Event, ...] = (
    submitted(),
    DemandSupplemented(note=sealed("more")),
    DemandCorrected(fields=("region",), region="330205001"),
    classified(),
    assigned(),
    accepted(),
    returned(),
    recalled(),
    ProgressReported(assignment="a1", node=WINDOW, note=sealed("on it")),
    resolved(),
    DemandWithdrawn(),
    *LIFE,
)
