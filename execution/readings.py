"""One reading of the accounts: what the day came to, what equity is, and what that stops or lets go.

Each is one transaction over rows and the market as it is known then. A rule that three readings in a
row find broken stops entries in a row of its own; nothing here ever stops what reduces a position.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from execution import equity, limits, orders
from execution.checks import Limits
from execution.config import Config
from execution.equity import (
    READINGS,
    Account,
    Book,
    DayResult,
    Holding,
    Price,
    Shift,
    Standing,
    Stop,
    StopKind,
    Unit,
)
from execution.errors import NotPossible
from execution.events import EventKind
from execution.feed import Feed
from execution.market import Market
from execution.record import Record
from execution.rounding import exactly
from execution.store import Transaction
from execution.types import ZERO, OrderState, Side

_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen(Record):
    """The readings before this one, as far as they are compared with it; a new process has none."""

    at: datetime | None = None
    """When the last of them was taken."""
    accounts: Mapping[str, Sequence[Account]] = field(default_factory=dict)
    """By venue; none from before an order of ours left room for doubt."""
    equities: Sequence[Decimal] = ()
    results: Sequence[Decimal] = ()
    day: date | None = None
    """The accounting day the results are of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Day(Record):
    """An accounting day so far, by the fills that were booked at one moment."""

    at: datetime
    day: date
    """In the zone of the settings."""
    began: datetime
    realized: Mapping[Unit, Decimal]
    """What its fills came to together."""
    then: Sequence[Holding]
    """What was held when it began."""
    now: Sequence[Holding]

    @property
    def markets(self) -> frozenset[equity.Market]:
        """Every market that is to have a price."""
        return frozenset((h.venue, h.symbol) for h in (*self.then, *self.now))

    def is_short(self, market: equity.Market) -> bool:
        """Whether less than nothing is held of it, or was when the day began and nothing is since."""
        found = (h.amount for h in (*self.now, *self.then) if (h.venue, h.symbol) == market)
        return next(found, ZERO) < 0


def day_of(tx: Transaction, market: Market, config: Config) -> Day:
    """This accounting day; a venue that is not set up any more has no prices, and is in none of it."""
    began = equity.day_start(tx.now, config.zone)
    came, held = list(tx.positions.came_since(began)), tx.positions.open()
    markets = {(p.venue, p.symbol) for p in held} | {(one.venue, one.symbol) for one in came}
    then = equity.held_of(tx.positions.before(began, sorted(markets)))
    then += _taken_over(tx, began)
    realized = equity.gained(came)
    for venue, payment in tx.payments.since(began):
        unit = venue, payment.currency
        realized[unit] = realized.get(unit, ZERO) + payment.amount
    known = market.feeds()
    return Day(
        at=tx.now,
        day=began.date(),
        began=began,
        realized={unit: n for unit, n in realized.items() if unit[0] in known},
        then=[one for one in then if one.venue in known],
        now=[one for one in equity.held_of(held) if one.venue in known],
    )


def _taken_over(tx: Transaction, began: datetime) -> list[Holding]:
    """What an owner took over since then."""
    found = []
    for fill in tx.fills.taken_over(began):
        before = tx.positions.before(fill.at, [(fill.venue, fill.symbol)])
        found.append(equity.taken_over(fill, before[0].amount if before else ZERO))
    return [one for one in found if one.amount]


