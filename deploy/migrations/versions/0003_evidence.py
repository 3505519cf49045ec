"""Evidence: files of a demand, each sealed with the demand's key. Only ciphertext is stored, so it is not compressed."""

from alembic import op

revision = "0003"
down_revision = "0002"

EVIDENCE = """
set role ld_router;
create table router.file (
    demand    text not null,
    file_id   text not null,
    sealed    bytea not null,
    size      int not null,
    stored_at timestamptz not null,
    primary key (demand, file_id)
);
alter table router.file alter column sealed set storage external;
reset role;
"""


def upgrade() -> None:
    """Create the table as the router's own."""
    for statement in EVIDENCE.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Migrations go forward; a mistake is corrected by the next one."""
    raise NotImplementedError
