"""What a venue's reports and trades do to stored orders, fills and tickets: one transaction each.

The executor and reconcile both call this with what they saw; neither writes an order's state itself.
A fill is booked once, an order ends only when the fills its venue claims are booked, and its ticket
ends with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal

from execution import approval, flips, orders, pairs, protection, replacing, rules, trading
from execution.approval import Policy
from execution.events import EventKind
from execution.figures import figure
from execution.polling import ASK_FOR_TRADES_AGAIN, POLL, next_poll
from execution.store import Transaction
from execution.symbols import is_spot
from execution.types import ZERO, Fill, Order, OrderState, Refusal, Terms, Ticket, TicketState
from execution.venues.venue import Report, Trade

TESTED = "test, nothing sent"
"""The reason a ticket carries that only tried the path, however it was approved."""
WAIT_FOR_TRADES = timedelta(seconds=5)
"""How long a closed order waits for trades the venue claims but does not show yet."""

_EVENT_OF = {
    OrderState.DENIED: EventKind.ORDER_DENIED,
    OrderState.IN_DOUBT: EventKind.ORDER_IN_DOUBT,
    OrderState.WORKING: EventKind.ORDER_WORKING,
    OrderState.CANCELING: EventKind.ORDER_CANCELING,
    OrderState.FILLED: EventKind.ORDER_FILLED,
    OrderState.CANCELED: EventKind.ORDER_CANCELED,
    OrderState.EXPIRED: EventKind.ORDER_EXPIRED,
    OrderState.REJECTED: EventKind.ORDER_REJECTED,
    OrderState.ABSENT: EventKind.ORDER_ABSENT,
    OrderState.STUCK: EventKind.ORDER_STUCK,
    OrderState.SENDING: EventKind.ORDER_SENDING,
    OrderState.PLANNED: EventKind.ORDER_NOT_SENT,
}


def move_order(
    tx: Transaction, order: Order, to: OrderState, *, reason: str | None = None, **changes: object
) -> Order:
    """Move an order, with its event; its ticket ends with it when nothing of it is live."""
    after = orders.moved(order, to, tx.now, reason=reason).evolve(**changes)
    tx.orders.change(order, after)
    tx.journal.add(_EVENT_OF[to], tx.now, ticket=order.ticket, order=order.id, reason=reason)
    if to in orders.ENDED:
        settle(tx, order.ticket, ended=True)
    return after


def book(
    tx: Transaction,
    order_id: str,
    report: Report,
    trades: Sequence[Trade] | None,
    *,
    streamed: bool = False,
) -> Order:
    """Apply what the venue showed: trades first, then the state they add up to.

    Without `trades` it did not answer what they are: it is asked until it does. The next look is later while
    a stream would ring for the order before (`streamed`).
    """
    before = tx.orders.get(order_id)
    earlier = _booked(tx, before)
    booked = _book_trades(tx, before, trades or ())
    short = max(report.filled, before.reported) - booked
    closed = report.state in orders.ENDED
    if closed and short > ZERO:
        since = before.short_since or tx.now
        # An ended order does not wait: late trades take the place of the claim.
        if before.state not in orders.ENDED and tx.now - since < WAIT_FOR_TRADES:
            return _wait_for_trades(tx, before, report)
        booked += _infer(tx, before, report, short)
    applied = orders.apply_report(before, report, tx.now)
    next_look = next_poll(tx, applied.order, booked=booked, streamed=streamed)
    if trades is None:
        next_look = next_look or tx.now + ASK_FOR_TRADES_AGAIN
    after = applied.order.evolve(
        short_since=None,
        next_look_at=next_look,
        doubted_at=None,
    )
    tx.orders.change(before, after)
    if after.state is not before.state:
        tx.journal.add(
            _EVENT_OF[after.state],
            tx.now,
            ticket=after.ticket,
            order=after.id,
            found=before.state is OrderState.IN_DOUBT or None,
        )
    if applied.resurrected:
        tx.journal.add(
            EventKind.ORDER_RISEN,
            tx.now,
            ticket=after.ticket,
            order=after.id,
            ended_as=before.state,
            reason=before.cancel_reason or before.reason,
        )
        doubt_halt(tx)
    if booked > earlier:
        _tell_overfill(tx, after, earlier=earlier, booked=booked)
        let_go(tx, after.venue, after.symbol)
    if after.state in orders.ENDED and after.next_look_at is None:
        _add_up(tx, after, claimed=max(report.filled, after.reported))
    if after.state in orders.ENDED:
        settle(tx, after.ticket, ended=before.state not in orders.ENDED)
    return after


def _tell_overfill(tx: Transaction, order: Order, *, earlier: Decimal, booked: Decimal) -> None:
    """Say, once, that the venue filled more than was asked for: by this order, or all legs together."""
    ticket, legs = tx.tickets.get(order.ticket), tx.orders.of_ticket(order.ticket)
    assert ticket is not None, "an order has a ticket"
    others = sum((_booked(tx, leg) for leg in legs if leg.id != order.id), ZERO)
    whole = legs[0].amount if ticket.terms is None else orders.whole(ticket.terms, legs)
    if (room := replacing.may_have_filled(tx, ticket, legs)) is not None:
        whole = room
    if booked > order.amount >= earlier or booked + others > whole >= earlier + others:
        tx.journal.add(
            EventKind.OVERFILL, tx.now, ticket=order.ticket, order=order.id, by=booked + others
        )
        filled, ordered = figure(booked + others), figure(whole)
        pairs.block(tx, order, f"{filled} was filled where {ordered} was ordered.")


def let_go(tx: Transaction, venue: str, symbol: str) -> None:
    """Have canceled what was to make a position in contracts smaller, once there is none.

    The next position is not theirs to end. On spot such an order sells of what was held before us, as its
    card said.
    """
    if is_spot(symbol) or tx.positions.of(venue, symbol) is not None:
        return
    for order in tx.orders.in_state(OrderState.PLANNED, *orders.LIVE):
        if (order.venue, order.symbol) == (venue, symbol) and order.reduces:
            request_cancel(tx, order, actor="desk", reason=orders.NO_POSITION)


def _add_up(tx: Transaction, order: Order, *, claimed: Decimal) -> None:
    """Block the pair of an order that is looked at no more, and whose trades are not what it is said
    to have filled.
    """
    traded = sum((f.amount for f in tx.fills.of_order(order.id) if not f.inferred), ZERO)
    if traded != claimed:
        said = f"{order.venue} says {figure(claimed)} of an order was filled"
        pairs.block(tx, order, f"{said}, and shows trades of {figure(traded)}.")


def doubt_halt(tx: Transaction) -> None:
    """A halt that was proved is not proved any more: something of ours turned up."""
    state = tx.trading()
    if state.halt is not None and state.halt.verified_at is not None:
        tx.set_trading(state, trading.doubted(state))


def settle(tx: Transaction, ticket_id: str, *, ended: bool) -> None:
    """End a ticket whose orders have all ended; a late fill turns an ended one into done.

    One whose rest goes out again stays at work: the executor finds it so. When the last one `ended`
    only now, and it was a position's only stop, that is told.
    """
    ticket = tx.tickets.get(ticket_id)
    assert ticket is not None, "an order has a ticket"
    legs = tx.orders.of_ticket(ticket_id)
    if any(leg.state not in orders.ENDED for leg in legs):
        return
    reason = legs[-1].cancel_reason or legs[-1].reason
    if orders.next_leg(ticket, legs) is None:
        end(tx, ticket, legs, reason=reason)
        if ended:
            protection.tell_of_gone(tx, ticket, legs, reason=reason)


def end(tx: Transaction, ticket: Ticket, legs: Sequence[Order], *, reason: str | None) -> None:
    """End a ticket for which nothing more is sent, by what its orders came to."""
    filled = any(tx.fills.of_order(leg.id) for leg in legs)
    to = TicketState.DONE if filled else _unfilled_end(legs)
    if to is not ticket.state and to in approval.MOVES[ticket.state]:
        move_ticket(tx, ticket, to, reason=reason)


def move_ticket(
    tx: Transaction,
    ticket: Ticket,
    to: TicketState,
    *,
    reason: str | None,
    rule: str | None = None,
) -> Ticket:
    """Move a ticket to its next state, with its event; a `rule` decides when its veto window ran out."""
    after = approval.moved(ticket, to, tx.now, reason=reason, unopposed=rule is not None)
    tx.tickets.change(ticket, after)
    kind = EventKind(f"ticket_{to}")
    actor = None if rule is None else f"rule:{rule}"
    tx.journal.add(kind, tx.now, ticket=ticket.id, actor=actor, reason=reason)
    flips.go_on(tx, after, ticket.state)
    for other, why in replacing.void(tx, after, ticket.state):
        move_ticket(tx, other, TicketState.CANCELED, reason=why)
    replacing.tell_of_gone(tx, after, ticket.state)
    return after


def refuse(tx: Transaction, ticket: Ticket, refusals: tuple[Refusal, ...]) -> Ticket:
    """A rule objects to what people approved: nothing is sent, the ticket ends with the reasons."""
    with_reasons = ticket.evolve(refusals=refusals)
    tx.tickets.change(ticket, with_reasons)
    return move_ticket(tx, with_reasons, TicketState.REFUSED, reason=refusals[0].text)


def revise(
    tx: Transaction,
    ticket: Ticket,
    terms: Terms,
    *,
    policy: Policy,
    kind: EventKind,
    actor: str,
    reason: str,
    moved_from: Decimal | None = None,
    facts: Mapping[str, str] | None = None,
) -> Ticket:
    """Give a ticket new terms to approve: a new revision with a new deadline, earlier votes void.

    `facts` are what the journal says of it besides.
    """
    after = approval.revised(
        ticket,
        terms,
        rule=rules.met(tx, policy, ticket.evolve(terms=terms, decided_at=None)),
        at=tx.now,
        reason=reason,
        moved_from=moved_from,
    )
    tx.tickets.change(ticket, after)
    replacing.tell_of_gone(tx, after, ticket.state)
    tx.journal.add(
        kind,
        tx.now,
        ticket=ticket.id,
        actor=actor,
        reason=reason,
        revision=after.revision,
        fingerprint=after.fingerprint,
        **(facts or {}),
    )
    return after


def follow_rules(tx: Transaction, ticket: Ticket, policy: Policy) -> None:
    """A ticket whose rule is another one today is asked again, or blocked."""
    if ticket.terms is None:
        return
    rule = rules.met(tx, policy, ticket)
    if (blocked := rules.blocked(rule)) is not None:
        refuse(tx, ticket, (blocked,))
    elif approval.fingerprint_of(ticket, rule) != ticket.fingerprint:
        revise(
            tx,
            ticket,
            ticket.terms,
            policy=policy,
            kind=EventKind.TICKET_REVISED,
            actor="desk",
            reason=f"the rule {rule.name} applies now"
            if rule.name != ticket.rule
            else "its rule or its terms are not what they were",
        )


def ask_again(
    tx: Transaction, ticket: Ticket, terms: Terms, *, policy: Policy, reason: str | None = None
) -> Ticket:
    """What was approved does not hold any more: nothing is sent, people are asked again.

    Without another `reason` the price moved past it.
    """
    assert ticket.terms is not None, "only a priced ticket can be priced again"
    return revise(
        tx,
        ticket,
        terms,
        policy=policy,
        kind=EventKind.TICKET_ASKED_AGAIN,
        actor="desk",
        reason=reason or "the price moved",
        moved_from=ticket.terms.reference if reason is None else None,
    )


def request_cancel(tx: Transaction, order: Order, *, actor: str, reason: str) -> Order:
    """Note that the rest of an order is to be canceled; the executor carries it out."""
    if order.state is OrderState.PLANNED:
        return move_order(tx, order, OrderState.DENIED, reason=reason, cancel_reason=reason)
    if order.cancel_requested_at is not None and order.cancel_reason != orders.TIMED_OUT:
        return order
    after = order.evolve(cancel_requested_at=tx.now, cancel_reason=reason, next_look_at=tx.now)
    tx.orders.change(order, after)
    tx.journal.add(
        EventKind.ORDER_CANCEL_REQUESTED,
        tx.now,
        ticket=order.ticket,
        order=order.id,
        actor=actor,
        reason=reason,
    )
    return after


def withdraw(tx: Transaction, ticket_id: str, *, reason: str) -> bool:
    """Send nothing more of a ticket whose rest was to go out again; whether it was one."""
    ticket, legs = tx.tickets.get(ticket_id), tx.orders.of_ticket(ticket_id)
    if ticket is None or not legs or orders.next_leg(ticket, legs) is None:
        return False
    end(tx, ticket, legs, reason=reason)
    return True


def _unfilled_end(legs: Sequence[Order]) -> TicketState:
    """How a ticket ends whose last order ended with nothing filled."""
    last = legs[-1]
    if last.state is OrderState.EXPIRED:
        return TicketState.EXPIRED
    if last.state is OrderState.CANCELED or last.cancel_reason is not None:
        return TicketState.CANCELED
    # What was held back of a later leg leaves the ticket as the earlier one did: canceled.
    held_back = last.state is OrderState.DENIED and len(legs) > 1
    return TicketState.CANCELED if held_back else TicketState.FAILED


def _wait_for_trades(tx: Transaction, before: Order, report: Report) -> Order:
    """The venue says closed and claims more than it shows: look again shortly."""
    after = before.evolve(
        reported=max(before.reported, report.filled),
        venue_order_id=before.venue_order_id or report.venue_order_id,
        short_since=before.short_since or tx.now,
        next_look_at=tx.now + POLL / 2,
    )
    tx.orders.change(before, after)
    return after


def _book_trades(tx: Transaction, order: Order, trades: Sequence[Trade]) -> Decimal:
    """Store the trades not booked yet; the base amount booked for this order then."""
    known = tx.fills.known(order.venue, order.symbol, [t.trade_id for t in trades])
    fresh = {t.trade_id: t for t in trades if t.trade_id not in known}.values()
    if fresh:
        tx.fills.drop_inferred(order.id)
    for trade in fresh:
        _add_fill(tx, order, trade, inferred=False)
    for trade in trades:
        held = known.get(trade.trade_id)
        if held is not None and (held.amount, held.price) != (trade.amount, trade.price):
            _tell_conflict(tx, order, held, trade)
    return _booked(tx, order)


def _tell_conflict(tx: Transaction, order: Order, held: Fill, trade: Trade) -> None:
    """Say, once for each figure, that a trade reads differently now; it stays as it was booked."""
    data = {
        "trade": trade.trade_id,
        "booked": f"{held.amount} at {held.price}",
        "shown": f"{trade.amount} at {trade.price}",
    }
    told = tx.journal.of_ticket(order.ticket)
    if not any(one.kind is EventKind.FILL_CONFLICT and dict(one.data) == data for one in told):
        tx.journal.add(EventKind.FILL_CONFLICT, tx.now, ticket=order.ticket, order=order.id, **data)
        booked, shown = data["booked"], data["shown"]
        pairs.block(tx, order, f"a trade booked as {booked} is shown as {shown} now.")


def _booked(tx: Transaction, order: Order) -> Decimal:
    return sum((f.amount for f in tx.fills.of_order(order.id)), ZERO)


def _infer(tx: Transaction, order: Order, report: Report, short: Decimal) -> Decimal:
    """Book what the venue claims but shows no trade for, under an id that a replay makes again."""
    price = report.average or report.price or order.counted_at
    claimed = Trade(
        trade_id=f"inf:{order.client_order_id}:{report.filled}",
        venue_order_id=report.venue_order_id,
        symbol=order.symbol,
        side=order.side,
        amount=short,
        price=price,
        fee=ZERO,
        fee_currency=None,
        at=report.at or tx.now,
    )
    _add_fill(tx, order, claimed, inferred=True)
    return short


def _add_fill(tx: Transaction, order: Order, trade: Trade, *, inferred: bool) -> None:
    fill = Fill(
        id=tx.new_id(),
        order=order.id,
        ticket=order.ticket,
        venue=order.venue,
        symbol=order.symbol,
        side=order.side,
        trade_id=trade.trade_id,
        amount=trade.amount,
        price=trade.price,
        fee=trade.fee,
        fee_currency=trade.fee_currency,
        at=trade.at,
        inferred=inferred,
    )
    tx.fills.add(fill)
    tx.journal.add(
        EventKind.FILL,
        tx.now,
        ticket=order.ticket,
        order=order.id,
        fill=fill.id,
        amount=fill.amount,
        price=fill.price,
        inferred=inferred or None,
    )
