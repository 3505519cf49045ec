"""Demands that are open or otherwise wait for a moment: what the router's timers, sweep and check work from."""

from alembic import op

revision = "0002"
down_revision = "0001"

OPEN_DEMANDS = """
set role ld_router;
create table router.open_demand (
    demand            text primary key,
    cell              text not null,
    network           text not null,
    part              int not null,
    status            text not null,
    holder_node       text,
    holder_assignment text,
    due               timestamptz,
    armed             timestamptz,
    version           int not null,
    sample            bool not null,
    category          text,
    region            text not null,
    urgency           text not null,
    enterprise        text not null,
    party             text not null,
    submitted_at      timestamptz not null,
    since             timestamptz not null
);
create index open_demand_due on router.open_demand (part, due);
create index open_demand_unarmed on router.open_demand (part) where due is distinct from armed;
create index open_demand_holder on router.open_demand (holder_node);
create index open_demand_enterprise on router.open_demand (network, enterprise);
reset role;
"""


def upgrade() -> None:
    """Create the table as the router's own."""
    for statement in OPEN_DEMANDS.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Migrations go forward; a mistake is corrected by the next one."""
    raise NotImplementedError
