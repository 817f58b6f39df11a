"""Perpetual contracts at the paper venue: long and short positions, their margin, what may only reduce."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from execution.errors import VenueRefused, VenueUnavailable
from execution.instruments import MarketKind
from execution.types import Level, OrderState, OrderType, Side, TimeInForce
from execution.venues.market_data import CONTRACT_FEE_RATE
from execution.venues.venue import Balance
from tests.clock import NOW
from tests.execution.venues.contract import VenueContract, VenueUnderTest
from tests.execution.venues.paper.setup import BTC, PERP, Desk, key_of

D = Decimal
_EVERYTHING = D(100_000)
_STOP: dict[str, Any] = {"type": OrderType.STOP}
_NOTHING_TO_REDUCE = "there is no position that it would reduce"


class TestAPaperVenueOfContractsKeepsTheContract(VenueContract):
    @pytest.fixture
    def under_test(self, swaps: Desk) -> VenueUnderTest:
        faults = swaps.venue.faults

        def switch(name: str, value: object) -> None:
            setattr(faults, name, value)

        return VenueUnderTest(
            venue=swaps.venue,
            symbol=PERP,
            amount=D("0.01"),
            far_price=D("55000.0"),
            near_price=D("60100.0"),
            accept_then_drop=lambda: switch("drop_next_answer", True),
            lose_next=lambda: switch("lose_next_request", True),
            refuse_next=lambda: switch("refuse_next", "not today"),
            disconnect=lambda: switch("unreachable", True),
            reconnect=lambda: switch("unreachable", False),
            fill=lambda order: swaps.market.set_price(order.symbol, order.price - 1),
            accepted=lambda: [order.client_order_id for order in swaps.venue.accepted],
        )


@contextlib.asynccontextmanager
async def levered(path: Path, leverage: int) -> AsyncIterator[Desk]:
    """A venue whose contracts are set to so much."""
    desk = Desk(path / "paper.db", PERP, leverage=D(leverage))
    await desk.venue.open()
    yield desk
    await desk.venue.close()


def at(desk: Desk, bid: str, *, depth: str = "1000000") -> None:
    """The market goes there, in a second of its own."""
    desk.clock.advance(1)
    desk.market.set_price(PERP, D(bid), depth=D(depth))


async def equity(desk: Desk) -> Decimal:
    """What the account is worth at the middle of the market, by what it tells of itself."""
    balances, quote = await desk.venue.balances(), await desk.venue.quote(PERP)
    marks = {"USDT": D(1), "BTC": quote.mid}
    return sum(((b.free + b.locked) * marks[asset] for asset, b in balances.items()), D(0))


class TestMarkets:
    async def test_a_venue_lists_and_trades_only_its_kind(self, desk: Desk, tmp_path: Path) -> None:
        swaps = Desk(tmp_path / "swaps.db", PERP)
        await swaps.venue.open()
        assert set(swaps.venue.instruments()) == {PERP, "ETH/USDT:USDT", "SOL/USDT:USDT"}
        assert BTC in desk.venue.instruments()
        assert PERP not in desk.venue.instruments()
        for venue, other in ((desk, PERP), (swaps, BTC)):
            with pytest.raises(VenueRefused, match=f"there is no market {other}"):
                await venue.buy("0.01", "60100", symbol=other)
            with pytest.raises(VenueUnavailable, match=f"no market {other}"):
                await venue.venue.quote(other)
            with pytest.raises(VenueUnavailable, match=f"no market {other}"):
                await venue.venue.trade_by_hand(other, Side.BUY, D("0.01"))
        await swaps.venue.close()

    async def test_its_steps_and_limits_are_those_of_binance(self, swaps: Desk) -> None:
        told = swaps.venue.instruments()
        assert {s: (i.amount_step, i.price_step, i.min_notional) for s, i in told.items()} == {
            PERP: (D("0.001"), D("0.1"), D(100)),
            "ETH/USDT:USDT": (D("0.001"), D("0.01"), D(20)),
            "SOL/USDT:USDT": (D("0.01"), D("0.01"), D(5)),
        }


class TestPositions:
    async def test_a_buy_opens_a_long_and_costs_a_fee_in_money(self, swaps: Desk) -> None:
        report = await swaps.buy("0.5", "60100")
        (trade,) = await swaps.venue.trades(key_of(report))
        assert (trade.price, trade.fee_currency) == (D("60000.1"), "USDT")
        assert trade.fee == D("0.5") * D("60000.1") * CONTRACT_FEE_RATE
        assert await swaps.position() == D("0.5")

    async def test_a_sale_opens_a_short(self, swaps: Desk) -> None:
        await swaps.sell("0.5", "59900")
        assert await swaps.position() == D("-0.5")
        assert (await swaps.venue.balances())["BTC"] == Balance(free=D(0), locked=D("-0.5"))

    @pytest.mark.parametrize(("opens", "move"), [(Side.BUY, 1_000), (Side.SELL, -1_000)])
    async def test_a_position_gains_as_the_market_moves_its_way(
        self, swaps: Desk, opens: Side, move: int
    ) -> None:
        sends = swaps.buy if opens is Side.BUY else swaps.sell
        await sends("0.5", "60100" if opens is Side.BUY else "59900")
        before = await equity(swaps)
        at(swaps, str(60_000 + move))
        assert await equity(swaps) - before == D("0.5") * abs(move)

    async def test_what_was_closed_is_money_and_the_rest_stays_open(self, swaps: Desk) -> None:
        await swaps.buy("0.5", "60100")
        at(swaps, "61000")
        await swaps.sell("0.2", "61000")
        assert await swaps.position() == D("0.3")
        await swaps.sell("0.3", "61000")
        assert await swaps.position() == 0
        fees = D("0.5") * (D("60000.1") + D(61_000)) * CONTRACT_FEE_RATE
        left = _EVERYTHING + D("0.5") * (D(61_000) - D("60000.1")) - fees
        assert await swaps.venue.balances() == {
            "USDT": Balance(free=left, locked=D(0)),
        }

    async def test_a_sale_that_is_not_reduce_only_goes_through_zero(self, swaps: Desk) -> None:
        await swaps.buy("0.5", "60100")
        await swaps.sell("0.8", "59900")
        assert await swaps.position() == D("-0.3")

    async def test_markets_have_positions_of_their_own(self, swaps: Desk) -> None:
        await swaps.buy("0.5", "60100")
        await swaps.sell("4", "2400", symbol="ETH/USDT:USDT")
        assert (await swaps.venue.contracts()).positions == {
            PERP: D("0.5"),
            "ETH/USDT:USDT": D(-4),
        }

    async def test_they_are_there_after_a_restart(self, swaps: Desk) -> None:
        await swaps.sell("0.5", "59900")
        before = await swaps.venue.balances()
        other = swaps.again()  # the first one is not closed: it was killed
        await other.open()
        assert (await other.contracts()).positions == {PERP: D("-0.5")}
        assert await other.balances() == before
        await other.close()


class TestMargin:
    @pytest.mark.parametrize(("side", "price"), [(Side.BUY, "59000"), (Side.SELL, "61000")])
    async def test_what_opens_more_than_the_margin_allows_is_refused(
        self, swaps: Desk, side: Side, price: str
    ) -> None:
        needs = 2 * int(price)
        with pytest.raises(
            VenueRefused,
            match=f"margin is insufficient: it needs {needs} USDT, 100000 is free",
        ):
            await swaps.venue.send(swaps.order(side, "2", price))
        assert swaps.venue.accepted == []

    async def test_a_sale_under_the_market_needs_what_the_market_pays(self, swaps: Desk) -> None:
        with pytest.raises(VenueRefused, match=r"it needs 102000\.085 USDT"):
            await swaps.sell("1.7", "55000")

    async def test_leverage_divides_what_is_needed(self, tmp_path: Path) -> None:
        async with levered(tmp_path, 3) as desk:
            await desk.buy("4", "59000")
            free = (await desk.venue.balances())["USDT"].free
            assert free == _EVERYTHING - D("78666.66666667"), "rounded up to a hundred-millionth"
            with pytest.raises(VenueRefused, match="margin is insufficient"):
                await desk.buy("2", "59000")

    async def test_positions_and_open_orders_share_it(self, swaps: Desk) -> None:
        await swaps.buy("1", "60100")
        await swaps.buy("0.5", "59000")
        with pytest.raises(VenueRefused, match="margin is insufficient"):
            await swaps.buy("0.5", "59000")
        with pytest.raises(VenueRefused, match="margin is insufficient"):
            await swaps.sell("40", "2600", symbol="ETH/USDT:USDT")

    async def test_of_buys_and_sales_only_the_side_worth_more_counts(self, swaps: Desk) -> None:
        await swaps.buy("1", "50000")
        await swaps.sell("1", "70000")
        assert (await swaps.venue.balances())["USDT"].free == D(30_000)

    @pytest.mark.parametrize("reduce_only", [True, False])
    async def test_what_reduces_is_taken_with_no_margin_left(
        self, swaps: Desk, reduce_only: bool
    ) -> None:
        await swaps.buy("1.66", "60000.1")
        at(swaps, "50000")
        assert (await swaps.venue.balances())["USDT"].free < D(1_000)
        sold = await swaps.sell("1.66", "49000", reduce_only=reduce_only)
        assert sold.state is OrderState.FILLED
        assert await swaps.position() == 0

    async def test_a_loss_takes_from_what_is_free(self, swaps: Desk) -> None:
        await swaps.sell("1", "59900")
        before = (await swaps.venue.balances())["USDT"].free
        at(swaps, "65000")
        # 5 000 were lost, and the position is worth 5 000 more that need cover.
        assert before - (await swaps.venue.balances())["USDT"].free == D(10_000)

    async def test_an_order_at_any_price_ends_when_the_margin_for_it_is_gone(
        self, swaps: Desk
    ) -> None:
        waits = await swaps.buy("1", None, stop_price=D(61_000), **_STOP)
        await swaps.venue.trade_by_hand("ETH/USDT:USDT", Side.BUY, D(15))
        at(swaps, "65000")
        ended = await swaps.look(waits)
        assert (ended.state, ended.filled) == (OrderState.EXPIRED, 0)


class TestReduceOnly:
    async def test_without_a_position_it_is_refused(self, swaps: Desk) -> None:
        for order in (
            swaps.order(Side.SELL, "0.1", "61000", reduce_only=True),
            swaps.order(Side.BUY, "0.1", "59000", reduce_only=True),
            swaps.order(Side.BUY, "0.1", None, reduce_only=True, stop_price=D(61_000), **_STOP),
        ):
            with pytest.raises(VenueRefused, match=_NOTHING_TO_REDUCE):
                await swaps.venue.send(order)
        assert swaps.venue.accepted == []

    @pytest.mark.parametrize("opens", Side)
    async def test_one_that_would_add_is_refused(self, swaps: Desk, opens: Side) -> None:
        price = "60100" if opens is Side.BUY else "59900"
        await swaps.venue.send(swaps.order(opens, "0.5", price))
        with pytest.raises(VenueRefused, match=_NOTHING_TO_REDUCE):
            await swaps.venue.send(swaps.order(opens, "0.1", price, reduce_only=True))

    @pytest.mark.parametrize("opens", Side)
    async def test_one_larger_than_the_position_only_closes_it(
        self, swaps: Desk, opens: Side
    ) -> None:
        prices = {Side.BUY: "60100", Side.SELL: "59900"}
        await swaps.venue.send(swaps.order(opens, "0.5", prices[opens]))
        closes = opens.opposite
        report = await swaps.venue.send(
            swaps.order(closes, "0.8", prices[closes], reduce_only=True)
        )
        assert (report.state, report.amount) == (OrderState.FILLED, D("0.5"))
        assert await swaps.position() == 0

    async def test_it_needs_no_margin_and_holds_none(self, swaps: Desk) -> None:
        await swaps.buy("1", "60100")
        before = (await swaps.venue.balances())["USDT"]
        await swaps.sell("1", "61000", reduce_only=True)
        assert (await swaps.venue.balances())["USDT"] == before

    async def test_at_rest_it_shrinks_with_the_position_and_ends_with_it(self, swaps: Desk) -> None:
        await swaps.buy("0.5", "60100")
        rests = await swaps.sell("0.5", "61000", reduce_only=True)
        async with aclosing(swaps.venue.order_news()) as news:
            assert await anext(news) == []
            await swaps.venue.trade_by_hand(PERP, Side.SELL, D("0.2"))
            shrunk = await swaps.look(rests)
            assert (shrunk.state, shrunk.amount) == (OrderState.WORKING, D("0.3"))
            assert key_of(rests).client_order_id in {k.client_order_id for k in await anext(news)}
            await swaps.venue.trade_by_hand(PERP, Side.SELL, D("0.3"))
            ended = await swaps.look(rests)
            assert (ended.state, ended.filled) == (OrderState.EXPIRED, 0)
            assert key_of(rests).client_order_id in {k.client_order_id for k in await anext(news)}

    async def test_one_that_another_left_nothing_to_reduce_is_shown_so_at_once(
        self, swaps: Desk
    ) -> None:
        await swaps.buy("0.5", "60100")
        rests = await swaps.sell("0.5", "61000", reduce_only=True)
        await swaps.sell("0.5", None, reduce_only=True, stop_price=D(59_000), **_STOP)
        at(swaps, "58900")
        assert await swaps.venue.open_orders([]) == []
        assert (await swaps.look(rests)).state is OrderState.EXPIRED

    async def test_two_of_them_never_close_more_than_there_is(self, swaps: Desk) -> None:
        await swaps.buy("0.5", "60100")
        first = await swaps.sell("0.5", "61000", reduce_only=True)
        second = await swaps.sell("0.4", "61100", reduce_only=True)
        at(swaps, "62000", depth="0.3")
        assert (await swaps.look(first)).filled == D("0.3")
        assert (await swaps.look(second)).amount == D("0.2")
        at(swaps, "62000")
        assert (await swaps.look(first)).state is OrderState.FILLED
        ended = await swaps.look(second)
        assert (ended.state, ended.filled) == (OrderState.EXPIRED, 0)
        assert await swaps.position() == 0

    async def test_a_stop_waits_on_and_sells_only_what_is_left(self, swaps: Desk) -> None:
        await swaps.buy("0.5", "60100")
        stop = await swaps.sell("0.5", None, reduce_only=True, stop_price=D(59_000), **_STOP)
        await swaps.venue.trade_by_hand(PERP, Side.SELL, D("0.2"))
        assert (await swaps.look(stop)).amount == D("0.5")
        at(swaps, "58900")
        sold = await swaps.look(stop)
        assert (sold.state, sold.filled) == (OrderState.FILLED, D("0.3"))
        assert await swaps.position() == 0

    async def test_a_stop_whose_position_is_gone_ends_when_it_is_touched(self, swaps: Desk) -> None:
        await swaps.buy("0.5", "60100")
        stop = await swaps.sell("0.5", None, reduce_only=True, stop_price=D(59_000), **_STOP)
        await swaps.venue.trade_by_hand(PERP, Side.SELL, D("0.5"))
        assert (await swaps.look(stop)).state is OrderState.WORKING
        at(swaps, "58900")
        ended = await swaps.look(stop)
        assert (ended.state, ended.filled) == (OrderState.EXPIRED, 0)
        assert await swaps.position() == 0

    async def test_it_may_be_worth_less_than_the_least_notional(self, swaps: Desk) -> None:
        await swaps.buy("0.005", "60100")
        with pytest.raises(VenueRefused, match=r"notional 59\.9 is under 100"):
            await swaps.sell("0.001", "59900")
        assert (await swaps.sell("0.001", "59900", reduce_only=True)).filled == D("0.001")

    async def test_all_or_nothing_counts_what_is_left(self, swaps: Desk) -> None:
        await swaps.buy("0.5", "60100")
        at(swaps, "60000", depth="0.6")
        sold = await swaps.sell("0.8", "59900", reduce_only=True, time_in_force=TimeInForce.FOK)
        assert (sold.state, sold.filled) == (OrderState.FILLED, D("0.5"))


class TestLiquidation:
    async def test_a_long_without_margin_is_closed_by_the_exchange(self, tmp_path: Path) -> None:
        async with levered(tmp_path, 10) as desk:
            await desk.buy("10", "60100")
            waits = await desk.buy("0.1", "40000")
            # 100 000 less the fee of 300 and 10 x 60 000.1; at 0.4 % of the notional it is over.
            at(desk, "50231.1")
            assert await desk.position() == D(10)
            at(desk, "50230.9")
            assert await desk.position() == 0
            assert (await desk.look(waits)).state is OrderState.CANCELED
            closing = desk.venue.accepted[-1]
            assert closing.client_order_id.startswith("autoclose-")
            assert (closing.side, closing.amount) == (Side.SELL, D(10))

    async def test_a_short_is_lost_when_the_market_doubles(self, swaps: Desk) -> None:
        await swaps.sell("1.6", "59900")
        at(swaps, "121900")
        assert await swaps.position() == D("-1.6")
        at(swaps, "122000")
        assert await swaps.position() == 0
        assert D(0) < await equity(swaps) < D(1_000)

    async def test_a_thin_book_takes_its_time(self, swaps: Desk) -> None:
        await swaps.sell("1.6", "59900")
        seen = []
        for _ in range(3):
            at(swaps, "130000", depth="0.6")
            seen.append(await swaps.position())
        assert seen == [D("-1.0"), D("-0.4"), D(0)]

    async def test_a_stop_that_was_touched_goes_first(self, swaps: Desk) -> None:
        await swaps.sell("1.6", "59900")
        stop = await swaps.buy("1.6", None, reduce_only=True, stop_price=D(70_000), **_STOP)
        at(swaps, "130000")
        assert (await swaps.look(stop)).state is OrderState.FILLED
        assert len(swaps.venue.accepted) == 2

    async def test_a_suspended_market_liquidates_nothing(self, swaps: Desk) -> None:
        await swaps.sell("1.6", "59900")
        swaps.market.suspend(PERP)
        at(swaps, "130000")
        assert await swaps.position() == D("-1.6")


class TestTelling:
    async def test_how_the_account_is_set(self, tmp_path: Path) -> None:
        async with levered(tmp_path, 3) as desk:
            told = await desk.venue.contracts()
            assert told.one_way
            assert set(told.leverage) == set(desk.venue.instruments())
            assert set(told.leverage.values()) == {D(3)}
            assert told.positions == {}

    async def test_what_the_faults_make_it_say(self, swaps: Desk) -> None:
        swaps.venue.faults.hedged = True
        swaps.venue.faults.leverage = D(20)
        told = await swaps.venue.contracts()
        assert not told.one_way
        assert told.leverage[PERP] == D(20)

    async def test_a_spot_venue_has_no_contracts(self, desk: Desk) -> None:
        assert desk.venue.kind is MarketKind.SPOT
        with pytest.raises(VenueUnavailable, match="main has no contracts"):
            await desk.venue.contracts()

    async def test_a_venue_that_is_not_reached_tells_nothing(self, swaps: Desk) -> None:
        swaps.venue.faults.unreachable = True
        for call in (swaps.venue.contracts, lambda: swaps.venue.funding(NOW)):
            with pytest.raises(VenueUnavailable, match="cannot be reached"):
                await call()

    async def test_no_funding_is_paid(self, swaps: Desk) -> None:
        await swaps.buy("0.5", "60100")
        swaps.clock.advance(86_400)
        assert await swaps.venue.funding(NOW) == ()

    async def test_somebody_elses_trade_is_in_the_account_and_no_order_of_ours(
        self, swaps: Desk
    ) -> None:
        swaps.market.set_book(
            PERP,
            bids=[Level(price=D(60_000), amount=D("0.2")), Level(price=D(59_990), amount=D(1))],
            asks=[Level(price=D(60_010), amount=D(1))],
        )
        await swaps.venue.trade_by_hand(PERP, Side.SELL, D("0.3"))
        assert await swaps.position() == D("-0.3")
        assert await swaps.venue.open_orders([]) == []
        (theirs,) = swaps.venue.accepted
        assert theirs.client_order_id == f"web-{NOW:%Y%m%dT%H%M%S}"
