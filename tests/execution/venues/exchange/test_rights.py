"""What a key may do, asked of the exchange over the wire; and how each exchange's answer is read."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import pytest

from execution.errors import VenueUnavailable
from execution.types import Mode
from execution.venues.quirks import quirks_of
from execution.venues.rights import ASKED, UNTOLD, KeyRights
from tests.doubles.binance import BinanceServer, Fault
from tests.execution.venues.exchange.setup import venue_at

FITS = KeyRights(trades=True, withdraws=False, bound=True)
RESTRICTIONS = "GET /sapi/v1/account/apiRestrictions"


async def rights_at(exchange: BinanceServer, mode: Mode = Mode.LIVE) -> KeyRights:
    venue = venue_at(exchange, mode)
    try:
        await venue.open()
        return await venue.rights()
    finally:
        await venue.close()


async def test_the_key_itself_asks_with_a_signature(exchange: BinanceServer) -> None:
    assert await rights_at(exchange) == FITS
    (asked,) = exchange.asked(RESTRICTIONS)
    assert {"timestamp", "signature"} <= asked.params.keys()


@pytest.mark.parametrize(
    ("told", "rights"),
    [
        ({"enableWithdrawals": True}, FITS.evolve(withdraws=True)),
        ({"enableSpotAndMarginTrading": False}, FITS.evolve(trades=False)),
        ({"ipRestrict": False}, FITS.evolve(bound=False)),
    ],
    ids=["it may withdraw", "it only reads", "it works from everywhere"],
)
async def test_binance_says(
    exchange: BinanceServer, told: dict[str, bool], rights: KeyRights
) -> None:
    exchange.endpoints.rights = told
    assert await rights_at(exchange) == rights


async def test_binances_testnet_is_not_asked_what_it_cannot_tell(exchange: BinanceServer) -> None:
    assert await rights_at(exchange, Mode.SANDBOX) == UNTOLD
    assert exchange.asked(RESTRICTIONS) == []


@pytest.mark.parametrize("body", ["{}", '{"code": 0}', "<html>busy</html>"])
async def test_an_answer_that_says_nothing_is_none(exchange: BinanceServer, body: str) -> None:
    exchange.fail(RESTRICTIONS, Fault(kind="answer", body=body))
    with pytest.raises(VenueUnavailable):
        await rights_at(exchange)


KRAKEN = ["query-funds", "query-open-trades", "query-closed-trades", "modify-trades"]
WIDE: Mapping[str, Any] = {"Spot": ["SpotTrade"], "Wallet": ["AccountTransfer"]}
BINANCE = {"enableWithdrawals": False, "ipRestrict": True, "enableSpotAndMarginTrading": True}


def key_check(general: str, transfer: str, *blocks: str) -> dict[str, Any]:
    """What Kraken Futures tells of a key."""
    may = {"general": general, "transfer": transfer}
    return {"permissions": may, "allowedCidrBlock": None, "allowedCidrBlocks": list(blocks)}


ANSWERS: list[tuple[str, Any, KeyRights]] = [
    ("binanceusdm", BINANCE | {"enableFutures": True}, FITS),
    ("binanceusdm", BINANCE | {"enableFutures": False}, FITS.evolve(trades=False)),
    ("kraken", {"result": {"permissions": KRAKEN, "ipAllowlist": ["203.0.113.7"]}}, FITS),
    (
        "kraken",
        {"result": {"permissions": ["query-funds", "withdraw-funds"], "ipAllowlist": []}},
        KeyRights(trades=False, withdraws=True, bound=False),
    ),
    ("krakenfutures", key_check("FULL_ACCESS", "NO_ACCESS", "203.0.113.7/32"), FITS),
    (
        "krakenfutures",
        key_check("READ_ONLY", "FULL_ACCESS"),
        KeyRights(trades=False, withdraws=True, bound=False),
    ),
    (
        "krakenfutures",
        key_check("FULL_ACCESS", "READ_ONLY", "0.0.0.0/0"),
        FITS.evolve(bound=False),
    ),
    (
        "coinbase",
        {"can_view": True, "can_trade": True, "can_transfer": False},
        FITS.evolve(bound=None),
    ),
    (
        "coinbase",
        {"can_view": True, "can_trade": False, "can_transfer": True},
        KeyRights(trades=False, withdraws=True),
    ),
    ("bybit", {"result": {"readOnly": 0, "permissions": WIDE, "ips": ["203.0.113.7"]}}, FITS),
    (
        "bybit",
        {"result": {"readOnly": 1, "permissions": {"Wallet": ["Withdraw"]}, "ips": ["*"]}},
        KeyRights(trades=False, withdraws=True, bound=False),
    ),
    ("okx", {"data": [{"perm": "read_only,trade", "ip": "203.0.113.7"}]}, FITS),
    (
        "okx",
        {"data": [{"perm": "read_only,withdraw", "ip": ""}]},
        KeyRights(trades=False, withdraws=True, bound=False),
    ),
]


@pytest.mark.parametrize(("exchange_id", "answer", "rights"), ANSWERS)
def test_an_answer_is_read(exchange_id: str, answer: Any, rights: KeyRights) -> None:
    """The shapes are those of each exchange's documentation."""
    assert ASKED[exchange_id].read(answer) == rights


@pytest.mark.parametrize("exchange_id", ASKED)
def test_ccxt_has_the_call(exchange_id: str) -> None:
    module = importlib.import_module(f"ccxt.async_support.{exchange_id}")
    classes = getattr(module, exchange_id), quirks_of(exchange_id).mixed_in
    assert any(hasattr(one, ASKED[exchange_id].call) for one in classes)
