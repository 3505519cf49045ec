"""Situations made of events, as exact commits: single ones by name, and random ones that the real life cycle allows."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import strategies as st

from libs.chassis.keyring import DataKey, seal_text
from libs.events import (
    Actor,
    AssignmentAccepted,
    AssignmentRecalled,
    AssignmentReturned,
    Basis,
    Commit,
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
    Recorded,
    RoutingInputs,
    Sealed,
)
from libs.events.codec import chain, encode
from libs.events.names import crockford, demand_subject

START = datetime(2026, 3, 2, 9, tzinfo=UTC)
HUB, WINDOW, PARK, SPECIALIST = "hub-0", "window-a", "window-b", "specialist-c"
NODES = (WINDOW, PARK, SPECIALIST)
ACTOR = Actor(kind="system", id="test")


def demand_of(number: int, cell: str = "t1", network: str = "testnet") -> str:
    """A well-formed demand id."""
    return f"{network}-{cell}-{crockford(hashlib.sha256(str(number).encode()).digest()[:10])}"


def key_of(demand: str) -> DataKey:
    """The demand's own key, derived so that tests can make it again."""
    return DataKey(f"k{hashlib.sha256(demand.encode()).hexdigest()[:15]}", hashlib.sha256(b"key" + demand.encode()).digest())


@dataclass(slots=True, repr=False)
class History:
    """A demand's commits under construction: chained, contiguous, sealed under its own key. `minutes` pass between commits."""

    demand: str
    minutes: int = 7
    commits: list[Commit] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    party: str = "partner-1"

    def __repr__(self) -> str:
        return f"History({self.demand}: {', '.join(event.name() for commit in self.commits for event in commit.events)})"

    def then(self, *events: Event, command: str = "TestCommand", at: datetime | None = None) -> History:
        """Add one commit, at a time of its own or after the usual minutes."""
        version = len(self.commits) + 1
        prev = chain(self.bodies[-1]) if self.bodies else None
        at = at or START + timedelta(minutes=self.minutes * (version - 1))
        commit = Commit(self.demand, version, prev, command, self.command_id(version), None, at, ACTOR, events)
        self.commits.append(commit)
        self.bodies.append(encode(commit))
        return self

    def command_id(self, version: int) -> str:
        """Commit id of a version."""
        return hashlib.sha256(f"{self.demand}|{version}".encode()).hexdigest()[:32]

    def sealed(self, text: str, field: str) -> Sealed:
        """Seal a text for the commit that comes next."""
        nonce = hashlib.sha256(f"{self.demand}{field}{len(self.commits)}".encode()).digest()[:12]
        identity = self.command_id(len(self.commits) + 1)
        return seal_text(text, key_of(self.demand), demand=self.demand, command_id=identity, field=field, random_bytes=lambda n: nonce[:n])

    def submitted(self, title: str = "注塑车间数字化改造", name: str = "样例精密部件有限公司", **members: object) -> History:
        """The enterprise asks."""
        values: dict[str, object] = {"channel": "web", "region": "330203", "urgency": "normal", "sample": True} | members
        return self.then(
            DemandSubmitted(
                network=self.demand.partition("-")[0],
                party=self.party,
                enterprise="ent-0123456789abcdef",
                desk=HUB,
                title=self.sealed(title, "title"),
                description=self.sealed("样例诉求：请推荐服务机构。", "description"),
                requester=self.sealed(requester(name), "requester"),
                **values,
            )
        )

    def assigned(self, node: str = WINDOW, assignment: str = "a1") -> History:
        """A node gets it."""
        return self.then(assignment_to(node, assignment))

    def recorded(self, first_seq: int = 1) -> list[Recorded]:
        """The commits as a stream would hold them one after the other."""
        subject = demand_subject(self.demand)
        return [Recorded(subject, first_seq + i, body, {}, START + timedelta(hours=i)) for i, body in enumerate(self.bodies)]


def requester(name: str) -> str:
    """The requester member as intake seals it."""
    return f'{{"name":"{name}","uscc":"91330200MA2AEXAM19","contact":{{"name":"样例联系人","phone":"0574-00000000"}}}}'


