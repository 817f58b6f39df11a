"""What a picture shows, as data: the candles of a card, the days of a result.

The desk's process fills these records; `bot/drawing/` draws them in a process of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, tzinfo
from decimal import Decimal

from execution.record import Record
from execution.types import Candle, Mode, Side


@dataclass(frozen=True, kw_only=True, slots=True)
class CandlePicture(Record):
    """A card's; prices in quote currency, candles oldest first."""

    mode: Mode
    ticket: str
    """As people say it: `T-7F3K`."""
    side: Side
    symbol: str
    interval: str
    candles: tuple[Candle, ...]
    zone: tzinfo
    """The zone of the times below the candles."""
    entry: Decimal | None = None
    """The sender's limit price; None when the desk prices the order."""
    worst: Decimal | None = None
    """`at most` / `at least`, where there is no limit price."""
    stop: Decimal | None = None
    targets: tuple[Decimal, ...] = ()
    last: Decimal | None = None
    """What the market asks now."""
    test: bool = False
    """Of a ticket that is never sent."""

    def __post_init__(self) -> None:
        """Check the record.

        Raises:
            ValueError: there is no candle to draw.
        """
        Record.__post_init__(self)
        if not self.candles:
            raise ValueError("CandlePicture.candles: a picture needs at least one candle")


@dataclass(frozen=True, kw_only=True, slots=True)
class ResultPicture(Record):
    """What trading came to, day by day and in sum."""

    mode: Mode
    currency: str
    """The currency all figures are in."""
    days: tuple[tuple[date, Decimal], ...]
    """Each accounting day and what was realised on it, oldest first, without gaps."""

    def __post_init__(self) -> None:
        """Check the record.

        Raises:
            ValueError: there is no day to draw.
        """
        Record.__post_init__(self)
        if not self.days:
            raise ValueError("ResultPicture.days: a picture needs at least one day")


Picture = CandlePicture | ResultPicture
