"""A market whose prices are set by hand: `MarketData` for tests and rehearsals on the paper venue.

What was set last holds for all time, past and future, so that a test may keep its clock still. It
must never move by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from execution.instruments import Instrument, Offers
from execution.types import Candle, Level, Quote, Side
from execution.venues.market_data import INTERVALS, MadeUp
from execution.venues.synthetic import INSTRUMENTS

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PRICES = {
    "BTC/USDT": Decimal(60_000),
    "ETH/USDT": Decimal(2_500),
    "SOL/USDT": Decimal(150),
    "EUR/USDT": Decimal("1.08"),
    "BTC/EUR": Decimal(55_500),
    "BTC/USDT:USDT": Decimal(60_000),
    "ETH/USDT:USDT": Decimal(2_500),
    "SOL/USDT:USDT": Decimal(150),
}
_PLENTY = Decimal(1_000_000)


class ScriptedMarket(MadeUp):
    """The synthetic exchange's markets at prices that hold until they are set anew."""

    def __init__(self) -> None:
        self._instruments = dict(INSTRUMENTS)
        self._books: dict[tuple[str, Side], Sequence[Level]] = {}
        for symbol, price in _PRICES.items():
            self.set_price(symbol, price)

    def set_price(self, symbol: str, bid: Decimal, *, depth: Decimal = _PLENTY) -> None:
        """Best bid at this price, best ask one price step above, this base amount at each.

        The amount is on offer once in each second of the clock, to all orders of a side together.
        """
        ask = bid + self._instruments[symbol].price_step
        self.set_book(
            symbol,
            bids=[Level(price=bid, amount=depth)],
            asks=[Level(price=ask, amount=depth)],
        )

    def set_book(self, symbol: str, *, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """The whole book, best price first on either side."""
        self._books[symbol, Side.SELL] = tuple(bids)
        self._books[symbol, Side.BUY] = tuple(asks)

    def set_offers(self, symbol: str, offers: Offers) -> None:
        """Which orders the market takes from now on."""
        self._instruments[symbol] = self._instruments[symbol].evolve(offers=offers)

    def set_steps(self, symbol: str, *, amount: Decimal, price: Decimal) -> None:
        """Amounts (base asset) and prices (quote currency) go in these steps from now on."""
        self._instruments[symbol] = self._instruments[symbol].evolve(
            amount_step=amount, price_step=price
        )

    def suspend(self, symbol: str) -> None:
        """Make the market inactive: orders are refused, those that rest are not filled."""
        self._instruments[symbol] = self._instruments[symbol].evolve(active=False)

    def instruments(self) -> Mapping[str, Instrument]:
        """The markets, with those suspended inactive."""
        return dict(self._instruments)

    def quote(self, symbol: str, at: datetime) -> Quote:
        """The best prices that were set."""
        bid, ask = (self._books[symbol, side][0].price for side in (Side.SELL, Side.BUY))
        return Quote(symbol=symbol, bid=bid, ask=ask, at=at)

    def book(self, symbol: str, side: Side, at: datetime) -> Sequence[Level]:
        """The levels that were set."""
        return self._books[symbol, side]

    async def candles(
        self, symbol: str, interval: str, count: int, at: datetime
    ) -> Sequence[Candle]:
        """Flat bars at the best bid, one amount step traded in each."""
        length = INTERVALS[interval]
        newest = at - (at - _EPOCH) % length
        price = self.quote(symbol, at).bid
        return [
            Candle(
                at=newest - back * length,
                open=price,
                high=price,
                low=price,
                close=price,
                volume=self._instruments[symbol].amount_step,
            )
            for back in reversed(range(count))
        ]
