"""Fills folded into positions and results: what our own fills bought and have not sold.

Pure. Status, sizing, the day's result and the cooldown ask. It must never count what is not ours: a
spot sell beyond the position comes out of holdings and has no result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from execution.rounding import amount_down, exactly
from execution.symbols import assets
from execution.types import ZERO, Fill, Instrument, Record, Side

Rate = Callable[[str, str], Decimal | None]
"""The price of an asset (first) in a currency (second), or None when it is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Position(Record):
    """What is held of one symbol at one venue; negative when short."""

    venue: str
    symbol: str
    amount: Decimal
    """Base asset, less the fees taken in it."""
    average: Decimal
    """Average price paid, in quote currency, fees apart."""
    realized: Decimal
    """Result since it was opened, in quote currency, net of fees paid in quote or base."""
    base_fees: Decimal
    """Fees taken in the base asset since it was opened; zero on swap, where none are."""
    opened_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Realized(Record):
    """What one fill realised: the result of the part it closed, less its own fees."""

    fill: Fill
    closed: Decimal
    """Base amount by which it made the position smaller."""
    result: Decimal
    """Quote currency, net of the fees it paid in quote or base (the latter at its price)."""
    fees: Mapping[str, Decimal]
    """Its fees in other assets, by asset: `net` values them."""
    entry_fees: Mapping[str, Decimal]
    """By asset, what opening the closed part had cost; the fills that paid it have counted it."""
    opened_at: datetime | None
    """When the position it belongs to was opened; None when all of it came out of holdings."""
    ends_position: bool

    @exactly
    def net(self, rate: Rate) -> Decimal:
        """The result net of fees of any asset, in quote currency; one without a rate is left out."""
        return self.result - _valued(self.fees, self.fill.symbol, rate)

    @exactly
    def round_trip(self, rate: Rate) -> Decimal:
        """As `net`, less what opening the closed part had cost."""
        return self.net(rate) - _valued(self.entry_fees, self.fill.symbol, rate)


@dataclass(frozen=True, kw_only=True, slots=True)
class Book(Record):
    """Everything a list of fills comes to."""

    positions: Mapping[tuple[str, str], Position]
    """Open ones, by venue and symbol."""
    realized: tuple[Realized, ...]
    """One for each fill, oldest first."""


@exactly
def fold(fills: Iterable[Fill], *, spot: bool = True) -> Book:
    """Fills -> positions and results, at average cost.

    Taken in order of time, those of the same instant in the order given; a fill seen twice counts
    once. On spot a position is never negative; on swap what goes through zero opens the other side.
    """
    once: dict[str, Fill] = {}
    for fill in fills:
        once.setdefault(fill.id, fill)
    running: dict[tuple[str, str], _Running] = {}
    realized: list[Realized] = []
    for fill in sorted(once.values(), key=lambda fill: fill.at):
        held = running.setdefault((fill.venue, fill.symbol), _Running(spot=spot))
        realized.append(held.take(fill))
    open_now = {key: held.position(*key) for key, held in running.items() if held.amount}
    return Book(positions=open_now, realized=tuple(realized))


def realized_since(
    fills: Iterable[Fill], start: datetime, *, spot: bool = True
) -> tuple[Realized, ...]:
    """What was realised from `start` on (the accounting day), oldest first; needs all fills."""
    return tuple(r for r in fold(fills, spot=spot).realized if r.fill.at >= start)


@exactly
def losing_exits(
    fills: Iterable[Fill], rate: Rate, *, spot: bool = True
) -> tuple[tuple[datetime, Decimal], ...]:
    """Orders that reduced or closed a position at a loss net of fees, oldest first.

    Each is the time of its last closing fill and its result in quote currency. The fees of both ways
    count: what opening the closed part had cost, and what closing it did.
    """
    exits: dict[str, tuple[datetime, Decimal]] = {}
    for realized in fold(fills, spot=spot).realized:
        if realized.closed:
            _, before = exits.get(realized.fill.order, (None, ZERO))
            exits[realized.fill.order] = realized.fill.at, before + realized.round_trip(rate)
    return tuple(sorted((at, result) for at, result in exits.values() if result < 0))


def is_dust(amount: Decimal, instrument: Instrument) -> bool:
    """Whether so little is left (base asset) that the venue would not let us sell it."""
    whole = amount_down(abs(amount), instrument.amount_step)
    return whole <= 0 or whole < (instrument.min_amount or ZERO)


def _valued(fees: Mapping[str, Decimal], symbol: str, rate: Rate) -> Decimal:
    """Fees in several assets, in the symbol's quote currency."""
    quote = assets(symbol)[1]
    total = ZERO
    for asset, fee in fees.items():
        price = Decimal(1) if asset == quote else rate(asset, quote)
        total += fee * price if price is not None else ZERO
    return total


