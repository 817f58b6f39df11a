"""Readings of the accounts in the database: what they hold, how the desk stands, which rules stopped it.

Written by the loop that takes readings, but for what our fills moved: that changes with the fills.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from sqlalchemy import Connection, bindparam, delete, insert, select

from execution.equity import Account, Market, Standing, Stop, StopKind, effects
from execution.rounding import exactly
from execution.store.records import Codec, columns_of, put, rows_where
from execution.tables import AccountRow, DayPriceRow, MovedRow, StandingRow, StopRow
from execution.types import ZERO, Fill
from execution.venues.venue import Payment

_ACCOUNTS = Codec(Account, AccountRow)
_STANDING = Codec(Standing, StandingRow)
_STOPS = Codec(Stop, StopRow)
_MOVED, _DAY_PRICES = columns_of(MovedRow), columns_of(DayPriceRow)

_ALL = select(_ACCOUNTS.table).order_by(_ACCOUNTS.table.c.venue)
_DROP = delete(_ACCOUNTS.table).where(_ACCOUNTS.table.c.venue == bindparam("gone"))
_MOVED_AT = rows_where(_MOVED, venue="venue")
_READ_STANDING = select(_STANDING.table).where(_STANDING.table.c.id == 1)
_READ_STOPS = select(_STOPS.table).order_by(_STOPS.table.c.kind)
_ADD_STOP = insert(_STOPS.table)
_LIFT = delete(_STOPS.table).where(_STOPS.table.c.kind == bindparam("lifted"))
_OF_DAY = rows_where(_DAY_PRICES, day="day")
_FORGET_DAYS = delete(_DAY_PRICES).where(_DAY_PRICES.c.day < bindparam("today"))
_PUT_ACCOUNT, _PUT_MOVED = put(_ACCOUNTS.table), put(_MOVED)
_PUT_STANDING, _PUT_DAY_PRICE = put(_STANDING.table), put(_DAY_PRICES)


class Accounts:
    """What was read of the accounts, and what came of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def all(self) -> Mapping[str, Account]:
        """The last reading of each account, by venue."""
        rows = self._connection.execute(_ALL).mappings()
        return {row["venue"]: _ACCOUNTS.record(row) for row in rows}

    def put(self, account: Account) -> None:
        """Keep a reading in place of the one before."""
        self._connection.execute(_PUT_ACCOUNT, _ACCOUNTS.values(account))

    def drop(self, venue: str) -> None:
        """Forget an account that is not set up any more."""
        self._connection.execute(_DROP, {"gone": venue})

    def moved(self, venue: str) -> dict[str, Decimal]:
        """What our own fills brought to this account and took from it, by asset."""
        rows = self._connection.execute(_MOVED_AT, {"venue": venue})
        return {row.asset: row.amount for row in rows}

    def count(self, fill: Fill) -> None:
        """Count what a fill moved."""
        self._move(fill.venue, effects(fill))

    def count_payment(self, venue: str, payment: Payment) -> None:
        """Count what was paid or received for holding a position."""
        self._move(venue, {payment.currency: payment.amount})

    def discount(self, fill: Fill) -> None:
        """Take back what a fill moved, which is not stored any more."""
        self._move(fill.venue, {asset: -change for asset, change in effects(fill).items()})

    @exactly
    def _move(self, venue: str, changes: Mapping[str, Decimal]) -> None:
        before = self.moved(venue)
        rows = [
            {"venue": venue, "asset": asset, "amount": before.get(asset, ZERO) + change}
            for asset, change in changes.items()
        ]
        if rows:
            self._connection.execute(_PUT_MOVED, rows)

    def standing(self) -> Standing | None:
        """How the desk stood at the last reading; None before the first."""
        row = self._connection.execute(_READ_STANDING).mappings().first()
        return None if row is None else _STANDING.record(row)

    def stand(self, standing: Standing) -> None:
        """Keep how the desk stands now."""
        self._connection.execute(_PUT_STANDING, _STANDING.values(standing) | {"id": 1})

    def stops(self) -> Sequence[Stop]:
        """The rules that stopped entries and were not lifted."""
        return [_STOPS.record(row) for row in self._connection.execute(_READ_STOPS).mappings()]

    def stop(self, stop: Stop) -> None:
        """Stop entries; the key allows each kind once."""
        self._connection.execute(_ADD_STOP, _STOPS.values(stop))

    def lift(self, kind: StopKind) -> None:
        """Let entries go again."""
        self._connection.execute(_LIFT, {"lifted": kind})

    def day_prices(self, day: date) -> dict[Market, Decimal]:
        """The price of each market when this accounting day began, where it is known."""
        rows = self._connection.execute(_OF_DAY, {"day": day})
        return {(row.venue, row.symbol): row.price for row in rows}

    def begin(self, day: date, prices: Mapping[Market, Decimal]) -> None:
        """Keep the prices at which this accounting day began; those of earlier days go."""
        self._connection.execute(_FORGET_DAYS, {"today": day})
        rows = [
            {"venue": venue, "symbol": symbol, "day": day, "price": price}
            for (venue, symbol), price in prices.items()
        ]
        if rows:
            self._connection.execute(_PUT_DAY_PRICE, rows)
