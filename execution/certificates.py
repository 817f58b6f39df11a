"""What the last conformance runs at each exchange came to: kept in the database, shown by /status.

A run is made in an exchange's sandbox and says something of the exchange, so it counts for every venue
there that trades markets of the same kind: what spot has shown says nothing of contracts. It must never
call certified what the last run did not find to hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.metadata import version

from pydantic import TypeAdapter

from execution.instruments import MarketKind
from execution.record import Record
from execution.store import Transaction
from execution.types import Mode
from execution.venues.quirks import ccxt_id
from execution.venues.venue import Venue

CCXT = version("ccxt")
"""The one that is installed."""


class Outcome(StrEnum):
    """What became of one step."""

    HELD = "held"
    FAILED = "failed"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding(Record):
    """One step, and what was seen."""

    step: str
    outcome: Outcome
    text: str
    took: timedelta = timedelta(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate(Record):
    """One run."""

    venue: str
    """The venue's name in the settings, then."""
    exchange: str
    mode: Mode
    at: datetime
    ccxt: str
    """Its version."""
    countersign: str
    kind: MarketKind = MarketKind.SPOT
    """What the venue trades."""
    findings: Sequence[Finding]

    @property
    def holds(self) -> bool:
        """Whether every step held."""
        return all(one.outcome is Outcome.HELD for one in self.findings)


_CERTIFICATE = TypeAdapter(Certificate)


def keep(tx: Transaction, certificate: Certificate) -> None:
    """Keep the last run at its exchange, in markets of its kind."""
    tx.remember(_key(certificate.exchange, certificate.kind), _CERTIFICATE.dump_json(certificate))


def last(tx: Transaction, exchange: str, kind: MarketKind) -> Certificate | None:
    """The last run at an exchange, in markets of this kind."""
    kept = tx.known(_key(exchange, kind))
    return None if kept is None else _CERTIFICATE.validate_json(kept)


def standing(certificate: Certificate | None) -> str:
    """In a few words, what an exchange has shown; what it showed to another ccxt says nothing of this one."""
    if certificate is None or not certificate.holds:
        return "not certified"
    told = f"certified {certificate.at:%Y-%m-%d} (ccxt {certificate.ccxt})"
    return told if certificate.ccxt == CCXT else f"not certified with ccxt {CCXT}; {told}"


def told_of(tx: Transaction, venue: Venue) -> str | None:
    """The same of a venue; None for one on paper, whose books are our own."""
    if venue.mode is Mode.PAPER:
        return None
    return standing(last(tx, venue.exchange, venue.kind))


def _key(exchange: str, kind: MarketKind) -> str:
    """Where the last run is kept: by where it was made, however the settings call that."""
    return f"certificate:{ccxt_id(exchange, kind)}"
