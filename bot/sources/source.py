"""A configured sender: its name, its kind, its secrets, how often it may send, its field names.

`bot/app.py` makes one of each `[sources.x]`; the inlet looks them up by name. The secrets are never
part of its text form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from bot.settings.values import Rate
from bot.sources.mapping import FieldMap

KEEP_IDS = timedelta(days=90)  # how long a sender's id counts as already received
KEEP_DIGEST = timedelta(seconds=60)  # TradingView re-sends within about 20 s


class SourceKind(StrEnum):
    """How a sender proves who it is."""

    WEBHOOK = "webhook"
    """Standard Webhooks: a signature over the body."""
    TRADINGVIEW = "tradingview"
    """A secret in the path or the body: it can set no header."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One sender of signals."""

    name: str
    kind: SourceKind
    secrets: tuple[str, ...] = field(repr=False)
    """At least one; several while they are rotated."""
    rate: Rate
    map: FieldMap | None = None

    def __post_init__(self) -> None:
        """Refuse a source that anybody could send to.

        Raises:
            ValueError: no secret, or an empty one.
        """
        if not self.secrets or not all(self.secrets):
            raise ValueError(f"sources.{self.name}.secret: empty; anybody could send signals")

    def fields(self, payload: object) -> object:
        """The payload with the contract's field names."""
        return payload if self.map is None else self.map.apply(payload)


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What one request brought, after it proved where it is from."""

    fields: object
    """By the contract's names, still to be read by `signal.read_signal`."""
    digest: str
    """Of the content without the secret: the same for a repeat."""
    ids: Mapping[str, timedelta]
    """Keys by which a repeat of it is known, and how long each counts."""
