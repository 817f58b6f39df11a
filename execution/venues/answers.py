"""What ccxt's dictionaries and exceptions mean in our words. Pure: it never asks, it only reads.

`exchange.py` calls it with whatever came back. It must never take an unclear answer for a no, and
never let a key, a signature or a signed address into a text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from email.utils import parsedate_to_datetime
from typing import Any

from execution.errors import (
    KeyRefused,
    NotSent,
    OrderUnknown,
    OutcomeUnknown,
    VenueError,
    VenueRefused,
    VenueUnavailable,
)
from execution.types import ZERO, Candle, Level, OrderState, Quote, Side
from execution.venues.quirks import Quirks
from execution.venues.venue import Balance, NewOrder, Report, Trade

DEFINITE = frozenset(
    {
        "ArgumentsRequired",
        "AuthenticationError",
        "BadRequest",
        "InsufficientFunds",
        "InvalidOrder",
        "NotSupported",
        "OperationRejected",
    }
)
"""ccxt classes, with their subclasses, that mean the exchange said no to this order."""
INDEFINITE = frozenset({"DuplicateOrderId", "OrderNotFound", "OrderNotCached", "NoChange"})
"""Subclasses of those that do not: an order of this id may exist."""
NEVER_LEFT = frozenset({"ClientConnectorError", "ConnectionTimeoutError", "gaierror"})
"""Causes in the network library that come before the first byte of a request."""

TOO_MUCH = frozenset({418, 429})
"""HTTP statuses of an exchange that had too much of us: 429 slows an address down, 418 bans it."""
LONGEST_BAN = timedelta(days=3)
"""What Binance bans an address for at most; a header that says more is wrong."""

_CODES = (
    "sCode",
    "code",
    "retCode",
    "label",
    "new_order_failure_reason",
    "preview_failure_reason",
    "error",
)
_TEXTS = ("sMsg", "msg", "retMsg", "message", "error")
"""Where exchanges tell a refusal's code and words, the most telling first."""
_LONGEST = 200
_SIGNED = re.compile(r"https?://\S+|signature=\S*", re.IGNORECASE)
_EXACT = Context(prec=38)


@dataclass(slots=True)
class Wire:
    """What crossed the wire during one call; the ccxt classes in `exchange.py` write it down."""

    exchange: str
    secrets: tuple[str, ...]
    signed: bool = True
    urgent: bool = False
    """Whether it is an order, a cancel or the like, which waits for no read."""
    may_leave: Callable[[], None] = lambda: None
    """Asked right before each request, which may have waited long for its turn; raises to hold it back."""
    end_turn: Callable[[], None] = lambda: None
    """Called once a request is answered, or will not leave."""
    signing: bool = False
    """Whether a request is being made up: what fails then is the key or the secret."""
    requests: int = 0
    status: int | None = None
    """HTTP status of the last complete answer; None when there was none."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    def words(self) -> tuple[str | None, str | None]:
        """The exchange's own code and message, where it answered in JSON."""
        try:
            body = json.loads(self.body)
        except ValueError:
            return None, None
        if not isinstance(body, dict):
            return None, None
        body = _telling(body)
        said = body.get("error")
        if isinstance(said, list) and said:
            return self.clean(str(said[0])), self.clean("; ".join(str(one) for one in said))
        codes = (str(body[key]) for key in _CODES if body.get(key) not in (None, "", []))
        code = next((one for one in codes if not one.startswith("UNKNOWN")), None)
        text = next((str(body[key]) for key in _TEXTS if body.get(key)), str(body))
        return None if code is None else self.clean(code), self.clean(text)

    def clean(self, text: str) -> str:
        """A text for people: nothing secret, no address, no longer than a line or two."""
        for secret in filter(None, self.secrets):
            text = text.replace(secret, "...")
        return _SIGNED.sub("...", text).strip()[:_LONGEST]

    def throttled(self, quirks: Quirks) -> bool:
        """Whether the exchange had too much of us."""
        return self.status in TOO_MUCH or _among(self.words()[0], quirks.limit_codes)

    def refuses_key(self, quirks: Quirks) -> bool:
        """Whether its status alone refuses the key, or the time it signed with."""
        return self.signed and self.status in quirks.key_statuses

    def answered_at(self) -> datetime | None:
        """The time of the answer by the exchange's clock, to the second, where it says so."""
        told = {name.lower(): value for name, value in self.headers.items()}.get("date", "")
        try:
            return parsedate_to_datetime(told).astimezone(UTC)
        except ValueError:
            return None

    def retry_after(self) -> timedelta | None:
        """How long the exchange asks for silence, in seconds, where it says so."""
        if self.status not in TOO_MUCH:
            return None
        told = {name.lower(): value for name, value in self.headers.items()}.get("retry-after", "")
        return min(timedelta(seconds=int(told[:9])), LONGEST_BAN) if told.isdecimal() else None


