"""The books of a paper account: its orders, trades and what it has, in an SQLite file of their own.

Only the paper venue calls this, as an exchange keeps books that its customers cannot roll back.
Contracts are kept as if each had been bought: so much of them, and what they cost gone from the money.
Arithmetic is exact or raises. It must never decide whether an order may be taken or filled.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation, localcontext
from pathlib import Path

from execution.errors import Corrupt
from execution.instruments import Instrument, MarketKind
from execution.record import Record
from execution.symbols import is_spot
from execution.types import ZERO, Level, OrderState, OrderType, Side, TimeInForce, Trail
from execution.venues.book_tables import bring_up
from execution.venues.venue import NewOrder, OrderKey, Report, Trade

EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
"""No digit of an account is ever rounded away."""
_AVERAGE = Context(prec=28, traps=[InvalidOperation])


@dataclass(frozen=True, kw_only=True, slots=True)
class Booked(Record):
    """An order as it was taken, what has been traded of it, and where it stands."""

    id: int
    order: NewOrder
    state: OrderState
    filled: Decimal
    cost: Decimal
    """What its trades came to in quote currency, fees apart."""
    created_at: datetime
    changed_at: datetime
    stop: Decimal | None = None
    """Where its stop price stands, which a trailing one moves; None of an order without one."""
    touched_at: datetime | None = None
    """When the market touched that."""

    @property
    def remaining(self) -> Decimal:
        """Base amount not traded yet."""
        return self.order.amount - self.filled

    @property
    def waits(self) -> bool:
        """Whether it does nothing before the market touches its stop price."""
        return self.stop is not None and self.touched_at is None

    def report(self) -> Report:
        """The order as the venue shows it."""
        return Report(
            venue_order_id=str(self.id),
            client_order_id=self.order.client_order_id,
            symbol=self.order.symbol,
            side=self.order.side,
            state=self.state,
            amount=self.order.amount,
            filled=self.filled,
            price=self.order.price,
            stop_price=self.stop,
            average=_AVERAGE.divide(self.cost, self.filled) if self.filled else None,
            at=self.changed_at,
        )


class Books:
    """One open file. Any other process may have it open too."""

    def __init__(
        self,
        path: Path | str,
        opening: Mapping[str, Decimal],
        tell: Callable[[Booked], None] = lambda booked: None,
        *,
        kind: MarketKind = MarketKind.SPOT,
    ) -> None:
        """Open the file, or begin it with these balances; `tell` is called with each order that was
        taken, has traded or has ended, once that is on the disk.

        Raises:
            sqlite3.Error: it cannot be opened or written, is no database, a newer version's, or of
                an account of another kind.
        """
        self._tell = tell
        self.kind = kind
        self._changed: list[Booked] = []
        """What the transaction under way has to tell."""
        self._db = sqlite3.connect(path, isolation_level=None)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = FULL")
            with self.transaction():
                bring_up(self._db, kind, opening)
        except sqlite3.Error:
            self._db.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What happens inside is committed to the disk together, or not at all."""
        self._changed = []
        self._db.execute("BEGIN IMMEDIATE")
        with self._db:
            yield
        for booked in self._changed:
            self._tell(booked)

    def last_change(self) -> datetime | None:
        """When anything last happened; None in empty books."""
        (latest,) = self._db.execute("SELECT max(changed_at) FROM orders").fetchone()
        return None if latest is None else datetime.fromisoformat(latest)

    def take(self, order: NewOrder, at: datetime, *, stop: Decimal | None = None) -> Booked:
        """Write an order down as working, its stop price standing at `stop`."""
        row = {
            "client_order_id": order.client_order_id,
            "symbol": order.symbol,
            "side": order.side,
            "type": order.type,
            "amount": str(order.amount),
            "price": _maybe(order.price),
            "time_in_force": order.time_in_force,
            "post_only": order.post_only,
            "reduce_only": order.reduce_only,
            "state": OrderState.WORKING,
            "created_at": _text(at),
            "changed_at": _text(at),
            "stop_price": _maybe(order.stop_price),
            "trail": None if order.trail is None else str(order.trail.value),
            "trail_is_share": None if order.trail is None else order.trail.is_share,
            "good_till": None if order.good_till is None else _text(order.good_till),
            "stop": _maybe(stop),
        }
        columns, values = ", ".join(row), ", ".join(f":{name}" for name in row)
        statement = f"INSERT INTO orders ({columns}) VALUES ({values}) RETURNING id"  # noqa: S608  # our names
        (number,) = self._db.execute(statement, row).fetchone()
        taken = Booked(
            id=number,
            order=order,
            state=OrderState.WORKING,
            filled=ZERO,
            cost=ZERO,
            created_at=at,
            changed_at=at,
            stop=stop,
        )
        self._changed.append(taken)
        return taken

    def move_stop(self, booked: Booked, stop: Decimal, at: datetime) -> Booked:
        """Write down where its stop price stands now."""
        self._db.execute(
            "UPDATE orders SET stop = ?, changed_at = ? WHERE id = ?",
            (str(stop), _text(at), booked.id),
        )
        return booked.evolve(stop=stop, changed_at=at)

    def touch(self, booked: Booked, at: datetime) -> Booked:
        """Write down that the market touched its stop price."""
        self._db.execute(
            "UPDATE orders SET touched_at = ?, changed_at = ? WHERE id = ?",
            (_text(at), _text(at), booked.id),
        )
        return booked.evolve(touched_at=at, changed_at=at)

    def fill(
        self, booked: Booked, instrument: Instrument, level: Level, fee_rate: Decimal, at: datetime
    ) -> Booked:
        """Trade this much of the order at this price, and move what is had and the money.

        The fee is taken as Binance does without a discount token: on spot from the asset received,
        base for a buy, quote for a sell; of contracts in quote.
        """
        symbol, buys, quote = booked.order.symbol, booked.order.side is Side.BUY, instrument.quote
        what = instrument.base if is_spot(symbol) else symbol
        with localcontext(EXACT):
            cost = level.amount * level.price
            moved = (
                {what: level.amount, quote: -cost} if buys else {what: -level.amount, quote: cost}
            )
            in_base = buys and is_spot(symbol)
            fee = (level.amount if in_base else cost) * fee_rate
            fee_currency = instrument.base if in_base else quote
            moved[fee_currency] -= fee
            filled, spent = booked.filled + level.amount, booked.cost + cost
        self._db.execute(
            "INSERT INTO trades (order_id, symbol, side, amount, price, fee, fee_currency, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                booked.id,
                booked.order.symbol,
                booked.order.side,
                str(level.amount),
                str(level.price),
                str(fee),
                fee_currency,
                _text(at),
            ),
        )
        for asset, change in moved.items():
            self._move(asset, change)
        return self.mark(
            booked.evolve(filled=filled, cost=spent),
            OrderState.FILLED if filled == booked.order.amount else OrderState.WORKING,
            at,
        )

    def shrink(self, booked: Booked, amount: Decimal, at: datetime) -> Booked:
        """Write down that an order is for so much only."""
        self._db.execute(
            "UPDATE orders SET amount = ?, changed_at = ? WHERE id = ?",
            (str(amount), _text(at), booked.id),
        )
        shrunk = booked.evolve(order=booked.order.evolve(amount=amount), changed_at=at)
        self._changed.append(shrunk)
        return shrunk

    def mark(self, booked: Booked, state: OrderState, at: datetime) -> Booked:
        """Write down where the order stands now."""
        self._db.execute(
            "UPDATE orders SET state = ?, changed_at = ? WHERE id = ?",
            (state, _text(at), booked.id),
        )
        self._changed.append(booked)
        return booked.evolve(state=state, changed_at=at)

    def countdown(self) -> datetime | None:
        """When every order is to be canceled; None while nobody asked for that."""
        row = self._db.execute("SELECT ends_at FROM countdown").fetchone()
        return None if row is None else datetime.fromisoformat(row[0])

    def count_down(self, ends_at: datetime | None) -> None:
        """Every order is to be canceled then, or never."""
        self._db.execute("DELETE FROM countdown")
        if ends_at is not None:
            self._db.execute("INSERT INTO countdown VALUES (?)", (_text(ends_at),))

    def _move(self, asset: str, change: Decimal) -> None:
        row = self._db.execute("SELECT total FROM balances WHERE asset = ?", (asset,)).fetchone()
        with localcontext(EXACT):
            total = change + (ZERO if row is None else Decimal(row[0]))
        if total < 0 and self.kind is MarketKind.SPOT:
            raise Corrupt(f"paper books: the account would owe {-total} {asset}")
        self._db.execute("INSERT OR REPLACE INTO balances VALUES (?, ?)", (asset, str(total)))

    def find(self, key: OrderKey) -> Booked | None:
        """The newest order with this client id or venue id in this market."""
        found = self._orders(
            "WHERE symbol = ? AND (client_order_id = ? OR id = ?) ORDER BY id DESC LIMIT 1",
            (key.symbol, key.client_order_id, key.venue_order_id),
        )
        return found[0] if found else None

    def working(self) -> list[Booked]:
        """Every open order, oldest first."""
        return self._orders("WHERE state = 'working' ORDER BY id")

    def reducing(self) -> list[Booked]:
        """Those of them that may only reduce a position."""
        return self._orders("WHERE state = 'working' AND reduce_only ORDER BY id")

    def open_symbols(self) -> list[str]:
        """The markets with open orders."""
        rows = self._db.execute("SELECT DISTINCT symbol FROM orders WHERE state = 'working'")
        return [symbol for (symbol,) in rows.fetchall()]

    def all_orders(self) -> list[Booked]:
        """Every order ever taken, oldest first."""
        return self._orders("ORDER BY id")

    def _orders(self, which: str, values: Sequence[str | None] = ()) -> list[Booked]:
        rows = self._db.cursor()
        rows.row_factory = sqlite3.Row
        query = f"SELECT * FROM orders {which}"  # noqa: S608  # `which` is a clause of this file
        return [self._booked(row) for row in rows.execute(query, values).fetchall()]

    def _booked(self, row: sqlite3.Row) -> Booked:
        trades = self.trades(row["id"])
        with localcontext(EXACT):
            filled = sum((trade.amount for trade in trades), ZERO)
            cost = sum((trade.amount * trade.price for trade in trades), ZERO)
        return Booked(
            id=row["id"],
            order=_order(row),
            state=OrderState(row["state"]),
            filled=filled,
            cost=cost,
            created_at=datetime.fromisoformat(row["created_at"]),
            changed_at=datetime.fromisoformat(row["changed_at"]),
            stop=_number(row["stop"]),
            touched_at=_time(row["touched_at"]),
        )

    def trades(self, order: int) -> list[Trade]:
        """The trades of one order, oldest first."""
        rows = self._db.execute(
            "SELECT id, symbol, side, amount, price, fee, fee_currency, at FROM trades"
            " WHERE order_id = ? ORDER BY id",
            (order,),
        ).fetchall()
        return [
            Trade(
                trade_id=str(number),
                venue_order_id=str(order),
                symbol=symbol,
                side=Side(side),
                amount=Decimal(amount),
                price=Decimal(price),
                fee=Decimal(fee),
                fee_currency=fee_currency,
                at=datetime.fromisoformat(at),
            )
            for number, symbol, side, amount, price, fee, fee_currency, at in rows
        ]

    def traded(self, symbol: str, side: Side, start: datetime, end: datetime) -> Decimal:
        """Base amount that orders of this side traded from `start` until before `end`."""
        rows = self._db.execute(
            "SELECT amount FROM trades WHERE symbol = ? AND side = ? AND at >= ? AND at < ?",
            (symbol, side, _text(start), _text(end)),
        ).fetchall()
        return sum((Decimal(amount) for (amount,) in rows), ZERO)

    def last_price(self, symbol: str) -> Decimal | None:
        """At what the account traded there last; None if it never did."""
        row = self._db.execute(
            "SELECT price FROM trades WHERE symbol = ? ORDER BY id DESC LIMIT 1", (symbol,)
        ).fetchone()
        return None if row is None else Decimal(row[0])

    def held(self) -> dict[str, Decimal]:
        """What the account has: assets, negative when it owes them, and contracts by their symbol,
        negative when short."""
        rows = self._db.execute("SELECT asset, total FROM balances ORDER BY asset").fetchall()
        return {asset: Decimal(total) for asset, total in rows}

    def positions(self) -> dict[str, Decimal]:
        """The contracts of it, where there are any."""
        return {what: total for what, total in self.held().items() if total and not is_spot(what)}


def _order(row: sqlite3.Row) -> NewOrder:
    trail = _number(row["trail"])
    return NewOrder(
        client_order_id=row["client_order_id"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        type=OrderType(row["type"]),
        amount=Decimal(row["amount"]),
        price=_number(row["price"]),
        time_in_force=TimeInForce(row["time_in_force"]),
        stop_price=_number(row["stop_price"]),
        trail=None if trail is None else Trail(value=trail, is_share=bool(row["trail_is_share"])),
        good_till=_time(row["good_till"]),
        post_only=bool(row["post_only"]),
        reduce_only=bool(row["reduce_only"]),
    )


def _maybe(number: Decimal | None) -> str | None:
    return None if number is None else str(number)


def _number(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _text(at: datetime) -> str:
    """UTC to the microsecond at a fixed width, so that text order is time order."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
