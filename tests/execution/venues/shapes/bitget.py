"""Bitget, as bitget.com/api-doc/spot shows it, as far as ccxt 4.5.90 quotes it."""

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
THEIRS = "1111499608327360513"
TRADE = "/api/v2/spot/trade"
_PAIR = {"symbol": "BTCUSDT"}
_MARKET = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "minTradeAmount": "0",
    "maxTradeAmount": "10000000000",
    "takerFeeRate": "0.002",
    "makerFeeRate": "0.002",
    "pricePrecision": "1",
    "quantityPrecision": "6",
    "quotePrecision": "6",
    "status": "online",
    "minTradeUSDT": "5",
    "buyLimitPriceRatio": "0.05",
    "sellLimitPriceRatio": "0.05",
}
_SHOWN = {
    "userId": "7264631750",
    "symbol": "BTCUSDT",
    "orderId": THEIRS,
    "clientOid": OURS,
    "price": "50000.1",
    "size": "0.0123000000000000",
    "orderType": "limit",
    "side": "buy",
    "status": "partially_filled",
    "priceAvg": "50000.0000000000000000",
    "baseVolume": "0.0023000000000000",
    "quoteVolume": "115.0000000000000000",
    "enterPointSource": "API",
    "orderSource": "normal",
    "feeDetail": "",
    "cTime": str(NOW),
    "uTime": str(NOW),
}
_TRADE = {
    "userId": "7264631750",
    "symbol": "BTCUSDT",
    "orderId": THEIRS,
    "tradeId": "1098394344974925824",
    "orderType": "limit",
    "side": "buy",
    "priceAvg": "50000",
    "size": "0.0023",
    "amount": "115",
    "feeDetail": {
        "deduction": "no",
        "feeCoin": "BTC",
        "totalDeductionFee": "",
        "totalFee": "-0.0000023",
    },
    "tradeScope": "taker",
    "cTime": str(NOW),
    "uTime": str(NOW),
}


def _told(data: object) -> dict[str, object]:
    return {"code": "00000", "msg": "success", "requestTime": NOW, "data": data}


def _refused(code: str, text: str, *, status: int = 400) -> Answer:
    body = {"code": code, "msg": text, "requestTime": NOW, "data": None}
    return Answer(body=body, status=status)


def _is_signed(came: Came) -> bool:
    told = came.headers["ACCESS-TIMESTAMP"] + came.asked.method + came.target + came.raw
    return (
        came.headers["ACCESS-KEY"] == KEY
        and came.headers["ACCESS-PASSPHRASE"] == PHRASE
        and came.headers["ACCESS-SIGN"]
        == b64encode(hmac.digest(SECRET.encode(), told.encode(), "sha256")).decode()
    )


def _order(force: str) -> Asked:
    body = {
        **_PAIR,
        "orderType": "limit",
        "price": "50000.1",
        "force": force,
        "side": "buy",
        "clientOid": OURS,
        "size": "0.0123",
    }
    return Asked(method="POST", path=f"{TRADE}/place-order", body=body)


BITGET = Exchange(
    name="bitget",
    symbol="BTC/USDT",
    client_order_id=OURS,
    venue_order_id=THEIRS,
    urls=everywhere("spot", "mix", "margin", "common", "uta", "user"),
    answers={
        "GET /api/v2/public/time": _told({"serverTime": str(NOW)}),
        "GET /api/v2/spot/public/symbols": _told([_MARKET]),
        "GET /api/v2/margin/currencies": _told([]),
        "GET /api/v2/spot/account/assets": _told(
            [
                {
                    "coin": "USDT",
                    "available": "285",
                    "frozen": "615",
                    "locked": "0",
                    "limitAvailable": "0",
                    "uTime": str(NOW),
                },
                {
                    "coin": "BTC",
                    "available": "0.0023",
                    "frozen": "0",
                    "locked": "0",
                    "limitAvailable": "0",
                    "uTime": str(NOW),
                },
            ]
        ),
        "GET /api/v2/spot/market/tickers": _told(
            [{"symbol": "BTCUSDT", "bidPr": "50000", "askPr": "50000.2", "lastPr": "50000"}]
        ),
        "GET /api/v2/spot/market/orderbook": _told(
            {"asks": [["50000.2", "1.5"]], "bids": [["50000", "2"]], "ts": str(NOW)}
        ),
        "GET /api/v2/spot/market/candles": _told(
            [
                [str(NOW - HOUR), "49000", "50000", "48900", "49900", "10", "1", "1"],
                [str(NOW), "49900", "50100", "49800", "50000", "12.5", "1", "1"],
            ]
        ),
        f"POST {TRADE}/place-order": _told({"orderId": THEIRS, "clientOid": OURS}),
        f"GET {TRADE}/orderInfo": _told([_SHOWN]),
        f"GET {TRADE}/unfilled-orders": _told([_SHOWN]),
        f"GET {TRADE}/history-orders": _told([]),
        f"GET {TRADE}/fills": _told([_TRADE]),
        f"POST {TRADE}/cancel-order": _told({"orderId": THEIRS, "clientOid": OURS}),
    },
    opening=[
        Asked(method="GET", path="/api/v2/public/time"),
        Asked(method="GET", path="/api/v2/spot/public/symbols"),
        # Of margin trading, and open to everybody: ccxt marks the pairs that have it.
        Asked(method="GET", path="/api/v2/margin/currencies"),
        Asked(method="GET", path="/api/v2/spot/account/assets"),
    ],
    sent={
        "GTC": _order("GTC"),
        "IOC": _order("IOC"),
        "FOK": _order("FOK"),
        "post-only": _order("post_only"),
    },
    found=Asked(method="GET", path=f"{TRADE}/orderInfo", query={"clientOid": OURS}),
    searched=[
        Asked(method="GET", path=f"{TRADE}/unfilled-orders", query={**_PAIR, "limit": "100"}),
        Asked(
            method="GET",
            path=f"{TRADE}/history-orders",
            query={**_PAIR, "limit": "100", "startTime": "<since>"},
        ),
        Asked(
            method="GET",
            path=f"{TRADE}/fills",
            query={**_PAIR, "limit": "100", "startTime": "<since>"},
        ),
    ],
    of_theirs=Asked(
        method="GET",
        path=f"{TRADE}/fills",
        query={**_PAIR, "limit": "100", "startTime": "<since>"},
    ),
    nothing={
        f"GET {TRADE}/orderInfo": _refused("40109", "The data of the order cannot be found"),
        f"GET {TRADE}/unfilled-orders": Answer(body=_told([])),
        f"GET {TRADE}/fills": Answer(body=_told([])),
    },
    canceled=Asked(method="POST", path=f"{TRADE}/cancel-order", body={**_PAIR, "clientOid": OURS}),
    canceled_by_theirs=Asked(
        method="POST", path=f"{TRADE}/cancel-order", body={**_PAIR, "orderId": THEIRS}
    ),
    gone=_refused("22001", "No order to cancel"),
    refusals={
        "duplicate": _refused("40786", "Duplicate clientOid"),
        "refused": _refused("43012", "Insufficient balance"),
        "in doubt": _refused("40010", "Request timed out"),
        "late": _refused("40008", "Request timestamp expired"),
        "too many": _refused("429", "Too many requests"),
    },
    key_refused=_refused("40018", "Invalid IP"),
    sandbox={"PAPTRADING": "1"},
    is_signed=_is_signed,
)
