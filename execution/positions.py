"""Fills folded into positions and results: what our own fills bought and have not sold.

Pure. The store keeps what each fill came to, so that a fold goes on where the last one ended. It must
never count what is not ours: a spot sell beyond the position comes out of holdings and has no result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from execution.instruments import Instrument
from execution.record import Record
from execution.rounding import amount_down, exactly
from execution.symbols import assets, is_spot
from execution.types import ZERO, Fill, Side

Rate = Callable[[str, str], Decimal | None]
"""The price of an asset (first) in a currency (second), or None when it is not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Position(Record):
    """What is held of one symbol at one venue; amount and cost are negative when short."""

    venue: str
    symbol: str
    amount: Decimal
    """Base asset, less the fees taken in it."""
    cost: Decimal
    """What was paid for it, in quote currency, fees apart."""
    realized: Decimal
    """Result since it was opened, in quote currency, net of fees paid in quote or base."""
    base_fees: Decimal
    """Fees taken in the base asset since it was opened; zero on swap, where none are."""
    entry_fees: Mapping[str, Decimal]
    """By asset, what opening it had cost; the fills that paid it have counted it."""
    opened_at: datetime
    updated_at: datetime

    @property
    def exit_side(self) -> Side:
        """The side that makes it smaller."""
        return Side.SELL if self.amount > 0 else Side.BUY

    @property
    @exactly
    def average(self) -> Decimal:
        """Average price paid, in quote currency, fees apart."""
        return self.cost / self.amount


@dataclass(frozen=True, kw_only=True, slots=True)
class Realized(Record):
    """What one fill came to: the result of the part it closed, less its own fees."""

    fill: Fill
    closed: Decimal
    """Base amount by which it made the position smaller."""
    result: Decimal
    """Quote currency, net of the fees it paid in quote or base (the latter at its price)."""
    fees: Mapping[str, Decimal]
    """Its fees in other assets, by asset: `net` values them."""
    entry_fees: Mapping[str, Decimal]
    """By asset, what opening the closed part had cost; the fills that paid it have counted it."""
    position: Position | None
    """What is held after it; None: nothing."""

    @exactly
    def net(self, rate: Rate) -> Decimal:
        """The result net of fees of any asset, in quote currency; one without a rate is left out."""
        return self.result - _valued(self.fees, self.fill.symbol, rate)

    @exactly
    def round_trip(self, rate: Rate) -> Decimal:
        """As `net`, less what opening the closed part had cost."""
        return self.net(rate) - _valued(self.entry_fees, self.fill.symbol, rate)


def fold(held: Position | None, fills: Iterable[Fill]) -> Iterator[Realized]:
    """Fills of one market, in order, onto what was held before them: what each came to, average cost.

    Their order is that of their times; those of the same instant are in the order they were booked.
    On spot a position is never negative; on swap what goes through zero opens the other side.
    """
    for fill in fills:
        realized = _taken(held, fill)
        held = realized.position
        yield realized


@exactly
def _taken(held: Position | None, fill: Fill) -> Realized:
    running = _Running(spot=is_spot(fill.symbol))
    if held is not None:
        running.go_on(held)
    return running.take(fill)


@exactly
def losing_exits(realized: Iterable[Realized], rate: Rate) -> tuple[tuple[datetime, Decimal], ...]:
    """Orders that reduced or closed a position at a loss net of fees, oldest first.

    Needs all fills of each order in it. Each is the time of its last closing fill and its result in
    quote currency. The fees of both ways count: what opening the closed part had cost, and what
    closing it did.
    """
    exits: dict[str | None, tuple[datetime, Decimal]] = {}
    for one in realized:
        if one.closed:
            _, before = exits.get(one.fill.order, (None, ZERO))
            exits[one.fill.order] = one.fill.at, before + one.round_trip(rate)
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


def _scaled(fees: Mapping[str, Decimal], part: Decimal, whole: Decimal) -> dict[str, Decimal]:
    """The share of a part; multiplied before it is divided, so that a third of three is one."""
    return {asset: fee * part / whole for asset, fee in fees.items() if fee and part}


def _less(fees: Mapping[str, Decimal], gone: Mapping[str, Decimal]) -> dict[str, Decimal]:
    left = {asset: fee - gone.get(asset, ZERO) for asset, fee in fees.items()}
    return {asset: fee for asset, fee in left.items() if fee}


def _added(fees: Mapping[str, Decimal], more: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {a: fees.get(a, ZERO) + more.get(a, ZERO) for a in [*fees, *more]}


@dataclass(kw_only=True, slots=True)
class _Running:
    """One position while a fill is folded in. Amount and cost are negative when short."""

    spot: bool
    amount: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO
    base_fees: Decimal = ZERO
    entry_fees: Mapping[str, Decimal] = field(default_factory=dict)
    opened_at: datetime | None = None

    def go_on(self, held: Position) -> None:
        """Go on where an earlier fold ended."""
        self.amount, self.cost, self.realized = held.amount, held.cost, held.realized
        self.base_fees, self.entry_fees = held.base_fees, held.entry_fees
        self.opened_at = held.opened_at

    def take(self, fill: Fill) -> Realized:
        """Fold one fill in: what it closes first, then what it opens."""
        base, quote = assets(fill.symbol)
        taken = fill.fee if self.spot and fill.fee_currency == base else ZERO
        leaving = self._leaving(fill, taken)
        closed = min(fill.amount, leaving)
        opened = ZERO if self.spot and fill.side is Side.SELL else fill.amount - closed
        gross, entry_fees = self._leave(leaving, fill) if leaving else (ZERO, {})

        if taken and closed:
            close_fees = {quote: (leaving - closed) * fill.price}
        else:
            close_fees = _scaled(_fees(fill), closed, fill.amount)
        open_fees = _scaled(_fees(fill), opened, fill.amount)
        result = gross - close_fees.pop(quote, ZERO)
        self.realized += result
        self.base_fees += leaving - closed
        if opened:
            self._open(opened, fill, taken, open_fees)
            self.realized -= open_fees.get(quote, ZERO)
            result -= open_fees.pop(quote, ZERO)
        return Realized(
            fill=fill,
            closed=closed,
            result=result,
            fees=_added(close_fees, open_fees),
            entry_fees=entry_fees,
            position=self._position(fill),
        )

    def _leaving(self, fill: Fill, taken: Decimal) -> Decimal:
        """What this fill takes out of the position: what it closes, and a fee taken in base."""
        closes = self.amount > 0 if fill.side is Side.SELL else self.amount < 0
        return min(fill.amount + taken, abs(self.amount)) if closes else ZERO

    def _leave(self, leaving: Decimal, fill: Fill) -> tuple[Decimal, dict[str, Decimal]]:
        """Take a part out at average cost: its result before fees, and what opening it had cost."""
        held = abs(self.amount)
        cost, entry_fees = self.cost * leaving / held, _scaled(self.entry_fees, leaving, held)
        proceeds = leaving * fill.price if fill.side is Side.SELL else -leaving * fill.price
        self.amount += -leaving if fill.side is Side.SELL else leaving
        self.cost -= cost
        self.entry_fees = _less(self.entry_fees, entry_fees)
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

    def _position(self, fill: Fill) -> Position | None:
        """As it stands after this fill."""
        if not self.amount:
            return None
        assert self.opened_at is not None, "what is held was opened"
        return Position(
            venue=fill.venue,
            symbol=fill.symbol,
            amount=self.amount,
            cost=self.cost,
            realized=self.realized,
            base_fees=self.base_fees,
            entry_fees=self.entry_fees,
            opened_at=self.opened_at,
            updated_at=fill.at,
        )
