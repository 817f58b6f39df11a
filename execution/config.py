"""The house rules as one frozen record, built by `bot/app.py` from the settings.

`execution` reads no environment and no file: whatever it needs to know enters here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from execution.approval import Policy
from execution.checks import Limits
from execution.pricing import PriceTerms
from execution.record import Record
from execution.types import Size

BY_HAND = "chat"
"""The source of what people propose themselves; rules may name it, no other source may bear it."""
TEST = "a test"
"""The source of tickets that only try the path; no source in the settings can bear it."""
CLOSING = "a close"
"""The source of tickets that end a position because a person said so; none in the settings can bear it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceTerms(Record):
    """What a source's settings say of its signals."""

    venue: str | None = None
    size: Size | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Config(Record):
    """Everything the execution side is told."""

    policy: Policy
    limits: Limits
    prices: PriceTerms
    default_venue: str | None
    default_size: Size | None
    sources: Mapping[str, SourceTerms]
    currency: str
    zone: ZoneInfo
    max_retries: int
    retry_delay: timedelta
    reconcile_every: timedelta
    max_leverage: Mapping[str, Decimal] = field(default_factory=dict)
    """By venue of contracts: what a market there may be set to at most for orders that add exposure."""
