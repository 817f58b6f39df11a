"""Bybit, as bybit-exchange/docs (2026-07-24, `docs/v5`) shows it."""

from __future__ import annotations

import hmac

from tests.execution.venues.shapes.place import (
    HOUR,
    KEY,
    NOW,
    SECRET,
    Answer,
    Asked,
    Came,
    Exchange,
    everywhere,
)

OURS = "0123456789abcdeffedcba9876543210"
THEIRS = "1321003749386327552"
CREATE = "/v5/order/create"
OPEN = "/v5/order/realtime"
CANCEL = "/v5/order/cancel"
_SPOT = {"category": "spot", "symbol": "BTCUSDT"}
_MARKET = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "innovation": "0",
    "status": "Trading",
    "marginTrading": "both",
    "lotSizeFilter": {
        "basePrecision": "0.000001",
        "quotePrecision": "0.00000001",
        "minOrderQty": "0.000048",
        "maxOrderQty": "71.73956243",
        "minOrderAmt": "1",
        "maxOrderAmt": "4000000",
    },
    "priceFilter": {"tickSize": "0.1"},
    "riskParameters": {"limitParameter": "0.03", "marketParameter": "0.03"},
}
_SHOWN = {
    "orderId": THEIRS,
    "orderLinkId": OURS,
    "symbol": "BTCUSDT",
    "price": "50000.1",
    "qty": "0.0123",
    "side": "Buy",
    "orderStatus": "PartiallyFilled",
    "avgPrice": "50000",
    "leavesQty": "0.0100",
    "cumExecQty": "0.0023",
    "cumExecValue": "115",
    "timeInForce": "GTC",
    "orderType": "Limit",
    "triggerPrice": "0.00",
    "takeProfit": "",
    "stopLoss": "",
    "reduceOnly": False,
    "createdTime": str(NOW),
    "updatedTime": str(NOW),
    "cumFeeDetail": {"BTC": "0.0000023"},
}
_TRADE = {
    "symbol": "BTCUSDT",
    "orderType": "Limit",
    "orderLinkId": OURS,
    "side": "Buy",
    "orderId": THEIRS,
    "execTime": str(NOW),
    "feeCurrency": "BTC",
    "isMaker": False,
    "execFee": "0.0000023",
    "feeRate": "0.001",
    "execId": "2100000000007764263",
    "execPrice": "50000",
    "execQty": "0.0023",
    "execType": "Trade",
    "orderQty": "0.0123",
    "orderPrice": "50000.1",
}


def _told(result: object) -> dict[str, object]:
    return {"retCode": 0, "retMsg": "OK", "result": result, "retExtInfo": {}, "time": NOW}


def _list(*rows: object) -> dict[str, object]:
    return _told({"category": "spot", "list": list(rows), "nextPageCursor": ""})


def _refused(code: int, text: str) -> Answer:
    return Answer(body=_told({}) | {"retCode": code, "retMsg": text})


def _is_signed(came: Came) -> bool:
    told = came.target.partition("?")[2] or came.raw
    window = came.headers["X-BAPI-RECV-WINDOW"]
    said = came.headers["X-BAPI-TIMESTAMP"] + KEY + window + told
    signed = hmac.new(SECRET.encode(), said.encode(), "sha256").hexdigest()
    return (window, came.headers["X-BAPI-SIGN"]) == ("5000", signed)


def _order(time_in_force: str) -> Asked:
    body = {
        **_SPOT,
        "side": "Buy",
        "orderType": "Limit",
        "timeInForce": time_in_force,
        "orderLinkId": OURS,
        "price": "50000.1",
        "qty": "0.0123",
    }
    return Asked(method="POST", path=CREATE, body=body)


