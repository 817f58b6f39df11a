"""The desk itself: its journal, its state, its keys, and what the chat was told."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlmodel import Field

from execution.breaker import BreakerState
from execution.columns import ID, Utc, choice
from execution.tables.row import Row
from execution.types import (
    TradingState,
)


class EventRow(Row, table=True):
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


class HeadRow(Row, table=True):
    """The end of the journal's chain: one row, changed in each commit that writes an event."""

    __tablename__ = "head"

    id: int = Field(sa_column=Column(Integer, primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))
    mac: str = Field(sa_column=Column(String(64), nullable=False))


class TradingRow(Row, table=True):
    """Active, paused or halted: one row."""

    __tablename__ = "trading"

    id: int = Field(sa_column=Column(Integer, primary_key=True))
    state: TradingState = Field(sa_column=Column(choice(TradingState), nullable=False))
    generation: int = Field(sa_column=Column(Integer, nullable=False))
    halt: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON))


class BreakerRow(Row, table=True):
    """The circuit breaker of one venue; no row for one that never opened."""

    __tablename__ = "breakers"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    state: BreakerState = Field(sa_column=Column(choice(BreakerState), nullable=False))
    since: datetime | None = Field(default=None, sa_column=Column(Utc))
    reason: str | None = Field(default=None, sa_column=Column(String(500)))


class ComparisonRow(Row, table=True):
    """When each venue was last compared with our rows, and what it showed."""

    __tablename__ = "comparisons"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))
    strangers: int = Field(sa_column=Column(Integer, nullable=False))


class PairBlockRow(Row, table=True):
    """A pair at a venue in which entries are refused until an owner lets them go again."""

    __tablename__ = "pair_blocks"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    symbol: str = Field(sa_column=Column(String(64), primary_key=True))
    entry: int = Field(sa_column=Column(BigInteger, nullable=False))
    ticket: str = Field(sa_column=Column(ID, nullable=False))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))
    reason: str = Field(sa_column=Column(Text, nullable=False))


class LimitRow(Row, table=True):
    """A limit that an owner changed in the chat; no row for one that is as the settings say."""

    __tablename__ = "limits"

    key: str = Field(sa_column=Column(String(32), primary_key=True))
    value: str = Field(sa_column=Column(Text, nullable=False))
    by: str = Field(sa_column=Column(String(64), nullable=False))
    name: str = Field(sa_column=Column(String(128), nullable=False))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))


class SealedKeysRow(Row, table=True):
    """The keys of one venue, sealed; `label` says in clear what for and since when."""

    __tablename__ = "sealed_keys"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    label: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    wrapped: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class PostRow(Row, table=True):
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


class ButtonRow(Row, table=True):
    """What a button means; its token is all that travels through the chat."""

    __tablename__ = "buttons"
    __table_args__ = (UniqueConstraint("place", "subject", "revision", "action", "argument"),)

    token: str = Field(sa_column=Column(String(32), primary_key=True))
    place: str = Field(sa_column=Column(String(64), nullable=False))
    subject: str = Field(sa_column=Column(String(64), nullable=False))
    revision: int = Field(sa_column=Column(Integer, nullable=False))
    action: str = Field(sa_column=Column(String(32), nullable=False))
    argument: str = Field(sa_column=Column(String(64), nullable=False))


class CursorRow(Row, table=True):
    """How far an audience has been told."""

    __tablename__ = "cursors"

    audience: str = Field(sa_column=Column(String(64), primary_key=True))
    seq: int = Field(sa_column=Column(BigInteger, nullable=False))


class MetaRow(Row, table=True):
    """Facts about this installation, such as its id."""

    __tablename__ = "meta"

    key: str = Field(sa_column=Column(String(64), primary_key=True))
    value: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
