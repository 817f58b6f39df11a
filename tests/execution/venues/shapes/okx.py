"""OKX, as okx.com/docs-v5 shows it."""

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
THEIRS = "312269865356374016"
ORDER = "/api/v5/trade/order"
ALGO, ALGO_ORDER = "1753184812254216192", "/api/v5/trade/order-algo"
ALGOS_OPEN = "/api/v5/trade/orders-algo-pending"
_MARKET = {
    "instType": "SPOT",
    "instId": "BTC-USDT",
    "baseCcy": "BTC",
    "quoteCcy": "USDT",
    "settleCcy": "",
    "uly": "",
    "instFamily": "",
    "ctVal": "",
    "ctMult": "",
    "ctValCcy": "",
    "optType": "",
    "stk": "",
    "listTime": "1548133413000",
    "expTime": "",
    "lever": "10",
    "tickSz": "0.1",
    "lotSz": "0.00000001",
    "minSz": "0.00001",
    "ctType": "",
    "alias": "",
    "state": "live",
    "maxLmtSz": "9999999999",
    "maxMktSz": "1000000",
}
_SHOWN = {
    "instType": "SPOT",
    "instId": "BTC-USDT",
    "ordId": THEIRS,
    "clOrdId": OURS,
    "px": "50000.1",
    "sz": "0.0123",
    "ordType": "limit",
    "side": "buy",
    "tdMode": "cash",
    "tgtCcy": "",
    "accFillSz": "0.0023",
    "avgPx": "50000",
    "state": "partially_filled",
    "fee": "-0.0000023",
    "feeCcy": "BTC",
    "algoId": "",
    "algoClOrdId": "",
    "cTime": str(NOW),
    "uTime": str(NOW),
}
_ALGO_SHOWN = {
    "activePx": "",
    "actualPx": "",
    "actualSide": "",
    "actualSz": "0",
    "algoClOrdId": OURS,
    "algoId": ALGO,
    "cTime": str(NOW),
    "callbackRatio": "",
    "callbackSpread": "",
    "ccy": "",
    "clOrdId": "",
    "closeFraction": "",
    "failCode": "0",
    "instId": "BTC-USDT",
    "instType": "SPOT",
    "last": "50100",
    "lever": "",
    "moveTriggerPx": "",
    "ordId": "",
    "ordIdList": [],
    "ordPx": "",
    "ordType": "conditional",
    "posSide": "net",
    "reduceOnly": "false",
    "side": "sell",
    "slOrdPx": "48000.1",
    "slTriggerPx": "49000.1",
    "slTriggerPxType": "last",
    "state": "live",
    "sz": "0.0123",
    "tag": "",
    "tdMode": "cash",
    "tgtCcy": "",
    "tpOrdPx": "",
    "tpTriggerPx": "",
    "tpTriggerPxType": "",
    "triggerPx": "",
    "triggerPxType": "",
    "triggerTime": "",
    "tradeQuoteCcy": "USDT",
    "uTime": str(NOW),
}
_TRADE = {
    "instType": "SPOT",
    "instId": "BTC-USDT",
    "tradeId": "123",
    "ordId": THEIRS,
    "clOrdId": OURS,
    "billId": "1111",
    "fillPx": "50000",
    "fillSz": "0.0023",
    "side": "buy",
    "execType": "T",
    "feeCcy": "BTC",
    "fee": "-0.0000023",
    "ts": str(NOW),
}


def algo(**changes: object) -> dict[str, object]:
    """`GET order-algo` of a stop-limit that sells, and waits unless changed."""
    return told(_ALGO_SHOWN | changes)


def became(**changes: object) -> dict[str, object]:
    """`GET order` of what it became, which bears no `clOrdId`."""
    row = {"side": "sell", "px": "48000.1", "clOrdId": "", "algoId": ALGO, "algoClOrdId": OURS}
    return told(_SHOWN | row | changes)


def told(*rows: object) -> dict[str, object]:
    return {"code": "0", "msg": "", "data": list(rows)}


def refused(code: str, text: str) -> Answer:
    row = {"clOrdId": OURS, "ordId": "", "tag": "", "sCode": code, "sMsg": text}
    return Answer(body={"code": "1", "msg": "All operations failed", "data": [row]})


UNKNOWN = Answer(body={"code": "51603", "msg": "Order does not exist", "data": []})


def _is_signed(came: Came) -> bool:
    told = came.headers["OK-ACCESS-TIMESTAMP"] + came.asked.method + came.target + came.raw
    return (
        came.headers["OK-ACCESS-KEY"] == KEY
        and came.headers["OK-ACCESS-PASSPHRASE"] == PHRASE
        and came.headers["OK-ACCESS-SIGN"]
        == b64encode(hmac.digest(SECRET.encode(), told.encode(), "sha256")).decode()
    )


def _order(kind: str) -> Asked:
    body = {
        "instId": "BTC-USDT",
        "side": "buy",
        "ordType": kind,
        "sz": "0.0123",
        "px": "50000.1",
        "tdMode": "cash",
        "tgtCcy": "base_ccy",
        "clOrdId": OURS,
    }
    return Asked(method="POST", path=ORDER, body=body)


