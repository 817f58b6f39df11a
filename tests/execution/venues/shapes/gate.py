"""Gate, as gateio/gateapi-python (2025-07-31, `docs/SpotApi.md`) shows it."""

from __future__ import annotations

import hashlib
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
)

OURS = "t-aerukz4jvpg677w4xkmhmvbsca"
THEIRS = "12332324"
SPOT = "/api/v4/spot"
_PAIR = {"currency_pair": "BTC_USDT"}
_OF_PAIR = {**_PAIR, "account": "spot"}
_MARKET = {
    "id": "BTC_USDT",
    "base": "BTC",
    "base_name": "Bitcoin",
    "quote": "USDT",
    "quote_name": "Tether",
    "fee": "0.2",
    "min_base_amount": "0.00001",
    "min_quote_amount": "3",
    "max_quote_amount": "5000000",
    "amount_precision": 6,
    "precision": 1,
    "trade_status": "tradable",
    "sell_start": 0,
    "buy_start": 0,
    "type": "normal",
}
_SHOWN = {
    "id": THEIRS,
    "text": OURS,
    "amend_text": "-",
    "create_time": str(NOW // 1000),
    "update_time": str(NOW // 1000),
    "create_time_ms": NOW,
    "update_time_ms": NOW,
    "status": "open",
    "currency_pair": "BTC_USDT",
    "type": "limit",
    "account": "spot",
    "side": "buy",
    "amount": "0.0123",
    "price": "50000.1",
    "time_in_force": "gtc",
    "iceberg": "0",
    "left": "0.01",
    "filled_amount": "0.0023",
    "filled_total": "115",
    "avg_deal_price": "50000",
    "fee": "0.0000023",
    "fee_currency": "BTC",
    "finish_as": "open",
}
_TAKEN = _SHOWN | {
    "left": "0.0123",
    "filled_amount": "0",
    "filled_total": "0",
    "avg_deal_price": "",
    "fee": "0",
}
_TRADE = {
    "id": "1232893232",
    "create_time": str(NOW // 1000),
    "create_time_ms": f"{NOW}.000000",
    "currency_pair": "BTC_USDT",
    "order_id": THEIRS,
    "side": "buy",
    "role": "taker",
    "amount": "0.0023",
    "price": "50000",
    "fee": "0.0000023",
    "fee_currency": "BTC",
    "point_fee": "0",
    "gt_fee": "0",
    "sequence_id": "588018",
    "text": OURS,
}


def _refused(label: str, text: str, *, status: int = 400) -> Answer:
    return Answer(body={"label": label, "message": text}, status=status)


def _is_signed(came: Came) -> bool:
    query = came.target.partition("?")[2]
    hashed = hashlib.sha512(came.raw.encode()).hexdigest()
    told = [came.asked.method, came.asked.path, query, hashed, came.headers["Timestamp"]]
    signed = hmac.new(SECRET.encode(), "\n".join(told).encode(), "sha512").hexdigest()
    return (came.headers["KEY"], came.headers["SIGN"]) == (KEY, signed)


def _order(time_in_force: str) -> Asked:
    body = {
        **_OF_PAIR,
        "type": "limit",
        "side": "buy",
        "amount": "0.0123",
        "price": "50000.1",
        "time_in_force": time_in_force,
        "text": OURS,
    }
    return Asked(method="POST", path=f"{SPOT}/orders", body=body)


def _urls(url: str) -> dict[str, dict[str, str]]:
    public = dict.fromkeys(("spot", "margin", "wallet"), f"{url}/api/v4")
    private = dict.fromkeys(("spot", "margin", "wallet", "unified", "account"), f"{url}/api/v4")
    return {"public": public, "private": private}


GATE = Exchange(
    name="gate",
    symbol="BTC/USDT",
    client_order_id=OURS,
    venue_order_id=THEIRS,
    urls=_urls,
    answers={
        f"GET {SPOT}/time": {"server_time": NOW},
        f"GET {SPOT}/currency_pairs": [_MARKET],
        "GET /api/v4/margin/currency_pairs": [],
        f"GET {SPOT}/accounts": [
            {"currency": "USDT", "available": "285", "locked": "615", "update_id": 98},
            {"currency": "BTC", "available": "0.0023", "locked": "0", "update_id": 99},
        ],
        f"GET {SPOT}/tickers": [
            {
                "currency_pair": "BTC_USDT",
                "last": "50000",
                "lowest_ask": "50000.2",
                "highest_bid": "50000",
            }
        ],
        f"GET {SPOT}/order_book": {
            "id": 1,
            "current": NOW,
            "update": NOW,
            "asks": [["50000.2", "1.5"]],
            "bids": [["50000", "2"]],
        },
        f"GET {SPOT}/candlesticks": [
            [str((NOW - HOUR) // 1000), "1", "49900", "50000", "48900", "49000", "10", "true"],
            [str(NOW // 1000), "1", "50000", "50100", "49800", "49900", "12.5", "false"],
        ],
        f"POST {SPOT}/orders": _TAKEN,
        f"GET {SPOT}/orders/{OURS}": _SHOWN,
        f"GET {SPOT}/orders/{THEIRS}": _SHOWN,
        f"GET {SPOT}/open_orders": [{"currency_pair": "BTC_USDT", "total": 1, "orders": [_SHOWN]}],
        f"GET {SPOT}/orders": [],
        f"GET {SPOT}/my_trades": [_TRADE],
        f"DELETE {SPOT}/orders/{OURS}": _SHOWN | {"status": "cancelled"},
        f"DELETE {SPOT}/orders/{THEIRS}": _SHOWN | {"status": "cancelled"},
    },
    opening=[
        Asked(method="GET", path=f"{SPOT}/time"),
        Asked(method="GET", path=f"{SPOT}/currency_pairs"),
        # Of margin trading, and open to everybody: ccxt marks the pairs that have it.
        Asked(method="GET", path="/api/v4/margin/currency_pairs"),
        Asked(method="GET", path=f"{SPOT}/accounts"),
    ],
    sent={
        "GTC": _order("gtc"),
        "IOC": _order("ioc"),
        "FOK": _order("fok"),
        "post-only": _order("poc"),
    },
    found=Asked(method="GET", path=f"{SPOT}/orders/{OURS}", query=_OF_PAIR),
    searched=[
        Asked(
            method="GET",
            path=f"{SPOT}/open_orders",
            query={**_OF_PAIR, "status": "open", "limit": "100"},
        ),
        Asked(
            method="GET",
            path=f"{SPOT}/orders",
            query={**_OF_PAIR, "status": "finished", "limit": "100", "from": "<since, seconds>"},
        ),
        Asked(
            method="GET",
            path=f"{SPOT}/my_trades",
            query={**_OF_PAIR, "limit": "100", "from": "<since, seconds>"},
        ),
    ],
    of_theirs=Asked(
        method="GET",
        path=f"{SPOT}/my_trades",
        query={**_OF_PAIR, "limit": "100", "order_id": THEIRS},
    ),
    nothing={
        f"GET {SPOT}/orders/{OURS}": _refused("ORDER_NOT_FOUND", "Order not found", status=404),
        f"GET {SPOT}/open_orders": Answer(body=[]),
        f"GET {SPOT}/my_trades": Answer(body=[]),
    },
    canceled=Asked(method="DELETE", path=f"{SPOT}/orders/{OURS}", query=_OF_PAIR),
    canceled_by_theirs=Asked(method="DELETE", path=f"{SPOT}/orders/{THEIRS}", query=_OF_PAIR),
    gone=_refused("ORDER_CANCELLED", "Order has been cancelled"),
    refusals={
        "duplicate": _refused("REPEATED_CREATION", "Order with same text exists"),
        "refused": _refused("BALANCE_NOT_ENOUGH", "Not enough balance"),
        "in doubt": _refused("CREATE_FAILED", "nobody has heard of this label"),
        "late": _refused("REQUEST_EXPIRED", "gap between request Timestamp and server time"),
        "too many": _refused("TOO_FAST", "Too many orders"),
    },
    key_refused=_refused("INVALID_KEY", "Invalid key provided", status=401),
    is_signed=_is_signed,
)
