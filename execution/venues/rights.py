"""What an API key may do, as each exchange tells it: place orders, withdraw, be used from any address.

Pure: which of ccxt's calls asks, and how the answer is read. An exchange that is not listed tells nothing
that we know of; then only the person who made the key knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from execution.record import Record


@dataclass(frozen=True, kw_only=True, slots=True)
class KeyRights(Record):
    """What a key may do; None where the exchange does not tell."""

    trades: bool | None = None
    """Whether it may place orders, in markets of the kind that is traded with it."""
    withdraws: bool | None = None
    """Whether it may move money out of the account."""
    bound: bool | None = None
    """Whether it works only from addresses that were named when it was made."""


UNTOLD = KeyRights()
_ANYWHERE = frozenset({"0.0.0.0/0", "::/0"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking(Record):
    """How an exchange is asked about the key that signs."""

    call: str
    """ccxt's name of the request."""
    read: Callable[[Mapping[str, Any]], KeyRights]
    in_sandbox: bool = True
    """Whether its sandbox answers too."""


def _binance(answer: Mapping[str, Any]) -> KeyRights:
    return KeyRights(
        trades=bool(answer["enableSpotAndMarginTrading"]),
        withdraws=bool(answer["enableWithdrawals"]),
        bound=bool(answer["ipRestrict"]),
    )


def _binance_usdm(answer: Mapping[str, Any]) -> KeyRights:
    return _binance(answer).evolve(trades=bool(answer["enableFutures"]))


def _kraken(answer: Mapping[str, Any]) -> KeyRights:
    told = answer["result"]
    return KeyRights(
        trades="modify-trades" in told["permissions"],
        withdraws="withdraw-funds" in told["permissions"],
        bound=bool(told["ipAllowlist"]),
    )


def _kraken_futures(answer: Mapping[str, Any]) -> KeyRights:
    may, blocks = answer["permissions"], answer["allowedCidrBlocks"]
    return KeyRights(
        trades=may["general"] == "FULL_ACCESS",
        withdraws=may["transfer"] == "FULL_ACCESS",
        bound=bool(blocks) and not _ANYWHERE & set(blocks),
    )


def _coinbase(answer: Mapping[str, Any]) -> KeyRights:
    return KeyRights(trades=bool(answer["can_trade"]), withdraws=bool(answer["can_transfer"]))


def _bybit(answer: Mapping[str, Any]) -> KeyRights:
    told = answer["result"]
    may = told["permissions"]
    return KeyRights(
        trades=str(told["readOnly"]) == "0" and "SpotTrade" in may.get("Spot", ()),
        withdraws="Withdraw" in may.get("Wallet", ()),
        bound=bool(told["ips"]) and "*" not in told["ips"],
    )


def _okx(answer: Mapping[str, Any]) -> KeyRights:
    told = answer["data"][0]
    may = str(told["perm"]).split(",")
    return KeyRights(trades="trade" in may, withdraws="withdraw" in may, bound=bool(told["ip"]))


ASKED: Mapping[str, Asking] = {
    # developers.binance.com, "Get API Key Permission"; the spot testnet has no sapi.
    "binance": Asking(call="sapiGetAccountApiRestrictions", read=_binance, in_sandbox=False),
    # The same question, of the same key; demo trading has no sapi either.
    "binanceusdm": Asking(
        call="sapiGetAccountApiRestrictions", read=_binance_usdm, in_sandbox=False
    ),
    # docs.kraken.com, "Get API Key Info"
    "kraken": Asking(call="privatePostGetApiKeyInfo", read=_kraken),
    # docs.kraken.com, "Check v3 API key"
    "krakenfutures": Asking(call="fetch_key_rights", read=_kraken_futures),
    # docs.cdp.coinbase.com, "Get API Key Permissions"; it does not tell of addresses.
    "coinbase": Asking(call="v3PrivateGetBrokerageKeyPermissions", read=_coinbase),
    # bybit-exchange.github.io, "Get API Key Information"
    "bybit": Asking(call="privateGetV5UserQueryApi", read=_bybit),
    # okx.com/docs-v5, "Get account configuration"
    "okx": Asking(call="privateGetAccountConfig", read=_okx),
}
