"""Situations in which something is refused, made of events; and places in the network that are not quite as usual."""

from __future__ import annotations

from functools import cache

from libs.demand import DemandState, Standing
from libs.directory import Network
from libs.events import (
    ArbitrationOpened,
    AssignmentArbitrated,
    AssistanceAccepted,
    AssistanceRequested,
    ComplaintDismissed,
    ComplaintRaised,
    DeadlineMissed,
    DemandCorrected,
    DemandRated,
    DemandResumed,
    DemandSplit,
    DemandSupplemented,
    DemandWithdrawn,
    DuplicateSuggested,
    ErasureRequested,
    Event,
    EvidenceAttached,
    ExtensionGranted,
    ExtensionRequested,
    FollowUpRecorded,
    Likeness,
    PartCompleted,
    PersonalDataErased,
    SplitPart,
    SupervisionClosed,
    SupervisionOpened,
)
from libs.events.testing import Given, at, sealed
from services.intake.domain import MOST_COMPLAINTS, MOST_CORRECTIONS, MOST_SUPPLEMENTS
from tests.unit.demand import situations as s
from tests.unit.proof.town import town

Situation = Given[DemandState]

N = sealed()
PARTS = tuple(SplitPart(part=f"p{n}", demand=f"part-{n}", region="330203001", title=N, description=N) for n in (1, 2))
OPENED = ArbitrationOpened(arbiter=s.COUNTY_HUB, parties=(s.WINDOW, s.NEIGHBOUR), cause="return_budget")


def evidence(number: int = 1, side: str = "node") -> EvidenceAttached:
    plain = {"file": f"f{number}", "digest": "sha256:0", "media_type": "application/pdf", "size": 1}
    return EvidenceAttached.model_validate({**plain, "side": side, "node": s.WINDOW if side == "node" else None})


def helped(number: int = 1, node: str = s.SECOND) -> AssistanceRequested:
    return AssistanceRequested(assistance=f"s{number}", assignment="a1", node=s.WINDOW, assistant=node, due=s.march(5, 17, 30), note=N)


# Routing and arbitration.


def desk_holds() -> Situation:
    return s.DEMAND.given(s.submitted(None), (s.assigned(s.HUB, path="desk"), s.ON_ASSIGNMENT))


def in_arbitration() -> Situation:
    """Both windows of the county gave it back."""
    return s.assigned_demand(s.returned(), s.assigned(s.NEIGHBOUR, 2), s.returned(s.NEIGHBOUR, 2), OPENED)


def arbitrated(node: str = s.WINDOW) -> Situation:
    decided = AssignmentArbitrated(
        assignment="a2", node=node, arbiter=s.COUNTY_HUB, parties=(s.WINDOW, s.NEIGHBOUR), region="330203001", note=N
    )
    return s.assigned_demand(s.returned(), (decided, s.promise(accept=s.march(3, 17, 30))))


# Handling.


def with_evidence() -> Situation:
    return s.accepted_demand(evidence())


def with_the_enterprise_s_file_only() -> Situation:
    return s.accepted_demand(evidence(1, "enterprise"))


def full_of_files() -> Situation:
    return s.accepted_demand(*map(evidence, range(20)))


def market_demand() -> Situation:
    """Of a category that only a record of service closes."""
    return s.DEMAND.given(s.submitted("market"), (s.assigned(), s.ON_ASSIGNMENT), s.accepted(), evidence())


def paused_enough() -> Situation:
    return s.accepted_demand(DemandResumed(cause="expired", paused_seconds=10_000_000))


def extension_asked() -> Situation:
    return s.accepted_demand(ExtensionRequested(assignment="a1", node=s.WINDOW, span="5wd", note=N))


def extension_asked_and_missed() -> Situation:
    asked = ExtensionRequested(assignment="a1", node=s.WINDOW, span="5wd", note=N)
    return s.accepted_demand(asked, DeadlineMissed(limit="resolve", node=s.WINDOW, due=s.march(9)))


def extended() -> Situation:
    asked = ExtensionRequested(assignment="a1", node=s.WINDOW, span="5wd", note=N)
    return s.accepted_demand(asked, ExtensionGranted(assignment="a1", by=s.COUNTY_HUB))


def supervised() -> Situation:
    return s.accepted_demand(SupervisionOpened(supervision="v1", by=s.HUB, note=N))


def supervised_before() -> Situation:
    opened, closed = SupervisionOpened(supervision="v1", by=s.HUB, note=N), SupervisionClosed(supervision="v1", by=s.HUB, note=N)
    return s.accepted_demand(opened, closed)


# Assistance, merging, splitting.