def assignment_to(node: str, assignment: str, category: str = "digital") -> DemandAssigned:
    """DemandAssigned with a short explanation."""
    inputs = RoutingInputs(category=category, region="330203", urgency="normal")
    explanation = Explanation(
        policy="1",
        basis=Basis(registry_seq=9),
        inputs=inputs,
        path="candidate",
        chosen=node,
        candidates=(),
        excluded={"offers_category": 3},
    )
    return DemandAssigned(assignment=assignment, node=node, policy="1", explanation=explanation)


def full_life(number: int = 1, **where: str) -> History:
    """Submitted, classified, assigned, returned, assigned again, accepted, reported, resolved: eight commits."""
    history = History(demand_of(number, **where)).submitted()
    history.then(DemandClassified(category="digital", by="rule"), assignment_to(WINDOW, "a1"))
    history.then(AssignmentReturned(assignment="a1", node=WINDOW, reason="no_capacity"))
    history.assigned(SPECIALIST, "a2")
    history.then(AssignmentAccepted(assignment="a2", node=SPECIALIST))
    history.then(DemandSupplemented(note=history.sealed("补充：共十二台。", "note")))
    history.then(ProgressReported(assignment="a2", node=SPECIALIST, note=history.sealed("已联系企业。", "note")))
    note = history.sealed("已对接。", "note")
    return history.then(DemandResolved(assignment="a2", node=SPECIALIST, result="solved", note=note))


def random_life(demand: str, random: Random, steps: int) -> History:
    """A random history the life cycle allows, `steps` commits at most."""
    history = History(demand, minutes=random.randrange(0, 30), party=f"partner-{random.randrange(3)}")
    history.submitted(title=f"诉求{random.randrange(100)}号 数字化", region=random.choice(["330203", "330206", "330203001"]))
    status, number, node = "submitted", 0, ""
    while len(history.commits) < steps and status not in ("resolved", "withdrawn"):
        draw = random.random()
        if draw < 0.06:
            recall = (
                (AssignmentRecalled(assignment=f"a{number}", node=node, reason="withdrawn"),) if status in ("assigned", "working") else ()
            )
            history.then(*recall, DemandWithdrawn())
            status = "withdrawn"
        elif draw < 0.16:
            history.then(DemandSupplemented(note=history.sealed("更多", "note")))
        elif draw < 0.24 and status in ("submitted", "triage"):
            title = history.sealed(f"更正{random.randrange(9)}", "title") if random.random() < 0.5 else None
            history.then(DemandCorrected(fields=("region",), region="330206", title=title))
        elif status == "submitted" and draw < 0.6:
            history.then(DemandClassified(category=random.choice(["digital", "quality"]), by="rule"))
            status = "triage"
        elif status in ("submitted", "triage"):
            number, node = number + 1, random.choice(NODES)
            history.assigned(node, f"a{number}")
            status = "assigned"
        elif draw < 0.4:
            history.then(AssignmentReturned(assignment=f"a{number}", node=node, reason="other"))
            status = "triage"
        elif status == "assigned":
            history.then(AssignmentAccepted(assignment=f"a{number}", node=node))
            status = "working"
        elif draw < 0.7:
            history.then(ProgressReported(assignment=f"a{number}", node=node, note=history.sealed("进展", "note")))
        else:
            note = history.sealed("办结", "note")
            history.then(DemandResolved(assignment=f"a{number}", node=node, result="solved", note=note))
            status = "resolved"
    return history


def interleaved(histories: Sequence[History], random: Random) -> list[Recorded]:
    """One stream that holds all histories, each in its own order."""
    waiting = [history.recorded() for history in histories]
    stream: list[Recorded] = []
    while any(waiting):
        recorded = random.choice([lane for lane in waiting if lane]).pop(0)
        at = START + timedelta(seconds=len(stream))
        stream.append(Recorded(recorded.subject, len(stream) + 1, recorded.body, recorded.headers, at))
    return stream


lives = st.builds(lambda seed, steps: random_life(demand_of(seed), Random(seed), steps), st.integers(0, 10_000), st.integers(1, 14))
