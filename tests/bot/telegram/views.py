"""A ticket view to start from, and how to make every other state of it in one line."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

from bot.telegram.faces import Face, Look
from execution.reports import TicketView
from execution.types import (
    Asked,
    Fill,
    Mode,
    Order,
    OrderState,
    OrderType,
    Side,
    Signal,
    Target,
    Terms,
    Ticket,
    TicketState,
    TimeInForce,
    Vote,
    VoteKind,
)

NOON = datetime(2026, 11, 20, 14, 30, 10, tzinfo=UTC)
LOOK = Look(zone=UTC, currency="USDT", max_price_drift=Decimal("0.003"))
SHORT = "T-7F3K"


def at(seconds: float) -> datetime:
    """So long after the ticket was made."""
    return NOON + timedelta(seconds=seconds)


def terms(**changes: Any) -> Terms:
    given: dict[str, Any] = {
        "venue": "main",
        "mode": Mode.LIVE,
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "amount": Decimal("0.0415"),
        "price": Decimal("60012.4"),
        "worst_price": None,
        "reference": Decimal(60004),
        "notional": Decimal("2490.5146"),
        "value": Decimal("2490.5146"),
        "time_in_force": TimeInForce.GTC,
        "rests_for": timedelta(seconds=30),
        "stop_loss": Decimal(58900),
        "take_profit": (
            Target(price=Decimal(61500), share=Decimal("0.5")),
            Target(price=Decimal(63000), share=Decimal("0.5")),
        ),
    }
    return Terms(**{**given, **changes})


def ticket(state: TicketState = TicketState.PENDING, **changes: Any) -> Ticket:
    given: dict[str, Any] = {
        "id": "01JD4N5V8Y3QW6T1ZC9GHB7F3K",
        "signal": "01JD4N5V8Y3QW6T1ZC9GHB7F3J",
        "source": "tv",
        "state": state,
        "revision": 1,
        "venue": "main",
        "mode": Mode.LIVE,
        "asked": Asked(
            symbol="BTC/USDT", side=Side.BUY, type=OrderType.LIMIT, amount=Decimal("0.0415")
        ),
        "terms": terms(),
        "fingerprint": "f1",
        "rule": "default",
        "required": 1,
        "created_at": NOON,
        "expires_at": at(300),
        "fired_at": at(-4),
        "checks": 14,
        "strategy": "breakout-15m",
        "decided_at": None if state is TicketState.PENDING else at(72),
    }
    return Ticket(**{**given, **changes})


def vote(name: str = "Ana", kind: VoteKind = VoteKind.APPROVE, **changes: Any) -> Vote:
    given: dict[str, Any] = {
        "id": f"vote-{name}",
        "ticket": "01JD4N5V8Y3QW6T1ZC9GHB7F3K",
        "revision": 1,
        "fingerprint": "f1",
        "person": f"tg:{name}",
        "name": name,
        "vote": kind,
        "at": at(72),
    }
    return Vote(**{**given, **changes})


def order(state: OrderState, **changes: Any) -> Order:
    given: dict[str, Any] = {
        "id": "o1",
        "ticket": "01JD4N5V8Y3QW6T1ZC9GHB7F3K",
        "leg": "entry",
        "venue": "main",
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "type": OrderType.LIMIT,
        "amount": Decimal("0.0415"),
        "price": Decimal("60012.4"),
        "time_in_force": TimeInForce.GTC,
        "client_order_id": "cs1a2b3c4d",
        "state": state,
        "reduces": False,
        "created_at": at(72),
        "sent_at": at(72.004),
        "acknowledged_at": at(72.086),
        "cancel_after": at(102),
    }
    return Order(**{**given, **changes})


def fill(amount: str, price: str, **changes: Any) -> Fill:
    given: dict[str, Any] = {
        "id": f"f-{amount}",
        "order": "o1",
        "ticket": "01JD4N5V8Y3QW6T1ZC9GHB7F3K",
        "venue": "main",
        "symbol": "BTC/USDT",
        "side": Side.BUY,
        "trade_id": amount,
        "amount": Decimal(amount),
        "price": Decimal(price),
        "fee": Decimal("2.49"),
        "fee_currency": "USDT",
        "at": at(74.1),
    }
    return Fill(**{**given, **changes})


def view(
    shown: Ticket,
    *,
    votes: tuple[Vote, ...] = (),
    orders: tuple[Order, ...] = (),
    fills: tuple[Fill, ...] = (),
    exchange: str = "binance",
) -> TicketView:
    signal = Signal(id=shown.signal, source=shown.source, received_at=NOON, symbol="BTCUSDT")
    return TicketView(
        ticket=shown, signal=signal, votes=votes, orders=orders, fills=fills, exchange=exchange
    )


def rows(face: Face) -> list[str]:
    """The buttons' labels, a row a line."""
    return [" | ".join(button.label for button in row) for row in face.buttons]


class _Reader(HTMLParser):
    """Reads Telegram's HTML strictly: only its tags, each closed in order."""

    ALLOWED = frozenset({"b", "i", "code", "blockquote"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in self.ALLOWED, f"<{tag}> is none of ours"
        assert attrs in ([], [("expandable", None)]), f"<{tag}> with {attrs}"
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> out of order"

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(html: str) -> str:
    """What people read of Telegram HTML; fails when a tag is not balanced or not ours."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert not reader.open, f"not closed: {reader.open}"
    return reader.text
