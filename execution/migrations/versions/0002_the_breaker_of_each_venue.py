"""The breaker of each venue: an outage outlives the process that saw it begin."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from execution.columns import Utc

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "breakers",
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "closed",
                "open",
                "half_open",
                name="breakerstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("since", Utc(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("venue", name=op.f("pk_breakers")),
    )


def downgrade() -> None:
    op.drop_table("breakers")
