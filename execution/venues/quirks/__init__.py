"""What differs from exchange to exchange, as data: ids, time windows, texts, ccxt options.

`exchange.py` and `answers.py` read it; what is asked of ccxt here, they ask. An exchange that is not
listed gets the careful default: slower to prove absence, fewer short cuts.
"""

from collections.abc import Mapping
from datetime import date

from execution.instruments import MarketKind
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
    ContractAccount,
    InWindows,
    Kind,
    NewestFirst,
    OlderThan,
    OnePage,
    Quirks,
    Streams,
    WaitingList,
)

__all__ = [
    "FENCE_MARGIN",
    "SWAP_EXCHANGES",
    "UNDOCUMENTED_WINDOW",
    "ByCursor",
    "ByNumber",
    "ContractAccount",
    "DeadMansSwitch",
    "InWindows",
    "Kind",
    "NewestFirst",
    "OlderThan",
    "OnePage",
    "Quirks",
    "Streams",
    "WaitingList",
    "ccxt_id",
    "dead_mans_switch",
    "ends",
    "quirks_of",
    "switch_at",
    "trades_swaps",
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

_SWAPS: Mapping[str, str] = {
    "binance": "binanceusdm",
    "binanceusdm": "binanceusdm",
    "kraken": "krakenfutures",
    "krakenfutures": "krakenfutures",
}
"""By what the settings call an exchange, ccxt's id where its perpetual contracts are traded."""
SWAP_EXCHANGES = tuple(_SWAPS)
"""The exchanges whose perpetual contracts can be traded."""
_WITHOUT_SPOT = frozenset({"binanceusdm", "krakenfutures"})
"""Those of them that list contracts alone."""


def quirks_of(exchange: str) -> Quirks:
    """The ways of this ccxt exchange id; the careful default when it is not listed."""
    return _KNOWN.get(exchange, Quirks())


def trades_swaps(exchange: str) -> bool:
    """Whether the perpetual contracts of this exchange can be traded; `paper` is none."""
    return exchange in _SWAPS


def ccxt_id(exchange: str, kind: MarketKind) -> str:
    """ccxt's id of where this exchange trades markets of this kind.

    Raises:
        ValueError: it has none, or nobody has built it; the text names the fix.
    """
    if kind is MarketKind.SPOT:
        if exchange in _WITHOUT_SPOT:
            raise ValueError(f'market = "spot": {exchange} has contracts only')
        return exchange
    if not trades_swaps(exchange):
        known = ", ".join(SWAP_EXCHANGES)
        raise ValueError(f'market = "swap" is not built at {exchange} yet, only at {known}')
    return _SWAPS[exchange]


def switch_at(exchange: str, kind: MarketKind) -> DeadMansSwitch | None:
    """The dead man's switch of where this exchange trades markets of this kind, `paper` among them; None
    where there is none, or none is used here."""
    return dead_mans_switch(exchange if exchange == "paper" else ccxt_id(exchange, kind))


def ends(exchange: str, kind: MarketKind) -> date | None:
    """The day on which an exchange switches off what its markets of this kind are traded by; None where
    none was announced."""
    return quirks_of(ccxt_id(exchange, kind)).ends_on
