"""Pairs in which entries wait for an owner, since what was filled there is not certain."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from execution.columns import Utc

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "pair_blocks",
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("entry", sa.BigInteger(), nullable=False),
        sa.Column("ticket", sa.String(length=26), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "symbol", name=op.f("pk_pair_blocks")),
    )


def downgrade() -> None:
    op.drop_table("pair_blocks")
