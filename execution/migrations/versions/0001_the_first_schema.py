"""The first schema: rows of the trade, the journal and its triggers, what the chat was shown."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from execution.columns import Money, Span, Utc

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "buttons",
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("argument", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_buttons")),
        sa.UniqueConstraint(
            "place",
            "subject",
            "revision",
            "action",
            "argument",
            name=op.f("uq_buttons_place_subject_revision_action_argument"),
        ),
    )
    op.create_table(
        "cursors",
        sa.Column("audience", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("audience", name=op.f("pk_cursors")),
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("ticket", sa.String(length=26), nullable=True),
        sa.Column("order", sa.String(length=26), nullable=True),
        sa.Column("actor", sa.String(length=64), nullable=True),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_events_ticket_seq"), ["ticket", "seq"], unique=False)

    op.create_table(
        "fills",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("order", sa.String(length=26), nullable=False),
        sa.Column("ticket", sa.String(length=26), nullable=False),
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
    with op.batch_alter_table("fills", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fills_order"), ["order"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_fills_venue_symbol_at"), ["venue", "symbol", "at"], unique=False
        )

    op.create_table(
        "head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_head")),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_meta")),
    )
    op.create_table(
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
        sa.Column("price", Money(), nullable=False),
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
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_orders_next_look_at"), ["next_look_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_orders_state_id"), ["state", "id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_orders_venue_symbol_id"), ["venue", "symbol", "id"], unique=False
        )

    op.create_table(
        "posts",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("audience", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("place", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("has_picture", sa.Boolean(), nullable=False),
        sa.Column("shown", sa.String(length=64), nullable=False),
        sa.Column("shown_seq", sa.BigInteger(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posts")),
        sa.UniqueConstraint("audience", "subject", name=op.f("uq_posts_audience_subject")),
    )
    op.create_table(
        "signal_keys",
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("signal", sa.String(length=26), nullable=False),
        sa.Column("until", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("source", "key", name=op.f("pk_signal_keys")),
    )
    with op.batch_alter_table("signal_keys", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signal_keys_until"), ["until"], unique=False)

    op.create_table(
        "signals",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column("received_at", Utc(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("ticket", sa.String(length=26), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signals")),
    )
    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signals_ticket_id"), ["ticket", "id"], unique=False)

    op.create_table(
        "tickets",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("signal", sa.String(length=26), nullable=False),
        sa.Column("source", sa.String(length=32), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "new",
                "refused",
                "pending",
                "approved",
                "rejected",
                "expired",
                "canceled",
                "working",
                "done",
                "failed",
                name="ticketstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("venue", sa.String(length=32), nullable=False),
        sa.Column(
            "mode",
            sa.Enum(
                "paper",
                "sandbox",
                "live",
                name="mode",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("symbol", sa.String(length=64), nullable=False),
        sa.Column("side", sa.String(length=4), nullable=True),
        sa.Column("asked", sa.JSON(), nullable=False),
        sa.Column("terms", sa.JSON(), nullable=True),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("rule", sa.String(length=100), nullable=False),
        sa.Column("required", sa.Integer(), nullable=False),
        sa.Column("created_at", Utc(), nullable=False),
        sa.Column("expires_at", Utc(), nullable=True),
        sa.Column("fired_at", Utc(), nullable=False),
        sa.Column("waits", Span(), nullable=False),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("refusals", sa.JSON(), nullable=False),
        sa.Column("strategy", sa.String(length=200), nullable=True),
        sa.Column("note", sa.String(length=2000), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("decided_at", Utc(), nullable=True),
        sa.Column("previous_reference", Money(), nullable=True),
        sa.Column("touched", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tickets")),
        sa.UniqueConstraint("signal", name=op.f("uq_tickets_signal")),
    )
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_tickets_source_symbol_side_id"),
            ["source", "symbol", "side", "id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_tickets_state_id"), ["state", "id"], unique=False)

    op.create_table(
        "trading",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "active",
                "paused",
                "halted",
                name="tradingstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("halt", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trading")),
    )
    op.create_table(
        "votes",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("ticket", sa.String(length=26), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=128), nullable=False),
        sa.Column(
            "vote",
            sa.Enum(
                "approve",
                "reject",
                name="votekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_votes")),
        sa.UniqueConstraint(
            "ticket", "revision", "person", name=op.f("uq_votes_ticket_revision_person")
        ),
    )

    op.execute("INSERT INTO head (id, seq, mac) VALUES (1, 0, '" + "0" * 64 + "')")
    op.execute("INSERT INTO trading (id, state, generation, halt) VALUES (1, 'active', 0, 'null')")
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER events_refuse_{change.lower()} BEFORE {change} ON events "
            "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
        )


def downgrade() -> None:
    op.drop_table("votes")
    op.drop_table("trading")
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tickets_state_id"))
        batch_op.drop_index(batch_op.f("ix_tickets_source_symbol_side_id"))

    op.drop_table("tickets")
    with op.batch_alter_table("signals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signals_ticket_id"))

    op.drop_table("signals")
    with op.batch_alter_table("signal_keys", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signal_keys_until"))

    op.drop_table("signal_keys")
    op.drop_table("posts")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_orders_venue_symbol_id"))
        batch_op.drop_index(batch_op.f("ix_orders_state_id"))
        batch_op.drop_index(batch_op.f("ix_orders_next_look_at"))

    op.drop_table("orders")
    op.drop_table("meta")
    op.drop_table("head")
    with op.batch_alter_table("fills", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_fills_venue_symbol_at"))
        batch_op.drop_index(batch_op.f("ix_fills_order"))

    op.drop_table("fills")
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_events_ticket_seq"))

    op.drop_table("events")
    op.drop_table("cursors")
    op.drop_table("buttons")
