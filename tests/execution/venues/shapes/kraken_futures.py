"""Kraken Futures, as docs.kraken.com shows it ("Kraken Futures Trading API", "History")."""

from __future__ import annotations

import base64
import hashlib
import hmac
from decimal import Decimal

from execution.instruments import MarketKind
from execution.venues.venue import Balance
from tests.execution.venues.shapes.place import (
    AT,
    HOUR,
    KEY,
    NOW,
    SECRET,
    Answer,
    Asked,
    Came,
    Exchange,
)

OURS = "01234567-89ab-cdef-fedc-ba9876543210"
THEIRS = "c8a35168-8d52-4609-944f-3f32bb0d5c77"
_SECRET = base64.b64encode(SECRET.encode()).decode()
_PATH, _HISTORY = "/derivatives/api/v3", "/api/history/v3"
_AT = AT.strftime("%Y-%m-%dT%H:%M:%S.000Z")
_MARKET = {
    "symbol": "PF_ETHUSD",
    "type": "flexible_futures",
    "tickSize": 0.1,
    "contractSize": 1,
    "tradeable": True,
    "impactMidSize": 1,
    "maxPositionSize": 1000000,
    "openingDate": "2022-03-22T13:18:45.000Z",
    "marginLevels": [
        {"numNonContractUnits": 0, "initialMargin": 0.02, "maintenanceMargin": 0.01},
        {"numNonContractUnits": 1500000, "initialMargin": 0.04, "maintenanceMargin": 0.02},
    ],
    "fundingRateCoefficient": 24,
    "maxRelativeFundingRate": 0.0025,
    "isin": "GB00JVMLP260",
    "contractValueTradePrecision": 5,
    "postOnly": False,
    "feeScheduleUid": "eef90775-995b-4596-9257-0917f6134766",
    "mtf": True,
    "base": "ETH",
    "quote": "USD",
    "pair": "ETH:USD",
    "category": "Layer 1",
    "tags": [],
}
_TICKER = {
    "symbol": "PF_ETHUSD",
    "last": 50000,
    "lastTime": _AT,
    "lastSize": 1.5,
    "tag": "perpetual",
    "pair": "ETH:USD",
    "markPrice": 50000.1,
    "bid": 50000,
    "bidSize": 2,
    "ask": 50000.2,
    "askSize": 1.5,
    "vol24h": 1000,
    "volumeQuote": 50000000,
    "openInterest": 100,
    "open24h": 49000,
    "high24h": 50100,
    "low24h": 48900,
    "fundingRate": 0.61,
    "fundingRatePrediction": 0.55,
    "suspended": False,
    "indexPrice": 50000,
    "postOnly": False,
    "change24h": 2.04,
}
_OPEN = {
    "order_id": THEIRS,
    "cliOrdId": OURS,
    "symbol": "PF_ETHUSD",
    "side": "buy",
    "orderType": "lmt",
    "limitPrice": 50000.1,
    "unfilledSize": 0.01,
    "filledSize": 0.0023,
    "receivedTime": _AT,
    "lastUpdateTime": _AT,
    "status": "partiallyFilled",
    "reduceOnly": False,
}
_SHOWN = {
    "orderId": THEIRS,
    "cliOrdId": OURS,
    "type": "ORDER",
    "symbol": "PF_ETHUSD",
    "side": "buy",
    "quantity": 0.01,  # what is left
    "filled": 0.0023,
    "limitPrice": 50000.1,
    "reduceOnly": False,
    "timestamp": _AT,
    "lastUpdateTimestamp": _AT,
}
_EXECUTION = {
    "uid": "7a9b5e2c-56b0-4a4a-8a25-7c0c6f9d1f11",
    "order": {
        "uid": THEIRS,
        "accountUid": "f7d5571c-6d10-4cf1-944a-048d25682ed0",
        "tradeable": "PF_ETHUSD",
        "direction": "Buy",
        "quantity": "0.01",
        "filled": "0.0023",
        "timestamp": NOW,
        "limitPrice": "50000.1",
        "orderType": "Limit",
        "clientId": OURS,
        "reduceOnly": False,
        "lastUpdateTimestamp": NOW,
    },
    "timestamp": NOW,
    "quantity": "0.0023",
    "price": "50000",
    "markPrice": "50000.1",
    "limitFilled": False,
    "executionType": "taker",
    "usdValue": "115",
    "orderData": {
        "positionSize": "0.0023",
        "fee": "0.0575",
        "feeCalculationInfo": {"percentageFee": "0.05"},
        "realizedPnl": "0",
    },
    "oldTakerOrder": None,
}
_FLEX = {
    "type": "multiCollateralMarginAccount",
    "currencies": {
        "USD": {"quantity": 1015, "value": 1015, "collateral": 1015, "available": 285},
    },
    "initialMargin": 115,
    "initialMarginWithOrders": 730,
    "maintenanceMargin": 57.5,
    "balanceValue": 1015,
    "portfolioValue": 1015,
    "collateralValue": 1015,
    "pnl": 0,
    "unrealizedFunding": 0,
    "totalUnrealized": 0,
    "totalUnrealizedAsMargin": 0,
    "availableMargin": 285,
    "marginEquity": 1015,
}
_LONG = {
    "side": "long",
    "symbol": "PF_ETHUSD",
    "price": 50000,
    "fillTime": _AT,
    "size": 0.0023,
    "unrealizedFunding": 0,
    "pnlCurrency": "USD",
}


