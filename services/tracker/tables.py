"""The tracker's tables: the verbatim archive, and the views in one schema per generation (`tracker_v<N>`).

The archive and `tracker.views` come from the migrations; the tracker itself creates a generation of views, because a rebuild needs a
second one beside the running one. Text keys collate by code point, so that order and prefixes mean the same on every server.
"""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSVECTOR
from sqlalchemy.schema import CreateIndex, CreateTable

VIEWS: Final = "views"
"""Placeholder schema of the views; `schema_translate_map` puts the generation's own name in its place."""

_KEY: Final = Text(collation="C")
_TIME: Final = DateTime(timezone=True)

stored = MetaData()
generation = MetaData(schema=VIEWS)

entry = Table(
    "entry",
    stored,
    Column("cell", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("demand", Text, nullable=False),
    Column("ver", Integer, nullable=False),
    Column("commit_id", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("recorded_at", _TIME, nullable=False),
    PrimaryKeyConstraint("cell", "seq"),
    UniqueConstraint("demand", "ver"),
    UniqueConstraint("commit_id"),
    schema="archive",
)

checkpoint = Table(
    "checkpoint",
    stored,
    Column("cell", Text, primary_key=True),
    Column("stream_created", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    schema="archive",
)

active = Table("views", stored, Column("active", Integer, nullable=False), schema="tracker")

demand = Table(
    "demand",
    generation,
    Column("id", _KEY, primary_key=True),
    Column("network", _KEY, nullable=False),
    Column("cell", _KEY, nullable=False),
    Column("version", Integer, nullable=False),
    Column("status", _KEY, nullable=False),
    Column("category", _KEY),
    Column("region", _KEY, nullable=False),
    Column("carrier", _KEY),
    Column("industry", _KEY),
    Column("urgency", _KEY, nullable=False),
    Column("channel", _KEY, nullable=False),
    Column("party", _KEY, nullable=False),
    Column("enterprise", _KEY, nullable=False),
    Column("partner_ref", _KEY),
    Column("holder_node", _KEY),
    Column("holder_assignment", _KEY),
    Column("holder_since", _TIME),
    Column("nodes", ARRAY(_KEY), nullable=False),
    Column("assignments", Integer, nullable=False),
    Column("returns", Integer, nullable=False),
    Column("submitted_at", _TIME, nullable=False),
    Column("updated_at", _TIME, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("sample", Boolean, nullable=False),
    Column("received_at", _TIME),
    Column("due", _TIME),
    Column("overdue_since", _TIME),
    Column("due_resolve", _TIME),
    Column("due_complete", _TIME),
    Column("due_confirm", _TIME),
    Column("due_dispute", _TIME),
    Column("classified_by", _KEY),
    Column("handler", _KEY),
    Column("assistants", ARRAY(_KEY), nullable=False),
    Column("arbiter", _KEY),
    Column("extension", _KEY, nullable=False),
    Column("supervisions", Integer, nullable=False),
    Column("escalation", Integer, nullable=False),
    Column("escalated_to", _KEY),
    Column("missed", Integer, nullable=False),
    Column("duplicates", Integer, nullable=False),
    Column("resolved_by", _KEY),
    Column("resolved_assignment", _KEY),
    Column("resolved_at", _TIME),
    Column("outcome", _KEY),
    Column("reopened", Integer, nullable=False),
    Column("follow_up", _KEY, nullable=False),
    Column("mismatches", Integer, nullable=False),
    Column("rating", _KEY),
    Column("complaints_open", Integer, nullable=False),
    Column("complaints_verified", Integer, nullable=False),
    Column("merged_into", _KEY),
    Column("parent", _KEY),
    Column("imported", Boolean, nullable=False),
    Column("link", _KEY),
    Column("erased", Boolean, nullable=False),
    Column("undo", _KEY),
)
Index("demand_submitted", demand.c.network, demand.c.submitted_at.desc(), demand.c.id)
Index("demand_updated", demand.c.network, demand.c.updated_at.desc(), demand.c.id)
Index("demand_holder", demand.c.holder_node, demand.c.submitted_at.desc(), demand.c.id)
Index("demand_party", demand.c.party, demand.c.submitted_at.desc(), demand.c.id)
Index("demand_nodes", demand.c.nodes, postgresql_using="gin")
Index("demand_promised", demand.c.network, func.coalesce(demand.c.due, demand.c.overdue_since))

demand_text = Table(
    "demand_text",
    generation,
    Column("id", _KEY, primary_key=True),
    Column("title", Text, nullable=False),
    Column("requester_name", Text, nullable=False),
    Column("grams", TSVECTOR, nullable=False),
)
Index("demand_text_grams", demand_text.c.grams, postgresql_using="gin")

change = Table(
    "change",
    generation,
    Column("cell", _KEY, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("id", _KEY, nullable=False),
    Column("version", Integer, nullable=False),
    Column("types", ARRAY(_KEY), nullable=False),
    Column("status", _KEY, nullable=False),
    Column("at", _TIME, nullable=False),
    PrimaryKeyConstraint("cell", "seq"),
)

ARBITRATED: Final = text("'AssignmentArbitrated' = any (types)")
"""Changes that settled who handles a demand: the precedents (裁定先例), few among millions."""
Index("change_arbitrated", change.c.at.desc(), change.c.cell, change.c.seq, postgresql_where=ARBITRATED)

tally = Table(
    "tally",
    generation,
    Column("cell", _KEY, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("place", Integer, nullable=False),
    Column("id", _KEY, nullable=False),
    Column("network", _KEY, nullable=False),
    Column("node", _KEY, nullable=False),
    Column("what", _KEY, nullable=False),
    Column("times", Integer, nullable=False),
    Column("at", _TIME, nullable=False),
    Column("sample", Boolean, nullable=False),
    PrimaryKeyConstraint("cell", "seq", "place"),
)
Index("tally_node", tally.c.network, tally.c.node)

parked = Table(
    "parked",
    generation,
    Column("demand", _KEY, primary_key=True),
    Column("cell", _KEY, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("reason", _KEY, nullable=False),
    Column("held", Integer, nullable=False),
    Column("at", _TIME, nullable=False),
)

KEYS: Final[dict[Table, tuple[str, ...]]] = {
    demand: ("id",),
    demand_text: ("id",),
    change: ("cell", "seq"),
    tally: ("cell", "seq", "place"),
    parked: ("demand",),
}
"""Primary key columns of every view table."""

PROJECTION: Final = 2
"""Raise it when commits come to be projected differently into tables of the same shape: every database then builds its views anew."""


def shape() -> str:
    """Name what this release projects and into which tables, so that views made by another release are recognised."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    parts = [str(PROJECTION)]
    for table in generation.sorted_tables:
        parts.append(str(CreateTable(table).compile(dialect=dialect)))
        parts += sorted(str(CreateIndex(item).compile(dialect=dialect)) for item in table.indexes)
    return "shape " + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def schema_of(version: int) -> str:
    """Name of a generation's schema: `tracker_v<N>`."""
    return f"tracker_v{version}"


def translated(version: int) -> dict[str | None, str | None]:
    """The `schema_translate_map` of a generation."""
    return {VIEWS: schema_of(version)}
