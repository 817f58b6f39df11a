"""KuCoin, as Kucoin/kucoin-universal-sdk (2025-11-04) shows it."""

from __future__ import annotations

import hmac
from base64 import b64encode

from tests.execution.venues.shapes.place import (
    HOUR,
    KEY,
    NOW,
    PHRASE,
    SECRET,
    Answer,
    Asked,
    Came,
    Exchange,
    everywhere,
)

OURS = "0123456789abcdeffedcba9876543210"
THEIRS = "670fd33bf9406e0007ab3945"
ORDERS = "/api/v1/hf/orders"
BY_OURS = f"{ORDERS}/client-order/{OURS}"
_PAIR = {"symbol": "BTC-USDT"}
_MARKET = {
    "symbol": "BTC-USDT",
    "name": "BTC-USDT",
    "baseCurrency": "BTC",
    "quoteCurrency": "USDT",
    "feeCurrency": "USDT",
    "market": "USDS",
    "baseMinSize": "0.00001",
    "quoteMinSize": "0.1",
    "baseMaxSize": "10000000000",
    "quoteMaxSize": "99999999",
    "baseIncrement": "0.00000001",
    "quoteIncrement": "0.000001",
    "priceIncrement": "0.1",
    "priceLimitRate": "0.1",
    "minFunds": "0.1",
    "isMarginEnabled": True,
    "enableTrading": True,
}
_SHOWN = {
    "id": THEIRS,
    "clientOid": OURS,
    "symbol": "BTC-USDT",
    "opType": "DEAL",
    "type": "limit",
    "side": "buy",
    "price": "50000.1",
    "size": "0.0123",
    "funds": "615.00123",
    "dealSize": "0.0023",
    "dealFunds": "115",
    "fee": "0.115",
    "feeCurrency": "USDT",
    "stp": None,
    "timeInForce": "GTC",
    "postOnly": False,
    "cancelAfter": 0,
    "channel": "API",
    "cancelExist": False,
    "tradeType": "TRADE",
    "inOrderBook": True,
    "cancelledSize": "0",
    "remainSize": "0.01",
    "active": True,
    "createdAt": NOW,
    "lastUpdatedAt": NOW,
}
_TRADE = {
    "id": 19814995255305,
    "orderId": THEIRS,
    "counterOrderId": "67174228135f9e000709da8c",
    "tradeId": 11029373945659392,
    "symbol": "BTC-USDT",
    "side": "buy",
    "liquidity": "taker",
    "type": "limit",
    "forceTaker": False,
    "price": "50000",
    "size": "0.0023",
    "funds": "115",
    "fee": "0.115",
    "feeRate": "0.001",
    "feeCurrency": "USDT",
    "stop": "",
    "tradeType": "TRADE",
    "createdAt": NOW,
}


def _told(data: object) -> dict[str, object]:
    return {"code": "200000", "data": data}


def _refused(code: str, text: str) -> Answer:
    return Answer(body={"code": code, "msg": text})


def _hmac(text: str) -> str:
    return b64encode(hmac.digest(SECRET.encode(), text.encode(), "sha256")).decode()


def _is_signed(came: Came) -> bool:
    told = came.headers["KC-API-TIMESTAMP"] + came.asked.method + came.target + came.raw
    return (
        came.headers["KC-API-KEY"] == KEY
        and came.headers["KC-API-PASSPHRASE"] == _hmac(PHRASE)
        and came.headers["KC-API-SIGN"] == _hmac(told)
    )


def _order(**terms: object) -> Asked:
    body = {
        **_PAIR,
        "clientOid": OURS,
        "side": "buy",
        "type": "limit",
        "size": "0.0123",
        "price": "50000.1",
        **terms,
    }
    return Asked(method="POST", path=ORDERS, body=body)


