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
STOPS = ("STOP_LOSS", "STOP_LOSS_LIMIT")
TARGETS = ("TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
"""What it calls orders that wait until the market is at their stop price, or at a better one."""

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
    type: str
    amount: Decimal
    price: Decimal | None
    """Its limit; None: it takes the market once its stop price is touched, whatever that costs."""
    stop: Decimal | None
    """What the market must touch before it does anything."""
    at: datetime
    looks: list[Look]
    shows_at: dict[str, datetime]
    """From when each look-up knows it."""
    waits: bool
    """Whether its stop price was not touched yet."""

    @property
    def held_at(self) -> Decimal:
        """The price by which a buy holds quote currency."""
        price = self.stop if self.price is None else self.price
        assert price is not None, "it has a limit or a stop price"
        return price

    def touched(self, last: Decimal) -> bool:
        """Whether a trade at this price touches its stop price."""
        upwards = (self.side == "buy") == (self.type in STOPS)
        assert self.stop is not None, "asked of one that waits"
        return last >= self.stop if upwards else last <= self.stop

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
    on_news: Callable[[Accepted], None] = lambda order: None
    """Called then too, and when it was taken."""
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
        order = self._asked(asked, now)
        crosses = not order.waits and self._crosses(order)
        if order.waits and order.touched(self.bids[order.symbol]):
            text = "Stop price would trigger immediately."
            raise Refused("OrderImmediatelyFillable", -2010, text)
        if asked["postOnly"] and crosses:
            text = "Order would immediately match and take."
            raise Refused("OrderImmediatelyFillable", -2010, text)
        asset, held = _held(order, order.amount)
        if self.free.get(asset, ZERO) < held:
            text = "Account has insufficient balance for requested action."
            raise Refused("InsufficientFunds", -2010, text)
        self.orders.append(order)
        self._hold(asset, held)
        self.tell(f"accepted {_in_words(order)}")
        self.on_news(order)
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
        """Put the market somewhere else, by a trade at its bid: what waits for that price fires, and what
        rests there now trades, all of it or a part."""
        self.bids[symbol] = bid
        for order in [o for o in self.orders if o.symbol == symbol and o.is_open]:
            if order.waits and order.touched(bid):
                self._fire(order)
            elif not order.waits and self._crosses(order):
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

    def _asked(self, asked: Row, now: datetime) -> Accepted:
        """The order that is asked for, as it is when it is taken."""
        price, stop = asked["price"], asked["stopPrice"]
        return Accepted(
            id=str(1000 + len(self.orders)),
            client_id=asked["clientOrderId"],
            symbol=asked["symbol"],
            side=asked["side"],
            type=asked["type"],
            amount=D(asked["amount"]),
            price=None if price is None else D(price),
            stop=None if stop is None else D(stop),
            at=now,
            looks=[Look(at=now, status="open", filled=ZERO, spent=ZERO)],
            shows_at=self._appearing(now),
            waits=asked["type"] in STOPS + TARGETS,
        )

    def _fire(self, order: Accepted) -> None:
        """Its stop price was touched: from now on it is a limit order, or takes the market of this moment,
        where nothing of it rests."""
        order.waits = False
        self.tell(f"fired {order.id}")
        if self._crosses(order):
            self._fill(order, self._share())
        if order.price is None and order.is_open:
            self._end(order, "expired")

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

    def _crosses(self, order: Accepted) -> bool:
        bid = self.bids[order.symbol]
        if order.price is None:
            return True
        return order.price >= ask_at(bid) if order.side == "buy" else order.price <= bid

    def _fill(self, order: Accepted, share: Decimal) -> None:
        amount = min(order.rest, max(STEP, (order.rest * share).quantize(STEP)))
        bid, at = self.bids[order.symbol], self._instant()
        best, better = (ask_at(bid), min) if order.side == "buy" else (bid, max)
        price = best if order.price is None else better(best, order.price)
        base, quote = order.symbol.split("/")
        asset, held = _held(order, amount)
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
        self.on_news(order)

    def _end(self, order: Accepted, status: str) -> None:
        asset, held = _held(order, order.rest)
        self._hold(asset, -held)
        now = order.now
        order.looks.append(
            Look(at=self._instant(), status=status, filled=now.filled, spent=now.spent)
        )
        self.tell(f"{status} {order.id}")
        self.on_change(order)
        self.on_news(order)

    def _hold(self, asset: str, amount: Decimal) -> None:
        self.free[asset] = self.free.get(asset, ZERO) - amount
        self.locked[asset] = self.locked.get(asset, ZERO) + amount


def ask_at(bid: Decimal) -> Decimal:
    """The ask that belongs to a bid."""
    return (bid * D("1.0001")).quantize(D("0.01"))


def milliseconds(at: datetime) -> int:
    """As exchanges write a moment."""
    return int(at.timestamp() * 1000)


def _held(order: Accepted, amount: Decimal) -> tuple[str, Decimal]:
    """What so much of an order keeps locked."""
    base, quote = order.symbol.split("/")
    return (quote, amount * order.held_at) if order.side == "buy" else (base, amount)


def _in_words(order: Accepted) -> str:
    limit = "" if order.price is None else f" at {order.price}"
    stop = "" if order.stop is None else f" {order.type} from {order.stop}"
    return f"{order.id} {order.side} {order.amount} {order.symbol}{limit}{stop}"


def _row(order: Accepted, look: Look) -> Row:
    """An order in ccxt's words; of what takes the market it tells the average for a price."""
    average = str(look.spent / look.filled) if look.filled else None
    stop = None if order.stop is None else str(order.stop)
    return {
        "id": order.id,
        "clientOrderId": order.client_id,
        "symbol": order.symbol,
        "type": "market" if order.price is None else "limit",
        "side": order.side,
        "status": look.status,
        "amount": str(order.amount),
        "filled": str(look.filled),
        "price": average if order.price is None else str(order.price),
        "triggerPrice": stop,
        "takeProfitPrice": stop if order.type in TARGETS else None,
        "average": average,
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
