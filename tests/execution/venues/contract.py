"""What every `Venue` must do, as tests: inherit `VenueContract` and give it `under_test`.

The paper venue and ccxt against the loopback exchange both pass it, so that what the executor was
tested with is what it meets. Nothing here may know which venue it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import count, pairwise

import pytest

from execution.errors import (
    NotSent,
    OrderUnknown,
    OutcomeUnknown,
    VenueRefused,
    VenueUnavailable,
)
from execution.symbols import assets
from execution.types import ZERO, OrderState, OrderType, Side, TimeInForce
from execution.venues.venue import Balance, NewOrder, OrderKey, Venue

NOTHING = Balance(free=ZERO, locked=ZERO)
_WHOLE_ACCOUNT = 1_000


@dataclass(kw_only=True)
class VenueUnderTest:
    """An open venue with an account that can pay for many orders, and what its double can do.

    The market stands still and its depth is plenty. The hooks only arrange; they send nothing.
    """

    venue: Venue
    symbol: str
    amount: Decimal
    """A size within every limit, base asset; a thousand times as much is more than is held."""
    far_price: Decimal
    """A buy here rests: within the venue's limits, away from the market."""
    near_price: Decimal
    """A buy here trades in full at once, at this price or better."""
    accept_then_drop: Callable[[], None]
    """The next order is accepted and its answer lost."""
    lose_next: Callable[[], None]
    """The next order is not accepted, and nothing is answered."""
    refuse_next: Callable[[], None]
    """The next order gets a definite no."""
    disconnect: Callable[[], None]
    """From now on no call is answered, and nothing is accepted."""
    reconnect: Callable[[], None]
    fill: Callable[[NewOrder], None]
    """This resting order is filled in full by the time of the next call."""
    accepted: Callable[[], Sequence[str]]
    """Client order ids of all orders that the exchange ever accepted; known to it, not to us."""


