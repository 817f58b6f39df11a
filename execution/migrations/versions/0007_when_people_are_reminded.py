"""When people are reminded of a ticket that waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from execution.columns import Utc

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tickets", sa.Column("remind_at", Utc, nullable=True))


def downgrade() -> None:
    op.drop_column("tickets", "remind_at")
