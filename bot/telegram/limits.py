"""`/limits`: what the desk may do, and how much of it is used now.

Pure. The figures are those that every order is measured by; what is off is said in one line.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal

from bot.telegram import accounts, figures, lines
from bot.telegram.faces import Face
from execution.checks import Limits
from execution.config import Config
from execution.equity import StopKind
from execution.snapshots import Used
from execution.types import Mode

_SHOWN = 12
"""Symbols, or base assets, that are named; the rest is counted."""


def limits(mode: Mode, config: Config, used: Used, *, now: datetime) -> Face:
    """Every limit of `[risk]`, by its name there."""
    house, unit = config.limits, config.currency
    said = (
        _of_one_order(house, unit)
        | _of_the_desk(house, used, unit)
        | _of_the_accounts(house, used, unit, now)
        | _of_times(house, used, now)
    )
    rows = [f"<code>{name}</code> {text}" for name, text in said.items() if text is not None]
    off = [name for name, text in said.items() if text is None]
    last = [f"Off: {', '.join(off)}"] if off else []
    head = f"<b>{lines.badge(mode)} · Limits, and how much of them is used</b>"
    return Face(text="\n".join([head, *rows, *last]))


def _of_one_order(house: Limits, unit: str) -> dict[str, str | None]:
    """What an order is measured by on its own; None is off."""
    reserve, stop = house.min_quote_reserve, house.stop_loss_required
    return {
        "max_order_notional": f"{figures.money(house.max_order_notional)} {unit}",
        "max_price_deviation": _share(house.max_price_deviation),
        "max_spread": _share(house.max_spread),
        "min_quote_reserve": None
        if reserve is None
        else f"{figures.money(reserve)} of the quote currency",
        "symbols": _names(house.symbols),
        "sides": _names(house.sides),
        "stop_loss_required": "yes" if stop else None,
    }


def _of_the_desk(house: Limits, used: Used, unit: str) -> dict[str, str | None]:
    """What all orders together are measured by."""
    return {
        "max_position_notional": _positions(house.max_position_notional, used, unit),
        "max_open_orders": _count(used.open_orders, house.max_open_orders),
        "max_open_positions": _count(used.open_positions, house.max_open_positions),
        "max_orders_per_minute": _count(used.orders_last_minute, house.max_orders_per_minute),
    }


def _of_the_accounts(house: Limits, used: Used, unit: str, now: datetime) -> dict[str, str | None]:
    """What is measured by the last reading of all accounts, and whether it has stopped entries."""
    loss, fall, read = house.max_daily_loss, house.max_drawdown, used.standing
    stopped = {stop.kind: "<b>entries stopped</b> · " for stop in used.stops}
    lost = "" if loss is None else accounts.loss_used(read, loss, unit, now=now)
    fell = "" if fall is None else accounts.drawdown_used(read, fall, unit, now=now)
    return {
        "max_daily_loss": f"{stopped.get(StopKind.DAILY_LOSS, '')}{lost}" if lost else None,
        "max_drawdown": f"{stopped.get(StopKind.DRAWDOWN, '')}{fell}" if fell else None,
    }


def _of_times(house: Limits, used: Used, now: datetime) -> dict[str, str | None]:
    """What is measured by the clock."""
    hours, cooldown = house.trading_hours, house.cooldown_after_loss
    window = house.duplicate_window
    state = "open" if hours is not None and hours.contains(now.astimezone(house.zone)) else "closed"
    return {
        "max_signal_age": figures.duration(house.max_signal_age),
        "duplicate_window": None if window is None else figures.duration(window),
        "trading_hours": None if hours is None else f"{hours.text} · {state} now",
        "cooldown_after_loss": None
        if cooldown is None
        else figures.duration(cooldown) + _cooling(used.last_loss_at, cooldown, now),
    }


def _count(used: int, most: int | None) -> str | None:
    return None if most is None else f"{used} of {most}"


def _share(most: Decimal | None) -> str | None:
    return None if most is None else figures.percent(most)


def _names(allowed: Collection[str] | None) -> str | None:
    if allowed is None:
        return None
    shown = [figures.quoted(name, lines.NAME) for name in sorted(allowed)[:_SHOWN]]
    return ", ".join(shown + _more(len(allowed)))


def _positions(most: Decimal | None, used: Used, unit: str) -> str | None:
    if most is None:
        return None
    shown = [
        f"{figures.quoted(base, lines.NAME)} {figures.money(value)}"
        for base, value in list(used.position_notional.items())[:_SHOWN]
    ]
    told = ", ".join(shown + _more(len(used.position_notional))) or "nothing held"
    return f"{told} · of {figures.money(most)} {unit} each"


def _more(count: int) -> list[str]:
    return [f"{count - _SHOWN} more"] if count > _SHOWN else []


def _cooling(lost_at: datetime | None, cooldown: timedelta, now: datetime) -> str:
    """How much longer entries wait."""
    if lost_at is None or now - lost_at >= cooldown:
        return " · no loss in that time"
    return f" · entries wait {figures.duration(lost_at + cooldown - now)} more"
