"""SQLModel rows; storage, not domain.

A `table=True` model validates nothing, so only `store/` touches these and converts to and from the
frozen records of `types.py`.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Date,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from execution.breaker import BreakerState
from execution.columns import ID, Money, Span, Utc, choice
from execution.equity import StopKind
from execution.types import (
    Mode,
    OrderState,
    OrderType,
    Side,
    TicketState,
    TimeInForce,
    TradingState,
    VoteKind,
)

metadata: MetaData = SQLModel.metadata
metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "pk": "pk_%(table_name)s",
}


class SignalRow(SQLModel, table=True):
    """A committed signal; `ticket` stays empty until the executor has made one of it."""

    __tablename__ = "signals"
    __table_args__ = (Index(None, "ticket", "id"),)

    id: str = Field(sa_column=Column(ID, primary_key=True))
    source: str = Field(sa_column=Column(String(32), nullable=False))
    received_at: datetime = Field(sa_column=Column(Utc, nullable=False))
    digest: str = Field(sa_column=Column(String(64), nullable=False))
    body: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    ticket: str | None = Field(default=None, sa_column=Column(ID))


class SignalKeyRow(SQLModel, table=True):
    """Under which keys a signal counts as already received, and until when."""

    __tablename__ = "signal_keys"

    source: str = Field(sa_column=Column(String(32), primary_key=True))
    key: str = Field(sa_column=Column(String(200), primary_key=True))
    signal: str = Field(sa_column=Column(ID, nullable=False))
    until: datetime = Field(sa_column=Column(Utc, nullable=False, index=True))


class TicketRow(SQLModel, table=True):
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


class VoteRow(SQLModel, table=True):
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


class OrderRow(SQLModel, table=True):
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
    )

    id: str = Field(sa_column=Column(ID, primary_key=True))
    ticket: str = Field(sa_column=Column(ID, nullable=False))
    leg: str = Field(sa_column=Column(String(16), nullable=False))
    venue: str = Field(sa_column=Column(String(32), nullable=False))
    symbol: str = Field(sa_column=Column(String(64), nullable=False))
    side: Side = Field(sa_column=Column(choice(Side), nullable=False))
    type: OrderType = Field(sa_column=Column(choice(OrderType), nullable=False))
    amount: Decimal = Field(sa_column=Column(Money, nullable=False))
    price: Decimal = Field(sa_column=Column(Money, nullable=False))
    time_in_force: TimeInForce = Field(sa_column=Column(choice(TimeInForce), nullable=False))
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


class FillRow(SQLModel, table=True):
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


class ResultRow(SQLModel, table=True):
    """What each fill came to, and the position after it; made of the fills, and made anew if lost."""

    __tablename__ = "results"

    fill: str = Field(sa_column=Column(ID, primary_key=True))
    closed: Decimal = Field(sa_column=Column(Money, nullable=False))
    result: Decimal = Field(sa_column=Column(Money, nullable=False))
    fees: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    entry_fees: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    position: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))


class PositionRow(SQLModel, table=True):
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


class EventRow(SQLModel, table=True):
    """The journal. Triggers refuse to change or delete an entry (migration 0001)."""

    __tablename__ = "events"
    __table_args__ = (Index(None, "ticket", "seq"), Index(None, "kind", "seq"))

    seq: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))
    kind: str = Field(sa_column=Column(String(40), nullable=False))
    ticket: str | None = Field(default=None, sa_column=Column(ID))
    order: str | None = Field(default=None, sa_column=Column(ID))
    actor: str | None = Field(default=None, sa_column=Column(String(64)))
    data: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    mac: str = Field(sa_column=Column(String(64), nullable=False))


class HeadRow(SQLModel, table=True):
    """The end of the journal's chain: one row, changed in each commit that writes an event."""

    __tablename__ = "head"

    id: int = Field(sa_column=Column(Integer, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    mac: str = Field(sa_column=Column(String(64), nullable=False))


class TradingRow(SQLModel, table=True):
    """Active, paused or halted: one row."""

    __tablename__ = "trading"

    id: int = Field(sa_column=Column(Integer, primary_key=True))
    state: TradingState = Field(sa_column=Column(choice(TradingState), nullable=False))
    generation: int = Field(sa_column=Column(Integer, nullable=False))
    halt: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))


class BreakerRow(SQLModel, table=True):
    """The circuit breaker of one venue; no row for one that never opened."""

    __tablename__ = "breakers"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    state: BreakerState = Field(sa_column=Column(choice(BreakerState), nullable=False))
    since: datetime | None = Field(default=None, sa_column=Column(Utc))
    reason: str | None = Field(default=None, sa_column=Column(String(500)))


class ComparisonRow(SQLModel, table=True):
    """When each venue was last compared with our rows, and what it showed."""

    __tablename__ = "comparisons"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))
    strangers: int = Field(sa_column=Column(Integer, nullable=False))


