"""An order's id at the exchange that a person named: a note for whoever checks it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("orders", sa.Column("named_id", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("orders", "named_id")
