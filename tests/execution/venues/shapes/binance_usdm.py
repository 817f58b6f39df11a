"""Binance's USD-M futures, as developers.binance.com shows them ("USDS-Margined Futures")."""

from __future__ import annotations

import hashlib
import hmac
from decimal import Decimal

from execution.instruments import MarketKind
from execution.venues.venue import Balance
from tests.execution.venues.shapes.place import (
    HOUR,
    KEY,
    NOW,
    SECRET,
    Answer,
    Asked,
    Came,
    Exchange,
)

OURS = "0123456789abcdeffedcba9876543210"
THEIRS = "283194212"
ORDER = "/fapi/v1/order"
_SIGNED = {"timestamp": "<timestamp>", "recvWindow": "5000", "signature": "<signature>"}
_SPAN = {"startTime": "<since>", "endTime": "<a week later>", "limit": "1000"}
MARKET = {
    "symbol": "BTCUSDT",
    "pair": "BTCUSDT",
    "contractType": "PERPETUAL",
    "deliveryDate": 4133404800000,
    "onboardDate": 1569398400000,
    "status": "TRADING",
    "maintMarginPercent": "2.5000",
    "requiredMarginPercent": "5.0000",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "marginAsset": "USDT",
    "pricePrecision": 2,
    "quantityPrecision": 3,
    "baseAssetPrecision": 8,
    "quotePrecision": 8,
    "underlyingType": "COIN",
    "underlyingSubType": ["PoW"],
    "triggerProtect": "0.0500",
    "liquidationFee": "0.012500",
    "marketTakeBound": "0.05",
    "filters": [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": "556.80",
            "maxPrice": "4529764",
            "tickSize": "0.10",
        },
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.001", "maxQty": "120", "stepSize": "0.001"},
        {"filterType": "MAX_NUM_ORDERS", "limit": 200},
        {"filterType": "MIN_NOTIONAL", "notional": "100"},
        {
            "filterType": "PERCENT_PRICE",
            "multiplierUp": "1.0500",
            "multiplierDown": "0.9500",
            "multiplierDecimal": "4",
        },
    ],
    "orderTypes": [
        "LIMIT",
        "MARKET",
        "STOP",
        "STOP_MARKET",
        "TAKE_PROFIT",
        "TAKE_PROFIT_MARKET",
        "TRAILING_STOP_MARKET",
    ],
    "timeInForce": ["GTC", "IOC", "FOK", "GTX", "GTD"],
}
_SHOWN = {
    "orderId": int(THEIRS),
    "symbol": "BTCUSDT",
    "status": "PARTIALLY_FILLED",
    "clientOrderId": OURS,
    "price": "50000.10",
    "avgPrice": "50000.00",
    "origQty": "0.012",
    "executedQty": "0.002",
    "cumQuote": "100.00000",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "reduceOnly": False,
    "closePosition": False,
    "side": "BUY",
    "positionSide": "BOTH",
    "stopPrice": "0",
    "workingType": "CONTRACT_PRICE",
    "priceProtect": False,
    "origType": "LIMIT",
    "priceMatch": "NONE",
    "selfTradePreventionMode": "EXPIRE_MAKER",
    "goodTillDate": 0,
    "time": NOW,
    "updateTime": NOW,
}
_PLACED = {
    name: value
    for name, value in (
        _SHOWN | {"status": "NEW", "avgPrice": "0.00", "executedQty": "0.000", "cumQuote": "0"}
    ).items()
    if name != "time"
}
_TRADE = {
    "symbol": "BTCUSDT",
    "id": 698759,
    "orderId": int(THEIRS),
    "side": "BUY",
    "price": "50000.00",
    "qty": "0.002",
    "realizedPnl": "0",
    "quoteQty": "100.00",
    "commission": "0.05",
    "commissionAsset": "USDT",
    "time": NOW,
    "positionSide": "BOTH",
    "buyer": True,
    "maker": False,
}
LONG = {
    "symbol": "BTCUSDT",
    "positionSide": "BOTH",
    "positionAmt": "0.002",
    "unrealizedProfit": "1.50000000",
    "isolatedMargin": "0",
    "notional": "101.50000000",
    "isolatedWallet": "0",
    "initialMargin": "101.50000000",
    "maintMargin": "0.40600000",
    "updateTime": NOW,
}


def asset(name: str, wallet: str, free: str, unrealized: str = "0.00000000") -> dict[str, object]:
    """One asset of the account."""
    return {
        "asset": name,
        "walletBalance": wallet,
        "unrealizedProfit": unrealized,
        "marginBalance": wallet,
        "maintMargin": "0.00000000",
        "initialMargin": "0.00000000",
        "positionInitialMargin": "0.00000000",
        "openOrderInitialMargin": "0.00000000",
        "crossWalletBalance": wallet,
        "crossUnPnl": unrealized,
        "availableBalance": free,
        "maxWithdrawAmount": free,
        "updateTime": NOW,
    }


def account(
    assets: list[dict[str, object]], positions: list[dict[str, object]]
) -> dict[str, object]:
    """`GET /fapi/v3/account`."""
    return {"totalInitialMargin": "0", "assets": assets, "positions": positions}


def _refused(code: int, text: str, status: int = 400) -> Answer:
    return Answer(body={"code": code, "msg": text}, status=status)


def _is_signed(came: Came) -> bool:
    said = came.raw or came.target.partition("?")[2]
    payload, _, signature = said.rpartition("&signature=")
    expected = hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    return came.headers["X-MBX-APIKEY"] == KEY and signature == expected


