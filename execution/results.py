"""What trading came to: realised results by accounting day and by pair, in the settings' currency.

Pure. Nothing is counted at a guessed rate: what no market can say the worth of is kept apart, by currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta, tzinfo
from decimal import Decimal

from execution.positions import Rate, Realized
from execution.record import Record
from execution.rounding import exactly
from execution.symbols import assets
from execution.types import ZERO


@dataclass(frozen=True, kw_only=True, slots=True)
class Results(Record):
    """Realised net of fees; a fee of an asset without a rate is left out of it."""

    currency: str
    days: Sequence[tuple[date, Decimal]]
    """Every accounting day that was asked for, oldest first, in `currency`."""
    symbols: Sequence[tuple[str, Decimal]]
    """Every pair with a result, in `currency`, the one it is largest for first, gain or loss."""
    apart: Mapping[str, Decimal]
    """Results in currencies that have no rate now, by currency; in none of the above."""
    exits: int
    """Orders that made a position smaller."""
    gains: int
    """How many of them with a gain, net of the fees of both ways."""

    @property
    def total(self) -> Decimal:
        """The sum of the days."""
        return sum((result for _, result in self.days), ZERO)

    def of_last(self, days: int) -> Decimal:
        """The sum of this many last days."""
        return sum((result for _, result in self.days[-days:]), ZERO)


@exactly
def results(
    realized: Iterable[Realized],
    *,
    first: date,
    last: date,
    zone: tzinfo,
    rate: Rate,
    currency: str,
) -> Results:
    """What these fills came to on each day from `first` to `last` in `zone`; others are left out."""
    count = (last - first).days + 1
    days = {first + timedelta(days=n): ZERO for n in range(count)}
    symbols: dict[str, Decimal] = {}
    apart: dict[str, Decimal] = {}
    exits: dict[str | None, Decimal] = {}
    for one in realized:
        day, quote = one.fill.at.astimezone(zone).date(), assets(one.fill.symbol)[1]
        if day not in days:
            continue
        if one.closed:
            exits[one.fill.order] = exits.get(one.fill.order, ZERO) + one.round_trip(rate)
        net = one.net(rate)
        worth = Decimal(1) if quote == currency else rate(quote, currency)
        if worth is None:
            apart[quote] = apart.get(quote, ZERO) + net
            continue
        days[day] += net * worth
        symbols[one.fill.symbol] = symbols.get(one.fill.symbol, ZERO) + net * worth
    return Results(
        currency=currency,
        days=tuple(days.items()),
        symbols=tuple(sorted(symbols.items(), key=lambda pair: (-abs(pair[1]), pair[0]))),
        apart={unit: result for unit, result in apart.items() if result},
        exits=len(exits),
        gains=sum(1 for result in exits.values() if result > 0),
    )
