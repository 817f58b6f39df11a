"""What accounts hold and are worth, as they were read, and what that stopped."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Date,
    Integer,
    String,
)
from sqlmodel import Field

from execution.columns import Money, Utc, choice
from execution.equity import StopKind
from execution.tables.row import Row


class AccountRow(Row, table=True):
    """What each venue's account held at its last reading, and what of that is not our own doing."""

    __tablename__ = "accounts"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    at: datetime = Field(sa_column=Column(Utc, nullable=False))
    held: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    moved: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    prices: dict[str, dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    outside: dict[str, str] | None = Field(default=None, sa_column=Column(JSON))


class MovedRow(Row, table=True):
    """How much of an asset our own fills brought to a venue's account, less what they took."""

    __tablename__ = "moved"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    asset: str = Field(sa_column=Column(String(32), primary_key=True))
    amount: Decimal = Field(sa_column=Column(Money, nullable=False))


class DayPriceRow(Row, table=True):
    """The price of a market when the accounting day began; one that was held then has one."""

    __tablename__ = "day_prices"

    venue: str = Field(sa_column=Column(String(32), primary_key=True))
    symbol: str = Field(sa_column=Column(String(64), primary_key=True))
    day: date = Field(sa_column=Column(Date, nullable=False))
    price: Decimal = Field(sa_column=Column(Money, nullable=False))


class StandingRow(Row, table=True):
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


class StopRow(Row, table=True):
    """A rule that refuses what adds exposure until its day is over, or until it is reset."""

    __tablename__ = "stops"

    kind: StopKind = Field(sa_column=Column(choice(StopKind), primary_key=True))
    since: datetime = Field(sa_column=Column(Utc, nullable=False))
    day: date = Field(sa_column=Column(Date, nullable=False))
    figure: Decimal = Field(sa_column=Column(Money, nullable=False))
    bound: Decimal = Field(sa_column=Column(Money, nullable=False))
