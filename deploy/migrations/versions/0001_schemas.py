"""The first schemas: one per owner, each closed to the other services' roles.

`keyring` wraps the demands' keys, `router` holds worklists, `archive` the verbatim copy of every commit, `tracker` the console's sessions
and which generation of views is active. Core PostgreSQL 16 only; nothing depends on a locale.
"""

from alembic import op

revision = "0001"
down_revision = None

KEYRING = """
create schema keyring;
create table keyring.data_key (
    key_id     text primary key,
    wrapped    bytea not null,
    kek        text not null,
    created_at timestamptz not null
);
grant usage on schema keyring to ld_intake, ld_router, ld_tracker;
grant select, insert on keyring.data_key to ld_intake;
grant select on keyring.data_key to ld_router, ld_tracker;
"""

ROUTER = """
create schema router authorization ld_router;
set role ld_router;
create table router.assignment (
    demand     text not null,
    assignment text not null,
    network    text not null,
    node       text not null,
    status     text not null,
    category   text,
    region     text not null,
    urgency    text not null,
    since      timestamptz not null,
    due        timestamptz,
    version    int not null,
    sample     bool not null,
    primary key (demand, assignment)
);
create index assignment_worklist on router.assignment (node, status, since);
create table router.checkpoint (
    cell text not null,
    part int not null,
    seq  bigint not null,
    primary key (cell, part)
);
create table router.parked (
    demand text primary key,
    seq    bigint not null,
    error  text not null,
    at     timestamptz not null
);
reset role;
"""

ARCHIVE = """
create schema archive authorization ld_tracker;
set role ld_tracker;
create table archive.entry (
    cell        text not null,
    seq         bigint not null,
    demand      text not null,
    ver         int not null,
    commit_id   text not null unique,
    hash        bytea not null,
    headers     jsonb not null,
    body        bytea not null,
    recorded_at timestamptz not null,
    primary key (cell, seq),
    unique (demand, ver)
);
create table archive.checkpoint (
    cell           text primary key,
    stream_created text not null,
    seq            bigint not null,
    hash           bytea not null
);
reset role;
"""

TRACKER = """
create schema tracker authorization ld_tracker;
set role ld_tracker;
create table tracker.console_session (
    id_hash    bytea primary key,
    key_id     text not null,
    created_at timestamptz not null,
    expires_at timestamptz not null
);
create table tracker.views (active int not null);
create unique index views_has_one_row on tracker.views ((true));
insert into tracker.views (active) values (1);
reset role;
"""


def upgrade() -> None:
    """Create the schemas; the roles exist already (`cli/machine/database.py`, or the operator)."""
    for part in (KEYRING, ROUTER, ARCHIVE, TRACKER):
        for statement in part.split(";\n"):
            if statement.strip():
                op.execute(statement)


def downgrade() -> None:
    """Migrations go forward; a mistake is corrected by the next one."""
    raise NotImplementedError