OKX = Exchange(
    name="okx",
    symbol="BTC/USDT",
    client_order_id=OURS,
    venue_order_id=THEIRS,
    urls=everywhere("rest"),
    answers={
        "GET /api/v5/public/time": told({"ts": str(NOW)}),
        "GET /api/v5/public/instruments": told(_MARKET),
        "GET /api/v5/account/balance": told(
            {
                "uTime": str(NOW),
                "details": [
                    {"ccy": "USDT", "cashBal": "900", "availBal": "285", "frozenBal": "615"},
                    {"ccy": "BTC", "cashBal": "0.0023", "availBal": "0.0023", "frozenBal": "0"},
                ],
            }
        ),
        "GET /api/v5/market/ticker": told(
            {"instId": "BTC-USDT", "bidPx": "50000", "askPx": "50000.2", "last": "50000"}
        ),
        "GET /api/v5/market/books": told(
            {
                "asks": [["50000.2", "1.5", "0", "4"]],
                "bids": [["50000", "2", "0", "3"]],
                "ts": str(NOW),
            }
        ),
        "GET /api/v5/market/candles": told(
            [str(NOW), "49900", "50100", "49800", "50000", "12.5", "1", "1", "0"],
            [str(NOW - HOUR), "49000", "50000", "48900", "49900", "10", "1", "1", "1"],
        ),
        f"POST {ORDER}": told(
            {"ordId": THEIRS, "clOrdId": OURS, "tag": "", "sCode": "0", "sMsg": ""}
        ),
        f"GET {ORDER}": told(_SHOWN),
        "GET /api/v5/trade/orders-pending": told(_SHOWN),
        "GET /api/v5/trade/orders-history": told(),
        f"POST {ALGO_ORDER}": told(
            {
                "algoId": ALGO,
                "algoClOrdId": OURS,
                "clOrdId": "",
                "sCode": "0",
                "sMsg": "",
                "tag": "",
            }
        ),
        f"GET {ALGO_ORDER}": algo(),
        f"GET {ALGOS_OPEN}": told(),
        "POST /api/v5/trade/cancel-algos": told(
            {"algoId": ALGO, "algoClOrdId": "", "clOrdId": "", "sCode": "0", "sMsg": "", "tag": ""}
        ),
        "GET /api/v5/trade/fills-history": told(_TRADE),
        "POST /api/v5/trade/cancel-order": told(
            {"ordId": THEIRS, "clOrdId": OURS, "sCode": "0", "sMsg": ""}
        ),
    },
    opening=[
        Asked(method="GET", path="/api/v5/public/time"),
        Asked(method="GET", path="/api/v5/public/instruments", query={"instType": "SPOT"}),
        Asked(method="GET", path="/api/v5/account/balance"),
    ],
    sent={
        "GTC": _order("limit"),
        "IOC": _order("ioc"),
        "FOK": _order("fok"),
        "post-only": _order("post_only"),
    },
    found=Asked(method="GET", path=ORDER, query={"instId": "BTC-USDT", "clOrdId": OURS}),
    searched=[
        Asked(
            method="GET",
            path="/api/v5/trade/orders-pending",
            query={"instId": "BTC-USDT", "limit": "100"},
        ),
        Asked(
            method="GET",
            path="/api/v5/trade/orders-history",
            query={
                "instType": "SPOT",
                "instId": "BTC-USDT",
                "limit": "100",
                "state": "filled",
                "begin": "<since>",
            },
        ),
        Asked(
            method="GET",
            path="/api/v5/trade/orders-history",
            query={
                "instType": "SPOT",
                "instId": "BTC-USDT",
                "limit": "100",
                "state": "canceled",
                "begin": "<since>",
            },
        ),
        Asked(
            method="GET",
            path="/api/v5/trade/fills-history",
            query={"instType": "SPOT", "instId": "BTC-USDT", "limit": "100", "begin": "<since>"},
        ),
        Asked(method="GET", path=ALGO_ORDER, query={"instId": "BTC-USDT", "algoClOrdId": OURS}),
        Asked(
            method="GET",
            path=ALGOS_OPEN,
            query={
                "instType": "SPOT",
                "instId": "BTC-USDT",
                "limit": "100",
                "ordType": "conditional",
            },
        ),
    ],
    of_theirs=Asked(
        method="GET",
        path="/api/v5/trade/fills-history",
        query={"instType": "SPOT", "instId": "BTC-USDT", "limit": "100", "ordId": THEIRS},
    ),
    nothing={
        f"GET {ORDER}": UNKNOWN,
        f"GET {ALGO_ORDER}": UNKNOWN,
        "GET /api/v5/trade/orders-pending": Answer(body=told()),
        "GET /api/v5/trade/fills-history": Answer(body=told()),
    },
    canceled=Asked(
        method="POST",
        path="/api/v5/trade/cancel-order",
        body={"instId": "BTC-USDT", "clOrdId": OURS},
    ),
    canceled_by_theirs=Asked(
        method="POST",
        path="/api/v5/trade/cancel-order",
        body={"instId": "BTC-USDT", "ordId": THEIRS},
    ),
    gone=refused("51402", "Cancellation failed as the order has been completed"),
    refusals={
        "duplicate": refused("51016", "Client order ID already exists"),
        "refused": refused("51008", "Order failed. Insufficient USDT balance in account"),
        "in doubt": Answer(body={"code": "50004", "msg": "API endpoint request timeout"}),
        "late": Answer(body={"code": "50102", "msg": "Timestamp request expired"}, status=401),
        "too many": Answer(body={"code": "50061", "msg": "Sub-account rate limit exceeded"}),
    },
    key_refused=Answer(body={"code": "50111", "msg": "Invalid OK-ACCESS-KEY"}, status=401),
    sandbox={"x-simulated-trading": "1"},
    is_signed=_is_signed,
    triggered=True,
)
