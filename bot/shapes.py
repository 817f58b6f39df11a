"""The shapes of `/api`: views to JSON. Public interface, changed only on purpose.

Pure. Amounts and prices are strings, times ISO 8601 UTC.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.telegram import dead_man
from execution.contracts import Apart
from execution.equity import Standing
from execution.halt_file import AskedHalt
from execution.reports import PositionView, StatusView, TicketView
from execution.rounding import plain
from execution.trading import Halt, Trading, standing_halt
from execution.types import Fill, Order, TradingState

Json = dict[str, Any]


def number(value: Decimal | None) -> str | None:
    """An exact number as text, without an exponent."""
    return None if value is None else plain(value)


def moment(at: datetime | None) -> str | None:
    """ISO 8601 in UTC."""
    return None if at is None else at.isoformat().replace("+00:00", "Z")


def order_json(order: Order, fills: Sequence[Fill]) -> Json:
    """One order with what was filled of it."""
    filled = sum((f.amount for f in fills), Decimal(0))
    cost = sum((f.amount * f.price for f in fills), Decimal(0))
    return {
        "id": order.id,
        "ticket": order.ticket,
        "leg": order.leg,
        "client_order_id": order.client_order_id,
        "venue_order_id": order.venue_order_id,
        "state": order.state,
        "venue": order.venue,
        "symbol": order.symbol,
        "side": order.side,
        "type": order.type,
        "amount": number(order.amount),
        "price": number(order.price),
        "stop_price": number(order.stop_price),
        "time_in_force": order.time_in_force,
        "filled": number(filled),
        "average": number(cost / filled) if filled else None,
        "reason": order.reason,
        "created_at": moment(order.created_at),
        "sent_at": moment(order.sent_at),
        "ended_at": moment(order.ended_at),
    }


def fill_json(fill: Fill) -> Json:
    """One fill."""
    return {
        "id": fill.id,
        "order": fill.order,
        "ticket": fill.ticket,
        "venue": fill.venue,
        "symbol": fill.symbol,
        "side": fill.side,
        "amount": number(fill.amount),
        "price": number(fill.price),
        "fee": number(fill.fee),
        "fee_currency": fill.fee_currency,
        "at": moment(fill.at),
        "inferred": fill.inferred,
    }


def ticket_json(view: TicketView) -> Json:
    """One ticket with its votes, refusals and orders."""
    ticket = view.ticket
    about = ticket.terms or ticket.asked
    price = about.price
    if ticket.terms is not None and price is None:
        price = ticket.terms.worst_price
    of_order = {o.id: [f for f in view.fills if f.order == o.id] for o in view.orders}
    return {
        "id": ticket.id,
        "signal": ticket.signal,
        "source": ticket.source,
        "state": ticket.state,
        "revision": ticket.revision,
        "symbol": about.symbol,
        "side": about.side,
        "type": about.type,
        "amount": number(about.amount),
        "price": number(price),
        "stop_price": None if ticket.terms is None else number(ticket.terms.stop_price),
        "notional": number(about.notional),
        "venue": ticket.venue,
        "mode": ticket.mode,
        "rule": ticket.rule,
        "required": ticket.required,
        "votes": [
            {
                "person": vote.person,
                "name": vote.name,
                "vote": vote.vote,
                "revision": vote.revision,
                "counts": (vote.revision, vote.fingerprint)
                == (ticket.revision, ticket.fingerprint),
                "at": moment(vote.at),
            }
            for vote in view.votes
        ],
        "refusals": [{"code": r.code, "text": r.text} for r in ticket.refusals],
        "orders": [order_json(o, of_order[o.id]) for o in view.orders],
        "expires_at": moment(ticket.expires_at),
        "goes_ahead_at": moment(ticket.goes_ahead_at),
        "proposer": ticket.proposer,
        "then": number(ticket.then),
        "after": ticket.after,
        "replaces": ticket.replaces,
        "created_at": moment(ticket.created_at),
        "reason": ticket.reason,
        "note": ticket.note,
    }


def position_json(view: PositionView) -> Json:
    """One position."""
    age = view.mark_age
    return {
        "venue": view.venue,
        "symbol": view.symbol,
        "amount": number(view.amount),
        "average": number(view.average),
        "mark": number(view.mark),
        "mark_age_s": None if age is None else round(age.total_seconds(), 3),
        "unrealized": number(view.unrealized),
        "realized_today": number(view.realized_today),
        "stop": number(view.stop),
        "currency": view.currency,
    }


def apart_json(symbol: str, one: Apart) -> Json:
    """A market whose position at the exchange is not what our fills come to: its entries wait."""
    ours, theirs = number(one.ours), number(one.theirs)
    return {"symbol": symbol, "ours": ours, "theirs": theirs, "since": moment(one.since)}


def standing_json(standing: Standing | None) -> Json:
    """The day's result and the drawdown of the last reading; null where they are not known."""
    day = None if standing is None else standing.day
    result = day and {
        "day": day.day.isoformat(),
        "total": number(day.total),
        "realized": number(day.realized),
        "unrealized": number(day.unrealized),
        "apart": {unit: number(amount) for unit, amount in day.apart.items()},
        "prices_at": moment(day.prices_at),
    }
    fall = None
    if standing is not None and standing.drawdown is not None:
        fall = {
            "share": number(standing.drawdown),
            "equity": number(standing.equity),
            "mark": number(standing.mark),
            "prices_at": moment(standing.prices_at),
        }
    return {"day_result": result, "drawdown": fall}


