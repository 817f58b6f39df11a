"""Exact arithmetic, and rounding to a venue's steps: never past what was approved.

Pure. Sizing, pricing, positions and risk calculate through it, and so does every transaction. It must
never lean on decimal's global context, because ccxt changes that one for the whole process.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import wraps
from typing import ParamSpec, TypeVar

from execution.types import Side

CONTEXT = Context(prec=38, rounding=ROUND_HALF_EVEN)
"""Ours. 38 digits hold any amount times any price that a venue's steps allow."""

_P = ParamSpec("_P")
_R = TypeVar("_R")


def exactly(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Run a function's arithmetic in our own context, whatever the global one has become."""

    @wraps(function)
    def inner(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        with localcontext(CONTEXT):
            return function(*args, **kwargs)

    return inner


def to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    """The multiple of `step` next to `value`, in the direction of a `decimal.ROUND_*`.

    Raises:
        ValueError: the step is not more than zero.
    """
    if step <= 0:
        raise ValueError(f"a step must be more than zero, not {plain(step)}")
    # The division rounds the same way as the step: a long quotient cannot creep over a whole one.
    with localcontext(CONTEXT, rounding=rounding):
        return (value / step).to_integral_value() * step


def amount_down(amount: Decimal, step: Decimal) -> Decimal:
    """An amount (base asset) in whole steps, never more than asked: for buys and sells alike."""
    return to_step(amount, step, ROUND_FLOOR)


def price_never_worse(price: Decimal, step: Decimal, side: Side) -> Decimal:
    """A limit or worst price (quote currency) in whole steps: a buy's down, a sell's up."""
    return to_step(price, step, ROUND_FLOOR if side is Side.BUY else ROUND_CEILING)


def stop_never_later(price: Decimal, step: Decimal, side: Side) -> Decimal:
    """A stop's trigger (quote currency) in whole steps, so that it fires no later than approved.

    `side` is the stop's own: a sell stop fires on the way down, so it is rounded up; a buy stop down.
    """
    return to_step(price, step, ROUND_CEILING if side is Side.SELL else ROUND_FLOOR)


def plain(value: Decimal) -> str:
    """A number exactly and in full: `0.0001`, never `1E-4`, no trailing zeros, no negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
