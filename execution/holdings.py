"""What an account held before us: told once, left alone; a part becomes a position when an owner says so.

A fill without an order says it, so that positions are still what all fills come to. It must never take
over what is a position already, so it wants balances that are newer than the last of our orders.
"""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from execution import orders
from execution.errors import NotPossible
from execution.events import EventKind
from execution.feed import Feed
from execution.figures import figure
from execution.instruments import Instrument
from execution.market import BALANCES_HOLD
from execution.positions import Position
from execution.rounding import exactly
from execution.store import Transaction
from execution.symbols import assets, resolve
from execution.types import ZERO, Fill, Mode, OrderState, Side

_BALANCES_KNOWN = BALANCES_HOLD + timedelta(seconds=5)
"""Balances this young are as fresh as a venue that answers is asked for them."""


def tell_found(tx: Transaction, feed: Feed, *, resting: int) -> None:
    """Say, once for each account, what it held before our first order, and how many orders rested there.

    The paper venue's books are our own: nothing is found in them.
    """
    venue = feed.venue
    if venue.mode is Mode.PAPER or feed.balances_at is None:
        return

    def told() -> bytes:
        held = {asset: b.free + b.locked for asset, b in sorted(feed.balances.items())}
        holdings = " ".join(f"{asset}={amount:f}" for asset, amount in held.items() if amount)
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


def adopt(
    tx: Transaction,
    feed: Feed | None,
    *,
    sent: str,
    amount: Decimal,
    average: Decimal,
    actor: str,
    name: str,
) -> Position:
    """Take over an amount (base asset) of what is held there, bought at this average (quote currency).

    `feed` is the default venue's; `sent` is the market in anybody's spelling. The same amount and average are taken over once.

    Raises:
        NotPossible: there is no such market, not so much is held, or it is not known now.
    """
    if feed is None:
        raise NotPossible("No venue is the default one: mark one with default = true.")
    instrument = _instrument(feed, sent)
    venue, symbol = feed.venue.name, instrument.symbol
    _demand_room(tx, feed, instrument.base, amount)
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
        side=Side.BUY,
        trade_id=trade_id,
        amount=amount,
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
    position = tx.positions.of(venue, symbol)
    assert position is not None, "something was just added to it"
    return position


def _instrument(feed: Feed, sent: str) -> Instrument:
    """The market that is meant."""
    if not feed.loaded:
        raise NotPossible(f"The venue {feed.venue.name} is not connected: {feed.reason}.")
    known = feed.venue.instruments()
    symbol = resolve(sent, known)
    if symbol is None:
        raise NotPossible(f"There is no market {sent} at {feed.venue.name}.")
    return known[symbol]


@exactly
def _demand_room(tx: Transaction, feed: Feed, base: str, amount: Decimal) -> None:
    """So much is held there that is no position yet, as far as can be known now."""
    venue = feed.venue.name
    for order in tx.orders.in_state(*orders.LIVE, OrderState.PLANNED, OrderState.STUCK):
        if order.venue == venue and assets(order.symbol)[0] == base:
            raise NotPossible(f"An order in {order.symbol} is on its way: adopt when it has ended.")
    asked_at = feed.balances_at
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
