"""A signal is stored once, however often it is sent: a repeat is found by the keys it is known by.

Called by the desk within its transaction; what comes of the signal is the executor's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from execution.errors import Duplicate
from execution.events import EventKind
from execution.record import Record
from execution.store import Transaction
from execution.types import Signal


@dataclass(frozen=True, kw_only=True, slots=True)
class SignalKey(Record):
    """A key a signal is known by, and how long a repeat of it counts as one."""

    value: str
    keeps: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class Accepted(Record):
    """A committed signal; `duplicate` when it had been received before."""

    id: str
    duplicate: bool


def receive(tx: Transaction, signal: Signal, keys: Sequence[SignalKey], digest: str) -> Accepted:
    """Store a signal whose body has this digest; or find that it was received before.

    Raises:
        Duplicate: the same key with another body.
    """
    for key in keys:
        known = tx.signals.known(signal.source, key.value, tx.now)
        if known is None:
            continue
        earlier, earlier_digest = known
        if earlier_digest != digest:
            raise Duplicate("The same id was received before with another body.")
        tx.journal.add(EventKind.SIGNAL_REPEATED, tx.now, signal=earlier, source=signal.source)
        return Accepted(id=earlier, duplicate=True)
    tx.signals.add(signal, digest)
    for key in keys:
        tx.signals.remember(signal.source, key.value, signal.id, tx.now + key.keeps)
    tx.journal.add(EventKind.SIGNAL_ACCEPTED, tx.now, signal=signal.id, source=signal.source)
    return Accepted(id=signal.id, duplicate=False)


def receive_once(tx: Transaction, signal: Signal, key: SignalKey) -> Accepted:
    """Store what a person asks for here; its key alone says whether it is a repeat."""
    return receive(tx, signal, [key], sha256(key.value.encode()).hexdigest())
