"""ccxt's async client of the loopback Binance and nothing else: what a measurement is compared with."""

from __future__ import annotations

from typing import Any

import ccxt.async_support


def bare_binance(url: str, api_key: str, secret: str, **more: object) -> Any:
    """A client of the exchange at this address; `more` goes into its config."""
    return ccxt.async_support.binance(
        {
            "apiKey": api_key,
            "secret": secret,
            "has": {"fetchCurrencies": False},
            "options": {
                "defaultType": "spot",
                "fetchMarkets": {"types": ["spot"]},
                "fetchMargins": False,
                "fetchCurrencies": False,
            },
            "urls": {"api": {"public": f"{url}/api/v3", "private": f"{url}/api/v3"}},
            **more,
        }
    )