def _done(**told: object) -> dict[str, object]:
    return {"result": "success", "serverTime": _AT, **told}


def _error(text: str) -> Answer:
    return Answer(body={"result": "error", "error": text, "serverTime": _AT})


def _not_placed(status: str) -> Answer:
    return Answer(body=_done(sendStatus={"status": status, "orderEvents": [], "receivedTime": _AT}))


def _canceled(status: str, *events: object) -> dict[str, object]:
    told = {"status": status, "order_id": THEIRS, "receivedTime": _AT, "orderEvents": [*events]}
    return _done(cancelStatus=told)


def _events(*elements: object) -> dict[str, object]:
    account = "f7d5571c-6d10-4cf1-944a-048d25682ed0"
    return {"accountUid": account, "len": len(elements), "elements": [*elements]}


def _is_signed(came: Came) -> bool:
    path, _, query = came.target.partition("?")
    message = hashlib.sha256((query + path.removeprefix("/derivatives")).encode()).digest()
    expected = hmac.new(SECRET.encode(), message, hashlib.sha512).digest()
    signature = came.headers["Authent"] == base64.b64encode(expected).decode()
    return came.headers["APIKey"] == KEY and signature and not came.raw


def _get(path: str) -> Asked:
    return Asked(method="GET", path=path)


def _post(name: str, **query: str) -> Asked:
    return Asked(method="POST", path=f"{_PATH}/{name}", query=query)


def _past(of: str) -> Asked:
    asked = {"sort": "asc", "count": "1000", "tradeable": "PF_ETHUSD", "since": "<since>"}
    return Asked(method="GET", path=f"{_HISTORY}/{of}", query=asked)


def _order(kind: str) -> Asked:
    return _post(
        "sendorder",
        symbol="PF_ETHUSD",
        side="buy",
        size="0.0123",
        orderType=kind,
        limitPrice="50000.1",
        cliOrdId=OURS,
        processBefore="<processBefore>",
    )


