"""One commit per released event type and schema. Never edit a released one: add the next schema beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import get_args

from libs.events import (
    Actor,
    AssignmentAccepted,
    AssignmentRecalled,
    AssignmentReturned,
    Basis,
    Candidate,
    CellOpened,
    Classification,
    Commit,
    CredentialIssued,
    CredentialRevoked,
    DemandAssigned,
    DemandClassified,
    DemandCorrected,
    DemandEvent,
    DemandResolved,
    DemandSubmitted,
    DemandSupplemented,
    DemandWithdrawn,
    Event,
    Explanation,
    ExtensionRequested,
    FollowUpRecorded,
    NetworkRevisionProposed,
    NetworkRevisionPublished,
    NetworkRevisionStaged,
    ProgressReported,
    RoutingInputs,
    TermMatch,
)
from libs.events.algorithms import digest
from tests.contract.golden_life import LIFE
from tests.contract.golden_seals import DEMAND, KEYS, NODE, command_id, sealed

ASSIGNMENT = f"{DEMAND}-a1"

CLASSIFICATION = Classification(
    category="quality",
    taxonomy="ningbo-2020",
    scores={"quality": 12, "finance": 3},
    evidence=(TermMatch(term="quality:12", weight=8), TermMatch(term="quality:3", weight=4)),
)
EXPLANATION = Explanation(
    policy="ningbo-1",
    basis=Basis(registry_seq=42, figures_date="2026-03-01"),
    inputs=RoutingInputs(
        category="quality",
        region="330206",
        carrier="park-sample",
        industry="C34",
        urgency="normal",
        returned_by=("nb-other-sample",),
        load={NODE: 3},
    ),
    path="candidate",
    chosen=NODE,
    candidates=(
        Candidate(node=NODE, score=81, reasons=("covers_region", "offers_category")),
        Candidate(node="nb-far-sample", reasons=("returned_before",)),
    ),
    excluded={"territory": 90, "category": 800},
    classification=CLASSIFICATION,
)
__all__ = ["DEMAND", "GOLDEN", "KEYS", "commit_of"]

EVENTS: tuple[Event, ...] = (
    *LIFE,
    DemandSubmitted(
        network="ningbo",
        channel="partner",
        category="quality",
        region="330206",
        carrier="park-sample",
        industry="C34",
        urgency="normal",
        partner_ref="SAMPLE-1",
        party="party-sample",
        enterprise="ent-0123456789abcdef",
        desk="nb-hub",
        sample=True,
        title=sealed(DemandSubmitted, "title", "检测设备校准"),
        description=sealed(DemandSubmitted, "description", "样例：需要第三方检测机构。"),
        requester=sealed(DemandSubmitted, "requester", '{"name":"样例"}'),
    ),
    DemandSupplemented(note=sealed(DemandSupplemented, "note", "样例：补充说明", "SM4-GCM")),
    DemandCorrected(
        fields=("category", "region", "title"),
        category="finance",
        region="330212",
        carrier="park-sample",
        industry="C35",
        urgency="urgent",
        title=sealed(DemandCorrected, "title", "样例：更正标题"),
        description=sealed(DemandCorrected, "description", "样例：更正内容"),
        enterprise="ent-0123456789abcdef",
        requester=sealed(DemandCorrected, "requester", '{"name":"样例"}'),
    ),
    DemandWithdrawn(reason=sealed(DemandWithdrawn, "reason", "样例：已自行解决")),
    DemandClassified(category="quality", by="rule", classification=CLASSIFICATION),
    DemandAssigned(assignment=ASSIGNMENT, node=NODE, role="lead", policy="ningbo-1", explanation=EXPLANATION),
    AssignmentAccepted(assignment=ASSIGNMENT, node=NODE),
    AssignmentReturned(
        assignment=ASSIGNMENT,
        node=NODE,
        reason="out_of_category",
        clause="routing:4",
        note=sealed(AssignmentReturned, "note", "样例：不属于本窗口"),
    ),
    AssignmentRecalled(assignment=ASSIGNMENT, node=NODE, reason="corrected"),
    ProgressReported(assignment=ASSIGNMENT, node=NODE, note=sealed(ProgressReported, "note", "样例：已联系企业", "SM4-GCM")),
    DemandResolved(assignment=ASSIGNMENT, node=NODE, result="solved", note=sealed(DemandResolved, "note", "样例：已办结")),
    NetworkRevisionStaged(
        network="ningbo",
        revision="r1",
        part=2,
        parts=3,
        section="nodes",
        items=({"id": NODE, "kind": "window", "name": "样例窗口", "serves": ["330206"], "assignable": True, "order": 7, "weight": 0.5},),
    ),
    NetworkRevisionProposed(
        network="ningbo", revision="r1", digest=digest(b"sample"), parts=3, by="party-sample", changes=("routing", "clocks")
    ),
    NetworkRevisionPublished(
        network="ningbo", revision="r1", digest=digest(b"sample"), parts=3, in_force_from=date(2026, 3, 2), nodes=1_037
    ),
    CellOpened(cell="t1"),
    CredentialIssued(
        key_id="k-sample",
        digest=digest(b"sample key"),
        party="party-sample",
        role="clerk",
        network="ningbo",
        node=NODE,
        label="样例",
        expires=datetime(2027, 3, 2, 1, 0, tzinfo=UTC),
    ),
    CredentialRevoked(key_id="k-sample", reason="replaced"),
)
GROWN: tuple[Event, ...] = (
    DemandSubmitted(
        network="ningbo",
        channel="counter",
        category="quality",
        region="330206",
        carrier="park-sample",
        industry="C34",
        urgency="normal",
        partner_ref="SAMPLE-1",
        party="party-sample",
        enterprise="ent-0123456789abcdef",
        desk="nb-hub",
        sample=True,
        title=sealed(DemandSubmitted, "title", "检测设备校准"),
        description=sealed(DemandSubmitted, "description", "样例：需要第三方检测机构。"),
        requester=sealed(DemandSubmitted, "requester", '{"name":"样例"}'),
        submitter_node=NODE,
        link=digest(b"a sample link"),
        parent="ningbo-t1-fedcba9876543210",
        received_at=datetime(2026, 2, 27, 1, 0, tzinfo=UTC),
    ),
    DemandResolved(
        assignment=ASSIGNMENT, node=NODE, result="solved", note=sealed(DemandResolved, "note", "样例：已办结"), evidence=("f1", "f2")
    ),
    ExtensionRequested(
        assignment="a1", node=NODE, span="5wd", note=sealed(ExtensionRequested, "note", "样例：需要更多时间"), person="person-sample"
    ),
    FollowUpRecorded(by=NODE, outcome="unreachable", mismatch=False, note=sealed(FollowUpRecorded, "note", "样例：无人接听"), again=True),
)
"""Events whose schema took optional members after it was released: the released form is read for ever, this one is written now."""
GROWN_TWICE: tuple[Event, ...] = (
    DemandResolved(
        assignment=ASSIGNMENT,
        node=NODE,
        result="solved",
        note=sealed(DemandResolved, "note", "样例：已办结"),
        evidence=("f1", "f2"),
        person="person-sample",
    ),
)
"""Events that took members once more."""
SM3 = (DemandSupplemented, ProgressReported)


def commit_of(event: Event) -> Commit:
    """The golden commit of an event: every member of the envelope filled, SM3 where the event is sealed with SM4."""
    return Commit(
        entity=DEMAND if event.name() in DEMAND_EVENTS else "ningbo.graph",
        version=3,
        prev=digest(b"the commit before", "sm3" if isinstance(event, SM3) else "sha256"),
        command="Sample",
        command_id=command_id(type(event)),
        request="hmac-sha256:" + "0" * 64,
        at=datetime(2026, 3, 2, 1, 0, 0, 250_000, tzinfo=UTC),
        actor=Actor(kind="person", id="person-sample", role="clerk", node=NODE, on_behalf_of="ent-0123456789abcdef"),
        events=(event,),
    )


DEMAND_EVENTS = frozenset(cls.__name__ for cls in get_args(DemandEvent))

GOLDEN: dict[str, Commit] = (
    {f"{event.name()}.v{event.schema_version}": commit_of(event) for event in EVENTS}
    | {f"{event.name()}.v{event.schema_version}.grown": commit_of(event) for event in GROWN}
    | {f"{event.name()}.v{event.schema_version}.grown.twice": commit_of(event) for event in GROWN_TWICE}
)
"""Golden commits by the name of their file; a longer name is a later form."""
