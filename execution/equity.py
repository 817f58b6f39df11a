"""What the accounts are worth, what the day came to, and how far below its highest equity stands.

Pure. What our own fills do not explain is a deposit, a withdrawal or somebody's trade at the exchange:
it shifts the highest mark once three readings agree on it, and counts neither as gain nor as loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from execution.positions import Position
from execution.record import Record
from execution.rounding import exactly
from execution.symbols import assets
from execution.types import ZERO, Fill, Side

READINGS = 3
"""So many readings must agree before anything is concluded from them."""
APART = timedelta(seconds=10)
"""How far readings are apart."""
LEAST = Decimal("0.01")
"""A change worth less, in the settings' currency, is an exchange's rounding; it may add up to more."""

Market = tuple[str, str]
"""A venue and a symbol."""
Unit = tuple[str, str]
"""A venue and an asset."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price(Record):
    """What one unit of something is worth, and when that was seen."""

    value: Decimal
    at: datetime


LastRate = Callable[[str, str], Price | None]
"""The last known worth of an asset (second) at a venue (first) in the settings' currency."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account(Record):
    """One venue's account as it was last read. Amounts are by asset, free and locked together."""

    venue: str
    at: datetime
    held: Mapping[str, Decimal]
    moved: Mapping[str, Decimal]
    """What our own fills had brought and taken by then."""
    prices: Mapping[str, Price]
    """In the settings' currency; an asset without one is left out of all worth."""
    outside: Mapping[str, Decimal] | None = None
    """What it would hold without our fills, as readings agreed on it; None: they have not yet."""

    @property
    @exactly
    def equity(self) -> Decimal | None:
        """What of it can be explained, in the settings' currency; None until it was confirmed."""
        if self.outside is None:
            return None
        known = {a: self.outside.get(a, ZERO) + self.moved.get(a, ZERO) for a in self.prices}
        return _worth(known, self.prices)

    @property
    def oldest(self) -> datetime:
        """When the oldest price of what is held was seen, or the account itself."""
        return min([self.at, *(self.prices[a].at for a in self.held if a in self.prices)])

    @property
    def without_price(self) -> tuple[str, ...]:
        """Assets that are held and left out."""
        return tuple(sorted(asset for asset in self.held if asset not in self.prices))

    @property
    @exactly
    def without_us(self) -> dict[str, Decimal]:
        """What it would hold without our fills, by this reading alone."""
        known = {*self.held, *self.moved, *(self.outside or {})} & self.prices.keys()
        return {a: self.held.get(a, ZERO) - self.moved.get(a, ZERO) for a in sorted(known)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shift(Record):
    """What came to an account, or left it, by no fill of ours."""

    venue: str
    amounts: Mapping[str, Decimal]
    """By asset."""
    worth: Decimal
    """All of it together, in the settings' currency."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DayResult(Record):
    """What an accounting day came to so far, in the settings' currency."""

    day: date
    realized: Decimal
    """Net of fees; average cost."""
    unrealized: Decimal
    """Its change since the day began."""
    apart: Mapping[str, Decimal] = field(default_factory=dict)
    """By currency, what has no rate; in none of the above."""
    prices_at: datetime | None = None
    """When the oldest price it rests on was seen; None: it rests on none."""

    @property
    @exactly
    def total(self) -> Decimal:
        """Both together."""
        return self.realized + self.unrealized


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing(Record):
    """How the whole desk stood at its last reading: one row."""

    at: datetime
    day: DayResult | None = None
    """None while a price it needs was never seen."""
    unpriced: tuple[str, ...] = ()
    """The markets whose price that is."""
    day_before: DayResult | None = None
    """The last reading of the accounting day before."""
    equity: Decimal | None = None
    """Of all venues; None while one was never read, or when no rule asks for it."""
    mark: Decimal | None = None
    """The highest it was, shifted by what came and left."""
    prices_at: datetime | None = None
    """When the oldest price or balance in it was seen."""
    unread: tuple[str, ...] = ()
    """The venues that were not read, or not often enough to be sure."""
    without_price: tuple[str, ...] = ()
    """Assets that are held and left out of equity."""

    @property
    def drawdown(self) -> Decimal | None:
        """How far equity is below the mark, as a share of it."""
        if self.equity is None or self.mark is None:
            return None
        return drawdown(self.equity, self.mark)

    def on(self, today: date) -> Standing:
        """The same without a result that is of another day."""
        other = self.day is not None and self.day.day != today
        return self.evolve(day=None) if other else self


def day_start(now: datetime, zone: tzinfo) -> datetime:
    """When the accounting day of this moment began."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)


class StopKind(StrEnum):
    """Which rule stopped entries."""

    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop(Record):
    """A rule that three readings found broken: it refuses until it is lifted, whatever comes after."""

    kind: StopKind
    since: datetime
    day: date
    """The accounting day it was found on."""
    figure: Decimal
    """The day's result in the settings' currency, or the drawdown as a share."""
    bound: Decimal
    """What the rule allowed then, likewise."""


@exactly
def effects(fill: Fill) -> dict[str, Decimal]:
    """What a fill brings to the account (plus) and takes from it (minus), by asset.

    One without an order is what an owner took over: it moved nothing.
    """
    if fill.order is None:
        return {}
    base, quote = assets(fill.symbol)
    amount = fill.amount if fill.side is Side.BUY else -fill.amount
    moved = {base: amount, quote: -amount * fill.price}
    paid_in = fill.fee_currency or quote
    moved[paid_in] = moved.get(paid_in, ZERO) - fill.fee
    return {asset: change for asset, change in moved.items() if change}


def reading(
    before: Account | None,
    *,
    venue: str,
    at: datetime,
    held: Mapping[str, Decimal],
    moved: Mapping[str, Decimal],
    prices: Mapping[str, Price],
) -> Account:
    """A new reading of an account; a price that cannot be had now is the last one known."""
    known = {} if before is None else {**before.prices}
    outside = None if before is None else before.outside
    wanted = {asset for one in (held, moved, outside or {}) for asset, n in one.items() if n}
    return Account(
        venue=venue,
        at=at,
        held={asset: amount for asset, amount in held.items() if amount},
        moved={asset: amount for asset, amount in moved.items() if amount},
        prices={asset: price for asset, price in (known | {**prices}).items() if asset in wanted},
        outside=outside,
    )


@exactly
def confirmed(account: Account, earlier: Sequence[Account]) -> tuple[Account, Shift | None]:
    """The account with what it agrees on with its earlier readings, and what of that is new.

    While fills of ours come in, the assets they move agree on nothing: one of them may be missing. The
    first time all of the account is new, and must agree.
    """
    if len(earlier) < READINGS - 1:
        return account, None
    now, before = account.without_us, earlier[1 - READINGS :]
    agreed = {a: n for a, n in now.items() if all(_agree(account, one, a) for one in before)}
    if account.outside is None:
        if agreed.keys() != now.keys():
            return account, None
        first = account.evolve(outside=agreed)
        assert first.equity is not None, "it was just confirmed"
        return first, Shift(venue=account.venue, amounts=agreed, worth=first.equity)
    changes = {a: n - account.outside.get(a, ZERO) for a, n in agreed.items()}
    amounts = {a: n for a, n in changes.items() if abs(n) * account.prices[a].value >= LEAST}
    if not amounts:
        return account, None
    outside = {**account.outside} | {a: agreed[a] for a in amounts}
    worth = _worth(amounts, account.prices)
    shift = Shift(venue=account.venue, amounts=amounts, worth=worth)
    return account.evolve(outside=outside), shift


def _agree(one: Account, other: Account, asset: str) -> bool:
    """Whether two readings show the same of an asset, but for an exchange's rounding, and no fill of ours
    was booked between them.
    """
    apart = one.held.get(asset, ZERO) - other.held.get(asset, ZERO)
    same = abs(apart) * one.prices[asset].value < LEAST
    return same and one.moved.get(asset) == other.moved.get(asset)


@exactly
def unexplained(account: Account) -> Decimal:
    """What an account is worth beyond its equity, for now: nobody knows yet why."""
    if account.outside is None:
        return ZERO
    return _worth(account.held, account.prices) - (account.equity or ZERO)


def _worth(amounts: Mapping[str, Decimal], prices: Mapping[str, Price]) -> Decimal:
    return sum((n * prices[a].value for a, n in amounts.items() if a in prices), ZERO)


@exactly
def drawdown(equity: Decimal, mark: Decimal) -> Decimal:
    """How far equity is below its highest mark, as a share of that; never negative."""
    return max((mark - equity) / mark, ZERO) if mark > 0 else ZERO


def raised(mark: Decimal | None, equities: Sequence[Decimal]) -> Decimal | None:
    """The highest mark after these readings of equity: what the last of them agree that it reached."""
    if len(equities) < READINGS:
        return mark
    reached = min(equities[-READINGS:])
    return reached if mark is None else max(mark, reached)


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding(Record):
    """An amount of one market (base asset), and what it had cost (quote currency)."""

    venue: str
    symbol: str
    amount: Decimal
    cost: Decimal


def held_of(positions: Iterable[Position]) -> list[Holding]:
    """Positions as holdings."""
    return [
        Holding(venue=p.venue, symbol=p.symbol, amount=p.amount, cost=p.cost) for p in positions
    ]


@exactly
def taken_over(fill: Fill, held: Decimal) -> Holding:
    """What an owner took over by this fill, with so much (base, signed) held before it.

    The account held it before, so it counts all day. What it ended of a position instead has a result.
    """
    amount = fill.amount if fill.side is Side.BUY else -fill.amount
    if held * amount < 0:
        ended = min(abs(held), fill.amount)
        amount -= ended if amount > 0 else -ended
    return Holding(venue=fill.venue, symbol=fill.symbol, amount=amount, cost=amount * fill.price)


class Came(NamedTuple):
    """What one fill came to, as far as a sum needs it: a day may have thousands."""

    venue: str
    symbol: str
    result: Decimal
    """In quote currency."""
    fees: Mapping[str, Decimal]
    """Those that are not in it, by asset."""


@exactly
def gained(came: Iterable[Came]) -> dict[Unit, Decimal]:
    """What fills came to together, by venue and currency, less their fees in each asset."""
    total: dict[Unit, Decimal] = {}
    for one in came:
        unit = one.venue, assets(one.symbol)[1]
        total[unit] = total.get(unit, ZERO) + one.result
        for asset, fee in one.fees.items():
            total[one.venue, asset] = total.get((one.venue, asset), ZERO) - fee
    return total


@dataclass(frozen=True, kw_only=True, slots=True)
class Book(Record):
    """What is held, and at what prices (quote currency), at one moment."""

    holdings: Sequence[Holding]
    prices: Mapping[Market, Price]

    @property
    def unpriced(self) -> frozenset[Market]:
        """The markets that have no price."""
        return frozenset((h.venue, h.symbol) for h in self.holdings) - self.prices.keys()

    @exactly
    def results(self) -> list[tuple[Market, Decimal]]:
        """What each would come to, in its quote currency, fees apart."""
        return [
            (market, self.prices[market].value * h.amount - h.cost)
            for h in self.holdings
            for market in [(h.venue, h.symbol)]
        ]


@exactly
def day_result(
    day: date, realized: Mapping[Unit, Decimal], *, then: Book, now: Book, rate: LastRate
) -> DayResult:
    """What came of a day: its realised results, and what unrealised ones changed since it began.

    `then` is what was held when it began, at the prices of then. Both books have all their prices.
    """
    tally = _Tally(rate)
    gains = sum((tally.worth(venue, unit, n) for (venue, unit), n in realized.items()), ZERO)
    changed = ZERO
    for (venue, symbol), result in now.results():
        changed += tally.worth(venue, assets(symbol)[1], result)
    for (venue, symbol), result in then.results():
        changed += tally.worth(venue, assets(symbol)[1], -result)
    seen = [*tally.seen, *(now.prices[h.venue, h.symbol].at for h in now.holdings)]
    return DayResult(
        day=day,
        realized=gains,
        unrealized=changed,
        apart={unit: amount for unit, amount in sorted(tally.apart.items()) if amount},
        prices_at=min(seen, default=None),
    )


class _Tally:
    """Values amounts in the settings' currency, and adds up, by currency, what has no rate."""

    def __init__(self, rate: LastRate) -> None:
        self._rate = rate
        self.apart: dict[str, Decimal] = {}
        self.seen: list[datetime] = []
        """When each rate that was used was seen."""

    def worth(self, venue: str, unit: str, amount: Decimal) -> Decimal:
        """What an amount is worth; where nothing says, it is kept apart and counts nothing."""
        price = self._rate(venue, unit)
        if price is None:
            self.apart[unit] = self.apart.get(unit, ZERO) + amount
            return ZERO
        self.seen.append(price.at)
        return amount * price.value
