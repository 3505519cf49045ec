"""What each partition's last check came to, written by the router that owns it, so that any router can tell of all of them."""

from alembic import op

revision = "0007"
down_revision = "0006"

CHECKED = """
set role ld_router;
create table router.checked (
    part       int primary key,
    at         timestamptz not null,
    demands    jsonb not null,
    violations jsonb not null
);
reset role;
"""


def upgrade() -> None:
    """Create the table as the router's own."""
    for statement in CHECKED.split(";\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    """Migrations go forward; a mistake is corrected by the next one."""
    raise NotImplementedError
