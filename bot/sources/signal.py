"""A payload whose fields have the contract's names, read as a `Signal`.

Every sender ends here: the inlet, the text form, `countersign send`. It says no to what the payload
alone shows wrong; what needs the market, the account or a rule is for the ticket.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from bot.sources import fields
from bot.sources.fields import BadField
from execution.types import OrderType, Side, Signal, Size, SizeKind, Target, TimeInForce

LONGEST_ID = 128
LONGEST_SYMBOL = 64
LONGEST_STRATEGY = 64
CLOCK_TOLERANCE = timedelta(minutes=1)  # how far a sender's `time` may be ahead of ours

READERS: dict[str, Callable[[object, str], Any]] = {
    "id": partial(fields.word, longest=LONGEST_ID),
    "symbol": partial(fields.word, longest=LONGEST_SYMBOL),
    "side": partial(fields.one_of, Side),
    "type": partial(fields.one_of, OrderType),
    "price": fields.positive,
    "stop_price": fields.positive,
    "trail": fields.trail,
    "amount": fields.positive,
    "notional": fields.positive,
    "equity": fields.share_of_equity,
    "risk": fields.share_of_equity,
    "stop_loss": fields.positive,
    "take_profit": fields.targets,
    "time_in_force": partial(fields.one_of, TimeInForce),
    "good_till": fields.moment,
    "post_only": fields.flag,
    "reduce_only": fields.flag,
    "close": fields.flag,
    "venue": partial(fields.word, longest=LONGEST_ID),
    "strategy": partial(fields.word, longest=LONGEST_STRATEGY),
    "note": fields.note,
    "time": fields.moment,
    "bar_time": fields.moment,
    "expires_in": fields.duration,
}
"""Every field of a signal and how its value is read; the whole list of what a payload may hold."""

MAY_BE_EMPTY = ("strategy", "note")  # a sender's template fills these with nothing at times

PRICES_OF: dict[OrderType, tuple[str, ...]] = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("price", "stop_price"),
    OrderType.TAKE_PROFIT: ("stop_price",),
    OrderType.TAKE_PROFIT_LIMIT: ("price", "stop_price"),
    OrderType.TRAILING_STOP: ("trail",),
}
"""The price fields an order type needs; the others contradict it."""


def read_signal(
    payload: object,
    *,
    id: str,
    source: str,
    received_at: datetime,
    venues: Collection[str] | None = None,
) -> Signal:
    """A signal of a payload with the contract's field names (contract, "A signal").

    `id` is ours; the sender's own id is `sender_id`. `venues` are the names there are, None when
    any name will do. A field that is null counts as absent.

    Raises:
        BadField: the first field that is wrong, with the fix.
    """
    values = read_values(payload)
    values.pop("id", None)
    size = _size(values)
    if "symbol" not in values:
        raise BadField("symbol", "is missing", 'send the market, such as "BTC/USDT"')
    if "side" not in values and not values.get("close"):
        raise BadField("side", "is missing", 'send "buy" or "sell"; only a close may leave it out')
    if venues is not None and "venue" in values:
        fields.one_of_names(venues, values["venue"], "venue")
    _check_prices(values)
    _check_resting(values, received_at)
    _check_exits(values)
    return Signal(id=id, source=source, received_at=received_at, size=size, **values)


def sender_id(payload: object) -> str | None:
    """The sender's own id of this signal, by which a repeat is known; None without one."""
    given = payload.get("id") if isinstance(payload, Mapping) else None
    found: str | None = None if given is None else READERS["id"](given, "id")
    return found


def read_values(payload: object) -> dict[str, Any]:
    """The fields that are there, each read on its own.

    Raises:
        BadField: not an object, a field that no signal has, or a value that cannot be read.
    """
    if not isinstance(payload, Mapping):
        raise BadField("body", "is not a JSON object", 'send {"symbol": ..., "side": ...}')
    for name in payload:
        if name not in READERS:
            raise _unknown(name)
    given = {
        name: value
        for name, value in payload.items()
        if value is not None and not (name in MAY_BE_EMPTY and value == "")
    }
    return {name: READERS[name](value, name) for name, value in given.items()}


