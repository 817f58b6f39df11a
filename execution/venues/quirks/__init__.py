"""What differs from exchange to exchange, as data: ids, time windows, texts, ccxt options.

`exchange.py` and `answers.py` read it; nothing here calls anything. An exchange that is not listed
gets the careful default: slower to prove absence, fewer short cuts.
"""

from collections.abc import Mapping

from execution.venues.quirks.binance import BINANCE
from execution.venues.quirks.binance_usdm import BINANCE_USDM
from execution.venues.quirks.bitget import BITGET
from execution.venues.quirks.bybit import BYBIT
from execution.venues.quirks.coinbase import COINBASE
from execution.venues.quirks.gate import GATE
from execution.venues.quirks.hyperliquid import HYPERLIQUID
from execution.venues.quirks.kraken import KRAKEN
from execution.venues.quirks.kraken_futures import KRAKEN_FUTURES
from execution.venues.quirks.kucoin import KUCOIN
from execution.venues.quirks.okx import OKX
from execution.venues.quirks.switches import DeadMansSwitch, dead_mans_switch
from execution.venues.quirks.ways import (
    FENCE_MARGIN,
    UNDOCUMENTED_WINDOW,
    ByCursor,
    ByNumber,
    Kind,
    NewestFirst,
    OlderThan,
    OnePage,
    Quirks,
    Streams,
)

__all__ = [
    "FENCE_MARGIN",
    "UNDOCUMENTED_WINDOW",
    "ByCursor",
    "ByNumber",
    "DeadMansSwitch",
    "Kind",
    "NewestFirst",
    "OlderThan",
    "OnePage",
    "Quirks",
    "Streams",
    "dead_mans_switch",
    "quirks_of",
]

_KNOWN: Mapping[str, Quirks] = {
    "binance": BINANCE,
    "binanceusdm": BINANCE_USDM,
    "bitget": BITGET,
    "bybit": BYBIT,
    "coinbase": COINBASE,
    "gate": GATE,
    "hyperliquid": HYPERLIQUID,
    "kraken": KRAKEN,
    "krakenfutures": KRAKEN_FUTURES,
    "kucoin": KUCOIN,
    "okx": OKX,
    # The same exchanges by their regional addresses.
    "bybiteu": BYBIT,
    "bybitid": BYBIT,
    "gateeu": GATE,
    "myokx": OKX,
    "okxus": OKX,
}


def quirks_of(exchange: str) -> Quirks:
    """The ways of this ccxt exchange id; the careful default when it is not listed."""
    return _KNOWN.get(exchange, Quirks())