def _fees(fill: Fill) -> dict[str, Decimal]:
    """A fill's fee by asset; one in base is valued at the fill's price, one in no asset is quote."""
    base, quote = assets(fill.symbol)
    if fill.fee_currency == base:
        return {quote: fill.fee * fill.price}
    return {fill.fee_currency or quote: fill.fee}


def _scaled(fees: Mapping[str, Decimal], share: Decimal) -> dict[str, Decimal]:
    return {asset: fee * share for asset, fee in fees.items() if fee * share}


def _added(fees: Mapping[str, Decimal], more: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {a: fees.get(a, ZERO) + more.get(a, ZERO) for a in [*fees, *more]}


@dataclass(kw_only=True, slots=True)
class _Running:
    """One position while its fills are folded in. Amount and cost are negative when short."""

    spot: bool
    amount: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    base_fees: Decimal = ZERO
    entry_fees: dict[str, Decimal] = field(default_factory=dict)
    opened_at: datetime | None = None
    updated_at: datetime | None = None

    def take(self, fill: Fill) -> Realized:
        """Fold one fill in: what it closes first, then what it opens."""
        base, quote = assets(fill.symbol)
        taken = fill.fee if self.spot and fill.fee_currency == base else ZERO
        was_opened_at = self.opened_at
        leaving = self._leaving(fill, taken)
        closed = min(fill.amount, leaving)
        opened = ZERO if self.spot and fill.side is Side.SELL else fill.amount - closed
        gross, entry_fees = self._leave(leaving, fill) if leaving else (ZERO, {})
        ended = leaving > 0 and not self.amount

        if taken and closed:
            close_fees = {quote: (leaving - closed) * fill.price}
        else:
            close_fees = _scaled(_fees(fill), _share(closed, fill.amount))
        open_fees = _scaled(_fees(fill), _share(opened, fill.amount))
        result = gross - close_fees.pop(quote, ZERO)
        self.realized += result
        self.base_fees += leaving - closed
        if opened:
            self._open(opened, fill, taken, open_fees)
            self.realized -= open_fees.get(quote, ZERO)
            result -= open_fees.pop(quote, ZERO)
        self.updated_at = fill.at
        return Realized(
            fill=fill,
            closed=closed,
            result=result,
            fees=_added(close_fees, open_fees),
            entry_fees=entry_fees,
            opened_at=was_opened_at if closed else self.opened_at if opened else None,
            ends_position=ended,
        )

    def _leaving(self, fill: Fill, taken: Decimal) -> Decimal:
        """What this fill takes out of the position: what it closes, and a fee taken in base."""
        closes = self.amount > 0 if fill.side is Side.SELL else self.amount < 0
        return min(fill.amount + taken, abs(self.amount)) if closes else ZERO

    def _leave(self, leaving: Decimal, fill: Fill) -> tuple[Decimal, dict[str, Decimal]]:
        """Take a part out at average cost: its result before fees, and what opening it had cost."""
        share = leaving / abs(self.amount)
        cost, entry_fees = self.cost * share, _scaled(self.entry_fees, share)
        proceeds = leaving * fill.price if fill.side is Side.SELL else -leaving * fill.price
        self.amount += -leaving if fill.side is Side.SELL else leaving
        self.cost -= cost
        self.entry_fees = _scaled(self.entry_fees, 1 - share)
        return proceeds - cost, entry_fees

    def _open(
        self, opened: Decimal, fill: Fill, taken: Decimal, fees: Mapping[str, Decimal]
    ) -> None:
        """Add a part at the fill's price, less a fee taken in base."""
        if not self.amount:
            self.cost = self.realized = self.base_fees = ZERO
            self.entry_fees = {}
            self.opened_at = fill.at
        kept = max(opened - taken, ZERO)
        kept = kept if fill.side is Side.BUY else -kept
        self.amount += kept
        self.cost += kept * fill.price
        self.base_fees += taken
        self.entry_fees = _added(self.entry_fees, fees)

    def position(self, venue: str, symbol: str) -> Position:
        """As it stands now."""
        assert self.opened_at is not None, "only a position that was opened is shown"
        assert self.updated_at is not None, "every fill has a time"
        return Position(
            venue=venue,
            symbol=symbol,
            amount=self.amount,
            average=self.cost / self.amount,
            realized=self.realized,
            base_fees=self.base_fees,
            opened_at=self.opened_at,
            updated_at=self.updated_at,
        )


def _share(part: Decimal, whole: Decimal) -> Decimal:
    """A part as a fraction; nothing of nothing is nothing."""
    return part / whole if part else ZERO
