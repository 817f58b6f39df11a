"""How far the present halt has come: what is canceled at each venue, and what of each position is closed.

The chat's checklist and the command line show it; nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from execution import closing, orders, protection, stopping
from execution.market import Market
from execution.record import Record
from execution.reports import TicketView, VenueView, exchanges, ticket_views, venue_views
from execution.rounding import exactly
from execution.store import Transaction
from execution.symbols import assets
from execution.trading import Halt
from execution.types import ZERO, Fill, Order, OrderState, Side


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepView(Record):
    """How far a halt has come at one venue."""

    venue: VenueView
    orders: int
    """Orders of ours that it asked to cancel, those in doubt included."""
    ended: int
    """How many of them are known to have ended."""
    kept: Sequence[Order]
    """Stops of ours that stay, since they protect an open position."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExitView(Record):
    """A position while the desk is halted: open, being closed, or closed since."""

    venue: str
    exchange: str
    symbol: str
    amount: Decimal
    """Base asset that is held still; of one that is being closed, what is to go out of that."""
    sold: Decimal
    """Base asset that was closed since the halt, at `average`."""
    average: Decimal | None
    closing: bool
    """Whether more of it is to go out."""
    unsellable: str | None
    """Why what is held cannot be sold from here; None while it may be."""
    value: Decimal | None
    """What is held at its last price, in `general.currency`; None where that is not known."""
    reason: str | None
    """Why what is left was not closed."""
    short: bool = False
    """Whether what is held, or was, is a short position."""


def exits(tx: Transaction, market: Market, halt: Halt) -> list[ExitView]:
    """Every open position, and what was closed since the halt."""
    names, since = exchanges(market), closing.of_halt(tx, halt)
    closings: dict[tuple[str, str], list[TicketView]] = {}
    for view in ticket_views(tx, since, names):
        closings.setdefault((view.ticket.venue, view.ticket.asked.symbol), []).append(view)
    positions = tx.positions.open()
    held = {(one.venue, one.symbol): abs(one.amount) for one in positions}
    short = {(one.venue, one.symbol) for one in positions if one.amount < 0}
    stuck = {(one.venue, one.symbol): closing.unsellable(market, one) for one in positions}
    going = {
        (one.venue, one.asked.symbol): closing.left(tx, one) for one in closing.open_closings(tx)
    }
    if halt.flatten is not None:
        going |= {(p.venue, p.symbol): abs(p.amount) for p in closing.to_close(tx, market)}
    found = []
    for key in sorted(held.keys() | closings.keys()):
        (venue, symbol), views = key, closings.get(key, [])
        amount = going.get(key, held.get(key, ZERO))
        fills = [fill for view in views for fill in view.fills]
        found.append(
            ExitView(
                venue=venue,
                exchange=names.get(venue, venue),
                symbol=symbol,
                amount=amount,
                sold=sum((fill.amount for fill in fills), ZERO),
                average=_average(fills),
                closing=key in going,
                unsellable=stuck.get(key),
                value=_value(market, venue, symbol, amount),
                reason=views[0].ticket.reason if views else None,
                short=key in short or any(one.ticket.asked.side is Side.BUY for one in views),
            )
        )
    return found


def sweeps(tx: Transaction, market: Market) -> list[SweepView]:
    """How far the present halt has come, venue by venue."""
    halt = tx.trading().halt
    assert halt is not None, "only a halt is swept"
    kept = protection.protecting(tx)
    # What is live counts from the first moment, also before its cancel is asked for.
    live = tx.orders.in_state(*orders.LIVE, OrderState.STUCK)
    swept = {o.id: o for o in live if o not in kept and not orders.is_exit(o)}
    for order in tx.orders.canceled_since(halt.at):
        if order.cancel_reason == stopping.HALTED and order.sent_at is not None:
            swept[order.id] = order
    asked = list(swept.values())
    return [
        SweepView(
            venue=view,
            orders=sum(1 for o in asked if o.venue == view.name),
            ended=sum(1 for o in asked if o.venue == view.name and o.state in orders.ENDED),
            kept=[o for o in kept if o.venue == view.name],
        )
        for view in venue_views(tx, market)
    ]


@exactly
def _average(fills: Sequence[Fill]) -> Decimal | None:
    """Their average price in quote currency; None for none."""
    amount = sum((fill.amount for fill in fills), ZERO)
    return sum((fill.amount * fill.price for fill in fills), ZERO) / amount if amount else None


@exactly
def _value(market: Market, venue: str, symbol: str, amount: Decimal) -> Decimal | None:
    """So much of a base asset at its last price, in `general.currency`; None where that is not known."""
    quote = market.quote(venue, symbol, max_age=None)
    rate = None if quote is None else market.last_rate(venue, assets(symbol)[1])
    return None if quote is None or rate is None else amount * quote.mid * rate.value
