"""Kraken Futures: perpetual contracts of the multi-collateral wallet. Nobody has tried a real account.

Sources: docs.kraken.com, "Kraken Futures Trading API" and "History"; ccxt 4.5.90. Leverage is read here, and
set by nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from execution.instruments import Offers, Shares
from execution.rounding import plain
from execution.types import OrderType, TimeInForce
from execution.venues.quirks.kraken_futures_account import (
    futures_balances,
    futures_contracts,
    futures_funding,
)
from execution.venues.quirks.kraken_futures_orders import KrakenFuturesOrders
from execution.venues.quirks.ways import (
    ContractAccount,
    Frame,
    Kind,
    Protection,
    Quirks,
    Said,
    Streams,
    ToldOrder,
    ToldQuote,
    dashed,
)

_LAST = {"triggerSignal": "last"}
"""The last trade's price touches a stop, not the mark price or an index: said, so that it stays so."""
_TENTH_OF_A_PERCENT = Decimal("0.001")
_KEY_CHECK = "api-keys/v3/check"
_NOT_SUBSCRIBED = "Failed to subscribe to authenticated feed"
_SUBSCRIBED_ALREADY = "Already subscribed to feed, re-requesting"


def futures_offers(offers: Offers, market: Mapping[str, Any]) -> Offers:
    """What a market takes: while it is open for orders that rest, nothing but those."""
    if not market["info"].get("postOnly"):
        return offers
    resting = offers.types - {OrderType.MARKET}
    return offers.evolve(types=resting, times=frozenset({TimeInForce.GTC}))


def futures_frame(frame: Frame) -> Said | None:
    """A frame of its WebSocket interface. What fills at once is told by `fills` alone."""
    event, feed = frame.get("event"), frame.get("feed")
    if frame.get("message") == _SUBSCRIBED_ALREADY:
        return None
    if event in ("alert", "error") or str(event).endswith("_failed"):
        return Said(refusal={"error": str(frame.get("message") or event)})
    if event is not None:
        stands = event == "subscribed" and feed == "fills"  # what is asked for last
        return Said(stands=True) if stands else None
    if feed == "open_orders_verbose":
        return Said(orders=[_told({**frame, **frame.get("order", {})})])
    if feed == "fills":
        return Said(orders=[_told(one) for one in frame["fills"]])
    if feed == "ticker_lite":
        best = frame.get("bid"), frame.get("ask")
        if not all(best):  # a market may have one side alone
            return Said()
        bid, ask = map(str, best)
        return Said(quotes=[ToldQuote(market_id=frame["product_id"], bid=bid, ask=ask)])
    return Said()


def _told(order: Frame) -> ToldOrder:
    return ToldOrder(
        venue_order_id=order["order_id"],
        client_order_id=order.get("cli_ord_id"),
        market_id=order.get("instrument"),
    )


async def futures_orders(ccxt: Any) -> object:
    """Hear of the account's orders, and of its fills."""
    await ccxt.authenticate()
    feeds = ("open_orders_verbose", "fills")
    return await asyncio.gather(*(ccxt.subscribe_private(one, one) for one in feeds))


def futures_heartbeats(ccxt: Any) -> Awaitable[object]:
    """Have it say now and then that it lives; no answer comes but these."""
    asked = {"event": "subscribe", "feed": "heartbeat"}
    answer: Awaitable[object] = ccxt.watch(ccxt.urls["api"]["ws"], "heartbeat", asked, "heartbeat")
    return answer


