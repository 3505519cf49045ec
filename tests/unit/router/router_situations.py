"""Situations of a demand made of events, never of attributes, and small networks to route in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from libs.demand import INITIAL, DemandState, evolve
from libs.events import (
    AssignmentAccepted,
    AssignmentRecalled,
    AssignmentReturned,
    Basis,
    Classification,
    DemandAssigned,
    DemandEvent,
    DemandResolved,
    DemandSubmitted,
    DemandWithdrawn,
    Explanation,
    RoutingInputs,
    Sealed,
)
from libs.events.demand import RoutePath

HUB = "hub-0"
DEMAND = "testnet-t1-0123456789abcdef"
START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def sealed(text: str = "c2FtcGxl") -> Sealed:
    """Some ciphertext; nobody opens it here."""
    return Sealed(k="key-1", a="AES-256-GCM", n="AAAAAAAAAAAAAAAA", c=text)


def submitted(category: str | None = "quality", region: str = "330203001", carrier: str | None = None) -> DemandSubmitted:
    """An enterprise asked."""
    return DemandSubmitted(
        network="testnet",
        channel="partner",
        category=category,
        region=region,
        carrier=carrier,
        urgency="normal",
        party="partner-1",
        enterprise="ent-1",
        desk=HUB,
        sample=True,
        title=sealed(),
        description=sealed(),
        requester=sealed(),
    )


def explanation(
    chosen: str, path: RoutePath = "candidate", classification: Classification | None = None, category: str | None = "quality"
) -> Explanation:
    """A minimal explanation."""
    inputs = RoutingInputs(category=category, region="330203001", urgency="normal")
    basis = Basis(registry_seq=1, figures_date="2026-03-02")
    return Explanation(
        policy="1", basis=basis, inputs=inputs, path=path, chosen=chosen, candidates=(), excluded={}, classification=classification
    )


def assigned(node: str = "window-0", number: int = 1, path: RoutePath = "candidate") -> DemandAssigned:
    """It was assigned to a node."""
    return DemandAssigned(assignment=f"a{number}", node=node, policy="1", explanation=explanation(node, path))


def accepted(node: str = "window-0", number: int = 1) -> AssignmentAccepted:
    """The node accepted."""
    return AssignmentAccepted(assignment=f"a{number}", node=node)


def returned(node: str = "window-0", number: int = 1) -> AssignmentReturned:
    """The node returned its assignment."""
    return AssignmentReturned(assignment=f"a{number}", node=node, reason="no_capacity")


def recalled(node: str = "window-0", number: int = 1) -> AssignmentRecalled:
    """The assignment was taken back."""
    return AssignmentRecalled(assignment=f"a{number}", node=node, reason="corrected")


def resolved(node: str = "window-0", number: int = 1) -> DemandResolved:
    """The node finished."""
    return DemandResolved(assignment=f"a{number}", node=node, result="solved", note=sealed())


NOTHING: Sequence[DemandEvent] = ()
SUBMITTED: Sequence[DemandEvent] = (submitted(),)
ASSIGNED: Sequence[DemandEvent] = (*SUBMITTED, assigned())
IN_PROGRESS: Sequence[DemandEvent] = (*ASSIGNED, accepted())
RETURNED: Sequence[DemandEvent] = (*ASSIGNED, returned())
RESOLVED: Sequence[DemandEvent] = (*IN_PROGRESS, resolved())
WITHDRAWN: Sequence[DemandEvent] = (*SUBMITTED, DemandWithdrawn())


def state_of(history: Sequence[DemandEvent]) -> DemandState:
    """Fold a history, one commit per event, an hour apart."""
    state = INITIAL
    for number, event in enumerate(history, start=1):
        state = evolve(state, event, version=number, at=START + timedelta(hours=number))
    return state
