"""What an exchange does with the orders in its books while the market moves: takes, triggers, fills, ends.

The paper venue hands it each order and each moment. It decides by the market's prices alone, never by
how often it was asked, and it must never be kinder than an exchange: an order at rest trades at its own
price, one that takes the market pays what the book asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from execution.errors import OutcomeUnknown, VenueRefused, VenueUnavailable
from execution.instruments import Instrument
from execution.kinds import lies_below, trailing_from
from execution.rounding import plain
from execution.types import ZERO, Level, OrderState, OrderType, Side, TimeInForce
from execution.venues.books import Booked, Books
from execution.venues.filters import broken_rule, rests
from execution.venues.market_data import TICK, MarketData, is_of_kind, tick_of
from execution.venues.paper_accounts import PaperAccount
from execution.venues.venue import NewOrder, Report


class Matching:
    """The orders of one account's books against one market."""

    def __init__(
        self, books: Books, account: PaperAccount, market: MarketData, since: datetime
    ) -> None:
        """The orders have met the market up to `since`."""
        self.books = books
        self.account = account
        self._market = market
        self._since = since

    def at_stake(self) -> set[str]:
        """The markets in which anything is open."""
        return {*self.books.open_symbols(), *self.account.positions()}

    def moved(self, at: datetime) -> set[tuple[str, Side]]:
        """The markets and sides whose books an open order would meet at the quotes of this instant, or
        what would liquidate a position."""
        meets = {
            (booked.order.symbol, booked.order.side)
            for booked in self.books.working()
            if booked.order.symbol in self._market.instruments()
            and _acts(booked, self._price(booked.order, at))
        }
        return meets | {(s, _closes(amount)) for s, amount in self.account.lost(at).items()}

    def advance(self, to: datetime) -> datetime:
        """Carry open orders on to this moment, and say which it is; time never goes back."""
        now = max(to, self._since)
        silent_until = self.books.countdown()
        if silent_until is not None and silent_until <= now:
            at = max(silent_until, self._since)
            self._walk(at)
            with self.books.transaction():
                for booked in self.books.working():
                    self.books.mark(booked, OrderState.CANCELED, at)
                self.books.count_down(None)
        self._walk(now)
        return now

    def take(self, order: NewOrder, now: datetime) -> Report:
        """Write the order and its first trades down in one transaction.

        Raises:
            VenueRefused: it breaks a rule of the market, the account cannot pay for it, or it may only
                reduce and there is nothing to reduce.
            OutcomeUnknown: its id is that of an open order.
            VenueUnavailable: nobody knows the book right now; nothing was taken.
        """
        books = self.books
        with books.transaction():
            if any(b.order.client_order_id == order.client_order_id for b in books.working()):
                raise OutcomeUnknown(f"{order.client_order_id} is the id of an open order")
            instrument = self.listed(order.symbol)
            if instrument is None:
                raise VenueRefused(f"there is no market {order.symbol}")
            reason = broken_rule(order, instrument)
            if reason is not None:
                raise VenueRefused(reason)
            stop = self._first_stop(order, instrument, now)
            reason = self._untimely(order, stop, now)
            if reason is not None:
                raise VenueRefused(reason)
            booked = books.take(order, now, stop=stop)
            self.account.demand_cover(booked, now)
            if not booked.waits:
                booked = self._arrive(self._fit(booked, now), instrument, now)
            return booked.report()

    def take_by_hand(self, symbol: str, side: Side, amount: Decimal, now: datetime) -> None:
        """A person's order at any price, given to the exchange itself.

        Raises:
            VenueUnavailable: nobody knows the book right now, or there is no such market.
        """
        instrument = self.listed(symbol)
        if instrument is None:
            raise VenueUnavailable(f"there is no market {symbol}")
        with self.books.transaction():
            self._send_to_market(instrument, side, amount, "web", now)

    def listed(self, symbol: str) -> Instrument | None:
        """The market as it is now; None where the account has none of that name."""
        found = self._market.instruments().get(symbol)
        return found if is_of_kind(symbol, self.books.kind) else None

    def offered(self, symbol: str, side: Side, at: datetime) -> list[Level]:
        """The book at this instant, less what was traded of it in the same tick.

        Raises:
            VenueUnavailable: nobody has looked at it then.
        """
        book = self._market.book(symbol, side, at)
        if book is None:
            raise VenueUnavailable(f"the book of {symbol} is not known at this moment")
        tick = tick_of(at)
        gone = self.books.traded(symbol, side, tick, tick + TICK)
        offered: list[Level] = []
        for level in book:
            left = max(ZERO, level.amount - gone)
            gone = max(ZERO, gone - level.amount)
            if left:
                offered.append(level.evolve(amount=left))
        return offered

    def _untimely(self, order: NewOrder, stop: Decimal | None, now: datetime) -> str | None:
        """Why the order cannot be taken at this moment, though it could at another."""
        if order.good_till is not None and order.good_till <= now:
            return f"good_till {order.good_till:%Y-%m-%d %H:%M:%S} is over"
        price = self._price(order, now)
        if order.post_only and _within(order, price):
            return "post-only: it would trade at once"
        if stop is not None and _touches(order, stop, price):
            where = "under" if lies_below(order.type, order.side) else "over"
            best = "bid" if order.side is Side.SELL else "ask"
            return (
                f"a {order.type} to {order.side} lies {where} the market: its stop price {plain(stop)}"
                f" would be touched at once, the best {best} is {plain(price)}"
            )
        return None

    def _walk(self, until: datetime) -> None:
        """Let open orders meet the market up to this moment."""
        if self.at_stake():
            with self.books.transaction():
                open_orders = self.books.working()
                for instant in self._market.instants(self._since, until):
                    open_orders.sort(key=_priority)
                    open_orders = [self._visit(booked, instant) for booked in open_orders]
                    if lost := self.account.lost(instant):
                        self._liquidate(lost, instant)
                        open_orders = self.books.working()
                for booked in self.books.reducing():
                    self._fit(booked, until)
        self._since = until

    def _liquidate(self, lost: Mapping[str, Decimal], instant: datetime) -> None:
        """The exchange cancels every order and closes these positions, as far as the book goes."""
        for booked in self.books.working():
            self.books.mark(booked, OrderState.CANCELED, instant)
        for symbol, amount in lost.items():
            instrument, side = self.listed(symbol), _closes(amount)
            if instrument is None or not instrument.active:
                continue
            if self._market.book(symbol, side, instant) is not None:
                self._send_to_market(instrument, side, abs(amount), "autoclose", instant)

    def _send_to_market(
        self, instrument: Instrument, side: Side, amount: Decimal, by: str, at: datetime
    ) -> None:
        """An order at any price that is none of ours; its id says whose it is, as at Binance."""
        order = NewOrder(
            client_order_id=f"{by}-{at:%Y%m%dT%H%M%S}",
            symbol=instrument.symbol,
            side=side,
            type=OrderType.MARKET,
            amount=amount,
            price=None,
            time_in_force=TimeInForce.IOC,
        )
        self._arrive(self.books.take(order, at), instrument, at)

    def _fit(self, booked: Booked, at: datetime) -> Booked:
        """What may only reduce is never larger than what is left to reduce; what waits for its stop price
        is looked at when that has come."""
        if not booked.order.reduce_only or booked.waits:
            return booked
        left = self.account.left_to_reduce(booked)
        if not left:
            return self.books.mark(booked, OrderState.EXPIRED, at)
        if left < booked.remaining:
            return self.books.shrink(booked, booked.filled + left, at)
        return booked

    def _visit(self, booked: Booked, instant: datetime) -> Booked:
        """An open order after this instant."""
        order = booked.order
        if booked.state is not OrderState.WORKING or booked.changed_at > instant:
            return booked
        if order.good_till is not None and order.good_till <= instant:
            ended_at = max(order.good_till, booked.changed_at)
            return self.books.mark(booked, OrderState.EXPIRED, ended_at)
        instrument = self._market.instruments().get(order.symbol)
        if instrument is None or not instrument.active:
            return booked
        price, slept = self._price(order, instant), booked.waits
        if slept:
            booked = self._watch(booked, instrument, price, instant)
        booked = self._fit(booked, instant)
        if booked.state is not OrderState.WORKING or booked.waits or not _acts(booked, price):
            return booked
        if self._market.book(order.symbol, order.side, instant) is None:
            return booked  # its turn comes once somebody has looked
        if slept or not rests(order):
            return self._arrive(booked, instrument, instant)
        return self._trade_at_rest(booked, instrument, instant)

    def _watch(
        self, booked: Booked, instrument: Instrument, price: Decimal, instant: datetime
    ) -> Booked:
        """An order that waits: the market touches its stop price, or takes a trailing one along."""
        assert booked.stop is not None, "it waits for one"
        if _touches(booked.order, booked.stop, price):
            return self.books.touch(booked, instant)
        if booked.order.trail is not None:
            stop = trailing_from(
                price, booked.order.trail, instrument.price_step, booked.order.side
            )
            if stop > booked.stop if booked.order.side is Side.SELL else stop < booked.stop:
                return self.books.move_stop(booked, stop, instant)
        return booked

    def _arrive(self, booked: Booked, instrument: Instrument, now: datetime) -> Booked:
        """An order that reaches the book: it takes what is there for it, the rest rests or expires."""
        order = booked.order
        there = self._meet(order, order.amount, now)
        met = self.account.affordable(booked, instrument, there, now)
        whole = sum((level.amount for level in met), ZERO) == order.amount
        if whole or order.time_in_force is not TimeInForce.FOK:
            fee_rate = self._market.fee_rate(order.symbol)
            for level in met:
                booked = self.books.fill(booked, instrument, level, fee_rate, now)
        if booked.state is OrderState.WORKING and not rests(order):
            booked = self.books.mark(booked, OrderState.EXPIRED, now)
        return booked

    def _trade_at_rest(self, booked: Booked, instrument: Instrument, instant: datetime) -> Booked:
        """The market has come to the price of an order at rest: it trades there, not at a better one."""
        met = self._meet(booked.order, booked.remaining, instant)
        amount = sum((level.amount for level in met), ZERO)
        if not amount:
            return booked
        assert booked.order.price is not None, "only what has a limit rests"
        level = Level(price=booked.order.price, amount=amount)
        fee_rate = self._market.fee_rate(booked.order.symbol)
        return self.books.fill(booked, instrument, level, fee_rate, instant)

    def _meet(self, order: NewOrder, amount: Decimal, instant: datetime) -> list[Level]:
        """What the book has left for so much of the order at this instant, best price first."""
        met: list[Level] = []
        for level in self.offered(order.symbol, order.side, instant):
            if not _within(order, level.price):
                break
            if part := min(level.amount, amount):
                met.append(level.evolve(amount=part))
                amount -= part
        return met

    def _first_stop(self, order: NewOrder, instrument: Instrument, now: datetime) -> Decimal | None:
        """Where an order's stop price stands when it is taken.

        Raises:
            VenueRefused: the distance that it is to keep is more than the price.
        """
        if order.trail is None:
            return order.stop_price
        price = self._price(order, now)
        stop = trailing_from(price, order.trail, instrument.price_step, order.side)
        if stop <= 0:
            raise VenueRefused(f"trail {plain(order.trail.value)} is more than the price")
        return stop

    def _price(self, order: NewOrder, instant: datetime) -> Decimal:
        """The best price that this side would meet."""
        return self._market.quote(order.symbol, instant).reference(order.side)


def _closes(position: Decimal) -> Side:
    """The side that closes so much, negative when short."""
    return Side.SELL if position > 0 else Side.BUY


def _within(order: NewOrder, price: Decimal) -> bool:
    """Whether the order may trade at this price."""
    if order.price is None:
        return True
    return price <= order.price if order.side is Side.BUY else price >= order.price


def _touches(order: NewOrder, stop: Decimal, price: Decimal) -> bool:
    """Whether the market has come to its stop price."""
    return price <= stop if lies_below(order.type, order.side) else price >= stop


def _acts(booked: Booked, price: Decimal) -> bool:
    """Whether the market at this price does something to an open order, other than take a stop along."""
    if booked.waits and booked.stop is not None:
        return _touches(booked.order, booked.stop, price)
    return not rests(booked.order) or _within(booked.order, price)


def _priority(booked: Booked) -> tuple[bool, Decimal, int]:
    """Sorts what rests first, the better price before the worse, then the older order."""
    price = booked.order.price
    if booked.waits or price is None:
        return True, ZERO, booked.id
    return False, (-price if booked.order.side is Side.BUY else price), booked.id
