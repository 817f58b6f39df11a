"""OKX's spot market. Nobody has tried it: the shapes of requests are checked, nothing else is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from execution.errors import OrderUnknown
from execution.instruments import Offers
from execution.types import OrderType, TimeInForce
from execution.venues.quirks.ways import Kind, OlderThan, Protection, Quirks, WaitingList

MARK = "algo-"
"""Before the number of an algo order."""
_ALGO_STATES = {
    "live": "open",
    "pause": "open",
    "partially_effective": "open",
    "effective": "closed",
    "canceled": "canceled",
    "order_failed": "rejected",
}
"""ccxt's words for what an algo order is at. One that failed in part is read as nothing: the desk asks for
none that could, and the list of those that wait has none."""
_PAST = "the market is past the stop price already"
_SATOSHI = Decimal("0.00000001")


def _algo(kind: str, stop_by: str) -> Kind:
    """An algo order of the kind `conditional`, which `Place algo order` has apart from all others. ccxt
    would send it as one on margin."""
    return Kind(type=kind, id_by="algoClOrdId", stop_by=stop_by, params={"tdMode": "cash"})


KINDS = {
    OrderType.LIMIT: Kind(type="limit"),
    OrderType.STOP: _algo("market", "stopLossPrice"),
    OrderType.STOP_LIMIT: _algo("limit", "stopLossPrice"),
    OrderType.TAKE_PROFIT: _algo("market", "takeProfitPrice"),
    OrderType.TAKE_PROFIT_LIMIT: _algo("limit", "takeProfitPrice"),
    # No trailing stop: nobody says in which currency one that buys counts, and the documents both say and
    # deny that `cancel-algos` cancels one.
}


def okx_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An order at OKX: ccxt reads neither our id nor the limit of an algo order, and takes its number for
    that of the order it became."""
    told = row["info"]
    if told is None:
        raise OrderUnknown("okx shows no such order")
    if "ordId" in told and not told.keys() & {"actualSz", "ordIdList"}:
        # One that was an algo order may have a `clOrdId` that OKX made up.
        client_order_id = told.get("algoClOrdId") or told.get("clOrdId") or None
        return {**row, "id": told["ordId"], "clientOrderId": client_order_id}
    return {
        **row,
        "id": _number(told),
        "clientOrderId": told.get("algoClOrdId") or None,
        "status": _ALGO_STATES.get(told.get("state", "")),
        "amount": _amount(told),
        "filled": "0",
        "price": _limit(told),
        "triggerPrice": _touch(told),
    }


def _number(told: Mapping[str, Any]) -> str | None:
    """Its number here; None where it was not taken, which a success may say as well."""
    taken = told["algoId"] and told.get("sCode") in (None, "", "0")
    return f"{MARK}{told['algoId']}" if taken else None


def _touch(told: Mapping[str, Any]) -> str | None:
    """The price that an algo order waits for."""
    return told.get("slTriggerPx") or told.get("tpTriggerPx") or None


def _limit(told: Mapping[str, Any]) -> str | None:
    """Its limit; -1 stands for the market."""
    price = told.get("slOrdPx") or told.get("tpOrdPx")
    return None if price in (None, "", "-1") else price


def _amount(told: Mapping[str, Any]) -> str | None:
    """What it buys or sells. That of others may buy for an amount of money: then what that comes to."""
    amount, price = told.get("sz"), _touch(told)
    unit = (told.get("side"), told.get("tgtCcy"), _limit(told))
    if amount is None or price is None or unit != ("buy", "quote_ccy", None):
        return amount
    return str((Decimal(amount) / Decimal(price)).quantize(_SATOSHI))


def okx_became(row: Mapping[str, Any]) -> str | None:
    """The number of the order that a triggered algo order has become."""
    told = row["info"]
    numbers = [str(one) for one in told.get("ordIdList") or () if one]
    if told["state"] == "partially_effective" or len(numbers) > 1:
        return ""
    if not numbers:
        return "" if told["state"] == "effective" else None
    return numbers[0]


_PAGES = OlderThan(rows=100, since="begin", before="after", told=("billId", "ordId"))
OKX = Quirks(
    offers=Offers(
        types=frozenset(KINDS) | {OrderType.MARKET},
        times=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
        triggered_lock=False,  # OKX's help: nothing is frozen for one before it is touched
        post_only=True,
    ),
    kinds=KINDS,
    waiting=WaitingList(
        params={"trigger": True},
        open_by={"ordType": "conditional", "instType": "SPOT"},
        pages=_PAGES.evolve(told=("algoId",)),
        history=False,  # one list for each state; "Algo order details" tells them all
        mark=MARK,
        became=okx_became,
    ),
    mended=okx_row,
    # `clOrdId`, of an algo order `algoClOrdId`: letters and digits, up to 32, no dashes (okx.com/docs-v5,
    # "Place order", "Place algo order").
    # Orders are of the account's own money (`tdMode` is `cash`): an account in one of the margin modes that
    # asks for `cross` is refused.
    find_by="clientOrderId",  # sent as `clOrdId`
    cancel_by="clientOrderId",
    # A request's time may be 30 s from the exchange's (okx.com/docs-v5, "Making Requests"). The narrower
    # header `expTime` is of each request; ccxt has no place for it.
    receive_window=timedelta(seconds=30),
    # No document says how soon the lists show an order: a person decides on what is not found.
    page=100,
    # Newest first, a hundred at most, `after` leads to what is older ("Get order list", "Get transaction
    # details"). The history of orders goes back seven days, that of orders without any fill two hours.
    pages=_PAGES,
    protection=Protection(
        attached="a stop and a target with the entry, placed once it filled: `attachAlgoOrds`",
        one_cancels_other="a stop and a target as one order of the kind `oco`",
        reduce_only="not on spot: a sell sells what is there",
        through_ccxt="`stopLoss` and `takeProfit` of `create_order`; both `stopLossPrice` and "
        "`takeProfitPrice` make an `oco`",
        source='okx.com/docs-v5, "Place order", "Place algo order"; ccxt 4.5.90',
    ),
    duplicate_texts=frozenset(
        {
            "51011",  # order id is taken
            "51016",  # client order id is taken
            "51065",  # the same of an algo order
            "51068",
        }
    ),
    key_codes=frozenset(
        {
            "50119",  # the key does not exist
            "50120",  # it lacks a right
            "50121",  # it may not be used from this address
        }
    ),
    clock_codes=frozenset({"50102"}),
    limit_codes=frozenset(
        {
            "50011",  # of the key
            "50061",  # of orders of the account
        }
    ),
    # Of algo orders: unknown under one name or another, or touched, and another order by then.
    gone_codes=frozenset({"51291", "51293", "51412", "51416"}),
    meanings={
        "50101": "a key of the demo account does not open the real one, nor the other way round",
        "50105": "the passphrase is not the one the key was made with",
        "50110": "the key may not be used from this address",
        "50111": "the key is unknown or was deleted",
        "50113": "the secret does not belong to the key",
        "50119": "the key is unknown or was deleted",
        "50120": "the key lacks a right: it must read and trade",
        "51275": "a stop or target that takes the market may not be that large",
        "51277": _PAST,
        "51278": _PAST,
        "51279": _PAST,
        "51280": _PAST,
    },
    config={
        "has": {"fetchCurrencies": False},  # a private call of the funding account
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "createOrder": "privatePostTradeOrder",  # by itself ccxt sends a list of one
            "brokerId": None,  # its own, with each order that has no `clOrdId`, as algo orders have none
        },
    },
)
