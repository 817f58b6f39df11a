"""What holds at the paper venue whatever is sent, canceled, waited for, and wherever the market goes.

Each order is followed by a second, simpler account of it: where its stop price ought to stand by the
prices that were seen since, and whether one of them touched it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from execution.errors import VenueRefused
from execution.types import ZERO, OrderState, OrderType, Side, TimeInForce, Trail
from execution.venues.venue import Balance, NewOrder, OrderKey, Report
from tests.execution.venues.paper.setup import BTC, Desk, key_of

_AWAY = st.integers(-300, 300)
"""A price, away from 60 000."""
_LIMITED = {OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
_TARGETS = {OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
_TRAILS = [
    Trail(value=Decimal(40), is_share=False),
    Trail(value=Decimal("0.001"), is_share=True),
]
_MAY_REFUSE = ("not enough", "touched at once", "trade at once")


@dataclass(frozen=True, kw_only=True)
class _Send:
    side: Side
    kind: OrderType
    amount: int
    """In hundredths of a bitcoin."""
    away: int
    stop_away: int
    trail: Trail
    time_in_force: TimeInForce
    seconds: int
    """Until an order with a date ends."""


_step = st.one_of(
    st.builds(
        _Send,
        side=st.sampled_from(Side),
        kind=st.sampled_from([kind for kind in OrderType if kind is not OrderType.MARKET]),
        amount=st.integers(1, 200),
        away=_AWAY,
        stop_away=_AWAY,
        trail=st.sampled_from(_TRAILS),
        time_in_force=st.sampled_from(TimeInForce),
        seconds=st.integers(1, 20),
    ),
    st.tuples(st.just("price"), _AWAY, st.integers(1, 50)),
    st.tuples(st.just("advance"), st.integers(0, 30)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
)


class _Followed:
    """An order, where its stop price ought to stand, and whether the market has touched it."""

    def __init__(self, order: NewOrder, bid: Decimal) -> None:
        self.order = order
        self.touched = order.type is OrderType.LIMIT
        self.stop = order.stop_price if order.trail is None else self._behind(self._met(bid))

    def see(self, bid: Decimal) -> None:
        """The market is here."""
        if self.touched:
            return
        price, sells = self._met(bid), self.order.side is Side.SELL
        assert self.stop is not None
        under = sells != (self.order.type in _TARGETS)
        self.touched = price <= self.stop if under else price >= self.stop
        if self.order.trail is not None and not self.touched:
            furthest = max if sells else min
            self.stop = furthest(self.stop, self._behind(price))

    def _met(self, bid: Decimal) -> Decimal:
        """The price that this order would meet."""
        return bid if self.order.side is Side.SELL else bid + Decimal("0.01")

    def _behind(self, price: Decimal) -> Decimal:
        trail, cent = self.order.trail, Decimal("0.01")
        assert trail is not None
        distance = trail.value * price if trail.is_share else trail.value
        sells = self.order.side is Side.SELL
        exact = price - distance if sells else price + distance
        down = exact // cent * cent
        return down + cent if sells and down != exact else down


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(_step, max_size=25))
async def test_nothing_trades_before_its_stop_was_touched_or_past_its_limit_and_the_books_balance(
    steps: list[_Send | tuple[object, ...]],
) -> None:
    desk, followed, bid = Desk(":memory:"), list[_Followed](), Decimal(60_000)
    await desk.venue.open()
    await desk.buy("0.8", "60100")
    for step in steps:
        match step:
            case _Send():
                order = _order(desk, step)
                if await _is_taken(desk, order):
                    followed.append(_Followed(order, bid))
            case ("price", int(away), int(depth)):
                bid = Decimal(60_000 + away)
                desk.market.set_price(BTC, bid, depth=Decimal(depth) / 100)
            case ("advance", int(seconds)):
                desk.clock.advance(seconds)
            case ("cancel", int(which)):
                working = await desk.venue.open_orders([BTC])
                if which < len(working):
                    await desk.venue.cancel(key_of(working[which]))
        for one in followed:
            report = await desk.venue.find(_key(one.order))
            assert report is not None
            if report.state is OrderState.WORKING or report.filled:
                one.see(bid)
            await _is_as_it_ought_to_be(desk, one, report)
        await _books_balance(desk)
    await desk.venue.close()


def _order(desk: Desk, step: _Send) -> NewOrder:
    trails, limited = step.kind is OrderType.TRAILING_STOP, step.kind in _LIMITED
    triggered = step.kind is not OrderType.LIMIT
    dated = step.time_in_force is TimeInForce.GTD
    return desk.order(
        step.side,
        str(Decimal(step.amount) / 100),
        str(60_000 + step.away) if limited else None,
        type=step.kind,
        stop_price=Decimal(60_000 + step.stop_away) if triggered and not trails else None,
        trail=step.trail if trails else None,
        time_in_force=step.time_in_force,
        good_till=desk.now + timedelta(seconds=step.seconds) if dated else None,
    )


async def _is_taken(desk: Desk, order: NewOrder) -> bool:
    try:
        await desk.venue.send(order)
    except VenueRefused as refusal:
        assert any(reason in str(refusal) for reason in _MAY_REFUSE), refusal  # noqa: PT017
        return False
    return True


async def _is_as_it_ought_to_be(desk: Desk, one: _Followed, report: Report) -> None:
    order = one.order
    assert report.stop_price == one.stop
    if not one.touched:
        assert report.filled == 0
    elif report.state is OrderState.WORKING:
        lasts = order.time_in_force in (TimeInForce.GTC, TimeInForce.GTD)
        assert order.price is not None, "what takes the market does not rest"
        assert lasts, "nor does what may not"
    if order.good_till is not None and order.good_till <= desk.now:
        assert report.state is not OrderState.WORKING
    sign = 1 if order.side is Side.BUY else -1
    for trade in await desk.venue.trades(_key(order)):
        assert order.price is None or sign * trade.price <= sign * order.price


async def _books_balance(desk: Desk) -> None:
    """Balances are never negative, trades make up fills, and nothing appears or vanishes."""
    expected = {"USDT": Decimal(100_000), "BTC": ZERO}
    locked = {"USDT": ZERO, "BTC": ZERO}
    for order in desk.venue.accepted:
        report = await desk.venue.find(_key(order))
        assert report is not None
        trades = await desk.venue.trades(_key(order))
        assert sum(trade.amount for trade in trades) == report.filled <= order.amount
        assert (report.state is OrderState.FILLED) == (report.filled == order.amount)
        if report.state is OrderState.WORKING:
            rest, price = order.amount - report.filled, order.price or report.stop_price
            assert price is not None
            buys = order.side is Side.BUY
            locked["USDT" if buys else "BTC"] += rest * price if buys else rest
        for trade in trades:
            sign = 1 if trade.side is Side.BUY else -1
            expected["BTC"] += sign * trade.amount
            expected["USDT"] -= sign * trade.amount * trade.price
            assert trade.fee_currency is not None
            expected[trade.fee_currency] -= trade.fee
    balances = await desk.venue.balances()
    for asset, total in expected.items():
        balance = balances.get(asset, Balance(free=ZERO, locked=ZERO))
        assert balance.free >= 0
        assert balance.locked == locked[asset]
        assert balance.free + balance.locked == total


def _key(order: NewOrder) -> OrderKey:
    return OrderKey(client_order_id=order.client_order_id, symbol=order.symbol)
