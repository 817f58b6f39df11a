"""Our books of contracts on the public prices of Binance's USD-M futures: the real ccxt, without a key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest

from execution.errors import VenueRefused, VenueUnavailable
from execution.instruments import MarketKind
from execution.types import Mode, OrderState, OrderType, Side, TimeInForce
from execution.venues.paper import PaperVenue
from execution.venues.public import PublicMarket
from execution.venues.venue import Balance, NewOrder, Report
from tests.clock import Clock
from tests.doubles.binance_usdm.server import BinanceUsdmServer
from tests.execution.venues.contract import VenueContract, VenueUnderTest
from tests.execution.venues.paper.setup import PERP, key_of

D = Decimal
_QUESTIONS = ("ping", "time", "exchangeInfo", "ticker/", "depth", "klines")
"""What the paths begin with that need no signature, after their version."""


class _Desk:
    """A paper account of contracts on the public prices, at a bid of 59 990 and an ask of 60 000."""

    def __init__(self, server: BinanceUsdmServer, folder: Path) -> None:
        self.server, self.folder, self.clock = server, folder, Clock()
        self.venue = self.again()
        self._sent = 0

    def again(self) -> PaperVenue:
        """The venue of another process on the same books."""
        quick = {"timeout_on_exit": 1}  # milliseconds
        settings = self.server.ccxt_overrides() | quick
        market = PublicMarket("binance", self.clock, kind=MarketKind.SWAP, overrides=settings)
        books = self.folder / "paper.db"
        return PaperVenue("main", books, self.clock, market=market, kind=MarketKind.SWAP)

    def prices(self, bid: str, ask: str) -> None:
        """Where the market is a second later."""
        self.server.account.set_book("BTCUSDT", bid=bid, ask=ask)
        self.clock.advance(1)

    def reach(self, reachable: bool) -> None:
        """Whether the exchange answers, from a second later on."""
        self.server.unreachable = not reachable
        self.clock.advance(1)

    async def send(self, side: Side, amount: str, price: str, **changes: object) -> Report:
        self._sent += 1
        order = NewOrder(
            client_order_id=self.venue.client_order_id(self._sent.to_bytes(16, "big")),
            symbol=PERP,
            side=side,
            type=OrderType.LIMIT,
            amount=D(amount),
            price=D(price),
            time_in_force=TimeInForce.GTC,
        )
        return await self.venue.send(order.evolve(**changes))


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[_Desk]:
    async with BinanceUsdmServer() as server:
        made = _Desk(server, tmp_path)
        await made.venue.open()
        yield made
        await made.venue.close()
        asked = [one.path.partition("/")[2] for one in server.requests]
        assert asked, "the real prices were asked for"
        assert [path for path in asked if not path.startswith(_QUESTIONS)] == []
        assert server.account.accepted == []


class TestItKeepsTheContract(VenueContract):
    @pytest.fixture
    def under_test(self, desk: _Desk) -> VenueUnderTest:
        faults = desk.venue.faults
        return VenueUnderTest(
            venue=desk.venue,
            symbol=PERP,
            amount=D("0.01"),
            far_price=D(50_000),
            near_price=D(60_000),
            accept_then_drop=lambda: setattr(faults, "drop_next_answer", True),
            lose_next=lambda: setattr(faults, "lose_next_request", True),
            refuse_next=lambda: setattr(faults, "refuse_next", "not today"),
            disconnect=lambda: desk.reach(False),
            reconnect=lambda: desk.reach(True),
            fill=lambda order: desk.prices("49980", "49990"),
            accepted=lambda: [order.client_order_id for order in desk.venue.accepted],
        )


async def test_it_lists_the_perpetual_contracts_that_settle_in_their_quote(desk: _Desk) -> None:
    venue, told = desk.venue, desk.venue.instruments()
    assert (venue.exchange, venue.mode, venue.kind) == ("binance", Mode.PAPER, MarketKind.SWAP)
    assert {PERP, "ETH/USDT:USDT", "BTC/USDC:USDC"} <= set(told)
    assert all(symbol.endswith(f":{one.quote}") for symbol, one in told.items()), "no dated ones"
    assert (told[PERP].amount_step, told[PERP].min_notional) == (D("0.001"), D(100))


async def test_a_short_is_opened_and_closed_at_the_public_prices(desk: _Desk) -> None:
    opened = await desk.send(Side.SELL, "0.5", "59990")
    (trade,) = await desk.venue.trades(key_of(opened))
    assert (trade.fee, trade.fee_currency) == (D("0.5") * 59_990 * D("0.0005"), "USDT")
    desk.prices("57990", "58000")
    closed = await desk.send(Side.BUY, "0.5", "58000", reduce_only=True)
    assert closed.state is OrderState.FILLED
    fees = D("0.5") * (59_990 + 58_000) * D("0.0005")
    left = 100_000 + D("0.5") * (59_990 - 58_000) - fees
    assert await desk.venue.balances() == {"USDT": Balance(free=left, locked=D(0))}


async def test_a_currency_that_the_account_has_not_pays_for_no_contract(desk: _Desk) -> None:
    with pytest.raises(VenueRefused, match="it needs 590 USDC, 0 is free"):
        await desk.send(Side.BUY, "0.01", "59000", symbol="BTC/USDC:USDC")


async def test_a_position_without_an_order_is_liquidated_too(desk: _Desk) -> None:
    await desk.send(Side.SELL, "1.6", "59990")
    desk.prices("122000", "122010")
    assert (await desk.venue.contracts()).positions == {}
    assert desk.venue.accepted[-1].client_order_id.startswith("autoclose-")


async def test_nothing_is_told_of_an_account_whose_prices_are_not_known(desk: _Desk) -> None:
    await desk.send(Side.SELL, "0.5", "59990")
    before = await desk.venue.contracts()
    desk.reach(False)
    for question in (desk.venue.contracts, desk.venue.balances):
        with pytest.raises(VenueUnavailable):
            await question()
    desk.reach(True)
    assert await desk.venue.contracts() == before


async def test_a_position_in_a_market_that_is_gone_counts_at_its_last_trade(desk: _Desk) -> None:
    await desk.send(Side.SELL, "0.5", "59990")
    before = (await desk.venue.balances())["USDT"].free
    await desk.venue.close()
    del desk.server.account.contracts["BTCUSDT"]
    desk.venue = desk.again()
    await desk.venue.open()
    assert PERP not in desk.venue.instruments()
    assert (await desk.venue.contracts()).positions == {PERP: D("-0.5")}
    # The middle of the market was 5 above: that much less is lost of each bitcoin, and needs cover.
    assert (await desk.venue.balances())["USDT"].free == before + D("0.5") * 5 * 2
