"""The exchange that outlives every crash: one account, its orders and trades, and what it shows of them.

What it accepted is the truth that the invariants compare with. What it shows may be late, and differs
from look-up to look-up, as far as its profile allows. All chance comes from the seed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.simulation.profiles import Profile

D = Decimal
ZERO = D(0)
FEE = D("0.001")
STEP = D("0.00001")
BOOK = {
    "BTC/USDT": D(60_000),
    "ETH/USDT": D(3_000),
    "BNB/USDT": D(600),
    "SOL/USDT": D(150),
    "LTC/USDT": D(80),
}
"""The markets, and their bid at the beginning; the ask is a hundredth of a per cent above."""
BY_HAND = "web-"
"""How the exchange's own page names orders, where it names them."""
LOOK_UPS = ("id", "open", "history", "trades")

Row = dict[str, Any]


class Refused(Exception):
    """The exchange's definite no: ccxt's class for it, its code and its words."""

    def __init__(self, raises: str, code: int, text: str) -> None:
        super().__init__(text)
        self.raises, self.code, self.text = raises, code, text


@dataclass(frozen=True)
class Look:
    """An order as it stood from one moment on."""

    at: datetime
    status: str
    filled: Decimal
    spent: Decimal


@dataclass
class Accepted:
    """One order the exchange took."""

    id: str
    client_id: str | None
    symbol: str
    side: str
    amount: Decimal
    price: Decimal
    at: datetime
    looks: list[Look]
    shows_at: dict[str, datetime]
    """From when each look-up knows it."""

    @property
    def now(self) -> Look:
        """As it stands."""
        return self.looks[-1]

    @property
    def by_hand(self) -> bool:
        """Whether somebody placed it on the exchange's own page."""
        return self.client_id is None or self.client_id.startswith(BY_HAND)

    @property
    def is_open(self) -> bool:
        return self.now.status == "open"

    @property
    def rest(self) -> Decimal:
        return self.amount - self.now.filled

    def seen(self, at: datetime) -> Look:
        """As somebody sees it whose news is of that moment."""
        return next((look for look in reversed(self.looks) if look.at <= at), self.looks[0])


@dataclass
class Trade:
    """One trade; ids count up per symbol, so two symbols share them."""

    id: str
    order: Accepted
    amount: Decimal
    price: Decimal
    at: datetime
    shows_at: datetime


