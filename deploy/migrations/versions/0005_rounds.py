"""What the router's process manager keeps besides: assistances in worklists, the month's first call-backs, demands to compare.

Noting that a timer is armed is the most frequent update of all. With no index over `armed` it stays within its page (HOT), which costs a
tenth; what is not armed is looked for seldom, and then in all rows.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

ROUNDS = """
set role ld_router;
drop index router.open_demand_unarmed;
alter table router.open_demand set (fillfactor = 50);
alter table router.assignment add column role text not null default 'lead';
create table router.follow_up_month (
    network    text not null,
    node       text not null,
    month      text not null,
    number     int not null,
    demand     text not null,
    resolution int not null,
    primary key (network, node, month, number),
    unique (demand, resolution)
);
create table router.comparison (
    demand text primary key,
    part   int not null
);
create index comparison_part on router.comparison (part);
reset role;
"""


def upgrade() -> None:
    """Change and create the tables as the router's own."""
    for statement in ROUNDS.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Migrations go forward; a mistake is corrected by the next one."""
    raise NotImplementedError
