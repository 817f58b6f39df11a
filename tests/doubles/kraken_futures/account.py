"""The account behind the loopback Kraken Futures: collateral, positions, margin, matching, its log.

The rules are those of the multi-collateral ("flex") account at docs.kraken.com and of "Other order options"
at support.kraken.com. What they have alike with Binance's contracts is inherited.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from tests.doubles.binance_usdm.account import ContractAccount, ContractOrder
from tests.doubles.kraken_futures.contracts import FuturesContract, stamp, uid
from tests.doubles.trading import ZERO, Order

MAKER, TAKER, LIQUIDATION = Decimal("0.0002"), Decimal("0.0005"), Decimal("0.01")
"""The shares of a trade that are kept."""
_TEN = Decimal("0.0000000001")
_COLLAR = Decimal("0.1")
"""How far from the mark price an order may trade."""
ACCOUNT_UID = "f92fc7de-2fce-4265-b806-4f3c1efb37ee"


class Rejected(Exception):
    """An order that is not taken, though the request is answered with success: its `status`."""


@dataclass(slots=True)
class FuturesOrder(ContractOrder):
    """One accepted order."""

    uid: str = ""
    origin: str = "new_user_order"
    """What had it placed..."""
    reason: str = "new_user_order"
    """... and by what it changed last."""
    entering: bool = True
    """Whether it is still on its way into the book: what it trades then is told as one event."""
    reduced: Decimal = ZERO
    """What was cut off it as it came."""
    liquidates: bool = False


class FuturesAccount(ContractAccount):
    """One account at Kraken Futures."""

    def __init__(self, contracts: Iterable[FuturesContract], now: Callable[[], int]) -> None:
        super().__init__((), now)
        self.contracts = {one.symbol: replace(one) for one in contracts}
        self.leverage = {symbol: one.most_leverage for symbol, one in self.contracts.items()}
        self.preferences: dict[str, Decimal] = {}
        """The leverage of contracts that are set to isolated margin; all others are cross-margined."""
        self.accrued: dict[str, Decimal] = {}
        """Funding of positions that is not paid yet."""
        self.rates = {"USD": Decimal(1), "EUR": Decimal("1.1"), "USDT": Decimal("0.999")}
        """What one of an asset is worth in USD."""
        self.haircuts = {"EUR": Decimal("0.02"), "USDT": Decimal("0.05"), "XBT": Decimal("0.03")}
        """What share of that is not taken as collateral."""
        self.log: list[tuple[int, str, dict[str, Any]]] = []
        """Each booking with its time and its contract, as `account-log` tells it; oldest first."""
        self.cancels_at: int | None = None
        """When the dead man's switch cancels everything."""
        self.on_switch: list[Callable[[], None]] = []
        """Called when it does, for what is no order yet."""

    # What its owner, its neighbours and the exchange do to it

    def prefer(self, symbol: str, leverage: str | None) -> None:
        """Set a contract to isolated margin with this leverage, or to cross margin, as on the website."""
        self.preferences.pop(symbol, None)
        if leverage is not None:
            self.preferences[symbol] = Decimal(leverage)
        self.leverage[symbol] = self.preferences.get(symbol, self.contracts[symbol].most_leverage)

    def liquidate(self, symbol: str, price: str) -> FuturesOrder:
        """Let the exchange end the orders and the position of a contract at this price."""
        for open_one in self.open_orders(symbol):
            self.end(open_one, "liquidation")
        amount = self.position(symbol).amount
        order = self._new(
            "", symbol, "SELL" if amount > 0 else "BUY", abs(amount), "LIQUIDATION", "BOTH"
        )
        order.liquidates, order.origin = True, "liquidation"
        self._fill_at_once(order, Decimal(price))
        return order

    def accrue(self, symbol: str, rate: str) -> None:
        """Let funding come due that is paid later: at a positive rate longs pay."""
        due = self.position(symbol).amount * self.mark(symbol) * Decimal(rate)
        self.accrued[symbol] = self.accrued.get(symbol, ZERO) - due

    def fund(self, symbol: str, rate: str) -> None:
        """End an hour: pay what came due, this with it."""
        self.accrue(symbol, rate)
        paid = self._paid(symbol)
        told = {"fee": ZERO, "realized_funding": paid, "funding_rate": Decimal(rate)}
        self._book("funding rate change", symbol, paid, **told)

    def end(self, order: Order, reason: str) -> None:
        """Take an open order out of the book."""
        assert isinstance(order, FuturesOrder)
        order.reason = reason
        self._end(order, "CANCELED")

    def expire(self) -> None:
        """Let the dead man's switch act, once its time has come."""
        if self.cancels_at is not None and self.cancels_at <= self._now():
            self.cancels_at = None
            for order in self.open_orders():
                self.end(order, "dead_man_switch")
            for tell in self.on_switch:
                tell()

    # What it comes to

    def rate(self, asset: str) -> Decimal:
        """What one of an asset is worth in USD."""
        return self.rates.get(asset) or self.mark(f"PF_{asset}USD")

    def values(self) -> dict[str, tuple[Decimal, Decimal]]:
        """By asset what is held is worth in USD, and what of that is collateral."""
        found = {}
        for asset, amount in self.wallets.items():
            value = amount * self.rate(asset)
            found[asset] = value, value * (1 - self.haircuts.get(asset, ZERO))
        return found

    def results(self) -> tuple[Decimal, Decimal]:
        """What closing every position would realise, and the funding that is not paid yet."""
        return sum(map(self.unrealized, self.held()), ZERO), sum(self.accrued.values(), ZERO)

    def margin_balance(self, asset: str) -> Decimal:
        """The margin equity: all collateral, with what positions would realise. There is one pool of it."""
        return sum((counts for _, counts in self.values().values()), ZERO) + sum(self.results())

    # Taking orders, and trading

    def take(self, order: Order) -> list[dict[str, Any]]:
        assert isinstance(order, FuturesOrder)
        trades = super().take(order)
        self._entered(order)
        return trades

    def admit(self, order: Order) -> None:
        assert isinstance(order, FuturesOrder)
        if order.reduce_only:
            self._fit(order)
        else:
            self._afford(order)
        meets, mark = self._fillable(order), self.mark(order.symbol)
        if meets and order.price and order.signed * (order.price - mark) > mark * _COLLAR:
            raise Rejected("outsidePriceCollar")
        if order.type == "LIMIT_MAKER" and meets:
            raise Rejected("postWouldExecute")
        takes_all = order.time_in_force == "FOK" and meets < order.amount
        if takes_all or (order.time_in_force == "IOC" and not meets):
            raise Rejected("iocWouldNotExecute")

    def settle(self, order: Order, amount: Decimal, price: Decimal, maker: bool) -> dict[str, Any]:
        assert isinstance(order, FuturesOrder)
        position = self.position(order.symbol)
        before, entry = position.amount, position.entry
        order.realized = position.add(order.signed * amount, price) + ZERO  # never minus zero
        order.reason = "partial_fill" if order.rest else "full_fill"
        position.updated = order.updated
        fee = amount * price * (MAKER if maker else TAKER)
        extra = amount * price * LIQUIDATION if order.liquidates else None
        paid, execution = self._paid(order.symbol), uid("e7ec", len(self.trades))
        terms = {
            "execution": execution,
            "trade_price": float(price),
            "mark_price": float(self.mark(order.symbol)),
            "old_average_entry_price": float(entry),
            "new_average_entry_price": float(position.entry),
        }
        info = "futures liquidation" if order.liquidates else "futures trade"
        self._book(
            info,
            order.symbol,
            order.realized + paid - fee - (extra or ZERO),
            fee=fee,
            liquidation_fee=extra,
            realized_pnl=order.realized,
            realized_funding=paid or None,
            **terms,
        )
        sizes = {"old_balance": float(before), "new_balance": float(position.amount)}
        self._write(info, order.symbol.lower(), order.symbol, terms | sizes)
        return {
            "uid": execution,
            "order": order,
            "amount": amount,
            "price": price,
            "fee": fee + (extra or ZERO),
            "type": "liquidation" if order.liquidates else "maker" if maker else "taker",
            "left": order.rest,
            "filled": order.filled,
            "realized": order.realized,
            "position": position.amount,
            "mark": self.mark(order.symbol),
            "time": order.updated,
        }

    def _entered(self, order: FuturesOrder) -> None:
        order.entering = False
        self._changed(order, "ENTERED")

    def _afford(self, order: FuturesOrder) -> None:
        would_hold = abs(self.position(order.symbol).amount + order.signed * order.amount)
        if would_hold > Decimal(self.contracts[order.symbol].max_position):
            raise Rejected("maxPositionViolation")
        needed = self.initial_margin("USD", order)
        if self.initial_margin("USD") < needed > self.margin_balance("USD"):
            raise Rejected("insufficientAvailableFunds")

    def _fit(self, order: ContractOrder) -> None:
        """Cut a reduce-only order to what there is to reduce that no other is for."""
        assert isinstance(order, FuturesOrder)
        room = self.reducible(order)
        for other in self.open_orders(order.symbol):
            assert isinstance(other, FuturesOrder)
            if other.reduce_only and other.side == order.side:
                room -= other.rest
        if room <= ZERO:
            raise Rejected("wouldNotReducePosition")
        order.reduced = max(order.amount - room, ZERO)
        order.amount -= order.reduced

    def _trade(self, order: Order, amount: Decimal, price: Decimal, maker: bool) -> None:
        """Reduce-only orders that are for more than there is end, those furthest from the market first."""
        super(ContractAccount, self)._trade(order, amount, price, maker)
        held = self.position(order.symbol).amount
        resting = [one for one in self.open_orders(order.symbol) if _reduces(one)]
        for side, signed in (("SELL", 1), ("BUY", -1)):
            room = max(held * signed, ZERO)
            nearest = sorted(resting, key=lambda one: one.price * signed)
            for one in (one for one in nearest if one.side == side):
                room -= one.rest
                if room < ZERO:
                    self.end(one, "would_not_reduce_position")

    def _new(
        self, whose: str, symbol: str, side: str, amount: Decimal, type: str, position_side: str
    ) -> FuturesOrder:
        """An order that nobody sent over the API: it has no client id."""
        now, number = self._now(), len(self.accepted)
        return FuturesOrder(
            id=number,
            client_id="",
            symbol=symbol,
            side=side,
            type=type,
            time_in_force="IOC",
            price=ZERO,
            amount=amount,
            time=now,
            updated=now,
            uid=uid("0a0d", number),
        )

    def _fill_at_once(self, order: ContractOrder, price: Decimal) -> None:
        assert isinstance(order, FuturesOrder)
        super()._fill_at_once(order, price)
        self._entered(order)

    # Its log

    def _paid(self, symbol: str) -> Decimal:
        """The funding that was due is paid now."""
        return self.accrued.pop(symbol, ZERO).quantize(_TEN) + ZERO  # never minus zero

    def _book(self, info: str, symbol: str, change: Decimal, **more: object) -> None:
        """Change what is held in USD, and write it down."""
        before = self.wallets.get("USD", ZERO)
        self.wallets["USD"] = (before + change).quantize(_TEN)
        balances = {"old_balance": before, "new_balance": self.wallets["USD"]}
        self._write(info, "usd", symbol, balances | more)

    def _write(self, info: str, asset: str, symbol: str, more: dict[str, Any]) -> None:
        number, told = len(self.log) + 1, dict.fromkeys(_OF_A_BOOKING)
        told |= {
            "id": number,
            "date": stamp(self._now()),
            "asset": asset,
            "contract": symbol.lower(),
            "info": info,
            "booking_uid": uid("b00c", number),
            "margin_account": "flex",
        }
        numbers = (Decimal, int)
        told |= {k: float(v) if isinstance(v, numbers) else v for k, v in more.items()}
        self.log.append((self._now(), symbol, told))


def _reduces(order: Order) -> bool:
    return isinstance(order, FuturesOrder) and order.reduce_only


_OF_A_BOOKING = (
    "collateral",
    "execution",
    "fee",
    "funding_rate",
    "mark_price",
    "new_average_entry_price",
    "old_average_entry_price",
    "realized_funding",
    "realized_pnl",
    "trade_price",
    "conversion_spread_percentage",
    "liquidation_fee",
    "position_uid",
)
"""What a booking tells, or tells as null."""
