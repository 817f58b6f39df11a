"""What accounts hold, what the day came to, how far equity is below its highest, and what that stopped."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from execution.columns import Money, Utc

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("held", sa.JSON(), nullable=False),
        sa.Column("moved", sa.JSON(), nullable=False),
        sa.Column("prices", sa.JSON(), nullable=False),
        sa.Column("outside", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("venue", name=op.f("pk_accounts")),
    )
    op.create_table(
        "moved",
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column("asset", sa.String(length=32), nullable=False),
        sa.Column("amount", Money(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "asset", name=op.f("pk_moved")),
    )
    op.create_table(
        "day_prices",
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("price", Money(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "symbol", name=op.f("pk_day_prices")),
    )
    op.create_table(
        "standing",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("day", sa.JSON(), nullable=True),
        sa.Column("unpriced", sa.JSON(), nullable=False),
        sa.Column("day_before", sa.JSON(), nullable=True),
        sa.Column("equity", Money(), nullable=True),
        sa.Column("mark", Money(), nullable=True),
        sa.Column("prices_at", Utc(), nullable=True),
        sa.Column("unread", sa.JSON(), nullable=False),
        sa.Column("without_price", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_standing")),
    )
    op.create_table(
        "stops",
        sa.Column(
            "kind",
            sa.Enum(
                "daily_loss",
                "drawdown",
                name="stopkind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("since", Utc(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("figure", Money(), nullable=False),
        sa.Column("bound", Money(), nullable=False),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_stops")),
    )


def downgrade() -> None:
    for table in ("stops", "standing", "day_prices", "moved", "accounts"):
        op.drop_table(table)
