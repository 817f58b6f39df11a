"""What a paper account may do with what it has: assets on spot, a margin where it trades contracts.

Matching asks before it takes an order, and again as one without a limit meets the book. Contracts are as
Binance's USD-M ones in one-way mode with one cross margin for each currency. It must never be kinder than
that, and it only reads the books.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Protocol

from execution.errors import VenueRefused
from execution.instruments import Instrument
from execution.record import Record
from execution.rounding import CONTEXT, amount_down, plain, to_step
from execution.symbols import assets, is_spot
from execution.types import ZERO, Level, Side
from execution.venues.books import EXACT, Booked, Books
from execution.venues.market_data import MarketData
from execution.venues.venue import Balance

MAINTENANCE = Decimal("0.004")
"""The margin below which positions are liquidated, as a share of their notional: Binance's first tier for
BTC/USDT:USDT. Larger positions need more there."""
_FINEST = Decimal("1E-8")
"""The step that Binance reckons money in."""


class PaperAccount(Protocol):
    """What matching asks of an account of either kind. An order it asks about is in the books already."""

    def balances(self, at: datetime) -> dict[str, Balance]:
        """What it has, as a `Venue` tells it."""

    def demand_cover(self, booked: Booked, at: datetime) -> None:
        """Refuse an order that the account cannot pay for, or that has nothing to reduce.

        Raises:
            VenueRefused: it cannot, or has not.
        """

    def affordable(
        self, booked: Booked, instrument: Instrument, met: Sequence[Level], at: datetime
    ) -> Sequence[Level]:
        """As much of what an order meets as the account can pay: one without a limit may cost more than
        it held."""

    def left_to_reduce(self, booked: Booked) -> Decimal:
        """The most that a reduce-only order may still trade."""

    def positions(self) -> Mapping[str, Decimal]:
        """Contracts held, by symbol, negative when short."""

    def lost(self, at: datetime) -> Mapping[str, Decimal]:
        """Those of them that the account's margin no longer keeps."""


class SpotAccount:
    """Assets, and what orders hold of them: an order holds what it would give until it ends."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def balances(self, at: datetime) -> dict[str, Balance]:
        """Every asset: what is free, and what open orders hold of it."""
        locked: dict[str, Decimal] = {}
        with localcontext(EXACT):
            for booked in self._books.working():
                asset = _given(booked)
                locked[asset] = locked.get(asset, ZERO) + _spot_hold(booked)
            return {
                asset: Balance(free=total - locked.get(asset, ZERO), locked=locked.get(asset, ZERO))
                for asset, total in self._books.held().items()
            }

    def demand_cover(self, booked: Booked, at: datetime) -> None:
        """What it holds must be there."""
        asset, needs = _given(booked), _spot_hold(booked)
        balance = self.balances(at).get(asset)
        free = ZERO if balance is None else balance.free + needs
        if free < needs:
            raise VenueRefused(
                f"not enough {asset}: it needs {plain(needs)}, {plain(free)} is free"
            )

    def affordable(
        self, booked: Booked, instrument: Instrument, met: Sequence[Level], at: datetime
    ) -> Sequence[Level]:
        """A buy at any price takes as much as it can pay."""
        if booked.order.price is not None or booked.order.side is Side.SELL:
            return met
        left = self.balances(at)[_given(booked)].free + _spot_hold(booked)
        affordable = []
        with localcontext(CONTEXT, rounding=ROUND_FLOOR):
            for level in met:
                most = amount_down(left / level.price, instrument.amount_step)
                if part := min(level.amount, most):
                    affordable.append(level.evolve(amount=part))
                    left -= part * level.price
        return affordable

    def left_to_reduce(self, booked: Booked) -> Decimal:
        """All of it: it holds what it sells."""
        return booked.remaining

    def positions(self) -> Mapping[str, Decimal]:
        """There are no contracts."""
        return {}

    def lost(self, at: datetime) -> Mapping[str, Decimal]:
        """Nothing: nothing is borrowed."""
        return {}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Margin(Record):
    """A currency of the account at one moment's prices."""

    balance: Decimal
    """Its money with the results of its positions so far."""
    bound: Decimal
    """What positions and open orders need of it."""
    maintenance: Decimal
    """The balance at which the positions are liquidated."""

    @property
    def free(self) -> Decimal:
        """What new orders may use."""
        with localcontext(EXACT):
            return self.balance - self.bound