def _unknown(name: object) -> BadField:
    nearest = difflib.get_close_matches(str(name).lower()[:64], READERS, n=1, cutoff=0.6)
    fix = f"did you mean {nearest[0]}?" if nearest else f"a signal has {', '.join(READERS)}"
    return BadField(fields.shown(name)[1:-1], "is not a field of a signal", fix)


def _size(values: dict[str, Any]) -> Size | None:
    """Take the one size out of the values, in the order the sender gave them."""
    given = [(name, values.pop(name)) for name in list(values) if name in list(SizeKind)]
    if len(given) > 1:
        first, second = given[0][0], given[1][0]
        raise BadField(second, f"is a second size beside {first}", "send one of them")
    for name, value in given:
        if values.get("close"):
            raise BadField(
                name, "contradicts close, which is the whole position", "send one of them"
            )
        if name == SizeKind.RISK and "stop_loss" not in values:
            raise BadField(name, "needs a stop_loss to be measured by", "send stop_loss too")
        return Size(kind=SizeKind(name), value=value)
    return None


def _check_prices(values: Mapping[str, Any]) -> None:
    """An order type has exactly its own prices; without a type a price makes it a limit order."""
    type_ = values.get("type")
    needed = PRICES_OF[type_] if type_ else ("price",)
    for name in needed:
        if type_ and name not in values:
            raise BadField(name, f"is missing for a {type_} order", "send it or another type")
    for name in ("price", "stop_price", "trail"):
        if name in values and name not in needed:
            having = " or ".join(kind for kind, prices in PRICES_OF.items() if name in prices)
            what = f"a {type_} order" if type_ else "an order without a type"
            raise BadField(name, f"has no meaning for {what}", f"send it with type {having}")


def _check_resting(values: Mapping[str, Any], received_at: datetime) -> None:
    """How long it may rest and when it was made must agree with each other and with now."""
    time_in_force, good_till = values.get("time_in_force"), values.get("good_till")
    if time_in_force is TimeInForce.GTD and good_till is None:
        raise BadField("good_till", "is missing for time_in_force GTD", "send the time it ends")
    if good_till is not None and time_in_force is not TimeInForce.GTD:
        raise BadField("good_till", "needs time_in_force GTD", "send both or neither")
    if good_till is not None and good_till <= received_at:
        raise BadField("good_till", "has passed", "send a time that is still to come")
    if values.get("post_only"):
        if "price" not in values or values.get("type", OrderType.LIMIT) is not OrderType.LIMIT:
            raise BadField("post_only", "needs a limit order with a price", "send price or drop it")
        if time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
            raise BadField("post_only", f"contradicts {time_in_force}", "send one of them")
    if "time" in values and values["time"] > received_at + CLOCK_TOLERANCE:
        raise BadField("time", "is more than a minute ahead of our clock", "set the sender's clock")


def _check_exits(values: Mapping[str, Any]) -> None:
    """A stop loss lies on the losing side of the entry, targets on the winning side."""
    stop_loss: Decimal | None = values.get("stop_loss")
    targets: tuple[Target, ...] = values.get("take_profit", ())
    for name in ("stop_loss", "take_profit"):
        if name in values and values.get("close"):
            raise BadField(name, "has nothing to protect after a close", "leave it out")
    buys = values.get("side") is Side.BUY
    losing, winning = ("below", "above") if buys else ("above", "below")

    def wins(price: Decimal, start: Decimal) -> bool:
        return price > start if buys else price < start

    entry: Decimal | None = values.get("price") or values.get("stop_price")
    if entry is not None and stop_loss is not None and not wins(entry, stop_loss):
        raise BadField(
            "stop_loss", f"must be {losing} the price of a {values['side']}", "check side and price"
        )
    start = stop_loss if entry is None else entry
    if start is not None and not all(wins(target.price, start) for target in targets):
        what = "stop_loss" if entry is None else "price"
        raise BadField(
            "take_profit",
            f"must be {winning} the {what} of a {values['side']}",
            "check side and price",
        )
