"""A resting order changed: the ticket whose order takes the place of another one's."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from execution.columns import Money, Utc

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tickets", sa.Column("replaces", sa.String(length=26), nullable=True))
    op.add_column("tickets", sa.Column("replaces_left", Money(), nullable=True))
    op.add_column("tickets", sa.Column("begun_at", Utc(), nullable=True))


def downgrade() -> None:
    op.drop_column("tickets", "begun_at")
    op.drop_column("tickets", "replaces_left")
    op.drop_column("tickets", "replaces")
