"""Limits that an owner changes in the chat: what is in force, and when a change is the looser one.

A change holds until it is reset, over restarts too, whatever the settings say meanwhile. What makes a
limit tighter takes effect at once; anything else only once an owner has confirmed exactly that change.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_type_hints

from pydantic import TypeAdapter
from pydantic_core import from_json, to_json

from execution.checks import Limits
from execution.errors import NotPossible
from execution.events import EventKind
from execution.hours import Hours, parse_hours
from execution.record import Record
from execution.store import Transaction
from execution.store.limits import ChangedLimit


class Tighter(StrEnum):
    """Which of two values of a limit allows less."""

    LOWER = "lower"
    HIGHER = "higher"
    WITHIN = "within"
    """The one that lies within the other: fewer symbols, fewer hours."""


TIGHTER: Mapping[str, Tighter] = {
    "max_order_notional": Tighter.LOWER,
    "max_signal_age": Tighter.LOWER,
    "max_position_notional": Tighter.LOWER,
    "max_open_orders": Tighter.LOWER,
    "max_open_positions": Tighter.LOWER,
    "max_orders_per_minute": Tighter.LOWER,
    "max_daily_loss": Tighter.LOWER,
    "max_drawdown": Tighter.LOWER,
    "max_price_deviation": Tighter.LOWER,
    "max_spread": Tighter.LOWER,
    "min_quote_reserve": Tighter.HIGHER,
    "symbols": Tighter.WITHIN,
    "sides": Tighter.WITHIN,
    "trading_hours": Tighter.WITHIN,
    "cooldown_after_loss": Tighter.HIGHER,
    "duplicate_window": Tighter.HIGHER,
    "stop_loss_required": Tighter.HIGHER,
}
"""Every limit of `[risk]`; one that is off allows more than any value."""
_OFF = {
    field.name: field.default
    for field in dataclasses.fields(Limits)
    if field.default is None or field.default is False
}
_ADAPTERS: Mapping[str, TypeAdapter[Any]] = {
    key: TypeAdapter(kind) for key, kind in get_type_hints(Limits).items() if key in TIGHTER
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SetLimit(Record):
    """Have a limit at this value."""

    key: str
    value: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class ResetLimit(Record):
    """Let the settings say again."""

    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfirmLimit(Record):
    """Make exactly the change that this entry of the journal asks for."""

    question: int


Wanted = SetLimit | ResetLimit | ConfirmLimit


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitChange(Record):
    """A change of one limit, made or asked for."""

    key: str
    before: Any
    after: Any
    name: str
    """Who wants it."""
    reset: bool = False
    """Back to what the settings say."""
    question: int | None = None
    """The entry of the journal that an owner has to confirm; None for one that is made."""


def in_force(tx: Transaction, configured: Limits) -> Limits:
    """The settings' limits with what was changed in the chat."""
    changed = tx.limits.all()
    return configured.evolve(**{key: _read(key, one.value) for key, one in changed.items()})


def differing(tx: Transaction, configured: Limits) -> Sequence[LimitChange]:
    """What is in force otherwise than the settings say: `before` is theirs."""
    now = in_force(tx, configured)
    return [
        LimitChange(key=key, before=getattr(configured, key), after=getattr(now, key), name=by.name)
        for key, by in tx.limits.all().items()
        if getattr(now, key) != getattr(configured, key)
    ]


def off(key: str) -> Any:
    """The value that switches a limit off.

    Raises:
        NotPossible: this one always holds.
    """
    if key not in _OFF:
        raise NotPossible(f"The limit {key} cannot be switched off.")
    return _OFF[key]


def loosens(key: str, before: Any, after: Any) -> bool:
    """Whether more would be allowed; what cannot be told counts as more."""
    if before == after or before is None or before is False:
        return False
    if after is None or after is False:
        return True
    if TIGHTER[key] is Tighter.WITHIN:
        return not _lies_within(after, before)
    return bool(after > before if TIGHTER[key] is Tighter.LOWER else after < before)


def change(
    tx: Transaction, configured: Limits, wanted: Wanted, *, by: str, name: str
) -> LimitChange:
    """Change a limit, or ask an owner whether it is to be changed.

    Raises:
        NotPossible: there is nothing to change, or limits were changed since it was asked for.
    """
    now = in_force(tx, configured)
    if isinstance(wanted, ConfirmLimit):
        return _confirmed(tx, configured, now, wanted.question, by=by, name=name)
    key, reset = wanted.key, isinstance(wanted, ResetLimit)
    if reset and key not in tx.limits.all():
        raise NotPossible(f"The limit {key} is as the settings say. Nothing changed.")
    before = getattr(now, key)
    after = wanted.value if isinstance(wanted, SetLimit) else getattr(configured, key)
    if before == after and not reset:
        raise NotPossible(f"The limit {key} is so already. Nothing changed.")
    made = LimitChange(key=key, before=before, after=after, name=name, reset=reset)
    if loosens(key, before, after):
        return made.evolve(question=_note(tx, EventKind.LIMIT_ASKED, made, by=by))
    _make(tx, made, by=by)
    return made


def told(data: Mapping[str, str]) -> LimitChange:
    """The change that an entry of the journal tells of."""
    before, after = (_read(data["key"], data[which]) for which in ("before", "after"))
    return LimitChange(
        key=data["key"], before=before, after=after, name=data["name"], reset="reset" in data
    )


def _confirmed(
    tx: Transaction, configured: Limits, now: Limits, question: int, *, by: str, name: str
) -> LimitChange:
    asked = next(iter(tx.journal.after(question - 1, limit=1)), None)
    if asked is None or asked.kind is not EventKind.LIMIT_ASKED:
        raise NotPossible("This is not known here any more.")
    wanted = told(asked.data).evolve(name=name)
    last = tx.journal.last(EventKind.LIMIT_CHANGED)
    overtaken = last is not None and last.seq > question
    moved = getattr(now, wanted.key) != wanted.before
    other = wanted.reset and getattr(configured, wanted.key) != wanted.after
    if overtaken or moved or other:
        raise NotPossible("Limits were changed since: type it again.")
    _make(tx, wanted, by=by)
    return wanted


def _make(tx: Transaction, wanted: LimitChange, *, by: str) -> None:
    if wanted.reset:
        tx.limits.drop(wanted.key)
    else:
        value = dump(wanted.after)
        changed = ChangedLimit(key=wanted.key, value=value, by=by, name=wanted.name, at=tx.now)
        tx.limits.put(changed)
    _note(tx, EventKind.LIMIT_CHANGED, wanted, by=by)


def _note(tx: Transaction, kind: EventKind, wanted: LimitChange, *, by: str) -> int:
    return tx.journal.add(
        kind,
        tx.now,
        actor=by,
        name=wanted.name,
        key=wanted.key,
        before=dump(wanted.before),
        after=dump(wanted.after),
        reset="yes" if wanted.reset else None,
    )


def _lies_within(inner: Any, outer: Any) -> bool:
    if isinstance(inner, Hours):
        return inner.within(outer)
    assert isinstance(inner, Set), "lists and hours lie within one another"
    return bool(inner <= outer)


def dump(value: Any) -> str:
    """A limit's value as JSON that is the same for the same value."""
    if isinstance(value, Hours):
        value = value.text
    elif isinstance(value, Set):
        value = sorted(value)
    return to_json(value).decode()


def _read(key: str, text: str) -> Any:
    """The value again."""
    value = from_json(text)
    if key == "trading_hours" and value is not None:
        return parse_hours(value)
    return _ADAPTERS[key].validate_python(value)
