"""Hyperliquid, as hyperliquid.gitbook.io/hyperliquid-docs shows it. Its reads are not signed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.execution.venues.shapes.place import HOUR, NOW, Answer, Asked, Came, Exchange, everywhere

OURS = "0x0123456789abcdeffedcba9876543210"
THEIRS = "77738308"
ADDRESS, PRIVATE = f"0x{'11' * 20}", f"0x{'22' * 32}"
EXCHANGE = "/exchange"
_SPOT_META = {
    "tokens": [
        {"name": "USDC", "szDecimals": 8, "weiDecimals": 8, "index": 0, "isCanonical": True},
        {"name": "HYPE", "szDecimals": 2, "weiDecimals": 8, "index": 1, "isCanonical": False},
    ],
    "universe": [{"name": "@107", "tokens": [1, 0], "index": 0, "isCanonical": False}],
}
_PRICES = [
    {
        "prevDayPx": "30",
        "dayNtlVlm": "8906.0",
        "markPx": "32.14",
        "midPx": "32.145",
        "coin": "@107",
    }
]
_SHOWN = {
    "coin": "@107",
    "side": "B",
    "limitPx": "32.1",
    "sz": "0.77",
    "oid": int(THEIRS),
    "timestamp": NOW,
    "triggerCondition": "N/A",
    "isTrigger": False,
    "triggerPx": "0.0",
    "children": [],
    "isPositionTpsl": False,
    "reduceOnly": False,
    "orderType": "Limit",
    "origSz": "1.0",
    "tif": "Gtc",
    "cloid": OURS,
}
_FILL = {
    "coin": "@107",
    "px": "32",
    "sz": "0.23",
    "side": "B",
    "time": NOW,
    "startPosition": "0.0",
    "dir": "Buy",
    "closedPnl": "0.0",
    "hash": "0x88",
    "oid": int(THEIRS),
    "crossed": True,
    "fee": "0.00023",
    "feeToken": "HYPE",
    "tid": 118906512037719,
    "cloid": OURS,
}


def _bar(at: int, **told: str) -> dict[str, object]:
    return {"t": at, "T": at + HOUR - 1, "s": "@107", "i": "1h", "n": 1, **told}


def _info(**asked: Any) -> Asked:
    return Asked(method="POST", path="/info", body=asked)


def _signed(**action: Any) -> Asked:
    body = {"action": action, "nonce": "<nonce>", "signature": "<signature>"}
    return Asked(method="POST", path=EXCHANGE, body=body)


def _status(status: object) -> dict[str, object]:
    data = {"statuses": [status]}
    return {"status": "ok", "response": {"type": "order", "data": data}}


def _refused(text: str) -> Answer:
    return Answer(body=_status({"error": text}))


def _is_signed(came: Came) -> bool:
    """Whether it carries a signature, where it has one; what it signs only the exchange can say."""
    return came.asked.path == "/info" or set(came.asked.body["signature"]) == {"r", "s", "v"}


def _order(time_in_force: str) -> Asked:
    order = {
        "a": 10000,
        "b": True,
        "p": "32.1",
        "s": "1",
        "r": False,
        "t": {"limit": {"tif": time_in_force}},
        "c": OURS,
    }
    return _signed(type="order", orders=[order], grouping="na")


HYPERLIQUID = Exchange(
    name="hyperliquid",
    symbol="HYPE/USDC",
    client_order_id=OURS,
    venue_order_id=THEIRS,
    urls=everywhere("public", "private"),
    amount=Decimal(1),
    price=Decimal("32.1"),
    fine=("0.42", "32.145"),
    credentials={"api_key": ADDRESS, "secret": PRIVATE},
    answers={
        "exchangeStatus": {"time": NOW, "specialStatuses": None},
        "spotMetaAndAssetCtxs": [_SPOT_META, _PRICES],
        "spotClearinghouseState": {
            "balances": [
                {"coin": "USDC", "token": 0, "hold": "615", "total": "900", "entryNtl": "0.0"},
                {"coin": "HYPE", "token": 1, "hold": "0", "total": "0.0023", "entryNtl": "1"},
            ]
        },
        "l2Book": {
            "coin": "@107",
            "time": NOW,
            "levels": [
                [{"px": "32.1", "sz": "7", "n": 3}],
                [{"px": "32.2", "sz": "5", "n": 2}],
            ],
        },
        "candleSnapshot": [
            _bar(NOW - HOUR, o="49000", h="50000", l="48900", c="49900", v="10"),
            _bar(NOW, o="49900", h="50100", l="49800", c="50000", v="12.5"),
        ],
        f"POST {EXCHANGE}": _status({"resting": {"oid": int(THEIRS), "cloid": OURS}}),
        "orderStatus": {
            "status": "order",
            "order": {"order": _SHOWN, "status": "open", "statusTimestamp": NOW},
        },
        "frontendOpenOrders": [_SHOWN],
        "historicalOrders": [],
        "userFillsByTime": [_FILL],
    },
    opening=[
        _info(type="exchangeStatus"),
        _info(type="spotMetaAndAssetCtxs"),
        _info(type="spotClearinghouseState", user=ADDRESS),
    ],
    sent={"GTC": _order("Gtc"), "IOC": _order("Ioc"), "post-only": _order("Alo")},
    found=_info(type="orderStatus", user=ADDRESS, oid=OURS),
    searched=[
        _info(type="frontendOpenOrders", user=ADDRESS),
        _info(type="historicalOrders", user=ADDRESS),
        _info(type="userFillsByTime", user=ADDRESS, startTime="<since>"),
    ],
    of_theirs=_info(type="userFillsByTime", user=ADDRESS, startTime="<since>"),
    nothing={
        "orderStatus": Answer(body={"status": "unknownOid"}),
        "frontendOpenOrders": Answer(body=[]),
        "userFillsByTime": Answer(body=[]),
    },
    canceled=_signed(type="cancelByCloid", cancels=[{"asset": 10000, "cloid": OURS}]),
    canceled_by_theirs=_signed(type="cancel", cancels=[{"a": 10000, "o": int(THEIRS)}]),
    gone=_refused("Order was never placed, already canceled, or filled. asset=10000"),
    refusals={
        "duplicate": _refused("An order with this cloid exists"),
        "refused": _refused("Insufficient spot balance asset=10000"),
        "in doubt": _refused("nobody has heard of this error"),
    },
    key_refused=None,
    is_signed=_is_signed,
)
