"""Past routing decisions and arbitrations, for the policy laboratory: a candidate policy is run over what really came in.

`part` shares a replay out among processes; `named` is null where a decision named everybody who fitted, which is nearly always.
"""

from alembic import op

revision = "0004"
down_revision = "0003"

DECISIONS = """
set role ld_router;
create table router.decision (
    demand       text not null,
    assignment   text not null,
    network      text not null,
    part         smallint not null,
    at           timestamptz not null,
    day          date not null,
    sample       bool not null,
    category     text,
    region       text not null,
    carrier      text,
    industry     text,
    urgency      text not null,
    returned_by  text[] not null,
    load         jsonb not null,
    scores       jsonb,
    named        text[],
    registry_seq bigint not null,
    figures_date date,
    policy       text not null,
    path         text not null,
    chosen       text not null,
    primary key (demand, assignment)
);
create index decision_day on router.decision (network, day);
create table router.precedent (
    demand     text not null,
    assignment text not null,
    network    text not null,
    at         timestamptz not null,
    category   text,
    region     text not null,
    node       text not null,
    arbiter    text not null,
    primary key (demand, assignment)
);
create index precedent_newest on router.precedent (network, at desc);
reset role;
"""


def upgrade() -> None:
    """Create the tables as the router's role, which owns its schema."""
    for statement in DECISIONS.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Migrations go forward; a mistake is corrected by the next one."""
    raise NotImplementedError
