"""Signals, tickets and votes, and the orders, fills and positions that came of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Index,
    Integer,
    String,
    UniqueConstraint,
)
from sqlmodel import Field

from execution.columns import ID, Money, Span, Utc, choice
from execution.tables.row import Row
from execution.types import (
    Mode,
    OrderState,
    OrderType,
    Side,
    TicketState,
    TimeInForce,
    VoteKind,
)


class SignalRow(Row, table=True):
    """A committed signal; `ticket` stays empty until the executor has made one of it."""

    __tablename__ = "signals"
    __table_args__ = (Index(None, "ticket", "id"),)

    id: str = Field(sa_column=Column(ID, primary_key=True))
    source: str = Field(sa_column=Column(String(32), nullable=False))
    received_at: datetime = Field(sa_column=Column(Utc, nullable=False))
    digest: str = Field(sa_column=Column(String(64), nullable=False))
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    ticket: str | None = Field(default=None, sa_column=Column(ID))


class SignalKeyRow(Row, table=True):
    """Under which keys a signal counts as already received, and until when."""

    __tablename__ = "signal_keys"

    source: str = Field(sa_column=Column(String(32), primary_key=True))
    key: str = Field(sa_column=Column(String(200), primary_key=True))
    signal: str = Field(sa_column=Column(ID, nullable=False))
    until: datetime = Field(sa_column=Column(Utc, nullable=False, index=True))


class TicketRow(Row, table=True):
    """A ticket as it stands; its terms are those of its newest revision."""

    __tablename__ = "tickets"
    __table_args__ = (
        Index(None, "state", "id"),
        Index(None, "source", "symbol", "side", "id"),
        Index(None, "state", "decided_at"),
    )

    id: str = Field(sa_column=Column(ID, primary_key=True))
    signal: str = Field(sa_column=Column(ID, nullable=False, unique=True))
    source: str = Field(sa_column=Column(String(32), nullable=False))
    state: TicketState = Field(sa_column=Column(choice(TicketState), nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    venue: str = Field(sa_column=Column(String(32), nullable=False))
    mode: Mode = Field(sa_column=Column(choice(Mode), nullable=False))
    symbol: str = Field(sa_column=Column(String(64), nullable=False))
    side: str | None = Field(default=None, sa_column=Column(String(4)))
    asked: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    terms: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    fingerprint: str = Field(sa_column=Column(String(64), nullable=False))
    rule: str = Field(sa_column=Column(String(100), nullable=False))
    required: int = Field(sa_column=Column(Integer, nullable=False))
    created_at: datetime = Field(sa_column=Column(Utc, nullable=False))
    expires_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    fired_at: datetime = Field(sa_column=Column(Utc, nullable=False))
    waits: timedelta = Field(sa_column=Column(Span, nullable=False))
    checks: int = Field(sa_column=Column(Integer, nullable=False))
    refusals: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    strategy: str | None = Field(default=None, sa_column=Column(String(200)))
    note: str | None = Field(default=None, sa_column=Column(String(2000)))
    reason: str | None = Field(default=None, sa_column=Column(String(500)))
    decided_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    previous_reference: Decimal | None = Field(default=None, sa_column=Column(Money))
    veto_window: timedelta | None = Field(default=None, sa_column=Column(Span))
    goes_ahead_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    remind_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    proposer: str | None = Field(default=None, sa_column=Column(String(64)))
    then: Decimal | None = Field(default=None, sa_column=Column(Money))
    after: str | None = Field(default=None, sa_column=Column(ID))
    replaces: str | None = Field(default=None, sa_column=Column(ID))
    replaces_left: Decimal | None = Field(default=None, sa_column=Column(Money))
    begun_at: datetime | None = Field(default=None, sa_column=Column(Utc))


class VoteRow(Row, table=True):
    """One person's word on one revision."""

    __tablename__ = "votes"
    __table_args__ = (UniqueConstraint("ticket", "revision", "person"),)

    id: str = Field(sa_column=Column(ID, primary_key=True))
    ticket: str = Field(sa_column=Column(ID, nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    fingerprint: str = Field(sa_column=Column(String(64), nullable=False))
    person: str = Field(sa_column=Column(String(64), nullable=False))
    name: str = Field(sa_column=Column(String(128), nullable=False))
    vote: VoteKind = Field(sa_column=Column(choice(VoteKind), nullable=False))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))


