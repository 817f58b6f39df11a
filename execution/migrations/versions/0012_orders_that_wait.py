"""Orders that wait for their stop price and may have no limit; an index by when orders ended."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from execution.columns import Money, Utc

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_INDICES = (
    ["state", "id"],
    ["venue", "symbol", "id"],
    ["venue", "venue_order_id"],
    ["next_look_at"],
    ["sent_at"],
    ["cancel_requested_at"],
)


def upgrade() -> None:
    _remake_orders(price_needed=False)
    op.add_column("orders", sa.Column("stop_price", Money(), nullable=True))
    op.add_column("orders", sa.Column("trail", sa.JSON(), nullable=True))
    op.add_column("orders", sa.Column("good_till", Utc(), nullable=True))
    op.create_index(op.f("ix_orders_ended_at"), "orders", ["ended_at"])


def downgrade() -> None:
    """Orders without a limit price, which an earlier version cannot hold, are left out."""
    op.drop_index(op.f("ix_orders_ended_at"), "orders")
    _remake_orders(price_needed=True)


def _remake_orders(*, price_needed: bool) -> None:
    """SQLite cannot change whether a column may be empty: the rows move to a new table."""
    op.rename_table("orders", "orders_before")
    for columns in _INDICES:
        op.drop_index(op.f(f"ix_orders_{'_'.join(columns)}"), "orders_before")
    made = op.create_table(
        "orders",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("ticket", sa.String(length=26), nullable=False),
        sa.Column("leg", sa.String(length=16), nullable=False),
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "buy", "sell", name="side", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column(
            "type",
            sa.Enum(
                "market",
                "limit",
                "stop",
                "stop_limit",
                "take_profit",
                "take_profit_limit",
                "trailing_stop",
                name="ordertype",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("amount", Money(), nullable=False),
        sa.Column("price", Money(), nullable=not price_needed),
        sa.Column(
            "time_in_force",
            sa.Enum(
                "GTC",
                "IOC",
                "FOK",
                "GTD",
                name="timeinforce",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("client_order_id", sa.String(length=64), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "denied",
                "sending",
                "in_doubt",
                "working",
                "canceling",
                "filled",
                "canceled",
                "expired",
                "rejected",
                "absent",
                "stuck",
                name="orderstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reduces", sa.Boolean(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("post_only", sa.Boolean(), nullable=False),
        sa.Column("venue_order_id", sa.String(length=64), nullable=True),
        sa.Column("named_id", sa.String(length=64), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("sent_at", Utc(), nullable=True),
        sa.Column("acknowledged_at", Utc(), nullable=True),
        sa.Column("fence_at", Utc(), nullable=True),
        sa.Column("cancel_after", Utc(), nullable=True),
        sa.Column("cancel_requested_at", Utc(), nullable=True),
        sa.Column("cancel_reason", sa.String(length=200), nullable=True),
        sa.Column("looks", sa.Integer(), nullable=False),
        sa.Column("doubted_at", Utc(), nullable=True),
        sa.Column("next_look_at", Utc(), nullable=True),
        sa.Column("ended_at", Utc(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("reported", Money(), nullable=False),
        sa.Column("short_since", Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
        sa.UniqueConstraint("ticket", "leg", name=op.f("uq_orders_ticket_leg")),
        sa.UniqueConstraint(
            "venue", "client_order_id", name=op.f("uq_orders_venue_client_order_id")
        ),
    )
    names = [column.name for column in made.columns]
    before = sa.table("orders_before", *(sa.column(name) for name in names))
    rows = sa.select(before)
    if price_needed:
        rows = rows.where(before.c.price.is_not(None))
    op.execute(made.insert().from_select(names, rows))
    op.drop_table("orders_before")
    for columns in _INDICES:
        op.create_index(op.f(f"ix_orders_{'_'.join(columns)}"), "orders", columns)