def _order(time_in_force: str, **more: str) -> Asked:
    body = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "newClientOrderId": OURS,
        "newOrderRespType": "RESULT",
        "type": "LIMIT",
        "quantity": "0.012",
        "price": "50000.1",
        "timeInForce": time_in_force,
    }
    return Asked(method="POST", path=ORDER, body=body | more | _SIGNED)


def _signed(method: str, path: str, **query: str) -> Asked:
    return Asked(method=method, path=path, query=query | _SIGNED)


_UNKNOWN = _refused(-2013, "Order does not exist.")
BINANCE_USDM = Exchange(
    name="binance",
    symbol="BTC/USDT:USDT",
    kind=MarketKind.SWAP,
    client_order_id=OURS,
    venue_order_id=THEIRS,
    urls=lambda url: {
        "fapiPublic": f"{url}/fapi/v1",
        "fapiPrivate": f"{url}/fapi/v1",
        "fapiPrivateV3": f"{url}/fapi/v3",
        "sapi": f"{url}/sapi/v1",
    },
    answers={
        "GET /fapi/v1/time": {"serverTime": NOW},
        "GET /fapi/v1/exchangeInfo": {"timezone": "UTC", "serverTime": NOW, "symbols": [MARKET]},
        "GET /fapi/v3/account": account([asset("USDT", "1000", "285")], [LONG]),
        "GET /fapi/v1/accountConfig": {
            "feeTier": 0,
            "canTrade": True,
            "dualSidePosition": False,
            "multiAssetsMargin": False,
        },
        "GET /fapi/v1/symbolConfig": [
            {
                "symbol": "BTCUSDT",
                "marginType": "CROSSED",
                "isAutoAddMargin": False,
                "leverage": 3,
                "maxNotionalValue": "1000000",
            }
        ],
        "GET /fapi/v1/ticker/bookTicker": {
            "symbol": "BTCUSDT",
            "bidPrice": "50000.00",
            "bidQty": "2",
            "askPrice": "50000.20",
            "askQty": "1.5",
            "time": NOW,
        },
        "GET /fapi/v1/depth": {
            "lastUpdateId": 1,
            "E": NOW,
            "T": NOW,
            "bids": [["50000.00", "2"]],
            "asks": [["50000.20", "1.5"]],
        },
        "GET /fapi/v1/klines": [
            [at, *prices, volume, at + HOUR - 1, "1", 1, "1", "1", "0"]
            for at, prices, volume in (
                (NOW - HOUR, ("49000", "50000", "48900", "49900"), "10"),
                (NOW, ("49900", "50100", "49800", "50000"), "12.5"),
            )
        ],
        "GET /sapi/v1/account/apiRestrictions": {
            "ipRestrict": True,
            "enableReading": True,
            "enableWithdrawals": False,
            "enableSpotAndMarginTrading": False,
            "enableFutures": True,
        },
        f"POST {ORDER}": _PLACED,
        f"GET {ORDER}": _SHOWN,
        f"DELETE {ORDER}": _SHOWN | {"status": "CANCELED"},
        "GET /fapi/v1/openOrders": [_SHOWN],
        "GET /fapi/v1/allOrders": [],
        "GET /fapi/v1/userTrades": [_TRADE],
        "GET /fapi/v1/openAlgoOrders": [],
        "GET /fapi/v1/allAlgoOrders": [],
    },
    opening=[
        Asked(method="GET", path="/fapi/v1/time"),
        Asked(method="GET", path="/fapi/v1/exchangeInfo"),
        _signed("GET", "/fapi/v3/account"),
    ],
    sent={
        "GTC": _order("GTC"),
        "IOC": _order("IOC"),
        "FOK": _order("FOK"),
        "GTD": _order("GTD", goodTillDate=str(NOW + 24 * HOUR)),
        "post-only": _order("GTX"),
    },
    found=_signed("GET", ORDER, symbol="BTCUSDT", origClientOrderId=OURS),
    searched=[
        _signed("GET", "/fapi/v1/openOrders", symbol="BTCUSDT"),
        _signed("GET", "/fapi/v1/allOrders", symbol="BTCUSDT", **_SPAN),
        _signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", **_SPAN),
        _signed("GET", "/fapi/v1/algoOrder", symbol="BTCUSDT", clientAlgoId=OURS),
        _signed("GET", "/fapi/v1/openAlgoOrders", symbol="BTCUSDT"),
        _signed("GET", "/fapi/v1/allAlgoOrders", symbol="BTCUSDT", **_SPAN),
    ],
    of_theirs=_signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", **_SPAN),
    nothing={
        f"GET {ORDER}": _UNKNOWN,
        "GET /fapi/v1/algoOrder": _UNKNOWN,
        "GET /fapi/v1/openOrders": Answer(body=[]),
        "GET /fapi/v1/userTrades": Answer(body=[]),
    },
    canceled=_signed("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId=OURS),
    canceled_by_theirs=_signed("DELETE", ORDER, symbol="BTCUSDT", orderId=THEIRS),
    gone=_refused(-2011, "Unknown order sent."),
    refusals={
        "duplicate": _refused(-4116, "ClientOrderId is duplicated."),
        "refused": _refused(-2019, "Margin is insufficient."),
        "in doubt": _refused(-1007, "Timeout waiting for response from backend server."),
        "late": _refused(-5028, "Timestamp for this request is outside of the ME recvWindow."),
    },
    key_refused=_refused(-2015, "Invalid API-key, IP, or permissions for action.", status=401),
    is_signed=_is_signed,
    balances={
        # 1000 in the wallet, less what the contracts cost: 0.002 at 50000.
        "quote": Balance(free=Decimal(285), locked=Decimal(615)),
        "base": Balance(free=Decimal(0), locked=Decimal("0.002")),
    },
    triggered=True,
    amount=Decimal("0.012"),
    fine=("0.003", "123456.7"),
)