def _telling(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of an answer that tells a refusal: some wrap it."""
    rows = body.get("data")
    if isinstance(rows, list) and rows and isinstance(rows[0], dict) and rows[0].get("sMsg"):
        return rows[0]  # OKX, of an order
    inner = body.get("response")
    if isinstance(inner, dict):  # Hyperliquid, of an order
        statuses = (inner.get("data") or {}).get("statuses") or [{}]
        return statuses[0] if isinstance(statuses[0], dict) else body
    if isinstance(inner, str):  # Hyperliquid, of a request
        return {"msg": inner}
    told = body.get("error_response")
    if isinstance(told, dict):
        return told
    told = body.get("sendStatus") or body.get("cancelStatus")
    if isinstance(told, dict):  # Kraken Futures, of an order
        return {"code": told.get("status"), "msg": told.get("status")}
    errors = body.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):  # and of a request
        return {"msg": errors[0].get("message")}
    return body


def sending_failed(error: Exception, wire: Wire, quirks: Quirks) -> VenueError:
    """What an order that was not acknowledged came to; anything unclear is `OutcomeUnknown`."""
    names = _names(error)
    definite = bool(names & DEFINITE) and not names & INDEFINITE
    if wire.requests == 0:
        if definite:
            return VenueRefused(wire.clean(str(error).removeprefix(f"{wire.exchange} ")))
        return NotSent(f"{wire.exchange}: the order was not sent")
    if wire.requests > 1:  # which of them was the order, and which one failed?
        return OutcomeUnknown(_heard(error, wire, quirks))
    if _names(error.__cause__) & NEVER_LEFT:
        return NotSent(f"{wire.exchange} cannot be reached")
    code, text = wire.words()
    heard = _heard(error, wire, quirks)
    if wire.refuses_key(quirks):
        return VenueRefused(heard)
    if wire.status is None or wire.status >= 500 or wire.status in TOO_MUCH or text is None:
        return OutcomeUnknown(heard)
    if code in quirks.duplicate_texts or any(known in text for known in quirks.duplicate_texts):
        return OutcomeUnknown(f"{wire.exchange} says the order's id is taken")
    if _among(code, quirks.clock_codes | quirks.nonce_codes | quirks.limit_codes):
        return NotSent(heard)
    definite = definite or _among(code, quirks.definite_codes | quirks.key_codes)
    if definite and not _among(code, quirks.doubtful_codes):
        return VenueRefused(_said(code, text, quirks))
    return OutcomeUnknown(heard)


def asking_failed(error: Exception, wire: Wire, quirks: Quirks) -> VenueError:
    """What a read or a cancel that failed came to: the order is unknown there, or no answer."""
    code, text = wire.words()
    names = _names(error)
    if wire.signing:
        return KeyRefused(f"{wire.exchange}: its key or secret is not as the exchange gives them")
    heard = _heard(error, wire, quirks)
    if _among(code, quirks.gone_codes) or (text is not None and _is_unknown(text, names, quirks)):
        return OrderUnknown(f"{wire.exchange} does not know this order")
    if wire.refuses_key(quirks) or (
        text is not None
        and (
            names & {"AuthenticationError", "InvalidNonce"}
            or _among(code, quirks.key_codes | quirks.clock_codes)
        )
    ):
        return KeyRefused(heard)
    return VenueUnavailable(heard, retry_after=wire.retry_after())


def clock_is_off(error: Exception, wire: Wire, quirks: Quirks) -> bool:
    """Whether the exchange refused the request's time."""
    code = wire.words()[0]
    if _among(code, quirks.nonce_codes):
        return False
    return "InvalidNonce" in _names(error) or _among(code, quirks.clock_codes | quirks.late_codes)


def _is_unknown(text: str, names: frozenset[str], quirks: Quirks) -> bool:
    """Whether the exchange says that it does not know an order."""
    if quirks.unknown_texts:
        return any(known in text for known in quirks.unknown_texts)
    return "OrderNotFound" in names


def _names(error: BaseException | None) -> frozenset[str]:
    return frozenset(kind.__name__ for kind in type(error).__mro__)


def _among(code: str | None, known: frozenset[str]) -> bool:
    """Whether a code is one of these, or one of them with more detail after a colon."""
    return code is not None and any(code == one or code.startswith(f"{one}:") for one in known)


def _said(code: str | None, text: str, quirks: Quirks) -> str:
    """The exchange's words and code, and what they mean where they say too little."""
    said = text if code is None or code in text else f"{text} ({code})"
    meaning = quirks.meanings.get(code or "") or quirks.meanings.get(text)
    return said if meaning is None else f"{said}: {meaning}"


def _heard(error: Exception, wire: Wire, quirks: Quirks) -> str:
    """In a few words, what came back instead of an answer."""
    if wire.status is None:
        names = _names(error) | _names(error.__cause__)
        if wire.requests == 0:
            return f"{wire.exchange}: {wire.clean(str(error).removeprefix(f'{wire.exchange} '))}"
        if names & NEVER_LEFT:
            return f"{wire.exchange} cannot be reached"
        if "RequestTimeout" in names:
            return f"{wire.exchange} did not answer in time"
        return f"the connection to {wire.exchange} broke before an answer"
    code, text = wire.words()
    if wire.status == 200 and code is None:
        return f"{wire.exchange} sent an answer that cannot be read"
    if text is None:
        meaning = quirks.meanings.get(str(wire.status)) if wire.refuses_key(quirks) else None
        told = f"{wire.exchange} answered with HTTP status {wire.status}"
        return told if meaning is None else f"{told}: {meaning}"
    return f"{wire.exchange}: {_said(code, text, quirks)}"


_STATES = {
    "open": OrderState.WORKING,
    "canceling": OrderState.WORKING,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}


def exact(value: Any) -> Decimal:
    """The number as the exchange wrote it, without trailing zeros or an exponent.

    Raises:
        ArithmeticError: it is no number.
    """
    return Decimal(f"{Decimal(str(value)).normalize(_EXACT):f}")


def report(row: Mapping[str, Any]) -> Report:
    """An order as the exchange shows it.

    Raises:
        ValueError, KeyError, ArithmeticError: it shows less than an order, so nothing is known.
    """
    if not row["id"] or row["status"] not in _STATES:
        raise ValueError("an order without an id or a status")
    state, amount, filled = _STATES[row["status"]], exact(row["amount"]), exact(row["filled"])
    if state is OrderState.FILLED and filled < amount:
        state = OrderState.CANCELED  # some call an order closed whose rest is gone
    return Report(
        venue_order_id=str(row["id"]),
        client_order_id=row["clientOrderId"],
        symbol=row["symbol"],
        side=Side(row["side"]),
        state=state,
        amount=amount,
        filled=filled,
        # Of what takes the market ccxt tells the average for a price.
        price=None if row.get("type") == "market" else _maybe(row["price"]),
        stop_price=_stop_price(row),
        average=_maybe(row["average"]) if filled else None,
        at=_at(row["lastUpdateTimestamp"] or row["timestamp"]),
    )


def acknowledged(row: Mapping[str, Any], order: NewOrder) -> Report:
    """The answer to an order just sent.

    Raises:
        OutcomeUnknown: it does not prove that exactly this order was taken.
    """
    if not row["id"]:
        raise OutcomeUnknown("the answer to the order shows no order")
    if row["clientOrderId"] is None:  # some tell its terms instead
        if not _has_terms(row, order):
            raise OutcomeUnknown("the answer does not show this order")
        row = {**row, "clientOrderId": order.client_order_id}
    if row["clientOrderId"] != order.client_order_id:
        raise OutcomeUnknown("the answer is about another order")
    if row["status"] is not None:
        return report(row)
    return Report(  # some acknowledge with nothing but the ids
        venue_order_id=str(row["id"]),
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        state=OrderState.WORKING,
        amount=order.amount,
        filled=ZERO,
        price=order.price,
        stop_price=_fixed_stop(order),
        at=_at(row["lastUpdateTimestamp"] or row["timestamp"]),
    )


def _has_terms(row: Mapping[str, Any], order: NewOrder) -> bool:
    """Whether an answer shows exactly what was ordered; the distance of a trailing stop is not read."""
    told = [row["symbol"], row["side"], _maybe(row["amount"]), _maybe(row["price"])]
    terms = [order.symbol, order.side.value, order.amount, order.price]
    return [*told, _stop_price(row)] == [*terms, _fixed_stop(order)]


def _fixed_stop(order: NewOrder) -> Decimal | None:
    """The stop price an order was sent with; that of a trailing stop is the exchange's to say."""
    return order.stop_price if order.trail is None else None


def _stop_price(row: Mapping[str, Any]) -> Decimal | None:
    """What ccxt calls by three names, by which side of the market it lies on."""
    told = (row.get(name) for name in ("triggerPrice", "stopLossPrice", "takeProfitPrice"))
    return next((exact(price) for price in told if price is not None), None)


def trade(row: Mapping[str, Any]) -> Trade:
    """One trade of the account; a trade without a fee told has none.

    Raises:
        ValueError, KeyError, TypeError, ArithmeticError: it shows less than a trade.
    """
    at = _at(row["timestamp"])
    if not row["id"] or not row["order"] or at is None:
        raise ValueError("a trade without an id, an order or a time")
    fee = row.get("fee") or {}
    return Trade(
        trade_id=str(row["id"]),
        venue_order_id=str(row["order"]),
        symbol=row["symbol"],
        side=Side(row["side"]),
        amount=exact(row["amount"]),
        price=exact(row["price"]),
        fee=_maybe(fee.get("cost")) or ZERO,
        fee_currency=fee.get("currency"),
        at=at,
    )


def best(book: Mapping[str, Any], symbol: str, at: datetime) -> Quote:
    """The same of a book."""
    return quote({"bid": book["bids"][0][0], "ask": book["asks"][0][0]}, symbol, at)


def quote(ticker: Mapping[str, Any], symbol: str, at: datetime) -> Quote:
    """Best bid and ask; `at` is when we heard them, since not every exchange says."""
    return Quote(symbol=symbol, bid=exact(ticker["bid"]), ask=exact(ticker["ask"]), at=at)


def level(row: Sequence[Any]) -> Level:
    """One price of a book: `[price, amount, ...]`."""
    return Level(price=exact(row[0]), amount=exact(row[1]))


def candle(row: Iterable[Any]) -> Candle:
    """One bar of `[milliseconds, open, high, low, close, volume]`."""
    started, opened, high, low, closed, volume = row
    return Candle(
        at=datetime.fromtimestamp(int(started) / 1000, UTC),
        open=exact(opened),
        high=exact(high),
        low=exact(low),
        close=exact(closed),
        volume=exact(volume),
    )


def balances(answer: Mapping[str, Any]) -> dict[str, Balance]:
    """Every asset the account has any of."""
    held = {
        asset: Balance(
            free=_maybe(answer["free"].get(asset)) or ZERO,
            locked=_maybe(answer["used"].get(asset)) or ZERO,
        )
        for asset in answer["total"]
    }
    return {asset: balance for asset, balance in held.items() if balance.free or balance.locked}


def _maybe(value: Any) -> Decimal | None:
    return None if value is None else exact(value)


def _at(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
