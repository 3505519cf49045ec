"""Erasing: the router may destroy a demand's key once two persons have agreed."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Grant the one right it takes."""
    op.execute("grant delete on keyring.data_key to ld_router")


def downgrade() -> None:
    """Migrations go forward; a mistake is corrected by the next one."""
    raise NotImplementedError
