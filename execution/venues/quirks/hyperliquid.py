"""Hyperliquid's spot market. Nobody has tried it: the shapes of requests are checked, nothing else is.

Sources: hyperliquid.gitbook.io/hyperliquid-docs, "For developers", "API".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from execution.instruments import Offers
from execution.rounding import plain
from execution.types import TimeInForce
from execution.venues.quirks.ways import Protection, Quirks


def hexadecimal(unique: bytes) -> str:
    """Sixteen bytes as `0x` and 32 hexadecimal digits."""
    return f"0x{unique.hex()}"


def hyperliquid_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An order at Hyperliquid: ccxt does not know the state of one that the dead man's switch canceled."""
    return {**row, "status": "canceled" if row["status"] == "scheduledCancel" else row["status"]}


HYPERLIQUID = Quirks(
    # No stop and no target: its documents tell of them for positions in perpetuals alone, touched by the
    # mark price ("Take profit and stop loss orders"). No order tells when it ends.
    offers=Offers(times=frozenset({TimeInForce.GTC, TimeInForce.IOC}), post_only=True),
    # `cloid`: 128 bits, written so ("Exchange endpoint"). Whether one may be used twice nobody says.
    client_order_id=hexadecimal,
    find_by="clientOrderId",  # sent as the `oid` of `orderStatus`
    cancel_by="clientOrderId",  # sent as `cancelByCloid`
    number=plain,  # ccxt reads a Decimal as nothing
    # A nonce, the time of signing, is taken for two days ("Nonces and API wallets"). Orders could carry
    # `expiresAfter`; ccxt does not send it with them.
    receive_window=timedelta(days=2),
    protection=Protection(
        attached="a stop and a target with the entry, of perpetuals",
        one_cancels_other="where both came with an entry, of perpetuals",
        reduce_only="of perpetuals",
        through_ccxt="`stopLoss` and `takeProfit` of `create_order`, as the grouping `normalTpsl`",
        source='"Exchange endpoint", "Place an order"; ccxt 4.5.90',
    ),
    mended=hyperliquid_row,
    # Nobody tells the words of that refusal: any about an id.
    duplicate_texts=frozenset({"cloid"}),
    price_in_book=True,  # the ticker tells the middle
    # The address of the account, and the private key that signs for it: of an API wallet, which cannot
    # withdraw. Reads are not signed, so that a wrong private key shows with the first order only.
    credentials={"apiKey": "walletAddress", "secret": "privateKey"},
    config={
        "has": {"fetchCurrencies": False},
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "refSet": True,  # else ccxt names itself as who brought the account
            "enableUnifiedMargin": False,  # else ccxt asks before the first order
            # What it shares with its second connection, of markets that are not loaded.
            "hip3TokensByName": {},
            "cachedCurrenciesById": {},
        },
    },
)