BYBIT = Exchange(
    name="bybit",
    symbol="BTC/USDT",
    client_order_id=OURS,
    venue_order_id=THEIRS,
    urls=everywhere("spot", "futures", "v2", "public", "private"),
    answers={
        "GET /v5/market/time": _told({"timeSecond": str(NOW // 1000), "timeNano": f"{NOW}000000"}),
        "GET /v5/market/instruments-info": _list(_MARKET),
        "GET /v5/account/wallet-balance": _told(
            {
                "list": [
                    {
                        "accountType": "UNIFIED",
                        "coin": [
                            {"coin": "USDT", "walletBalance": "900", "locked": "615"},
                            {"coin": "BTC", "walletBalance": "0.0023", "locked": "0"},
                        ],
                    }
                ]
            }
        ),
        "GET /v5/market/tickers": _list(
            {
                "symbol": "BTCUSDT",
                "bid1Price": "50000",
                "bid1Size": "2",
                "ask1Price": "50000.2",
                "ask1Size": "1.862172",
                "lastPrice": "50000",
            }
        ),
        "GET /v5/market/orderbook": _told(
            {"s": "BTCUSDT", "a": [["50000.2", "1.5"]], "b": [["50000", "2"]], "ts": NOW, "u": 1}
        ),
        "GET /v5/market/kline": _list(
            [str(NOW), "49900", "50100", "49800", "50000", "12.5", "1"],
            [str(NOW - HOUR), "49000", "50000", "48900", "49900", "10", "1"],
        ),
        f"POST {CREATE}": _told({"orderId": THEIRS, "orderLinkId": OURS}),
        f"GET {OPEN}": _list(_SHOWN),
        "GET /v5/order/history": _list(),
        "GET /v5/execution/list": _list(_TRADE),
        f"POST {CANCEL}": _told({"orderId": THEIRS, "orderLinkId": OURS}),
    },
    opening=[
        Asked(method="GET", path="/v5/market/time"),
        Asked(method="GET", path="/v5/market/instruments-info", query={"category": "spot"}),
        Asked(method="GET", path="/v5/account/wallet-balance", query={"accountType": "UNIFIED"}),
    ],
    sent={
        "GTC": _order("GTC"),
        "IOC": _order("IOC"),
        "FOK": _order("FOK"),
        "post-only": _order("PostOnly"),
    },
    found=Asked(method="GET", path=OPEN, query={**_SPOT, "orderLinkId": OURS}),
    searched=[
        Asked(method="GET", path=OPEN, query={**_SPOT, "limit": "50"}),
        Asked(
            method="GET",
            path="/v5/order/history",
            query={**_SPOT, "limit": "50", "startTime": "<since>"},
        ),
        Asked(
            method="GET",
            path="/v5/execution/list",
            query={**_SPOT, "limit": "50", "startTime": "<since>", "execType": "Trade"},
        ),
    ],
    of_theirs=Asked(
        method="GET",
        path="/v5/execution/list",
        query={**_SPOT, "limit": "100", "orderId": THEIRS, "execType": "Trade"},
    ),
    nothing={
        f"GET {OPEN}": Answer(body=_list()),
        "GET /v5/execution/list": Answer(body=_list()),
    },
    canceled=Asked(
        method="POST", path=CANCEL, body={**_SPOT, "orderFilter": "Order", "orderLinkId": OURS}
    ),
    canceled_by_theirs=Asked(
        method="POST", path=CANCEL, body={**_SPOT, "orderFilter": "Order", "orderId": THEIRS}
    ),
    gone=_refused(170142, "Order has been cancelled"),
    refusals={
        "duplicate": _refused(170141, "Duplicate clientOrderId"),
        "refused": _refused(170131, "Balance insufficient"),
        "in doubt": _refused(170146, "Order creation timeout"),
        "late": _refused(10002, "The request time exceeds the time window range."),
        "too many": _refused(10006, "Too many visits. Exceeded the API Rate Limit."),
    },
    key_refused=_refused(10010, "Unmatched IP, please check your API key's bound IP addresses."),
    is_signed=_is_signed,
)
