"""Ordinary records for tests of the pure rules: a test names only what it is about.

One market (BTC/USDT, 99 to 100, round steps) so that the numbers can be checked by reading.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from execution.checks import Arrival, Snapshot
from execution.exposure import SizingFacts
from execution.instruments import Instrument
from execution.pricing import PriceTerms
from execution.sizing import make_terms
from execution.trading import ACTIVE_FROM_THE_START, Trading
from execution.types import (
    Fill,
    Mode,
    OrderType,
    Quote,
    Refusal,
    Side,
    Signal,
    Size,
    SizeKind,
    Terms,
    TimeInForce,
    TradingState,
)

D = Decimal
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)  # a Monday
"""The moment all of them are about."""


def instrument(**changes: Any) -> Instrument:
    """BTC/USDT in steps of 0.001 and 0.01, without limits."""
    given: dict[str, Any] = {
        "symbol": "BTC/USDT",
        "base": "BTC",
        "quote": "USDT",
        "active": True,
        "amount_step": D("0.001"),
        "price_step": D("0.01"),
    }
    return Instrument(**given | changes)


def quote(bid: str = "99", ask: str = "100") -> Quote:
    """The market now."""
    return Quote(symbol="BTC/USDT", bid=D(bid), ask=D(ask), at=NOW)


def facts(**changes: Any) -> SizingFacts:
    """No position, one USDT is one unit of the desk's currency, balances not known."""
    given: dict[str, Any] = {
        "instrument": instrument(),
        "quote": quote(),
        "rate": D(1),
        "position": D(0),
    }
    return SizingFacts(**given | changes)


def prices(**changes: Any) -> PriceTerms:
    """Half a per cent of slippage and as much drift: at worst one per cent."""
    given: dict[str, Any] = {
        "order_type": OrderType.LIMIT,
        "slippage_tolerance": D("0.005"),
        "max_price_drift": D("0.005"),
        "order_timeout": timedelta(seconds=30),
    }
    return PriceTerms(**given | changes)


def signal(**changes: Any) -> Signal:
    """A buy without a price or a size."""
    given: dict[str, Any] = {
        "id": "S1",
        "source": "tv",
        "received_at": NOW,
        "symbol": "BTCUSDT",
        "side": Side.BUY,
    }
    return Signal(**given | changes)


def terms(**changes: Any) -> Terms:
    """A buy of 1 BTC at 100 at most 101, worth 101."""
    given: dict[str, Any] = {
        "venue": "main",
        "mode": Mode.PAPER,
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "amount": D(1),
        "price": None,
        "worst_price": D(101),
        "reference": D(100),
        "notional": D(101),
        "value": D(101),
        "time_in_force": TimeInForce.GTC,
        "rests_for": timedelta(seconds=30),
    }
    return Terms(**given | changes)


def fill(side: Side, amount: str, price: str, **changes: Any) -> Fill:
    """One trade without a fee; `n` sets its id, order and second."""
    n = changes.pop("n", 0)
    given: dict[str, Any] = {
        "id": f"F{n}",
        "order": f"O{n}",
        "ticket": "T1",
        "venue": "main",
        "symbol": "BTC/USDT",
        "side": side,
        "trade_id": str(n),
        "amount": D(amount),
        "price": D(price),
        "fee": D(0),
        "fee_currency": "USDT",
        "at": NOW + timedelta(seconds=n),
    }
    return Fill(**given | changes)


def size(kind: str, value: str, *, in_currency: bool = False) -> Size:
    """How much is asked for."""
    return Size(kind=SizeKind(kind), value=D(value), in_currency=in_currency)


def result(
    sent: Signal,
    known: SizingFacts | None = None,
    *,
    default: Size | None = None,
    how: PriceTerms | None = None,
) -> Terms | list[Refusal]:
    """What becomes of a signal."""
    return make_terms(
        sent, known or facts(), default, how or prices(), venue="main", mode=Mode.PAPER
    )


def made(*args: Any, **kwargs: Any) -> Terms:
    """The terms of a signal that can be sized."""
    outcome = result(*args, **kwargs)
    assert isinstance(outcome, Terms), outcome
    return outcome


def refused(*args: Any, **kwargs: Any) -> list[str]:
    """The codes of one that cannot."""
    outcome = result(*args, **kwargs)
    assert isinstance(outcome, list), outcome
    return [refusal.code for refusal in outcome]


def text_of(outcome: Terms | list[Refusal]) -> str:
    """What people are told of the only refusal."""
    assert isinstance(outcome, list), outcome
    (refusal,) = outcome
    return refusal.text


def snapshot(**changes: Any) -> Snapshot:
    """A desk with nothing on it and a venue that works."""
    given: dict[str, Any] = {
        "now": NOW,
        "trading": ACTIVE_FROM_THE_START,
        "instrument": instrument(),
        "quote": quote(),
        "rate": D(1),
        "takes_quote": D(101),
    }
    return Snapshot(**given | changes)


def trading(state: str) -> Trading:
    """The desk in that state."""
    return Trading(state=TradingState(state), generation=1)


def arrival(**changes: Any) -> Arrival:
    """A ticket being made of a signal that fired just now."""
    given: dict[str, Any] = {"fired_at": NOW}
    return Arrival(**given | changes)


EXIT = {"side": Side.SELL, "reduces": True, "worst_price": D(98), "reference": D(99)}
"""What makes the ordinary terms an exit."""
