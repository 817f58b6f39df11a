"""Contracts: tickets that follow one another, and what was paid for holding positions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from execution.columns import Money, Utc

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tickets", sa.Column("then", Money(), nullable=True))
    op.add_column("tickets", sa.Column("after", sa.String(length=26), nullable=True))
    op.create_table(
        "payments",
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("amount", Money(), nullable=False),
        sa.Column("currency", sa.String(length=32), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "payment_id", name=op.f("pk_payments")),
    )
    op.create_index(op.f("ix_payments_at"), "payments", ["at"])


def downgrade() -> None:
    op.drop_table("payments")
    op.drop_column("tickets", "after")
    op.drop_column("tickets", "then")
