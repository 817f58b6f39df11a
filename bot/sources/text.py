"""The one-line form of a signal: `buy BTCUSDT 0.01 @ 64000 sl 63000 tp 66000`.

For senders that can only send text, and for people who type, also what they want otherwise about a
ticket. It turns words into the contract's fields, which `signal.py` then reads; it judges no value itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal

from bot.sources.fields import BadField, shown

_TERMS = "[amount or $notional] [@ price]"
_EXITS = "[sl price] [tp price ...]"
FORM = f"write: buy|sell SYMBOL {_TERMS} {_EXITS}"
CHANGE = f"{_TERMS} [stop price] {_EXITS}"
FIELD_OF = {"@": "price", "sl": "stop_loss", "tp": "take_profit"}
CHANGEABLE = FIELD_OF | {"stop": "stop_price"}
"""What marks a change: of an order that waits for a price, that price too."""
SHARE_STEP = Decimal("0.0001")


def read_text(text: str) -> dict[str, object]:
    """The fields of a line: side, symbol, at most one size, then `@`, `sl` and `tp` in any order.

    Several `tp` share the position equally. Every value is a string as it was written.

    Raises:
        BadField: the first word that was not understood.
    """
    words = text.replace("@", " @ ").split()
    if not words or words[0].lower() not in ("buy", "sell"):
        raise BadField("side", f"was not understood: {shown(words[0] if words else '')}", FORM)
    if len(words) < 2 or words[1].lower() in FIELD_OF:
        raise BadField("symbol", "is missing", FORM)
    return {"side": words[0], "symbol": words[1]} | _read(words[2:], FORM, FIELD_OF)


def read_change(text: str) -> dict[str, object]:
    """The fields of a line that only says what is to be otherwise; no words, no fields.

    Raises:
        BadField: the first word that was not understood.
    """
    return _read(text.replace("@", " @ ").split(), f"write: {CHANGE}", CHANGEABLE)


def _read(words: list[str], form: str, fields: Mapping[str, str]) -> dict[str, object]:
    """At most one size, then marks and their prices."""
    found: dict[str, object] = {}
    rest = list(words)
    if rest and rest[0].lower() not in fields:
        size = rest.pop(0)
        kind = "notional" if size.startswith("$") else "amount"
        found[kind] = size.removeprefix("$")
    targets: list[str] = []
    while rest:
        mark = rest.pop(0)
        field = fields.get(mark.lower())
        if field is None:
            raise BadField("body", f"has a word that was not understood: {shown(mark)}", form)
        if not rest or rest[0].lower() in fields:
            raise BadField(field, f"is missing after {mark}", form)
        if field in found:
            raise BadField(field, "is given twice", form)
        if field == "take_profit":
            targets.append(rest.pop(0))
        else:
            found[field] = rest.pop(0)
    if targets:
        found["take_profit"] = _equal_shares(targets)
    return found


def _equal_shares(prices: list[str]) -> object:
    if len(prices) == 1:
        return prices[0]
    share = (Decimal(1) / len(prices)).quantize(SHARE_STEP, rounding=ROUND_DOWN)
    last = 1 - share * (len(prices) - 1)
    shares = [share] * (len(prices) - 1) + [last]
    return [{"price": price, "share": str(s)} for price, s in zip(prices, shares, strict=True)]
