"""Veto windows, who proposed a ticket, and an index to find what was decided within a day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from execution.columns import Span, Utc

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tickets", sa.Column("veto_window", Span, nullable=True))
    op.add_column("tickets", sa.Column("goes_ahead_at", Utc, nullable=True))
    op.add_column("tickets", sa.Column("proposer", sa.String(length=64), nullable=True))
    op.create_index("ix_tickets_state_decided_at", "tickets", ["state", "decided_at"])


def downgrade() -> None:
    op.drop_index("ix_tickets_state_decided_at", "tickets")
    op.drop_column("tickets", "proposer")
    op.drop_column("tickets", "goes_ahead_at")
    op.drop_column("tickets", "veto_window")
