"""The contracts the loopback Binance USD-M lists, and what its account holds of each.

The names and the numbers are those of `exchangeInfo` and of the positions in `v3/account`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.doubles.trading import ZERO

ALGO_TYPES = (
    "STOP",
    "STOP_MARKET",
    "TAKE_PROFIT",
    "TAKE_PROFIT_MARKET",
    "TRAILING_STOP_MARKET",
)
"""What waits for a price: taken as an algo order only."""
FOR_EVER = 4_133_404_800_000
"""When a perpetual contract is delivered."""


@dataclass(slots=True)
class Contract:
    """One contract, with its filters."""

    base: str
    tick: str
    step: str
    min_notional: str
    quote: str = "USDT"
    delivery: str = ""
    """The date in the symbol of one that is delivered; empty: it is perpetual."""
    status: str = "TRADING"
    max_price: str = "4529764"
    max_amount: str = "1000"
    percent: tuple[str, str] = ("0.9500", "1.0500")
    """How far from the mark price a sell and a buy may be."""

    @property
    def symbol(self) -> str:
        return self.base + self.quote + (f"_{self.delivery}" if self.delivery else "")

    @property
    def price_digits(self) -> int:
        """`pricePrecision`: finer than the tick of BTCUSDT, as at the exchange itself."""
        return 2

    @property
    def amount_digits(self) -> int:
        return len(self.step.partition(".")[2])

    def info(self) -> dict[str, Any]:
        """This contract's entry in `exchangeInfo`."""
        return {
            "symbol": self.symbol,
            "pair": self.base + self.quote,
            "contractType": "CURRENT_QUARTER" if self.delivery else "PERPETUAL",
            "deliveryDate": 1_806_048_000_000 if self.delivery else FOR_EVER,
            "onboardDate": 1_569_398_400_000,
            "status": self.status,
            "maintMarginPercent": "2.5000",
            "requiredMarginPercent": "5.0000",
            "baseAsset": self.base,
            "quoteAsset": self.quote,
            "marginAsset": self.quote,
            "pricePrecision": self.price_digits,
            "quantityPrecision": self.amount_digits,
            "baseAssetPrecision": 8,
            "quotePrecision": 8,
            "underlyingType": "COIN",
            "underlyingSubType": ["PoW"],
            "triggerProtect": "0.0500",
            "liquidationFee": "0.012500",
            "marketTakeBound": "0.05",
            "maxMoveOrderLimit": 10000,
            "filters": [
                {
                    "filterType": "PRICE_FILTER",
                    "minPrice": self.tick,
                    "maxPrice": self.max_price,
                    "tickSize": self.tick,
                },
                {
                    "filterType": "LOT_SIZE",
                    "minQty": self.step,
                    "maxQty": self.max_amount,
                    "stepSize": self.step,
                },
                {
                    "filterType": "MARKET_LOT_SIZE",
                    "minQty": self.step,
                    "maxQty": "120",
                    "stepSize": self.step,
                },
                {"filterType": "MAX_NUM_ORDERS", "limit": 200},
                {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": 10},
                {"filterType": "MIN_NOTIONAL", "notional": self.min_notional},
                {
                    "filterType": "PERCENT_PRICE",
                    "multiplierDown": self.percent[0],
                    "multiplierUp": self.percent[1],
                    "multiplierDecimal": "4",
                },
                {"filterType": "POSITION_RISK_CONTROL", "positionControlSide": "NONE"},
            ],
            "orderTypes": ["LIMIT", "MARKET", *ALGO_TYPES],
            "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
            "permissionSets": ["GRID", "COPY"],
        }


@dataclass(slots=True)
class Position:
    """What is held of one contract; in one-way mode its side is `BOTH`."""

    symbol: str
    side: str
    amount: Decimal = ZERO
    """Negative when short."""
    entry: Decimal = ZERO
    """Average price of what is held."""
    updated: int = 0

    def add(self, amount: Decimal, price: Decimal) -> Decimal:
        """Take a trade in, bought or (negative) sold; returns the result of what it closed."""
        closed = min(abs(amount), abs(self.amount)) if amount * self.amount < 0 else ZERO
        opened, left = abs(amount) - closed, abs(self.amount) - closed
        result = closed * (price - self.entry) * (1 if self.amount > 0 else -1)
        if opened:
            self.entry = (left * self.entry + opened * price) / (left + opened)
        self.amount += amount
        if not self.amount:
            self.entry = ZERO
        return result
