"""What a simulated exchange trades against: markets, a book for each, bars; as functions of time.

The paper venue asks; `synthetic.py` invents an answer, `scripted.py` is told one by a test.
Whoever implements it must answer the same question the same way, whenever and however often.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from execution.types import Candle, Instrument, Level, Quote, Side

TICK = timedelta(seconds=1)
"""Prices hold still within one tick, and a level's amount is on offer once in each."""

INTERVALS = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
}


class MarketData(Protocol):
    """Markets at any instant. Symbols are those of `instruments`; any other is a `KeyError`."""

    def instruments(self) -> Mapping[str, Instrument]:
        """Every market by unified symbol, as it is now."""

    def quote(self, symbol: str, at: datetime) -> Quote:
        """Best bid and ask at that instant."""

    def book(self, symbol: str, side: Side, at: datetime) -> Sequence[Level]:
        """What an order of this side meets, best price first: asks for a buy, bids for a sell.

        Each level is on offer once in one tick.
        """

    def candles(self, symbol: str, interval: str, count: int, at: datetime) -> Sequence[Candle]:
        """The newest `count` bars up to that instant, oldest first; the last may be unfinished.

        `interval` is one of `INTERVALS` (any other is a `KeyError`), `count` at least one.
        """