class Reader:
    """Takes readings inside transactions that others begin."""

    def __init__(self, market: Market, config: Config) -> None:
        self._market = market
        self._config = config

    def take(
        self, tx: Transaction, seen: Seen, *, day: Day, opened: Mapping[equity.Market, Decimal]
    ) -> Seen:
        """One reading, of what was asked for since that `day` was read; what the next is compared with.

        `opened` are prices of when the day began that are not stored yet. A reading that comes too soon
        after another agrees with none.
        """
        if seen.at is not None and seen.at <= day.at < seen.at + equity.APART:
            self._take(tx, Seen(), day, opened)
            return seen
        return self._take(tx, seen.evolve(at=day.at), day, opened)

    def _take(
        self, tx: Transaction, seen: Seen, day: Day, opened: Mapping[equity.Market, Decimal]
    ) -> Seen:
        house = limits.in_force(tx, self._config.limits)
        before = tx.accounts.standing()
        now = Standing(at=day.at, mark=None if before is None else before.mark)
        now = self._count_day(tx, now, before, day, opened)
        seen = seen.evolve(day=day.day, results=seen.results if seen.day == day.day else ())
        if house.max_drawdown is not None:
            now, seen = self._count_equity(tx, now, seen)
        if now.day is not None:
            seen = seen.evolve(results=_last(seen.results, now.day.total))
        tx.accounts.stand(now)
        self._stop_for_loss(tx, house, now, seen)
        self._stop_for_drawdown(tx, house, now, seen)
        return seen

    # The day's result

    def _count_day(
        self,
        tx: Transaction,
        now: Standing,
        before: Standing | None,
        day: Day,
        opened: Mapping[equity.Market, Decimal],
    ) -> Standing:
        """What the day came to; where nothing says what a market opened at, its first price does."""
        prices = {m: price for m in day.markets if (price := self._price(day, m)) is not None}
        stored = tx.accounts.day_prices(day.day)
        fresh = {(h.venue, h.symbol) for h in day.then} - stored.keys()
        opening = {m: opened.get(m) or prices[m].value for m in fresh if m in prices or m in opened}
        if opening:
            tx.accounts.begin(day.day, opening)
        began = {m: Price(value=p, at=day.began) for m, p in (stored | opening).items()}
        held, was = Book(holdings=day.now, prices=prices), Book(holdings=day.then, prices=began)
        lacking = sorted(held.unpriced | was.unpriced)
        result = None
        if not lacking:
            rate = self._market.last_rate
            result = equity.day_result(day.day, day.realized, then=was, now=held, rate=rate)
        return now.evolve(
            day=result,
            unpriced=tuple(f"{symbol} at {venue}" for venue, symbol in lacking),
            day_before=_day_before(before, day.day),
        )

    def _price(self, day: Day, market: equity.Market) -> Price | None:
        """What leaving it would meet, by the last quote known."""
        quote = self._market.quote(*market, max_age=None)
        side = Side.BUY if day.is_short(market) else Side.SELL
        return None if quote is None else Price(value=quote.reference(side), at=quote.at)

    # Equity

    def _count_equity(self, tx: Transaction, now: Standing, seen: Seen) -> tuple[Standing, Seen]:
        """Read every account that answered; one that did not counts as it was read last."""
        shifts, feeds = _forgotten(tx, self._market), self._market.feeds()
        accounts = {**tx.accounts.all()}
        for name, feed in feeds.items():
            if feed.connected and feed.balances_at is not None and feed.balances_at >= now.at:
                read, shift, seen = self._read(tx, feed, accounts.get(name), seen)
                accounts[name] = read
                tx.accounts.put(read)
                shifts += [] if shift is None else [shift]
        for shift in shifts:
            _tell(tx, shift)
        return _total(now, seen, {venue: accounts.get(venue) for venue in feeds}, shifts)

    def _read(
        self, tx: Transaction, feed: Feed, before: Account | None, seen: Seen
    ) -> tuple[Account, Shift | None, Seen]:
        """One account as it is now, and what of it three readings agree to be none of our doing."""
        venue, at = feed.venue.name, feed.balances_at
        assert at is not None, "only an account that answered is read"
        held = {asset: b.free + b.locked for asset, b in feed.balances.items()}
        moved = tx.accounts.moved(venue)
        wanted = {*held, *moved, *((before and before.outside) or {})}
        rates = {asset: self._market.last_rate(venue, asset) for asset in wanted}
        prices = {asset: price for asset, price in rates.items() if price is not None}
        read = equity.reading(before, venue=venue, at=at, held=held, moved=moved, prices=prices)
        earlier = seen.accounts.get(venue, ())[1 - READINGS :]
        doubtful, resting = _unsettled(tx, venue)
        kept = () if doubtful else (*earlier, read)
        seen = seen.evolve(accounts={**seen.accounts, venue: kept})
        compared = tx.comparisons.of(venue)
        unseen = resting and (not earlier or compared is None or compared.at < earlier[0].at)
        if doubtful or unseen:
            return read, None, seen
        return *equity.confirmed(read, earlier), seen

    # What stops entries

    def _stop_for_loss(self, tx: Transaction, house: Limits, now: Standing, seen: Seen) -> None:
        """Stop entries until the next day once three readings agree that this one lost too much."""
        stop, bound, day = _stopped(tx, StopKind.DAILY_LOSS), house.max_daily_loss, now.day
        if stop is not None and (bound is None or stop.day != seen.day):
            tx.accounts.lift(stop.kind)
            why = "off" if bound is None else "a new day"
            tx.journal.add(EventKind.DAILY_LOSS_OVER, tx.now, day=stop.day, why=why)
            stop = None
        if stop is not None or bound is None or day is None:
            return
        if len(seen.results) < READINGS or max(seen.results) >= -bound:
            return
        tx.accounts.stop(
            Stop(kind=StopKind.DAILY_LOSS, since=tx.now, day=day.day, figure=day.total, bound=bound)
        )
        tx.journal.add(
            EventKind.DAILY_LOSS_STOP,
            tx.now,
            day=day.day,
            result=day.total,
            realized=day.realized,
            unrealized=day.unrealized,
            bound=bound,
        )

    def _stop_for_drawdown(self, tx: Transaction, house: Limits, now: Standing, seen: Seen) -> None:
        """Stop entries until somebody resets it once three readings agree that equity fell too far."""
        stop, bound = _stopped(tx, StopKind.DRAWDOWN), house.max_drawdown
        if stop is not None and bound is None:
            tx.accounts.lift(stop.kind)
            tx.journal.add(EventKind.DRAWDOWN_OVER, tx.now)
        mark, share = now.mark, now.drawdown
        if stop is not None or bound is None or mark is None or share is None:
            return
        if len(seen.equities) < READINGS:
            return
        if min(equity.drawdown(one, mark) for one in seen.equities) <= bound:
            return
        today = tx.now.astimezone(self._config.zone).date()
        tx.accounts.stop(
            Stop(kind=StopKind.DRAWDOWN, since=tx.now, day=today, figure=share, bound=bound)
        )
        tx.journal.add(
            EventKind.DRAWDOWN_STOP,
            tx.now,
            drawdown=share,
            equity=now.equity,
            mark=mark,
            bound=bound,
        )