KRAKEN_FUTURES = Exchange(
    name="kraken",
    symbol="ETH/USD:USD",
    kind=MarketKind.SWAP,
    client_order_id=OURS,
    venue_order_id=THEIRS,
    urls=lambda url: {
        **dict.fromkeys(("public", "private"), f"{url}/derivatives/api/"),
        **{name: f"{url}/api/{name}/" for name in ("charts", "history", "auth")},
    },
    answers={
        f"GET {_PATH}/tickers/PF_XBTUSD": _done(ticker=_TICKER | {"symbol": "PF_XBTUSD"}),
        f"GET {_PATH}/tickers/PF_ETHUSD": _done(ticker=_TICKER),
        f"GET {_PATH}/tickers": _done(tickers=[_TICKER]),
        f"GET {_PATH}/instruments": _done(instruments=[_MARKET]),
        f"GET {_PATH}/accounts": _done(accounts={"flex": _FLEX}),
        f"GET {_PATH}/openpositions": _done(openPositions=[_LONG]),
        f"GET {_PATH}/leveragepreferences": _done(
            leveragePreferences=[{"symbol": "PF_ETHUSD", "maxLeverage": 1.0}]
        ),
        f"GET {_PATH}/orderbook": _done(orderBook={"bids": [[50000, 2]], "asks": [[50000.2, 1.5]]}),
        "GET /api/charts/v1/trade/PF_ETHUSD/1h": {
            "candles": [
                {"time": at, "open": first, "high": high, "low": low, "close": last}
                | {"volume": volume}
                for at, (first, high, low, last), volume in (
                    (NOW - HOUR, ("49000", "50000", "48900", "49900"), "10"),
                    (NOW, ("49900", "50100", "49800", "50000"), "12.5"),
                )
            ],
            "more_candles": False,
        },
        "GET /api/auth/v1/api-keys/v3/check": {
            "permissions": {"general": "FULL_ACCESS", "transfer": "NO_ACCESS"},
            "allowedCidrBlocks": ["127.0.0.1/32"],
        },
        f"POST {_PATH}/sendorder": _done(
            sendStatus={
                "status": "placed",
                "order_id": THEIRS,
                "cliOrdId": OURS,
                "receivedTime": _AT,
                "orderEvents": [
                    {
                        "type": "PLACE",
                        "order": _SHOWN | {"type": "lmt", "quantity": 0.0123, "filled": 0},
                        "reducedQuantity": None,
                    }
                ],
            }
        ),
        f"POST {_PATH}/orders/status": _done(
            orders=[
                {
                    "order": _SHOWN,
                    "status": "ENTERED_BOOK",
                    "updateReason": "PARTIAL_FILL",
                    "error": None,
                }
            ]
        ),
        f"POST {_PATH}/cancelorder": _canceled(
            "cancelled", {"type": "CANCEL", "uid": THEIRS, "order": _SHOWN | {"type": "lmt"}}
        ),
        f"GET {_PATH}/openorders": _done(openOrders=[_OPEN]),
        f"GET {_HISTORY}/triggers": _events(),
        f"GET {_HISTORY}/orders": _events(),
        f"GET {_HISTORY}/executions": _events(
            {
                "uid": "b5ac2f8b-1a9c-46c9-9f4a-3a4a2a6d6c01",
                "timestamp": NOW,
                "event": {"Execution": {"execution": _EXECUTION, "takerReducedQuantity": ""}},
            }
        ),
    },
    opening=[
        _get(f"{_PATH}/tickers/PF_XBTUSD"),
        _get(f"{_PATH}/instruments"),
        _get(f"{_PATH}/accounts"),
    ],
    sent={
        "GTC": _order("lmt"),
        "IOC": _order("ioc"),
        "FOK": _order("fok"),
        "post-only": _order("post"),
    },
    found=_post("orders/status", cliOrdIds=OURS),
    searched=[
        _get(f"{_PATH}/openorders"),
        _past("triggers"),
        _past("orders"),
        _past("executions"),
    ],
    of_theirs=_past("executions"),
    nothing={
        f"POST {_PATH}/orders/status": Answer(body=_done(orders=[])),
        f"GET {_PATH}/openorders": Answer(body=_done(openOrders=[])),
        f"GET {_HISTORY}/executions": Answer(body=_events()),
    },
    canceled=_post("cancelorder", cliOrdId=OURS),
    canceled_by_theirs=_post("cancelorder", order_id=THEIRS),
    gone=Answer(body=_canceled("notFound")),
    refusals={
        "duplicate": _not_placed("clientOrderIdAlreadyExist"),
        "refused": _not_placed("insufficientAvailableFunds"),
        "in doubt": _error("Server Error"),
        "late": _not_placed("wouldProcessAfterSpecifiedTime"),
        "too many": _error("apiLimitExceeded"),
    },
    key_refused=_error("authenticationError"),
    is_signed=_is_signed,
    balances={
        # 1015 in the wallet, less what the contracts cost: 0.0023 at 50000.
        "quote": Balance(free=Decimal(285), locked=Decimal(615)),
        "base": Balance(free=Decimal(0), locked=Decimal("0.0023")),
    },
    triggered=True,
    credentials={"api_key": KEY, "secret": _SECRET},
)