KRAKEN_FUTURES = Quirks(
    mixed_in=KrakenFuturesOrders,
    client_order_id=dashed,  # `cliOrdId`, unique for good
    find_by="cliOrdIds",
    cancel_by="cliOrdId",
    # `processBefore`: after it the order is refused.
    receive_window=timedelta(seconds=5),
    deadline_by="processBefore",
    number=plain,
    page=1_000_000,  # `mixed_in` reads each list to its end: no page is ever full
    offers=Offers(
        types=frozenset(OrderType),
        times=frozenset({TimeInForce.GTC, TimeInForce.IOC, TimeInForce.FOK}),
        post_only_times=frozenset({TimeInForce.GTC}),
        # From 0.1 % to 50 %; with how many decimals is not said.
        trails_by_share=Shares(
            least=_TENTH_OF_A_PERCENT, most=Decimal("0.5"), step=_TENTH_OF_A_PERCENT
        ),
        trails_by_distance=True,
    ),
    narrowed=futures_offers,
    kinds={
        OrderType.LIMIT: Kind(type="limit"),
        OrderType.STOP: Kind(type="stp", stop_by="stopPrice", params=_LAST),
        OrderType.STOP_LIMIT: Kind(type="stp", stop_by="stopPrice", params=_LAST),
        # ccxt takes each order with a stop price for a stop, unless its type is told once more.
        OrderType.TAKE_PROFIT: Kind(
            type="take_profit", stop_by="stopPrice", params={**_LAST, "orderType": "take_profit"}
        ),
        OrderType.TAKE_PROFIT_LIMIT: Kind(
            type="take_profit", stop_by="stopPrice", params={**_LAST, "orderType": "take_profit"}
        ),
        OrderType.TRAILING_STOP: Kind(
            type="trailing_stop",
            percent_by="trailingPercent",
            distance_by="trailingAmount",
            params=_LAST,
        ),
    },
    reduce_only_by="reduceOnly",
    protection=Protection(
        attached="none",
        one_cancels_other="none",
        reduce_only="`reduceOnly` of any order",
        through_ccxt="`reduceOnly`; by `stopLossPrice` and `takeProfitPrice` always",
        source='"Send order"',
    ),
    duplicate_texts=frozenset({"clientOrderIdAlreadyExist"}),
    # The first are states of an order that was not placed, the last refuse the request.
    definite_codes=frozenset(
        {
            "clientOrderIdInvalid",
            "clientOrderIdTooBig",
            "clientOrderIdTooLong",
            "fixedLeverageTooHigh",
            "insufficientAvailableFunds",
            "invalidOrderType",
            "invalidPrice",
            "invalidSide",
            "invalidSize",
            "iocWouldNotExecute",
            "marketInactive",
            "marketIsPostOnly",
            "marketSuspended",
            "maxPositionViolation",
            "outsidePriceCollar",
            "postWouldExecute",
            "selfFill",
            "tooManyOrders",
            "tooManySmallOrders",
            "wouldCauseLiquidation",
            "wouldIncreasePriceDislocation",
            "wouldNotReducePosition",
            "marketUnavailable",
            "requiredArgumentMissing",
        }
    ),
    doubtful_codes=frozenset({"notFound"}),
    key_codes=frozenset({"accountInactive", "authenticationError", _NOT_SUBSCRIBED}),
    clock_codes=frozenset({"wouldProcessAfterSpecifiedTime"}),
    limit_codes=frozenset({"apiLimitExceeded"}),
    meanings={
        "accountInactive": "the key belongs to an account that never had money in its futures wallet",
        "authenticationError": "the key is unknown, was revoked, may not be used from this address, or its "
        "secret is wrong",
        _NOT_SUBSCRIBED: "the key is unknown, or its secret is wrong",
        "clientOrderIdInvalid": "our id of it is not as the exchange wants one",
        "fixedLeverageTooHigh": "so large a position may not have the leverage this market is set to",
        "insufficientAvailableFunds": "there is not enough margin left for it",
        "iocWouldNotExecute": "nobody trades at its price now",
        "marketInactive": "the market is not trading",
        "marketIsPostOnly": "the market takes only orders that rest now",
        "marketSuspended": "the market is suspended",
        "maxPositionViolation": "the position would be larger than this market allows",
        "outsidePriceCollar": "its price is too far from the mark price",
        "postWouldExecute": "it would have been filled at once",
        "selfFill": "it would trade with another order of this account",
        "tooManyOrders": "too many orders rest already",
        "tooManySmallOrders": "too many small orders rest already",
        "wouldCauseLiquidation": "at this price the account could be liquidated",
        "wouldIncreasePriceDislocation": "the price is too far from the index for orders that take it further",
        "wouldNotReducePosition": "there is no position left that it could reduce, or other orders already would",
    },
    # 500 in ten seconds; orders and cancels are counted and wait for nothing.
    most_at_once=500,
    streams=Streams(
        read=futures_frame,
        orders_by=futures_orders,
        quotes_by="watch_bids_asks",  # `ticker_lite`
        kept_open_by=futures_heartbeats,
    ),
    account=ContractAccount(
        balances=futures_balances, contracts=futures_contracts, funding=futures_funding
    ),
    ends_on=date(2027, 3, 1),  # docs.kraken.com/exchange/api-reference/futures-rest
    config={
        "rateLimit": 20,
        "has": {"fetchTime": True},
        "urls": {
            "api": {"auth": "https://futures.kraken.com/api/auth/"},
            "test": None,  # the demo environment that ccxt has was switched off in July 2026
        },
        "options": {
            "versions": {
                "auth": {"GET": {_KEY_CHECK: "v1"}},
                "history": {"GET": dict.fromkeys(("orders", "executions", "triggers"), "v3")},
            },
            "access": {"auth": {"GET": {_KEY_CHECK: "private"}}},
        },
    },
)
