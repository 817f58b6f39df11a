"""What holds of an account of contracts whatever is sent, by us or by hand, and wherever the market goes.

The account is reckoned a second way from its trades: one position, its average cost as an exact fraction,
results where it became smaller.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.errors import VenueRefused
from execution.types import OrderState, OrderType, Side, TimeInForce
from execution.venues.venue import Balance, NewOrder, OrderKey, Report, Trade
from tests.execution.venues.paper.setup import PERP, Desk, key_of

_OPENED_WITH = 100_000
_MAY_REFUSE = ("margin is insufficient", "reduce-only order is rejected", "touched at once")
_NOTHING = Balance(free=Decimal(0), locked=Decimal(0))
_AWAY = st.integers(-3_000, 3_000)
"""A price, away from 60 000."""


@dataclass(frozen=True, kw_only=True)
class _Send:
    side: Side
    kind: OrderType
    amount: int
    """In hundredths of a bitcoin."""
    away: int
    time_in_force: TimeInForce
    reduce_only: bool


_step = st.one_of(
    st.builds(
        _Send,
        side=st.sampled_from(Side),
        kind=st.sampled_from([OrderType.LIMIT, OrderType.STOP]),
        amount=st.integers(1, 200),
        away=_AWAY,
        time_in_force=st.sampled_from([TimeInForce.GTC, TimeInForce.IOC]),
        reduce_only=st.booleans(),
    ),
    st.tuples(st.just("price"), _AWAY, st.integers(1, 100)),
    st.tuples(st.just("by hand"), st.sampled_from(Side), st.integers(1, 100)),
    st.tuples(st.just("advance"), st.integers(0, 5)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
)


class _Reckoned:
    """What the trades came to."""

    def __init__(self, trades: Iterable[Trade]) -> None:
        self.position = self.entry = Fraction(0)
        self.wallet = Fraction(_OPENED_WITH)
        for trade in trades:
            self._take(trade)

    def _take(self, trade: Trade) -> None:
        amount, price = Fraction(trade.amount), Fraction(trade.price)
        signed = amount if trade.side is Side.BUY else -amount
        self.wallet -= Fraction(trade.fee)
        if self.position * signed < 0:
            closed = min(abs(signed), abs(self.position))
            gain = price - self.entry if self.position > 0 else self.entry - price
            self.wallet += closed * gain
        after = self.position + signed
        if self.position * after <= 0:
            self.entry = price
        elif abs(after) > abs(self.position):
            self.entry = (self.position * self.entry + signed * price) / after
        self.position = after


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(_step, max_size=25), leverage=st.sampled_from([1, 3]))
async def test_positions_and_money_are_what_the_trades_came_to_and_nothing_that_may_only_reduce_opens(
    steps: list[_Send | tuple[object, ...]], leverage: int
) -> None:
    desk = Desk(":memory:", PERP, leverage=Decimal(leverage))
    await desk.venue.open()
    for step in steps:
        match step:
            case _Send():
                await _send(desk, step)
            case ("price", int(away), int(depth)):
                bid = Decimal(60_000 + away)
                desk.market.set_price(PERP, bid, depth=Decimal(depth) / 100)
            case ("by hand", Side() as side, int(amount)):
                await desk.venue.trade_by_hand(PERP, side, Decimal(amount) / 100)
            case ("advance", int(seconds)):
                desk.clock.advance(seconds)
            case ("cancel", int(which)):
                working = await desk.venue.open_orders([PERP])
                if which < len(working):
                    await desk.venue.cancel(key_of(working[which]))
        await desk.venue.quote(PERP)
        await _adds_up(desk)
    await desk.venue.close()


async def _send(desk: Desk, step: _Send) -> None:
    limited = step.kind is OrderType.LIMIT
    order = desk.order(
        step.side,
        str(Decimal(step.amount) / 100),
        str(60_000 + step.away) if limited else None,
        type=step.kind,
        stop_price=None if limited else Decimal(60_000 + step.away),
        time_in_force=step.time_in_force,
        reduce_only=step.reduce_only,
    )
    position = await desk.position()
    try:
        await desk.venue.send(order)
    except VenueRefused as refusal:
        assert any(reason in str(refusal) for reason in _MAY_REFUSE), refusal  # noqa: PT017
    else:
        sign = 1 if order.side is Side.BUY else -1
        assert not order.reduce_only or position * sign < 0


async def _adds_up(desk: Desk) -> None:
    orders = [await _numbered(desk, number + 1) for number in range(len(desk.venue.accepted))]
    taken = zip(desk.venue.accepted, orders, strict=True)
    trades = [(trade, order) for order, report in taken for trade in await _trades(desk, report)]
    trades.sort(key=lambda one: int(one[0].trade_id))
    reckoned = _Reckoned(trade for trade, _ in trades)
    position = await desk.position()
    assert Fraction(position) == reckoned.position
    _only_reduced(trades)
    for order, report in zip(desk.venue.accepted, orders, strict=True):
        if order.reduce_only and report.state is OrderState.WORKING and report.stop_price is None:
            assert 0 < report.amount - report.filled <= abs(position)

    balances, quote = await desk.venue.balances(), await desk.venue.quote(PERP)
    money, base = balances["USDT"], balances.get("BTC", _NOTHING)
    assert base == Balance(free=Decimal(0), locked=position)
    total = Fraction(money.free) + Fraction(money.locked)
    assert total == reckoned.wallet - reckoned.position * reckoned.entry
    unrealized = reckoned.position * (Fraction(quote.mid) - reckoned.entry)
    worth = total + Fraction(position) * Fraction(quote.mid)
    assert worth == reckoned.wallet + unrealized
    assert Fraction(money.free) <= worth


def _only_reduced(trades: list[tuple[Trade, NewOrder]]) -> None:
    """A trade of a reduce-only order never adds and never goes through zero."""
    position = Decimal(0)
    for trade, order in trades:
        after = position + (trade.amount if trade.side is Side.BUY else -trade.amount)
        if order.reduce_only:
            assert abs(after) < abs(position)
            assert after * position >= 0
        position = after


async def _numbered(desk: Desk, number: int) -> Report:
    found = await desk.venue.find(_key(str(number)))
    assert found is not None
    return found


async def _trades(desk: Desk, report: Report) -> list[Trade]:
    return list(await desk.venue.trades(_key(report.venue_order_id)))


def _key(number: str) -> OrderKey:
    return OrderKey(client_order_id=None, symbol=PERP, venue_order_id=number)
