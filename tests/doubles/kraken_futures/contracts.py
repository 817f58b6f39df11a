"""The contracts the loopback Kraken Futures lists, and how it writes numbers, times and ids.

The names and the numbers are those of `instruments` and `tickers`. JSON numbers are doubles there, times
RFC 3339 with milliseconds, ids UUIDs.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any


@dataclass(slots=True)
class FuturesContract:
    """One contract."""

    symbol: str
    tick: str
    precision: int
    """How many decimals an amount has; below zero: how many of its digits are zeros."""
    type: str = "flexible_futures"
    ends: str | None = None
    """When one that is not perpetual is settled."""
    tradeable: bool = True
    post_only: bool = False
    """Whether it takes only orders that rest."""
    initial_margin: str = "0.02"
    max_position: str = "1000000000000"
    quote: str = "USD"

    @property
    def base(self) -> str:
        return self.symbol.split("_")[1].removesuffix("USD")

    @property
    def step(self) -> Decimal:
        return Decimal(1).scaleb(-self.precision)

    @property
    def most_leverage(self) -> Decimal:
        """What its first margin level comes to."""
        return 1 / Decimal(self.initial_margin)

    def info(self) -> dict[str, Any]:
        """This contract's entry in `instruments`."""
        counts_by = "contracts" if self.type == "futures_inverse" else "numNonContractUnits"
        told = {
            "symbol": self.symbol,
            "type": self.type,
            "tickSize": float(self.tick),
            "contractSize": 1,
            "tradeable": self.tradeable,
            "impactMidSize": 1.0,
            "maxPositionSize": float(self.max_position),
            "openingDate": "2022-03-22T13:18:45Z",
            "marginLevels": [
                {
                    counts_by: at,
                    "initialMargin": times * float(self.initial_margin),
                    "maintenanceMargin": times * float(self.initial_margin) / 2,
                }
                for at, times in ((0, 1), (500_000, 2))
            ],
            "fundingRateCoefficient": 24,
            "maxRelativeFundingRate": 0.0025,
            "isin": "GB00J62YGL67",
            "contractValueTradePrecision": self.precision,
            "postOnly": self.post_only,
            "feeScheduleUid": "723888f7-0a8e-4183-8648-f920a22339e3",
            "mtf": True,
            "base": self.base.replace("XBT", "BTC"),
            "quote": "USD",
            "pair": f"{self.base.replace('XBT', 'BTC')}:USD",
            "category": "",
            "tags": [],
        }
        return told if self.ends is None else told | {"lastTradingTime": self.ends}


INDEX = {"symbol": "in_xbtusd", "type": "spot index", "tradeable": False, "tags": []}
"""What else is listed among the contracts."""
CONTRACTS = (
    FuturesContract("PF_XBTUSD", tick="1", precision=4, max_position="1000"),
    FuturesContract("PF_ETHUSD", tick="0.1", precision=3),
    FuturesContract("PF_PEPEUSD", tick="1E-10", precision=-3, initial_margin="0.1"),
    FuturesContract("PF_LUNAUSD", tick="0.0001", precision=0, tradeable=False),
    FuturesContract("FF_XBTUSD_270326", tick="1", precision=4, ends="2027-03-26T15:00:00.000Z"),
    FuturesContract("PI_XBTUSD", tick="0.5", precision=0, type="futures_inverse"),
)


def stamp(milliseconds: int) -> str:
    """A time as it is written."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def milliseconds(written: str) -> int:
    """A time as it was written; it raises `ValueError` for what is none."""
    return int(datetime.fromisoformat(written).timestamp() * 1000)


def uid(kind: str, number: int) -> str:
    """An id, of orders, triggers, executions or bookings as four hexadecimal digits say."""
    return f"{number:08x}-{kind}-4f6d-9a21-5b3c1d0e7f42"
