"""What the paper venue trades against: markets, a book for each, bars.

The paper venue asks; `synthetic.py` invents an answer, `scripted.py` is told one by a test, `public.py`
has it from a real exchange. A market that is made up must answer the same question the same way,
whenever and however often.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from execution.instruments import Instrument, MarketKind
from execution.symbols import is_spot
from execution.types import Candle, Level, Quote, Side

TICK = timedelta(seconds=1)
"""Prices hold still within one tick, and a level's amount is on offer once in each."""
FEE_RATE = Decimal("0.001")
"""Binance's standard spot fee."""
CONTRACT_FEE_RATE = Decimal("0.0005")
"""What Binance's standard list has a taker pay for USD-M contracts."""
_MOST_STEPS = 600
"""Ticks looked at in one walk; a longer absence is walked in longer steps, so a brief touch of an
open order's price may be missed."""

INTERVALS = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
}


class MarketData(Protocol):
    """Markets and their prices. Symbols are those of `instruments`; any other is a `KeyError`.

    What is asked of an exchange raises `VenueUnavailable` when that does not answer.
    """

    @property
    def exchange(self) -> str:
        """Whose prices these are: a ccxt id, or `paper`."""

    async def open(self) -> None:
        """Get the markets. May be called again after failing."""

    async def refresh(self) -> None:
        """Get them anew when that is due."""

    async def close(self) -> None:
        """Let go of connections."""

    def instruments(self) -> Mapping[str, Instrument]:
        """Every market by unified symbol, as they were told last."""

    def fee_rate(self, symbol: str) -> Decimal:
        """The share of each trade that is paid for it, by maker and taker alike."""

    async def see(self, symbols: Collection[str]) -> None:
        """Look at these markets now, so that `quote` can tell of them."""

    async def see_books(self, sides: Collection[tuple[str, Side]]) -> None:
        """Look at what orders of these markets and sides meet now, so that `book` can tell of it."""

    def quote(self, symbol: str, at: datetime) -> Quote:
        """Best bid and ask at that instant."""

    def book(self, symbol: str, side: Side, at: datetime) -> Sequence[Level] | None:
        """What an order of this side meets, best price first: asks for a buy, bids for a sell.

        Each level is on offer once in one tick. None: nobody has looked at it then.
        """

    def instants(self, since: datetime, now: datetime) -> Iterable[datetime]:
        """The instants after `since` until `now` at which open orders meet the market."""

    async def candles(
        self, symbol: str, interval: str, count: int, at: datetime
    ) -> Sequence[Candle]:
        """The newest `count` bars up to that instant, oldest first; the last may be unfinished.

        `interval` is one of `INTERVALS` (any other is a `KeyError`), `count` at least one.
        """


class MadeUp:
    """What markets that are made up share: nobody is asked, and every instant can be looked at."""

    exchange = "paper"

    async def open(self) -> None:
        """They are always there."""

    async def refresh(self) -> None:
        """They are what they are."""

    async def close(self) -> None:
        """There is nothing to let go of."""

    def fee_rate(self, symbol: str) -> Decimal:
        """The same for every pair, and for every contract."""
        return FEE_RATE if is_spot(symbol) else CONTRACT_FEE_RATE

    async def see(self, symbols: Collection[str]) -> None:
        """They are known."""

    async def see_books(self, sides: Collection[tuple[str, Side]]) -> None:
        """They are known."""

    def instants(self, since: datetime, now: datetime) -> Iterator[datetime]:
        """Every tick that has begun since and is over, then now; in longer steps if they are many."""
        stride = TICK * ((now - since) // (TICK * _MOST_STEPS) + 1)
        instant = tick_of(since) + stride
        while instant + TICK <= now:
            yield instant
            instant += stride
        yield now


def is_of_kind(symbol: str, kind: MarketKind) -> bool:
    """Whether an account of this kind trades it; a market that is made up has both kinds."""
    return is_spot(symbol) == (kind is MarketKind.SPOT)


def tick_of(at: datetime) -> datetime:
    """The start of the tick that this instant lies in."""
    return at.replace(microsecond=0)
