"""Positions and results are kept, not folded at each look; fills without an order; indices that were lacking."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from execution.columns import Money, Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INDICES = {
    "orders": (["venue", "venue_order_id"], ["sent_at"], ["cancel_requested_at"]),
    "events": (["kind", "seq"],),
}


def upgrade() -> None:
    _remake_fills(order_needed=False)
    for columns in (["order"], ["ticket"], ["venue", "symbol", "at", "id"], ["at"]):
        _create_index("fills", columns)
    op.create_table(
        "results",
        sa.Column("fill", sa.String(length=26), nullable=False),
        sa.Column("closed", Money(), nullable=False),
        sa.Column("result", Money(), nullable=False),
        sa.Column("fees", sa.JSON(), nullable=False),
        sa.Column("entry_fees", sa.JSON(), nullable=False),
        sa.Column("position", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("fill", name=op.f("pk_results")),
    )
    op.create_table(
        "positions",
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("amount", Money(), nullable=False),
        sa.Column("cost", Money(), nullable=False),
        sa.Column("realized", Money(), nullable=False),
        sa.Column("base_fees", Money(), nullable=False),
        sa.Column("entry_fees", sa.JSON(), nullable=False),
        sa.Column("opened_at", Utc(), nullable=False),
        sa.Column("updated_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("venue", "symbol", name=op.f("pk_positions")),
    )
    for table, indices in _INDICES.items():
        for columns in indices:
            _create_index(table, columns)


def downgrade() -> None:
    for table, indices in _INDICES.items():
        for columns in indices:
            op.drop_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table)
    op.drop_table("positions")
    op.drop_table("results")
    _remake_fills(order_needed=True)
    for columns in (["order"], ["venue", "symbol", "at"]):
        _create_index("fills", columns)


def _create_index(table: str, columns: list[str]) -> None:
    op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns)


def _remake_fills(*, order_needed: bool) -> None:
    """SQLite cannot change whether a column may be empty: the rows move to a new table."""
    op.rename_table("fills", "fills_before")
    for name in ("order", "venue_symbol_at", "venue_symbol_at_id", "ticket", "at"):
        op.execute(f"DROP INDEX IF EXISTS ix_fills_{name}")
    made = op.create_table(
        "fills",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("order", sa.String(length=26), nullable=not order_needed),
        sa.Column("ticket", sa.String(length=26), nullable=not order_needed),
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column(
            "side",
            sa.Enum(
                "buy", "sell", name="side", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("trade_id", sa.String(length=80), nullable=False),
        sa.Column("amount", Money(), nullable=False),
        sa.Column("price", Money(), nullable=False),
        sa.Column("fee", Money(), nullable=False),
        sa.Column("fee_currency", sa.String(length=32), nullable=True),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("inferred", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fills")),
        sa.UniqueConstraint(
            "venue", "symbol", "trade_id", name=op.f("uq_fills_venue_symbol_trade_id")
        ),
    )
    names = [column.name for column in made.columns]
    before = sa.table("fills_before", *(sa.column(name) for name in names))
    rows = sa.select(before)
    if order_needed:
        rows = rows.where(before.c.order.is_not(None))
    op.execute(made.insert().from_select(names, rows))
    op.drop_table("fills_before")