class PairBlockRow(SQLModel, table=True):
    """A pair at a venue in which entries are refused until an owner lets them go again."""

    __tablename__ = "pair_blocks"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    symbol: str = Field(sa_column=Column(String(64), primary_key=True))
    entry: int = Field(sa_column=Column(BigInteger, nullable=False))
    ticket: str = Field(sa_column=Column(ID, nullable=False))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))


class LimitRow(SQLModel, table=True):
    """A limit that an owner changed in the chat; no row for one that is as the settings say."""

    __tablename__ = "limits"

    key: str = Field(sa_column=Column(String(32), primary_key=True))
    value: str = Field(sa_column=Column(Text, nullable=False))
    by: str = Field(sa_column=Column(String(64), nullable=False))
    name: str = Field(sa_column=Column(String(128), nullable=False))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))


class SealedKeysRow(SQLModel, table=True):
    """The keys of one venue, sealed; `label` says in clear what for and since when."""

    __tablename__ = "sealed_keys"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    label: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class PostRow(SQLModel, table=True):
    """A message shown to an audience about a subject, so that it can be edited later.

    `touched` is the newest journal entry about its ticket; one that shows less is stale.
    """

    __tablename__ = "posts"
    __table_args__ = (
        UniqueConstraint("audience", "subject"),
        Index(None, "subject"),
        Index(None, "place", "number"),
        Index("ix_posts_stale", "audience", sqlite_where=text("shown_seq < touched")),
    )

    id: str = Field(sa_column=Column(ID, primary_key=True))
    audience: str = Field(sa_column=Column(String(32), nullable=False))
    subject: str = Field(sa_column=Column(String(64), nullable=False))
    place: str = Field(sa_column=Column(String(64), nullable=False))
    number: int = Field(sa_column=Column(BigInteger, nullable=False))
    has_picture: bool = Field(nullable=False)
    shown: str = Field(sa_column=Column(String(64), nullable=False))
    shown_seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    touched: int = Field(sa_column=Column(BigInteger, nullable=False, server_default="0"))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))


class ButtonRow(SQLModel, table=True):
    """What a button means; its token is all that travels through the chat."""

    __tablename__ = "buttons"
    __table_args__ = (UniqueConstraint("place", "subject", "revision", "action", "argument"),)

    token: str = Field(sa_column=Column(String(32), primary_key=True))
    place: str = Field(sa_column=Column(String(64), nullable=False))
    subject: str = Field(sa_column=Column(String(64), nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    action: str = Field(sa_column=Column(String(32), nullable=False))
    argument: str = Field(sa_column=Column(String(64), nullable=False))


class CursorRow(SQLModel, table=True):
    """How far an audience has been told."""

    __tablename__ = "cursors"

    audience: str = Field(sa_column=Column(String(64), primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))


class MetaRow(SQLModel, table=True):
    """Facts about this installation, such as its id."""

    __tablename__ = "meta"

    key: str = Field(sa_column=Column(String(64), primary_key=True))
    value: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class AccountRow(SQLModel, table=True):
    """What each venue's account held at its last reading, and what of that is not our own doing."""

    __tablename__ = "accounts"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))
    held: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    moved: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    prices: dict[str, dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    outside: dict[str, str] | None = Field(default=None, sa_column=Column(JSON))


class MovedRow(SQLModel, table=True):
    """How much of an asset our own fills brought to a venue's account, less what they took."""

    __tablename__ = "moved"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    asset: str = Field(sa_column=Column(String(32), primary_key=True))
    amount: Decimal = Field(sa_column=Column(Money, nullable=False))


class DayPriceRow(SQLModel, table=True):
    """The price of a market when the accounting day began; one that was held then has one."""

    __tablename__ = "day_prices"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    symbol: str = Field(sa_column=Column(String(64), primary_key=True))
    day: date = Field(sa_column=Column(Date, nullable=False))
    price: Decimal = Field(sa_column=Column(Money, nullable=False))


class StandingRow(SQLModel, table=True):
    """How the whole desk stood at the last reading: one row."""

    __tablename__ = "standing"

    id: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))
    day: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    unpriced: list[str] = Field(sa_column=Column(JSON, nullable=False))
    day_before: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))
    equity: Decimal | None = Field(default=None, sa_column=Column(Money))
    mark: Decimal | None = Field(default=None, sa_column=Column(Money))
    prices_at: datetime | None = Field(default=None, sa_column=Column(Utc))
    unread: list[str] = Field(sa_column=Column(JSON, nullable=False))
    without_price: list[str] = Field(sa_column=Column(JSON, nullable=False))


class StopRow(SQLModel, table=True):
    """A rule that refuses what adds exposure until its day is over, or until it is reset."""

    __tablename__ = "stops"

    kind: StopKind = Field(sa_column=Column(choice(StopKind), primary_key=True))
    since: datetime = Field(sa_column=Column(Utc, nullable=False))
    day: date = Field(sa_column=Column(Date, nullable=False))
    figure: Decimal = Field(sa_column=Column(Money, nullable=False))
    bound: Decimal = Field(sa_column=Column(Money, nullable=False))
