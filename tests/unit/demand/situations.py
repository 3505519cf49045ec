"""Situations of a demand, made of events and never of attributes. Fictitious throughout."""

from __future__ import annotations

from libs.demand import INITIAL, DemandState, evolve
from libs.events import (
    AssignmentAccepted,
    AssignmentRecalled,
    AssignmentReturned,
    Basis,
    Classification,
    DemandAssigned,
    DemandClassified,
    DemandCorrected,
    DemandResolved,
    DemandSubmitted,
    DemandSupplemented,
    DemandWithdrawn,
    Event,
    Explanation,
    ProgressReported,
    RoutingInputs,
    TermMatch,
)
from libs.events.demand import RoutePath
from libs.events.testing import Given, Scenario, sealed

PARTY, STRANGER = "party-sample", "party-stranger"
HUB, COUNTY_HUB = "nb-hub", "nb-county"
WINDOW, SECOND = "nb-window-one", "nb-window-two"

DEMAND: Scenario[DemandState] = Scenario(INITIAL, evolve)


def submitted(category: str | None = "digital") -> DemandSubmitted:
    return DemandSubmitted(
        network="ningbo",
        channel="partner",
        category=category,
        region="330206",
        urgency="normal",
        party=PARTY,
        enterprise="ent-sample",
        desk=HUB,
        sample=True,
        title=sealed("title"),
        description=sealed("description"),
        requester=sealed("requester"),
    )


def found(category: str | None = "digital") -> Classification:
    return Classification(category=category, taxonomy="1", scores={"digital": 10}, evidence=(TermMatch(term="digital:0", weight=10),))


def classified() -> DemandClassified:
    return DemandClassified(category="digital", by="rule", classification=found())


def explanation(node: str, path: RoutePath = "candidate", classification: Classification | None = None) -> Explanation:
    inputs = RoutingInputs(category="digital", region="330206", urgency="normal")
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


def submitted_demand() -> Given[DemandState]:
    return DEMAND.given(submitted())


def assigned_demand() -> Given[DemandState]:
    return DEMAND.given(submitted(), assigned())


def returned_demand() -> Given[DemandState]:
    """In triage: back on the hub's desk after a return."""
    return DEMAND.given(submitted(), assigned(), returned())


def accepted_demand() -> Given[DemandState]:
    return DEMAND.given(submitted(), assigned(), accepted())


def resolved_demand() -> Given[DemandState]:
    return DEMAND.given(submitted(), assigned(), accepted(), resolved())


def withdrawn_demand() -> Given[DemandState]:
    return DEMAND.given(submitted(), assigned(), (recalled(), DemandWithdrawn()))


# One event of every type, as it might stand in a demand's history; the properties draw from these and from arbitrary ones.
ONE_OF_EACH: tuple[Event, ...] = (
    submitted(),
    DemandSupplemented(note=sealed("more")),
    DemandCorrected(fields=("region",), region="330282"),
    classified(),
    assigned(),
    accepted(),
    returned(),
    recalled(),
    ProgressReported(assignment="a1", node=WINDOW, note=sealed("on it")),
    resolved(),
    DemandWithdrawn(),
)