def assisted() -> Situation:
    return s.accepted_demand(helped())


def assisted_indeed() -> Situation:
    return s.accepted_demand(helped(), AssistanceAccepted(assistance="s1", assistant=s.SECOND))


def assisted_by_many() -> Situation:
    return s.accepted_demand(*(helped(number, f"node-{number}") for number in range(1, 11)))


def split_up() -> Situation:
    return s.accepted_demand(evidence(), DemandSplit(assignment="a1", node=s.WINDOW, join="all", parts=PARTS))


def split_and_withdrawn() -> Situation:
    return s.accepted_demand(DemandSplit(assignment="a1", node=s.WINDOW, join="all", parts=PARTS), DemandWithdrawn())


def a_part() -> Situation:
    return s.DEMAND.given(s.submitted(parent="whole"), (s.assigned(), s.ON_ASSIGNMENT), s.accepted())


def a_part_withdrawn() -> Situation:
    return s.DEMAND.given(s.submitted(parent="whole"), DemandWithdrawn())


def alike(demand: str = "older") -> DuplicateSuggested:
    return DuplicateSuggested(suggestions=(Likeness(demand=demand, score=80, reasons=("text",)),))


def older(**other: object) -> DemandState:
    """A demand of the same enterprise, an hour older."""
    return s.DEMAND.given(s.submitted().model_copy(update={"received_at": at(-3600), **other})).state


def older_withdrawn() -> DemandState:
    return s.DEMAND.given(s.submitted().model_copy(update={"received_at": at(-3600)}), DemandWithdrawn()).state


# Closing.


def taken_in_where_it_was_resolved(node: str = s.WINDOW) -> Situation:
    return s.DEMAND.given(s.submitted(node=node), s.assigned(), s.accepted(), (s.resolved(), s.promise(confirm=s.march(9))))


def taken_in_by_the_same_unit() -> Situation:
    return taken_in_where_it_was_resolved(s.NEIGHBOUR)


def rated() -> Situation:
    return s.resolved_demand(DemandRated(grade="satisfied", resolution=1, node=s.WINDOW))


def called_back() -> Situation:
    return s.closed_demand(FollowUpRecorded(by=s.HUB, outcome="unreachable", mismatch=False))


def supplemented_without_end() -> Situation:
    return s.accepted_demand(*[DemandSupplemented(note=N)] * MOST_SUPPLEMENTS)


def complained_without_end() -> Situation:
    return s.accepted_demand(*(ComplaintRaised(complaint=f"c{number}", node=s.WINDOW, note=N) for number in range(1, MOST_COMPLAINTS + 1)))


def corrected_without_end() -> Situation:
    return s.assigned_demand(*[DemandCorrected(fields=("title",), title=N)] * MOST_CORRECTIONS)


def complained() -> Situation:
    return s.accepted_demand(ComplaintRaised(complaint="c1", node=s.WINDOW, note=N))


def complained_without_ground() -> Situation:
    raised = ComplaintRaised(complaint="c1", node=s.WINDOW, note=N)
    return s.accepted_demand(raised, ComplaintDismissed(complaint="c1", node=s.WINDOW, by=s.HUB, note=N))


def erasure_asked() -> Situation:
    return s.closed_demand(ErasureRequested(requested_by=s.coordinator(s.HUB).party, reason="subject_asked"))


def erasure_of_the_whole_asked(*later: Event) -> Situation:
    """Both parts had ended when a first person asked."""
    split = DemandSplit(assignment="a1", node=s.WINDOW, join="all", parts=PARTS)
    ended = (PartCompleted(part=f"p{n}", demand=f"part-{n}", status="closed") for n in (1, 2))
    asked = ErasureRequested(requested_by=s.coordinator(s.HUB).party, reason="subject_asked")
    return s.accepted_demand(split, *ended, DemandWithdrawn(), asked, *later)


def erased() -> Situation:
    return s.closed_demand(PersonalDataErased(requested_by="one", approved_by="two", key="key-sample"))


# Places.


def while_suspended(node: str, by: Standing) -> Standing:
    """The same actor while a node is suspended."""
    return Standing(by.role, by.party, town(frozenset({node})), by.node)


@cache
def run_by_one() -> Network:
    """The county hub is run by the same unit as its windows."""
    content = s.NETWORK.content
    nodes = tuple(one.model_copy(update={"operator": "unit-a"}) if one.id == s.COUNTY_HUB else one for one in content.nodes)
    return Network(content.model_copy(update={"nodes": nodes}), revision="r2", seq=8)


def county_run_by_one() -> Standing:
    return Standing("coordinator", "coordinator-of-county-0", run_by_one(), s.COUNTY_HUB)
