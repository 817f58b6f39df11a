"""Binance's USD-M futures: perpetual contracts in one-way mode. Nobody has tried a real account.

Sources: developers.binance.com, "USDS-Margined Futures"; ccxt 4.5.90. Leverage, margin mode and position
mode are read here, and set by nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from execution.instruments import Offers, Shares
from execution.types import OrderType, TimeInForce
from execution.venues.quirks.binance_usdm_account import (
    usdm_balances,
    usdm_contracts,
    usdm_funding,
)
from execution.venues.quirks.ways import (
    ContractAccount,
    Frame,
    InWindows,
    Kind,
    Protection,
    Quirks,
    Said,
    Streams,
    ToldOrder,
    ToldQuote,
    WaitingList,
    whole_seconds,
)

MARK = "algo-"
"""Before the number of an algo order."""
KINDS = {
    OrderType.LIMIT: Kind(type="limit"),
    # The others are algo orders, which ccxt names by the parameter of their price: `STOP_MARKET`, `STOP`,
    # `TAKE_PROFIT_MARKET`, `TAKE_PROFIT`, `TRAILING_STOP_MARKET`.
    OrderType.STOP: Kind(type="market", stop_by="stopLossPrice"),
    OrderType.STOP_LIMIT: Kind(type="limit", stop_by="stopLossPrice"),
    OrderType.TAKE_PROFIT: Kind(type="market", stop_by="takeProfitPrice"),
    OrderType.TAKE_PROFIT_LIMIT: Kind(type="limit", stop_by="takeProfitPrice"),
    OrderType.TRAILING_STOP: Kind(type="market", percent_by="trailingPercent"),  # `callbackRate`
}
_NAMES = {
    OrderType.LIMIT: "LIMIT",
    OrderType.MARKET: "LIMIT",  # it goes as one that may not rest
    OrderType.STOP: "STOP_MARKET",
    OrderType.STOP_LIMIT: "STOP",
    OrderType.TAKE_PROFIT: "TAKE_PROFIT_MARKET",
    OrderType.TAKE_PROFIT_LIMIT: "TAKE_PROFIT",
    OrderType.TRAILING_STOP: "TRAILING_STOP_MARKET",
}
_TENTH_OF_A_PERCENT = Decimal("0.001")


def usdm_offers(offers: Offers, market: Mapping[str, Any]) -> Offers:
    """What a market takes, by its `orderTypes` and its `timeInForce`, `GTX` among them for post-only."""
    told = market["info"]
    names, times = set(told.get("orderTypes", ())), set(told.get("timeInForce", ()))
    types = {kind for kind in offers.types if _NAMES[kind] in names}
    if "IOC" not in times:
        types.discard(OrderType.MARKET)
    trails = OrderType.TRAILING_STOP in types
    return offers.evolve(
        types=frozenset(types),
        times=frozenset(one for one in offers.times if one.value in times),
        post_only=OrderType.LIMIT in types and "GTX" in times,
        trails_by_share=offers.trails_by_share if trails else None,
    )


def usdm_row(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """An algo order by a number that no other order has."""
    number = row["info"].get("algoId")
    return row if number is None else {**row, "id": f"{MARK}{number}"}


def usdm_became(row: Mapping[str, Any]) -> str | None:
    """The number of the order that a triggered algo order has become."""
    number = row["info"].get("actualOrderId") or None
    if number is None and row["info"]["algoStatus"] in ("TRIGGERED", "FINISHED"):
        raise ValueError("it does not say which order it has become")
    return None if number is None else str(number)


def usdm_frame(frame: Frame) -> Said | None:
    """A frame of the account's stream or of one of prices."""
    event = frame.get("e")
    if event == "ORDER_TRADE_UPDATE":
        order = frame["o"]
        told = ToldOrder(
            venue_order_id=str(order["i"]), client_order_id=order["c"], market_id=order["s"]
        )
        return Said(orders=[told])
    if event == "ALGO_UPDATE":
        order = frame["o"]
        told = ToldOrder(
            venue_order_id=f"{MARK}{order['aid']}",
            client_order_id=order["caid"],
            market_id=order["s"],
        )
        return Said(orders=[told])
    if event == "bookTicker":
        return Said(quotes=[ToldQuote(market_id=frame["s"], bid=frame["b"], ask=frame["a"])])
    if event is not None:
        return Said(ends=event == "listenKeyExpired")
    if "error" in frame:
        return Said(refusal=frame["error"], status=frame.get("status", 400))
    return None


KEEPS = timedelta(minutes=30)
"""How often the key of the account's stream is asked for anew, which prolongs it; it would end after an hour."""


async def usdm_orders(ccxt: Any) -> object:
    """Hear of the account's orders. Their address is a key, the same for whoever asks, so none gives it up.

    ccxt's own way leaves a timer behind that outlives the connection.
    """
    key = (await ccxt.fapiPrivatePostListenKey())["listenKey"]
    heard = ccxt.watch(ccxt.get_private_ws_url("linear", key), "orders", None, "linear")
    over = asyncio.ensure_future(heard)
    while not over.done():
        await asyncio.wait([over], timeout=KEEPS.total_seconds())
        if not over.done() and (await ccxt.fapiPrivatePostListenKey())["listenKey"] != key:
            raise ValueError("the key has ended")
    return over.result()