KUCOIN = Exchange(
    name="kucoin",
    symbol="BTC/USDT",
    client_order_id=OURS,
    venue_order_id=THEIRS,
    urls=everywhere(
        "public", "private", "futuresPublic", "futuresPrivate", "uta", "utaPrivate", "earn"
    ),
    answers={
        "GET /api/v1/timestamp": _told(NOW),
        "GET /api/v2/symbols": _told([_MARKET]),
        "GET /api/v1/accounts": _told(
            [
                {
                    "id": "548674591753",
                    "currency": "USDT",
                    "type": "trade_hf",
                    "balance": "900",
                    "available": "285",
                    "holds": "615",
                },
                {
                    "id": "548674591754",
                    "currency": "BTC",
                    "type": "trade_hf",
                    "balance": "0.0023",
                    "available": "0.0023",
                    "holds": "0",
                },
            ]
        ),
        "GET /api/v1/market/stats": _told(
            {"time": NOW, "symbol": "BTC-USDT", "buy": "50000", "sell": "50000.2", "last": "50000"}
        ),
        "GET /api/v1/market/orderbook/level2_100": _told(
            {"time": NOW, "sequence": "1", "bids": [["50000", "2"]], "asks": [["50000.2", "1.5"]]}
        ),
        "GET /api/v1/market/candles": _told(
            [
                [str(NOW // 1000), "49900", "50000", "50100", "49800", "12.5", "1"],
                [str((NOW - HOUR) // 1000), "49000", "49900", "50000", "48900", "10", "1"],
            ]
        ),
        f"POST {ORDERS}": _told({"orderId": THEIRS, "clientOid": OURS}),
        f"GET {BY_OURS}": _told(_SHOWN),
        f"GET {ORDERS}/{THEIRS}": _told(_SHOWN),
        f"GET {ORDERS}/active": _told([_SHOWN]),
        f"GET {ORDERS}/done": _told({"lastId": 0, "items": []}),
        "GET /api/v1/hf/fills": _told({"items": [_TRADE], "lastId": 19814995255305}),
        f"DELETE {BY_OURS}": _told({"clientOid": OURS}),
        f"DELETE {ORDERS}/{THEIRS}": _told({"orderId": THEIRS}),
    },
    opening=[
        Asked(method="GET", path="/api/v1/timestamp"),
        Asked(method="GET", path="/api/v2/symbols"),
        Asked(method="GET", path="/api/v1/accounts", query={"type": "trade_hf"}),
    ],
    sent={
        "GTC": _order(timeInForce="GTC"),
        "IOC": _order(timeInForce="IOC"),
        "FOK": _order(timeInForce="FOK"),
        "post-only": _order(postOnly=True),
    },
    found=Asked(method="GET", path=BY_OURS, query=_PAIR),
    searched=[
        Asked(
            method="GET",
            path=f"{ORDERS}/active",
            query={**_PAIR, "tradeType": "TRADE", "status": "active"},
        ),
        Asked(
            method="GET",
            path=f"{ORDERS}/done",
            query={
                **_PAIR,
                "tradeType": "TRADE",
                "status": "done",
                "startAt": "<since>",
                "limit": "100",
            },
        ),
        Asked(
            method="GET",
            path="/api/v1/hf/fills",
            query={**_PAIR, "startAt": "<since>", "limit": "100"},
        ),
    ],
    of_theirs=Asked(
        method="GET",
        path="/api/v1/hf/fills",
        query={**_PAIR, "limit": "100", "orderId": THEIRS},
    ),
    nothing={
        f"GET {BY_OURS}": _refused("400100", "order not exist."),
        f"GET {ORDERS}/active": Answer(body=_told([])),
        "GET /api/v1/hf/fills": Answer(body=_told({"items": [], "lastId": 0})),
    },
    canceled=Asked(method="DELETE", path=BY_OURS, query=_PAIR),
    canceled_by_theirs=Asked(method="DELETE", path=f"{ORDERS}/{THEIRS}", query=_PAIR),
    gone=_refused("400100", "order_not_exist_or_not_allow_to_cancel"),
    refusals={
        "duplicate": _refused("400100", "The parameter clientOid is used already."),
        "refused": _refused("200004", "Balance insufficient!"),
        "in doubt": _refused("408000", "Network timeout, please try again later"),
        "late": Answer(body={"code": "400002", "msg": "KC-API-TIMESTAMP Invalid"}, status=401),
        "too many": _refused("429000", "Too many requests. System-level rate limit exceeded."),
    },
    key_refused=Answer(
        body={"code": "400006", "msg": "The requested ip address is not in the api whitelist"},
        status=401,
    ),
    is_signed=_is_signed,
)
