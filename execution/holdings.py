"""What an account held before us: told once, left alone; a part becomes a position when an owner says so.

A fill without an order says it, so that positions are still what all fills come to. It must never take
over what is a position already, so it wants balances that are newer than the last of our orders.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal

from execution import booking, contracts, orders
from execution.errors import NotPossible
from execution.events import EventKind
from execution.feed import Feed
from execution.figures import figure
from execution.instruments import Instrument, MarketKind
from execution.market import BALANCES_HOLD, Market
from execution.positions import Position
from execution.rounding import exactly
from execution.store import Transaction
from execution.symbols import assets, is_spot, resolve
from execution.types import ZERO, Fill, Mode, OrderState, Side

_BALANCES_KNOWN = BALANCES_HOLD + timedelta(seconds=5)
"""Balances this young are as fresh as a venue that answers is asked for them."""


_POSITIONS_KNOWN = timedelta(seconds=40)
"""Positions in contracts are asked for with each comparison; a refusal for their age asks for one."""


def tell_found(tx: Transaction, feed: Feed, held: Mapping[str, Decimal], *, resting: int) -> None:
    """Say, once for each account, what it held before our first order, and how many orders rested there.

    `held` is by asset, of contracts the positions by symbol. The paper venue's books are our own: nothing
    is found in them.
    """
    venue = feed.venue
    if venue.mode is Mode.PAPER:
        return

    def told() -> bytes:
        amounts = sorted(held.items())
        holdings = " ".join(f"{name}={amount:f}" for name, amount in amounts if amount)
        first = not tx.orders.symbols(venue.name)
        if first and (holdings or resting):
            tx.journal.add(
                EventKind.ACCOUNT_FOUND,
                tx.now,
                venue=venue.name,
                holdings=holdings,
                orders=resting,
            )
        return b"told"

    tx.fact(f"found:{venue.name}:{venue.exchange}:{venue.mode}", told)


def venue_with(market: Market, default: str | None, sent: str) -> Feed | None:
    """Whose account is meant by a market: the default venue's, or that of the only one that has it.

    A default venue whose markets are not known yet may have it.
    """
    feeds = market.feeds()
    having = [one for one in feeds.values() if _symbol(one, sent) is not None]
    first = feeds.get(default or "")
    unknown = first is not None and not first.loaded
    return first if unknown or first in having or len(having) != 1 else having[0]


def adopt(
    tx: Transaction,
    feed: Feed | None,
    *,
    sent: str,
    amount: Decimal,
    average: Decimal,
    actor: str,
    name: str,
) -> Position | None:
    """Take over an amount (base asset) of what is held there, made at this average (quote currency).

    `feed` is the venue's; `sent` is the market in anybody's spelling. Of contracts that is a part of what
    the exchange shows and our fills do not come to, negative where less is held: so a position that was
    liquidated leaves our books. The same amount and average are taken over once.

    Returns what is held then; None: nothing.

    Raises:
        NotPossible: there is no such market, not so much is held, or it is not known now.
    """
    if feed is None:
        raise NotPossible("No venue is the default one: mark one with default = true.")
    instrument = _instrument(feed, sent)
    venue, symbol = feed.venue.name, instrument.symbol
    _demand_rest(tx, venue, instrument)
    demand = _demand_room if is_spot(symbol) else _demand_difference
    demand(tx, feed, instrument, amount)
    trade_id = f"adopted:{amount.normalize():f}@{average.normalize():f}"
    if tx.fills.known(venue, symbol, [trade_id]):
        what = f"{figure(amount)} {instrument.base} at {figure(average)}"
        raise NotPossible(f"{what} was adopted before; the same is not adopted twice.")
    fill = Fill(
        id=tx.new_id(),
        order=None,
        ticket=None,
        venue=venue,
        symbol=symbol,
        side=Side.BUY if amount > 0 else Side.SELL,
        trade_id=trade_id,
        amount=abs(amount),
        price=average,
        fee=ZERO,
        fee_currency=None,
        at=tx.now - feed.venue.clock_ahead,
    )
    tx.fills.add(fill)
    tx.journal.add(
        EventKind.POSITION_ADOPTED,
        tx.now,
        actor=actor,
        name=name,
        venue=venue,
        symbol=symbol,
        fill=fill.id,
        amount=amount,
        average=average,
    )
    booking.let_go(tx, venue, symbol)
    return tx.positions.of(venue, symbol)


def _symbol(feed: Feed, sent: str) -> str | None:
    swap = feed.venue.kind is MarketKind.SWAP
    return resolve(sent, feed.venue.instruments(), swap=swap)


def _instrument(feed: Feed, sent: str) -> Instrument:
    """The market that is meant."""
    if not feed.loaded:
        raise NotPossible(f"The venue {feed.venue.name} is not connected: {feed.reason}.")
    symbol = _symbol(feed, sent)
    if symbol is None:
        raise NotPossible(f"There is no market {sent} at {feed.venue.name}.")
    return feed.venue.instruments()[symbol]


def _demand_rest(tx: Transaction, venue: str, instrument: Instrument) -> None:
    """Nothing of ours changes what is held there just now; of contracts what rests may stay."""
    rests = frozenset() if is_spot(instrument.symbol) else {OrderState.WORKING}
    for order in tx.orders.in_state(*orders.LIVE, OrderState.PLANNED, OrderState.STUCK):
        here = order.venue == venue and assets(order.symbol)[0] == instrument.base
        if here and order.state not in rests:
            raise NotPossible(f"An order in {order.symbol} is on its way: adopt when it has ended.")


@exactly
def _demand_room(tx: Transaction, feed: Feed, instrument: Instrument, amount: Decimal) -> None:
    """So much is held there that is no position yet, as far as can be known now."""
    venue, base, asked_at = feed.venue.name, instrument.base, feed.balances_at
    if amount <= 0:
        raise NotPossible("On spot what is adopted was bought: the amount is more than zero.")
    if asked_at is None or feed.balances_due or tx.now - asked_at > _BALANCES_KNOWN:
        raise NotPossible(f"What {venue} holds just now is not known; try again in a moment.")
    balance = feed.balances.get(base)
    held = ZERO if balance is None else balance.free + balance.locked
    ours = sum(
        (p.amount for p in tx.positions.open() if p.venue == venue and assets(p.symbol)[0] == base),
        ZERO,
    )
    if amount > held - ours:
        known = f"The account at {venue} holds {figure(held)} {base}"
        if ours:
            known += f", {figure(ours)} of it in positions"
        raise NotPossible(f"{known}: {figure(max(held - ours, ZERO))} can be adopted.")


@exactly
def _demand_difference(
    tx: Transaction, feed: Feed, instrument: Instrument, amount: Decimal
) -> None:
    """The exchange shows so much more, or less, of a position than our fills come to."""
    venue, symbol = feed.venue.name, instrument.symbol
    position, asked_at = tx.positions.of(venue, symbol), feed.contracts_at
    young = asked_at is not None and tx.now - asked_at <= _POSITIONS_KNOWN
    if feed.contracts is None or not young or symbol in contracts.just_moved(tx, venue, tx.now):
        feed.compare_due = True
        raise NotPossible(f"What {venue} holds just now is not known; try again in a moment.")
    ours = ZERO if position is None else position.amount
    theirs = feed.contracts.positions.get(symbol, ZERO)
    gap = theirs - ours
    if not amount or amount * gap < 0 or abs(amount) > abs(gap):
        shown = f"{venue} shows a position of {figure(theirs)} {instrument.base}"
        raise NotPossible(
            f"{shown}, our fills come to {figure(ours)}: {figure(gap)} can be adopted."
        )
