"""A sender's name for a market -> the venue's unified symbol, or nothing.

Pure. The executor asks when a ticket is made. It must never guess: what is unknown, or could mean
two markets, is None and becomes a refused ticket.
"""

from __future__ import annotations

from collections.abc import Collection

_OTHER_NAMES = {"BTC": "XBT", "DOGE": "XDG"}
"""What Kraken calls assets that everybody else, ccxt included, calls otherwise."""

_PERPETUAL = ".P"
"""TradingView's suffix for a perpetual contract."""


def assets(symbol: str) -> tuple[str, str]:
    """The base asset and the quote currency of a unified symbol: `BTC/USDT:USDT` -> BTC, USDT."""
    base, _, rest = symbol.partition("/")
    return base, rest.partition(":")[0]


def is_spot(symbol: str) -> bool:
    """Whether a unified symbol is a spot pair: a contract's names what it settles in."""
    return ":" not in symbol


def resolve(sent: str, symbols: Collection[str], *, swap: bool = False) -> str | None:
    """The venue's symbol for what was sent; None when it is unknown or ambiguous.

    Understands `BTC/USDT`, `BTCUSDT`, `BINANCE:BTCUSDT`, `BTC-USD`, `BTC_USDT` and `XBTUSD` in any
    case, and on swap venues `BTCUSDT.P` and `BTC/USDT:USDT`. `symbols` are the venue's unified ones.
    """
    text = sent.strip()
    known = [symbol for symbol in symbols if _is_kind(symbol, swap=swap)]
    if text in known:
        return text
    text = text.upper()
    exchange, colon, ticker = text.partition(":")
    if colon and "/" not in exchange:
        text = ticker
    if text.endswith(_PERPETUAL):
        if not swap:
            return None
        text = text.removesuffix(_PERPETUAL)
    named = [s for s in known if text == s.upper() or text in _spellings(*assets(s.upper()))]
    named = named or [s for s in known if text in _other_spellings(*assets(s.upper()))]
    return named[0] if len(named) == 1 else None


def _is_kind(symbol: str, *, swap: bool) -> bool:
    """A spot pair, or a perpetual: `BTC/USDT:USDT`, but not the dated `BTC/USDT:USDT-260925`."""
    _, settled, contract = symbol.partition(":")
    return ("-" not in contract) if settled and swap else bool(settled) == swap


def _spellings(base: str, quote: str) -> set[str]:
    return {f"{base}{separator}{quote}" for separator in ("", "/", "-", "_")}


def _other_spellings(base: str, quote: str) -> set[str]:
    return _spellings(_OTHER_NAMES.get(base, base), _OTHER_NAMES.get(quote, quote))