BINANCE_USDM = Quirks(
    offers=Offers(
        types=frozenset(OrderType),
        times=frozenset(TimeInForce),
        post_only_times=frozenset({TimeInForce.GTC}),  # `GTX`, a time in force of its own
        trails_by_share=Shares(
            least=_TENTH_OF_A_PERCENT, most=Decimal("0.1"), step=_TENTH_OF_A_PERCENT
        ),
    ),
    narrowed=usdm_offers,
    kinds=KINDS,
    waiting=WaitingList(params={"trigger": True}, mark=MARK, became=usdm_became),
    mended=usdm_row,
    find_by="clientOrderId",
    cancel_by="clientOrderId",
    good_till_by="goodTillDate",
    good_till_as=whole_seconds,
    reduce_only_by="reduceOnly",
    receive_window=timedelta(seconds=5),
    visibility_grace=timedelta(seconds=30),  # nobody has measured it: three times that of spot
    forgets=timedelta(days=3),  # "Query Order", "Query Algo Order"
    # Orders go back 90 days, a week at a time; trades six months. Those of one order ccxt does not ask for.
    pages=InWindows(
        rows=1000,
        until="until",
        window=timedelta(days=7) - timedelta(seconds=1),
        reaches=timedelta(days=89),
    ),
    protection=Protection(
        attached="none",
        one_cancels_other="none",
        reduce_only="`reduceOnly` of any order; `closePosition` of a stop or a target",
        through_ccxt="`reduceOnly`, `closePosition`",
        source='"New Order", "New Algo Order"',
    ),
    duplicate_texts=frozenset({"Duplicate order sent", "-4116", "-20132"}),
    # ccxt goes by the address to know these, and another one may be set.
    definite_codes=frozenset(
        {
            "-1005",  # this address
            "-1011",
            "-1109",  # the account
            "-1122",  # the market does not trade
            "-1126",
            "-2007",  # the trailing distance
            "-2016",  # no trading now
            "-2017",  # keys are locked
            "-2018",  # balance
            "-2019",  # margin
            "-2020",  # cannot be filled
            "-2021",  # would trigger at once
            "-2022",  # reduce-only
            "-2023",  # the account is being liquidated
            "-2024",  # the position is not large enough
            "-2025",  # too many open orders
            "-2026",  # not together with reduce-only
            "-2027",  # the largest position at this leverage
            "-2028",  # leverage is too small for what is in the wallet
            "-4045",  # too many stops
            "-4087",  # only orders that reduce
            "-4088",  # no orders at all
            "-4118",  # reduce-only
            "-4120",  # of the other list
            "-4131",  # too far from the mark price
            "-4140",
            "-4141",  # the market is closed
            "-4144",
            "-4164",  # worth too little
            "-4183",  # the stop price is too far away
            "-4184",
            "-4192",  # cooling off
            "-4210",
            "-4211",
            "-4400",
            "-4401",
            "-4402",
            "-4403",
            "-5021",  # fill or kill
            "-5022",  # post-only
            "-5040",  # an end too near
        }
    ),
    gone_codes=frozenset({"-20124"}),  # of an algo order that has become another
    key_codes=frozenset({"-1022", "-1099", "-2008", "-2014", "-2015"}),  # as on spot
    clock_codes=frozenset({"-1021", "-5028"}),  # on receipt, and before the matching engine
    meanings={
        "-2015": "the key is unknown, may not be used from this address, or may not trade futures",
        "-2007": "the trailing distance is not one this market takes",
        "-2021": "the market is past the stop price already",
        "-2022": "there is no position left that it could reduce, or other orders already would",
        "-2027": "the position would be larger than the leverage of this market allows",
        "-4045": "too many stops and targets rest in this market already",
        "-4061": "the account is in hedge mode, and only one-way mode is traded",
        "-4118": "there is no position left that it could reduce, or other orders already would",
        "-4131": "there is nothing on the other side near the mark price",
        "-4164": "it is worth less than this market takes",
        "-5040": "it has to end at least ten minutes from now",
    },
    streams=Streams(
        read=usdm_frame,
        orders_by=usdm_orders,
        stands_when_connected=True,
        quotes_by="watch_bids_asks",  # `<symbol>@bookTicker`
        quotes_end_by="un_watch_bids_asks",
        config={
            "rateLimiterAlgorithm": "leakyBucket",  # ten messages a second, or the socket is closed
            "options": {
                "streamLimits": {"linear": 1},  # as on spot
                "subscriptionLimitByStream": {"linear": 1_000_000},
            },
        },
    ),
    account=ContractAccount(balances=usdm_balances, contracts=usdm_contracts, funding=usdm_funding),
    sandbox_is_demo=True,
    config={
        "rateLimiterAlgorithm": "rollingWindow",
        "rateLimit": 27,  # milliseconds for a weight of one: ccxt's 50 leaves half of the 2400 a minute
        "has": {"fetchCurrencies": False},
        "options": {
            "defaultType": "swap",
            "fetchMarkets": {"types": ["linear"]},
            "fetchMargins": False,
            "fetchCurrencies": False,
            "recvWindow": 5000,
            "fetchOpenOrders": {"warnWithoutSymbol": False},
        },
    },
)