def halt_json(trading: Trading) -> Json | None:
    """Who halted, when, why, and whether it is proved."""
    halt = standing_halt(trading)
    if halt is None:
        return None
    asked = halt.flatten
    flatten = None if asked is None else {"by": asked.by, "at": moment(asked.at)}
    return _stopped(halt) | {"verified": halt.verified_at is not None, "flatten": flatten}


def pause_json(trading: Trading) -> Json | None:
    """Who paused, when and why."""
    if trading.state is not TradingState.PAUSED or trading.halt is None:
        return None
    return _stopped(trading.halt)


def unsaved_json(asked: AskedHalt) -> Json:
    """What `/api/status` says of a halt that holds and is not stored yet."""
    flatten = {"by": asked.by, "at": None} if asked.flatten else None
    halt: Json = {"by": asked.by, "at": None, "reason": asked.reason, "verified": False}
    halt["flatten"] = flatten
    return {"trading": TradingState.HALTED, "halt": halt}


def _stopped(halt: Halt) -> Json:
    return {"by": halt.by, "at": moment(halt.at), "reason": halt.reason}


def status_json(view: StatusView) -> Json:
    """The truth at this moment."""
    return {
        "version": view.version,
        "mode": view.mode,
        "trading": view.trading.state,
        "halt": halt_json(view.trading),
        "venues": [
            {
                "name": venue.name,
                "exchange": venue.exchange,
                "mode": venue.mode,
                "market": venue.kind,
                "connected": venue.connected,
                "reason": venue.reason,
                "stream": None if venue.stream is None else "up" if venue.stream else "down",
                "stream_heard": moment(venue.stream_heard),
                "open_orders": venue.open_orders,
                "last_reconciled": moment(venue.last_reconciled),
                "dead_man": dead_man.setting(venue),
                "dead_man_renewed": moment(venue.armed_at),
                "certified": venue.certified,
                "positions_apart": [apart_json(symbol, one) for symbol, one in venue.apart.items()],
            }
            for venue in view.venues
        ],
        "tickets": {"pending": view.pending},
        "orders": {"open": view.open, "unknown": view.unknown},
        "positions": [position_json(p) for p in view.positions],
        "undelivered": view.undelivered,
        "duplicates": view.duplicates,
        "uptime_s": round(view.uptime.total_seconds(), 3),
        "pause": pause_json(view.trading),
        **standing_json(view.standing),
        "stops": [
            {"kind": s.kind, "since": moment(s.since), "figure": number(s.figure)}
            for s in view.stops
        ],
    }