class SwapAccount:
    """Money, and one signed position in each market, marked at the middle of the market."""

    def __init__(self, books: Books, market: MarketData, leverage: Decimal) -> None:
        """Every market is set to this leverage."""
        self._books = books
        self._market = market
        self._leverage = leverage

    def balances(self, at: datetime) -> dict[str, Balance]:
        """As if each contract had been bought: free money is the margin that is left."""
        held, working = self._books.held(), self._books.working()
        found: dict[str, Balance] = {}
        with localcontext(EXACT):
            for money in (what for what in held if is_spot(what)):
                free = self._margin(money, working, at).free
                found[money] = Balance(free=free, locked=held[money] - free)
            for symbol, amount in self.positions().items():
                base, _ = assets(symbol)
                had = found.get(base, Balance(free=ZERO, locked=ZERO))
                found[base] = had.evolve(locked=had.locked + amount)
        return found

    def demand_cover(self, booked: Booked, at: datetime) -> None:
        """A reduce-only order needs a position to reduce, any other the margin for what it opens."""
        if not booked.order.reduce_only:
            lacks = self._lacks(booked, at)
        elif self.left_to_reduce(booked):
            lacks = None
        else:
            lacks = "reduce-only order is rejected: there is no position that it would reduce"
        if lacks is not None:
            raise VenueRefused(lacks)

    def affordable(
        self, booked: Booked, instrument: Instrument, met: Sequence[Level], at: datetime
    ) -> Sequence[Level]:
        """All of it or nothing: an order at any price needs the margin for the worst price it meets."""
        order = booked.order
        if order.price is not None or order.reduce_only or not met:
            return met
        priced = booked.evolve(order=order.evolve(price=met[-1].price))
        return () if self._lacks(priced, at) else met

    def left_to_reduce(self, booked: Booked) -> Decimal:
        """The position, if it lies on the other side."""
        position = self.positions().get(booked.order.symbol, ZERO)
        return max(ZERO, position if booked.order.side is Side.SELL else -position)

    def positions(self) -> Mapping[str, Decimal]:
        """As the books have them."""
        return self._books.positions()

    def lost(self, at: datetime) -> Mapping[str, Decimal]:
        """The positions of each currency whose margin balance has come down to the maintenance."""
        positions = self.positions()
        margins = {
            money: self._margin(money, (), at) for money in {assets(s)[1] for s in positions}
        }
        return {
            symbol: amount
            for symbol, amount in positions.items()
            if (margin := margins[assets(symbol)[1]]).balance <= margin.maintenance
        }

    def _lacks(self, booked: Booked, at: datetime) -> str | None:
        """What margin is missing for an order, in words; what needs no more of it is always taken."""
        money = assets(booked.order.symbol)[1]
        others = [other for other in self._books.working() if other.id != booked.id]
        before, after = (self._margin(money, o, at) for o in (others, [*others, booked]))
        with localcontext(EXACT):
            needs = after.bound - before.bound
        if needs <= 0 or after.free >= 0:
            return None
        return (
            f"margin is insufficient: it needs {plain(needs)} {money}, {plain(before.free)} is free"
        )

    def _margin(self, money: str, orders: Iterable[Booked], at: datetime) -> _Margin:
        """This currency as it would be with these open orders."""
        open_orders: dict[str, list[Booked]] = {}
        for booked in orders:
            if not booked.order.reduce_only:
                open_orders.setdefault(booked.order.symbol, []).append(booked)
        positions = self.positions()
        with localcontext(EXACT):
            balance, bound, maintenance = self._books.held().get(money, ZERO), ZERO, ZERO
            for symbol in {*positions, *open_orders}:
                if assets(symbol)[1] == money:
                    mark = self._mark(symbol, at)
                    worth = positions.get(symbol, ZERO) * mark
                    balance += worth
                    bound += self._bound(worth, open_orders.get(symbol, []), mark)
                    maintenance += abs(worth) * MAINTENANCE
        return _Margin(balance=balance, bound=bound, maintenance=maintenance)

    def _bound(self, worth: Decimal, orders: Sequence[Booked], mark: Decimal) -> Decimal:
        """What a market needs: for its position with all open buys done, or with all open sells, whichever
        is worth more."""
        buys = sells = ZERO
        for booked in orders:
            price = _limit(booked)
            if booked.order.side is Side.BUY:
                buys += booked.remaining * price
            else:
                sells += booked.remaining * max(price, mark)
        most = max(abs(worth), abs(worth + buys), abs(worth - sells))
        return to_step(most, _FINEST * self._leverage, ROUND_CEILING) / self._leverage

    def _mark(self, symbol: str, at: datetime) -> Decimal:
        """The middle of the market; of one that is gone, at what the account traded there last."""
        if symbol in self._market.instruments():
            return self._market.quote(symbol, at).mid
        return self._books.last_price(symbol) or ZERO


def _given(booked: Booked) -> str:
    """The asset a spot order pays with."""
    base, quote = assets(booked.order.symbol)
    return quote if booked.order.side is Side.BUY else base


def _spot_hold(booked: Booked) -> Decimal:
    """What a spot order holds of that."""
    return booked.remaining * (_limit(booked) if booked.order.side is Side.BUY else 1)


def _limit(booked: Booked) -> Decimal:
    """The price an order is reckoned at: its limit, where it has none its stop."""
    price = booked.stop if booked.order.price is None else booked.order.price
    assert price is not None, "an order has a limit or a stop"
    return price