@dataclass
class Exchange:
    """One account at one exchange."""

    profile: Profile
    random: Random
    clock: Callable[[], datetime]
    tell: Callable[[str], None]
    orders: list[Accepted] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)
    bids: dict[str, Decimal] = field(default_factory=lambda: dict(BOOK))
    free: dict[str, Decimal] = field(
        default_factory=lambda: {
            "USDT": D(1_000_000),
            **{symbol.partition("/")[0]: D(300_000) / bid for symbol, bid in BOOK.items()},
        }
    )
    locked: dict[str, Decimal] = field(default_factory=dict)
    shares: list[Decimal] = field(default_factory=list)
    """How much of an order the next matches fill, where a scenario says so; else it is chance."""
    whole: float = 0.7
    """How often a match fills all of an order."""
    depth: Decimal = field(default=D(1000))
    """What its book shows at the best prices, base asset; what is traded there is chance."""
    tardy: float = 0.3
    """How often something shows as late as it may."""
    on_change: Callable[[Accepted], None] = lambda order: None
    """Called when an order has traded or ended."""
    _last: datetime | None = None

    # What orders and prices do

    def place(self, asked: Row, sent_at: datetime) -> Row:
        """Take an order.

        Raises:
            Refused: it does not.
        """
        window, now = self.profile.quirks.receive_window, self._instant()
        if window is not None and now - sent_at > window:
            raise Refused("InvalidNonce", -1021, "Timestamp is outside of the recvWindow.")
        self._refuse_known_id(asked["clientOrderId"])
        side, symbol = asked["side"], asked["symbol"]
        price, amount = D(asked["price"]), D(asked["amount"])
        crosses = self._crosses(symbol, side, price)
        if asked["postOnly"] and crosses:
            text = "Order would immediately match and take."
            raise Refused("OrderImmediatelyFillable", -2010, text)
        asset, held = _held(symbol, side, amount, price)
        if self.free.get(asset, ZERO) < held:
            text = "Account has insufficient balance for requested action."
            raise Refused("InsufficientFunds", -2010, text)
        order = Accepted(
            id=str(1000 + len(self.orders)),
            client_id=asked["clientOrderId"],
            symbol=symbol,
            side=side,
            amount=amount,
            price=price,
            at=now,
            looks=[Look(at=now, status="open", filled=ZERO, spent=ZERO)],
            shows_at=self._appearing(now),
        )
        self.orders.append(order)
        self._hold(asset, held)
        self.tell(f"accepted {order.id} {side} {amount} {symbol} at {price}")
        kind = asked["timeInForce"]
        share = D(1) if kind == "FOK" else self._share()
        if crosses:
            self._fill(order, share)
        if order.is_open and kind in ("IOC", "FOK"):
            self._end(order, "expired")
        return _row(order, order.now)

    def cancel(self, order_id: str, client_id: str | None) -> Row:
        """Cancel the rest of an order, unless the market is faster.

        Raises:
            Refused: it is not open, or not known by this id.
        """
        order = self._named(order_id, client_id)
        if order is not None and order.is_open and self.random.random() < 0.15:
            self._fill(order, D(1))
        if order is None or not order.is_open:
            raise Refused("OrderNotFound", -2011, "Unknown order sent.")
        self._end(order, "canceled")
        return _row(order, order.now)

    def move(self, symbol: str, bid: Decimal) -> None:
        """Put the market somewhere else; what rests there now trades, all of it or a part."""
        self.bids[symbol] = bid
        for order in self.orders:
            if order.symbol == symbol and order.is_open and self._crosses_order(order):
                self._fill(order, self._share())

    def take_away(self, order: Accepted, status: str) -> None:
        """Somebody cancels it in the exchange's own page, or the exchange does."""
        self._end(order, status)

    # What it shows

    def order(self, order_id: str, client_id: str | None) -> Row:
        """One order, by the exchange's id or by ours.

        Raises:
            Refused: it knows none, or not yet, or not any more.
        """
        order, now = self._named(order_id, client_id), self.clock()
        if order is None or now < order.shows_at["id"]:
            raise Refused("OrderNotFound", -2013, "Order does not exist.")
        return _row(order, order.seen(self._stale()))

    def open_orders(self, symbol: str | None) -> list[Row]:
        """Every open order it shows."""
        stale = self._stale()
        seen = [(o, o.seen(stale)) for o in self._shown("open", symbol)]
        return [_row(order, look) for order, look in seen if look.status == "open"]

    def past_orders(self, symbol: str, statuses: Iterable[str]) -> list[Row]:
        """Orders in these states, oldest first."""
        stale, wanted = self._stale(), set(statuses)
        seen = [(o, o.seen(stale)) for o in self._shown("history", symbol)]
        return [_row(order, look) for order, look in seen if look.status in wanted]

    def my_trades(self, symbol: str) -> list[Row]:
        """The account's trades, oldest first; sometimes one stands there twice."""
        now = self.clock()
        rows = [
            _trade_row(trade)
            for trade in self.trades
            if trade.order.symbol == symbol and trade.shows_at <= now
        ]
        return rows + rows[-1:] if rows and self.random.random() < 0.1 else rows

    # Its inside

    def _refuse_known_id(self, client_id: str | None) -> None:
        refuses = self.profile.refuses_ids
        for order in self.orders:
            same = client_id is not None and order.client_id == client_id
            if same and (refuses == "ever" or (refuses == "open" and order.is_open)):
                raise Refused("InvalidOrder", -2010, "Duplicate order sent.")

    def _named(self, order_id: str, client_id: str | None) -> Accepted | None:
        if order_id:
            return next((o for o in self.orders if o.id == order_id), None)
        same = [o for o in self.orders if o.client_id == client_id]
        return next((o for o in reversed(same) if not self._forgotten(o)), None)

    def _forgotten(self, order: Accepted) -> bool:
        after = self.profile.forgets_ids_after
        return after is not None and not order.is_open and self.clock() - order.now.at >= after

    def _shown(self, look_up: str, symbol: str | None) -> list[Accepted]:
        now = self.clock()
        return [o for o in self.orders if symbol in (None, o.symbol) and o.shows_at[look_up] <= now]

    def _stale(self) -> datetime:
        return self.clock() - self._up_to(self.profile.stale_by)

    def _appearing(self, now: datetime) -> dict[str, datetime]:
        """From when each look-up shows an order taken now: all soon, or all late."""
        delay = self._up_to(self.profile.appears_within)
        return {name: now + delay * self.random.uniform(0.7, 1) for name in LOOK_UPS}

    def _up_to(self, longest: timedelta) -> timedelta:
        """At once, a little later, or as late as may be: rules break at their limits."""
        if self.random.random() < self.tardy:
            return longest
        return longest * self.random.choice([0.0, self.random.random()])

    def _share(self) -> Decimal:
        """All of it, or a part."""
        if self.shares:
            return self.shares.pop(0)
        return D(1) if self.random.random() < self.whole else D(self.random.randrange(1, 10)) / 10

    def _instant(self) -> datetime:
        """Now, to the millisecond; nothing here happens in the same one as anything else."""
        now = self.clock()
        now -= timedelta(microseconds=now.microsecond % 1000)
        if self._last is not None and now <= self._last:
            now = self._last + timedelta(milliseconds=1)
        self._last = now
        return now

    def _crosses(self, symbol: str, side: str, price: Decimal) -> bool:
        bid = self.bids[symbol]
        return price >= ask_at(bid) if side == "buy" else price <= bid

    def _crosses_order(self, order: Accepted) -> bool:
        return self._crosses(order.symbol, order.side, order.price)

    def _fill(self, order: Accepted, share: Decimal) -> None:
        amount = min(order.rest, max(STEP, (order.rest * share).quantize(STEP)))
        bid, at = self.bids[order.symbol], self._instant()
        best = ask_at(bid) if order.side == "buy" else bid
        price = min(best, order.price) if order.side == "buy" else max(best, order.price)
        base, quote = order.symbol.split("/")
        asset, held = _held(order.symbol, order.side, amount, order.price)
        got, gained = (base, amount) if order.side == "buy" else (quote, amount * price)
        self._hold(asset, -held)
        self.free[asset] -= amount * price if order.side == "buy" else amount
        self.free[got] = self.free.get(got, ZERO) + gained * (1 - FEE)
        before = order.now
        filled = before.filled + amount
        status = "closed" if filled == order.amount else "open"
        spent = before.spent + amount * price
        order.looks.append(Look(at=at, status=status, filled=filled, spent=spent))
        number = 1 + sum(1 for trade in self.trades if trade.order.symbol == order.symbol)
        shows_at = at + self._up_to(self.profile.trades_within)
        self.trades.append(Trade(str(number), order, amount, price, at, shows_at))
        self.tell(f"filled {order.id} by {amount} at {price}")
        self.on_change(order)

    def _end(self, order: Accepted, status: str) -> None:
        asset, held = _held(order.symbol, order.side, order.rest, order.price)
        self._hold(asset, -held)
        now = order.now
        order.looks.append(
            Look(at=self._instant(), status=status, filled=now.filled, spent=now.spent)
        )
        self.tell(f"{status} {order.id}")
        self.on_change(order)

    def _hold(self, asset: str, amount: Decimal) -> None:
        self.free[asset] = self.free.get(asset, ZERO) - amount
        self.locked[asset] = self.locked.get(asset, ZERO) + amount


