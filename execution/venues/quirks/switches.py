"""The dead man's switches: where one is, and for how long it can be asked to wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from execution.record import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadMansSwitch(Record):
    """An exchange cancels every order of an account that was not asked to wait on in time."""

    longest: timedelta
    """What it can be asked to wait at most."""
    shortest: timedelta = timedelta(seconds=10)
    """OKX takes no less. Elsewhere it is ours: within a third of it a call must be answered."""
    disarms: bool = True
    """Whether ccxt can switch it off."""

    def takes(self, timeout: timedelta) -> bool:
        """Whether it can be asked to wait for exactly so long."""
        return self.shortest <= timeout <= self.longest and not timeout % timedelta(seconds=1)


_SWITCHES: Mapping[str, DeadMansSwitch] = {
    "hyperliquid": DeadMansSwitch(
        longest=timedelta(days=1),  # nobody says how long
        disarms=False,  # ccxt sends "now plus the time", so that zero would cancel everything
    ),
    "kraken": DeadMansSwitch(longest=timedelta(days=1) - timedelta(seconds=1)),
    "krakenfutures": DeadMansSwitch(longest=timedelta(days=1) - timedelta(seconds=1)),
    "okx": DeadMansSwitch(longest=timedelta(seconds=120)),
    "paper": DeadMansSwitch(longest=timedelta(days=1)),
}
"""Where ccxt's `cancelAllOrdersAfter` is one for the whole account. Not at Bybit: there it acts only for
accounts that have it switched on, when a private stream of theirs breaks, and we have none. Not at
Binance's USD-M: there each market has one of its own."""


def dead_mans_switch(exchange: str) -> DeadMansSwitch | None:
    """The one this exchange has, `paper` among them; None where there is none, or none is used here."""
    return _SWITCHES.get(exchange)
