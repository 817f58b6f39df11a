"""What trading came to: realised results by accounting day and by pair, in the settings' currency.

Pure. Nothing is counted at a guessed rate: what no market can say the worth of is kept apart, by currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal

from execution.positions import Rate, Realized
from execution.record import Record
from execution.rounding import exactly
from execution.symbols import assets
from execution.types import ZERO
from execution.venues.venue import Payment


@dataclass(frozen=True, kw_only=True, slots=True)
class Results(Record):
    """Realised net of fees, funding included; a fee of an asset without a rate is left out of it."""

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
    paid: Iterable[Payment] = (),
    *,
    first: date,
    last: date,
    zone: tzinfo,
    rate: Rate,
    currency: str,
) -> Results:
    """What these fills came to on each day from `first` to `last` in `zone`, and what was `paid` for holding
    positions then; others are left out.
    """
    count = (last - first).days + 1
    days = {first + timedelta(days=n): ZERO for n in range(count)}
    symbols: dict[str, Decimal] = {}
    apart: dict[str, Decimal] = {}
    exits: dict[str | None, Decimal] = {}

    def add(at: datetime, symbol: str, net: Decimal, unit: str) -> None:
        worth = Decimal(1) if unit == currency else rate(unit, currency)
        if worth is None:
            apart[unit] = apart.get(unit, ZERO) + net
            return
        days[at.astimezone(zone).date()] += net * worth
        symbols[symbol] = symbols.get(symbol, ZERO) + net * worth

    for one in realized:
        if one.fill.at.astimezone(zone).date() not in days:
            continue
        if one.closed:
            exits[one.fill.order] = exits.get(one.fill.order, ZERO) + one.round_trip(rate)
        add(one.fill.at, one.fill.symbol, one.net(rate), assets(one.fill.symbol)[1])
    for payment in paid:
        if payment.at.astimezone(zone).date() in days:
            add(payment.at, payment.symbol, payment.amount, payment.currency)
    return Results(
        currency=currency,
        days=tuple(days.items()),
        symbols=tuple(sorted(symbols.items(), key=lambda pair: (-abs(pair[1]), pair[0]))),
        apart={unit: result for unit, result in apart.items() if result},
        exits=len(exits),
        gains=sum(1 for result in exits.values() if result > 0),
    )