class VenueContract:
    """The checks. Each gets a fresh venue from the fixture `under_test` of the inheriting class."""

    async def test_instruments_are_told_with_steps_and_assets(
        self, under_test: VenueUnderTest
    ) -> None:
        instrument = under_test.venue.instruments()[under_test.symbol]
        assert instrument.symbol == under_test.symbol
        assert assets(instrument.symbol) == (instrument.base, instrument.quote)
        assert instrument.active
        assert instrument.amount_step > 0
        assert instrument.price_step > 0
        assert under_test.amount % instrument.amount_step == 0

    async def test_opening_again_changes_nothing(self, under_test: VenueUnderTest) -> None:
        order = await _send(under_test, price=under_test.far_price)
        await under_test.venue.open()
        assert under_test.symbol in under_test.venue.instruments()
        assert await under_test.venue.find(_key(order)) is not None

    async def test_a_client_order_id_keeps_all_sixteen_bytes(
        self, under_test: VenueUnderTest
    ) -> None:
        made_of = [bytes([255 * (bit == place) for bit in range(16)]) for place in range(17)]
        made_of += [bytes([1] * 16), bytes([255] * 16), bytes(range(16)), bytes(range(1, 17))]
        ids = [under_test.venue.client_order_id(unique) for unique in made_of]
        assert len(set(ids)) == len(made_of)
        assert ids == [under_test.venue.client_order_id(unique) for unique in made_of]

    async def test_a_quote_has_its_bid_under_its_ask(self, under_test: VenueUnderTest) -> None:
        quote = await under_test.venue.quote(under_test.symbol)
        assert quote.symbol == under_test.symbol
        assert under_test.far_price < quote.bid < quote.ask <= under_test.near_price

    @pytest.mark.parametrize(
        ("interval", "length"),
        [
            ("1m", timedelta(minutes=1)),
            ("5m", timedelta(minutes=5)),
            ("15m", timedelta(minutes=15)),
            ("1h", timedelta(hours=1)),
        ],
    )
    async def test_candles_come_in_order_without_gaps(
        self, under_test: VenueUnderTest, interval: str, length: timedelta
    ) -> None:
        candles = await under_test.venue.candles(under_test.symbol, interval, 5)
        assert len(candles) == 5
        assert [b.at - a.at for a, b in pairwise(candles)] == [length] * 4
        for candle in candles:
            assert candle.low <= min(candle.open, candle.close)
            assert candle.high >= max(candle.open, candle.close)
            assert candle.volume >= 0

    async def test_a_resting_order_is_working_and_found(self, under_test: VenueUnderTest) -> None:
        order = _order(under_test, price=under_test.far_price)
        report = await under_test.venue.send(order)
        assert report.state is OrderState.WORKING
        assert report.client_order_id == order.client_order_id
        assert (report.symbol, report.side) == (order.symbol, order.side)
        assert (report.amount, report.filled, report.price) == (order.amount, ZERO, order.price)

        found = await under_test.venue.find(_key(order, report.venue_order_id))
        assert found is not None
        assert (found.venue_order_id, found.state) == (report.venue_order_id, OrderState.WORKING)
        for symbols in ([under_test.symbol], []):
            listed = await under_test.venue.open_orders(symbols)
            assert [shown.client_order_id for shown in listed] == [order.client_order_id]
        assert await under_test.venue.trades(_key(order, report.venue_order_id)) in ([], ())

    async def test_a_resting_order_locks_what_it_would_spend(
        self, under_test: VenueUnderTest
    ) -> None:
        _, quote_asset = assets(under_test.symbol)
        before = (await under_test.venue.balances())[quote_asset]
        await _send(under_test, price=under_test.far_price)
        after = (await under_test.venue.balances())[quote_asset]
        spent = under_test.amount * under_test.far_price
        assert (before.free - after.free, after.locked - before.locked) == (spent, spent)

    async def test_an_order_through_the_market_is_filled_and_its_trades_add_up(
        self, under_test: VenueUnderTest
    ) -> None:
        order = _order(under_test, price=under_test.near_price)
        report = await under_test.venue.send(order)
        found = await under_test.venue.find(_key(order, report.venue_order_id))
        assert found is not None
        assert (found.state, found.filled) == (OrderState.FILLED, order.amount)
        assert found.average is not None
        assert 0 < found.average <= under_test.near_price

        trades = await under_test.venue.trades(_key(order, report.venue_order_id))
        assert sum(trade.amount for trade in trades) == order.amount
        assert len({trade.trade_id for trade in trades}) == len(trades)
        for trade in trades:
            assert (trade.symbol, trade.side) == (order.symbol, order.side)
            assert trade.venue_order_id == report.venue_order_id
            assert 0 < trade.price <= under_test.near_price
            assert trade.fee >= 0
        assert not await under_test.venue.open_orders([under_test.symbol])

    async def test_what_was_bought_is_held_less_the_fee(self, under_test: VenueUnderTest) -> None:
        base, _ = assets(under_test.symbol)
        before = (await under_test.venue.balances()).get(base, NOTHING)
        order = await _send(under_test, price=under_test.near_price)
        trades = await under_test.venue.trades(_key(order))
        fees = sum((t.fee for t in trades if t.fee_currency == base), Decimal(0))
        after = (await under_test.venue.balances())[base]
        held = after.free + after.locked - before.free - before.locked
        assert held == order.amount - fees

    @pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
    async def test_an_order_that_may_not_rest_ends_unfilled_away_from_the_market(
        self, under_test: VenueUnderTest, time_in_force: TimeInForce
    ) -> None:
        order = await _send(under_test, price=under_test.far_price, time_in_force=time_in_force)
        found = await under_test.venue.find(_key(order))
        assert found is not None
        assert found.state in {OrderState.EXPIRED, OrderState.CANCELED}
        assert found.filled == 0
        assert not await under_test.venue.open_orders([under_test.symbol])

    async def test_a_resting_order_fills_later(self, under_test: VenueUnderTest) -> None:
        order = await _send(under_test, price=under_test.far_price)
        under_test.fill(order)
        found = await under_test.venue.find(_key(order))
        assert found is not None
        assert (found.state, found.filled) == (OrderState.FILLED, order.amount)
        trades = await under_test.venue.trades(_key(order, found.venue_order_id))
        assert sum(trade.amount for trade in trades) == order.amount
        assert all(trade.price <= order.price for trade in trades)

    async def test_a_canceled_order_is_gone_and_canceling_again_says_so(
        self, under_test: VenueUnderTest
    ) -> None:
        order = await _send(under_test, price=under_test.far_price)
        await under_test.venue.cancel(_key(order))
        found = await under_test.venue.find(_key(order))
        assert found is not None
        assert (found.state, found.filled) == (OrderState.CANCELED, ZERO)
        assert not await under_test.venue.open_orders([under_test.symbol])
        with pytest.raises(OrderUnknown):
            await under_test.venue.cancel(_key(order))

    async def test_canceling_a_filled_order_says_it_is_gone(
        self, under_test: VenueUnderTest
    ) -> None:
        order = await _send(under_test, price=under_test.near_price)
        with pytest.raises(OrderUnknown):
            await under_test.venue.cancel(_key(order))

    async def test_an_order_that_never_was_is_not_found(self, under_test: VenueUnderTest) -> None:
        never = _key(_order(under_test, price=under_test.far_price))
        assert await under_test.venue.find(never) is None
        with pytest.raises(OrderUnknown):
            await under_test.venue.cancel(never)

    async def test_a_refusal_is_definite(self, under_test: VenueUnderTest) -> None:
        order = _order(under_test, price=under_test.far_price)
        under_test.refuse_next()
        with pytest.raises(VenueRefused) as refusal:
            await under_test.venue.send(order)
        assert str(refusal.value)
        assert list(under_test.accepted()) == []
        assert await under_test.venue.find(_key(order)) is None

    async def test_a_lost_answer_is_an_unknown_outcome_and_the_order_is_found(
        self, under_test: VenueUnderTest
    ) -> None:
        order = _order(under_test, price=under_test.far_price)
        under_test.accept_then_drop()
        with pytest.raises(OutcomeUnknown):
            await under_test.venue.send(order)
        assert list(under_test.accepted()) == [order.client_order_id]
        found = await under_test.venue.find(_key(order))
        assert found is not None
        assert found.client_order_id == order.client_order_id

    async def test_a_lost_request_is_no_refusal_and_leaves_nothing(
        self, under_test: VenueUnderTest
    ) -> None:
        order = _order(under_test, price=under_test.far_price)
        under_test.lose_next()
        with pytest.raises((NotSent, OutcomeUnknown)):
            await under_test.venue.send(order)
        assert list(under_test.accepted()) == []
        assert await under_test.venue.find(_key(order)) is None

    async def test_the_id_of_an_open_order_is_never_a_definite_no(
        self, under_test: VenueUnderTest
    ) -> None:
        """The order with this id lives: calling the second attempt refused would bury it."""
        order = await _send(under_test, price=under_test.far_price)
        with pytest.raises(OutcomeUnknown):
            await under_test.venue.send(order)
        assert list(under_test.accepted()) == [order.client_order_id]

    async def test_more_than_the_account_holds_is_refused(self, under_test: VenueUnderTest) -> None:
        order = _order(
            under_test, price=under_test.far_price, amount=under_test.amount * _WHOLE_ACCOUNT
        )
        with pytest.raises(VenueRefused):
            await under_test.venue.send(order)
        assert list(under_test.accepted()) == []

    async def test_less_than_the_smallest_notional_is_refused(
        self, under_test: VenueUnderTest
    ) -> None:
        step = under_test.venue.instruments()[under_test.symbol].amount_step
        with pytest.raises(VenueRefused):
            await _send(under_test, price=under_test.far_price, amount=step)
        assert list(under_test.accepted()) == []

    async def test_post_only_never_takes(self, under_test: VenueUnderTest) -> None:
        with pytest.raises(VenueRefused):
            await _send(under_test, price=under_test.near_price, post_only=True)
        assert list(under_test.accepted()) == []
        resting = await _send(under_test, price=under_test.far_price, post_only=True)
        found = await under_test.venue.find(_key(resting))
        assert found is not None
        assert found.state is OrderState.WORKING

    async def test_a_venue_that_does_not_answer_is_never_an_empty_one(
        self, under_test: VenueUnderTest
    ) -> None:
        venue, order = under_test.venue, await _send(under_test, price=under_test.far_price)
        under_test.disconnect()
        for call in (
            lambda: venue.quote(under_test.symbol),
            lambda: venue.candles(under_test.symbol, "1m", 2),
            venue.balances,
            lambda: venue.find(_key(order)),
            lambda: venue.open_orders([under_test.symbol]),
            lambda: venue.trades(_key(order)),
            lambda: venue.cancel(_key(order)),
        ):
            with pytest.raises(VenueUnavailable):
                await call()
        with pytest.raises((NotSent, OutcomeUnknown)):
            await _send(under_test, price=under_test.far_price)

        under_test.reconnect()
        assert list(under_test.accepted()) == [order.client_order_id]
        found = await venue.find(_key(order))
        assert found is not None
        assert found.state is OrderState.WORKING


