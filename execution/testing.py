"""The signal of `/test`: an ordinary entry that takes the whole path and is never sent.

Two doors are shut behind it: what is approved of it ends as canceled (`deciding.py`), and the executor
makes no order of it (`executor/opening.py`).
"""

from __future__ import annotations

from collections.abc import Set

from execution import limits
from execution.config import TEST, Config
from execution.market import Market
from execution.store import Transaction
from execution.symbols import assets
from execution.types import Side, Signal, Size, SizeKind


def signal(tx: Transaction, market: Market, config: Config) -> Signal:
    """A buy at the default venue, of the size that orders have there when nobody says one."""
    in_force = limits.in_force(tx, config.limits)
    most = in_force.max_order_notional
    return Signal(
        id=tx.new_id(),
        source=TEST,
        received_at=tx.now,
        symbol=_symbol(market, config, in_force.symbols),
        side=Side.BUY,
        size=config.default_size or Size(kind=SizeKind.NOTIONAL, value=most, in_currency=True),
        test=True,
    )


def _symbol(market: Market, config: Config, allowed: Set[str] | None) -> str:
    """The market people know best, of those that may be traded."""
    feed = market.feeds().get(config.default_venue or "")
    there = set() if feed is None else set(feed.venue.instruments())
    known = f"BTC/{config.currency}"
    candidates = there if allowed is None else there & allowed or allowed
    best = assets(known)
    ranked = sorted(candidates, key=lambda s: (assets(s) != best, assets(s)[1] != best[1], s))
    return ranked[0] if ranked else known