def ask_at(bid: Decimal) -> Decimal:
    """The ask that belongs to a bid."""
    return (bid * D("1.0001")).quantize(D("0.01"))


def milliseconds(at: datetime) -> int:
    """As exchanges write a moment."""
    return int(at.timestamp() * 1000)


def _held(symbol: str, side: str, amount: Decimal, price: Decimal) -> tuple[str, Decimal]:
    """What so much of an order keeps locked."""
    base, quote = symbol.split("/")
    return (quote, amount * price) if side == "buy" else (base, amount)


def _row(order: Accepted, look: Look) -> Row:
    """An order in ccxt's words."""
    return {
        "id": order.id,
        "clientOrderId": order.client_id,
        "symbol": order.symbol,
        "side": order.side,
        "status": look.status,
        "amount": str(order.amount),
        "filled": str(look.filled),
        "price": str(order.price),
        "average": str(look.spent / look.filled) if look.filled else None,
        "timestamp": milliseconds(order.at),
        "lastUpdateTimestamp": milliseconds(look.at),
    }


def _trade_row(trade: Trade) -> Row:
    """A trade in ccxt's words; the fee is taken out of what was bought."""
    base, quote = trade.order.symbol.split("/")
    bought = trade.order.side == "buy"
    cost = (trade.amount if bought else trade.amount * trade.price) * FEE
    return {
        "id": trade.id,
        "order": trade.order.id,
        "symbol": trade.order.symbol,
        "side": trade.order.side,
        "amount": str(trade.amount),
        "price": str(trade.price),
        "fee": {"cost": str(cost), "currency": base if bought else quote},
        "timestamp": milliseconds(trade.at),
    }