def reset_drawdown(tx: Transaction, *, by: str, name: str) -> None:
    """Measure drawdown from the equity of now on, and let entries go again.

    Raises:
        NotPossible: equity is not known now.
    """
    standing = tx.accounts.standing()
    if standing is None or standing.equity is None:
        unread = () if standing is None else standing.unread
        lacking = f"there is no reading of {', '.join(unread)} yet"
        why = lacking if unread else "it is read only while max_drawdown is set"
        raise NotPossible(f"Equity is not known now: {why}.")
    tx.accounts.stand(standing.evolve(mark=standing.equity))
    tx.accounts.lift(StopKind.DRAWDOWN)
    tx.journal.add(
        EventKind.DRAWDOWN_RESET,
        tx.now,
        actor=by,
        name=name,
        mark=standing.mark,
        equity=standing.equity,
    )


@exactly
def _total(
    now: Standing,
    seen: Seen,
    accounts: Mapping[str, Account | None],
    shifts: Sequence[Shift],
) -> tuple[Standing, Seen]:
    """All accounts together; what shifted one of them shifts the mark, and readings before this one."""
    by = sum((shift.worth for shift in shifts), ZERO)
    mark = now.mark if not shifts else (now.mark or ZERO) + by
    equities = tuple(one + by for one in seen.equities)
    known = {venue: one for venue, one in accounts.items() if one and one.equity is not None}
    unread = tuple(sorted(accounts.keys() - known.keys()))
    now = now.evolve(mark=mark, unread=unread)
    if unread or not known:
        return now, seen.evolve(equities=equities)
    total = sum((one.equity or ZERO for one in known.values()), ZERO)
    equities = _last(equities, total)
    now = now.evolve(
        equity=total,
        mark=equity.raised(mark, equities),
        prices_at=min(one.oldest for one in known.values()),
        without_price=tuple(sorted({a for one in known.values() for a in one.without_price})),
    )
    return now, seen.evolve(equities=equities)


def _unsettled(tx: Transaction, venue: str) -> tuple[bool, bool]:
    """Whether something that our orders did there may not be booked yet; and whether any rests there.

    What rests may have filled since it was looked at: the venue must have been compared with our rows.
    """
    open_orders = [
        o for o in tx.orders.in_state(*orders.LIVE, OrderState.STUCK) if o.venue == venue
    ]
    asked_about = any(order.venue == venue for order in tx.orders.asked_about(_FOR_EVER))
    waits = any(
        order.state is not OrderState.WORKING
        or order.reported > sum((fill.amount for fill in tx.fills.of_order(order.id)), ZERO)
        for order in open_orders
    )
    return asked_about or waits, bool(open_orders)


def _forgotten(tx: Transaction, market: Market) -> list[Shift]:
    """Accounts that are not set up any more leave, with what they were worth."""
    gone = [one for venue, one in tx.accounts.all().items() if venue not in market.feeds()]
    for account in gone:
        tx.accounts.drop(account.venue)
    return [
        Shift(venue=account.venue, amounts=account.held, worth=-account.equity)
        for account in gone
        if account.equity is not None
    ]


def _tell(tx: Transaction, shift: Shift) -> None:
    amounts = " ".join(f"{asset}={amount:f}" for asset, amount in shift.amounts.items() if amount)
    tx.journal.add(
        EventKind.ACCOUNT_SHIFTED, tx.now, venue=shift.venue, amounts=amounts, worth=shift.worth
    )


def _stopped(tx: Transaction, kind: StopKind) -> Stop | None:
    return next((stop for stop in tx.accounts.stops() if stop.kind is kind), None)


def _day_before(before: Standing | None, today: date) -> DayResult | None:
    """The last result of the day before this one."""
    if before is None:
        return None
    of_before = before.day_before if before.day is None or before.day.day == today else before.day
    return (
        of_before if of_before is not None and of_before.day == today - timedelta(days=1) else None
    )


def _last(earlier: Sequence[Decimal], newest: Decimal) -> tuple[Decimal, ...]:
    return (*earlier, newest)[-READINGS:]