class OrderRow(Row, table=True):
    """One leg at one venue. The two unique constraints are what "never twice" rests on."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("ticket", "leg"),
        UniqueConstraint("venue", "client_order_id"),
        Index(None, "state", "id"),
        Index(None, "venue", "symbol", "id"),
        Index(None, "venue", "venue_order_id"),
        Index(None, "next_look_at"),
        Index(None, "sent_at"),
        Index(None, "cancel_requested_at"),
        Index(None, "ended_at"),
    )

    id: str = Field(sa_column=Column(ID, primary_key=True))
    ticket: str = Field(sa_column=Column(ID, nullable=False))
    leg: str = Field(sa_column=Column(String(16), nullable=False))
    venue: str = Field(sa_column=Column(String(32), nullable=False))
    symbol: str = Field(sa_column=Column(String(64), nullable=False))
    side: Side = Field(sa_column=Column(choice(Side), nullable=False))
    type: OrderType = Field(sa_column=Column(choice(OrderType), nullable=False))
    amount: Decimal = Field(sa_column=Column(Money, nullable=False))
    price: Decimal | None = Field(default=None, sa_column=Column(Money))
    stop_price: Decimal | None = Field(default=None, sa_column=Column(Money))
    trail: Any = Field(default=None, sa_column=Column(JSON(none_as_null=True)))
    time_in_force: TimeInForce = Field(sa_column=Column(choice(TimeInForce), nullable=False))
    good_till: datetime | None = Field(default=None, sa_column=Column(Utc))
    client_order_id: str = Field(sa_column=Column(String(64), nullable=False))
    state: OrderState = Field(sa_column=Column(choice(OrderState), nullable=False))
    reduces: bool = Field(nullable=False)
    created_at: datetime = Field(sa_column=Column(Utc, nullable=False))
    post_only: bool = Field(nullable=False)
    venue_order_id: str | None = Field(default=None, sa_column=Column(String(64)))
    named_id: str | None = Field(default=None, sa_column=Column(String(64)))
    attempts: int = Field(sa_column=Column(Integer, nullable=False))
    sent_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    acknowledged_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    fence_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    cancel_after: datetime | None = Field(default=None, sa_column=Column(Utc))
    cancel_requested_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    cancel_reason: str | None = Field(default=None, sa_column=Column(String(200)))
    looks: int = Field(sa_column=Column(Integer, nullable=False))
    doubted_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    next_look_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    ended_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    reason: str | None = Field(default=None, sa_column=Column(String(500)))
    reported: Decimal = Field(sa_column=Column(Money, nullable=False))
    short_since: datetime | None = Field(default=None, sa_column=Column(Utc))


class FillRow(Row, table=True):
    """One trade of ours, keyed as the venue keys it; without an order, what an owner took over."""

    __tablename__ = "fills"
    __table_args__ = (
        UniqueConstraint("venue", "symbol", "trade_id"),
        Index(None, "order"),
        Index(None, "ticket"),
        Index(None, "venue", "symbol", "at", "id"),
        Index(None, "at"),
    )

    id: str = Field(sa_column=Column(ID, primary_key=True))
    order: str | None = Field(default=None, sa_column=Column(ID))
    ticket: str | None = Field(default=None, sa_column=Column(ID))
    venue: str = Field(sa_column=Column(String(32), nullable=False))
    symbol: str = Field(sa_column=Column(String(64), nullable=False))
    side: Side = Field(sa_column=Column(choice(Side), nullable=False))
    trade_id: str = Field(sa_column=Column(String(80), nullable=False))
    amount: Decimal = Field(sa_column=Column(Money, nullable=False))
    price: Decimal = Field(sa_column=Column(Money, nullable=False))
    fee: Decimal = Field(sa_column=Column(Money, nullable=False))
    fee_currency: str | None = Field(default=None, sa_column=Column(String(32)))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))
    inferred: bool = Field(nullable=False)


class ResultRow(Row, table=True):
    """What each fill came to, and the position after it; made of the fills, and made anew if lost."""

    __tablename__ = "results"

    fill: str = Field(sa_column=Column(ID, primary_key=True))
    closed: Decimal = Field(sa_column=Column(Money, nullable=False))
    result: Decimal = Field(sa_column=Column(Money, nullable=False))
    fees: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    entry_fees: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    position: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))


class PositionRow(Row, table=True):
    """What is held of one market: as after its last fill; no row where nothing is."""

    __tablename__ = "positions"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    symbol: str = Field(sa_column=Column(String(64), primary_key=True))
    amount: Decimal = Field(sa_column=Column(Money, nullable=False))
    cost: Decimal = Field(sa_column=Column(Money, nullable=False))
    realized: Decimal = Field(sa_column=Column(Money, nullable=False))
    base_fees: Decimal = Field(sa_column=Column(Money, nullable=False))
    entry_fees: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    opened_at: datetime = Field(sa_column=Column(Utc, nullable=False))
    updated_at: datetime = Field(sa_column=Column(Utc, nullable=False))


class PaymentRow(Row, table=True):
    """What a position in contracts was paid for, or paid; keyed by the venue."""

    __tablename__ = "payments"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    payment_id: str = Field(sa_column=Column(String(64), primary_key=True))
    symbol: str = Field(sa_column=Column(String(64), nullable=False))
    amount: Decimal = Field(sa_column=Column(Money, nullable=False))
    currency: str = Field(sa_column=Column(String(32), nullable=False))
    at: datetime = Field(sa_column=Column(Utc, nullable=False, index=True))