_serial = count(1)


def _order(
    under_test: VenueUnderTest,
    *,
    price: Decimal,
    amount: Decimal | None = None,
    time_in_force: TimeInForce = TimeInForce.GTC,
    post_only: bool = False,
) -> NewOrder:
    """A limit buy with an id of its own."""
    unique = next(_serial).to_bytes(16, "big")
    return NewOrder(
        client_order_id=under_test.venue.client_order_id(unique),
        symbol=under_test.symbol,
        side=Side.BUY,
        type=OrderType.LIMIT,
        amount=amount or under_test.amount,
        price=price,
        time_in_force=time_in_force,
        post_only=post_only,
    )


async def _send(
    under_test: VenueUnderTest,
    *,
    price: Decimal,
    amount: Decimal | None = None,
    time_in_force: TimeInForce = TimeInForce.GTC,
    post_only: bool = False,
) -> NewOrder:
    """Send such an order, and give it back."""
    order = _order(
        under_test, price=price, amount=amount, time_in_force=time_in_force, post_only=post_only
    )
    await under_test.venue.send(order)
    return order


def _key(order: NewOrder, venue_order_id: str | None = None) -> OrderKey:
    return OrderKey(
        client_order_id=order.client_order_id, symbol=order.symbol, venue_order_id=venue_order_id
    )
